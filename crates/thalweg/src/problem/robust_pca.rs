//! A low-rank matrix under sparse corruptions of any size.

use crate::Error;
use crate::linalg::{TruncatedSvd, fixed_order_sum, largest_magnitude, mul, row_major};
use rayon::prelude::*;

/// min ‖X‖_* + λ‖S‖₁ subject to X + S = Y on the observed entries; ‖·‖₁ is the sum of absolute values there.
///
/// Source: Ding, Drusvyatskiy, Fazel, Harchaoui, eq. (6.8); principal component pursuit of Candès, Li, Ma, Wright (2011).
#[derive(Debug, Clone, PartialEq)]
pub struct RobustPca {
    rows: usize,
    cols: usize,
    /// Row-major; NaN where nothing was observed.
    y: Vec<f64>,
    lambda: f64,
}

/// 1/√max(m, n): the weight for which Candès, Li, Ma and Wright prove recovery.
pub fn default_lambda(rows: usize, cols: usize) -> f64 {
    1.0 / (rows.max(cols).max(1) as f64).sqrt()
}

/// λ, checked.
pub(super) fn weight(given: Option<f64>, rows: usize, cols: usize) -> Result<f64, Error> {
    let lambda = given.unwrap_or(default_lambda(rows, cols));
    if lambda > 0.0 && lambda.is_finite() {
        return Ok(lambda);
    }
    Err(Error::Parameter { name: "lambda", expected: "a positive number".into(), got: lambda.to_string() })
}

/// What some rows hold.
pub(super) struct Seen {
    pub is_observed: bool,
    /// max |Y|.
    pub largest: f64,
}

/// Looks at rows of Y, of which `first` is the first in the table; refuses an infinity.
pub(super) fn seen(y: &[f64], cols: usize, first: usize) -> Result<Seen, Error> {
    if let Some(at) = y.iter().position(|x| x.is_infinite()) {
        return Err(Error::NotFinite { what: "the data", row: first + at / cols, col: at % cols, value: y[at] });
    }
    Ok(Seen { is_observed: y.iter().any(|x| !x.is_nan()), largest: largest_magnitude(y) })
}

/// Refuses what all rows together must not be.
pub(super) fn check_content(all: &Seen) -> Result<(), Error> {
    if !all.is_observed {
        return Err(Error::Empty { what: "the data", why: "no entry is observed" });
    }
    if all.largest > LARGEST || (all.largest > 0.0 && all.largest < 1.0 / LARGEST) {
        return Err(Error::Range { largest: all.largest, precision: "f64" });
    }
    Ok(())
}

impl RobustPca {
    /// Y row-major, m×n, NaN where an entry was not observed; λ is [`default_lambda`] unless given.
    ///
    /// # Errors
    /// [`Error::Shape`] unless `y` holds m·n numbers, [`Error::Empty`] if none is observed, [`Error::NotFinite`] for an infinity,
    /// [`Error::Range`] where squares would leave the range, [`Error::Parameter`] unless λ is positive and finite.
    pub fn new(rows: usize, cols: usize, y: Vec<f64>, lambda: Option<f64>) -> Result<Self, Error> {
        if rows.checked_mul(cols) != Some(y.len()) {
            return Err(Error::Shape { what: "the data of robust PCA", expected: (rows, cols), got: (y.len(), 1) });
        }
        let lambda = weight(lambda, rows, cols)?;
        check_content(&seen(&y, cols, 0)?)?;
        Ok(RobustPca { rows, cols, y, lambda })
    }

    /// (m, n).
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// Y, row-major; NaN where nothing was observed.
    pub fn data(&self) -> &[f64] {
        &self.y
    }

    /// λ.
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// The same data under another λ > 0.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless λ is positive and finite.
    pub fn with_lambda(self, lambda: f64) -> Result<Self, Error> {
        RobustPca::new(self.rows, self.cols, self.y, Some(lambda))
    }

    /// S = Y − X on the observed entries, 0 elsewhere and where |S| ≤ `floor`.
    pub fn sparse_part(&self, low_rank: &TruncatedSvd, floor: f64) -> Vec<f64> {
        let mut sparse = low_rank.to_dense(self.rows, self.cols);
        sparse.par_iter_mut().zip(&self.y).for_each(|(s, y)| {
            let residual = y - *s;
            *s = if residual.abs() > floor { residual } else { 0.0 };
        });
        sparse
    }

    /// ‖X‖_* + λ‖Y − X‖₁: what X costs with the S that belongs to it. U and V are taken to be orthonormal.
    pub fn objective(&self, low_rank: &TruncatedSvd) -> f64 {
        low_rank.singular_values.iter().sum::<f64>() + self.lambda * self.deviation(low_rank)
    }

    /// ‖Y − X‖₁.
    pub fn deviation(&self, low_rank: &TruncatedSvd) -> f64 {
        let sparse = self.sparse_part(low_rank, 0.0);
        let rows: Vec<f64> = sparse.par_chunks(self.cols).map(|row| row.iter().map(|s| s.abs()).sum()).collect();
        fixed_order_sum(&rows)
    }
}

/// Entries beyond this, or all below its inverse, have Gram matrices that leave the range.
const LARGEST: f64 = 1e140;

impl TruncatedSvd {
    /// U diag(σ) Vᵀ, row-major m×n.
    pub fn to_dense(&self, rows: usize, cols: usize) -> Vec<f64> {
        let r = self.singular_values.len();
        let mut scaled = self.u.clone();
        scaled.chunks_exact_mut(r.max(1)).for_each(|row| row.iter_mut().zip(&self.singular_values).for_each(|(u, s)| *u *= s));
        let mut out = vec![0.0; rows * cols];
        if r > 0 {
            mul(row_major(&scaled, rows, r), row_major(&self.v, cols, r).transpose(), &mut out);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_it_cannot_mean() {
        assert!(matches!(RobustPca::new(2, 2, vec![0.0; 3], None), Err(Error::Shape { .. })));
        assert!(matches!(RobustPca::new(1, 2, vec![1.0, f64::INFINITY], None), Err(Error::NotFinite { col: 1, .. })));
        assert!(matches!(RobustPca::new(1, 2, vec![f64::NAN; 2], None), Err(Error::Empty { .. })));
        assert!(matches!(RobustPca::new(1, 1, vec![1.0], Some(-1.0)), Err(Error::Parameter { .. })));
        assert!(matches!(RobustPca::new(1, 1, vec![1e200], None), Err(Error::Range { .. })));
    }
}
