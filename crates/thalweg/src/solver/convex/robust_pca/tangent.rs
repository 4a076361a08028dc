//! The tangent space of the rank-r matrices at X = U diag(σ) Vᵀ.

use super::exact::cross;
use super::table::Table;
use crate::data::stream;
use crate::linalg::{ROW_BLOCK, TruncatedSvd, fixed_order_sum, mul, mul_transpose, multiply, orthonormalise, row_major, row_major_mut};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

/// T = { U Aᵀ + B Vᵀ }.
pub(super) struct Tangent<'a> {
    table: &'a Table<'a>,
    u: &'a [f64],
    v: &'a [f64],
    rank: usize,
}

/// U Aᵀ + B Vᵀ with UᵀB = 0: A is cols×r, B is rows×r.
#[derive(Clone)]
pub(super) struct Direction {
    a: Vec<f64>,
    b: Vec<f64>,
}

impl Direction {
    fn dot(&self, other: &Direction, table: &Table<'_>) -> Option<f64> {
        let of = |x: &[f64], y: &[f64]| -> f64 {
            fixed_order_sum(&x.chunks(ROW_BLOCK).zip(y.chunks(ROW_BLOCK)).map(|(x, y)| x.iter().zip(y).map(|(x, y)| x * y).sum()).collect::<Vec<_>>())
        };
        let [of_b] = table.ranks.sums([of(&self.b, &other.b)])?;
        Some(of(&self.a, &other.a) + of_b)
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
    /// At an X that is not 0.
    pub fn new(table: &'a Table<'a>, low_rank: &'a TruncatedSvd) -> Self {
        Tangent { table, u: &low_rank.u, v: &low_rank.v, rank: low_rank.singular_values.len() }
    }

    /// P_T of a matrix given block of rows by block of rows: `fill(first row, block)` writes one.
    fn project(&self, fill: impl Fn(usize, &mut [f64]) + Sync) -> Option<Direction> {
        let (r, all_rows, cols) = (self.rank, self.table.rows, self.table.cols);
        let starts: Vec<usize> = (0..all_rows).step_by(ROW_BLOCK).collect();
        let parts: Vec<(Vec<f64>, Vec<f64>)> = starts
            .par_iter()
            .map(|&start| {
                let rows = ROW_BLOCK.min(all_rows - start);
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
        let a = self.table.ranks.sum(a)?;
        let mut b: Vec<f64> = parts.iter().flat_map(|(b, _)| b.iter().copied()).collect();
        self.remove_left(&mut b, r)?;
        Some(Direction { a, b })
    }

    /// B ← B − U UᵀB; B has `width` columns.
    fn remove_left(&self, b: &mut [f64], width: usize) -> Option<()> {
        let inside = self.table.ranks.sum(cross(self.u, self.rank, b, width))?;
        self.remove(self.u, &inside, b, width);
        Some(())
    }

    /// B ← B − V VᵀB.
    fn remove_right(&self, b: &mut [f64], width: usize) {
        self.remove(self.v, &cross(self.v, self.rank, b, width), b, width);
    }

    /// B ← B − Q·inside.
    fn remove(&self, basis: &[f64], inside: &[f64], b: &mut [f64], width: usize) {
        let mut part = vec![0.0; b.len()];
        mul(row_major(basis, basis.len() / self.rank, self.rank), row_major(inside, self.rank, width), &mut part);
        b.iter_mut().zip(&part).for_each(|(b, p)| *b -= p);
    }

    /// UVᵀ − P_T W.
    pub fn sign_minus(&self, w: &[f64]) -> Option<Direction> {
        let cols = self.table.cols;
        let mut direction = self.project(|start, block| block.copy_from_slice(&w[start * cols..][..block.len()]))?;
        // UVᵀ is A = V, B = 0
        direction.a.iter_mut().zip(self.v).for_each(|(a, v)| *a = v - *a);
        direction.b.iter_mut().for_each(|b| *b = -*b);
        Some(direction)
    }

    /// Rows `start`… of U Aᵀ + B Vᵀ, as many as `block` holds.
    fn rows_of(&self, h: &Direction, start: usize, block: &mut [f64]) {
        let (r, cols) = (self.rank, self.table.cols);
        let rows = block.len() / cols;
        let here = start * r..(start + rows) * r;
        let beside =
            |x: &[f64], y: &[f64]| -> Vec<f64> { x.chunks_exact(r).zip(y.chunks_exact(r)).flat_map(|(x, y)| x.iter().chain(y).copied()).collect() };
        let (left, right) = (beside(&self.u[here.clone()], &h.b[here]), beside(&h.a, self.v));
        multiply(row_major(&left, rows, 2 * r), row_major(&right, cols, 2 * r).transpose(), row_major_mut(block, rows, cols));
    }

    /// H in T with P_T P_free H = `right`; none if conjugate gradients do not end.
    pub fn solve_on(&self, free: &[bool], right: Direction) -> Option<Direction> {
        let (table, cols) = (self.table, self.table.cols);
        let scale = (self.rank as f64).sqrt();
        let mut h = Direction { a: vec![0.0; right.a.len()], b: vec![0.0; right.b.len()] };
        let (mut residual, mut direction) = (right.clone(), right);
        let mut square = residual.dot(&residual, table)?;
        let begin = square;
        for _ in 0..MAX_STEPS {
            if square.sqrt() <= TOLERANCE * scale {
                return Some(h);
            }
            let image = self.project(|start, block| {
                self.rows_of(&direction, start, block);
                block.iter_mut().zip(&free[start * cols..]).for_each(|(x, free)| *x = if *free { *x } else { 0.0 });
            })?;
            let step = square / direction.dot(&image, table)?;
            h.combine(1.0, step, &direction);
            residual.combine(1.0, -step, &image);
            let next = residual.dot(&residual, table)?;
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
        let cols = self.table.cols;
        w.par_chunks_mut(ROW_BLOCK * cols).enumerate().for_each(|(block, w)| {
            let mut x = vec![0.0; w.len()];
            self.rows_of(h, block * ROW_BLOCK, &mut x);
            let free = &free[block * ROW_BLOCK * cols..];
            w.iter_mut().zip(&x).zip(free).for_each(|((w, x), free)| *w += if *free { *x } else { 0.0 });
        });
    }

    /// ‖P_T⊥ W‖, from below, by subspace iteration on (I − UUᵀ) W (I − VVᵀ).
    pub fn norm_off_tangent(&self, w: &[f64]) -> Option<f64> {
        let (ranks, rows, cols) = (&self.table.ranks, self.table.rows, self.table.cols);
        let mut rng = stream(1, 0);
        let probes = PROBES.min(ranks.all_rows()).min(cols);
        let mut right: Vec<f64> = (0..cols * probes).map(|_| StandardNormal.sample(&mut rng)).collect();
        let w = row_major(w, rows, cols);
        let mut left = vec![0.0; rows * probes];
        let mut largest = 0.0;
        for _ in 0..PASSES {
            self.remove_right(&mut right, probes);
            orthonormalise(&mut right, probes);
            mul(w, row_major(&right, cols, probes), &mut left);
            self.remove_left(&mut left, probes)?;
            let gram = ranks.sum(cross(&left, probes, &left, probes))?;
            largest = ranks.eigenvalues(&gram, probes)?[0];
            ranks.orthonormalise(&mut left, probes)?;
            mul_transpose(w, row_major(&left, rows, probes), &mut right);
            right = ranks.sum(right)?;
        }
        Some(largest.sqrt())
    }
}
