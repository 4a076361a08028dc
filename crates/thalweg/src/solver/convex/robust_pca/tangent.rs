//! The tangent space of the rank-r matrices at X = U diag(σ) Vᵀ.

use super::exact::cross;
use crate::data::stream;
use crate::linalg::{ROW_BLOCK, TruncatedSvd, fixed_order_sum, mul, mul_transpose, multiply, orthonormalise, row_major, row_major_mut};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

/// T = { U Aᵀ + B Vᵀ }.
pub(super) struct Tangent<'a> {
    u: &'a [f64],
    v: &'a [f64],
    rows: usize,
    cols: usize,
    rank: usize,
}

/// U Aᵀ + B Vᵀ with UᵀB = 0: A is cols×r, B is rows×r.
#[derive(Clone)]
pub(super) struct Direction {
    a: Vec<f64>,
    b: Vec<f64>,
}

impl Direction {
    fn dot(&self, other: &Direction) -> f64 {
        let of = |x: &[f64], y: &[f64]| -> f64 {
            fixed_order_sum(&x.chunks(ROW_BLOCK).zip(y.chunks(ROW_BLOCK)).map(|(x, y)| x.iter().zip(y).map(|(x, y)| x * y).sum()).collect::<Vec<_>>())
        };
        of(&self.a, &other.a) + of(&self.b, &other.b)
    }

    /// self ← factor·self + step·other.
    fn combine(&mut self, factor: f64, step: f64, other: &Direction) {
        let of = |x: &mut [f64], y: &[f64]| x.iter_mut().zip(y).for_each(|(x, y)| *x = factor * *x + step * y);
        of(&mut self.a, &other.a);
        of(&mut self.b, &other.b);
    }
}

/// Conjugate gradients end here: with eigenvalues between 1 − ρ² and 1 they need some ten steps unless ρ is close to 1.
const MAX_STEPS: usize = 60;
/// Residual relative to √r at which they have ended.
const TOLERANCE: f64 = 1e-14;
/// Growth of the squared residual at which they are given up.
const DIVERGED: f64 = 10.0;
/// Vectors and passes of the power iteration.
const PROBES: usize = 6;
const PASSES: usize = 10;

impl<'a> Tangent<'a> {
    pub fn new(low_rank: &'a TruncatedSvd) -> Self {
        let rank = low_rank.singular_values.len();
        let (u, v) = (low_rank.u.as_slice(), low_rank.v.as_slice());
        Tangent { u, v, rank, rows: u.len().checked_div(rank).unwrap_or(0), cols: v.len().checked_div(rank).unwrap_or(0) }
    }

    /// P_T of a matrix given block of rows by block of rows: `fill(first row, block)` writes one.
    fn project(&self, fill: impl Fn(usize, &mut [f64]) + Sync) -> Direction {
        let (r, cols) = (self.rank, self.cols);
        let starts: Vec<usize> = (0..self.rows).step_by(ROW_BLOCK).collect();
        let parts: Vec<(Vec<f64>, Vec<f64>)> = starts
            .par_iter()
            .map(|&start| {
                let rows = ROW_BLOCK.min(self.rows - start);
                let mut block = vec![0.0; rows * cols];
                fill(start, &mut block);
                let z = row_major(&block, rows, cols);
                let (mut b, mut a) = (vec![0.0; rows * r], vec![0.0; cols * r]);
                multiply(z, row_major(self.v, cols, r), row_major_mut(&mut b, rows, r));
                multiply(z.transpose(), row_major(&self.u[start * r..][..rows * r], rows, r), row_major_mut(&mut a, cols, r));
                (b, a)
            })
            .collect();
        let mut a = vec![0.0; cols * r];
        parts.iter().for_each(|(_, part)| a.iter_mut().zip(part).for_each(|(a, x)| *a += x));
        let mut b: Vec<f64> = parts.iter().flat_map(|(b, _)| b.iter().copied()).collect();
        self.remove(self.u, &mut b, r);
        Direction { a, b }
    }

    /// B ← B − Q QᵀB for an orthonormal basis Q of r columns; B has `width` columns.
    fn remove(&self, basis: &[f64], b: &mut [f64], width: usize) {
        let rows = basis.len() / self.rank;
        let inside = cross(basis, self.rank, b, width);
        let mut part = vec![0.0; b.len()];
        mul(row_major(basis, rows, self.rank), row_major(&inside, self.rank, width), &mut part);
        b.iter_mut().zip(&part).for_each(|(b, p)| *b -= p);
    }

