//! Alternating non-negative least squares: every row solved exactly.

use super::hals::{sweep_panel, sweep_row};
use super::{About, Init, NmfMethod, Order, sum_to_one};
use crate::linalg::{NnlsWorkspace, NormalEquations, Real, nnls, simd};
use crate::problem::{PANEL_LANES, Panel, RowSet, RowUpdate};

/// u ← argmin over u ≥ 0 of ½ u G uᵀ − c uᵀ, by block principal pivoting from the present support.
///
/// Free rows are solved by Cholesky, rows that sum to one by an active set on the simplex.
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
        let solved = match panel.set {
            RowSet::SumToOne => return sum_to_one::solve(panel),
            RowSet::Free => solve_free(panel),
            RowSet::NonNegative => pivot(panel),
        };
        match (solved, panel.lanes) {
            (true, _) => {}
            (false, 1) => sweep_row(panel),
            // rows that were solved are fixed points of the sweep
            (false, _) => {
                sweep_panel(panel, &[T::of(1.0); PANEL_LANES]);
            }
        }
    }
}

/// Whether every row was solved.
fn pivot<T: Real>(panel: &mut Panel<'_, T>) -> bool {
    let mut work = NnlsWorkspace::default();
    let gram = panel.gram;
    simd(
        #[inline(always)]
        || each_row(panel, |c, u| nnls(gram, c, u, &mut work)),
    )
}

/// Whether the equations could be factored.
fn solve_free<T: Real>(panel: &mut Panel<'_, T>) -> bool {
    let gram = panel.gram;
    simd(
        #[inline(always)]
        || {
            let Some(mut equations) = NormalEquations::new(gram, panel.rank) else { return false };
            each_row(panel, |c, u| {
                equations.solve(c, u);
                true
            })
        },
    )
}

/// Shows c and u of each row; whether all were solved.
#[inline(always)]
fn each_row<T: Real>(panel: &mut Panel<'_, T>, mut solve: impl FnMut(&[T], &mut [T]) -> bool) -> bool {
    let (r, lanes) = (panel.rank, panel.lanes);
    let (mut u, mut c) = (vec![T::of(0.0); r], vec![T::of(0.0); r]);
    let mut solved = true;
    for i in 0..lanes {
        for k in 0..r {
            (u[k], c[k]) = (panel.rows[k * lanes + i], panel.cross[k * lanes + i]);
        }
        solved &= solve(&c, &mut u);
        for k in 0..r {
            panel.rows[k * lanes + i] = u[k];
        }
    }
    solved
}
