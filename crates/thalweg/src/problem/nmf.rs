//! ½ Σ w (X − U Vᵀ)² over the observed entries, with U, V ≥ 0 and a penalty on their size.

use super::constraint::Constraints;
use super::half_step::{OBSERVED_BLOCK, Task};
use super::least_squares::{LeastSquares, RowsHere};
use super::penalty::{FactorPenalty, Penalty, RowPenalties, ScaledPenalty, row_weights};
use super::row_separable::{Measure, RowSeparable, RowUpdate, When};
use super::terms::{Terms, check_entries};
use crate::data::{Matrix, Observed, Summary};
use crate::linalg::{Real, fixed_order_sum, gather_rows, gram, mul, mul_transpose, row_major, row_residual, squared_distance};
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
    terms: Terms,
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
        let problem = Nmf { data, terms: Terms { rank, summary: data.summary(), constraints, penalty: None } };
        problem.terms.check_shape(data.shape(), data.shape())?;
        check_entries(data, problem.summary(), problem.constraints(), (0, 0))?;
        problem.terms.check_content()?;
        Ok(problem)
    }

    /// The same where one factor is given, so that any rank and any number of rows will do.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::Negative`], [`Error::Range`].
    pub fn with_given_factor(data: &'a Matrix<T>, rank: usize, constraints: Constraints) -> Result<Self, Error> {
        let summary = data.summary();
        check_entries(data, &summary, &constraints, (0, 0))?;
        Ok(Nmf { data, terms: Terms { rank, summary, constraints, penalty: None } })
    }

    /// The same problem with a penalty, in units of the data.
    ///
    /// # Errors
    /// As [`Penalty::check`] where scale can move from one factor to the other, else as [`Penalty::check_numbers`]; [`Error::Parameter`] for
    /// λ₁ on a free factor.
    pub fn with_penalty(self, penalty: &Penalty) -> Result<Self, Error> {
        self.terms.check_penalty(penalty)?;
        let units = |problem: &Self| penalty.in_units_of(problem.data, problem.summary(), problem.rank());
        let scaled = if penalty.is_none() { ScaledPenalty::default() } else { units(&self) };
        Ok(self.with_scaled_penalty(scaled))
    }

    /// The same with a penalty in the units of other data: new rows pay what the fitted ones paid.
    pub fn with_scaled_penalty(self, scaled: ScaledPenalty) -> Self {
        let weights = [Side::U, Side::V].map(|side| row_weights(self.data, side));
        let penalty = RowPenalties::new(&weights, scaled, self.constraints(), self.rank());
        Nmf { terms: Terms { penalty, ..self.terms }, ..self }
    }

    /// The penalty in the units of the data.
    pub fn penalty(&self) -> ScaledPenalty {
        self.terms.penalty.as_ref().map_or(ScaledPenalty::default(), |p| p.scaled)
    }

    /// What the factors may be.
    pub fn constraints(&self) -> &Constraints {
        &self.terms.constraints
    }

    /// Whether the data term is all of the objective.
    pub fn has_no_penalty(&self) -> bool {
        self.terms.penalty.is_none()
    }

    /// λ₂ and λ₁ of each row of a factor; none where nothing is penalised.
    pub(super) fn row_penalties(&self, side: Side) -> Option<&[FactorPenalty]> {
        self.terms.row_penalties(side)
    }

    /// What an entry in column k of a row with this penalty pays.
    pub(super) fn penalty_in_column(&self, side: Side, k: usize, of_row: FactorPenalty) -> FactorPenalty {
        self.terms.penalty_ratios(side).get(k).map_or(of_row, |&ratio| of_row.times(ratio))
    }

    /// What the rows of one factor pay.
    pub(super) fn penalty_of(&self, side: Side, rows: &[T]) -> f64 {
        self.terms.penalty_of(side, 0, rows)
    }

    /// The matrix.
    pub fn data(&self) -> &'a Matrix<T> {
        self.data
    }

    /// r.
    pub fn rank(&self) -> usize {
        self.terms.rank
    }

    /// Sums over the observed entries.
    pub fn summary(&self) -> &Summary {
        &self.terms.summary
    }

    /// What these rows of the `side` factor have in common.
    pub(super) fn task<'t>(&'t self, side: Side, rows: &Range<usize>, rule: &'t dyn RowUpdate<T>, when: When) -> Task<'t, T> {
        self.terms.task(side, rows, rule, when)
    }

    /// Lets the rule move the rows of the `side` factor from number `first` on, with the other factor held; the measure is that of these rows
    /// alone, without the penalty on what is held.
    pub fn move_rows(&self, side: Side, first: usize, held: &[T], rows: &mut [T], rule: &dyn RowUpdate<T>, when: When) -> Measure {
        let range = first..first + rows.len() / self.rank();
        move_rows(self.data, side, &self.task(side, &range, rule, when), held, rows)
    }

    /// The objective of factors that fit the data.
    pub fn objective(&self, factors: &Factors<T>) -> f64 {
        let (u, v) = factors.split();
        self.value(u, v)
    }
}

