//! Recovery in factors: for matrices that are too large to be written out, and for a rank that is known.

use super::{RecoverJob, RecoverRecord, relative_error};
use crate::FitError;
use serde::{Deserialize, Serialize};
use std::time::Instant;
use thalweg::certificate::recovery::relative_misfit;
use thalweg::data::{Instance, Measurements, write_factors};
use thalweg::linalg::{dot, fixed_order_sum};
use thalweg::map::MeasurementMap;
use thalweg::problem::{Domain, Factored, Norm, Recovery, RecoveryStatus};
use thalweg::solver::factored::{FACTORED_METHODS, FactoredRun, factored_method, spectral_start};
use thalweg::solver::{Iteration, Solution, Status, Stop, run};
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

/// Finds factors from the spectral start, judges them from the instance, and writes `solution.npz` with `U` and `V`.
pub(super) fn recover_in_factors(job: &RecoverJob<'_>, map: &dyn MeasurementMap, asked: &FactoredSettings) -> Result<RecoverRecord, FitError> {
    let settings = &job.manifest.settings;
    let problem = Factored::new(map, &job.instance.b, asked.rank, settings.domain == Domain::PositiveSemidefinite)?;
    let names = || FACTORED_METHODS.iter().map(|m| m.about().name).collect::<Vec<_>>().join(", ");
    let method = factored_method(&asked.method).ok_or_else(|| Error::Parameter {
        name: "method",
        expected: format!("one of {}", names()),
        got: asked.method.clone(),
    })?;
    // refuse what the method does not solve before a directory is made
    method.begin(&problem)?;
    super::take(job)?;
    let begin = Instant::now();
    let stop = Stop { max_iters: settings.max_iters, max_time: job.max_time, tol: settings.tol };
    let Some(start) = spectral_start(&problem, asked.seed) else {
        return Err(Error::Parameter { name: "method", expected: "convex: the spectral start broke down".into(), got: asked.method.clone() }.into());
    };
    let mut iteration = FactoredRun::start(&problem, method, &start)?;
    let found = run(&mut iteration, &stop, &mut |at: &FactoredRun<'_>, _| job.watch(&at.progress()));
    let seconds = begin.elapsed().as_secs_f64();
    write_factors(&job.dir.path().join("solution.npz"), &found.point).map_err(FitError::Output)?;
    judged(job, map, &found, seconds)
}

fn judged(job: &RecoverJob<'_>, map: &dyn MeasurementMap, found: &Solution<Factors>, seconds: f64) -> Result<RecoverRecord, FitError> {
    let (instance, factors) = (job.instance, &found.point);
    let relative_residual = misfit(instance, map, factors)?;
    Ok(RecoverRecord {
        status: status(found.status),
        objective: 0.5 * relative_residual.powi(2) * dot(&instance.b, &instance.b),
        relative_residual,
        rank: factors.rank(),
        verdict: None,
        nothing_fits_below: None,
        nothing_fits: None,
        iterations: found.progress.iteration,
        seconds,
        verify_seconds: None,
        relative_error: instance.truth.as_ref().map(|truth| relative_error(&product(factors), truth)),
        hidden_rmse: job.hidden.and_then(|hidden| hidden.rmse(factors)),
    })
}

/// ‖A(UVᵀ) − b‖ / ‖b‖, from the instance; without writing UVᵀ out where entries were sampled.
fn misfit(instance: &Instance, map: &dyn MeasurementMap, factors: &Factors) -> Result<f64, Error> {
    let Measurements::Entries(rows, cols) = &instance.measurements else {
        let problem = Recovery::new(map, &instance.b, Norm::Nuclear)?;
        return Ok(relative_misfit(&problem, &product(factors)));
    };
    let positions = rows.iter().zip(cols).zip(&instance.b);
    let squares: Vec<f64> = positions
        .map(|((&i, &j), b)| {
            let (u, v) = factors.row_pair(i as usize, j as usize);
            (u.iter().zip(v).map(|(u, v)| u * v).sum::<f64>() - b).powi(2)
        })
        .collect();
    let size = dot(&instance.b, &instance.b);
    Ok(if size > 0.0 { (fixed_order_sum(&squares) / size).sqrt() } else { 0.0 })
}

/// UVᵀ, row-major.
fn product(factors: &Factors) -> Vec<f64> {
    let (m, n) = (factors.rows(), factors.cols());
    let entry = |at: usize| {
        let (u, v) = factors.row_pair(at / n, at % n);
        u.iter().zip(v).map(|(u, v)| u * v).sum()
    };
    (0..m * n).map(entry).collect()
}

fn status(status: Status) -> RecoveryStatus {
    match status {
        Status::Converged => RecoveryStatus::Converged,
        Status::MaxIters => RecoveryStatus::MaxIters,
        Status::TimeLimit => RecoveryStatus::TimeLimit,
        Status::Stalled => RecoveryStatus::Stalled,
        Status::Breakdown => RecoveryStatus::Breakdown,
        Status::Stopped => RecoveryStatus::Stopped,
    }
}
