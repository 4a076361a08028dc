//! A recovery, its files, and its certificate.

mod certificate;
mod deep_sparse;
mod entries_on_ranks;
mod factored;
mod kind;
mod proof;
mod robust_pca;
mod table_on_ranks;

pub use certificate::{Certificate, read_certificate};
pub use deep_sparse::{
    DeepSparseCertificateRecord, DeepSparseJob, DeepSparseManifest, DeepSparseRecord, DeepSparseSettings, recover_sparse_in, verify_deep_sparse,
};
pub use entries_on_ranks::EntriesOnRanks;
pub use factored::{DENSE_LIMIT, FactoredSettings};
pub use kind::RecoverKind;
pub use proof::Proof;
pub use robust_pca::{
    RobustPcaCertificateRecord, RobustPcaJob, RobustPcaManifest, RobustPcaRecord, RobustPcaSettings, TableOf, judged_separation, separate_in,
    separation_memory, verify_robust_pca,
};
pub use table_on_ranks::{TableOnRanks, table_part};

use crate::run_dir::Record;
use crate::{FitError, RanksRecord, RunDir};
use certificate::{array, arrays_beside};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use thalweg::certificate::recovery::{RecoveryVerdict, leading_factors, nothing_fits_below, objective, relative_misfit, rules_out, verify};
use thalweg::comm::{Alone, Comm};
use thalweg::data::{Holdout, Instance, InstanceKind, Kept, ReadOptions, write_npz};
use thalweg::linalg::relative_error;
use thalweg::map::{MeasurementMap, map_of};
use thalweg::problem::{Domain, Factored, Fidelity, Norm, Recovered, Recovery, RecoveryStatus, Witness};
use thalweg::solver::convex::recover;
use thalweg::solver::{Progress, Stop};
use thalweg::{Error, Factors};

/// What identifies a recovery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecoverSettings {
    /// Kind of instance.
    pub kind: InstanceKind,
    /// What is minimised.
    pub norm: Norm,
    /// How the measurements bind X.
    #[serde(default)]
    pub fidelity: Fidelity,
    /// Which matrices compete.
    pub domain: Domain,
    /// Iteration limit.
    pub max_iters: usize,
    /// Tolerance on duality gap and misfit.
    pub tol: f64,
    /// Whether a certificate was asked for.
    pub certify: bool,
    /// Set where factors are sought and not the matrix of smallest norm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factored: Option<FactoredSettings>,
}

/// The instance of a recovery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceRecord {
    /// Where it was read from.
    pub path: PathBuf,
    /// Its SHA-256.
    pub sha256: String,
    /// (d1, d2).
    pub shape: (usize, usize),
    /// p.
    pub measurements: usize,
    /// How it was read.
    pub read: ReadOptions,
    /// The part of the entries that the recovery was given, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// The result of a recovery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecoverRecord {
    /// How it ended.
    pub status: RecoveryStatus,
    /// ‖X‖_* or ‖D1 X D2‖_*, with a penalty ½‖A(X) − b‖² and λ times that, recomputed; ½‖A(UVᵀ) − b‖² where factors were sought.
    pub objective: f64,
    /// ‖A(X) − b‖ / ‖b‖, recomputed.
    pub relative_residual: f64,
    /// Rank of X.
    pub rank: usize,
    /// What was proved, if that was asked for.
    pub verdict: Option<RecoveryVerdict>,
    /// For a contradiction: no X of a smaller Frobenius norm fits, proved.
    pub nothing_fits_below: Option<f64>,
    /// For an infeasible problem: no X of the domain fits, proved.
    #[serde(default)]
    pub nothing_fits: Option<bool>,
    /// Iterations.
    pub iterations: usize,
    /// Seconds of the solver.
    pub seconds: f64,
    /// Seconds of the verifier.
    pub verify_seconds: Option<f64>,
    /// ‖X − truth‖_F / ‖truth‖_F.
    pub relative_error: Option<f64>,
    /// √(mean squared error) over the entries that were hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_rmse: Option<f64>,
    /// Where the rows were spread over ranks, and what they sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranks: Option<RanksRecord>,
}

