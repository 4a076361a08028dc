//! ½ Σ w (X − U Vᵀ)² over the observed entries, with U, V ≥ 0 and a penalty on their size.

use super::penalty::{FactorPenalty, Penalty, RowPenalties, ScaledPenalty};
use super::row_separable::{Measure, PANEL_LANES, Panel, RowSeparable, RowUpdate, When};
use crate::data::{Matrix, Observed, Summary};
use crate::linalg::{ROW_BLOCK, Real, fixed_order_sum, gather_gram, gather_rows, gram, mul, mul_transpose, row_major, row_residual};
use crate::{Error, Factors, Side};
use rayon::prelude::*;

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
    penalty: Option<RowPenalties>,
}

impl<'a, T: Real> Nmf<'a, T> {
    /// Checks that the data can be factored at this rank.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Rank`], [`Error::NotFinite`], [`Error::Negative`], [`Error::Range`].
    pub fn new(data: &'a Matrix<T>, rank: usize) -> Result<Self, Error> {
        let (rows, cols) = data.shape();
        if rows == 0 || cols == 0 {
            return Err(Error::Empty { what: "the matrix", why: "it has no rows or no columns" });
        }
        if rank == 0 || rank > rows.min(cols) {
            return Err(Error::Rank { rank, rows, cols });
        }
        let problem = Self::with_given_factor(data, rank)?;
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
    pub fn with_given_factor(data: &'a Matrix<T>, rank: usize) -> Result<Self, Error> {
        for row in 0..data.shape().0 {
            for (col, value, weight) in data.row_entries(row) {
                let (value, weight) = (value.f64(), weight.f64());
                if !value.is_finite() {
                    return Err(Error::NotFinite { what: "the matrix", row, col, value });
                }
                if value < 0.0 {
                    return Err(Error::Negative { row, col, value });
                }
                if !(weight >= 0.0 && weight.is_finite()) {
                    return Err(Error::NotFinite { what: "the weights (non-negative numbers)", row, col, value: weight });
                }
            }
        }
        let summary = data.summary();
        let largest = summary.max;
        if largest > 0.0 && !(T::SMALLEST..=T::LARGEST).contains(&largest) {
            return Err(Error::Range { largest, precision: T::NAME });
        }
        Ok(Nmf { data, rank, summary, penalty: None })
    }

    /// The same problem with a penalty, in units of the data.
    ///
    /// # Errors
    /// As [`Penalty::check`].
    pub fn with_penalty(self, penalty: &Penalty) -> Result<Self, Error> {
        penalty.check()?;
        let scaled = if penalty.is_none() { ScaledPenalty::default() } else { penalty.in_units_of(self.data, &self.summary, self.rank) };
        Ok(self.with_scaled_penalty(scaled))
    }

    /// The same with a penalty in the units of other data: new rows pay what the fitted ones paid.
    pub fn with_scaled_penalty(self, scaled: ScaledPenalty) -> Self {
        Nmf { penalty: RowPenalties::new(self.data, scaled), ..self }
    }

    /// The penalty in the units of the data.
    pub fn penalty(&self) -> ScaledPenalty {
        self.penalty.as_ref().map_or(ScaledPenalty::default(), |p| p.scaled)
    }

    /// λ₂ and λ₁ of each row of a factor; none where nothing is penalised.
    pub(super) fn row_penalties(&self, side: Side) -> Option<&[FactorPenalty]> {
        self.penalty.as_ref().map(|p| p.side(side))
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

    /// The objective of factors that fit the data.
    pub fn objective(&self, factors: &Factors<T>) -> f64 {
        let (u, v) = factors.split();
        self.value(u, v)
    }

    /// Normal equations with one Gram matrix for all rows; `cross_of` writes the cross products of the rows from `first` on.
    fn shared_gram(
        &self,
        side: Side,
        held: &[T],
        rows: &mut [T],
        rule: &dyn RowUpdate<T>,
        when: When,
        cross_of: impl Fn(usize, &mut [T]) + Sync,
    ) -> Measure {
        let r = self.rank;
        let mut gram = gram(held, r);
        // with every entry given, all rows pay the same
        let penalty = self.row_penalties(side).map(|rows| rows[0]);
        add_ridge(&mut gram, r, penalty);
        let blocks = rows.par_chunks_mut(ROW_BLOCK * r).enumerate().map(|(block, rows)| {
            let mut cross = vec![T::of(0.0); rows.len()];
            cross_of(block * ROW_BLOCK, &mut cross);
            subtract_l1(&mut cross, penalty);
            let (mut lane_rows, mut lane_cross) = (vec![T::of(0.0); r * PANEL_LANES], vec![T::of(0.0); r * PANEL_LANES]);
            let mut sum = Measure::default();
            for (rows, cross) in rows.chunks_mut(PANEL_LANES * r).zip(cross.chunks(PANEL_LANES * r)) {
                to_lanes(rows, &mut lane_rows, r);
                to_lanes(cross, &mut lane_cross, r);
                let panel = Panel { lanes: PANEL_LANES, rank: r, gram: &gram, cross: &lane_cross, rows: &mut lane_rows, sd: self.summary.sd };
                sum = sum + update_and_measure(panel, rule, when);
                for (i, row) in rows.chunks_exact_mut(r).enumerate() {
                    for (k, x) in row.iter_mut().enumerate() {
                        *x = lane_rows[k * PANEL_LANES + i];
                    }
                }
            }
            sum
        });
        sum_in_order(blocks.collect())
    }

    /// Normal equations with a Gram matrix for each row, from the observed entries of that row.
    fn gram_per_row(&self, side: Side, x: &Observed<T>, held: &[T], rows: &mut [T], rule: &dyn RowUpdate<T>, when: When) -> Measure {
        let r = self.rank;
        let (entries, weights) = (x.entries.rows_of(side), x.weights.as_ref().map(|w| w.rows_of(side)));
        let penalties = self.row_penalties(side);
        let blocks = rows.par_chunks_mut(OBSERVED_BLOCK * r).enumerate().map(|(block, rows)| {
            let (mut gram, mut cross) = (vec![T::of(0.0); r * r], vec![T::of(0.0); r]);
            let mut weighted = Vec::new();
            let mut sum = Measure::default();
            for (i, row) in rows.chunks_exact_mut(r).enumerate() {
                let (columns, values) = entries.row(block * OBSERVED_BLOCK + i);
                if columns.is_empty() {
                    continue; // no equation: the row stays what it is, 0
                }
                let weights = weights.map(|w| w.row(block * OBSERVED_BLOCK + i).1);
                gram.fill(T::of(0.0));
                cross.fill(T::of(0.0));
                gather_gram(columns, weights, held, r, &mut gram);
                match weights {
                    None => gather_rows(columns, values, held, &mut cross),
                    Some(w) => {
                        weighted.clear();
                        weighted.extend(w.iter().zip(values).map(|(&w, &x)| w * x));
                        gather_rows(columns, &weighted, held, &mut cross);
                    }
                }
                let penalty = penalties.map(|rows| rows[block * OBSERVED_BLOCK + i]);
                add_ridge(&mut gram, r, penalty);
                subtract_l1(&mut cross, penalty);
                let panel = Panel { lanes: 1, rank: r, gram: &gram, cross: &cross, rows: row, sd: self.summary.sd };
                sum = sum + update_and_measure(panel, rule, when);
            }
            sum
        });
        sum_in_order(blocks.collect())
    }
}

/// G + λ₂I.
fn add_ridge<T: Real>(gram: &mut [T], r: usize, penalty: Option<FactorPenalty>) {
    if let Some(FactorPenalty { l2, .. }) = penalty {
        gram.iter_mut().step_by(r + 1).for_each(|g| *g += T::of(l2));
    }
}

/// c − λ₁.
fn subtract_l1<T: Real>(cross: &mut [T], penalty: Option<FactorPenalty>) {
    if let Some(FactorPenalty { l1, .. }) = penalty {
        cross.iter_mut().for_each(|c| *c -= T::of(l1));
    }
}

/// Observed rows that are worked on together; small, because their lengths differ a lot.
const OBSERVED_BLOCK: usize = 32;

/// Rows by component, padded with zero rows: those have zero equations and stay zero.
fn to_lanes<T: Real>(rows: &[T], lanes: &mut [T], r: usize) {
    if rows.len() < lanes.len() {
        lanes.fill(T::of(0.0));
    }
    for (i, row) in rows.chunks_exact(r).enumerate() {
        for (k, &x) in row.iter().enumerate() {
            lanes[k * PANEL_LANES + i] = x;
        }
    }
}

fn update_and_measure<T: Real>(mut panel: Panel<'_, T>, rule: &dyn RowUpdate<T>, when: When) -> Measure {
    let before = if when == When::Before { panel.measure() } else { Measure::default() };
    rule.update(&mut panel);
    if when == When::After { panel.measure() } else { before }
}

fn sum_in_order(blocks: Vec<Measure>) -> Measure {
    let sum = |f: fn(&Measure) -> f64| fixed_order_sum(&blocks.iter().map(f).collect::<Vec<_>>());
    Measure { model: sum(|m| m.model), residual: sum(|m| m.residual) }
}

impl<T: Real> RowSeparable<T> for Nmf<'_, T> {
    fn shape(&self) -> (usize, usize, usize) {
        let (m, n) = self.data.shape();
        (m, n, self.rank)
    }

    fn half_step(&self, side: Side, held: &[T], rows: &mut [T], rule: &dyn RowUpdate<T>, when: When) -> Measure {
        let r = self.rank;
        let measure = match self.data {
            Matrix::Dense(x) => {
                let mut cross = vec![T::of(0.0); rows.len()];
                let held_view = row_major(held, held.len() / r, r);
                match side {
                    Side::U => mul(x.view(), held_view, &mut cross),
                    Side::V => mul_transpose(x.view(), held_view, &mut cross),
                }
                self.shared_gram(side, held, rows, rule, when, |first, out| out.copy_from_slice(&cross[first * r..][..out.len()]))
            }
            Matrix::Sparse(x) => {
                let entries = match side {
                    Side::U => &x.by_row,
                    Side::V => &x.by_col,
                };
                self.shared_gram(side, held, rows, rule, when, |first, out| {
                    for (i, out) in out.chunks_exact_mut(r).enumerate() {
                        let (columns, values) = entries.row(first + i);
                        gather_rows(columns, values, held, out);
                    }
                })
            }
            Matrix::Observed(x) => self.gram_per_row(side, x, held, rows, rule, when),
        };
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
        let sums: Vec<f64> = match self.data {
            Matrix::Dense(x) => blocks
                .par_iter()
                .map(|&start| {
                    let rows = rows_of(start);
                    let mut product = vec![T::of(0.0); rows.len() * n];
                    mul(row_major(&u[start * r..rows.end * r], rows.len(), r), row_major(v, n, r).transpose(), &mut product);
                    let values = &x.values()[start * n..rows.end * n];
                    product.iter().zip(values).map(|(p, x)| (x.f64() - p.f64()).powi(2)).sum()
                })
                .collect(),
            Matrix::Sparse(x) => {
                // Σ over stored (x − p)² − p², and Σ over all of p² from the Grams
                let zeros = vec![T::of(0.0); n];
                let stored: Vec<f64> = blocks
                    .par_iter()
                    .map(|&start| {
                        let row = |i: usize| {
                            let (columns, values) = x.by_row.row(i);
                            let u = &u[i * r..][..r];
                            row_residual(columns, values, None, u, v) - row_residual(columns, &zeros[..columns.len()], None, u, v)
                        };
                        rows_of(start).map(row).sum()
                    })
                    .collect();
                let all: f64 = gram(u, r).iter().zip(gram(v, r)).map(|(a, b)| a.f64() * b.f64()).sum();
                stored.into_iter().chain([all]).collect()
            }
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
