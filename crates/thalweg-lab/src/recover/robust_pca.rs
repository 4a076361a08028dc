//! Robust PCA of a table, its files and its certificate.

use super::certificate::{array, arrays_beside};
use super::table_on_ranks::TableOnRanks;
use super::{Proof, RecoverKind, RecoverManifest, take_directory};
use crate::run_dir::Record;
use crate::{FitError, RanksRecord, RunDir};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use thalweg::Error;
use thalweg::certificate::{RobustPcaCertificate, certify_robust_pca};
use thalweg::comm::{Alone, Comm};
use thalweg::data::{RobustPcaInstance, write_npz};
use thalweg::linalg::{TruncatedSvd, relative_error};
use thalweg::problem::{RecoveryStatus, RobustPca};
use thalweg::solver::convex::robust_pca::{RobustPcaOptions, RobustPcaSolution, WithinBudget, solve_robust_pca_unless, solve_robust_pca_within};

/// What identifies a separation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RobustPcaSettings {
    /// [`RecoverKind::Rpca`].
    pub kind: RecoverKind,
    /// λ, if it was given.
    pub lambda: Option<f64>,
    /// τ of ‖Y − X‖₁ ≤ τ, if it was given.
    pub budget: Option<f64>,
    /// Iteration limit.
    pub max_iters: usize,
    /// Tolerance on the duality gap, relative to the objective.
    pub tol: f64,
    /// Whether a certificate was asked for.
    pub certify: bool,
}

/// The result of a separation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RobustPcaRecord {
    /// How it ended.
    pub status: RecoveryStatus,
    /// λ: given, by rule, or, under a budget, the one at which it is used up.
    pub lambda: f64,
    /// ‖X‖_* + λ‖Y − X‖₁, or ‖X‖_* under a budget, from above.
    pub objective: f64,
    /// No X costs less by more than this part of the objective: proved.
    pub gap: f64,
    /// ‖Y − X − S‖ / ‖Y‖ over the observed entries.
    pub relative_residual: f64,
    /// Rank of X.
    pub rank: usize,
    /// Entries of S that are not 0.
    pub corrupted: usize,
    /// What was proved, if that was asked for.
    pub proof: Option<Proof>,
    /// Iterations.
    pub iterations: usize,
    /// Seconds of the solver.
    pub seconds: f64,
    /// Seconds of the verifier.
    pub verify_seconds: f64,
    /// ‖X − truth‖_F / ‖truth‖_F of the low-rank part.
    pub relative_error: Option<f64>,
    /// Where the rows were spread over ranks, and what they sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranks: Option<RanksRecord>,
}

/// `manifest.json` of a separation.
pub type RobustPcaManifest = RecoverManifest<RobustPcaSettings, RobustPcaRecord>;

/// `certificate.json` of a separation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RobustPcaCertificateRecord {
    /// 1.
    pub schema: u32,
    /// Version of thalweg that wrote it.
    pub thalweg: String,
    /// [`RecoverKind::Rpca`].
    pub kind: RecoverKind,
    /// λ, for which W was made.
    pub lambda: f64,
    /// τ, if the problem has a budget.
    pub budget: Option<f64>,
    /// (m, n).
    pub shape: (usize, usize),
    /// SHA-256 of the input that it was made for.
    pub instance_sha256: String,
    /// File beside this one with the arrays `U` (m×r), `s` (r), `V` (n×r), X = U diag(s) Vᵀ, and `W` (m×n).
    pub arrays: String,
    /// What was proved when it was made. A check proves it anew.
    pub verdict: Proof,
}

impl Record for RobustPcaCertificateRecord {
    const FILE: &'static str = "certificate.json";
}

/// A separation to run.
pub struct RobustPcaJob<'a> {
    /// The table.
    pub table: TableOf<'a>,
    /// The manifest without a result.
    pub manifest: RobustPcaManifest,
    /// Where it is kept.
    pub dir: RunDir,
    /// Time limit.
    pub max_time: Option<Duration>,
    /// Set from outside to end the run.
    pub stop: &'a AtomicBool,
}

/// Where the table of a separation is.
#[derive(Clone, Copy)]
pub enum TableOf<'a> {
    /// In memory.
    Memory(&'a RobustPcaInstance),
    /// In the memory of several ranks.
    Ranks(&'a TableOnRanks<'a>),
}

impl TableOf<'_> {
    /// The whole of it, where that is here: alone, or on the first rank.
    fn whole(&self) -> Option<&RobustPcaInstance> {
        match self {
            TableOf::Memory(instance) => Some(instance),
            TableOf::Ranks(held) => held.whole,
        }
    }

    fn comm(&self) -> &dyn Comm {
        match self {
            TableOf::Memory(_) => &Alone,
            TableOf::Ranks(held) => held.comm,
        }
    }
}

