//! HALS with several sweeps on the same normal equations.

use super::hals::{sweep_panel, sweep_row};
use super::{About, Init, NmfMethod, Order};
use crate::linalg::{Real, simd_fused};
use crate::problem::{PANEL_LANES, Panel, RowUpdate};

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
        simd_fused(#[inline(always)] |fused| {
            let lanes = panel.lanes;
            let mut before = panel.rows.to_vec();
            let (mut enough, mut is_done) = ([0.0; PANEL_LANES], [false; PANEL_LANES]);
            for sweep in 0..MAX_SWEEPS {
                if lanes == 1 {
                    sweep_row(panel)
                } else {
                    sweep_panel(panel, fused)
                }
                // each row has its own test, so that its path does not depend on its neighbours in the panel
                for i in (0..lanes).filter(|&i| is_done[i]) {
                    for (row, &was) in panel.rows[i..].iter_mut().step_by(lanes).zip(before[i..].iter().step_by(lanes)) {
                        *row = was;
                    }
                }
                for (i, moved) in squared_distances(&before, panel.rows, lanes).into_iter().take(lanes).enumerate() {
                    if sweep == 0 {
                        enough[i] = DELTA * DELTA * moved;
                    }
                    is_done[i] |= moved <= enough[i];
                }
                if is_done.iter().take(lanes).all(|&done| done) {
                    break;
                }
                before.copy_from_slice(panel.rows);
            }
        });
    }
}

/// For each row of a panel, how far it moved, squared.
#[inline(always)]
fn squared_distances<T: Real>(a: &[T], b: &[T], lanes: usize) -> [f64; PANEL_LANES] {
    let mut sums = [0.0; PANEL_LANES];
    for (a, b) in a.chunks_exact(lanes).zip(b.chunks_exact(lanes)) {
        for i in 0..lanes {
            sums[i] += (a[i].f64() - b[i].f64()).powi(2);
        }
    }
    sums
}
