//! One page about one or several runs.

use crate::errors::{raised, unreadable};
use crate::fit::factors;
use numpy::PyReadonlyArray2;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::path::PathBuf;
use thalweg::data::ImageShape;
use thalweg_lab::{HistoryRow, Labels, PictureOptions, PixelOrder, RunDir, RunView, Views};

/// A fit in memory.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct FitInMemory<'py> {
    name: String,
    manifest: String,
    audit: Option<String>,
    history: PyReadonlyArray2<'py, f64>,
    u: PyReadonlyArray2<'py, f64>,
    v: PyReadonlyArray2<'py, f64>,
    row_labels: Option<Vec<String>>,
    column_labels: Option<Vec<String>>,
}

/// A run on disk, or a fit in memory.
#[derive(FromPyObject)]
pub enum Run<'py> {
    Directory(PathBuf),
    Fit(FitInMemory<'py>),
}

impl FitInMemory<'_> {
    fn view(self) -> PyResult<RunView> {
        Ok(RunView {
            name: self.name,
            manifest: serde_json::from_str(&self.manifest).map_err(unreadable)?,
            audit: self.audit.map(|audit| serde_json::from_str(&audit)).transpose().map_err(unreadable)?,
            history: self.history.as_array().rows().into_iter().map(|row| measured(&row.to_vec())).collect(),
            factors: factors(&self.u, &self.v)?,
            labels: Labels { rows: self.row_labels, cols: self.column_labels },
        })
    }
}

/// A row of the history as `fit` gave it.
fn measured(row: &[f64]) -> HistoryRow {
    let known = |x: f64| Some(x).filter(|x| !x.is_nan());
    HistoryRow {
        restart: row[0] as usize,
        seconds: row[1],
        iteration: row[2] as usize,
        objective: row[3],
        kkt: known(row[4]),
        holdout_rmse: known(row[5]),
    }
}

fn order(name: &str) -> PyResult<PixelOrder> {
    match name {
        "rows" => Ok(PixelOrder::Rows),
        "columns" => Ok(PixelOrder::Columns),
        other => Err(PyValueError::new_err(format!("image_order is {other:?}, expected 'rows' or 'columns'"))),
    }
}

/// Writes the page and its figures; returns their paths.
#[pyfunction]
pub fn report(
    runs: Vec<Run<'_>>,
    html: PathBuf,
    image_shape: Option<(usize, usize)>,
    image_order: &str,
    images: Vec<usize>,
) -> PyResult<(PathBuf, Vec<PathBuf>)> {
    let shape = image_shape.map(|(height, width)| ImageShape { height, width });
    let pictures = PictureOptions { shape, order: order(image_order)?, which: images };
    let directories: Option<Vec<RunDir>> =
        runs.iter().map(|run| if let Run::Directory(path) = run { Some(RunDir::new(path)) } else { None }).collect();
    let views = match directories {
        Some(directories) => Views::open(&directories, &pictures).map_err(raised)?,
        None => Views::Fits(runs.into_iter().map(view).collect::<PyResult<_>>()?),
    };
    let written = views.write(&html).map_err(raised)?;
    Ok((written.html, written.figures))
}

fn view(run: Run<'_>) -> PyResult<RunView> {
    match run {
        Run::Directory(path) => RunView::open(&RunDir::new(path)).map_err(raised),
        Run::Fit(fit) => fit.view(),
    }
}
