//! The landscape of any function of Python.

use crate::errors::raised;
use crate::fit::array;
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use std::sync::Mutex;
use thalweg::Error;
use thalweg::geometry::{convexity_lengths, gradient_cosine, hessian_eigenvalues, hessian_trace, random_directions, sampled_line, sampled_plane};
use thalweg::problem::{BlackBox, Gradient, Objective};

/// A function of a flat vector, with its gradient where there is one, at a point.
#[pyclass(frozen, name = "Probe", module = "thalweg._thalweg")]
pub struct Function {
    value: Py<PyAny>,
    gradient: Option<Py<PyAny>>,
    at: Vec<f64>,
}

impl Function {
    /// What `look` sees of the function; an exception that Python raised meanwhile comes first.
    fn seen<T>(&self, look: impl FnOnce(&dyn Objective, &[f64]) -> Result<T, Error>) -> PyResult<T> {
        let exception = Mutex::new(None);
        // once it raised, it is not called again
        let answer = |call: &dyn Fn() -> PyResult<f64>| {
            let mut exception = exception.lock().expect("nothing panics while it holds the exception");
            if exception.is_some() {
                return f64::NAN;
            }
            call().unwrap_or_else(|raised| {
                *exception = Some(raised);
                f64::NAN
            })
        };
        let value = |x: &[f64]| answer(&|| Python::attach(|py| self.value.call1(py, (PyArray1::from_slice(py, x),))?.extract(py)));
        let known = self.gradient.as_ref().map(|gradient| {
            move |x: &[f64], out: &mut [f64]| -> PyResult<f64> {
                Python::attach(|py| {
                    let (value, slope): (f64, PyReadonlyArray1<'_, f64>) = gradient.call1(py, (PyArray1::from_slice(py, x),))?.extract(py)?;
                    let slope = slope.as_array();
                    if slope.len() != out.len() {
                        return Err(raised(Error::Shape { what: "the gradient", expected: (out.len(), 1), got: (slope.len(), 1) }));
                    }
                    out.iter_mut().zip(slope).for_each(|(out, slope)| *out = *slope);
                    Ok(value)
                })
            }
        });
        let with_gradient = known.as_ref().map(|known| {
            |x: &[f64], out: &mut [f64]| {
                let slope = Mutex::new(vec![f64::NAN; out.len()]);
                let value = answer(&|| known(x, &mut slope.lock().expect("only this thread has it")));
                out.copy_from_slice(&slope.lock().expect("only this thread has it"));
                value
            }
        });
        let objective = BlackBox::new(self.at.len(), &value, with_gradient.as_ref().map(|g| g as &Gradient<'_>));
        let seen = look(&objective, &self.at);
        match exception.into_inner().expect("nothing panics while it holds the exception") {
            Some(exception) => Err(exception),
            None => seen.map_err(raised),
        }
    }
}

fn vector(x: &PyReadonlyArray1<'_, f64>) -> Vec<f64> {
    x.as_array().to_vec()
}

/// A record as JSON.
fn json(record: &impl serde::Serialize) -> String {
    serde_json::to_string(record).expect("records hold plain values")
}

#[pymethods]
impl Function {
    /// `gradient` returns the value and the gradient.
    #[new]
    #[pyo3(signature = (value, at, gradient=None))]
    fn new(value: Py<PyAny>, at: PyReadonlyArray1<'_, f64>, gradient: Option<Py<PyAny>>) -> Self {
        Function { value, gradient, at: vector(&at) }
    }

    /// The value at the point.
    fn value(&self) -> PyResult<f64> {
        self.seen(|f, x| Ok(f.value(x)))
    }

    /// Values on the segment to another point.
    fn line<'py>(&self, py: Python<'py>, to: PyReadonlyArray1<'py, f64>, points: usize) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let to = vector(&to);
        Ok(PyArray1::from_vec(py, self.seen(|f, x| sampled_line(f, x, &to, points))?))
    }

    /// Values on the square spanned by two directions.
    fn plane<'py>(
        &self,
        py: Python<'py>,
        a: PyReadonlyArray1<'py, f64>,
        b: PyReadonlyArray1<'py, f64>,
        points: usize,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let (a, b) = (vector(&a), vector(&b));
        array(py, self.seen(|f, x| sampled_plane(f, x, (&a, &b), points))?, points)
    }

    /// dᵀHd.
    fn curvature(&self, d: PyReadonlyArray1<'_, f64>) -> PyResult<f64> {
        let d = self.direction(&d)?;
        self.seen(|f, x| Ok(f.curvature(x, &d)))
    }

    /// The cosine between the negative gradient and a direction.
    fn cosine(&self, d: PyReadonlyArray1<'_, f64>) -> PyResult<Option<f64>> {
        let d = self.direction(&d)?;
        self.seen(|f, x| Ok(gradient_cosine(f, x, &d).raw))
    }

    /// How far it is convex along each direction.
    fn convexity_lengths(&self, directions: PyReadonlyArray2<'_, f64>, reach: f64, points: usize) -> PyResult<String> {
        let directions: Vec<Vec<f64>> = directions.as_array().rows().into_iter().map(|d| d.to_vec()).collect();
        Ok(json(&self.seen(|f, x| convexity_lengths(f, x, &directions, reach, points))?))
    }

    /// The trace of the Hessian.
    fn hessian_trace(&self, samples: usize, seed: u64) -> PyResult<String> {
        Ok(json(&self.seen(|f, x| hessian_trace(f, x, samples, seed))?))
    }

    /// The largest eigenvalues of the Hessian.
    fn hessian_eigenvalues(&self, count: usize, products: usize, seed: u64) -> PyResult<String> {
        Ok(json(&self.seen(|f, x| hessian_eigenvalues(f, x, count, products, seed))?))
    }

    /// Directions of length 1, one in each row.
    fn directions<'py>(&self, py: Python<'py>, count: usize, seed: u64) -> PyResult<Bound<'py, PyArray2<f64>>> {
        array(py, random_directions(self.at.len(), count, seed).concat(), self.at.len())
    }
}

impl Function {
    fn direction(&self, d: &PyReadonlyArray1<'_, f64>) -> PyResult<Vec<f64>> {
        let d = vector(d);
        if d.len() == self.at.len() {
            Ok(d)
        } else {
            Err(raised(Error::Shape { what: "a direction", expected: (self.at.len(), 1), got: (d.len(), 1) }))
        }
    }
}
