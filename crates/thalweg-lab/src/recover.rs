//! A recovery, its files, and its certificate.

use crate::run_dir::Record;
use crate::{FitError, RunDir};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use thalweg::certificate::recovery::{RecoveryVerdict, leading_factors, nothing_fits_below, objective, relative_misfit, rules_out, verify};
use thalweg::data::{Array, Instance, InstanceKind, Numbers, ReadOptions, read_npz, write_npz};
use thalweg::map::{MeasurementMap, map_of};
use thalweg::problem::{Domain, Fidelity, Norm, Recovered, Recovery, RecoveryStatus, Witness};
use thalweg::solver::convex::recover;
use thalweg::solver::{Progress, Stop};
use thalweg::{Error, Factors};

/// The largest certificate that is read: its arrays are apart.
const LARGEST_RECORD: u64 = 1 << 20;

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
}

/// The result of a recovery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecoverRecord {
    /// How it ended.
    pub status: RecoveryStatus,
    /// ‖X‖_* or ‖D1 X D2‖_*, with a penalty ½‖A(X) − b‖² and λ times that; recomputed.
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
}

/// `manifest.json` of a recovery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecoverManifest {
    /// 1.
    pub schema: u32,
    /// Version of thalweg that wrote it.
    pub thalweg: String,
    /// `recover`.
    pub command: String,
    /// The instance.
    pub instance: InstanceRecord,
    /// The settings.
    pub settings: RecoverSettings,
    /// The result.
    pub result: Option<RecoverRecord>,
}

impl Record for RecoverManifest {
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
    /// The instance.
    pub instance: &'a Instance,
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

/// The problem that an instance states under these settings.
fn problem<'a>(map: &'a dyn MeasurementMap, b: &'a [f64], norm: Norm, fidelity: Fidelity, domain: Domain) -> Result<Recovery<'a>, Error> {
    let problem = Recovery::new(map, b, norm)?.with_fidelity(fidelity)?;
    if domain == Domain::PositiveSemidefinite { problem.positive_semidefinite() } else { Ok(problem) }
}

/// Solves, judges the answer from the instance, and writes `solution.npz`, `manifest.json` and, if asked for, `certificate.json` with
/// `certificate.npz`.
///
/// # Errors
/// [`FitError::Other`] if the directory holds another run, [`FitError::Input`] for a bad instance, [`FitError::Output`].
pub fn recover_in(job: RecoverJob<'_>) -> Result<RecoverManifest, FitError> {
    let settings = &job.manifest.settings;
    let map = map_of(job.instance)?;
    let problem = problem(&*map, &job.instance.b, settings.norm, settings.fidelity, settings.domain)?;
    take_directory(&job)?;
    let begin = Instant::now();
    let stop = Stop { max_iters: settings.max_iters, max_time: job.max_time, tol: settings.tol };
    let found = recover(&problem, &stop, &mut |progress, _| {
        (job.observe)(progress);
        if job.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    let mut record = judged(&problem, &found, job.instance, seconds);
    write_solution(&job.dir, &found, map.shape()).map_err(FitError::Output)?;
    if settings.certify {
        let begin = Instant::now();
        let verdict = certify(&job, &problem, &found)?;
        record.verdict = Some(verdict);
        record.verify_seconds = Some(begin.elapsed().as_secs_f64());
    }
    let manifest = RecoverManifest { result: Some(record), ..job.manifest };
    job.dir.write(&manifest).map_err(FitError::Output)?;
    Ok(manifest)
}

/// Creates the directory, or makes sure that it holds this very run.
fn take_directory(job: &RecoverJob<'_>) -> Result<(), FitError> {
    let path = job.dir.path();
    if job.dir.has::<RecoverManifest>() {
        let other = |what| FitError::Other { dir: path.display().to_string(), what };
        let old: RecoverManifest = job.dir.read().map_err(|_| other("command"))?;
        if old.instance.sha256 != job.manifest.instance.sha256 {
            return Err(other("instance"));
        }
        let identity = |s: &RecoverSettings| (s.kind, s.norm, s.fidelity, s.domain);
        if identity(&old.settings) != identity(&job.manifest.settings) {
            return Err(other("kind, objective, noise or domain"));
        }
    }
    std::fs::create_dir_all(path).map_err(|source| FitError::Output(Error::Io { path: path.to_owned(), source }))
}

/// Residual, norm and error from the instance; a claim of convergence that the residual contradicts is withdrawn, and so is one that nothing
/// fits without proof.
fn judged(problem: &Recovery<'_>, found: &Recovered, instance: &Instance, seconds: f64) -> RecoverRecord {
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
        relative_error: instance.truth.as_ref().map(|truth| {
            let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
            norm(&mut truth.iter().zip(&found.x).map(|(t, x)| t - x)) / norm(&mut truth.iter().copied())
        }),
    }
}

fn array(shape: &[usize], values: &[f64]) -> Array {
    Array { shape: shape.to_vec(), values: Numbers::F64(values.to_vec()) }
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
        instance_sha256: job.instance.sha256.clone(),
        arrays: name.to_owned(),
        verdict,
    };
    job.dir.write(&record).map_err(FitError::Output)?;
    Ok(verdict)
}

/// Reads a certificate's record.
///
/// # Errors
/// [`Error::Io`], [`Error::Malformed`] also for a record of a later version or arrays elsewhere than beside it, [`Error::Memory`].
pub fn read_certificate(path: &Path) -> Result<CertificateRecord, Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let needed = std::fs::metadata(path).map_err(io)?.len();
    if needed > LARGEST_RECORD {
        return Err(Error::Memory { path: path.to_owned(), what: "the certificate".into(), needed, limit: LARGEST_RECORD });
    }
    let malformed =
        |place: String, expected: &str, found: String| Error::Malformed { path: path.to_owned(), place, expected: expected.into(), found };
    let bytes = std::fs::read(path).map_err(io)?;
    let record: CertificateRecord = serde_json::from_slice(&bytes).map_err(|reason| {
        malformed(format!("line {}, column {}", reason.line(), reason.column()), "a certificate of a recovery", reason.to_string())
    })?;
    if record.schema != 1 {
        return Err(malformed("schema".into(), "1", record.schema.to_string()));
    }
    let is_plain_name = Path::new(&record.arrays).components().count() == 1 && Path::new(&record.arrays).file_name().is_some();
    if is_plain_name { Ok(record) } else { Err(malformed("arrays".into(), "the name of a file beside the certificate", record.arrays)) }
}

