//! Multiplicative updates.

use super::{About, DivergenceMethod, Init, NmfMethod, Order};
use crate::linalg::Real;
use crate::problem::{BETAS, DivergenceUpdate, Panel, RowFit, RowSet, RowUpdate};
use std::ops::RangeInclusive;

/// u_k ← u_k (pull_k / push_k)^γ, with the gradient's two parts: pull = Σ w x p^(β−2) v, push = Σ w p^(β−1) v, p = ⟨u, v⟩. For least
/// squares that is u ← u ∘ c / (G u). γ = 1/(2−β) for β < 1, 1 for 1 ≤ β ≤ 2, 1/(β−1) for β > 2: the exponents for which the
/// objective does not rise.
///
/// An entry that is zero stays zero, whatever its gradient: a run can come to rest where the residual is not small, and says `stalled`.
///
/// Source: Lee, Seung (2001); Févotte, Idier (2011), section 4.1 for γ.
#[derive(Debug, Clone, Copy)]
pub struct Mu;

const ABOUT: About = About {
    name: "mu",
    summary: "multiplicative updates; entries that reach zero stay there",
    cost_per_row: "2r²",
    source: "Lee, Seung (2001)",
    order: Order::Alternating,
    init: Init::Random,
    iterations: None,
    monotone: true,
};

impl NmfMethod for Mu {
    fn about(&self) -> About {
        ABOUT
    }

    fn takes(&self, set: RowSet) -> bool {
        set == RowSet::NonNegative
    }
}

impl<T: Real> RowUpdate<T> for Mu {
    fn update(&self, panel: &mut Panel<'_, T>) {
        let push = panel.grams.times(panel.rows);
        for ((u, &pull), &push) in panel.rows.iter_mut().zip(panel.cross).zip(&push) {
            // no push: the entry is zero or nothing holds it; a penalty can leave no pull
            if push > T::of(0.0) {
                *u *= pull.larger(T::of(0.0)) / push;
            }
        }
    }
}

impl DivergenceMethod for Mu {
    fn about(&self) -> About {
        About { cost_per_row: "4r for each entry", source: "Lee, Seung (2001); Févotte, Idier (2011)", ..ABOUT }
    }

    fn betas(&self) -> RangeInclusive<f64> {
        BETAS
    }
}

impl DivergenceUpdate for Mu {
    fn update(&self, fit: &mut RowFit<'_>) {
        let beta = fit.loss.beta();
        let gamma = if beta < 1.0 { 1.0 / (2.0 - beta) } else { 1.0 / (beta - 1.0).max(1.0) };
        fit.predict();
        fit.differentiate();
        for &k in fit.free {
            let (pull, push) = fit.balance(k);
            if push > 0.0 {
                let ratio = pull / push;
                fit.row[k] *= if gamma == 1.0 { ratio } else { ratio.powf(gamma) };
            }
        }
    }
}
