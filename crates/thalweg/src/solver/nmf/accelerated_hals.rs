//! HALS with several sweeps on the same normal equations.

use super::hals::sweep;
use super::{About, Init, NmfMethod, Order, sum_to_one};
use crate::linalg::{PANEL_LANES, Real};
use crate::problem::{Panel, RowSet, RowUpdate};

/// Sweeps of coordinate descent until one moves the rows by less than a tenth of what the first did, but at most four: the cross products,
/// which cost more than a sweep, are used for all of them.
///
/// Source: Gillis, Glineur (2012), Neural Computation 24(4), with δ = 0.1; we make the test for each row on its own. They bound the number
/// by the cost of the cross products; we do not, so that the same data take the same steps in every storage.
#[derive(Debug, Clone, Copy)]
pub struct AcceleratedHals;

const MOST_SWEEPS: usize = 4;
const DELTA: f64 = 0.1;

impl NmfMethod for AcceleratedHals {
    fn about(&self) -> About {
        About {
            name: "accelerated-hals",
            summary: "several sweeps of coordinate descent for each set of normal equations, as long as they pay",
            cost_per_row: "2r² for each of 2-4 sweeps",
            source: "Gillis, Glineur (2012)",
            order: Order::Alternating,
            init: Init::Random,
            iterations: None,
            monotone: true,
        }
    }
}

impl<T: Real> RowUpdate<T> for AcceleratedHals {
    /// Each row has its own test, so that its path does not depend on its neighbours in the panel.
    fn update(&self, panel: &mut Panel<'_, T>) {
        if panel.set == RowSet::SumToOne {
            return sum_to_one::exchange(panel, MOST_SWEEPS);
        }
        let mut active = [T::of(1.0); PANEL_LANES];
        let enough = sweep(panel, &active).map(|first| T::of(DELTA * DELTA) * first);
        for _ in 1..MOST_SWEEPS {
            let moved = sweep(panel, &active);
            for i in 0..PANEL_LANES {
                if moved[i] <= enough[i] {
                    active[i] = T::of(0.0);
                }
            }
            if active.iter().all(|&a| a == T::of(0.0)) {
                break;
            }
        }
    }
}