/// Proves the claim of a certificate anew, from the instance and the certificate's arrays.
///
/// # Errors
/// As [`read_npz`]; [`Error::Malformed`] for missing arrays or wrong shapes; [`Error::Shape`] if they do not fit the instance.
pub fn verify_certificate(path: &Path, record: &CertificateRecord, instance: &Instance, max_memory: u64) -> Result<RecoveryVerdict, Error> {
    let arrays_path = path.parent().unwrap_or(Path::new("")).join(&record.arrays);
    let mut arrays = read_npz(&arrays_path, max_memory)?;
    let mut take = |name: &str, dimensions: usize| match arrays.remove(name) {
        Some(Array { shape, values }) if shape.len() == dimensions => Ok((shape, values.into_f64())),
        Some(Array { shape, .. }) => Err((name.to_owned(), format!("shape {shape:?}"))),
        None => Err((name.to_owned(), "nothing".into())),
    };
    let malformed = |(name, found): (String, String)| Error::Malformed {
        path: arrays_path.clone(),
        place: format!("array {name}"),
        expected: "U (d1×r), V (d2×r) and y (p)".into(),
        found,
    };
    let (u_shape, mut buffer) = take("U", 2).map_err(malformed)?;
    let (v_shape, v) = take("V", 2).map_err(malformed)?;
    let (_, y) = take("y", 1).map_err(malformed)?;
    if v_shape[1] != u_shape[1] {
        return Err(Error::Shape { what: "V", expected: (v_shape[0], u_shape[1]), got: (v_shape[0], v_shape[1]) });
    }
    buffer.extend(v);
    let factors = Factors::new(u_shape[0], v_shape[0], u_shape[1], buffer)?;
    let map = map_of(instance)?;
    verify(&problem(&*map, &instance.b, record.norm, record.fidelity, record.domain)?, &factors, &y)
}
