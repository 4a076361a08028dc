//! Reading what the page needs of a recovery, kind by kind.

use super::pictures::{Pictures, in_painted, separated};
use super::{PictureOptions, RecoveryView};
use crate::figure::number::{count, duration, percent, short};
use crate::run_dir::Record;
use crate::{
    DeepSparseManifest, DeepSparseRecord, InstanceRecord, Proof, RecoverKind, RecoverManifest, RecoverRecord, RobustPcaManifest, RobustPcaRecord,
    RunDir,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use thalweg::Error;
use thalweg::data::{Array, read_npz};
use thalweg::linalg::{singular_values, thin_svd};
use thalweg::problem::{Domain, Norm, RecoveryStatus};

/// The part of every manifest that tells which it is.
#[derive(Deserialize)]
struct OfKind {
    command: String,
    settings: KindOnly,
}

#[derive(Deserialize)]
struct KindOnly {
    kind: Option<RecoverKind>,
}

impl RecoveryView {
    /// Whether the directory holds a recovery.
    pub fn is_in(dir: &RunDir) -> bool {
        fs::read(manifest_path(dir)).ok().and_then(|bytes| kind_in(&bytes)).is_some()
    }

    /// Reads what a report needs of a recovery; for pictures the input is read again.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Malformed`] if the manifest or the solution is not there or damaged, [`Error::Empty`] for a run without a
    /// result, [`Error::Parameter`] for pictures that do not fit.
    pub fn open(dir: &RunDir, options: &PictureOptions) -> Result<RecoveryView, Error> {
        let path = manifest_path(dir);
        let bytes = fs::read(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let malformed = |found| Error::Malformed { path, place: "command".into(), expected: "the manifest of a recovery".into(), found };
        match kind_in(&bytes).ok_or_else(|| malformed("another manifest".into()))? {
            RecoverKind::Rpca => of_separation(dir, options),
            RecoverKind::Sparse => of_vector(dir),
            RecoverKind::Measured(_) => of_matrix(dir, options),
        }
    }
}

fn manifest_path(dir: &RunDir) -> PathBuf {
    dir.path().join(<RecoverManifest as Record>::FILE)
}

fn kind_in(manifest: &[u8]) -> Option<RecoverKind> {
    let found: OfKind = serde_json::from_slice(manifest).ok()?;
    found.settings.kind.filter(|_| found.command == "recover")
}

fn finished<R>(result: Option<R>) -> Result<R, Error> {
    result.ok_or(Error::Empty { what: "the recovery", why: "it has no result yet" })
}

/// The arrays of `solution.npz`.
struct Solution {
    path: PathBuf,
    arrays: BTreeMap<String, Array>,
}

impl Solution {
    fn of(dir: &RunDir, instance: &InstanceRecord) -> Result<Solution, Error> {
        let path = dir.path().join("solution.npz");
        Ok(Solution { arrays: read_npz(&path, instance.read.max_memory)?, path })
    }

    fn take(&mut self, name: &str) -> Result<(Vec<usize>, Vec<f64>), Error> {
        match self.arrays.remove(name) {
            Some(Array { shape, values }) => Ok((shape, values.into_f64())),
            None => Err(self.malformed(name, "nothing")),
        }
    }

    fn malformed(&self, name: &str, found: &str) -> Error {
        Error::Malformed {
            path: self.path.clone(),
            place: format!("array {name}"),
            expected: "the solution of this recovery".into(),
            found: found.into(),
        }
    }

    /// An array of this size.
    fn sized(&mut self, name: &str, size: usize) -> Result<Vec<f64>, Error> {
        let (shape, values) = self.take(name)?;
        if values.len() == size { Ok(values) } else { Err(self.malformed(name, &format!("shape {shape:?}"))) }
    }
}

/// What every kind has.
fn view<S, R>(dir: &RunDir, kind: RecoverKind, manifest: &RecoverManifest<S, R>, status: RecoveryStatus, proof: Option<Proof>) -> RecoveryView {
    RecoveryView {
        name: dir.path().display().to_string(),
        thalweg: manifest.thalweg.clone(),
        kind,
        instance: manifest.instance.clone(),
        status,
        gap: proof.as_ref().and_then(|proof| proof.gap),
        proof,
        problem: String::new(),
        numbers: vec![],
        spectrum_of: "singular value",
        spectrum: vec![],
        pictures: vec![],
        no_picture: None,
    }
}

impl RecoveryView {
    fn with(self, pictures: Pictures) -> RecoveryView {
        match pictures {
            Pictures::Drawn(pictures) => RecoveryView { pictures, ..self },
            Pictures::Lacking(why) => RecoveryView { no_picture: Some(why), ..self },
            Pictures::NotImages => self,
        }
    }
}

fn of_separation(dir: &RunDir, options: &PictureOptions) -> Result<RecoveryView, Error> {
    let manifest: RobustPcaManifest = dir.read()?;
    let result: RobustPcaRecord = finished(manifest.result.clone())?;
    let (m, n) = manifest.instance.shape;
    let mut solution = Solution::of(dir, &manifest.instance)?;
    let (low_rank, sparse) = (solution.sized("low_rank", m * n)?, solution.sized("sparse", m * n)?);
    let pictures = separated(&manifest.instance, &low_rank, &sparse, options)?;
    let share = result.corrupted as f64 / manifest.instance.measurements.max(1) as f64;
    let problem = match manifest.settings.budget {
        Some(budget) => format!("the X of smallest nuclear norm whose entries differ from the data by no more than {} in sum", short(budget)),
        None => format!("data = X + S with the least ‖X‖_* + λ‖S‖₁, λ = {}", short(result.lambda)),
    };
    let mut numbers = vec![
        ("rank of X", count(result.rank as u64)),
        ("corrupted entries", format!("{}, {} of those observed", count(result.corrupted as u64), percent(share))),
        ("objective", short(result.objective)),
        ("proved gap", format!("{} of the objective", short(result.gap))),
        ("misfit ‖Y − X − S‖ / ‖Y‖", short(result.relative_residual)),
        ("iterations", count(result.iterations as u64)),
        ("time", format!("{}, and {} to judge it", duration(result.seconds), duration(result.verify_seconds))),
    ];
    numbers.extend(result.relative_error.map(|error| ("error against the truth in the file", short(error))));
    let view = view(dir, RecoverKind::Rpca, &manifest, result.status, result.proof);
    Ok(RecoveryView { gap: Some(result.gap), problem, numbers, spectrum: solution.take("singular_values")?.1, ..view }.with(pictures))
}

fn of_vector(dir: &RunDir) -> Result<RecoveryView, Error> {
    let manifest: DeepSparseManifest = dir.read()?;
    let result: DeepSparseRecord = finished(manifest.result.clone())?;
    let mut spectrum: Vec<f64> = Solution::of(dir, &manifest.instance)?.sized("x", manifest.instance.shape.1)?.iter().map(|x| x.abs()).collect();
    spectrum.sort_by(|a, b| b.total_cmp(a));
    let depth = manifest.settings.depth;
    let problem = match depth {
        2 => "the x that fits with the least Σ Dⱼ|xⱼ|, Dⱼ = ‖aⱼ‖²/p".to_owned(),
        k => format!("the x that fits with the least Σ Dⱼ|xⱼ|^{}, Dⱼ = ‖aⱼ‖²/p: the flattest network of depth {k}", short(2.0 - 2.0 / k as f64)),
    };
    let mut numbers = vec![
        ("entries that are not 0", count(result.nonzeros as u64)),
        ("objective", short(result.objective)),
        ("misfit ‖Ax − b‖ / ‖b‖", short(result.relative_residual)),
        ("iterations", count(result.iterations as u64)),
        ("time", format!("{}, and {} to judge it", duration(result.seconds), duration(result.verify_seconds))),
    ];
    numbers.extend(result.nothing_fits_below.map(|bound| ("nothing fits below the norm", short(bound))));
    numbers.extend(result.relative_error.map(|error| ("error against the truth in the file", short(error))));
    let view = view(dir, RecoverKind::Sparse, &manifest, result.status, result.proof);
    Ok(RecoveryView { problem, numbers, spectrum, spectrum_of: "|x|", ..view })
}

fn of_matrix(dir: &RunDir, options: &PictureOptions) -> Result<RecoveryView, Error> {
    let manifest: RecoverManifest = dir.read()?;
    let result: RecoverRecord = finished(manifest.result.clone())?;
    let settings = &manifest.settings;
    let mut solution = Solution::of(dir, &manifest.instance)?;
    let (d1, d2) = manifest.instance.shape;
    let (spectrum, pictures) = match &settings.factored {
        Some(_) => {
            let (u, v) = (solution.sized("U", d1 * result.rank)?, solution.sized("V", d2 * result.rank)?);
            let product = |i: usize, j: usize| (0..result.rank).map(|k| u[i * result.rank + k] * v[j * result.rank + k]).sum();
            (spectrum_of_product(&u, &v, result.rank), in_painted(&manifest.instance, settings.kind, product, options)?)
        }
        None => {
            let x = solution.sized("X", d1 * d2)?;
            let values = singular_values(&x, d1, d2).unwrap_or_default();
            (values, in_painted(&manifest.instance, settings.kind, |i, j| x[i * d2 + j], options)?)
        }
    };
    let fitting = match settings.domain {
        Domain::PositiveSemidefinite => "the positive semidefinite X that fits",
        Domain::General | Domain::Symmetric => "the X that fits",
    };
    let problem = match (&settings.factored, settings.norm) {
        (Some(factored), _) => format!("U and V of {} columns each whose product fits, by {}", factored.rank, factored.method),
        (None, Norm::Nuclear) => format!("{fitting} with the least nuclear norm"),
        (None, Norm::Flat) => format!("{fitting} with the least ‖D₁ X D₂‖_*: the flattest factors"),
    };
    let mut numbers = vec![
        ("rank of X", count(result.rank as u64)),
        ("objective", short(result.objective)),
        ("misfit ‖A(X) − b‖ / ‖b‖", short(result.relative_residual)),
        ("iterations", count(result.iterations as u64)),
        ("time", duration(result.seconds)),
    ];
    numbers.extend(result.nothing_fits_below.map(|bound| ("nothing fits below the norm", short(bound))));
    numbers.extend(result.relative_error.map(|error| ("error against the truth", short(error))));
    numbers.extend(result.hidden_rmse.map(|rmse| ("root mean square error of the hidden entries", short(rmse))));
    let kind = RecoverKind::Measured(settings.kind);
    let view = view(dir, kind, &manifest, result.status, result.verdict.as_ref().map(|verdict| Proof::of_measured(verdict, settings.fidelity)));
    Ok(RecoveryView { problem, numbers, spectrum, ..view }.with(pictures))
}

/// Singular values of UVᵀ, from the factors alone.
fn spectrum_of_product(u: &[f64], v: &[f64], rank: usize) -> Vec<f64> {
    let halves = [u, v].map(|factor| thin_svd(factor, factor.len() / rank.max(1), rank));
    let [Some(left), Some(right)] = halves else { return vec![] };
    // U = PΣQᵀ and V = RTWᵀ: the middle of UVᵀ = PΣ(QᵀW)TRᵀ
    let middle = |i: usize, j: usize| {
        let inner: f64 = (0..rank).map(|k| left.v[k * left.singular_values.len() + i] * right.v[k * right.singular_values.len() + j]).sum();
        left.singular_values[i] * inner * right.singular_values[j]
    };
    let (p, q) = (left.singular_values.len(), right.singular_values.len());
    let core: Vec<f64> = (0..p * q).map(|at| middle(at / q, at % q)).collect();
    singular_values(&core, p, q).unwrap_or_default()
}

/// Whether the path looks like that of an image.
pub(super) fn is_image_file(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    ending.is_some_and(|ending| ["png", "pgm", "ppm", "pnm"].contains(&ending.as_str()))
}
