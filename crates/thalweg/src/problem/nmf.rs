//! ½ Σ w (X − U Vᵀ)² over the observed entries, with U, V ≥ 0 and a penalty on their size.

use super::constraint::{Constraints, RowSet};
use super::half_step::{OBSERVED_BLOCK, Task};
use super::penalty::{FactorPenalty, Penalty, RowPenalties, ScaledPenalty};
use super::row_separable::{Measure, RowSeparable, RowUpdate, When};
use crate::data::{Matrix, Observed, Summary};
use crate::linalg::{
    Real, fixed_order_sum, gather_rows, gram, is_cut_in_depth, mul, mul_transpose, multiply, row_major, row_major_mut, row_residual, squared_distance,
};
use crate::{Error, Factors, Side};
use rayon::prelude::*;
use std::ops::Range;

/// min ½ Σ_observed w (X − UVᵀ)² + the [`Penalty`] over U ≥ 0 (m×r), V ≥ 0 (n×r).
///
/// A penalty enters the normal equations of each row, G + λ₂I and c − λ₁, and nothing else: every method has it on every kind of data.
///
/// Source: Bjorck, Gomes, Weinberger (2020), eqs. (1), (2). We keep the factor ½ everywhere; the paper drops it in eq. (11).
#[derive(Debug)]
pub struct Nmf<'a, T = f64> {
    data: &'a Matrix<T>,
    rank: usize,
    summary: Summary,
    constraints: Constraints,
    penalty: Option<RowPenalties>,
}

impl<'a, T: Real> Nmf<'a, T> {
    /// Checks that the data can be factored at this rank.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Rank`], [`Error::NotFinite`], [`Error::Negative`], [`Error::Range`].
    pub fn new(data: &'a Matrix<T>, rank: usize) -> Result<Self, Error> {
        Self::constrained(data, rank, Constraints::default())
    }

    /// The same under other constraints than U, V ≥ 0. Where a factor is free, data may be negative.
    ///
    /// # Errors
    /// As [`Nmf::new`], and as [`Constraints::check`].
    pub fn constrained(data: &'a Matrix<T>, rank: usize, constraints: Constraints) -> Result<Self, Error> {
        let (rows, cols) = data.shape();
        if rows == 0 || cols == 0 {
            return Err(Error::Empty { what: "the matrix", why: "it has no rows or no columns" });
        }
        if rank == 0 || rank > rows.min(cols) {
            return Err(Error::Rank { rank, rows, cols });
        }
        constraints.check((rows, cols, rank))?;
        let problem = Self::with_given_factor(data, rank, constraints)?;
        if problem.summary.observed == 0 {
            return Err(Error::Empty { what: "the matrix", why: "no entry is observed" });
        }
        if problem.summary.norm_squared == 0.0 {
            return Err(Error::Empty { what: "the matrix", why: "every observed entry (or its weight) is zero" });
        }
        Ok(problem)
    }

    /// The same where one factor is given, so that any rank and any number of rows will do.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::Negative`], [`Error::Range`].
    pub fn with_given_factor(data: &'a Matrix<T>, rank: usize, constraints: Constraints) -> Result<Self, Error> {
        let summary = data.summary();
        let may_be_negative = constraints.allows_negatives();
        // sums that are finite were made of finite numbers; only otherwise look for the entry at fault
        let is_good =
            (may_be_negative || summary.negatives == 0) && (summary.norm_squared + summary.mean).is_finite() && !matches!(data, Matrix::Observed(_));
        for row in 0..if is_good { 0 } else { data.shape().0 } {
            for (col, value, weight) in data.row_entries(row) {
                let (value, weight) = (value.f64(), weight.f64());
                if !value.is_finite() {
                    return Err(Error::NotFinite { what: "the matrix", row, col, value });
                }
                if value < 0.0 && !may_be_negative {
                    return Err(Error::Negative { row, col, value });
                }
                if !(weight >= 0.0 && weight.is_finite()) {
                    return Err(Error::NotFinite { what: "the weights (non-negative numbers)", row, col, value: weight });
                }
            }
        }
        let largest = summary.max.max(-summary.min);
        if largest > 0.0 && !(T::SMALLEST..=T::LARGEST).contains(&largest) {
            return Err(Error::Range { largest, precision: T::NAME });
        }
        Ok(Nmf { data, rank, summary, constraints, penalty: None })
    }

