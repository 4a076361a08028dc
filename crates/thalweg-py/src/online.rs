//! NMF of rows that come in blocks.

use crate::data::Data;
use crate::errors::raised;
use crate::fit::array;
use crate::interrupt::{interruptible, thread_count};
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use std::sync::atomic::AtomicBool;
use thalweg::problem::Statistics;
use thalweg::solver::nmf::Online;

/// V, and the sums G and C over all rows that it has seen.
type State<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray2<f64>>);
/// The same, as it comes back.
type Given<'py> = (PyReadonlyArray2<'py, f64>, PyReadonlyArray1<'py, f64>, PyReadonlyArray2<'py, f64>);

/// V after a block of rows more; without a state the block is the first.
#[pyfunction]
#[pyo3(signature = (data, rank, seed, state=None, threads=None))]
pub fn absorb<'py>(
    py: Python<'py>,
    data: Py<Data>,
    rank: usize,
    seed: u64,
    state: Option<Given<'py>>,
    threads: Option<usize>,
) -> PyResult<State<'py>> {
    let online = match &state {
        None => Online::start(data.get().matrix(), rank, seed),
        Some((v, gram, cross)) => {
            let statistics = Statistics { gram: gram.as_array().to_vec(), cross: cross.as_array().iter().copied().collect() };
            Online::resume(v.shape()[0], rank, v.as_array().iter().copied().collect(), statistics)
        }
    };
    let mut online = online.map_err(raised)?;
    let work = move |_: &AtomicBool| online.absorb(data.get().matrix()).map(|()| online);
    let online = interruptible(py, thread_count(threads)?, work)?.map_err(raised)?;
    let sums = online.statistics().expect("a block was seen");
    let v = array(py, online.v().to_vec(), rank)?;
    Ok((v, PyArray1::from_slice(py, &sums.gram), array(py, sums.cross.clone(), rank)?))
}
