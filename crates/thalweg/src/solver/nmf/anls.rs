//! Alternating non-negative least squares: every row solved exactly.

use super::hals::{sweep_panel, sweep_row};
use super::{About, Init, NmfMethod, Order};
use crate::linalg::{NnlsWorkspace, Real, nnls, simd};
use crate::problem::{PANEL_LANES, Panel, RowUpdate};

/// u ← argmin over u ≥ 0 of ½ u G uᵀ − c uᵀ, by block principal pivoting from the present support.
///
/// Source: Kim, Park (2011). A row whose pivoting does not end (near-singular G) takes a sweep of coordinate descent instead.
#[derive(Debug, Clone, Copy)]
pub struct Anls;

impl NmfMethod for Anls {
    fn about(&self) -> About {
        About {
            name: "anls",
            summary: "every row solved exactly by block principal pivoting (alternating non-negative least squares)",
            cost_per_row: "r³/3 for each pivoting, 1-3 of them",
            source: "Kim, Park (2011)",
            order: Order::Alternating,
            init: Init::Random,
            iterations: None,
            monotone: true,
        }
    }
}

impl<T: Real> RowUpdate<T> for Anls {
    fn update(&self, panel: &mut Panel<'_, T>) {
        let (r, lanes) = (panel.rank, panel.lanes);
        let mut solved = true;
        simd(
            #[inline(always)]
            || {
                let mut work = NnlsWorkspace::default();
                let (mut u, mut c) = (vec![T::of(0.0); r], vec![T::of(0.0); r]);
                for i in 0..lanes {
                    for k in 0..r {
                        (u[k], c[k]) = (panel.rows[k * lanes + i], panel.cross[k * lanes + i]);
                    }
                    solved &= nnls(panel.gram, &c, &mut u, &mut work);
                    for k in 0..r {
                        panel.rows[k * lanes + i] = u[k];
                    }
                }
            },
        );
        match (solved, lanes) {
            (true, _) => {}
            (false, 1) => sweep_row(panel),
            // rows that were solved are fixed points of the sweep
            (false, _) => {
                sweep_panel(panel, &[T::of(1.0); PANEL_LANES]);
            }
        }
    }
}