/// `manifest.json` of a recovery: of a matrix from measurements, unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecoverManifest<S = RecoverSettings, R = RecoverRecord> {
    /// 1.
    pub schema: u32,
    /// Version of thalweg that wrote it.
    pub thalweg: String,
    /// `recover`.
    pub command: String,
    /// The instance.
    pub instance: InstanceRecord,
    /// The settings.
    pub settings: S,
    /// The result.
    pub result: Option<R>,
}

impl<S, R> RecoverManifest<S, R> {
    /// Of a recovery that is to run.
    pub fn new(instance: InstanceRecord, settings: S) -> Self {
        let thalweg = env!("CARGO_PKG_VERSION").to_owned();
        RecoverManifest { schema: 1, thalweg, command: "recover".into(), instance, settings, result: None }
    }
}

impl<S: Serialize + DeserializeOwned, R: Serialize + DeserializeOwned> Record for RecoverManifest<S, R> {
    const FILE: &'static str = "manifest.json";
}

/// `certificate.json`: what is claimed, and where the arrays are that prove it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CertificateRecord {
    /// 1.
    pub schema: u32,
    /// Version of thalweg that wrote it.
    pub thalweg: String,
    /// Kind of instance.
    pub kind: InstanceKind,
    /// What X minimises.
    pub norm: Norm,
    /// How the measurements bind it.
    #[serde(default)]
    pub fidelity: Fidelity,
    /// Among which matrices.
    pub domain: Domain,
    /// (d1, d2).
    pub shape: (usize, usize),
    /// SHA-256 of the instance that it was made for.
    pub instance_sha256: String,
    /// The part of the instance's entries that it was made for, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
    /// File beside this one with the arrays `U` (d1×r), `V` (d2×r), X = UVᵀ, and `y` (p).
    pub arrays: String,
    /// What was proved when it was made. A check proves it anew.
    pub verdict: RecoveryVerdict,
}

impl Record for CertificateRecord {
    const FILE: &'static str = "certificate.json";
}

/// A recovery to run.
pub struct RecoverJob<'a> {
    /// The instance: alone, and on the first of several ranks.
    pub instance: Option<&'a Instance>,
    /// What one of several ranks holds of it, for factors.
    pub held: Option<&'a EntriesOnRanks<'a>>,
    /// What was hidden from it.
    pub hidden: Option<&'a Holdout>,
    /// The manifest without a result.
    pub manifest: RecoverManifest,
    /// Where it is kept.
    pub dir: RunDir,
    /// Time limit.
    pub max_time: Option<Duration>,
    /// Set from outside to end the run.
    pub stop: &'a AtomicBool,
    /// Told after every iteration.
    pub observe: &'a dyn Fn(&Progress),
}

/// The problem that measurements state under these settings.
///
/// # Errors
/// As [`Recovery::new`], [`Recovery::with_fidelity`] and [`Recovery::positive_semidefinite`].
pub fn recovery_problem<'a>(
    map: &'a dyn MeasurementMap,
    b: &'a [f64],
    norm: Norm,
    fidelity: Fidelity,
    domain: Domain,
) -> Result<Recovery<'a>, Error> {
    let problem = Recovery::new(map, b, norm)?.with_fidelity(fidelity)?;
    if domain == Domain::PositiveSemidefinite { problem.positive_semidefinite() } else { Ok(problem) }
}

