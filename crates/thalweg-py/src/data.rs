//! Arrays as matrices of the library.

use crate::borrowed::Borrowed;
use crate::errors::raised;
use numpy::{Element, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::sync::Arc;
use thalweg::data::{Dataset, Dense, Duplicates, Matrix, Observed, Precision, Sparse, Triplet};
use thalweg::linalg::Real;

/// A matrix to factor; NaN is an entry that was not observed.
#[pyclass(frozen, module = "thalweg._thalweg")]
pub struct Data {
    pub dataset: Dataset,
}

impl Data {
    fn new(matrix: Matrix<f64>, precision: Precision) -> Self {
        Data { dataset: Dataset::in_memory(matrix, precision) }
    }

    pub fn matrix(&self) -> &Matrix<f64> {
        &self.dataset.matrix
    }
}

#[pymethods]
impl Data {
    /// A dense array of float64, used where it is if it is C-ordered and has no NaN, or of float32, which is widened.
    #[staticmethod]
    fn dense(array: &Bound<'_, PyAny>) -> PyResult<Data> {
        if let Ok(array) = array.cast::<PyArray2<f64>>() {
            return Ok(Data::new(dense(array)?, Precision::F64));
        }
        let Ok(array) = array.cast::<PyArray2<f32>>() else {
            return Err(PyTypeError::new_err("expected a two-dimensional array of float64 or float32"));
        };
        let (rows, cols) = shape(array);
        let values = array.readonly().as_array().iter().map(|&x| f64::from(x)).collect();
        Ok(Data::new(with_missing(rows, cols, values)?, Precision::F32))
    }

    /// Compressed rows as SciPy has them; what is not stored is zero, or with `absent` unobserved. Entries listed twice are added.
    #[staticmethod]
    fn sparse(
        shape: (usize, usize),
        starts: PyReadonlyArray1<'_, i64>,
        columns: PyReadonlyArray1<'_, i64>,
        values: &Bound<'_, PyAny>,
        absent: bool,
    ) -> PyResult<Data> {
        let (values, precision) = match values.extract::<PyReadonlyArray1<'_, f64>>() {
            Ok(values) => (values.as_array().to_vec(), Precision::F64),
            Err(_) => (widened(&values.extract()?), Precision::F32),
        };
        let entries = triplets(shape, starts.as_slice()?, columns.as_slice()?, &values)?;
        let matrix = if absent { only_observed(shape, entries) } else { with_zeros(shape, entries) };
        Ok(Data::new(matrix.map_err(raised)?, precision))
    }

    /// The same data with a weight for each row.
    fn weighted_rows(&self, weights: PyReadonlyArray1<'_, f64>) -> PyResult<Data> {
        let weights = weights.as_array();
        if weights.len() != self.matrix().shape().0 {
            let expected = (self.matrix().shape().0, 1);
            return Err(raised(thalweg::Error::Shape { what: "sample_weight", expected, got: (weights.len(), 1) }));
        }
        self.weighted(|i, _| weights[i])
    }

    /// The same data with a weight for each entry.
    fn weighted_entries(&self, weights: PyReadonlyArray2<'_, f64>) -> PyResult<Data> {
        let weights = weights.as_array();
        if weights.dim() != self.matrix().shape() {
            return Err(raised(thalweg::Error::Shape { what: "entry_weight", expected: self.matrix().shape(), got: weights.dim() }));
        }
        self.weighted(|i, j| weights[[i, j]])
    }

    /// Rows and columns.
    #[getter]
    fn shape(&self) -> (usize, usize) {
        self.matrix().shape()
    }

    /// dense, sparse, observed or weighted.
    #[getter]
    fn kind(&self) -> &'static str {
        self.matrix().kind()
    }

    /// How many entries were observed.
    #[getter]
    fn observed(&self) -> usize {
        self.matrix().observed_counts().0.iter().sum()
    }
}

impl Data {
    fn weighted(&self, weight: impl Fn(usize, usize) -> f64) -> PyResult<Data> {
        Ok(Data::new(self.matrix().weighted(weight).map_err(raised)?, self.dataset.precision))
    }
}

fn shape<T: Element>(array: &Bound<'_, PyArray2<T>>) -> (usize, usize) {
    (array.shape()[0], array.shape()[1])
}

fn dense(array: &Bound<'_, PyArray2<f64>>) -> PyResult<Matrix<f64>> {
    let (rows, cols) = shape(array);
    let Some(borrowed) = Borrowed::of(array) else {
        return with_missing(rows, cols, array.readonly().as_array().iter().copied().collect());
    };
    if borrowed.as_ref().iter().any(|x| x.is_nan()) {
        return with_missing(rows, cols, borrowed.as_ref().to_vec());
    }
    Ok(Matrix::Dense(Dense::shared(rows, cols, Arc::new(borrowed)).map_err(raised)?))
}

fn with_missing(rows: usize, cols: usize, values: Vec<f64>) -> PyResult<Matrix<f64>> {
    Matrix::from_dense_with_missing(rows, cols, values, f64::is_nan).map_err(raised)
}

fn widened(values: &PyReadonlyArray1<'_, f32>) -> Vec<f64> {
    values.as_array().iter().map(|x| x.f64()).collect()
}

/// The stored entries, once the three arrays are known to be a matrix.
fn triplets((rows, cols): (usize, usize), starts: &[i64], columns: &[i64], values: &[f64]) -> PyResult<Vec<Triplet>> {
    let refuse = |what: String| Err(PyValueError::new_err(format!("the sparse matrix is corrupt: {what}")));
    if starts.len() != rows + 1 || columns.len() != values.len() {
        let (starts, columns, values) = (starts.len(), columns.len(), values.len());
        return refuse(format!("{rows} rows with {starts} row starts, {columns} column indices and {values} values"));
    }
    let ends = (starts[0], starts[rows]);
    if ends != (0, values.len() as i64) || starts.windows(2).any(|w| w[0] > w[1]) {
        return refuse(format!("row starts do not rise from 0 to {}", values.len()));
    }
    if let Some(&col) = columns.iter().find(|&&col| !(0..cols as i64).contains(&col)) {
        return refuse(format!("column index {col} of {cols} columns"));
    }
    let row = |i: usize| (starts[i] as usize..starts[i + 1] as usize).map(move |at| (i, at));
    Ok((0..rows).flat_map(row).map(|(i, at)| Triplet { row: i as u32, col: columns[at] as u32, value: values[at] }).collect())
}

fn only_observed((rows, cols): (usize, usize), mut entries: Vec<Triplet>) -> Result<Matrix<f64>, thalweg::Error> {
    entries.retain(|e| !e.value.is_nan());
    let (entries, _) = Sparse::from_triplets(rows, cols, entries, Duplicates::Sum)?;
    Ok(Matrix::Observed(Observed { entries, weights: None }))
}

fn with_zeros((rows, cols): (usize, usize), entries: Vec<Triplet>) -> Result<Matrix<f64>, thalweg::Error> {
    let (missing, known): (Vec<_>, Vec<_>) = entries.into_iter().partition(|e| e.value.is_nan());
    let matrix = Matrix::Sparse(Sparse::from_triplets(rows, cols, known, Duplicates::Sum)?.0);
    if missing.is_empty() { Ok(matrix) } else { matrix.hiding(&missing) }
}
