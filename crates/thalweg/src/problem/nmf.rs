//! ½ Σ w (X − U Vᵀ)² over the observed entries, with U, V ≥ 0.

use crate::Error;
use crate::data::{Matrix, Summary};
use crate::linalg::Real;

/// min ½ Σ_observed w (X − UVᵀ)² over U ≥ 0 (m×r), V ≥ 0 (n×r).
///
/// Source: Bjorck, Gomes, Weinberger (2020), eqs. (1), (2). We keep the factor ½ everywhere; the paper drops it in eq. (11).
#[derive(Debug)]
pub struct Nmf<'a, T = f64> {
    data: &'a Matrix<T>,
    rank: usize,
    summary: Summary,
}

impl<'a, T: Real> Nmf<'a, T> {
    /// Checks that the data can be factored at this rank.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Rank`], [`Error::NotFinite`], [`Error::Negative`], [`Error::Range`].
    pub fn new(data: &'a Matrix<T>, rank: usize) -> Result<Self, Error> {
        let (rows, cols) = data.shape();
        if rows == 0 || cols == 0 {
            return Err(Error::Empty { what: "the matrix", why: "it has no rows or no columns" });
        }
        if rank == 0 || rank > rows.min(cols) {
            return Err(Error::Rank { rank, rows, cols });
        }
        for row in 0..rows {
            for (col, value, weight) in data.row_entries(row) {
                let value = value.f64();
                if !value.is_finite() {
                    return Err(Error::NotFinite { what: "the matrix", row, col, value });
                }
                if value < 0.0 {
                    return Err(Error::Negative { row, col, value });
                }
                let weight = weight.f64();
                if !(weight >= 0.0 && weight.is_finite()) {
                    return Err(Error::NotFinite { what: "the weights (non-negative numbers)", row, col, value: weight });
                }
            }
        }
        let summary = data.summary();
        if summary.observed == 0 {
            return Err(Error::Empty { what: "the matrix", why: "no entry is observed" });
        }
        if summary.norm_squared == 0.0 {
            return Err(Error::Empty { what: "the matrix", why: "every observed entry (or its weight) is zero" });
        }
        if summary.max > T::LARGEST || summary.max < T::SMALLEST {
            return Err(Error::Range { largest: summary.max, precision: T::NAME });
        }
        Ok(Nmf { data, rank, summary })
    }

    /// The matrix.
    pub fn data(&self) -> &'a Matrix<T> {
        self.data
    }

    /// r.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Sums over the observed entries.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }
}
