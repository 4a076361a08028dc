//! Recovery in factors: for matrices that are too large to be written out, and for a rank that is known.

use super::entries_on_ranks::record;
use super::{RecoverJob, RecoverRecord};
use crate::{FitError, RanksRecord};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::time::Instant;
use thalweg::comm::Comm;
use thalweg::data::write_factors;
use thalweg::linalg::{dot, fixed_order_sum, relative_error};
use thalweg::map::MeasurementMap;
use thalweg::problem::{Domain, Factored, RecoveryStatus};
use thalweg::solver::factored::{FACTORED_METHODS, FactoredRun, factored_method, spectral_start_on_ranks};
use thalweg::solver::{Iteration, Progress, Status, Stop, run};
use thalweg::{Error, Factors};

/// Entries of X up to which the convex problem is solved unless another method is asked for: its iterates are dense, and each costs a
/// decomposition.
pub const DENSE_LIMIT: usize = 4_000_000;

/// How factors are sought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactoredSettings {
    /// Name of the method.
    pub method: String,
    /// Columns of U and V.
    pub rank: usize,
    /// Seed of the start.
    pub seed: u64,
}

/// What was found, where the instance is.
pub(super) struct Found {
    factors: Factors,
    status: RecoveryStatus,
    iterations: usize,
    seconds: f64,
    ranks: Option<RanksRecord>,
}

/// Finds factors from the spectral start; none on all ranks but the first.
pub(super) fn recover_in_factors(
    job: &RecoverJob<'_>,
    problem: &Factored<'_>,
    asked: &FactoredSettings,
    comm: &dyn Comm,
) -> Result<Option<Found>, FitError> {
    let settings = &job.manifest.settings;
    if settings.domain == Domain::PositiveSemidefinite && !problem.is_semidefinite() {
        return Err(Error::Parameter { name: "domain", expected: "general on several ranks".into(), got: "positive semidefinite".into() }.into());
    }
    let names = || FACTORED_METHODS.iter().map(|m| m.about().name).collect::<Vec<_>>().join(", ");
    let method = factored_method(&asked.method).ok_or_else(|| Error::Parameter {
        name: "method",
        expected: format!("one of {}", names()),
        got: asked.method.clone(),
    })?;
    // refuse what the method does not solve before a directory is made
    if comm.size() == 1 {
        method.begin(problem)?
    } else {
        method.begin_on_ranks(problem)?
    };
    comm.all_have(if comm.rank() == 0 { super::take(job) } else { Ok(()) })?;
    let (begin, before) = (Instant::now(), job.held.map(|held| held.comm.traffic()));
    let Some(start) = spectral_start_on_ranks(problem, asked.seed, comm)? else {
        return Err(Error::Parameter { name: "method", expected: "convex: the spectral start broke down".into(), got: asked.method.clone() }.into());
    };
    let mut iteration = FactoredRun::start_on_ranks(problem, method, &start, comm)?;
    let mut together = Together { job, comm, begin, is_late: false, failure: None };
    let stop = Stop { max_iters: settings.max_iters, max_time: job.max_time.filter(|_| comm.size() == 1), tol: settings.tol };
    let found = run(&mut iteration, &stop, &mut |at: &FactoredRun<'_>, _| together.go_on(&at.progress()));
    let seconds = begin.elapsed().as_secs_f64();
    if let Some(error) = together.failure.or(iteration.into_failure()) {
        return Err(error.into());
    }
    let status = if together.is_late && found.status == Status::Stopped { RecoveryStatus::TimeLimit } else { found.status.into() };
    let iterations = found.progress.iteration;
    let ranks = job.held.zip(before).map(|(held, before)| record(held.comm, before, iterations));
    let factors = match job.held {
        Some(held) => held.gathered(&found.point)?,
        None => Some(found.point),
    };
    Ok(factors.map(|factors| Found { factors, status, iterations, seconds, ranks }))
}

/// What ranks settle after an iteration: any of them may stop all, and the clock is that of the first.
struct Together<'a> {
    job: &'a RecoverJob<'a>,
    comm: &'a dyn Comm,
    begin: Instant,
    is_late: bool,
    failure: Option<Error>,
}

impl Together<'_> {
    fn go_on(&mut self, progress: &Progress) -> ControlFlow<()> {
        let is_stopped = self.job.watch(progress).is_break();
        let is_late = self.comm.size() > 1 && self.job.max_time.is_some_and(|limit| self.begin.elapsed() >= limit);
        match self.comm.agree(Ok([is_late, is_stopped].map(|wish| f64::from(u8::from(wish))))) {
            Ok(all) => {
                self.is_late = all[0][0] == 1.0;
                let stops = self.is_late || all.iter().any(|one| one[1] == 1.0);
                if stops { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
            Err(error) => {
                self.failure = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

/// Writes `solution.npz` with `U` and `V`, and judges them from the instance.
pub(super) fn judged(job: &RecoverJob<'_>, map: &dyn MeasurementMap, found: Found) -> Result<RecoverRecord, FitError> {
    let (instance, factors) = (job.whole(), &found.factors);
    write_factors(&job.dir.path().join("solution.npz"), factors).map_err(FitError::Output)?;
    let relative_residual = misfit(map, &instance.b, factors);
    Ok(RecoverRecord {
        status: found.status,
        objective: 0.5 * relative_residual.powi(2) * dot(&instance.b, &instance.b),
        relative_residual,
        rank: factors.rank(),
        verdict: None,
        nothing_fits_below: None,
        nothing_fits: None,
        iterations: found.iterations,
        seconds: found.seconds,
        verify_seconds: None,
        relative_error: instance.truth.as_ref().map(|truth| relative_error(&factors.product(), truth)),
        hidden_rmse: job.hidden.and_then(|hidden| hidden.rmse(factors)),
        ranks: found.ranks,
    })
}

/// ‖A(UVᵀ) − b‖ / ‖b‖, without writing UVᵀ out where entries were sampled.
fn misfit(map: &dyn MeasurementMap, b: &[f64], factors: &Factors) -> f64 {
    let mut fitted = vec![0.0; b.len()];
    map.apply_factored(factors, &mut fitted);
    let squares: Vec<f64> = fitted.iter().zip(b).map(|(fitted, b)| (fitted - b).powi(2)).collect();
    let size = dot(b, b);
    if size > 0.0 { (fixed_order_sum(&squares) / size).sqrt() } else { fixed_order_sum(&squares).sqrt() }
}
