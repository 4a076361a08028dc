//! Is this X the minimiser? Proved from the instance and a multiplier y, by code that shares nothing with the solvers.
//!
//! The guide's page on recovery states and proves the theorem that is checked here.

mod coordinates;
mod measured;
mod minimiser;

pub use minimiser::{MISFIT_LIMIT, RADIUS_LIMIT, RecoveryVerdict, Unproved, leading_factors, verify};

use super::bounds;
use crate::linalg::dot;
use crate::problem::Recovery;
use bounds::{ROOM, norm, up};
use measured::Measured;

/// No X with ‖X‖_F below this fits b: |⟨b, y⟩| / ‖A*(y)‖_F, rounded down. For a y with A*(y) = 0 up to rounding and ⟨b, y⟩ ≠ 0 that is far
/// beyond anything that could have been measured; 0 if y says nothing.
///
/// ⟨b, y⟩ = ⟨A(X), y⟩ = ⟨X, A*(y)⟩ ≤ ‖X‖_F ‖A*(y)‖_F for every X that fits.
pub fn nothing_fits_below(problem: &Recovery<'_>, y: &[f64]) -> f64 {
    let Some(measured) = Measured::of(problem.map) else { return 0.0 };
    if y.len() != problem.b.len() || y.iter().any(|y| !y.is_finite()) {
        return 0.0;
    }
    let combined = measured.combined(y);
    let product = dot(problem.b, y).abs();
    let doubt = up(crate::linalg::dot_error(y.len()) * norm(problem.b) * norm(y));
    let bound = (product - doubt).max(0.0) / up(norm(&combined.values) + combined.error);
    crate::linalg::scale(bound * (1.0 - ROOM), -measured.exponent)
}
