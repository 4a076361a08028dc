//! Newton's method for the smallest factors whose product meets b within noise.

use crate::Factors;
use crate::linalg::{Cholesky, dot};
use crate::map::{Jacobian, MeasurementMap};
use crate::problem::Fidelity;

/// Residual that is as small as it gets.
const TIGHT: f64 = 1e-14;
/// A step that leaves more than this part of the residual is the last.
const SLOW: f64 = 0.9;
/// Shift over the residual and the mean diagonal of the Hessian; the least one: rotations (UQ, VQ) are a null space of dimension r(r−1)/2.
const DAMPING: f64 = 1e-2;
const SHIFT: f64 = 1e-11;
/// Dampings that are tried, and what each is over the last.
const TRIALS: usize = 3;
const MORE: f64 = 30.0;

/// Stationary points of ½‖A(UVᵀ) − b‖² + ½λ(‖U‖² + ‖V‖²) with λ given, or such that ‖A(UVᵀ) − b‖ = ε. With G = A*(b − A(UVᵀ)) they obey
/// GV = λU and GᵀU = λV: where ‖G‖ ≤ λ, UVᵀ is the minimiser of the convex problem, and (b − A(UVᵀ))/λ its multiplier.
pub(super) struct SmallestFactors<'a> {
    map: &'a dyn MeasurementMap,
    b: &'a [f64],
    fidelity: Fidelity,
    at: Place,
}

/// A point with what a step takes.
struct Place {
    factors: Factors,
    lambda: f64,
    jacobian: Jacobian,
    /// b − A(UVᵀ).
    missing: Vec<f64>,
    /// (GV, GᵀU).
    downhill: Vec<f64>,
    /// (½‖A(UVᵀ) − b‖² − ½ε²) for a ball, else 0.
    excess: f64,
    /// How far the equations are from holding.
    residual: f64,
}

impl<'a> SmallestFactors<'a> {
    /// From balanced factors; a ball's λ is the one that comes nearest to stationary.
    pub fn start(map: &'a dyn MeasurementMap, b: &'a [f64], fidelity: Fidelity, factors: Factors) -> Self {
        let mut at = Place::of(map, b, fidelity, factors, 0.0);
        let z = at.factors.as_slice();
        at.lambda = match fidelity {
            Fidelity::Penalised { lambda } => lambda,
            _ => dot(&at.downhill, z) / dot(z, z),
        };
        at.residual = at.measured(fidelity);
        SmallestFactors { map, b, fidelity, at }
    }

    /// UVᵀ and y.
    pub fn solution(&self) -> (&Factors, Vec<f64>) {
        (&self.at.factors, self.at.missing.iter().map(|e| e / self.at.lambda).collect())
    }

    /// One step; false where it gained little, or nothing is left to gain.
    pub fn step(&mut self) -> bool {
        let (hessian, width) = (self.hessian(), self.at.downhill.len());
        let mean = (0..width).map(|k| hessian[k * width + k]).sum::<f64>() / width as f64;
        let mut shift = mean * (DAMPING * self.at.residual).max(SHIFT);
        for _ in 0..TRIALS {
            if let Some(next) = self.moved(&hessian, shift)
                && next.residual < self.at.residual
            {
                let is_useful = next.residual <= SLOW * self.at.residual && next.residual > TIGHT;
                self.at = next;
                return is_useful;
            }
            shift *= MORE;
        }
        false
    }

    /// JᵀJ + λI less the second derivative of ⟨G, UVᵀ⟩.
    fn hessian(&self) -> Vec<f64> {
        let Place { factors, lambda, jacobian, missing, .. } = &self.at;
        let (mut hessian, width) = (jacobian.gram(), jacobian.width());
        let ((d1, d2), rank) = (self.map.shape(), factors.rank());
        let mut g = vec![0.0; d1 * d2];
        self.map.adjoint(missing, &mut g);
        (0..width).for_each(|k| hessian[k * width + k] += lambda);
        for i in 0..d1 {
            for j in 0..d2 {
                for k in 0..rank {
                    let (row, column) = (i * rank + k, (d1 + j) * rank + k);
                    hessian[row * width + column] -= g[i * d2 + j];
                    hessian[column * width + row] -= g[i * d2 + j];
                }
            }
        }
        hessian
    }

    /// The next point: H δ + z δλ = −gradient and, for a ball, ⟨(GV, GᵀU), δ⟩ = excess. None if the shifted H is not positive definite.
    fn moved(&self, hessian: &[f64], shift: f64) -> Option<Place> {
        let (at, width) = (&self.at, self.at.downhill.len());
        let mut shifted = hessian.to_vec();
        (0..width).for_each(|k| shifted[k * width + k] += shift);
        let factor = Cholesky::of(&shifted, width)?;
        let z = at.factors.as_slice();
        let mut step: Vec<f64> = at.downhill.iter().zip(z).map(|(g, z)| g - at.lambda * z).collect();
        factor.solve(&mut step);
        let mut lambda = at.lambda;
        if let Fidelity::Ball { .. } = self.fidelity {
            let mut along = z.to_vec();
            factor.solve(&mut along);
            let change = (dot(&at.downhill, &step) - at.excess) / dot(&at.downhill, &along);
            step.iter_mut().zip(&along).for_each(|(s, a)| *s -= change * a);
            lambda += change;
        }
        let mut factors = at.factors.clone();
        factors.as_mut_slice().iter_mut().zip(&step).for_each(|(x, s)| *x += s);
        Some(Place::of(self.map, self.b, self.fidelity, factors, lambda)).filter(|next| next.lambda > 0.0)
    }
}

impl Place {
    fn of(map: &dyn MeasurementMap, b: &[f64], fidelity: Fidelity, factors: Factors, lambda: f64) -> Self {
        let jacobian = map.factored_jacobian(&factors);
        let mut along = factors.as_slice().to_vec();
        // ⟨AᵢV, U⟩ is the measurement
        along[factors.split().0.len()..].fill(0.0);
        let missing: Vec<f64> = jacobian.times(&along).iter().zip(b).map(|(fitted, b)| b - fitted).collect();
        let downhill = jacobian.transposed_times(&missing);
        let excess = match fidelity {
            Fidelity::Ball { radius } => 0.5 * (dot(&missing, &missing) - radius * radius),
            _ => 0.0,
        };
        let mut place = Place { factors, lambda, jacobian, missing, downhill, excess, residual: 0.0 };
        place.residual = place.measured(fidelity);
        place
    }

    fn measured(&self, fidelity: Fidelity) -> f64 {
        let size = |x: &[f64]| dot(x, x).sqrt();
        let gradient: Vec<f64> = self.downhill.iter().zip(self.factors.as_slice()).map(|(g, z)| g - self.lambda * z).collect();
        let off_ball = match fidelity {
            Fidelity::Ball { radius } => self.excess / (radius * radius),
            _ => 0.0,
        };
        (size(&gradient) / size(&self.downhill)).hypot(off_ball)
    }
}