    /// The same problem with a penalty, in units of the data.
    ///
    /// # Errors
    /// As [`Penalty::check`] where scale can move from one factor to the other, else as [`Penalty::check_numbers`]; [`Error::Parameter`] for
    /// λ₁ on a free factor.
    pub fn with_penalty(self, penalty: &Penalty) -> Result<Self, Error> {
        if self.constraints.fix_the_scale(self.rank) {
            penalty.check_numbers()?
        } else {
            penalty.check()?
        }
        for (l1, side) in [(penalty.u.l1, Side::U), (penalty.v.l1, Side::V)] {
            if l1 > 0.0 && self.constraints.side(side).rows == RowSet::Free {
                let expected = "0 for a factor with entries of either sign (use the ridge λ₂)".into();
                return Err(Error::Parameter { name: "l1", expected, got: l1.to_string() });
            }
        }
        let scaled = if penalty.is_none() { ScaledPenalty::default() } else { penalty.in_units_of(self.data, &self.summary, self.rank) };
        Ok(self.with_scaled_penalty(scaled))
    }

    /// The same with a penalty in the units of other data: new rows pay what the fitted ones paid.
    pub fn with_scaled_penalty(self, scaled: ScaledPenalty) -> Self {
        Nmf { penalty: RowPenalties::new(self.data, scaled, &self.constraints, self.rank), ..self }
    }

    /// The penalty in the units of the data.
    pub fn penalty(&self) -> ScaledPenalty {
        self.penalty.as_ref().map_or(ScaledPenalty::default(), |p| p.scaled)
    }

    /// What the factors may be.
    pub fn constraints(&self) -> &Constraints {
        &self.constraints
    }

    /// Whether the data term is all of the objective.
    pub fn has_no_penalty(&self) -> bool {
        self.penalty.is_none()
    }

    /// λ₂ and λ₁ of each row of a factor; none where nothing is penalised.
    pub(super) fn row_penalties(&self, side: Side) -> Option<&[FactorPenalty]> {
        self.penalty.as_ref().map(|p| p.side(side))
    }

    /// What they are multiplied by in each column; empty where that is 1.
    pub(super) fn penalty_ratios(&self, side: Side) -> &[f64] {
        self.penalty.as_ref().map_or(&[], |p| p.ratios(side))
    }

    /// What an entry in column k of a row with this penalty pays.
    pub(super) fn penalty_in_column(&self, side: Side, k: usize, of_row: FactorPenalty) -> FactorPenalty {
        self.penalty_ratios(side).get(k).map_or(of_row, |&ratio| of_row.times(ratio))
    }

    /// What the rows of one factor pay.
    pub(super) fn penalty_of(&self, side: Side, rows: &[T]) -> f64 {
        self.penalty.as_ref().map_or(0.0, |p| p.value(side, rows))
    }

    /// The matrix.
    pub fn data(&self) -> &'a Matrix<T> {
        self.data
    }

    /// r.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Sums over the observed entries.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// What these rows of the `side` factor have in common, their equations being there already.
    pub(super) fn task<'t>(&'t self, side: Side, rows: &Range<usize>, rule: &'t dyn RowUpdate<T>, when: When) -> Task<'t, T> {
        let constraint = self.constraints.side(side);
        Task {
            rank: self.rank,
            first: rows.start,
            sd: self.summary.sd,
            rule,
            when,
            penalties: self.row_penalties(side).map(|all| &all[rows.clone()]),
            ratios: self.penalty_ratios(side),
            set: constraint.rows,
            free: (!constraint.given.components.is_empty()).then(|| constraint.free(self.rank)),
        }
    }

    /// Lets the rule move the rows of the `side` factor from number `first` on, with the other factor held; the measure is that of these rows
    /// alone, without the penalty on what is held.
    pub fn move_rows(&self, side: Side, first: usize, held: &[T], rows: &mut [T], rule: &dyn RowUpdate<T>, when: When) -> Measure {
        let r = self.rank;
        let range = first..first + rows.len() / r;
        let task = self.task(side, &range, rule, when);
        match self.data.full_and_hidden() {
            (Matrix::Observed(Observed { entries, weights }), _) => {
                task.gram_per_row(entries.rows_of(side), weights.as_ref().map(|w| w.rows_of(side)), held, rows)
            }
            (full, None) => task.shared_gram(&gram(held, r), rows, cross_products(full, side, &range, held, r)),
            (full, Some(hidden)) => {
                task.gram_less_hidden(&gram(held, r), hidden.entries.rows_of(side), held, rows, cross_products(full, side, &range, held, r))
            }
        }
    }

    /// The objective of factors that fit the data.
    pub fn objective(&self, factors: &Factors<T>) -> f64 {
        let (u, v) = factors.split();
        self.value(u, v)
    }
}

/// Writes the cross products of rows from its first argument on.
type CrossProducts<'x, T> = Box<dyn Fn(usize, &mut [T]) + Sync + 'x>;

