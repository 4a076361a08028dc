//! Y as the solver works on it.

use crate::linalg::{exponent, fixed_order_sum, largest_magnitude, scale, scale_all};
use crate::problem::RobustPca;
use rayon::prelude::*;

/// Y with the long side as rows and its largest entry in [1, 2): in reach of single precision.
pub(super) struct Table {
    pub rows: usize,
    pub cols: usize,
    /// Row-major; NaN where not observed.
    pub y: Vec<f64>,
    pub lambda: f64,
    /// ‖Y‖_F.
    pub size: f64,
    /// The data are Y·2^power.
    power: i32,
}

impl Table {
    /// None if Y = 0.
    pub fn of(problem: &RobustPca) -> Option<Self> {
        let (m, n) = problem.shape();
        let power = exponent(largest_magnitude(problem.data()))?;
        let y = scale_all(problem.data(), -power);
        let y = if m >= n { y } else { transposed(&y, m, n) };
        let (rows, cols) = (m.max(n), m.min(n));
        let squares: Vec<f64> = y.par_chunks(cols).map(|row| row.iter().filter(|y| !y.is_nan()).map(|y| y * y).sum()).collect();
        Some(Table { rows, cols, lambda: problem.lambda(), size: fixed_order_sum(&squares).sqrt(), power, y })
    }

    /// A number of the table in the unit of the data.
    pub fn in_unit_of_data(&self, x: f64) -> f64 {
        scale(x, self.power)
    }
}

/// Row-major Aᵀ of a row-major m×n matrix.
pub(super) fn transposed(a: &[f64], m: usize, n: usize) -> Vec<f64> {
    let mut out = vec![0.0; a.len()];
    out.par_chunks_mut(m.max(1)).enumerate().for_each(|(j, column)| column.iter_mut().enumerate().for_each(|(i, x)| *x = a[i * n + j]));
    out
}
