//! Hierarchical alternating least squares: cyclic coordinate descent on the rows.

use super::{About, Init, NmfMethod, Order, sum_to_one};
use crate::linalg::{Real, WithSimd, dispatch, simd};
use crate::problem::{PANEL_LANES, Panel, RowSet, RowUpdate};

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
        } else if panel.lanes == 1 {
            simd(
                #[inline(always)]
                || sweep_row(panel),
            );
        } else {
            sweep_panel(panel, &[T::of(1.0); PANEL_LANES]);
        }
    }
}

/// One sweep over a panel: the sums run over components, the vector lanes over rows. Each row moves by `active` (0 or 1) of its way; returns
/// how far each moved, squared.
pub(super) fn sweep_panel<T: Real>(panel: &mut Panel<'_, T>, active: &[T; PANEL_LANES]) -> [T; PANEL_LANES] {
    let mut moved = [T::of(0.0); PANEL_LANES];
    dispatch(Sweep { panel, active, moved: &mut moved });
    moved
}

struct Sweep<'s, 'p, T> {
    panel: &'s mut Panel<'p, T>,
    active: &'s [T; PANEL_LANES],
    moved: &'s mut [T; PANEL_LANES],
}

impl<T: Real> WithSimd for Sweep<'_, '_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(mut self, simd: S) {
        let r = self.panel.rank;
        // rows that share a vector, then components whose gradients are summed together: eight sums that do not wait for one another
        for vector in 0..T::vectors::<S>(self.active).len() {
            let mut k = 0;
            while k < r {
                k += match r - k {
                    8.. => self.components::<S, 8>(simd, k, vector),
                    4.. => self.components::<S, 4>(simd, k, vector),
                    _ => self.components::<S, 1>(simd, k, vector),
                };
            }
        }
    }
}

impl<T: Real> Sweep<'_, '_, T> {
    /// Components k … k + B − 1 in turn: their gradients at the rows as they stand, brought up to date after each move. Returns B.
    #[inline(always)]
    fn components<S: pulp::Simd, const B: usize>(&mut self, simd: S, k: usize, vector: usize) -> usize {
        let (r, gram) = (self.panel.rank, self.panel.gram);
        let (rows, cross) = (T::vectors_mut::<S>(self.panel.rows), T::vectors::<S>(self.panel.cross));
        let (active, moved) = (T::vectors::<S>(self.active), &mut T::vectors_mut::<S>(self.moved)[vector]);
        let width = active.len();
        let (zero, floor) = (T::splat(simd, T::of(0.0)), T::splat(simd, T::of(self.panel.set.floor())));
        let mut g = [zero; B];
        // G is symmetric: its row l holds what components k … have to do with l
        for (row, gram) in rows.chunks_exact(width).zip(gram.chunks_exact(r)) {
            let gram: &[T; B] = gram[k..].first_chunk().expect("B components from k on");
            for b in 0..B {
                g[b] = T::multiply_add(simd, T::splat(simd, gram[b]), row[vector], g[b]);
            }
        }
        for b in 0..B {
            let gram = &gram[(k + b) * r + k..][..B];
            if gram[b] <= T::of(0.0) {
                continue; // no equation holds this component: leave it
            }
            let at = (k + b) * width + vector;
            let down = T::subtract(simd, cross[at], g[b]);
            let goal = T::extreme(simd, T::multiply_add(simd, down, T::splat(simd, T::of(1.0) / gram[b]), rows[at]), floor, true);
            let step = T::subtract(simd, goal, rows[at]);
            // from a row r ≥ 0 by a step rounded to at least −r: not below 0
            let after = T::multiply_add(simd, step, active[vector], rows[at]);
            let step = T::subtract(simd, after, rows[at]);
            rows[at] = after;
            *moved = T::multiply_add(simd, step, step, *moved);
            for c in b + 1..B {
                g[c] = T::multiply_add(simd, T::splat(simd, gram[c]), step, g[c]);
            }
        }
        B
    }
}

/// One sweep over a single row: the gradient is kept, so that the vector lanes run over components.
#[inline(always)]
pub(super) fn sweep_row<T: Real>(panel: &mut Panel<'_, T>) {
    let r = panel.rank;
    let floor = T::of(panel.set.floor());
    let mut g: Vec<T> = panel.cross.iter().map(|&c| -c).collect();
    let add = |g: &mut [T], k: usize, step: T| {
        for (g, &gram) in g.iter_mut().zip(&panel.gram[k * r..][..r]) {
            *g += step * gram;
        }
    };
    for k in 0..r {
        add(&mut g, k, panel.rows[k]);
    }
    for k in 0..r {
        let diagonal = panel.gram[k * r + k];
        if diagonal > T::of(0.0) {
            let moved = (panel.rows[k] - g[k] / diagonal).larger(floor);
            add(&mut g, k, moved - panel.rows[k]);
            panel.rows[k] = moved;
        }
    }
}
