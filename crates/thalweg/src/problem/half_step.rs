//! Half-steps: normal equations block by block, and the rule on panels of rows.

use super::constraint::RowSet;
use super::penalty::FactorPenalty;
use super::row_separable::{Measure, PANEL_LANES, Panel, RowUpdate, When};
use crate::data::Csr;
use crate::linalg::{Real, fixed_order_sum, gather_gram, gather_rows};
use rayon::prelude::*;

/// What the rows of one half-step have in common.
pub(super) struct Task<'a, T> {
    /// r.
    pub rank: usize,
    /// The number that the first of the rows has in the data.
    pub first: usize,
    /// Standard deviation of the observed entries of X.
    pub sd: f64,
    pub rule: &'a dyn RowUpdate<T>,
    pub when: When,
    /// What each row pays, if anything: all the same where every entry is given.
    pub penalties: Option<&'a [FactorPenalty]>,
    /// What that is multiplied by in each column; empty where it is 1.
    pub ratios: &'a [f64],
    /// Where the rows lie.
    pub set: RowSet,
    /// Components that move, if others are given.
    pub free: Option<Vec<usize>>,
}

/// Rows that are worked on together, by the number of all rows: few rows make smaller blocks, so that there is one for each thread.
pub(super) fn block_rows(rows: usize) -> usize {
    if rows >= 4096 { 256 } else { 128 }
}

/// Observed rows that are worked on together; small, because their lengths differ a lot.
pub(super) const OBSERVED_BLOCK: usize = 32;

