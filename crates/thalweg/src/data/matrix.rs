//! Matrices to factor: dense, sparse with zeros, observed at some entries only, or at all but a few.

use super::values::{Owner, Values};
use super::{AllBut, Csr, Sparse, Triplet};
use crate::linalg::{MatRef, Real, gather_rows, mul, mul_transpose, row_major};
use crate::{Error, Side};
use rayon::prelude::*;

/// A row-major dense matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense<T = f64> {
    rows: usize,
    cols: usize,
    values: Values<T>,
}

impl<T: Real> Dense<T> {
    /// From row-major values.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are rows·cols of them.
    pub fn new(rows: usize, cols: usize, values: Vec<T>) -> Result<Self, Error> {
        Self::of(rows, cols, Values::Own(values))
    }

    /// From row-major values that stay where they are: nothing is copied unless they are to be changed.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are rows·cols of them.
    pub fn shared(rows: usize, cols: usize, values: Owner<T>) -> Result<Self, Error> {
        Self::of(rows, cols, Values::Shared(values))
    }

    fn of(rows: usize, cols: usize, values: Values<T>) -> Result<Self, Error> {
        if rows.checked_mul(cols) != Some(values.len()) {
            return Err(Error::Shape { what: "a dense matrix", expected: (rows, cols), got: (values.len(), 1) });
        }
        Ok(Dense { rows, cols, values })
    }

    /// Row-major values.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The same, without a copy if they are its own.
    pub fn into_values(self) -> Vec<T> {
        self.values.into_vec()
    }

    pub(super) fn values_mut(&mut self) -> &mut [T] {
        self.values.to_mut()
    }

    /// As a matrix view.
    pub fn view(&self) -> MatRef<'_, T> {
        row_major(&self.values, self.rows, self.cols)
    }
}

/// Entries that were observed; the others are unknown, not zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed<T = f64> {
    /// The observed values.
    pub entries: Sparse<T>,
    /// w ≥ 0 in ½ Σ w (X − UVᵀ)², on the same positions; 1 without.
    pub weights: Option<Sparse<T>>,
}

impl<T: Real> Observed<T> {
    /// The entries of row i, as (column, value, weight).
    pub fn row_entries(&self, i: usize) -> impl Iterator<Item = (usize, T, T)> + '_ {
        let (columns, values) = self.entries.by_row.row(i);
        let weights = self.weights.as_ref().map(|w| w.by_row.row(i).1);
        let weight = move |e: usize| weights.map_or(T::of(1.0), |w| w[e]);
        columns.iter().zip(values).enumerate().map(move |(e, (&j, &x))| (j as usize, x, weight(e)))
    }

    pub(super) fn cast<S: Real>(&self) -> Observed<S> {
        Observed { entries: self.entries.cast(), weights: self.weights.as_ref().map(Sparse::cast) }
    }
}

/// A matrix to factor. `0` is a value in the first two kinds; what is not stored in the third is unknown, and so is what is hidden in the
/// fourth.
#[derive(Debug, Clone, PartialEq)]
pub enum Matrix<T = f64> {
    /// Every entry is given.
    Dense(Dense<T>),
    /// Every entry is given; those not stored are 0.
    Sparse(Sparse<T>),
    /// Only the stored entries are known.
    Observed(Observed<T>),
    /// Every entry is given but a few.
    AllBut(AllBut<T>),
}

