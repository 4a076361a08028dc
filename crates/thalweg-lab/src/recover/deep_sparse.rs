//! Recovery of a sparse vector, its files and its certificate.

use super::certificate::{array, arrays_beside};
use super::{Proof, RecoverKind, RecoverManifest, take_directory};
use crate::run_dir::Record;
use crate::{FitError, RunDir};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Instant;
use thalweg::Error;
use thalweg::certificate::recovery::nothing_fits_below;
use thalweg::certificate::{DeepSparseCertificate, certify_deep_sparse};
use thalweg::data::{SparseInstance, write_npz};
use thalweg::linalg::relative_error;
use thalweg::map::Gaussian;
use thalweg::problem::{DeepSparse, Norm, Recovery, RecoveryStatus, Witness};
use thalweg::solver::convex::deep_sparse::{DeepSparseSolution, solve_deep_sparse};

/// What identifies a recovery of a sparse vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeepSparseSettings {
    /// [`RecoverKind::Sparse`].
    pub kind: RecoverKind,
    /// k of Σ Dⱼ |xⱼ|^(2−2/k).
    pub depth: usize,
    /// Whether a certificate was asked for.
    pub certify: bool,
}

/// The result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeepSparseRecord {
    /// How it ended.
    pub status: RecoveryStatus,
    /// Σ Dⱼ |xⱼ|^(2−2/k).
    pub objective: f64,
    /// ‖Ax − b‖ / ‖b‖.
    pub relative_residual: f64,
    /// Entries of x that are not 0.
    pub nonzeros: usize,
    /// What was proved, if that was asked for.
    pub proof: Option<Proof>,
    /// For a contradiction: no x of a smaller norm fits, proved.
    pub nothing_fits_below: Option<f64>,
    /// Newton steps.
    pub iterations: usize,
    /// Seconds of the solver.
    pub seconds: f64,
    /// Seconds of the verifier.
    pub verify_seconds: f64,
    /// ‖x − truth‖ / ‖truth‖.
    pub relative_error: Option<f64>,
}

/// `manifest.json` of a recovery of a sparse vector.
pub type DeepSparseManifest = RecoverManifest<DeepSparseSettings, DeepSparseRecord>;

/// `certificate.json` of a sparse vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeepSparseCertificateRecord {
    /// 1.
    pub schema: u32,
    /// Version of thalweg that wrote it.
    pub thalweg: String,
    /// [`RecoverKind::Sparse`].
    pub kind: RecoverKind,
    /// k.
    pub depth: usize,
    /// (p, d).
    pub shape: (usize, usize),
    /// SHA-256 of the instance that it was made for.
    pub instance_sha256: String,
    /// File beside this one with the arrays `x` (d) and `y` (p), the multiplier of Ax = b.
    pub arrays: String,
    /// What was proved when it was made. A check proves it anew.
    pub verdict: Proof,
}

impl Record for DeepSparseCertificateRecord {
    const FILE: &'static str = "certificate.json";
}

/// A recovery to run. It takes a few Newton steps, which nothing interrupts.
pub struct DeepSparseJob<'a> {
    /// A and b.
    pub instance: &'a SparseInstance,
    /// The manifest without a result.
    pub manifest: DeepSparseManifest,
    /// Where it is kept.
    pub dir: RunDir,
}

fn problem(instance: &SparseInstance, depth: usize) -> Result<DeepSparse, Error> {
    let (p, d) = instance.shape;
    DeepSparse::new(p, d, instance.a.clone(), instance.b.clone(), depth)
}

