//! How flat the loss is at a pair of factors.

use crate::data::Data;
use crate::errors::{raised, unreadable};
use crate::evidence::json;
use crate::figures::Drawn;
use crate::fit::factors;
use crate::interrupt::{interruptible, thread_count};
use crate::recovery::{Measured, numbers};
use numpy::PyReadonlyArray2;
use pyo3::prelude::*;
use serde::Serialize;
use std::sync::atomic::AtomicBool;
use thalweg::{Error, Factors};
use thalweg_lab::{Effort, FitSettings, FlatnessRecord, Given, even_factors, flatness_of_fit, flatness_of_instance, flatness_of_matrix};

/// What the loss is made of.
#[derive(FromPyObject)]
pub enum Of {
    /// A matrix to factor.
    Data(Py<Data>),
    /// Measurements of one.
    Instance(Py<Measured>),
}

/// Where it is looked at.
#[derive(FromPyObject)]
pub enum At<'py> {
    /// At X of this rank, split evenly.
    Product(PyReadonlyArray2<'py, f64>, usize),
    /// At U and V.
    Factors(PyReadonlyArray2<'py, f64>, PyReadonlyArray2<'py, f64>),
}

impl At<'_> {
    fn factors(&self) -> PyResult<Factors> {
        match self {
            At::Factors(u, v) => factors(u, v),
            At::Product(x, rank) => even_factors(&numbers(x), x.as_array().dim(), *rank).map_err(raised),
        }
    }
}

/// What Python makes of it.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    record: &'a FlatnessRecord,
    sentence: String,
    words: String,
    figure: Drawn,
}

/// The flatness of the loss of data or measurements; with the settings of a fit that of what it made small.
#[pyfunction]
#[pyo3(signature = (of, at, settings, steps, seed, threads=None))]
pub fn flatness(py: Python<'_>, of: Of, at: At<'_>, settings: Option<&str>, steps: usize, seed: u64, threads: Option<usize>) -> PyResult<String> {
    let factors = at.factors()?;
    let settings: Option<FitSettings> = settings.map(serde_json::from_str).transpose().map_err(unreadable)?;
    let effort = Effort { steps, seed };
    let work = move |_: &AtomicBool| -> Result<FlatnessRecord, Error> {
        match (&of, settings) {
            (Of::Data(data), Some(settings)) => flatness_of_fit(data.get().matrix(), &settings, &Given::default(), &factors, effort),
            (Of::Data(data), None) => flatness_of_matrix(data.get().matrix(), &factors, effort),
            (Of::Instance(measured), _) => flatness_of_instance(measured.get().kind.name(), &measured.get().instance, &factors, effort),
        }
    };
    let record = interruptible(py, thread_count(threads)?, work)?.map_err(raised)?;
    Ok(json(&Document { sentence: record.sentence(), words: record.in_words(), figure: Drawn::of(record.figure()), record: &record }))
}