/// Copies of the table that are there at one time: the table as it was read and in both precisions, its two parts, multipliers, and where
/// the iteration stood; singular vectors, where the rank is not low.
const COPIES_OF_TABLE: u64 = 16;
/// Those of the first of several ranks beside its part of these: the table, its two parts, the multiplier, and copies to prove and to write.
const COPIES_ON_FIRST: u64 = 8;

/// Bytes that a separation of an m×n table takes on each of so many ranks, the first, which takes most, the table included, from above; each
/// thread takes some 10 MB beside them.
pub fn separation_memory((m, n): (usize, usize), ranks: usize) -> u64 {
    let bytes = 8 * (m as u64).saturating_mul(n as u64);
    match ranks {
        0 | 1 => COPIES_OF_TABLE.saturating_mul(bytes),
        _ => (COPIES_OF_TABLE.saturating_mul(bytes) / ranks as u64).saturating_add(COPIES_ON_FIRST.saturating_mul(bytes)),
    }
}

/// Separates the table, judges the answer from it, and writes `solution.npz`, `manifest.json` and, if asked for, `certificate.json` with
/// `certificate.npz`. On several ranks the first does all but the first of these; the manifests of the others have no result.
///
/// # Errors
/// [`FitError::Other`] if the directory holds another run, [`FitError::Input`] for a bad table or setting, [`FitError::Output`].
pub fn separate_in(job: RobustPcaJob<'_>) -> Result<RobustPcaManifest, FitError> {
    let settings = &job.manifest.settings;
    if settings.budget.is_some_and(|budget| !(budget >= 0.0 && budget.is_finite())) {
        let got = format!("{:?}", settings.budget.unwrap_or(f64::NAN));
        return Err(Error::Parameter { name: "budget", expected: "a finite number, not negative".into(), got }.into());
    }
    let Some(solved) = solve(&job)? else { return job.table.comm().all_have(Ok(job.manifest)) };
    let whole = job.table.whole().expect("whoever has the solution has the table");
    job.table.comm().all_have(judge(&job, whole, solved)).map(|result| RecoverManifest { result: Some(result), ..job.manifest })
}

/// What a solver found.
pub(super) struct Solved {
    pub within: WithinBudget,
    pub seconds: f64,
    pub ranks: Option<RanksRecord>,
}

/// None on all ranks but the first.
fn solve(job: &RobustPcaJob<'_>) -> Result<Option<Solved>, FitError> {
    let settings = &job.manifest.settings;
    let options = RobustPcaOptions { max_iters: settings.max_iters, tol: settings.tol, max_time: job.max_time };
    let is_stopped = || job.stop.load(Ordering::Relaxed);
    let instance = match job.table {
        TableOf::Memory(instance) => instance,
        TableOf::Ranks(held) => return held.solve(settings, &options, &is_stopped, || take(job)),
    };
    let problem = RobustPca::new(instance.shape.0, instance.shape.1, instance.y.clone(), settings.lambda)?;
    take(job)?;
    let begin = Instant::now();
    let within = match settings.budget {
        Some(budget) => solve_robust_pca_within(&problem, budget, &options, &is_stopped)?,
        None => WithinBudget { solution: solve_robust_pca_unless(&problem, &options, &is_stopped), problem },
    };
    Ok(Some(Solved { within, seconds: begin.elapsed().as_secs_f64(), ranks: None }))
}

/// Creates the directory, or makes sure that it holds this very run.
fn take(job: &RobustPcaJob<'_>) -> Result<(), FitError> {
    let identity = |s: &RobustPcaSettings| (s.kind, s.lambda, s.budget);
    take_directory(&job.dir, &job.manifest, |a, b| identity(a) == identity(b), "kind, lambda or budget")
}

/// Judges the solution from the table, and writes everything.
fn judge(job: &RobustPcaJob<'_>, instance: &RobustPcaInstance, solved: Solved) -> Result<RobustPcaRecord, FitError> {
    let settings = &job.manifest.settings;
    let Solved { within: WithinBudget { problem, solution }, seconds, ranks } = solved;
    let begin = Instant::now();
    let certificate = certify_robust_pca(&problem, &solution.low_rank, &solution.dual, settings.budget)?;
    let verify_seconds = begin.elapsed().as_secs_f64();
    let parts = Parts::of(&problem, &solution);
    parts.write(&job.dir, &solution.low_rank).map_err(FitError::Output)?;
    let proof = settings.certify.then(|| Proof::from(&certificate));
    if let Some(verdict) = &proof {
        write_certificate(job, instance, problem.lambda(), &solution, verdict.clone()).map_err(FitError::Output)?;
    }
    let result = RobustPcaRecord {
        status: judged_separation(solution.status, &certificate, settings.tol),
        lambda: problem.lambda(),
        objective: certificate.objective,
        gap: certificate.relative_gap(),
        relative_residual: parts.relative_residual(problem.data()),
        rank: solution.low_rank.singular_values.len(),
        corrupted: parts.sparse.iter().filter(|s| **s != 0.0).count(),
        proof,
        iterations: solution.iterations,
        seconds,
        verify_seconds,
        relative_error: instance.truth_low_rank.as_ref().map(|truth| relative_error(&parts.low_rank, truth)),
        ranks,
    };
    job.dir.write(&RecoverManifest { result: Some(result.clone()), ..job.manifest.clone() }).map_err(FitError::Output)?;
    Ok(result)
}

