//! Alternating non-negative least squares: every row solved exactly.

use super::hals::sweep;
use super::{About, Init, NmfMethod, Order};
use crate::linalg::{Real, nnls_panel};
use crate::problem::{Panel, RowUpdate};

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
        let unsolved = nnls_panel(panel.grams, panel.cross, panel.rows);
        if unsolved.iter().any(|&x| x > T::of(0.0)) {
            sweep(panel, &unsolved);
        }
    }
}
