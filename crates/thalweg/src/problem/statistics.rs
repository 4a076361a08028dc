//! What a half-step on one factor needs of the other, kept up to date block by block.

use super::half_step::take_out;
use super::{Measure, Nmf, RowUpdate, When};
use crate::Side;
use crate::data::{Csr, Matrix, Observed};
use crate::linalg::{Real, RowEquations, gather_rows, gram, mul, mul_transpose, row_major};
use rayon::prelude::*;
use std::ops::Range;

/// The normal equations of the rows of V from the rows of U that were seen: Gⱼ = Σ w uᵢᵀuᵢ and C = XᵀU; or, with X transposed, of the rows
/// of U from those of V.
///
/// They are sums over rows, so that a block of rows that moved from U to U′ changes them by what it brings now less what it brought before:
/// nothing of an old block is left once it was seen again.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics<T> {
    /// G: r×r where all rows of V share it, else one r×r for each.
    pub gram: Vec<T>,
    /// C, n×r.
    pub cross: Vec<T>,
}

impl<T: Real> Statistics<T> {
    /// Those of nothing, for so many rows: with one G for all of them, or one for each.
    pub(super) fn none(rows: usize, rank: usize, grams: usize) -> Self {
        Statistics { gram: vec![T::of(0.0); grams * rank * rank], cross: vec![T::of(0.0); rows * rank] }
    }

    /// Adds the share of these data to the equations of the rows of the `side` factor; `held`: the rows of the other that belong to the data.
    pub(super) fn add(&mut self, side: Side, data: &Matrix<T>, held: &[T], r: usize) {
        let (full, hidden) = data.full_and_hidden();
        let rows = self.cross.par_chunks_mut(r).enumerate();
        match full {
            Matrix::Dense(x) => {
                let mut cross = vec![T::of(0.0); self.cross.len()];
                let held = row_major(held, held.len() / r, r);
                match side {
                    Side::U => mul(x.view(), held, &mut cross),
                    Side::V => mul_transpose(x.view(), held, &mut cross),
                }
                add(&mut self.cross, T::of(1.0), &cross);
            }
            Matrix::Sparse(x) => rows.for_each(|(j, cross)| {
                let (others, values) = x.rows_of(side).row(j);
                gather_rows(others, values, held, cross);
            }),
            Matrix::Observed(Observed { entries, weights }) => {
                let weights = |j| weights.as_ref().map(|w| w.rows_of(side).row(j).1);
                rows.zip(self.gram.par_chunks_mut(r * r)).for_each_init(
                    || RowEquations::new(r),
                    |room, ((j, cross), gram)| room.add_entries(entries.rows_of(side).row(j), weights(j), held, gram, cross),
                );
                return;
            }
            Matrix::AllBut(_) => unreachable!("a full matrix hides nothing"),
        }
        let all = gram(held, r);
        let grams = self.gram.par_chunks_mut(r * r).enumerate();
        grams.for_each_init(
            || RowEquations::new(r),
            |room, (j, gram)| match hidden.map(|h| h.entries.rows_of(side).row(j).0) {
                None | Some([]) => add(gram, T::of(1.0), &all),
                Some(others) => {
                    let mut left = vec![T::of(0.0); r * r];
                    take_out(room, &all, others, held, &mut left);
                    add(gram, T::of(1.0), &left);
                }
            },
        );
    }
}