/// A claim of convergence that the proved gap contradicts is withdrawn. The gap is from above, hence the factor.
pub fn judged_separation(status: RecoveryStatus, certificate: &RobustPcaCertificate, tol: f64) -> RecoveryStatus {
    let is_open = certificate.relative_gap() > 2.0 * tol && !certificate.certified;
    if status == RecoveryStatus::Converged && is_open { RecoveryStatus::Stalled } else { status }
}

/// X and S, m×n.
struct Parts {
    shape: (usize, usize),
    low_rank: Vec<f64>,
    sparse: Vec<f64>,
}

impl Parts {
    fn of(problem: &RobustPca, solution: &RobustPcaSolution) -> Parts {
        let (m, n) = problem.shape();
        let sparse = problem.sparse_part(&solution.low_rank, solution.floor);
        Parts { shape: (m, n), low_rank: solution.low_rank.to_dense(m, n), sparse }
    }

    fn relative_residual(&self, y: &[f64]) -> f64 {
        let parts = y.iter().zip(self.low_rank.iter().zip(&self.sparse)).filter(|(y, _)| !y.is_nan());
        let (off, size) = parts.fold((0.0, 0.0), |(off, size), (y, (x, s))| (off + (y - x - s).powi(2), size + y * y));
        if size > 0.0 { f64::sqrt(off / size) } else { 0.0 }
    }

    fn write(&self, dir: &RunDir, low_rank: &TruncatedSvd) -> Result<(), Error> {
        let shape = [self.shape.0, self.shape.1];
        let arrays = [
            ("low_rank", array(&shape, &self.low_rank)),
            ("sparse", array(&shape, &self.sparse)),
            ("singular_values", array(&[low_rank.singular_values.len()], &low_rank.singular_values)),
        ];
        write_npz(&dir.path().join("solution.npz"), &arrays)
    }
}

fn write_certificate(
    job: &RobustPcaJob<'_>,
    instance: &RobustPcaInstance,
    lambda: f64,
    solution: &RobustPcaSolution,
    verdict: Proof,
) -> Result<(), Error> {
    let (m, n) = instance.shape;
    let TruncatedSvd { u, singular_values, v } = &solution.low_rank;
    let r = singular_values.len();
    let arrays = [("U", array(&[m, r], u)), ("s", array(&[r], singular_values)), ("V", array(&[n, r], v)), ("W", array(&[m, n], &solution.dual))];
    let name = "certificate.npz";
    write_npz(&job.dir.path().join(name), &arrays)?;
    job.dir.write(&RobustPcaCertificateRecord {
        schema: 1,
        thalweg: env!("CARGO_PKG_VERSION").to_owned(),
        kind: RecoverKind::Rpca,
        lambda,
        budget: job.manifest.settings.budget,
        shape: (m, n),
        instance_sha256: instance.sha256.clone(),
        arrays: name.to_owned(),
        verdict,
    })
}

/// Proves the claim of a certificate anew, from the table and the certificate's arrays.
///
/// # Errors
/// As [`super::verify_certificate`].
pub fn verify_robust_pca(
    path: &Path,
    record: &RobustPcaCertificateRecord,
    instance: &RobustPcaInstance,
    max_memory: u64,
) -> Result<RobustPcaCertificate, Error> {
    let mut arrays = arrays_beside(path, &record.arrays, "U (m×r), s (r), V (n×r) and W (m×n)", max_memory)?;
    let ([m, u_width], u) = arrays.take("U")?;
    let ([rank], singular_values) = arrays.take("s")?;
    let ([n, v_width], v) = arrays.take("V")?;
    let ([w_rows, w_cols], w) = arrays.take("W")?;
    for (what, expected, got) in [("U", (m, rank), (m, u_width)), ("V", (n, rank), (n, v_width)), ("W", (m, n), (w_rows, w_cols))] {
        if expected != got {
            return Err(Error::Shape { what, expected, got });
        }
    }
    let (rows, cols) = instance.shape;
    let problem = RobustPca::new(rows, cols, instance.y.clone(), Some(record.lambda))?;
    certify_robust_pca(&problem, &TruncatedSvd { u, singular_values, v }, &w, record.budget)
}
