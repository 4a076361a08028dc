//! Gauss–Newton on factors whose rank is given: A(UVᵀ) = b.

use crate::linalg::Cholesky;
use crate::map::{Jacobian, MeasurementMap};
use crate::problem::Domain;
use crate::{Factors, Side};

/// Damping over the squared relative residual and the mean diagonal of JᵀJ: steps are Newton's where b is nearly met.
const DAMPING: f64 = 0.1;
/// The least damping: the normal equations of (U, V) ↦ UVᵀ have a null space of dimension r².
const SHIFT: f64 = 1e-13;
/// Dampings that are tried before a step is given up.
const TRIALS: usize = 6;
/// What damping is multiplied by when a step fails, and when it succeeds.
const MORE: f64 = 8.0;
const LESS: f64 = 0.3;
/// ‖A(UVᵀ) − b‖ / ‖b‖ that is as small as it gets.
const TIGHT: f64 = 1e-14;
/// The same, above which b is not met.
const LOOSE: f64 = 1e-11;

/// Factors on their way to A(UVᵀ) = b, b ≠ 0. Over symmetric X, V = U diag(±1) with signs that are given.
pub(super) struct Fit<'a> {
    map: &'a dyn MeasurementMap,
    b: &'a [f64],
    domain: Domain,
    at: Place,
    /// What the damping is multiplied by.
    caution: f64,
    /// No step lowers the residual any more.
    is_settled: bool,
}

/// A point with its residual, and the derivative there.
struct Place {
    factors: Factors,
    signs: Vec<f64>,
    jacobian: Jacobian,
    /// b − A(UVᵀ).
    residual: Vec<f64>,
    /// Its norm over that of b.
    relative: f64,
}

impl<'a> Fit<'a> {
    /// From factors, and the signs with V = U diag(signs) of symmetric X.
    pub fn start(map: &'a dyn MeasurementMap, b: &'a [f64], domain: Domain, factors: Factors, signs: Vec<f64>) -> Self {
        let at = Place::of(map, b, domain, factors, signs);
        Fit { map, b, domain, at, caution: 1.0, is_settled: false }
    }

    /// One step of Levenberg and Marquardt, (JᵀJ + μI) δ = Jᵀ(b − A(UVᵀ)). None if the numbers go bad.
    pub fn step(&mut self) -> Option<()> {
        let (mut gram, width) = (self.at.jacobian.gram(), self.at.jacobian.width());
        let mean = (0..width).map(|k| gram[k * width + k]).sum::<f64>() / width as f64;
        let downhill = self.at.jacobian.transposed_times(&self.at.residual);
        let mut lifted = 0.0;
        for trial in 0..TRIALS {
            let lift = mean * (self.caution * DAMPING * self.at.relative * self.at.relative).max(SHIFT);
            (0..width).for_each(|k| gram[k * width + k] += lift - lifted);
            lifted = lift;
            let mut step = downhill.clone();
            Cholesky::of(&gram, width)?.solve(&mut step);
            let next = Place::of(self.map, self.b, self.domain, self.moved(&step), self.at.signs.clone());
            if next.relative < self.at.relative {
                self.caution = if trial == 0 { (LESS * self.caution).max(1.0) } else { self.caution };
                self.at = next;
                return Some(());
            }
            if self.fits() {
                break;
            }
            self.caution *= MORE;
        }
        self.is_settled = true;
        Some(())
    }

    /// Over symmetric X the Jacobian is half of that in U.
    fn moved(&self, step: &[f64]) -> Factors {
        let (mut factors, rank) = (self.at.factors.clone(), self.at.factors.rank());
        if self.domain == Domain::General {
            factors.as_mut_slice().iter_mut().zip(step).for_each(|(x, step)| *x += step);
            return factors;
        }
        let (u, v) = factors.split_mut();
        for (at, step) in step.iter().enumerate() {
            u[at] += 0.5 * step;
            v[at] = self.at.signs[at % rank] * u[at];
        }
        factors
    }

    /// Whether b is met, to rounding.
    pub fn fits(&self) -> bool {
        self.at.relative <= LOOSE
    }

    /// Whether more steps are of no use.
    pub fn is_over(&self) -> bool {
        self.is_settled || self.at.relative <= TIGHT
    }

    /// ‖A(UVᵀ) − b‖ / ‖b‖.
    pub fn relative(&self) -> f64 {
        self.at.relative
    }

    /// b − A(UVᵀ).
    pub fn residual(&self) -> &[f64] {
        &self.at.residual
    }

    /// U and V, and the signs.
    pub fn factors(&self) -> (&Factors, &[f64]) {
        (&self.at.factors, &self.at.signs)
    }
}

impl Place {
    fn of(map: &dyn MeasurementMap, b: &[f64], domain: Domain, factors: Factors, signs: Vec<f64>) -> Self {
        let rank = factors.rank();
        let (jacobian, mut along) = match domain {
            Domain::General => (map.factored_jacobian(&factors), factors.as_slice().to_vec()),
            _ => (Jacobian::of_side(map, Side::U, factors.side(Side::V), rank), factors.split().0.to_vec()),
        };
        // ⟨AᵢV, U⟩ is the measurement
        along[factors.split().0.len()..].fill(0.0);
        let residual: Vec<f64> = jacobian.times(&along).iter().zip(b).map(|(fitted, b)| b - fitted).collect();
        let size = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let relative = size(&residual) / size(b);
        Place { factors, signs, jacobian, residual, relative }
    }
}
