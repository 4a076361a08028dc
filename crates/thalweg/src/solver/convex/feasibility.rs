//! When no semidefinite X fits: the multiplier that separates b from what does.

use super::bond::Setting;
use crate::linalg::symmetric_eigenvalues;
use crate::map::MeasurementMap;
use crate::problem::Fidelity;

/// How far below 0 the eigenvalues of A*(y) are moved, relative to the largest one of A*(y): the proof needs room for rounding.
const CLEARANCE: f64 = 1e-9;

/// y with A*(y) ≺ 0 and ⟨b, y⟩ > ε‖y‖, which no semidefinite X that fits allows: y₀ − c·(1, …, 1) with the least c. None if that does not do.
///
/// Measurements xxᵀ have a positive definite sum, unless some direction is seen by none of them.
/// The multipliers of a splitting have eigenvalues below 1 and, where nothing fits, ⟨b, y⟩ grows without bound: then this succeeds in the end.
pub(super) fn separating(map: &dyn MeasurementMap, b: &[f64], setting: &Setting<'_>, y: &[f64]) -> Option<Vec<f64>> {
    let (_, d) = map.shape();
    let eigenvalues = |y: &[f64]| {
        let mut g = vec![0.0; d * d];
        map.adjoint(y, &mut g);
        symmetric_eigenvalues(&g, d)
    };
    let (of_y, of_shift) = (eigenvalues(y)?, eigenvalues(&vec![1.0; y.len()])?);
    let (largest, smallest) = (of_y.first()?.max(0.0), *of_shift.last()?);
    let size = of_y.iter().fold(0.0f64, |m, l| m.max(l.abs()));
    if smallest <= CLEARANCE * of_shift[0] {
        return None;
    }
    let by = (largest + CLEARANCE * size) / smallest;
    let moved: Vec<f64> = y.iter().map(|y| y - by).collect();
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let radius = match setting.fidelity() {
        Fidelity::Exact => 0.0,
        Fidelity::Ball { radius } => radius,
        Fidelity::Penalised { .. } => return None,
    };
    let length = dot(&moved, &moved).sqrt();
    let excess = dot(b, &moved) - radius * length;
    (excess > CLEARANCE * length * dot(b, b).sqrt() && *eigenvalues(&moved)?.first()? < 0.0).then_some(moved)
}
