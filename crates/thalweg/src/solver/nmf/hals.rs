//! Hierarchical alternating least squares: cyclic coordinate descent on the rows.

use super::{About, Init, NmfMethod, Order};
use crate::linalg::{Real, simd};
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
        simd(|| if panel.lanes == 1 { sweep_row(panel) } else { sweep_panel(panel) });
    }
}

/// One sweep over a panel: the sums run over components, the vector lanes over rows.
#[inline(always)]
pub(super) fn sweep_panel<T: Real>(panel: &mut Panel<'_, T>) {
    let r = panel.rank;
    for k in 0..r {
        let diagonal = panel.gram[k * r + k];
        if diagonal <= T::of(0.0) {
            continue; // no equation holds this component: leave it
        }
        let mut g = [T::of(0.0); PANEL_LANES];
        for (gram, row) in panel.gram[k * r..][..r].iter().zip(panel.rows.chunks_exact(PANEL_LANES)) {
            for i in 0..PANEL_LANES {
                g[i] += *gram * row[i];
            }
        }
        let inverse = T::of(1.0) / diagonal;
        let (row, cross) = (&mut panel.rows[k * PANEL_LANES..][..PANEL_LANES], &panel.cross[k * PANEL_LANES..][..PANEL_LANES]);
        for i in 0..PANEL_LANES {
            row[i] = (row[i] - (g[i] - cross[i]) * inverse).larger(T::of(0.0));
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
