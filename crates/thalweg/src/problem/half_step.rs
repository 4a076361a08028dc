//! Half-steps: normal equations block by block, and the rule on panels of rows.

use super::penalty::FactorPenalty;
use super::row_separable::{Measure, Panel, RowUpdate, When};
use crate::data::Csr;
use crate::linalg::{Grams, PANEL_LANES, Real, fixed_order_sum, gather_gram, gather_rows};
use rayon::prelude::*;

/// What the rows of one half-step have in common.
pub(super) struct Task<'a, T> {
    /// r.
    pub rank: usize,
    /// Standard deviation of the observed entries of X.
    pub sd: f64,
    /// See [`Panel::equations_cost`].
    pub equations_cost: f64,
    pub rule: &'a dyn RowUpdate<T>,
    pub when: When,
    /// What each row pays, if anything: all the same where every entry is given.
    pub penalties: Option<&'a [FactorPenalty]>,
}

/// Rows that are worked on together, by the number of all rows: few rows make smaller blocks, so that there is one for each thread.
pub(super) fn block_rows(rows: usize) -> usize {
    if rows >= 4096 { 256 } else { 128 }
}

/// Observed rows that are worked on together where only their values are summed; small, because their lengths differ a lot.
pub(super) const OBSERVED_BLOCK: usize = 32;

/// A block of observed rows ends with the panel in which it reaches so many entries.
const BLOCK_ENTRIES: usize = 1 << 14;

impl<T: Real> Task<'_, T> {
    /// One Gram matrix for all rows; `cross_of` writes the cross products of the rows from its first argument on.
    pub fn shared_gram(&self, gram: &[T], rows: &mut [T], cross_of: impl Fn(usize, &mut [T]) + Sync) -> Measure {
        let r = self.rank;
        let penalty = self.penalties.map(|rows| rows[0]);
        let mut gram = gram.to_vec();
        add_ridge(&mut gram, r, penalty);
        let grams = Grams::Shared(&gram);
        let mut inverse_diagonal = Vec::new();
        grams.inverse_diagonal(r, &mut inverse_diagonal);
        let inverse_diagonal = inverse_diagonal.as_slice();
        let size = block_rows(rows.len() / r);
        let blocks = rows.par_chunks_mut(size * r).enumerate().map(|(block, rows)| {
            let mut cross = vec![T::of(0.0); rows.len()];
            cross_of(block * size, &mut cross);
            subtract_l1(&mut cross, penalty);
            let mut lanes = RowLanes::new(r);
            let mut sum = Measure::default();
            for (rows, cross) in rows.chunks_mut(PANEL_LANES * r).zip(cross.chunks(PANEL_LANES * r)) {
                sum = sum + lanes.work_on(rows, cross, |cross, rows| self.update_and_measure(grams, inverse_diagonal, cross, rows));
            }
            sum
        });
        sum_in_order(blocks.collect())
    }

    /// A Gram matrix for each row, from the observed entries of that row.
    pub fn gram_per_row(&self, entries: &Csr<T>, weights: Option<&Csr<T>>, held: &[T], rows: &mut [T]) -> Measure {
        let r = self.rank;
        let blocks = blocks_of_entries(entries, rows, r).into_par_iter().map(|(start, rows)| {
            let mut equations = Equations { gram: vec![T::of(0.0); r * r], grams: vec![T::of(0.0); r * r * PANEL_LANES], weighted: Vec::new() };
            let (mut cross, mut inverse_diagonal) = (vec![T::of(0.0); r * PANEL_LANES], Vec::new());
            let mut lanes = RowLanes::new(r);
            let mut sum = Measure::default();
            for (panel, rows) in rows.chunks_mut(PANEL_LANES * r).enumerate() {
                equations.grams.fill(T::of(0.0));
                cross.fill(T::of(0.0));
                let first = start + panel * PANEL_LANES;
                for (lane, cross) in cross.chunks_exact_mut(r).take(rows.len() / r).enumerate() {
                    let (columns, values) = entries.row(first + lane);
                    if columns.is_empty() {
                        continue; // no equation: the row stays what it is, 0
                    }
                    let weights = weights.map(|w| w.row(first + lane).1);
                    equations.gather(lane, (columns, values, weights), held, cross, self.penalties.map(|rows| rows[first + lane]));
                }
                let grams = Grams::Each(&equations.grams);
                grams.inverse_diagonal(r, &mut inverse_diagonal);
                sum = sum + lanes.work_on(rows, &cross, |cross, rows| self.update_and_measure(grams, &inverse_diagonal, cross, rows));
            }
            sum
        });
        sum_in_order(blocks.collect())
    }

    fn update_and_measure(&self, grams: Grams<'_, T>, inverse_diagonal: &[T], cross: &[T], rows: &mut [T]) -> Measure {
        let mut panel = Panel { rank: self.rank, grams, inverse_diagonal, cross, rows, sd: self.sd, equations_cost: self.equations_cost };
        let before = if self.when == When::Before { panel.measure() } else { Measure::default() };
        self.rule.update(&mut panel);
        if self.when == When::After { panel.measure() } else { before }
    }
}

