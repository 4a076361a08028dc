//! Hierarchical alternating least squares: cyclic coordinate descent on the rows.

use super::{About, Init, NmfMethod, Order, sum_to_one};
use crate::linalg::{BlockKernel, Entries, InBlocks, PANEL_LANES, Real, block_product};
use crate::problem::{Panel, RowSet, RowUpdate};

/// u_k ← max(0, u_k − (G u − c)_k / G_kk), k = 1 … r.
///
/// Free entries lose the bound; where rows sum to one, a sweep exchanges between the worst pairs.
///
/// Source: Cichocki, Zdunek, Amari (2007); the scalings of later versions change nothing in the product and are left out.
#[derive(Debug, Clone, Copy)]
pub struct Hals;

impl NmfMethod for Hals {
    fn about(&self) -> About {
        About {
            name: "hals",
            summary: "cyclic coordinate descent on the rows (hierarchical alternating least squares)",
            cost_per_row: "2r²",
            source: "Cichocki, Zdunek, Amari (2007)",
            order: Order::Alternating,
            init: Init::Random,
            iterations: None,
            monotone: true,
        }
    }
}

impl<T: Real> RowUpdate<T> for Hals {
    fn update(&self, panel: &mut Panel<'_, T>) {
        if panel.set == RowSet::SumToOne {
            sum_to_one::exchange(panel, 1);
        } else {
            sweep(panel, &[T::of(1.0); PANEL_LANES]);
        }
    }
}

/// One sweep over a panel: the sums run over components, the vector lanes over rows. Each row moves by `active` (0 or 1) of its way; returns
/// how far each moved, squared.
pub(super) fn sweep<T: Real>(panel: &mut Panel<'_, T>, active: &[T; PANEL_LANES]) -> [T; PANEL_LANES] {
    let mut moved = [T::of(0.0); PANEL_LANES];
    let (grams, rank) = (panel.grams, panel.rank);
    grams.dispatch(InBlocks(Sweep { panel, active, moved: &mut moved }, rank));
    moved
}

struct Sweep<'s, 'p, T> {
    panel: &'s mut Panel<'p, T>,
    active: &'s [T; PANEL_LANES],
    moved: &'s mut [T; PANEL_LANES],
}

impl<T: Real> BlockKernel<T> for Sweep<'_, '_, T> {
    /// Components k … k + B − 1 in turn: their gradients at the rows as they stand, brought up to date after each move.
    #[inline(always)]
    fn components<S: pulp::Simd, G: Entries<T>, const B: usize>(&mut self, simd: S, grams: G, k: usize, vector: usize) {
        let r = self.panel.rank;
        let (rows, cross) = (T::vectors_mut::<S>(self.panel.rows), T::vectors::<S>(self.panel.cross));
        let inverse = T::vectors::<S>(self.panel.inverse_diagonal);
        let (active, moved) = (T::vectors::<S>(self.active), &mut T::vectors_mut::<S>(self.moved)[vector]);
        let width = active.len();
        let floor = T::splat(simd, T::of(self.panel.set.floor()));
        let mut g = block_product::<S, T, G, B>(simd, grams, rows, (r, k), vector);
        for b in 0..B {
            let gram = grams.block::<S, B>(simd, (k + b) * r + k, vector);
            let at = (k + b) * width + vector;
            let down = T::subtract(simd, cross[at], g[b]);
            // an entry that no equation holds (inverse 0) stays
            let goal = T::extreme(simd, T::multiply_add(simd, down, inverse[at], rows[at]), floor, true);
            let step = T::subtract(simd, goal, rows[at]);
            // from a row r ≥ 0 by a step rounded to at least −r: not below 0
            let after = T::multiply_add(simd, step, active[vector], rows[at]);
            let step = T::subtract(simd, after, rows[at]);
            rows[at] = after;
            *moved = T::multiply_add(simd, step, step, *moved);
            for c in b + 1..B {
                g[c] = T::multiply_add(simd, gram[c], step, g[c]);
            }
        }
    }
}