impl<T: Real> Task<'_, T> {
    /// One Gram matrix for all rows; `cross_of` writes the cross products of the rows from its first argument on.
    pub fn shared_gram(&self, gram: &[T], rows: &mut [T], cross_of: impl Fn(usize, &mut [T]) + Sync) -> Measure {
        let r = self.rank;
        let penalty = self.penalties.map(|rows| rows[0]);
        let mut gram = gram.to_vec();
        add_ridge(&mut gram, r, penalty, self.ratios);
        let gram = gram.as_slice();
        let size = block_rows(rows.len() / r);
        let blocks = rows.par_chunks_mut(size * r).enumerate().map(|(block, rows)| {
            let mut cross = vec![T::of(0.0); rows.len()];
            cross_of(block * size, &mut cross);
            subtract_l1(&mut cross, r, penalty, self.ratios);
            let (mut lane_rows, mut lane_cross) = (vec![T::of(0.0); r * PANEL_LANES], vec![T::of(0.0); r * PANEL_LANES]);
            let mut sum = Measure::default();
            for (rows, cross) in rows.chunks_mut(PANEL_LANES * r).zip(cross.chunks(PANEL_LANES * r)) {
                to_lanes(rows, &mut lane_rows, r);
                to_lanes(cross, &mut lane_cross, r);
                let panel = Panel { lanes: PANEL_LANES, rank: r, gram, cross: &lane_cross, rows: &mut lane_rows, sd: self.sd, set: self.set };
                sum = sum + self.update_and_measure(panel);
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

    /// A Gram matrix for each row, from the observed entries of that row.
    pub fn gram_per_row(&self, entries: &Csr<T>, weights: Option<&Csr<T>>, held: &[T], rows: &mut [T]) -> Measure {
        let r = self.rank;
        let blocks = rows.par_chunks_mut(OBSERVED_BLOCK * r).enumerate().map(|(block, rows)| {
            let (mut gram, mut cross) = (vec![T::of(0.0); r * r], vec![T::of(0.0); r]);
            let mut weighted = Vec::new();
            let mut sum = Measure::default();
            for (i, row) in rows.chunks_exact_mut(r).enumerate() {
                let (columns, values) = entries.row(self.first + block * OBSERVED_BLOCK + i);
                if columns.is_empty() {
                    continue; // no equation: the row stays what it is, 0
                }
                let weights = weights.map(|w| w.row(self.first + block * OBSERVED_BLOCK + i).1);
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
                let penalty = self.penalties.map(|rows| rows[block * OBSERVED_BLOCK + i]);
                add_ridge(&mut gram, r, penalty, self.ratios);
                subtract_l1(&mut cross, r, penalty, self.ratios);
                sum = sum + self.update_and_measure(Panel { lanes: 1, rank: r, gram: &gram, cross: &cross, rows: row, sd: self.sd, set: self.set });
            }
            sum
        });
        sum_in_order(blocks.collect())
    }

    /// A Gram matrix for each row: that of all entries, less what the hidden ones of that row make of it.
    ///
    /// `cross_of` as in [`Task::shared_gram`], of data that are 0 where they are hidden.
    pub fn gram_less_hidden(&self, shared: &[T], hidden: &Csr<T>, held: &[T], rows: &mut [T], cross_of: impl Fn(usize, &mut [T]) + Sync) -> Measure {
        let r = self.rank;
        let size = block_rows(rows.len() / r);
        let blocks = rows.par_chunks_mut(size * r).enumerate().map(|(block, rows)| {
            let (mut gram, mut cross) = (vec![T::of(0.0); r * r], vec![T::of(0.0); rows.len()]);
            cross_of(block * size, &mut cross);
            let mut sum = Measure::default();
            for (i, (row, cross)) in rows.chunks_exact_mut(r).zip(cross.chunks_exact_mut(r)).enumerate() {
                let columns = hidden.row(self.first + block * size + i).0;
                if columns.len() == hidden.cols() {
                    continue; // no equation: the row stays what it is, 0
                }
                take_out(shared, columns, held, r, &mut gram);
                let penalty = self.penalties.map(|rows| rows[block * size + i]);
                add_ridge(&mut gram, r, penalty, self.ratios);
                subtract_l1(cross, r, penalty, self.ratios);
                sum = sum + self.update_and_measure(Panel { lanes: 1, rank: r, gram: &gram, cross, rows: row, sd: self.sd, set: self.set });
            }
            sum
        });
        sum_in_order(blocks.collect())
    }

    /// Gram matrices and cross products that are there already, one for each row.
    pub fn given_grams(&self, grams: &[T], cross: &[T], rows: &mut [T]) -> Measure {
        let r = self.rank;
        let blocks = rows.par_chunks_mut(OBSERVED_BLOCK * r).enumerate().map(|(block, rows)| {
            let mut sum = Measure::default();
            for (i, row) in rows.chunks_exact_mut(r).enumerate() {
                let number = block * OBSERVED_BLOCK + i;
                let (mut gram, mut cross) = (grams[number * r * r..][..r * r].to_vec(), cross[number * r..][..r].to_vec());
                if gram.iter().step_by(r + 1).all(|&g| g == T::of(0.0)) {
                    continue; // no equation yet
                }
                let penalty = self.penalties.map(|rows| rows[number]);
                add_ridge(&mut gram, r, penalty, self.ratios);
                subtract_l1(&mut cross, r, penalty, self.ratios);
                sum = sum + self.update_and_measure(Panel { lanes: 1, rank: r, gram: &gram, cross: &cross, rows: row, sd: self.sd, set: self.set });
            }
            sum
        });
        sum_in_order(blocks.collect())
    }

    fn update_and_measure(&self, mut panel: Panel<'_, T>) -> Measure {
        if let Some(free) = &self.free {
            return self.update_free(panel, free);
        }
        let before = if self.when == When::Before { panel.measure() } else { Measure::default() };
        self.rule.update(&mut panel);
        if self.when == When::After { panel.measure() } else { before }
    }

    /// The same where some components are given: the free ones minimise ½ u G u − (c − G_fg u_g) u.
    fn update_free(&self, panel: Panel<'_, T>, free: &[usize]) -> Measure {
        let (r, lanes, f) = (panel.rank, panel.lanes, free.len());
        let is_given = |k: &usize| !free.contains(k);
        let gram: Vec<T> = free.iter().flat_map(|&k| free.iter().map(move |&l| panel.gram[k * r + l])).collect();
        let (mut cross, mut rows) = (Vec::with_capacity(f * lanes), Vec::with_capacity(f * lanes));
        for &k in free {
            for i in 0..lanes {
                let of_given: f64 = (0..r).filter(is_given).map(|l| panel.gram[k * r + l].f64() * panel.rows[l * lanes + i].f64()).sum();
                cross.push(T::of(panel.cross[k * lanes + i].f64() - of_given));
                rows.push(panel.rows[k * lanes + i]);
            }
        }
        let mut constant = 0.0;
        for i in 0..lanes {
            let u = |k: usize| panel.rows[k * lanes + i].f64();
            for k in (0..r).filter(is_given) {
                let gu: f64 = (0..r).filter(is_given).map(|l| panel.gram[k * r + l].f64() * u(l)).sum();
                constant += u(k) * (0.5 * gu - panel.cross[k * lanes + i].f64());
            }
        }
        let mut sum = Measure { model: constant, residual: 0.0 };
        if f > 0 {
            let part = Panel { lanes, rank: f, gram: &gram, cross: &cross, rows: &mut rows, sd: panel.sd, set: panel.set };
            sum = sum + Task { free: None, ..*self }.update_and_measure(part);
            for (&k, row) in free.iter().zip(rows.chunks_exact(lanes)) {
                panel.rows[k * lanes..][..lanes].copy_from_slice(row);
            }
        }
        sum
    }
}

/// The share of a diagonal entry of G that must be left, so that its digits are.
const LEFT: f64 = 1.0 / 16.0;

/// G − Σ vⱼᵀvⱼ over the hidden columns j; from the columns that are left where the difference would cancel, or costs more.
fn take_out<T: Real>(shared: &[T], hidden: &[u32], held: &[T], r: usize, gram: &mut [T]) {
    gram.fill(T::of(0.0));
    let columns = held.len() / r;
    if 2 * hidden.len() <= columns {
        gather_gram(hidden, None, held, r, gram);
        gram.iter_mut().zip(shared).for_each(|(g, &all)| *g = all - *g);
        if (0..r).all(|k| gram[k * r + k].f64() >= LEFT * shared[k * r + k].f64()) {
            return;
        }
        gram.fill(T::of(0.0));
    }
    let mut hidden = hidden.iter().copied().peekable();
    let left: Vec<u32> = (0..columns as u32).filter(|&j| hidden.next_if_eq(&j).is_none()).collect();
    gather_gram(&left, None, held, r, gram);
}

/// G + λ₂I.
fn add_ridge<T: Real>(gram: &mut [T], r: usize, penalty: Option<FactorPenalty>, ratios: &[f64]) {
    if let Some(penalty) = penalty {
        let of_column = |k: usize| ratios.get(k).map_or(penalty, |&ratio| penalty.times(ratio));
        gram.iter_mut().step_by(r + 1).enumerate().for_each(|(k, g)| *g += T::of(of_column(k).l2));
    }
}

/// c − λ₁.
fn subtract_l1<T: Real>(cross: &mut [T], r: usize, penalty: Option<FactorPenalty>, ratios: &[f64]) {
    if let Some(penalty) = penalty.filter(|p| p.l1 > 0.0) {
        let of_column = |k: usize| ratios.get(k).map_or(penalty, |&ratio| penalty.times(ratio));
        cross.iter_mut().enumerate().for_each(|(at, c)| *c -= T::of(of_column(at % r).l1));
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
