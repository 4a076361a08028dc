//! HALS with several sweeps on the same normal equations.

use super::hals::{sweep_panel, sweep_row};
use super::{About, Init, NmfMethod, Order, sum_to_one};
use crate::linalg::{Real, simd};
use crate::problem::{PANEL_LANES, Panel, RowSet, RowUpdate};

/// Sweeps of coordinate descent until one moves the rows by less than a tenth of what the first did: the cross products, which cost more
/// than a sweep, are used for all of them.
///
/// Source: Gillis, Glineur (2012), Neural Computation 24(4), with δ = 0.1; we make the test for each row on its own.
#[derive(Debug, Clone, Copy)]
pub struct AcceleratedHals;

const MAX_SWEEPS: usize = 8;
const DELTA: f64 = 0.1;

impl NmfMethod for AcceleratedHals {
    fn about(&self) -> About {
        About {
            name: "accelerated-hals",
            summary: "several sweeps of coordinate descent for each set of normal equations, as long as they pay",
            cost_per_row: "2r² for each of 1-8 sweeps",
            source: "Gillis, Glineur (2012)",
            order: Order::Alternating,
            init: Init::Random,
            iterations: None,
            monotone: true,
        }
    }
}

impl<T: Real> RowUpdate<T> for AcceleratedHals {
    fn update(&self, panel: &mut Panel<'_, T>) {
        if panel.set == RowSet::SumToOne {
            sum_to_one::exchange(panel, MAX_SWEEPS);
        } else if panel.lanes == 1 {
            several_of_one_row(panel);
        } else {
            several_of_a_panel(panel);
        }
    }
}

/// Each row has its own test, so that its path does not depend on its neighbours in the panel.
fn several_of_a_panel<T: Real>(panel: &mut Panel<'_, T>) {
    let mut active = [T::of(1.0); PANEL_LANES];
    let enough = sweep_panel(panel, &active).map(|first| T::of(DELTA * DELTA) * first);
    for _ in 1..MAX_SWEEPS {
        let moved = sweep_panel(panel, &active);
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

fn several_of_one_row<T: Real>(panel: &mut Panel<'_, T>) {
    let mut before = panel.rows.to_vec();
    let mut enough = T::of(0.0);
    for sweep in 0..MAX_SWEEPS {
        simd(
            #[inline(always)]
            || sweep_row(panel),
        );
        let mut moved = T::of(0.0);
        for (a, b) in before.iter().zip(panel.rows.iter()) {
            moved += (*a - *b) * (*a - *b);
        }
        if sweep == 0 {
            enough = T::of(DELTA * DELTA) * moved;
        } else if moved <= enough {
            break;
        }
        before.copy_from_slice(panel.rows);
    }
}
