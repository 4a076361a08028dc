//! Low-rank recovery and its certificates.

use crate::data::Data;
use crate::errors::{raised, unreadable};
use crate::fit::array;
use crate::interrupt::{Ended, interruptible, thread_count, time_limit, until_stopped};
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Deserialize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use thalweg::certificate::certify_robust_pca;
use thalweg::certificate::recovery::{leading_factors, verify as prove};
use thalweg::data::{Instance, InstanceKind, Measurements};
use thalweg::map::{MeasurementMap, map_of};
use thalweg::problem::{Domain, Fidelity, Norm, Recovered, Recovery, RecoveryStatus, RobustPca, Witness};
use thalweg::solver::Stop;
use thalweg::solver::convex::recover as solve;
use thalweg::solver::convex::robust_pca::{RobustPcaOptions, solve_robust_pca_unless};
use thalweg::{Error, Factors};
use thalweg_lab::{judged, judged_separation, recovery_problem};

/// What was measured of a matrix.
#[pyclass(frozen, name = "Instance", module = "thalweg._thalweg")]
pub struct Measured {
    pub kind: InstanceKind,
    pub instance: Instance,
}

fn measured(kind: InstanceKind, shape: (usize, usize), measurements: Measurements, b: Vec<f64>) -> PyResult<Measured> {
    let instance = Instance { shape, measurements, b, truth: None, sha256: String::new() };
    map_of(&instance).map_err(raised)?;
    Ok(Measured { kind, instance })
}

pub fn numbers(array: &PyReadonlyArray2<'_, f64>) -> Vec<f64> {
    array.as_array().iter().copied().collect()
}

#[pymethods]
impl Measured {
    /// bᵢ = ⟨Aᵢ, X⟩: A of shape (p, d1, d2).
    #[staticmethod]
    fn sensing(a: PyReadonlyArray3<'_, f64>, b: PyReadonlyArray1<'_, f64>) -> PyResult<Self> {
        let shape = (a.shape()[1], a.shape()[2]);
        measured(InstanceKind::Sensing, shape, Measurements::Dense(a.as_array().iter().copied().collect()), b.as_array().to_vec())
    }

    /// bᵢ = aᵢᵀ X cᵢ: a of shape (p, d1), c of shape (p, d2).
    #[staticmethod]
    fn bilinear(a: PyReadonlyArray2<'_, f64>, c: PyReadonlyArray2<'_, f64>, b: PyReadonlyArray1<'_, f64>) -> PyResult<Self> {
        let shape = (a.shape()[1], c.shape()[1]);
        measured(InstanceKind::Bilinear, shape, Measurements::Bilinear(numbers(&a), numbers(&c)), b.as_array().to_vec())
    }

    /// bᵢ = xᵢᵀ X xᵢ with X symmetric: x of shape (p, d).
    #[staticmethod]
    fn quadratic(x: PyReadonlyArray2<'_, f64>, b: PyReadonlyArray1<'_, f64>) -> PyResult<Self> {
        measured(InstanceKind::Quadratic, (x.shape()[1], x.shape()[1]), Measurements::Quadratic(numbers(&x)), b.as_array().to_vec())
    }

    /// The observed entries of a matrix.
    #[staticmethod]
    fn completion(data: &Data) -> PyResult<Self> {
        let shape = data.matrix().shape();
        let (mut rows, mut cols, mut b) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..shape.0 {
            for (j, value, _) in data.matrix().observed_entries(i) {
                rows.push(i as u32);
                cols.push(j as u32);
                b.push(value);
            }
        }
        measured(InstanceKind::Completion, shape, Measurements::Entries(rows, cols), b)
    }

    /// d1 and d2.
    #[getter]
    fn shape(&self) -> (usize, usize) {
        self.instance.shape
    }

    /// p.
    #[getter]
    fn measurements(&self) -> usize {
        self.instance.b.len()
    }
}

/// What is minimised, and when it is found.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Aim {
    objective: Norm,
    fidelity: Fidelity,
    positive: bool,
    max_iters: usize,
    tol: f64,
    max_time: Option<f64>,
}

impl Aim {
    fn problem<'a>(&self, map: &'a dyn MeasurementMap, b: &'a [f64]) -> Result<Recovery<'a>, Error> {
        // a symmetric map has symmetric solutions by itself
        let domain = if self.positive { Domain::PositiveSemidefinite } else { Domain::General };
        recovery_problem(map, b, self.objective, self.fidelity, domain)
    }
}

/// A record as a dictionary.
fn dictionary<'py>(py: Python<'py>, record: &impl serde::Serialize) -> PyResult<Bound<'py, PyDict>> {
    let text = serde_json::to_string(record).expect("records hold plain values");
    Ok(py.import("json")?.call_method1("loads", (text,))?.cast_into::<PyDict>()?)
}

/// A record of what was found, and the exception that ended the work early.
type Found<'py> = (Bound<'py, PyDict>, Option<PyErr>);

