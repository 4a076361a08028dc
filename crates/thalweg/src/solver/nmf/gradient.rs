//! Projected gradient descent.

use super::{About, Init, NmfMethod, Order, sum_to_one};
use crate::linalg::{Grams, PANEL_LANES, Real};
use crate::problem::{Panel, RowSet, RowUpdate};

/// u ← max(0, u − (G u − c) / L) with L = ‖G‖_∞ ≥ ‖G‖₂: a step that works, alternating over the factors.
///
/// Source: Lin (2007) for the method; the step bound is the row-sum norm of G.
#[derive(Debug, Clone, Copy)]
pub struct Gradient;

/// The setting of the star-convexity paper: (U, V) ← max(0, (U, V) − step · ∇f), both at once, f the sum over entries of data scaled to
/// unit variance, 10⁴ steps of 10⁻⁷ from the half-normal start.
///
/// On data in their own units, X = sd · X̃, U = √sd · Ũ, the step is `step / sd`. On none of the paper's data sets does it converge: it
/// fits the mean and stops.
///
/// Source: Bjorck, Gomes, Weinberger (2020), section 4.1.
#[derive(Debug, Clone, Copy)]
pub struct Paper {
    /// Step on data of unit variance.
    pub step: f64,
    /// Number of steps.
    pub iterations: usize,
}

impl NmfMethod for Gradient {
    fn about(&self) -> About {
        About {
            name: "gradient",
            summary: "projected gradient descent with the step 1/L of each half-step",
            cost_per_row: "2r²",
            source: "Lin (2007)",
            order: Order::Alternating,
            init: Init::HalfNormal,
            iterations: None,
            monotone: true,
        }
    }
}

impl NmfMethod for Paper {
    fn about(&self) -> About {
        About {
            name: "paper",
            summary: "the star-convexity paper's setting: 10⁴ simultaneous gradient steps of 10⁻⁷ on data of unit variance",
            cost_per_row: "2r²",
            source: "Bjorck, Gomes, Weinberger (2020)",
            order: Order::Simultaneous,
            init: Init::HalfNormal,
            iterations: Some(self.iterations),
            monotone: false,
        }
    }
}

impl<T: Real> RowUpdate<T> for Gradient {
    fn update(&self, panel: &mut Panel<'_, T>) {
        let (r, grams) = (panel.rank, panel.grams);
        let row_sum = |k: usize, lane: usize| (0..r).map(|l| grams.entry(r, (k, l), lane).f64().abs()).sum::<f64>();
        let step = |lane: usize| {
            let bound = (0..r).map(|k| row_sum(k, lane)).fold(0.0, f64::max);
            T::of(if bound > 0.0 { 1.0 / bound } else { 0.0 })
        };
        let steps = match grams {
            Grams::Shared(_) => [step(0); PANEL_LANES],
            Grams::Each(_) => std::array::from_fn(step),
        };
        descend(panel, &steps);
    }
}

impl<T: Real> RowUpdate<T> for Paper {
    fn update(&self, panel: &mut Panel<'_, T>) {
        let step = T::of(self.step / panel.sd);
        descend(panel, &[step; PANEL_LANES]);
    }
}

/// u ← max(0, u − step · (G u − c)) for every row of the panel, each with its step; the nearest point of the set, where it is another.
fn descend<T: Real>(panel: &mut Panel<'_, T>, steps: &[T; PANEL_LANES]) {
    if panel.set == RowSet::SumToOne {
        return sum_to_one::descend(panel, steps);
    }
    let floor = T::of(panel.set.floor());
    let product = panel.grams.times(panel.rows);
    for (at, u) in panel.rows.iter_mut().enumerate() {
        *u = (*u - steps[at % PANEL_LANES] * (product[at] - panel.cross[at])).larger(floor);
    }
}