/// X·held for these rows of a full X (or Xᵀ, by `side`): writes those from its first argument on, counted from the first of them.
fn cross_products<'x, T: Real>(full: &'x Matrix<T>, side: Side, rows: &Range<usize>, held: &'x [T], r: usize) -> CrossProducts<'x, T> {
    match full {
        Matrix::Dense(x) => {
            let x = if side == Side::U { x.view() } else { x.view().transpose() };
            let x = x.subrows(rows.start, rows.len());
            let held = row_major(held, held.len() / r, r);
            if !is_cut_in_depth(x.nrows(), x.ncols()) {
                return Box::new(move |first, out| {
                    let count = out.len() / r;
                    multiply(x.subrows(first, count), held, row_major_mut(out, count, r));
                });
            }
            let mut cross = vec![T::of(0.0); x.nrows() * r];
            mul_transpose(x.transpose(), held, &mut cross);
            Box::new(move |first, out| out.copy_from_slice(&cross[first * r..][..out.len()]))
        }
        Matrix::Sparse(x) => {
            let (entries, start) = (x.rows_of(side), rows.start);
            Box::new(move |first, out| {
                for (i, out) in out.chunks_exact_mut(r).enumerate() {
                    let (columns, values) = entries.row(start + first + i);
                    gather_rows(columns, values, held, out);
                }
            })
        }
        Matrix::Observed(_) | Matrix::AllBut(_) => unreachable!("a full matrix is dense or sparse"),
    }
}

impl<T: Real> RowSeparable<T> for Nmf<'_, T> {
    fn shape(&self) -> (usize, usize, usize) {
        let (m, n) = self.data.shape();
        (m, n, self.rank)
    }

    fn half_step(&self, side: Side, held: &[T], rows: &mut [T], rule: &dyn RowUpdate<T>, when: When) -> Measure {
        let measure = self.move_rows(side, 0, held, rows, rule, when);
        match when {
            When::Never => measure,
            // the rows' own penalty is in their equations
            When::Before | When::After => Measure { model: measure.model + self.penalty_of(side.other(), held), ..measure },
        }
    }

    fn constant(&self) -> f64 {
        0.5 * self.summary.norm_squared
    }

    fn value(&self, u: &[T], v: &[T]) -> f64 {
        let (m, n, r) = self.shape();
        let blocks: Vec<usize> = (0..m).step_by(OBSERVED_BLOCK).collect();
        let rows_of = |start: usize| start..m.min(start + OBSERVED_BLOCK);
        let (full, hidden) = self.data.full_and_hidden();
        let hidden_in = |i: usize| hidden.map_or(&[][..], |h| h.entries.by_row.row(i).0);
        let zeros = if self.data.has_unstored_zeros() { vec![T::of(0.0); n] } else { Vec::new() };
        let sums: Vec<f64> = match full {
            Matrix::Dense(x) => blocks
                .par_iter()
                .map(|&start| {
                    let rows = rows_of(start);
                    let mut product = vec![T::of(0.0); rows.len() * n];
                    mul(row_major(&u[start * r..rows.end * r], rows.len(), r), row_major(v, n, r).transpose(), &mut product);
                    for (i, row) in rows.clone().zip(product.chunks_exact_mut(n)) {
                        // X⁰ is 0 there as well
                        hidden_in(i).iter().for_each(|&j| row[j as usize] = T::of(0.0));
                    }
                    let values = &x.values()[start * n..rows.end * n];
                    squared_distance(values, &product)
                })
                .collect(),
            Matrix::Sparse(x) => {
                // Σ over stored (x − p)² − p², Σ over hidden −p², and Σ over all of p² from the Grams
                let stored: Vec<f64> = blocks
                    .par_iter()
                    .map(|&start| {
                        let row = |i: usize| {
                            let (columns, values) = x.by_row.row(i);
                            let u = &u[i * r..][..r];
                            let squares = |columns: &[u32]| row_residual(columns, &zeros[..columns.len()], None, u, v);
                            row_residual(columns, values, None, u, v) - squares(columns) - squares(hidden_in(i))
                        };
                        rows_of(start).map(row).sum()
                    })
                    .collect();
                let all: f64 = gram(u, r).iter().zip(gram(v, r)).map(|(a, b)| a.f64() * b.f64()).sum();
                stored.into_iter().chain([all]).collect()
            }
            Matrix::AllBut(_) => unreachable!("a full matrix hides nothing"),
            Matrix::Observed(Observed { entries, weights }) => blocks
                .par_iter()
                .map(|&start| {
                    let row = |i: usize| {
                        let (columns, values) = entries.by_row.row(i);
                        let weights = weights.as_ref().map(|w| w.by_row.row(i).1);
                        row_residual(columns, values, weights, &u[i * r..][..r], v)
                    };
                    rows_of(start).map(row).sum()
                })
                .collect(),
        };
        0.5 * fixed_order_sum(&sums) + self.penalty_of(Side::U, u) + self.penalty_of(Side::V, v)
    }
}