/// Lets the rule move these rows of the `side` factor, the first of them being the task's first row of the data.
pub(super) fn move_rows<T: Real>(data: &Matrix<T>, side: Side, task: &Task<'_, T>, held: &[T], rows: &mut [T]) -> Measure {
    let r = task.rank;
    let range = task.first..task.first + rows.len() / r;
    match data.full_and_hidden() {
        (Matrix::Observed(Observed { entries, weights }), _) => {
            task.gram_per_row(entries.rows_of(side), weights.as_ref().map(|w| w.rows_of(side)), held, rows)
        }
        (full, None) => task.shared_gram(&gram(held, r), rows, cross_products(full, side, &range, held, r)),
        (full, Some(hidden)) => {
            task.gram_less_hidden(&gram(held, r), hidden.entries.rows_of(side), held, rows, cross_products(full, side, &range, held, r))
        }
    }
}

/// Writes the cross products of rows from its first argument on.
type CrossProducts<'x, T> = Box<dyn Fn(usize, &mut [T]) + Sync + 'x>;

/// X·held for these rows of a full X (or Xᵀ, by `side`): writes those from its first argument on, counted from the first of them.
fn cross_products<'x, T: Real>(full: &'x Matrix<T>, side: Side, rows: &Range<usize>, held: &'x [T], r: usize) -> CrossProducts<'x, T> {
    match full {
        Matrix::Dense(x) => {
            let (mut cross, held) = (vec![T::of(0.0); rows.len() * r], row_major(held, held.len() / r, r));
            match side {
                Side::U => mul(x.view().subrows(rows.start, rows.len()), held, &mut cross),
                Side::V => mul_transpose(x.view().subcols(rows.start, rows.len()), held, &mut cross),
            }
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
        (m, n, self.rank())
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
        0.5 * self.summary().norm_squared
    }

    fn value(&self, u: &[T], v: &[T]) -> f64 {
        0.5 * squares(self.data, u, v, self.rank()) + self.penalty_of(Side::U, u) + self.penalty_of(Side::V, v)
    }
}

impl<T: Real> LeastSquares<T> for Nmf<'_, T> {
    fn summary(&self) -> &Summary {
        self.summary()
    }

    fn constraints(&self) -> &Constraints {
        self.constraints()
    }

    fn rows_here(&self, side: Side) -> RowsHere {
        let (m, n) = self.data.shape();
        let all = if side == Side::U { m } else { n };
        RowsHere { first: 0, count: all, all }
    }

    fn observed_counts(&self) -> (Vec<usize>, Vec<usize>) {
        self.data.observed_counts()
    }

    fn in_memory(&self) -> Option<&Nmf<'_, T>> {
        Some(self)
    }
}

/// Σ w (X − UVᵀ)².
pub(super) fn squares<T: Real>(data: &Matrix<T>, u: &[T], v: &[T], r: usize) -> f64 {
    let (m, n) = data.shape();
    let blocks: Vec<usize> = (0..m).step_by(OBSERVED_BLOCK).collect();
    let rows_of = |start: usize| start..m.min(start + OBSERVED_BLOCK);
    let (full, hidden) = data.full_and_hidden();
    let hidden_in = |i: usize| hidden.map_or(&[][..], |h| h.entries.by_row.row(i).0);
    let zeros = if data.has_unstored_zeros() { vec![T::of(0.0); n] } else { Vec::new() };
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
    fixed_order_sum(&sums)
}
