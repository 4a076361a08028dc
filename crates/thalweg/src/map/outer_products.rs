//! What maps with Aᵢ = lᵢ rᵢᵀ share: ⟨Aᵢ, X⟩ = lᵢᵀ X rᵢ, from p×(d1+d2) numbers.

use super::{Moment, Weight};
use crate::linalg::{dot, gram_of_rows, mul, mul_transpose, row_major};
use crate::{Factors, Side};

/// l, p×d1, and r, p×d2.
#[derive(Clone, Copy)]
pub(super) struct OuterProducts<'a> {
    pub left: &'a [f64],
    pub right: &'a [f64],
    pub shape: (usize, usize),
}

impl OuterProducts<'_> {
    fn len(&self) -> usize {
        self.left.len() / self.shape.0
    }

    /// lᵢᵀ X rᵢ.
    pub fn apply(&self, x: &[f64], out: &mut [f64]) {
        let (d1, d2) = self.shape;
        let mut products = vec![0.0; self.right.len()];
        mul(row_major(self.left, self.len(), d1), row_major(x, d1, d2), &mut products);
        row_dots(&products, self.right, d2, out);
    }

    /// Lᵀ diag(y) R.
    pub fn adjoint(&self, y: &[f64], out: &mut [f64]) {
        let (d1, d2) = self.shape;
        let weighted = weighted_rows(self.left, y, d1);
        mul_transpose(row_major(&weighted, self.len(), d1), row_major(self.right, self.len(), d2), out);
    }

    /// (lᵢᵀU)(rᵢᵀV)ᵀ.
    pub fn apply_factored(&self, factors: &Factors, out: &mut [f64]) {
        let rank = factors.rank();
        let (left, right) = (self.times(Side::U, factors.split().0, rank), self.times(Side::V, factors.split().1, rank));
        row_dots(&left, &right, rank, out);
    }

    /// Lᵀ diag(y) (R V), or its mirror.
    pub fn adjoint_times(&self, y: &[f64], side: Side, factor: &[f64], rank: usize, out: &mut [f64]) {
        let weighted = weighted_rows(&self.times(side.other(), factor, rank), y, rank);
        let (own, width) = self.side(side);
        mul_transpose(row_major(own, self.len(), width), row_major(&weighted, self.len(), rank), out);
    }

    /// lᵢ (rᵢᵀV), or its mirror.
    pub fn jacobian(&self, side: Side, factor: &[f64], rank: usize, out: &mut [f64]) {
        let other = self.times(side.other(), factor, rank);
        let (own, width) = self.side(side);
        for ((own, other), out) in own.chunks_exact(width).zip(other.chunks_exact(rank)).zip(out.chunks_exact_mut(width * rank)) {
            for (&l, out) in own.iter().zip(out.chunks_exact_mut(rank)) {
                out.iter_mut().zip(other).for_each(|(out, &w)| *out = l * w);
            }
        }
    }

    /// Σ ‖r‖² l lᵀ, or its mirror.
    pub fn second_moment(&self, side: Side) -> Moment {
        let ((own, width), (other, other_width)) = (self.side(side), self.side(side.other()));
        let squares: Vec<f64> = other.chunks_exact(other_width).map(|row| dot(row, row)).collect();
        let mut moment = vec![0.0; width * width];
        mul_transpose(row_major(&weighted_rows(own, &squares, width), self.len(), width), row_major(own, self.len(), width), &mut moment);
        Moment::Full(symmetric_part(&moment, width))
    }

    /// (lᵢᵀlⱼ)(rᵢᵀrⱼ).
    pub fn gram(&self) -> Vec<f64> {
        let p = self.len();
        let (mut gram, mut right) = (vec![0.0; p * p], vec![0.0; p * p]);
        gram_of_rows(self.left, p, &mut gram);
        gram_of_rows(self.right, p, &mut right);
        gram.iter_mut().zip(right).for_each(|(g, r)| *g *= r);
        gram
    }

    /// L·W or R·W.
    pub fn weighted(&self, side: Side, weight: &Weight) -> Vec<f64> {
        let (own, width) = self.side(side);
        let mut out = vec![0.0; own.len()];
        mul(row_major(own, self.len(), width), row_major(&weight.dense(), width, width), &mut out);
        out
    }

    fn side(&self, side: Side) -> (&[f64], usize) {
        match side {
            Side::U => (self.left, self.shape.0),
            Side::V => (self.right, self.shape.1),
        }
    }

    /// lᵢᵀU or rᵢᵀV, p×r.
    fn times(&self, side: Side, factor: &[f64], rank: usize) -> Vec<f64> {
        let (own, width) = self.side(side);
        let mut out = vec![0.0; self.len() * rank];
        mul(row_major(own, self.len(), width), row_major(factor, width, rank), &mut out);
        out
    }
}

fn row_dots(a: &[f64], b: &[f64], width: usize, out: &mut [f64]) {
    for ((a, b), out) in a.chunks_exact(width).zip(b.chunks_exact(width)).zip(out) {
        *out = dot(a, b);
    }
}

fn weighted_rows(a: &[f64], weights: &[f64], width: usize) -> Vec<f64> {
    a.chunks_exact(width).zip(weights).flat_map(|(row, &w)| row.iter().map(move |x| w * x)).collect()
}

fn symmetric_part(a: &[f64], d: usize) -> Vec<f64> {
    (0..d * d).map(|at| 0.5 * (a[at] + a[at % d * d + at / d])).collect()
}
