//! Hierarchical alternating least squares: cyclic coordinate descent on the rows.

use super::{About, Init, NmfMethod, Order};
use crate::linalg::{Real, simd_fused};
use crate::problem::{PANEL_LANES, Panel, RowUpdate};

/// u_k ← max(0, u_k − (G u − c)_k / G_kk), k = 1 … r.
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
        simd_fused(#[inline(always)] |fused| if panel.lanes == 1 { sweep_row(panel) } else { sweep_panel(panel, fused) });
    }
}

/// Components whose gradients are summed together: the rows are loaded once for all of them, and their sums do not wait for one another.
const TOGETHER: usize = 4;

/// One sweep over a panel: the sums run over components, the vector lanes over rows.
#[inline(always)]
pub(super) fn sweep_panel<T: Real>(panel: &mut Panel<'_, T>, fused: bool) {
    let r = panel.rank;
    let whole = r / TOGETHER * TOGETHER;
    for k in (0..whole).step_by(TOGETHER) {
        sweep_components::<T, TOGETHER>(panel, k, fused);
    }
    for k in whole..r {
        sweep_components::<T, 1>(panel, k, fused);
    }
}

/// Components k … k + B − 1 in turn: their gradients at the rows as they stand, brought up to date after each move.
#[inline(always)]
fn sweep_components<T: Real, const B: usize>(panel: &mut Panel<'_, T>, k: usize, fused: bool) {
    let r = panel.rank;
    let (rows, cross) = (panel.rows.as_chunks_mut::<PANEL_LANES>().0, panel.cross.as_chunks::<PANEL_LANES>().0);
    let mut g = [[T::of(0.0); PANEL_LANES]; B];
    for (g, cross) in g.iter_mut().zip(&cross[k..]) {
        for i in 0..PANEL_LANES {
            g[i] = -cross[i];
        }
    }
    // G is symmetric: its row l holds what components k … have to do with l
    for (row, gram) in rows.iter().zip(panel.gram.chunks_exact(r)) {
        let gram: &[T; B] = gram[k..].first_chunk().expect("B components from k on");
        for b in 0..B {
            for i in 0..PANEL_LANES {
                g[b][i] = gram[b].times_plus(row[i], g[b][i], fused);
            }
        }
    }
    for b in 0..B {
        let gram = &panel.gram[(k + b) * r + k..][..B];
        let diagonal = gram[b];
        if diagonal <= T::of(0.0) {
            continue; // no equation holds this component: leave it
        }
        let inverse = T::of(1.0) / diagonal;
        let row = &mut rows[k + b];
        let mut step = [T::of(0.0); PANEL_LANES];
        for i in 0..PANEL_LANES {
            let moved = (row[i] - g[b][i] * inverse).larger(T::of(0.0));
            step[i] = moved - row[i];
            row[i] = moved;
        }
        for c in b + 1..B {
            for i in 0..PANEL_LANES {
                g[c][i] = gram[c].times_plus(step[i], g[c][i], fused);
            }
        }
    }
}

/// One sweep over a single row: the gradient is kept, so that the vector lanes run over components.
#[inline(always)]
pub(super) fn sweep_row<T: Real>(panel: &mut Panel<'_, T>) {
    let r = panel.rank;
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
            let moved = (panel.rows[k] - g[k] / diagonal).larger(T::of(0.0));
            add(&mut g, k, moved - panel.rows[k]);
            panel.rows[k] = moved;
        }
    }
}
