//! How far X and y are from proving one another optimal, measured from the data.

use crate::linalg::{singular_values, symmetric_eigenvalues};
use crate::map::MeasurementMap;
use crate::problem::{Domain, Fidelity};

/// How much more misfit beyond a ball counts than the same duality gap: certificates ask for a tenth of the usual tolerance.
const EXCESS_WEIGHT: f64 = 10.0;

/// What X and y measure.
pub(super) struct Optimality {
    /// ‖A(X) − b‖.
    missing: f64,
    /// ‖b‖.
    size: f64,
    /// ⟨b, y⟩.
    product: f64,
    /// ‖y‖.
    length: f64,
    /// ‖X‖_*.
    pub norm: f64,
    /// ‖A*(y)‖, in the dual norm of the domain.
    dual_norm: f64,
}

impl Optimality {
    /// NaN where a decomposition fails.
    pub fn of(map: &dyn MeasurementMap, b: &[f64], domain: Domain, x: &[f64], y: &[f64]) -> Self {
        let mut fitted = vec![0.0; b.len()];
        map.apply(x, &mut fitted);
        let (mut missing, mut size, mut product, mut length) = (0.0, 0.0, 0.0, 0.0);
        for ((fitted, b), y) in fitted.iter().zip(b).zip(y) {
            missing += (fitted - b) * (fitted - b);
            size += b * b;
            product += b * y;
            length += y * y;
        }
        let dual_norm = dual_norm(map, domain, y);
        Optimality { missing: f64::sqrt(missing), size: f64::sqrt(size), product, length: f64::sqrt(length), norm: norm(x, map.shape()), dual_norm }
    }

    /// The larger of the duality gap, relative to the objective, and ‖A(X) − b‖ / ‖b‖, of which noise is taken off.
    pub fn residual(&self, fidelity: Fidelity) -> f64 {
        let Optimality { missing, size, product, length, norm, dual_norm } = *self;
        match fidelity {
            Fidelity::Exact => (missing / size).max((1.0 - product / dual_norm.max(1.0) / norm).abs()),
            Fidelity::Ball { radius } => {
                let gap = 1.0 - (product - radius * length) / dual_norm.max(1.0) / norm;
                (EXCESS_WEIGHT * (missing - radius) / size).max(gap.abs())
            }
            Fidelity::Penalised { lambda } => {
                // max over t of ⟨b, ty⟩ − ½‖ty‖² with t‖A*(y)‖ ≤ λ
                let t = (product / (length * length)).min(lambda / dual_norm);
                let objective = 0.5 * missing * missing + lambda * norm;
                (1.0 - t * (product - 0.5 * t * length * length) / objective).abs()
            }
        }
    }
}

/// ‖X‖_*.
pub(super) fn norm(x: &[f64], (d1, d2): (usize, usize)) -> f64 {
    singular_values(x, d1, d2).map_or(f64::NAN, |values| values.iter().rev().sum())
}

fn dual_norm(map: &dyn MeasurementMap, domain: Domain, y: &[f64]) -> f64 {
    let (d1, d2) = map.shape();
    let mut g = vec![0.0; d1 * d2];
    map.adjoint(y, &mut g);
    match domain {
        Domain::PositiveSemidefinite => symmetric_eigenvalues(&g, d1).map_or(f64::NAN, |values| values[0]),
        _ => singular_values(&g, d1, d2).map_or(f64::NAN, |values| values[0]),
    }
}
