//! Audits, lines and surveys of ranks, as JSON.

use crate::data::Data;
use crate::errors::{raised, unreadable};
use crate::fit::factors;
use crate::interrupt::{interruptible, thread_count};
use numpy::PyReadonlyArray2;
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use thalweg::audit::{Answer, AuditSettings, RankSettings, Status, audit_unless, survey_ranks_unless, usual_fraction};
use thalweg::data::hold_out;
use thalweg::problem::Penalty;
use thalweg_lab::{FitSettings, Given};

pub fn json(record: &impl Serialize) -> String {
    serde_json::to_string(record).expect("records hold plain values")
}

/// U, V and the status of one restart.
type Restart<'py> = (PyReadonlyArray2<'py, f64>, PyReadonlyArray2<'py, f64>, String);

fn status(word: &str) -> PyResult<Status> {
    serde_json::from_value(word.into()).map_err(unreadable)
}

/// Everything that can be said of the restarts of a fit from its data.
#[pyfunction]
#[pyo3(signature = (data, restarts, settings, lines, points, seed, threads=None))]
#[expect(clippy::too_many_arguments, reason = "the arguments of the Python function")]
pub fn audit(
    py: Python<'_>,
    data: Py<Data>,
    restarts: Vec<Restart<'_>>,
    settings: &str,
    lines: usize,
    points: usize,
    seed: u64,
    threads: Option<usize>,
) -> PyResult<String> {
    let settings: FitSettings = serde_json::from_str(settings).map_err(unreadable)?;
    let answer = |(u, v, word): &Restart<'_>| Ok(Answer { factors: factors(u, v)?, status: status(word)? });
    let answers = restarts.iter().map(answer).collect::<PyResult<Vec<_>>>()?;
    let work = move |stop: &AtomicBool| {
        // as the fit saw them
        let matrix = data.get().matrix();
        let held = settings.holdout.map(|fraction| hold_out(matrix, fraction, settings.seed)).transpose()?;
        let training = held.as_ref().map_or(matrix, |(training, _)| training);
        let constraints = settings.constraints(&Given::default(), training)?;
        let asked = AuditSettings { tol: settings.tol, lines, points, seed, penalty: settings.penalty, loss: settings.loss, constraints };
        audit_unless(training, &answers, &asked, &|| stop.load(Ordering::Relaxed))
    };
    let audit = interruptible(py, thread_count(threads)?, work)?.map_err(raised)?;
    Ok(json(&audit.expect("what a signal ended has raised")))
}

/// The exact loss on the segment from one pair of factors to another.
#[pyfunction]
pub fn line(
    py: Python<'_>,
    data: Py<Data>,
    a: (PyReadonlyArray2<'_, f64>, PyReadonlyArray2<'_, f64>),
    b: (PyReadonlyArray2<'_, f64>, PyReadonlyArray2<'_, f64>),
) -> PyResult<String> {
    let (a, b) = (factors(&a.0, &a.1)?, factors(&b.0, &b.1)?);
    let work = move |_: &AtomicBool| thalweg::geometry::line(data.get().matrix(), &a, &b);
    Ok(json(&interruptible(py, 1, work)?.map_err(raised)?))
}

/// What a survey of ranks is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Survey {
    first: usize,
    last: usize,
    repeats: u32,
    fraction: Option<f64>,
    restarts: usize,
    max_iters: usize,
    tol: f64,
    seed: u64,
    penalty: Penalty,
}

/// Held-out error, stability and spectrum for each rank.
#[pyfunction]
#[pyo3(signature = (data, asked, threads=None))]
pub fn rank_sweep(py: Python<'_>, data: Py<Data>, asked: &str, threads: Option<usize>) -> PyResult<String> {
    let Survey { first, last, repeats, fraction, restarts, max_iters, tol, seed, penalty } = serde_json::from_str(asked).map_err(unreadable)?;
    let work = move |stop: &AtomicBool| {
        let matrix = data.get().matrix();
        let fraction = fraction.unwrap_or_else(|| usual_fraction(matrix));
        let settings = RankSettings { first, last, repeats, fraction, restarts, max_iters, tol, seed, penalty };
        survey_ranks_unless(matrix, &settings, &|| stop.load(Ordering::Relaxed))
    };
    let report = interruptible(py, thread_count(threads)?, work)?.map_err(raised)?;
    Ok(json(&report.expect("what a signal ended has raised")))
}
