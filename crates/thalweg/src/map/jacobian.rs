//! The Jacobian of (U, V) ↦ A(UVᵀ): dense, or two short blocks a row where single entries are measured.

use super::MeasurementMap;
use crate::linalg::{gram_lower, mul, mul_transpose, multiply_transposed_vector, multiply_vector, row_major};
use crate::{Factors, Side};

/// J with p rows; row i is AᵢV (d1×r, row-major), then AᵢᵀU (d2×r).
#[derive(Debug, Clone, PartialEq)]
pub struct Jacobian {
    width: usize,
    rows: Rows,
}

#[derive(Debug, Clone, PartialEq)]
enum Rows {
    Dense(Vec<f64>),
    /// Where the two blocks of each row begin, and the blocks, one after the other.
    Blocks {
        rank: usize,
        places: Vec<(usize, usize)>,
        values: Vec<f64>,
    },
}

impl Jacobian {
    /// Row by row from the products of any map.
    pub(super) fn dense<M: MeasurementMap + ?Sized>(map: &M, factors: &Factors) -> Self {
        let ((d1, d2), p, rank) = (map.shape(), map.len(), factors.rank());
        let (mut left, mut right) = (vec![0.0; p * d1 * rank], vec![0.0; p * d2 * rank]);
        map.jacobian(Side::U, factors.side(Side::V), rank, &mut left);
        map.jacobian(Side::V, factors.side(Side::U), rank, &mut right);
        let pairs = left.chunks_exact(d1 * rank).zip(right.chunks_exact(d2 * rank));
        let rows = pairs.flat_map(|(left, right)| left.iter().chain(right).copied()).collect();
        Jacobian { width: (d1 + d2) * rank, rows: Rows::Dense(rows) }
    }

    /// From its rows, so wide.
    pub(super) fn of_rows(width: usize, rows: Vec<f64>) -> Self {
        Jacobian { width, rows: Rows::Dense(rows) }
    }

    /// That of one factor alone: AᵢV for [`Side::U`], AᵢᵀU for [`Side::V`].
    pub fn of_side<M: MeasurementMap + ?Sized>(map: &M, side: Side, factor: &[f64], rank: usize) -> Self {
        let width = rank * if side == Side::U { map.shape().0 } else { map.shape().1 };
        let mut rows = vec![0.0; map.len() * width];
        map.jacobian(side, factor, rank, &mut rows);
        Jacobian { width, rows: Rows::Dense(rows) }
    }

    /// wᵢ vⱼ and wᵢ uᵢ for each sampled entry (i, j).
    pub(super) fn of_entries(entries: impl Iterator<Item = ((usize, usize), f64)>, factors: &Factors) -> Self {
        let (d1, rank) = (factors.rows(), factors.rank());
        let (mut places, mut values) = (Vec::new(), Vec::new());
        for ((i, j), w) in entries {
            let (u, v) = factors.row_pair(i, j);
            places.push((i * rank, (d1 + j) * rank));
            values.extend(v.iter().chain(u).map(|x| w * x));
        }
        Jacobian { width: (d1 + factors.cols()) * rank, rows: Rows::Blocks { rank, places, values } }
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Row i times wᵢ.
    pub fn weighted(mut self, weights: &[f64]) -> Self {
        let (values, width) = match &mut self.rows {
            Rows::Dense(rows) => (rows, self.width),
            Rows::Blocks { rank, values, .. } => (values, 2 * *rank),
        };
        values.chunks_exact_mut(width).zip(weights).for_each(|(row, w)| row.iter_mut().for_each(|x| *x *= w));
        self
    }

    /// JᵀJ, row-major.
    pub fn gram(&self) -> Vec<f64> {
        let n = self.width;
        let mut gram = vec![0.0; n * n];
        match &self.rows {
            Rows::Dense(rows) => gram_lower(row_major(rows, rows.len() / n, n).transpose(), &mut gram),
            Rows::Blocks { rank, places, values } => {
                for (&(first, second), row) in places.iter().zip(values.chunks_exact(2 * rank)) {
                    let place = |k: usize| if k < *rank { first + k } else { second + k - rank };
                    for (k, x) in row.iter().enumerate() {
                        let target = &mut gram[place(k) * n..][..n];
                        let (u, v) = row.split_at(*rank);
                        target[first..][..*rank].iter_mut().zip(u).for_each(|(g, y)| *g += x * y);
                        target[second..][..*rank].iter_mut().zip(v).for_each(|(g, y)| *g += x * y);
                    }
                }
            }
        }
        gram
    }

    /// J x.
    pub fn times(&self, x: &[f64]) -> Vec<f64> {
        match &self.rows {
            Rows::Dense(rows) => {
                let mut out = vec![0.0; rows.len() / self.width];
                multiply_vector(rows, x, &mut out);
                out
            }
            Rows::Blocks { rank, places, values } => {
                let inner = |row: &[f64], x: &[f64]| row.iter().zip(x).map(|(a, b)| a * b).sum::<f64>();
                let rows = places.iter().zip(values.chunks_exact(2 * rank));
                rows.map(|(&(first, second), row)| inner(&row[..*rank], &x[first..]) + inner(&row[*rank..], &x[second..])).collect()
            }
        }
    }

    /// J X of a row-major X with so many columns.
    pub fn times_columns(&self, x: &[f64], columns: usize) -> Vec<f64> {
        match &self.rows {
            Rows::Dense(rows) => {
                let p = rows.len() / self.width;
                let mut out = vec![0.0; p * columns];
                mul(row_major(rows, p, self.width), row_major(x, self.width, columns), &mut out);
                out
            }
            Rows::Blocks { rank, places, values } => {
                let mut out = vec![0.0; places.len() * columns];
                for ((&(first, second), row), out) in places.iter().zip(values.chunks_exact(2 * rank)).zip(out.chunks_exact_mut(columns)) {
                    for (at, a) in (first..first + rank).chain(second..second + rank).zip(row) {
                        out.iter_mut().zip(&x[at * columns..]).for_each(|(out, x)| *out += a * x);
                    }
                }
                out
            }
        }
    }

    /// Jᵀ Y of a row-major Y with so many columns.
    pub fn transposed_times_columns(&self, y: &[f64], columns: usize) -> Vec<f64> {
        let mut out = vec![0.0; self.width * columns];
        match &self.rows {
            Rows::Dense(rows) => {
                let p = rows.len() / self.width;
                mul_transpose(row_major(rows, p, self.width), row_major(y, p, columns), &mut out);
            }
            Rows::Blocks { rank, places, values } => {
                for ((&(first, second), row), y) in places.iter().zip(values.chunks_exact(2 * rank)).zip(y.chunks_exact(columns)) {
                    for (at, a) in (first..first + rank).chain(second..second + rank).zip(row) {
                        out[at * columns..][..columns].iter_mut().zip(y).for_each(|(out, y)| *out += a * y);
                    }
                }
            }
        }
        out
    }

    /// Jᵀ y.
    pub fn transposed_times(&self, y: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.width];
        match &self.rows {
            Rows::Dense(rows) => multiply_transposed_vector(rows, y, &mut out),
            Rows::Blocks { rank, places, values } => {
                for ((&(first, second), row), y) in places.iter().zip(values.chunks_exact(2 * rank)).zip(y) {
                    out[first..][..*rank].iter_mut().zip(&row[..*rank]).for_each(|(o, x)| *o += y * x);
                    out[second..][..*rank].iter_mut().zip(&row[*rank..]).for_each(|(o, x)| *o += y * x);
                }
            }
        }
        out
    }
}