/// Recovers X, and says of it what can be recomputed; `X`, `multiplier` and a witness are arrays.
#[pyfunction]
#[pyo3(signature = (measured, aim, threads=None))]
pub fn recover<'py>(py: Python<'py>, measured: Py<Measured>, aim: &str, threads: Option<usize>) -> PyResult<Found<'py>> {
    let aim: Aim = serde_json::from_str(aim).map_err(unreadable)?;
    let ((_, cols), max_time) = (measured.get().instance.shape, time_limit(aim.max_time)?);
    let work = move |flag: &AtomicBool| {
        let instance = &measured.get().instance;
        let map = map_of(instance)?;
        let problem = aim.problem(&*map, &instance.b)?;
        let begin = Instant::now();
        let stop = Stop { max_iters: aim.max_iters, max_time, tol: aim.tol };
        let mut watch = |_: &_, _| if flag.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let found = solve(&problem, &stop, &mut watch)?;
        let record = judged(&problem, &found, begin.elapsed().as_secs_f64());
        Ok((found, record))
    };
    let Ended { value, interrupt } = until_stopped(py, thread_count(threads)?, work)?;
    let (found, judged) = value.map_err(raised)?;
    let record = dictionary(py, &judged)?;
    arrays(py, &record, found, cols)?;
    Ok((record, interrupt))
}

fn arrays(py: Python<'_>, record: &Bound<'_, PyDict>, found: Recovered, cols: usize) -> PyResult<()> {
    record.set_item("X", array(py, found.x, cols)?)?;
    record.set_item("multiplier", PyArray1::from_vec(py, found.multiplier))?;
    let (second, contradiction) = match found.witness {
        Some(Witness::SecondSolution(x)) => (Some(array(py, x, cols)?), None),
        Some(Witness::Multiplier(y)) => (None, Some(PyArray1::from_vec(py, y))),
        None => (None, None),
    };
    record.set_item("second", second)?;
    record.set_item("contradiction", contradiction)
}

/// What is proved of X from the measurements and a multiplier, by code that shares nothing with the solver.
#[pyfunction]
#[pyo3(signature = (measured, aim, x, rank, multiplier, threads=None))]
pub fn verify<'py>(
    py: Python<'py>,
    measured: Py<Measured>,
    aim: &str,
    x: PyReadonlyArray2<'py, f64>,
    rank: usize,
    multiplier: PyReadonlyArray1<'py, f64>,
    threads: Option<usize>,
) -> PyResult<Bound<'py, PyDict>> {
    let aim: Aim = serde_json::from_str(aim).map_err(unreadable)?;
    let (d1, d2) = measured.get().instance.shape;
    if x.as_array().dim() != (d1, d2) {
        return Err(raised(Error::Shape { what: "X", expected: (d1, d2), got: x.as_array().dim() }));
    }
    let (x, y) = (numbers(&x), multiplier.as_array().to_vec());
    let work = move |_: &AtomicBool| {
        let instance = &measured.get().instance;
        let map = map_of(instance)?;
        let factors = leading_factors(&x, (d1, d2), rank).unwrap_or_else(|| Factors::zeros(d1, d2, 0));
        prove(&aim.problem(&*map, &instance.b)?, &factors, &y)
    };
    let verdict = interruptible(py, thread_count(threads)?, work)?.map_err(raised)?;
    let record = dictionary(py, &verdict)?;
    record.set_item("why", verdict.unproved.map(|unproved| unproved.why()))?;
    Ok(record)
}

/// Low rank plus sparse, and what is proved of it.
#[pyfunction]
#[pyo3(signature = (y, weight, max_iters, tol, max_time=None, certify=true, threads=None))]
#[expect(clippy::too_many_arguments, reason = "the arguments of the Python function")]
pub fn robust_pca<'py>(
    py: Python<'py>,
    y: PyReadonlyArray2<'py, f64>,
    weight: Option<f64>,
    max_iters: usize,
    tol: f64,
    max_time: Option<f64>,
    certify: bool,
    threads: Option<usize>,
) -> PyResult<Found<'py>> {
    let (rows, cols) = y.as_array().dim();
    let threads = thread_count(threads)?;
    let problem = Arc::new(RobustPca::new(rows, cols, numbers(&y), weight).map_err(raised)?);
    let options = RobustPcaOptions { max_iters, tol, max_time: time_limit(max_time)? };
    let solving = Arc::clone(&problem);
    let Ended { value: found, mut interrupt } =
        until_stopped(py, threads, move |stop| solve_robust_pca_unless(&solving, &options, &|| stop.load(Ordering::Relaxed)))?;
    let found = Arc::new(found);
    let mut certificate = None;
    if interrupt.is_none() {
        let (problem, found) = (Arc::clone(&problem), Arc::clone(&found));
        match interruptible(py, threads, move |_| certify_robust_pca(&problem, &found.low_rank, &found.dual, None)) {
            Ok(proved) => certificate = Some(proved.map_err(raised)?),
            // what was found stays, unproved
            Err(signal) => interrupt = Some(signal),
        }
    }
    let record = PyDict::new(py);
    let status = certificate.as_ref().map_or(RecoveryStatus::Stopped, |certificate| judged_separation(found.status, certificate, tol));
    record.set_item("status", serde_json::to_value(status).expect("a word").as_str())?;
    record.set_item("objective", problem.objective(&found.low_rank))?;
    record.set_item("rank", found.low_rank.singular_values.len())?;
    record.set_item("iterations", found.iterations)?;
    record.set_item("weight", problem.lambda())?;
    record.set_item("low_rank", array(py, found.low_rank.to_dense(rows, cols), cols)?)?;
    record.set_item("sparse", array(py, problem.sparse_part(&found.low_rank, found.floor), cols)?)?;
    record.set_item("components", array(py, found.low_rank.v.clone(), found.low_rank.singular_values.len())?)?;
    record.set_item("certificate", certificate.filter(|_| certify).map(|certificate| dictionary(py, &certificate)).transpose()?)?;
    Ok((record, interrupt))
}
