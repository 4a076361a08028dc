//! A fit and what is done with it.

use crate::data::Data;
use crate::errors::{fit_raised, raised, unreadable};
use crate::interrupt::{interruptible, thread_count, time_limit, until_stopped};
use numpy::{Element, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use thalweg::certificate::constrained_stationarity;
use thalweg::data::{Precision, ReadOptions};
use thalweg::problem::{FactorPenalty, Loss, Penalty, RowSet, ScaledPenalty};
use thalweg::solver::nmf::{DIVERGENCE_METHODS, INITS, NMF_METHODS, transform_constrained};
use thalweg::{Error, Factors, Side};
use thalweg_lab::{FitJob, FitSettings, Fitted, Given, HistoryRow, InputRecord, Manifest, Needs, batch_size};

/// What Python asks for; what it leaves out is chosen as on the command line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    rank: usize,
    method: Option<String>,
    init: Option<String>,
    loss: Loss,
    penalty: Penalty,
    u_rows: RowSet,
    v_rows: RowSet,
    biases: bool,
    restarts: usize,
    seed: u64,
    max_iters: usize,
    tol: f64,
    holdout: Option<f64>,
    batch_size: Option<usize>,
    max_time: Option<f64>,
}

impl Asked {
    /// Settings for these data.
    fn settings(&self, data: &Data, has_start: bool) -> Result<FitSettings, Error> {
        let needs = Needs {
            data: thalweg_lab::Held::Memory(data.matrix()),
            rank: self.rank,
            loss: self.loss,
            row_sets: [self.u_rows, self.v_rows],
            is_penalised: !self.penalty.is_none(),
            holds_out: self.holdout.is_some(),
            has_given: self.biases || has_start,
        };
        let (about, why) = needs.method(self.method.as_deref())?;
        Ok(FitSettings {
            rank: self.rank,
            method: about.name.to_owned(),
            method_reason: why.map(str::to_owned),
            init: self.init.clone().unwrap_or_else(|| needs.start(&about).name().to_owned()),
            // a start that is given came from nowhere on disk
            start: has_start.then(PathBuf::new),
            loss: self.loss,
            penalty: self.penalty,
            u_rows: self.u_rows,
            v_rows: self.v_rows,
            fix_u: None,
            fix_v: None,
            biases: self.biases,
            precision: data.dataset.precision,
            restarts: self.restarts.max(1),
            seed: self.seed,
            max_iters: about.iterations.unwrap_or(self.max_iters),
            tol: self.tol,
            holdout: self.holdout,
            batch_size: batch_size(about.order, self.batch_size)?,
            stream: false,
        })
    }
}

/// U and V as factors of so many rows and columns.
pub fn factors(u: &PyReadonlyArray2<'_, f64>, v: &PyReadonlyArray2<'_, f64>) -> PyResult<Factors> {
    let (u, v) = (u.as_array(), v.as_array());
    if u.ncols() != v.ncols() {
        return Err(raised(Error::Shape { what: "V", expected: (v.nrows(), u.ncols()), got: v.dim() }));
    }
    Factors::new(u.nrows(), v.nrows(), u.ncols(), u.iter().chain(v.iter()).copied().collect()).map_err(raised)
}

/// Row-major numbers as an array of so many columns, without a copy.
pub fn array<T: Element>(py: Python<'_>, values: Vec<T>, cols: usize) -> PyResult<Bound<'_, PyArray2<T>>> {
    let rows = values.len() / cols.max(1);
    PyArray1::from_vec(py, values).reshape([rows, cols])
}

/// U above V in one array, in the precision of the data.
fn stacked<'py>(py: Python<'py>, factors: &Factors, precision: Precision) -> PyResult<Bound<'py, PyAny>> {
    Ok(match precision {
        Precision::F64 => array(py, factors.as_slice().to_vec(), factors.rank())?.into_any(),
        Precision::F32 => array(py, factors.as_slice().iter().map(|&x| x as f32).collect(), factors.rank())?.into_any(),
    })
}

/// restart, seconds, iteration, objective, kkt, held-out RMSE; NaN where nothing was measured.
fn history<'py>(py: Python<'py>, fitted: &Fitted) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let row = |h: &HistoryRow| {
        let known = |x: Option<f64>| x.unwrap_or(f64::NAN);
        [h.restart as f64, h.seconds, h.iteration as f64, h.objective, known(h.kkt), known(h.holdout_rmse)]
    };
    array(py, fitted.answers.iter().flat_map(|a| &a.history).flat_map(row).collect(), 6)
}

/// The manifest as JSON, each restart's U above V, the measurements on the way, and the exception that ended the fit early.
type Found<'py> = (String, Vec<Bound<'py, PyAny>>, Bound<'py, PyArray2<f64>>, Option<PyErr>);

