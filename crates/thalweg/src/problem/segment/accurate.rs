//! One line from the differences of its end points, in twice the precision.
//!
//! Gram matrices of U₀ and D square the condition of the problem; with 32 digits that still leaves sixteen, and it needs no m×n residual.

use super::scaling::Scaling;
use super::{Facts, Sizes, longest_chain, size};
use crate::data::{Matrix, Observed};
use crate::linalg::{DoubleDouble, Polynomial, ROW_BLOCK, column_norms, scale};
use crate::{Factors, Side};
use rayon::prelude::*;

/// Relative error of one operation on [`DoubleDouble`]s, several times over.
const ROUNDOFF: f64 = f64::EPSILON * f64::EPSILON * 8.0;

/// (W₀ or U₀V₀ᵀ, W₁, W₂) at one entry.
type Parts = [DoubleDouble; 3];

/// One factor on the line: row i holds the start's row, then the step's.
struct Moving {
    rank: usize,
    rows: Vec<DoubleDouble>,
}

impl Moving {
    fn new(side: Side, a: &Factors, b: &Factors, scaling: &Scaling) -> Moving {
        let rank = a.rank();
        let exponents = scaling.side(side);
        let mut rows = Vec::with_capacity(2 * a.side(side).len());
        for (a, b) in a.side(side).chunks_exact(rank.max(1)).zip(b.side(side).chunks_exact(rank.max(1))) {
            let scaled = |row: &[f64], k: usize| scale(row[k], exponents[k]);
            rows.extend((0..rank).map(|k| DoubleDouble::from(scaled(a, k))));
            rows.extend((0..rank).map(|k| DoubleDouble::difference(scaled(b, k), scaled(a, k))));
        }
        Moving { rank, rows }
    }

    fn row(&self, i: usize) -> (&[DoubleDouble], &[DoubleDouble]) {
        self.rows[2 * self.rank * i..][..2 * self.rank].split_at(self.rank)
    }

    /// Norms of the start's columns, then of the step's.
    fn norms(&self) -> Vec<f64> {
        let rounded: Vec<f64> = self.rows.iter().map(|x| x.f64()).collect();
        column_norms(&rounded, 2 * self.rank)
    }

    /// \[U₀ D\]ᵀ\[U₀ D\], 2r×2r.
    fn gram(&self) -> Vec<DoubleDouble> {
        let width = 2 * self.rank;
        let blocks: Vec<_> = self.rows.par_chunks((ROW_BLOCK * width).max(1)).map(|rows| block_gram(rows, width)).collect();
        let mut gram = vec![DoubleDouble::default(); width * width];
        for block in blocks {
            gram.iter_mut().zip(block).for_each(|(g, b)| *g += b);
        }
        gram
    }
}

fn block_gram(rows: &[DoubleDouble], width: usize) -> Vec<DoubleDouble> {
    let mut gram = vec![DoubleDouble::default(); width * width];
    for row in rows.chunks_exact(width) {
        for k in 0..width {
            for l in 0..width {
                gram[k * width + l] += row[k] * row[l];
            }
        }
    }
    gram
}

/// Σ over rows of what `add` adds up, rows in blocks and blocks in order.
fn sum_over_rows<const N: usize>(rows: usize, add: impl Fn(usize, &mut [DoubleDouble; N]) + Sync) -> [DoubleDouble; N] {
    let starts: Vec<usize> = (0..rows).step_by(ROW_BLOCK).collect();
    let blocks: Vec<_> = starts
        .par_iter()
        .map(|&start| {
            let mut sum = [DoubleDouble::default(); N];
            (start..rows.min(start + ROW_BLOCK)).for_each(|i| add(i, &mut sum));
            sum
        })
        .collect();
    let mut total = [DoubleDouble::default(); N];
    for block in blocks {
        total.iter_mut().zip(block).for_each(|(t, b)| *t += b);
    }
    total
}

/// (u₀·v₀, d·v₀ + u₀·e, d·e).
fn entry((u, d): (&[DoubleDouble], &[DoubleDouble]), (v, e): (&[DoubleDouble], &[DoubleDouble])) -> Parts {
    let mut parts = Parts::default();
    for k in 0..u.len() {
        parts[0] += u[k] * v[k];
        parts[1] += d[k] * v[k] + u[k] * e[k];
        parts[2] += d[k] * e[k];
    }
    parts
}