/// Solves, judges the answer from the instance, and writes `solution.npz`, `manifest.json` and, if asked for, `certificate.json` with
/// `certificate.npz`. On several ranks, which find factors together, the first does all but the first of these; the manifests of the others have
/// no result.
///
/// # Errors
/// [`FitError::Other`] if the directory holds another run, [`FitError::Input`] for a bad instance, [`FitError::Output`].
pub fn recover_in(job: RecoverJob<'_>) -> Result<RecoverManifest, FitError> {
    let settings = &job.manifest.settings;
    if let (Some(held), Some(factored)) = (job.held, &settings.factored) {
        let problem = Factored::in_rows(&held.map, &held.b, factored.rank, held.shape.0)?;
        let comm: &dyn Comm = held.comm;
        let Some(found) = factored::recover_in_factors(&job, &problem, factored, comm)? else { return comm.all_have(Ok(job.manifest)) };
        let judge = || finish(factored::judged(&job, &*map_of(job.whole())?, found)?, job);
        return comm.all_have(judge());
    }
    if job.held.is_some() {
        return Err(Error::Parameter { name: "method", expected: "als on several ranks".into(), got: "convex".into() }.into());
    }
    let instance = job.whole();
    let map = map_of(instance)?;
    if let Some(factored) = &settings.factored {
        let problem = Factored::new(&*map, &instance.b, factored.rank, settings.domain == Domain::PositiveSemidefinite)?;
        let found = factored::recover_in_factors(&job, &problem, factored, &Alone)?.expect("alone, this is the first");
        let record = factored::judged(&job, &*map, found)?;
        return finish(record, job);
    }
    let problem = recovery_problem(&*map, &instance.b, settings.norm, settings.fidelity, settings.domain)?;
    take(&job)?;
    let begin = Instant::now();
    let stop = Stop { max_iters: settings.max_iters, max_time: job.max_time, tol: settings.tol };
    let found = recover(&problem, &stop, &mut |progress, _| job.watch(progress))?;
    let seconds = begin.elapsed().as_secs_f64();
    let (_, d2) = map.shape();
    let mut record = RecoverRecord {
        relative_error: instance.truth.as_ref().map(|truth| relative_error(&found.x, truth)),
        hidden_rmse: job.hidden.and_then(|hidden| hidden.rmse_of(|i, j| found.x[i * d2 + j])),
        ..judged(&problem, &found, seconds)
    };
    write_solution(&job.dir, &found, map.shape()).map_err(FitError::Output)?;
    if settings.certify {
        let begin = Instant::now();
        let verdict = certify(&job, &problem, &found)?;
        record.verdict = Some(verdict);
        record.verify_seconds = Some(begin.elapsed().as_secs_f64());
    }
    finish(record, job)
}