/// Fits.
#[pyfunction]
#[pyo3(signature = (data, asked, start=None, threads=None))]
pub fn fit<'py>(
    py: Python<'py>,
    data: Py<Data>,
    asked: &str,
    start: Option<(PyReadonlyArray2<'py, f64>, PyReadonlyArray2<'py, f64>)>,
    threads: Option<usize>,
) -> PyResult<Found<'py>> {
    let asked: Asked = serde_json::from_str(asked).map_err(unreadable)?;
    let (threads, max_time) = (thread_count(threads)?, time_limit(asked.max_time)?);
    let start = start.map(|(u, v)| factors(&u, &v)).transpose()?;
    let precision = data.get().dataset.precision;
    let work = move |stop: &AtomicBool| {
        let data = data.get();
        let settings = asked.settings(data, start.is_some())?;
        let input = InputRecord::new(PathBuf::new(), ReadOptions::default(), &data.dataset);
        thalweg_lab::fit(FitJob {
            manifest: Manifest { schema: 1, thalweg: env!("CARGO_PKG_VERSION").to_owned(), input, settings, threads, result: None },
            data: thalweg_lab::FitData::Memory(&data.dataset),
            given: Given { start, ..Given::default() },
            keep: None,
            // an audit proves it
            bound: false,
            max_time,
            stop,
            observe: &|_, _, _| (),
        })
    };
    let ended = until_stopped(py, threads, work)?;
    let fitted = ended.value.map_err(fit_raised)?;
    let manifest = serde_json::to_string(&fitted.manifest).expect("records hold plain values");
    let answers = fitted.answers.iter().map(|a| stacked(py, &a.factors, precision)).collect::<PyResult<_>>()?;
    let history = history(py, &fitted)?;
    Ok((manifest, answers, history, ended.interrupt))
}

/// The V of a fit with as many rows of zeros above it as there are new rows.
fn model(rows: usize, v: &PyReadonlyArray2<'_, f64>) -> PyResult<Factors> {
    let v = v.as_array();
    let buffer = std::iter::repeat_n(0.0, rows * v.ncols()).chain(v.iter().copied()).collect();
    Factors::new(rows, v.nrows(), v.ncols(), buffer).map_err(raised)
}

/// U of new rows on the V of a fit, under its settings and with the penalty that its rows paid (both as JSON of its manifest).
#[pyfunction]
#[pyo3(signature = (data, v, settings, penalty, threads=None))]
pub fn transform<'py>(
    py: Python<'py>,
    data: Py<Data>,
    v: PyReadonlyArray2<'py, f64>,
    settings: &str,
    penalty: &str,
    threads: Option<usize>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let settings: FitSettings = serde_json::from_str(settings).map_err(unreadable)?;
    let penalty: ScaledPenalty = serde_json::from_str(penalty).map_err(unreadable)?;
    let (rows, _) = data.get().matrix().shape();
    let model = model(rows, &v)?;
    let work = move |_: &AtomicBool| {
        let constraints = settings.constraints_of_new_rows(&model, rows, None, &Given::default())?;
        transform_constrained(data.get().matrix(), &model, &constraints, settings.loss, penalty)
    };
    let folded = interruptible(py, thread_count(threads)?, work)?.map_err(raised)?;
    array(py, folded.side(Side::U).to_vec(), folded.rank())
}

/// What the data say of these factors: objective, its part that is penalty, relative error, and residual; rows of V pay nothing.
#[pyfunction]
#[pyo3(signature = (data, u, v, settings, penalty, threads=None))]
pub fn evaluate<'py>(
    py: Python<'py>,
    data: Py<Data>,
    u: PyReadonlyArray2<'py, f64>,
    v: PyReadonlyArray2<'py, f64>,
    settings: &str,
    penalty: &str,
    threads: Option<usize>,
) -> PyResult<Bound<'py, PyDict>> {
    let settings: FitSettings = serde_json::from_str(settings).map_err(unreadable)?;
    let penalty: ScaledPenalty = serde_json::from_str(penalty).map_err(unreadable)?;
    let factors = factors(&u, &v)?;
    let of_rows = ScaledPenalty { v: FactorPenalty::default(), ..penalty };
    let work = move |_: &AtomicBool| {
        let constraints = settings.constraints_of_new_rows(&factors, factors.rows(), None, &Given::default())?;
        constrained_stationarity(data.get().matrix(), &factors, &constraints, settings.loss, &of_rows)
    };
    let found = interruptible(py, thread_count(threads)?, work)?.map_err(raised)?;
    let record = PyDict::new(py);
    record.set_item("objective", found.objective)?;
    record.set_item("penalty", found.penalty)?;
    record.set_item("relative_error", found.relative_error)?;
    record.set_item("kkt", found.kkt)?;
    Ok(record)
}

/// The names of methods, of methods for other losses than least squares, and of starts.
#[pyfunction]
pub fn names() -> (Vec<&'static str>, Vec<&'static str>, Vec<&'static str>) {
    let methods = NMF_METHODS.iter().map(|m| m.about().name).collect();
    (methods, DIVERGENCE_METHODS.iter().map(|m| m.about().name).collect(), INITS.iter().map(|i| i.name()).collect())
}