/// The quartic and rigorous error bounds, whatever the magnitudes.
pub(super) fn segment(data: &Matrix<f64>, facts: &Facts, a: &Factors, b: &Factors) -> Polynomial {
    let scaling = Scaling::of([a, b].into_iter(), a.rank(), facts);
    let (u, v) = (Moving::new(Side::U, a, b, &scaling), Moving::new(Side::V, a, b, &scaling));
    let quartic = match data.full_and_hidden() {
        (Matrix::Observed(x), _) => observed(x, &scaling, &u, &v),
        (all, hidden) => {
            let mut quartic = full(all, &scaling, &u, &v);
            let too_much = hidden.map_or_else(Default::default, |hidden| observed(hidden, &scaling, &u, &v));
            quartic.iter_mut().zip(too_much).for_each(|(c, h)| *c = *c - h);
            quartic
        }
    };
    let coefficients = quartic.map(DoubleDouble::f64);
    let mut errors = sizes(facts, &scaling, &u, &v).errors(ROUNDOFF * longest_chain(data, a.rank()));
    errors.iter_mut().zip(coefficients).for_each(|(e, c)| *e += 0.5 * f64::EPSILON * c.abs());
    scaling.polynomial(coefficients, errors)
}

fn sizes(facts: &Facts, scaling: &Scaling, u: &Moving, v: &Moving) -> Sizes {
    let (u_norms, v_norms) = (u.norms(), v.norms());
    let ((u, d), (v, e)) = (u_norms.split_at(u.rank), v_norms.split_at(v.rank));
    let size = |a: &[f64], b: &[f64]| facts.weight.sqrt() * size(a, b);
    Sizes([size(u, v) + scaling.of_x(facts.norm), size(d, v) + size(u, e), size(d, e)])
}

/// c₀ … c₄ from the six inner products.
fn quartic([w00, w01, w11, w02, w12, w22]: [DoubleDouble; 6]) -> [DoubleDouble; 5] {
    [w00.half(), w01, w11.half() + w02, w12, w22.half()]
}

fn observed(data: &Observed, scaling: &Scaling, u: &Moving, v: &Moving) -> [DoubleDouble; 5] {
    quartic(sum_over_rows(data.entries.by_row.rows(), |i, sums| {
        for (j, x, weight) in data.row_entries(i) {
            let [product, w1, w2] = entry(u.row(i), v.row(j));
            let w0 = product - scaling.of_x(x).into();
            let weighted = [w0, w1, w2].map(|w| w * weight.into());
            for (sum, (k, w)) in sums.iter_mut().zip([(0, w0), (0, w1), (1, w1), (0, w2), (1, w2), (2, w2)]) {
                *sum += weighted[k] * w;
            }
        }
    }))
}

/// Gram matrices for the products of factors, the stored entries for those with X.
fn full(data: &Matrix<f64>, scaling: &Scaling, u: &Moving, v: &Moving) -> [DoubleDouble; 5] {
    let (gram_u, gram_v, rank) = (u.gram(), v.gram(), u.rank);
    let width = 2 * rank;
    // ⟨A Bᵀ, C Dᵀ⟩ with A, C the start (0) or the step (1) of U, and B, D of V
    let inner = |a: usize, b: usize, c: usize, d: usize| {
        let mut sum = DoubleDouble::default();
        for k in 0..rank {
            for l in 0..rank {
                sum += gram_u[(a * rank + k) * width + c * rank + l] * gram_v[(b * rank + k) * width + d * rank + l];
            }
        }
        sum
    };
    let [x0, x1, x2, xx] = sum_over_rows(data.shape().0, |i, sums| {
        for (j, x, _) in data.row_entries(i) {
            let x = DoubleDouble::from(scaling.of_x(x));
            let [w0, w1, w2] = entry(u.row(i), v.row(j));
            for (sum, w) in sums.iter_mut().zip([w0, w1, w2, x]) {
                *sum += x * w;
            }
        }
    });
    let crossed = inner(1, 0, 0, 1);
    quartic([
        inner(0, 0, 0, 0) - x0 - x0 + xx,
        inner(0, 0, 1, 0) + inner(0, 0, 0, 1) - x1,
        inner(1, 0, 1, 0) + inner(0, 1, 0, 1) + crossed + crossed,
        inner(0, 0, 1, 1) - x2,
        inner(1, 0, 1, 1) + inner(0, 1, 1, 1),
        inner(1, 1, 1, 1),
    ])
}
