//! Alternating non-negative least squares: every row solved exactly.

use super::hals::sweep;
use super::{About, Init, NmfMethod, Order, sum_to_one};
use crate::linalg::{Grams, NormalEquations, PANEL_LANES, Real, nnls_panel, simd};
use crate::problem::{Panel, RowSet, RowUpdate};

/// u ← argmin over u ≥ 0 of ½ u G uᵀ − c uᵀ, by block principal pivoting from the present support.
///
/// Free rows are solved by Cholesky, rows that sum to one by an active set on the simplex.
///
/// Source: Kim, Park (2011). A row whose pivoting does not soon end (fewer entries than r) takes a sweep of coordinate descent instead.
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
        let unsolved = match panel.set {
            RowSet::NonNegative => nnls_panel(panel.grams, panel.cross, panel.rows),
            RowSet::SumToOne => return sum_to_one::solve(panel),
            RowSet::Free => simd(
                #[inline(always)]
                || solve_free(panel),
            ),
        };
        if unsolved.iter().any(|&x| x > T::of(0.0)) {
            sweep(panel, &unsolved);
        }
    }
}

/// 1 for each row whose equations could not be factored.
#[inline(always)]
fn solve_free<T: Real>(panel: &mut Panel<'_, T>) -> [T; PANEL_LANES] {
    let mut unsolved = [T::of(0.0); PANEL_LANES];
    let (r, grams) = (panel.rank, panel.grams);
    let gram_of = |lane: usize| -> Vec<T> { (0..r * r).map(|at| grams.entry(r, (at / r, at % r), lane)).collect() };
    let mut equations = NormalEquations::new(gram_of(0), r);
    let (mut u, mut c) = (vec![T::of(0.0); r], vec![T::of(0.0); r]);
    for lane in 0..PANEL_LANES {
        for k in 0..r {
            (u[k], c[k]) = (panel.rows[k * PANEL_LANES + lane], panel.cross[k * PANEL_LANES + lane]);
        }
        if lane > 0 && matches!(grams, Grams::Each(_)) {
            equations = NormalEquations::new(gram_of(lane), r);
        }
        match &mut equations {
            Some(equations) => equations.solve(&c, &mut u),
            None => unsolved[lane] = T::of(1.0),
        }
        for k in 0..r {
            panel.rows[k * PANEL_LANES + lane] = u[k];
        }
    }
    unsolved
}