impl RecoverJob<'_> {
    fn whole(&self) -> &Instance {
        self.instance.expect("whoever works on the whole has it")
    }

    fn watch(&self, progress: &Progress) -> ControlFlow<()> {
        (self.observe)(progress);
        if self.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Creates the directory, or makes sure that it holds this very run.
fn take(job: &RecoverJob<'_>) -> Result<(), FitError> {
    let identity = |s: &RecoverSettings| (s.kind, s.norm, s.fidelity, s.domain, s.factored.clone());
    take_directory(&job.dir, &job.manifest, |a, b| identity(a) == identity(b), "kind, objective, noise, domain or method")
}

fn finish(record: RecoverRecord, job: RecoverJob<'_>) -> Result<RecoverManifest, FitError> {
    let manifest = RecoverManifest { result: Some(record), ..job.manifest };
    job.dir.write(&manifest).map_err(FitError::Output)?;
    Ok(manifest)
}

/// Creates the directory, or makes sure that it holds a run on the same instance whose settings are the same; `what` else may differ.
fn take_directory<S, R>(dir: &RunDir, manifest: &RecoverManifest<S, R>, are_same: impl Fn(&S, &S) -> bool, what: &'static str) -> Result<(), FitError>
where
    S: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned,
{
    let path = dir.path();
    if dir.has::<RecoverManifest<S, R>>() {
        let other = |what| FitError::Other { dir: path.display().to_string(), what };
        let old: RecoverManifest<S, R> = dir.read().map_err(|_| other("command or kind"))?;
        if (&old.instance.sha256, old.instance.kept) != (&manifest.instance.sha256, manifest.instance.kept) {
            return Err(other("instance"));
        }
        if !are_same(&old.settings, &manifest.settings) {
            return Err(other(what));
        }
    }
    std::fs::create_dir_all(path).map_err(|source| FitError::Output(Error::Io { path: path.to_owned(), source }))
}

/// Residual and norm from the measurements; a claim of convergence that the residual contradicts is withdrawn, and so is one that nothing
/// fits without proof.
pub fn judged(problem: &Recovery<'_>, found: &Recovered, seconds: f64) -> RecoverRecord {
    let relative_residual = relative_misfit(problem, &found.x);
    let allowed = match problem.fidelity {
        Fidelity::Exact => 0.0,
        // b = 0 fits everything within it
        Fidelity::Ball { radius } => radius / problem.b.iter().map(|b| b * b).sum::<f64>().sqrt().max(f64::MIN_POSITIVE),
        Fidelity::Penalised { .. } => f64::INFINITY,
    };
    let multiplier = match &found.witness {
        Some(Witness::Multiplier(y)) => Some(y.as_slice()),
        _ => None,
    };
    let nothing_fits = multiplier.filter(|_| found.status == RecoveryStatus::Infeasible).map(|y| rules_out(problem, y));
    let misfits = found.status == RecoveryStatus::Converged && relative_residual > allowed + 1e-8;
    let contradicted = misfits || nothing_fits == Some(false);
    RecoverRecord {
        status: if contradicted { RecoveryStatus::Stalled } else { found.status },
        objective: objective(problem, &found.x),
        relative_residual,
        rank: found.rank,
        verdict: None,
        nothing_fits_below: multiplier.filter(|_| found.status == RecoveryStatus::Inconsistent).map(|y| nothing_fits_below(problem, y)),
        nothing_fits,
        iterations: found.iterations,
        seconds,
        verify_seconds: None,
        relative_error: None,
        hidden_rmse: None,
        ranks: None,
    }
}

/// `X`; with a witness, also `second` (another minimiser), `contradiction` or `separating` (y).
fn write_solution(dir: &RunDir, found: &Recovered, (d1, d2): (usize, usize)) -> Result<(), Error> {
    let mut arrays = vec![("X", array(&[d1, d2], &found.x))];
    match &found.witness {
        Some(Witness::SecondSolution(x)) => arrays.push(("second", array(&[d1, d2], x))),
        Some(Witness::Multiplier(y)) if found.status == RecoveryStatus::Infeasible => arrays.push(("separating", array(&[y.len()], y))),
        Some(Witness::Multiplier(y)) => arrays.push(("contradiction", array(&[y.len()], y))),
        None => {}
    }
    write_npz(&dir.path().join("solution.npz"), &arrays)
}

fn certify(job: &RecoverJob<'_>, problem: &Recovery<'_>, found: &Recovered) -> Result<RecoveryVerdict, FitError> {
    let shape = problem.map.shape();
    let factors = leading_factors(&found.x, shape, found.rank).unwrap_or_else(|| Factors::zeros(shape.0, shape.1, 0));
    let verdict = verify(problem, &factors, &found.multiplier)?;
    let (u, v) = factors.split();
    let arrays = [
        ("U", array(&[shape.0, factors.rank()], u)),
        ("V", array(&[shape.1, factors.rank()], v)),
        ("y", array(&[found.multiplier.len()], &found.multiplier)),
    ];
    let name = "certificate.npz";
    write_npz(&job.dir.path().join(name), &arrays).map_err(FitError::Output)?;
    let settings = &job.manifest.settings;
    let record = CertificateRecord {
        schema: 1,
        thalweg: env!("CARGO_PKG_VERSION").to_owned(),
        kind: settings.kind,
        norm: settings.norm,
        fidelity: settings.fidelity,
        domain: settings.domain,
        shape,
        instance_sha256: job.whole().sha256.clone(),
        kept: job.manifest.instance.kept,
        arrays: name.to_owned(),
        verdict,
    };
    job.dir.write(&record).map_err(FitError::Output)?;
    Ok(verdict)
}

/// Proves the claim of a certificate anew, from the instance and the certificate's arrays.
///
/// # Errors
/// As [`thalweg::data::read_npz`]; [`Error::Malformed`] for missing arrays or wrong shapes; [`Error::Shape`] if they do not fit the instance.
pub fn verify_certificate(path: &Path, record: &CertificateRecord, instance: &Instance, max_memory: u64) -> Result<RecoveryVerdict, Error> {
    let mut arrays = arrays_beside(path, &record.arrays, "U (d1×r), V (d2×r) and y (p)", max_memory)?;
    let ([d1, rank], mut buffer) = arrays.take("U")?;
    let ([d2, v_width], v) = arrays.take("V")?;
    let ([_], y) = arrays.take("y")?;
    if v_width != rank {
        return Err(Error::Shape { what: "V", expected: (d2, rank), got: (d2, v_width) });
    }
    buffer.extend(v);
    let factors = Factors::new(d1, d2, rank, buffer)?;
    let map = map_of(instance)?;
    verify(&recovery_problem(&*map, &instance.b, record.norm, record.fidelity, record.domain)?, &factors, &y)
}