/// Solves, judges the answer from the instance, and writes `solution.npz`, `manifest.json` and, if asked for, `certificate.json` with
/// `certificate.npz`.
///
/// # Errors
/// [`FitError::Other`] if the directory holds another run, [`FitError::Input`] for a bad instance, [`FitError::Output`].
pub fn recover_sparse_in(job: DeepSparseJob<'_>) -> Result<DeepSparseManifest, FitError> {
    let settings = &job.manifest.settings;
    let problem = problem(job.instance, settings.depth)?;
    let identity = |s: &DeepSparseSettings| (s.kind, s.depth);
    take_directory(&job.dir, &job.manifest, |a, b| identity(a) == identity(b), "kind or depth")?;
    let begin = Instant::now();
    let found = solve_deep_sparse(&problem);
    let seconds = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let certificate = certify_deep_sparse(&problem, &found.x, &found.multiplier)?;
    let verify_seconds = begin.elapsed().as_secs_f64();
    write_solution(&job.dir, &found).map_err(FitError::Output)?;
    let proof = settings.certify.then(|| Proof::from(&certificate));
    if let Some(verdict) = &proof {
        write_certificate(&job, &found, verdict.clone()).map_err(FitError::Output)?;
    }
    let contradicted = found.status == RecoveryStatus::Converged && certificate.relative_residual > 1e-8;
    let result = Some(DeepSparseRecord {
        status: if contradicted { RecoveryStatus::Stalled } else { found.status },
        objective: certificate.objective,
        relative_residual: certificate.relative_residual,
        nonzeros: found.x.iter().filter(|x| **x != 0.0).count(),
        proof,
        nothing_fits_below: match &found.witness {
            Some(Witness::Multiplier(y)) => Some(nothing_fits(job.instance, y)?),
            _ => None,
        },
        iterations: found.iterations,
        seconds,
        verify_seconds,
        relative_error: job.instance.truth.as_ref().map(|truth| relative_error(&found.x, truth)),
    });
    let manifest = RecoverManifest { result, ..job.manifest };
    job.dir.write(&manifest).map_err(FitError::Output)?;
    Ok(manifest)
}

/// No x below this norm fits: the bound for matrices, x being one of a single row.
fn nothing_fits(instance: &SparseInstance, y: &[f64]) -> Result<f64, Error> {
    let (p, d) = instance.shape;
    let map = Gaussian::new(p, (1, d), instance.a.clone())?;
    Ok(nothing_fits_below(&Recovery::new(&map, &instance.b, Norm::Nuclear)?, y))
}

/// `x`; with a witness, also `second` (another minimiser) or `contradiction` (y).
fn write_solution(dir: &RunDir, found: &DeepSparseSolution) -> Result<(), Error> {
    let vector = |values: &[f64]| array(&[values.len()], values);
    let mut arrays = vec![("x", vector(&found.x))];
    match &found.witness {
        Some(Witness::SecondSolution(x)) => arrays.push(("second", vector(x))),
        Some(Witness::Multiplier(y)) => arrays.push(("contradiction", vector(y))),
        None => {}
    }
    write_npz(&dir.path().join("solution.npz"), &arrays)
}

fn write_certificate(job: &DeepSparseJob<'_>, found: &DeepSparseSolution, verdict: Proof) -> Result<(), Error> {
    let (p, d) = job.instance.shape;
    let name = "certificate.npz";
    write_npz(&job.dir.path().join(name), &[("x", array(&[d], &found.x)), ("y", array(&[p], &found.multiplier))])?;
    job.dir.write(&DeepSparseCertificateRecord {
        schema: 1,
        thalweg: env!("CARGO_PKG_VERSION").to_owned(),
        kind: RecoverKind::Sparse,
        depth: job.manifest.settings.depth,
        shape: (p, d),
        instance_sha256: job.instance.sha256.clone(),
        arrays: name.to_owned(),
        verdict,
    })
}

/// Proves the claim of a certificate anew, from the instance and the certificate's arrays.
///
/// # Errors
/// As [`super::verify_certificate`].
pub fn verify_deep_sparse(
    path: &Path,
    record: &DeepSparseCertificateRecord,
    instance: &SparseInstance,
    max_memory: u64,
) -> Result<DeepSparseCertificate, Error> {
    let mut arrays = arrays_beside(path, &record.arrays, "x (d) and y (p)", max_memory)?;
    let ([_], x) = arrays.take("x")?;
    let ([_], y) = arrays.take("y")?;
    certify_deep_sparse(&problem(instance, record.depth)?, &x, &y)
}