/// Rows and cross products of a panel, by component.
struct RowLanes<T> {
    rank: usize,
    rows: Vec<T>,
    cross: Vec<T>,
}

impl<T: Real> RowLanes<T> {
    fn new(rank: usize) -> Self {
        RowLanes { rank, rows: vec![T::of(0.0); rank * PANEL_LANES], cross: vec![T::of(0.0); rank * PANEL_LANES] }
    }

    /// `work(cross, rows)` on at most [`PANEL_LANES`] rows, which are by row before and after.
    fn work_on(&mut self, rows: &mut [T], cross: &[T], work: impl FnOnce(&[T], &mut [T]) -> Measure) -> Measure {
        let r = self.rank;
        to_lanes(rows, &mut self.rows, r);
        to_lanes(cross, &mut self.cross, r);
        let measure = work(&self.cross, &mut self.rows);
        for (i, row) in rows.chunks_exact_mut(r).enumerate() {
            for (k, x) in row.iter_mut().enumerate() {
                *x = self.rows[k * PANEL_LANES + i];
            }
        }
        measure
    }
}

/// Buffers for the normal equations of a panel of observed rows.
struct Equations<T> {
    /// G of one row.
    gram: Vec<T>,
    /// r×r×[`PANEL_LANES`].
    grams: Vec<T>,
    /// w x.
    weighted: Vec<T>,
}

impl<T: Real> Equations<T> {
    /// G and c of the row in one lane.
    fn gather(
        &mut self,
        lane: usize,
        (columns, values, weights): (&[u32], &[T], Option<&[T]>),
        held: &[T],
        cross: &mut [T],
        penalty: Option<FactorPenalty>,
    ) {
        self.gram.fill(T::of(0.0));
        gather_gram(columns, weights, held, cross.len(), &mut self.gram);
        match weights {
            None => gather_rows(columns, values, held, cross),
            Some(w) => {
                self.weighted.clear();
                self.weighted.extend(w.iter().zip(values).map(|(&w, &x)| w * x));
                gather_rows(columns, &self.weighted, held, cross);
            }
        }
        add_ridge(&mut self.gram, cross.len(), penalty);
        subtract_l1(cross, penalty);
        for (lanes, &entry) in self.grams.chunks_exact_mut(PANEL_LANES).zip(&self.gram) {
            lanes[lane] = entry;
        }
    }
}

/// Blocks of whole panels with about as many entries each, and the row that each starts with: the same for any number of threads.
fn blocks_of_entries<'a, T: Real>(entries: &Csr<T>, mut rows: &'a mut [T], r: usize) -> Vec<(usize, &'a mut [T])> {
    let (count, mut start, mut held) = (rows.len() / r, 0, 0);
    let mut blocks = Vec::new();
    for panel in (0..count).step_by(PANEL_LANES) {
        let end = count.min(panel + PANEL_LANES);
        held += (panel..end).map(|row| entries.row(row).0.len()).sum::<usize>();
        if held >= BLOCK_ENTRIES || end == count {
            let (block, rest) = rows.split_at_mut((end - start) * r);
            blocks.push((start, block));
            (rows, start, held) = (rest, end, 0);
        }
    }
    blocks
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

fn sum_in_order(blocks: Vec<Measure>) -> Measure {
    let sum = |f: fn(&Measure) -> f64| fixed_order_sum(&blocks.iter().map(f).collect::<Vec<_>>());
    Measure { model: sum(|m| m.model), residual: sum(|m| m.residual) }
}
