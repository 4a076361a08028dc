//! A dual point from the splitting's multiplier, whose norm exceeds 1 until the very end.

use super::splitting::{Splitting, clamp, narrowed};
use super::table::Table;
use crate::linalg::{ROW_BLOCK, Real, fixed_order_sum, multiply, row_major, row_major_mut, tall_gram};
use rayon::prelude::*;

/// W with |W| ≤ λ in every entry and 0 where nothing was observed.
pub(super) struct DualPoint<T> {
    pub w: Vec<T>,
    /// ⟨Y, W⟩ / max(1, ‖W‖): by weak duality no X costs less.
    pub bound: f64,
}

/// Singular values above 1 are carried so many times the way to 1: clipping the entries afterwards takes a part of the way back.
const OVERSHOOT: f64 = 1.5;

impl<T: Real> DualPoint<T> {
    /// Λ itself, or clip(Λ − Σ min(1, 1.5(1 − 1/σₖ)) σₖuₖvₖᵀ over σₖ > 1, λ), whichever bounds more. To divide Λ by its norm costs several
    /// times as much of the bound. None if a decomposition does not end.
    pub fn near(splitting: &Splitting<'_, T>) -> Option<Self> {
        let table = splitting.table;
        let cols = table.cols;
        let multiplier = splitting.multiplier();
        let (squares, vectors) = table.ranks.eigenvectors(&gram_of_all(&multiplier, table)?, cols)?;
        let plain = DualPoint { bound: inner(&multiplier, table)? / squares[0].sqrt().max(1.0), w: multiplier };
        let above = squares.iter().take_while(|&&square| square > 1.0).count();
        if above == 0 {
            return Some(plain);
        }
        let kept = &vectors[..above * cols];
        let part = |square: &f64| (OVERSHOOT * (1.0 - 1.0 / square.sqrt())).min(1.0);
        let pulled: Vec<f64> = kept.chunks_exact(cols).zip(&squares).flat_map(|(v, square)| v.iter().map(move |v| v * part(square))).collect();
        let w = clipped_difference(&plain.w, (&narrowed(kept), &narrowed(&pulled)), &table.y, (cols, table.lambda));
        let largest = table.ranks.eigenvalues(&gram_of_all(&w, table)?, cols)?[0];
        let moved = DualPoint { bound: inner(&w, table)? / largest.sqrt().max(1.0), w };
        Some(if moved.bound > plain.bound { moved } else { plain })
    }
}

/// clip(W − W P Vᵀ, λ) on the observed entries; the rows of `v` and `pulled` are the columns of V and P.
fn clipped_difference<T: Real>(w: &[T], (v, pulled): (&[T], &[T]), y: &[f64], (cols, lambda): (usize, f64)) -> Vec<T> {
    let width = v.len() / cols;
    let cap = T::of(lambda);
    let mut out = w.to_vec();
    out.par_chunks_mut(ROW_BLOCK * cols).zip(y.par_chunks(ROW_BLOCK * cols)).for_each(|(out, y)| {
        let rows = out.len() / cols;
        let (mut along, mut change) = (vec![T::of(0.0); rows * width], vec![T::of(0.0); out.len()]);
        multiply(row_major(out, rows, cols), row_major(pulled, width, cols).transpose(), row_major_mut(&mut along, rows, width));
        multiply(row_major(&along, rows, width), row_major(v, width, cols), row_major_mut(&mut change, rows, cols));
        for ((w, &change), y) in out.iter_mut().zip(&change).zip(y) {
            *w = if y.is_nan() { T::of(0.0) } else { clamp(*w - change, cap) };
        }
    });
    out
}

/// WᵀW.
fn gram_of_all<T: Real>(w: &[T], table: &Table<'_>) -> Option<Vec<f64>> {
    table.ranks.sum_symmetric(tall_gram(row_major(w, table.rows, table.cols)), table.cols)
}

/// ⟨Y, W⟩ over the observed entries.
fn inner<T: Real>(w: &[T], table: &Table<'_>) -> Option<f64> {
    let cols = table.cols;
    let of_row = |(y, w): (&[f64], &[T])| y.iter().zip(w).map(|(&y, w)| if y.is_nan() { 0.0 } else { y * w.f64() }).sum();
    let here = fixed_order_sum(&table.y.par_chunks(cols).zip(w.par_chunks(cols)).map(of_row).collect::<Vec<f64>>());
    table.ranks.sums([here]).map(|[all]| all)
}
