//! Y as the solver works on it.

use crate::Error;
use crate::linalg::{exponent, fixed_order_sum, largest_magnitude, scale, scale_all};
use crate::problem::{RobustPca, RobustPcaRows};
use crate::solver::Ranks;
use rayon::prelude::*;

/// Y with the long side as rows and its largest entry in [1, 2): in reach of single precision.
pub(super) struct Table<'a> {
    /// Who holds it.
    pub ranks: Ranks<'a>,
    /// Rows that are here.
    pub rows: usize,
    pub cols: usize,
    /// Row-major; NaN where not observed.
    pub y: Vec<f64>,
    pub lambda: f64,
    /// max |Y| of all rows.
    pub largest: f64,
    /// ‖Y‖_F of all rows.
    pub size: f64,
    /// The data are Y·2^power.
    power: i32,
}

impl<'a> Table<'a> {
    /// None if Y = 0.
    pub fn of(problem: &RobustPca) -> Option<Table<'static>> {
        let (m, n) = problem.shape();
        let largest = largest_magnitude(problem.data());
        let power = exponent(largest)?;
        let y = scale_all(problem.data(), -power);
        let y = if m >= n { y } else { transposed(&y, m, n) };
        // alone, nobody can be lost
        Table::new(Ranks::alone(m.max(n)), m.min(n), y, problem.lambda(), (largest, power)).ok()
    }

    /// None if Y = 0.
    ///
    /// # Errors
    /// [`Error::Peer`].
    pub fn of_rows(rows: &RobustPcaRows<'a>) -> Result<Option<Self>, Error> {
        let Some(power) = exponent(rows.largest()) else { return Ok(None) };
        let ranks = Ranks::new(rows.comm(), rows.counts().to_vec());
        Table::new(ranks, rows.shape().1, scale_all(rows.data(), -power), rows.lambda(), (rows.largest(), power)).map(Some)
    }

    fn new(ranks: Ranks<'a>, cols: usize, y: Vec<f64>, lambda: f64, (largest, power): (f64, i32)) -> Result<Self, Error> {
        let squares: Vec<f64> = y.par_chunks(cols).map(|row| row.iter().filter(|y| !y.is_nan()).map(|y| y * y).sum()).collect();
        let Some([square]) = ranks.sums([fixed_order_sum(&squares)]) else {
            return Err(ranks.into_failure().expect("a sum is missing only where a rank is"));
        };
        Ok(Table { rows: ranks.rows_here().len(), ranks, cols, y, lambda, largest: scale(largest, -power), size: square.sqrt(), power })
    }

    /// A number of the table in the unit of the data.
    pub fn in_unit_of_data(&self, x: f64) -> f64 {
        scale(x, self.power)
    }

    /// Entries of all rows.
    pub fn all_entries(&self) -> usize {
        self.ranks.all_rows() * self.cols
    }
}

/// Row-major Aᵀ of a row-major m×n matrix.
pub(super) fn transposed(a: &[f64], m: usize, n: usize) -> Vec<f64> {
    let mut out = vec![0.0; a.len()];
    out.par_chunks_mut(m.max(1)).enumerate().for_each(|(j, column)| column.iter_mut().enumerate().for_each(|(i, x)| *x = a[i * n + j]));
    out
}