impl<T: Real> Matrix<T> {
    /// (m, n).
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Matrix::Dense(x) => (x.rows, x.cols),
            Matrix::Sparse(x) | Matrix::Observed(Observed { entries: x, .. }) => (x.by_row.rows(), x.by_row.cols()),
            Matrix::AllBut(x) => x.full().shape(),
        }
    }

    /// Bytes that its numbers and their positions take in memory.
    pub fn bytes(&self) -> u64 {
        let observed = |x: &Observed<T>| x.entries.bytes() + x.weights.as_ref().map_or(0, Sparse::bytes);
        match self {
            Matrix::Dense(x) => (x.rows * x.cols * size_of::<T>()) as u64,
            Matrix::Sparse(x) => x.bytes(),
            Matrix::Observed(x) => observed(x),
            Matrix::AllBut(x) => x.full().bytes() + observed(x.hidden()),
        }
    }

    /// Dense values with a mask of what was observed: [`Matrix::Dense`] where nothing is missing, else what [`Matrix::hiding`] makes of it.
    ///
    /// # Errors
    /// [`Error::Shape`] if the values do not fill rows·cols.
    pub fn from_dense_with_missing(rows: usize, cols: usize, values: Vec<T>, is_missing: impl Fn(T) -> bool) -> Result<Self, Error> {
        let dense = Dense::new(rows, cols, values)?;
        let missing = dense.values.iter().enumerate().filter(|&(_, &x)| is_missing(x));
        let missing: Vec<Triplet<T>> = missing.map(|(at, &value)| Triplet { row: (at / cols) as u32, col: (at % cols) as u32, value }).collect();
        let dense = Matrix::Dense(dense);
        if missing.is_empty() { Ok(dense) } else { dense.hiding(&missing) }
    }

    /// What kind of matrix this is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Matrix::Dense(_) => "dense",
            Matrix::Sparse(_) => "sparse",
            Matrix::Observed(Observed { weights: None, .. }) | Matrix::AllBut(_) => "observed",
            Matrix::Observed(_) => "weighted",
        }
    }

    /// The stored entries of row i that are not hidden, as (column, value, weight).
    pub fn row_entries(&self, i: usize) -> Box<dyn Iterator<Item = (usize, T, T)> + '_> {
        let one = T::of(1.0);
        match self {
            Matrix::Dense(x) => Box::new(x.values[i * x.cols..][..x.cols].iter().enumerate().map(move |(j, &v)| (j, v, one))),
            Matrix::Sparse(x) => {
                let (columns, values) = x.by_row.row(i);
                Box::new(columns.iter().zip(values).map(move |(&j, &v)| (j as usize, v, one)))
            }
            Matrix::Observed(x) => Box::new(x.row_entries(i)),
            Matrix::AllBut(x) => {
                let mut hidden = x.hidden().entries.by_row.row(i).0.iter().map(|&j| j as usize).peekable();
                Box::new(x.full().row_entries(i).filter(move |&(j, ..)| {
                    while hidden.next_if(|&h| h < j).is_some() {}
                    hidden.peek() != Some(&j)
                }))
            }
        }
    }

    /// Observed entries in all.
    pub fn observed(&self) -> u64 {
        let ((m, n), hidden) = (self.shape(), self.full_and_hidden().1);
        match self {
            Matrix::Observed(x) => x.entries.by_row.stored() as u64,
            _ => m as u64 * n as u64 - hidden.map_or(0, |h| h.entries.by_row.stored() as u64),
        }
    }

    /// Observed entries in each row (`Side::U`'s rows) and each column.
    pub fn observed_counts(&self) -> (Vec<usize>, Vec<usize>) {
        let (m, n) = self.shape();
        match self {
            Matrix::Dense(_) | Matrix::Sparse(_) => (vec![n; m], vec![m; n]),
            Matrix::Observed(x) => {
                let counts = |c: &Csr<T>| (0..c.rows()).map(|i| c.row(i).0.len()).collect();
                (counts(&x.entries.by_row), counts(&x.entries.by_col))
            }
            Matrix::AllBut(x) => {
                let hidden = &x.hidden().entries;
                let counts = |c: &Csr<T>| (0..c.rows()).map(|i| c.cols() - c.row(i).0.len()).collect();
                (counts(&hidden.by_row), counts(&hidden.by_col))
            }
        }
    }

    /// Entries that are stored in each row and in each column, those that are hidden among them.
    pub fn stored_counts(&self) -> (Vec<usize>, Vec<usize>) {
        match self.full_and_hidden().0 {
            Matrix::Sparse(x) => {
                let counts = |c: &Csr<T>| (0..c.rows()).map(|i| c.row(i).0.len()).collect();
                (counts(&x.by_row), counts(&x.by_col))
            }
            full => full.observed_counts(),
        }
    }

    /// X·B (`side` U) or Xᵀ·B (V) into `out`, for a row-major B of `width` columns; what is not stored, or hidden, counts as zero.
    pub fn multiply(&self, side: Side, b: &[T], width: usize, out: &mut [T]) {
        match self {
            Matrix::Dense(x) if side == Side::U => mul(x.view(), row_major(b, x.cols, width), out),
            Matrix::Dense(x) => mul_transpose(x.view(), row_major(b, x.rows, width), out),
            Matrix::Sparse(x) | Matrix::Observed(Observed { entries: x, .. }) => {
                let rows = x.rows_of(side);
                out.fill(T::of(0.0));
                out.par_chunks_exact_mut(width.max(1)).enumerate().for_each(|(i, out)| {
                    let (columns, values) = rows.row(i);
                    gather_rows(columns, values, b, out);
                });
            }
            Matrix::AllBut(x) => x.full().multiply(side, b, width, out),
        }
    }

    /// Replaces each stored value by a function of it.
    pub(super) fn change_values(&mut self, f: impl Fn(T) -> T) {
        match self {
            Matrix::Dense(x) => x.values_mut().iter_mut().for_each(|x| *x = f(*x)),
            Matrix::Sparse(x) | Matrix::Observed(Observed { entries: x, .. }) => x.change_values(f),
            Matrix::AllBut(x) => x.change_values(&f),
        }
    }

    /// The same numbers in another precision.
    pub fn cast<S: Real>(&self) -> Matrix<S> {
        match self {
            Matrix::Dense(x) => {
                Matrix::Dense(Dense { rows: x.rows, cols: x.cols, values: Values::Own(x.values.iter().map(|&v| S::of(v.f64())).collect()) })
            }
            Matrix::Sparse(x) => Matrix::Sparse(x.cast()),
            Matrix::Observed(x) => Matrix::Observed(x.cast()),
            Matrix::AllBut(x) => Matrix::AllBut(x.cast()),
        }
    }
}