    /// UVᵀ − P_T W.
    pub fn sign_minus(&self, w: &[f64]) -> Direction {
        let mut direction = self.project(|start, block| block.copy_from_slice(&w[start * self.cols..][..block.len()]));
        // UVᵀ is A = V, B = 0
        direction.a.iter_mut().zip(self.v).for_each(|(a, v)| *a = v - *a);
        direction.b.iter_mut().for_each(|b| *b = -*b);
        direction
    }

    /// Rows `start`… of U Aᵀ + B Vᵀ, as many as `block` holds.
    fn rows_of(&self, h: &Direction, start: usize, block: &mut [f64]) {
        let (r, cols) = (self.rank, self.cols);
        let rows = block.len() / cols;
        let here = start * r..(start + rows) * r;
        let beside =
            |x: &[f64], y: &[f64]| -> Vec<f64> { x.chunks_exact(r).zip(y.chunks_exact(r)).flat_map(|(x, y)| x.iter().chain(y).copied()).collect() };
        let (left, right) = (beside(&self.u[here.clone()], &h.b[here]), beside(&h.a, self.v));
        multiply(row_major(&left, rows, 2 * r), row_major(&right, cols, 2 * r).transpose(), row_major_mut(block, rows, cols));
    }

    /// H in T with P_T P_free H = `right`; none if conjugate gradients do not end.
    pub fn solve_on(&self, free: &[bool], right: Direction) -> Option<Direction> {
        let scale = (self.rank as f64).sqrt();
        let mut h = Direction { a: vec![0.0; right.a.len()], b: vec![0.0; right.b.len()] };
        let (mut residual, mut direction) = (right.clone(), right);
        let mut square = residual.dot(&residual);
        let begin = square;
        for _ in 0..MAX_STEPS {
            if square.sqrt() <= TOLERANCE * scale {
                return Some(h);
            }
            let image = self.project(|start, block| {
                self.rows_of(&direction, start, block);
                block.iter_mut().zip(&free[start * self.cols..]).for_each(|(x, free)| *x = if *free { *x } else { 0.0 });
            });
            let step = square / direction.dot(&image);
            h.combine(1.0, step, &direction);
            residual.combine(1.0, -step, &image);
            let next = residual.dot(&residual);
            // eigenvalues near 0: the support fills rows or columns, and no multiplier is unique
            if next.is_nan() || next > DIVERGED * begin {
                return None;
            }
            direction.combine(next / square, 1.0, &residual);
            square = next;
        }
        None
    }

    /// W += H on the free entries.
    pub fn add_on(&self, free: &[bool], h: &Direction, w: &mut [f64]) {
        w.par_chunks_mut(ROW_BLOCK * self.cols).enumerate().for_each(|(block, w)| {
            let mut x = vec![0.0; w.len()];
            self.rows_of(h, block * ROW_BLOCK, &mut x);
            let free = &free[block * ROW_BLOCK * self.cols..];
            w.iter_mut().zip(&x).zip(free).for_each(|((w, x), free)| *w += if *free { *x } else { 0.0 });
        });
    }

    /// ‖P_T⊥ W‖, from below, by subspace iteration on (I − UUᵀ) W (I − VVᵀ).
    pub fn norm_off_tangent(&self, w: &[f64]) -> f64 {
        let mut rng = stream(1, 0);
        let probes = PROBES.min(self.rows).min(self.cols);
        let mut right: Vec<f64> = (0..self.cols * probes).map(|_| StandardNormal.sample(&mut rng)).collect();
        let w = row_major(w, self.rows, self.cols);
        let mut left = vec![0.0; self.rows * probes];
        let mut largest = 0.0;
        for _ in 0..PASSES {
            self.remove(self.v, &mut right, probes);
            orthonormalise(&mut right, probes);
            mul(w, row_major(&right, self.cols, probes), &mut left);
            self.remove(self.u, &mut left, probes);
            largest = left.iter().map(|x| x * x).sum::<f64>();
            let gram = cross(&left, probes, &left, probes);
            largest = crate::linalg::symmetric_eigenvalues(&gram, probes).map_or(largest, |values| values[0]);
            orthonormalise(&mut left, probes);
            mul_transpose(w, row_major(&left, self.rows, probes), &mut right);
        }
        largest.sqrt()
    }
}
