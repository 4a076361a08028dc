//! Recovery in factors: for matrices that are too large to be written out, and for a rank that is known.

use super::{RecoverJob, RecoverRecord};
use crate::FitError;
use serde::{Deserialize, Serialize};
use std::time::Instant;
use thalweg::data::write_factors;
use thalweg::linalg::{dot, fixed_order_sum, relative_error};
use thalweg::map::MeasurementMap;
use thalweg::problem::{Domain, Factored};
use thalweg::solver::factored::{FACTORED_METHODS, FactoredRun, factored_method, spectral_start};
use thalweg::solver::{Iteration, Solution, Stop, run};
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
    let relative_residual = misfit(map, &instance.b, factors);
    Ok(RecoverRecord {
        status: found.status.into(),
        objective: 0.5 * relative_residual.powi(2) * dot(&instance.b, &instance.b),
        relative_residual,
        rank: factors.rank(),
        verdict: None,
        nothing_fits_below: None,
        nothing_fits: None,
        iterations: found.progress.iteration,
        seconds,
        verify_seconds: None,
        relative_error: instance.truth.as_ref().map(|truth| relative_error(&factors.product(), truth)),
        hidden_rmse: job.hidden.and_then(|hidden| hidden.rmse(factors)),
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
