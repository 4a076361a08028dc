//! Half-steps: normal equations block by block, and the rule on panels of rows.

use super::constraint::RowSet;
use super::penalty::FactorPenalty;
use super::row_separable::{Measure, Panel, RowUpdate, When};
use crate::data::Csr;
use crate::linalg::{Grams, PANEL_LANES, Real, RowEquations, fixed_order_sum};
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

/// Observed rows that are worked on together where only their values are summed; small, because their lengths differ a lot.
pub(super) const OBSERVED_BLOCK: usize = 32;

/// A block of observed rows ends with the panel in which it reaches so many entries.
const BLOCK_ENTRIES: usize = 1 << 14;

/// Bytes from which a factor is read in parts, and those of a part.
const LARGE: usize = 1 << 24;
const SLAB: usize = 1 << 19;

/// Bytes that the equations of the rows of one block take then.
const EQUATIONS: usize = 1 << 22;

/// Entries of a row in a part below which nothing is gained.
const LEAST_IN_SLAB: usize = 32;

/// Blocks that the rows are cut into at least, for the threads.
const LEAST_BLOCKS: usize = 32;

impl<T: Real> Task<'_, T> {
    /// One Gram matrix for all rows; `cross_of` writes the cross products of the rows from its first argument on.
    pub fn shared_gram(&self, gram: &[T], rows: &mut [T], cross_of: impl Fn(usize, &mut [T]) + Sync) -> Measure {
        let r = self.rank;
        let penalty = self.penalties.map(|rows| rows[0]);
        let mut gram = gram.to_vec();
        add_ridge(&mut gram, r, penalty, self.ratios);
        let grams = Grams::Shared(&gram);
        let mut inverse_diagonal = Vec::new();
        grams.inverse_diagonal(r, &mut inverse_diagonal);
        let inverse_diagonal = inverse_diagonal.as_slice();
        let size = block_rows(rows.len() / r);
        let blocks = rows.par_chunks_mut(size * r).enumerate().map(|(block, rows)| {
            let mut cross = vec![T::of(0.0); rows.len()];
            cross_of(block * size, &mut cross);
            subtract_l1(&mut cross, r, penalty, self.ratios);
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
        let (r, len) = (self.rank, RowEquations::<T>::sums_len(self.rank));
        let slabs = slabs_of(entries, held);
        let sums_of = |start: usize, room: &mut RowEquations<T>, cross: &mut [T]| {
            if slabs == 1 {
                return Vec::new();
            }
            let first = self.first + start;
            let mut sums = vec![T::of(0.0); cross.len() / r * len];
            let mut seen = vec![0; cross.len() / r];
            for slab in 1..=slabs {
                let end = entries.cols() * slab / slabs;
                for (i, (seen, sums)) in seen.iter_mut().zip(sums.chunks_exact_mut(len)).enumerate() {
                    let (columns, values) = entries.row(first + i);
                    // one after the other: they are about to be read, and a bisection would miss the cache at each step
                    let here = *seen..*seen + columns[*seen..].iter().take_while(|&&j| (j as usize) < end).count();
                    let weights = weights.map(|w| &w.row(first + i).1[here.clone()]);
                    room.sum((&columns[here.clone()], &values[here.clone()]), weights, held, sums);
                    *seen = here.end;
                }
            }
            sums
        };
        let equations_of = |row: usize, sums: &[T], room: &mut RowEquations<T>, gram: &mut [T], cross: &mut [T]| {
            let row = self.first + row;
            gram.fill(T::of(0.0));
            if sums.is_empty() {
                room.add_entries(entries.row(row), weights.map(|w| w.row(row).1), held, gram, cross);
            } else {
                room.add(sums, gram, cross);
            }
            !entries.row(row).0.is_empty()
        };
        self.own_grams(blocks_of_entries(entries, self.first, rows, r, slabs), sums_of, equations_of)
    }

    /// A Gram matrix for each row: that of all entries, less what the hidden ones of that row make of it.
    ///
    /// `cross_of` as in [`Task::shared_gram`], of data that are 0 where they are hidden.
    pub fn gram_less_hidden(&self, shared: &[T], hidden: &Csr<T>, held: &[T], rows: &mut [T], cross_of: impl Fn(usize, &mut [T]) + Sync) -> Measure {
        let r = self.rank;
        let size = block_rows(rows.len() / r);
        let blocks = rows.chunks_mut(size * r).enumerate().map(|(block, rows)| (block * size, rows)).collect();
        let products_of = |first: usize, _: &mut RowEquations<T>, out: &mut [T]| {
            cross_of(first, out);
            Vec::new()
        };
        let equations_of = |row: usize, _: &[T], room: &mut RowEquations<T>, gram: &mut [T], _: &mut [T]| {
            let columns = hidden.row(self.first + row).0;
            take_out(room, shared, columns, held, gram);
            columns.len() < hidden.cols()
        };
        self.own_grams(blocks, products_of, equations_of)
    }

    /// Gram matrices and cross products that are there already, one for each row.
    pub fn given_grams(&self, grams: &[T], cross: &[T], rows: &mut [T]) -> Measure {
        let r = self.rank;
        let size = block_rows(rows.len() / r);
        let blocks = rows.chunks_mut(size * r).enumerate().map(|(block, rows)| (block * size, rows)).collect();
        let products_of = |first: usize, _: &mut RowEquations<T>, out: &mut [T]| {
            out.copy_from_slice(&cross[first * r..][..out.len()]);
            Vec::new()
        };
        let equations_of = |row: usize, _: &[T], _: &mut RowEquations<T>, gram: &mut [T], _: &mut [T]| {
            gram.copy_from_slice(&grams[row * r * r..][..r * r]);
            gram.iter().step_by(r + 1).any(|&g| g != T::of(0.0))
        };
        self.own_grams(blocks, products_of, equations_of)
    }

    /// A Gram matrix for each row. `blocks`: rows, with the number of their first; `sums_of(row, room, out)` writes the cross products of the
    /// rows of a block, as far as they are there, and returns as many numbers for each row as it likes; `equations_of(row, those, room, G, c)`
    /// writes G and adds to c, or returns false where the row has no equation and stays what it is.
    fn own_grams(
        &self,
        blocks: Vec<(usize, &mut [T])>,
        sums_of: impl Fn(usize, &mut RowEquations<T>, &mut [T]) -> Vec<T> + Sync,
        equations_of: impl Fn(usize, &[T], &mut RowEquations<T>, &mut [T], &mut [T]) -> bool + Sync,
    ) -> Measure {
        let r = self.rank;
        let blocks = blocks.into_par_iter().map(|(start, rows)| {
            let (mut gram, mut grams) = (vec![T::of(0.0); r * r], vec![T::of(0.0); r * r * PANEL_LANES]);
            let (mut cross, mut inverse_diagonal) = (vec![T::of(0.0); rows.len()], Vec::new());
            let (mut room, mut lanes) = (RowEquations::new(r), RowLanes::new(r));
            let sums = sums_of(start, &mut room, &mut cross);
            let len = sums.len() * r / rows.len();
            let mut sum = Measure::default();
            for (panel, (rows, cross)) in rows.chunks_mut(PANEL_LANES * r).zip(cross.chunks_mut(PANEL_LANES * r)).enumerate() {
                grams.fill(T::of(0.0));
                for (lane, cross) in cross.chunks_exact_mut(r).enumerate() {
                    let at = panel * PANEL_LANES + lane;
                    let row = start + at;
                    if !equations_of(row, &sums[at * len..][..len], &mut room, &mut gram, cross) {
                        cross.fill(T::of(0.0));
                        continue;
                    }
                    let penalty = self.penalties.map(|rows| rows[row]);
                    add_ridge(&mut gram, r, penalty, self.ratios);
                    subtract_l1(cross, r, penalty, self.ratios);
                    for (lanes, &entry) in grams.chunks_exact_mut(PANEL_LANES).zip(&gram) {
                        lanes[lane] = entry;
                    }
                }
                let grams = Grams::Each(&grams);
                grams.inverse_diagonal(r, &mut inverse_diagonal);
                sum = sum + lanes.work_on(rows, cross, |cross, rows| self.update_and_measure(grams, &inverse_diagonal, cross, rows));
            }
            sum
        });
        sum_in_order(blocks.collect())
    }

    fn update_and_measure(&self, grams: Grams<'_, T>, inverse_diagonal: &[T], cross: &[T], rows: &mut [T]) -> Measure {
        if let Some(free) = &self.free {
            return self.update_free(grams, cross, rows, free);
        }
        let rank = rows.len() / PANEL_LANES;
        let mut panel = Panel { rank, grams, inverse_diagonal, cross, rows, sd: self.sd, set: self.set };
        let before = if self.when == When::Before { panel.measure() } else { Measure::default() };
        self.rule.update(&mut panel);
        if self.when == When::After { panel.measure() } else { before }
    }

    /// The same where some components are given: the free ones minimise ½ u G u − (c − G_fg u_g) u.
    fn update_free(&self, grams: Grams<'_, T>, cross: &[T], rows: &mut [T], free: &[usize]) -> Measure {
        let (r, f) = (self.rank, free.len());
        let given: Vec<usize> = (0..r).filter(|k| !free.contains(k)).collect();
        // G times the given part of the rows
        let of_given = |k: usize, lane: usize, rows: &[T]| -> f64 {
            given.iter().map(|&l| grams.entry(r, (k, l), lane).f64() * rows[l * PANEL_LANES + lane].f64()).sum()
        };
        let (mut free_cross, mut free_rows) = (Vec::with_capacity(f * PANEL_LANES), Vec::with_capacity(f * PANEL_LANES));
        for &k in free {
            for lane in 0..PANEL_LANES {
                free_cross.push(T::of(cross[k * PANEL_LANES + lane].f64() - of_given(k, lane, rows)));
                free_rows.push(rows[k * PANEL_LANES + lane]);
            }
        }
        let mut constant = 0.0;
        for lane in 0..PANEL_LANES {
            for &k in &given {
                constant += rows[k * PANEL_LANES + lane].f64() * (0.5 * of_given(k, lane, rows) - cross[k * PANEL_LANES + lane].f64());
            }
        }
        let mut sum = Measure { model: constant, residual: 0.0 };
        if f > 0 {
            let lanes = if let Grams::Shared(_) = grams { 1 } else { PANEL_LANES };
            let pairs = free.iter().flat_map(|&k| free.iter().map(move |&l| (k, l)));
            let gram: Vec<T> = pairs.flat_map(|pair| (0..lanes).map(move |lane| grams.entry(r, pair, lane))).collect();
            let free_grams = if lanes == 1 { Grams::Shared(&gram) } else { Grams::Each(&gram) };
            let mut inverse_diagonal = Vec::new();
            free_grams.inverse_diagonal(f, &mut inverse_diagonal);
            let part = Task { rank: f, free: None, ..*self };
            sum = sum + part.update_and_measure(free_grams, &inverse_diagonal, &free_cross, &mut free_rows);
            for (&k, row) in free.iter().zip(free_rows.chunks_exact(PANEL_LANES)) {
                rows[k * PANEL_LANES..][..PANEL_LANES].copy_from_slice(row);
            }
        }
        sum
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

/// Blocks of whole panels with about as many entries each, and the row that each starts with: the same for any number of threads.
///
/// `first`: the number that the first of the rows has in the data; `slabs`: as in [`slabs_of`].
fn blocks_of_entries<'a, T: Real>(entries: &Csr<T>, first: usize, mut rows: &'a mut [T], r: usize, slabs: usize) -> Vec<(usize, &'a mut [T])> {
    let (count, mut start, mut held) = (rows.len() / r, 0, 0);
    // with slabs, many rows, as they read one together
    let most_rows = EQUATIONS / size_of::<T>() / RowEquations::<T>::sums_len(r);
    let most_entries = if slabs == 1 { BLOCK_ENTRIES } else { entries.values().len() / LEAST_BLOCKS };
    let mut blocks = Vec::new();
    for panel in (0..count).step_by(PANEL_LANES) {
        let end = count.min(panel + PANEL_LANES);
        held += (panel..end).map(|row| entries.row(first + row).0.len()).sum::<usize>();
        if held >= most_entries || end == count || (slabs > 1 && end - start >= most_rows) {
            let (block, rest) = rows.split_at_mut((end - start) * r);
            blocks.push((start, block));
            (rows, start, held) = (rest, end, 0);
        }
    }
    blocks
}

/// Parts of the held factor that a block of rows goes through one after the other, so that each is read from the cache of a core: one where the
/// cache of the processor holds it all, or where a row would have few entries in a part.
fn slabs_of<T: Real>(entries: &Csr<T>, held: &[T]) -> usize {
    let of_size = if size_of_val(held) < LARGE { 1 } else { size_of_val(held) / SLAB };
    let of_entries = entries.values().len() / entries.rows().max(1) / LEAST_IN_SLAB;
    of_size.min(of_entries).max(1)
}

/// The share of a diagonal entry of G that must be left, so that its digits are.
const LEFT: f64 = 1.0 / 16.0;

/// G − Σ vⱼᵀvⱼ over the hidden columns j; from the columns that are left where the difference would cancel, or costs more.
pub(super) fn take_out<T: Real>(room: &mut RowEquations<T>, shared: &[T], hidden: &[u32], held: &[T], gram: &mut [T]) {
    gram.fill(T::of(0.0));
    let r = room.rank();
    let columns = held.len() / r;
    if 2 * hidden.len() <= columns {
        room.add_gram(hidden, None, held, gram);
        gram.iter_mut().zip(shared).for_each(|(g, &all)| *g = all - *g);
        if (0..r).all(|k| gram[k * r + k].f64() >= LEFT * shared[k * r + k].f64()) {
            return;
        }
        gram.fill(T::of(0.0));
    }
    let mut hidden = hidden.iter().copied().peekable();
    let left: Vec<u32> = (0..columns as u32).filter(|&j| hidden.next_if_eq(&j).is_none()).collect();
    room.add_gram(&left, None, held, gram);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Side;
    use crate::data::{Duplicates, Matrix, Observed, Sparse, Triplet, stream};
    use crate::problem::{Nmf, RowSeparable, Stay};
    use rand::RngExt;

    #[test]
    fn a_large_factor_is_read_in_parts_that_make_the_whole() {
        let (m, n, r, each) = (40, 150_000, 15, 700);
        let mut rng = stream(5, 0);
        let mut drawn = |count: usize| (0..count).map(|_| rng.random::<f64>()).collect::<Vec<_>>();
        let (mut u, v) = (drawn(m * r), drawn(n * r));
        let at = |e: usize| Triplet { row: (e % m) as u32, col: (e * 7919 % n) as u32, value: 1.0 + (e % 7) as f64 };
        let weight = |t: &Triplet<f64>| 1.0 + f64::from(t.col % 3);
        let triplets: Vec<_> = (0..m * each).map(at).collect();
        let sparse = |value: &dyn Fn(&Triplet<f64>) -> f64| {
            let entries = triplets.iter().map(|t| Triplet { value: value(t), ..*t }).collect();
            Sparse::from_triplets(m, n, entries, Duplicates::Sum).expect("distinct places").0
        };
        for has_weights in [false, true] {
            let expected: f64 = triplets
                .iter()
                .map(|t| {
                    let product: f64 = (0..r).map(|k| u[t.row as usize * r + k] * v[t.col as usize * r + k]).sum();
                    (if has_weights { weight(t) } else { 1.0 }) * (0.5 * product * product - t.value * product)
                })
                .sum();
            let (entries, weights) = (sparse(&|t| t.value), has_weights.then(|| sparse(&weight)));
            assert_eq!(entries.by_row.values().len(), m * each);
            assert!(slabs_of(&entries.by_row, &v) > 10);
            let data = Matrix::Observed(Observed { entries, weights });
            let problem = Nmf::new(&data, r).expect("good data");
            let measure = problem.half_step(Side::U, &v, &mut u, &Stay, When::Before);
            assert!((measure.model - expected).abs() < 1e-12 * expected.abs(), "{} for {expected}", measure.model);
        }
    }
}