impl<T: Real> Nmf<'_, T> {
    /// Those of no rows.
    pub fn no_statistics(&self) -> Statistics<T> {
        let n = self.data().shape().1;
        Statistics::none(n, self.rank(), if self.has_one_gram() { 1 } else { n })
    }

    /// One G for each column from the one that all shared, where these data lack entries that earlier rows had.
    pub fn spread(&self, statistics: &mut Statistics<T>) {
        let (n, r) = (self.data().shape().1, self.rank());
        if !self.has_one_gram() && statistics.gram.len() == r * r {
            statistics.gram = statistics.gram.repeat(n);
        }
    }

    fn has_one_gram(&self) -> bool {
        matches!(self.data(), Matrix::Dense(_) | Matrix::Sparse(_))
    }

    /// Puts `new` in the place of `old`, both the U of these rows of X; `old` is zero for rows that were not seen before.
    pub fn replace_rows(&self, statistics: &mut Statistics<T>, rows: Range<usize>, old: &[T], new: &[T]) {
        let r = self.rank();
        let change = Change { rank: r, first: rows.start, old, new };
        let (full, hidden) = self.data().full_and_hidden();
        if let Matrix::Dense(x) = full {
            let step: Vec<T> = new.iter().zip(old).map(|(new, old)| *new - *old).collect();
            let mut cross = vec![T::of(0.0); statistics.cross.len()];
            mul_transpose(x.view().subrows(rows.start, rows.len()), row_major(&step, rows.len(), r), &mut cross);
            add(&mut statistics.cross, T::of(1.0), &cross);
        }
        if !matches!(full, Matrix::Observed(_)) {
            // every column gets the same, and gives back what it lacks
            let mut all = gram(new, r);
            add(&mut all, T::of(-1.0), &gram(old, r));
            statistics.gram.par_chunks_mut(r * r).for_each(|gram| add(gram, T::of(1.0), &all));
        }
        let columns = statistics.cross.par_chunks_mut(r).enumerate();
        match (full, hidden) {
            (Matrix::Observed(Observed { entries, weights }), _) => {
                let weights = weights.as_ref().map(|w| &w.by_col);
                columns.zip(statistics.gram.par_chunks_mut(r * r)).for_each(|((j, cross), gram)| {
                    change.each(&entries.by_col, weights, j, rows.end, |x, w, old, new| {
                        change.add_cross(w * x, old, new, cross);
                        change.add_gram(w, old, new, gram);
                    });
                });
            }
            (Matrix::Sparse(x), _) => {
                columns.for_each(|(j, cross)| change.each(&x.by_col, None, j, rows.end, |x, _, old, new| change.add_cross(x, old, new, cross)));
            }
            _ => {}
        }
        if let Some(hidden) = hidden {
            statistics.gram.par_chunks_mut(r * r).enumerate().for_each(|(j, gram)| {
                change.each(&hidden.entries.by_col, None, j, rows.end, |_, _, old, new| change.add_gram(T::of(-1.0), old, new, gram));
            });
        }
    }

    /// A V half-step from these normal equations of `u`; the measure is that of the rows that were seen.
    pub fn half_step_from(&self, statistics: &Statistics<T>, u: &[T], v: &mut [T], rule: &dyn RowUpdate<T>, when: When) -> Measure {
        let r = self.rank();
        // their sums are there already: a sweep is what costs
        let task = self.task(Side::V, &(0..v.len() / r), rule, when);
        let mut grams = statistics.gram.clone();
        grams.par_chunks_mut(r * r).for_each(|gram| sweep_dust(gram, r));
        let measure = if grams.len() == r * r {
            task.shared_gram(&grams, v, |first, out| out.copy_from_slice(&statistics.cross[first * r..][..out.len()]))
        } else {
            task.given_grams(&grams, &statistics.cross, v)
        };
        match when {
            When::Never => measure,
            When::Before | When::After => Measure { model: measure.model + self.penalty_of(Side::U, u), ..measure },
        }
    }
}

/// Units of rounding, of the largest diagonal entry of G, below which a diagonal entry is what replacing rows left of a zero.
const DUST: f64 = 1024.0;

/// Takes components out of G that no row has: by rounding alone they would have any size.
fn sweep_dust<T: Real>(gram: &mut [T], r: usize) {
    let largest = gram.iter().step_by(r + 1).fold(0.0f64, |largest, g| largest.max(g.f64()));
    for k in 0..r {
        if gram[k * r + k].f64() <= DUST * T::EPSILON * largest {
            (0..r).for_each(|l| (gram[k * r + l], gram[l * r + k]) = (T::of(0.0), T::of(0.0)));
        }
    }
}

/// A block of rows of U that moved.
struct Change<'a, T> {
    rank: usize,
    first: usize,
    old: &'a [T],
    new: &'a [T],
}

impl<T: Real> Change<'_, T> {
    /// The entries of column j in these rows: (x, w, row of U before, and now).
    fn each(&self, entries: &Csr<T>, weights: Option<&Csr<T>>, j: usize, end: usize, mut visit: impl FnMut(T, T, &[T], &[T])) {
        let (rows, values) = entries.row(j);
        let from = rows.partition_point(|&i| (i as usize) < self.first);
        for e in from..rows.len() {
            let i = rows[e] as usize;
            if i >= end {
                break;
            }
            let at = (i - self.first) * self.rank;
            let weight = weights.map_or(T::of(1.0), |w| w.row(j).1[e]);
            visit(values[e], weight, &self.old[at..][..self.rank], &self.new[at..][..self.rank]);
        }
    }

    fn add_cross(&self, x: T, old: &[T], new: &[T], cross: &mut [T]) {
        for ((c, new), old) in cross.iter_mut().zip(new).zip(old) {
            *c += x * (*new - *old);
        }
    }

    fn add_gram(&self, weight: T, old: &[T], new: &[T], gram: &mut [T]) {
        for (k, gram) in gram.chunks_exact_mut(self.rank).enumerate() {
            let (a, b) = (weight * new[k], weight * old[k]);
            for ((g, new), old) in gram.iter_mut().zip(new).zip(old) {
                *g += a * *new - b * *old;
            }
        }
    }
}

/// out += factor · x.
fn add<T: Real>(out: &mut [T], factor: T, x: &[T]) {
    out.iter_mut().zip(x).for_each(|(o, x)| *o += factor * *x);
}
