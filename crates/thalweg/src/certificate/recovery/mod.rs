//! Is this X the minimiser? Proved from the instance and a multiplier y, by code that shares nothing with the solvers.
//!
//! The guide's page on recovery states and proves the theorem that is checked here.

mod coordinates;
mod decomposition;
mod face;
mod measured;
mod minimiser;
mod noise;
mod tangent;
mod verdict;

pub use decomposition::leading_factors;
pub use minimiser::verify;
pub use verdict::{MISFIT_LIMIT, RADIUS_LIMIT, RecoveryVerdict, Unproved};

use super::bounds;
use crate::linalg::{dot, dot_error, largest_magnitude, mul, rounding, row_major, scale_all, singular_values};
use crate::map::Rescaling;
use crate::problem::{Domain, Fidelity, Norm, Recovery};
use bounds::{ROOM, least_eigenvalue, norm, up};
use measured::Measured;

/// No X with ‖X‖_F below this fits b: |⟨b, y⟩| / ‖A*(y)‖_F, rounded down. For a y with A*(y) = 0 up to rounding and ⟨b, y⟩ ≠ 0 that is far
/// beyond anything that could have been measured; 0 if y says nothing.
///
/// ⟨b, y⟩ = ⟨A(X), y⟩ = ⟨X, A*(y)⟩ ≤ ‖X‖_F ‖A*(y)‖_F for every X that fits. Within a ball of radius ε, |⟨b, y⟩| − ε‖y‖ stands for ⟨b, y⟩; with a
/// penalty everything fits, and the answer is 0.
pub fn nothing_fits_below(problem: &Recovery<'_>, y: &[f64]) -> f64 {
    let Some(measured) = Measured::of(problem.map) else { return 0.0 };
    if y.len() != problem.b.len() || y.iter().any(|y| !y.is_finite()) {
        return 0.0;
    }
    let combined = measured.combined(y);
    let Some(doubt) = doubt(problem, y) else { return 0.0 };
    let bound = (dot(problem.b, y).abs() - doubt).max(0.0) / up(norm(&combined.values) + combined.error);
    crate::linalg::scale(bound * (1.0 - ROOM), -measured.exponent)
}

/// Whether y proves that no X of the domain fits, at any size: over semidefinite X, A*(y) ≺ 0 and ⟨b, y⟩ > 0, both beyond rounding.
///
/// A semidefinite X that fits would have ⟨b, y⟩ = ⟨X, A*(y)⟩ ≤ 0. Within a ball of radius ε, ⟨b, y⟩ > ε‖y‖ is asked for.
pub fn rules_out(problem: &Recovery<'_>, y: &[f64]) -> bool {
    let Some(measured) = Measured::of(problem.map) else { return false };
    if problem.domain != Domain::PositiveSemidefinite || y.len() != problem.b.len() || y.iter().any(|y| !y.is_finite()) {
        return false;
    }
    let Some(doubt) = doubt(problem, y) else { return false };
    let (combined, d) = (measured.combined(y), measured.shape.0);
    let negative: Vec<f64> = (0..d * d).map(|at| -0.5 * (combined.values[at] + combined.values[at % d * d + at / d])).collect();
    let trace = up((0..d).map(|k| negative[k * d + k]).sum::<f64>().max(0.0));
    let error = up(combined.error + rounding(2) * norm(&combined.values));
    let is_negative = least_eigenvalue(&negative, d, trace).is_some_and(|least| least > error);
    is_negative && dot(problem.b, y) > doubt
}

/// What rounding and noise can make of ⟨b, y⟩ for measurements that fit nothing. None with a penalty: there everything fits.
fn doubt(problem: &Recovery<'_>, y: &[f64]) -> Option<f64> {
    let allowed = match problem.fidelity {
        Fidelity::Exact => 0.0,
        Fidelity::Ball { radius } => radius,
        Fidelity::Penalised { .. } => return None,
    };
    Some(up(dot_error(y.len()) * norm(problem.b) * norm(y) + allowed * norm(y)))
}

/// ‖A(X) − b‖ / ‖b‖ in plain arithmetic; 0 where both are 0.
pub fn relative_misfit(problem: &Recovery<'_>, x: &[f64]) -> f64 {
    let Some(measured) = Measured::of(problem.map) else { return 1.0 };
    let size = problem.b.iter().fold(0.0f64, |m, b| m.max(b.abs()));
    let shift = crate::linalg::exponent(size).unwrap_or(0);
    let b = scale_all(problem.b, -shift);
    let fitted = measured.fitted(&scale_all(x, measured.exponent - shift)).values;
    let missing = fitted.iter().zip(&b).map(|(f, b)| (f - b).powi(2)).sum::<f64>().sqrt();
    if missing == 0.0 { 0.0 } else { missing / b.iter().map(|b| b * b).sum::<f64>().sqrt() }
}

/// What is minimised, at X: the norm or, with a penalty, ½‖A(X) − b‖² + λ·norm. In plain arithmetic; NaN if a decomposition fails.
pub fn objective(problem: &Recovery<'_>, x: &[f64]) -> f64 {
    match problem.fidelity {
        Fidelity::Exact | Fidelity::Ball { .. } => value(problem, x),
        Fidelity::Penalised { lambda } => {
            let missing = relative_misfit(problem, x) * problem.b.iter().map(|b| b * b).sum::<f64>().sqrt();
            0.5 * missing * missing + lambda * value(problem, x)
        }
    }
}

/// ‖X‖_* or ‖D1 X D2‖_* in plain arithmetic; NaN if a decomposition fails.
fn value(problem: &Recovery<'_>, x: &[f64]) -> f64 {
    let (d1, d2) = problem.map.shape();
    let shift = crate::linalg::exponent(largest_magnitude(x)).unwrap_or(0);
    let x = scale_all(x, -shift);
    let weighted = match (problem.norm, Measured::of(problem.map)) {
        (Norm::Flat, Some(measured)) => match Rescaling::of(&*problem.map.scaled(-measured.exponent)) {
            Some(Rescaling { left, right, .. }) => {
                let (mut halfway, mut out) = (vec![0.0; d1 * d2], vec![0.0; d1 * d2]);
                mul(row_major(&left.dense(), d1, d1), row_major(&x, d1, d2), &mut halfway);
                mul(row_major(&halfway, d1, d2), row_major(&right.dense(), d2, d2), &mut out);
                out
            }
            None => return f64::NAN,
        },
        _ => x,
    };
    singular_values(&weighted, d1, d2).map_or(f64::NAN, |values| crate::linalg::scale(values.iter().rev().sum(), shift))
}
