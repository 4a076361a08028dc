//! The bond of X to measurements with noise: the ball ‖A(X) − b‖ ≤ ε, or the penalty ½‖A(X) − b‖²/λ.

use super::rotated::{Rotated, Rows, Target};
use crate::linalg::Real;
use crate::problem::Fidelity;

/// Steps of Newton's method on the secular equation, at most.
const SECULAR_STEPS: usize = 60;

/// The bond with what its prox takes.
pub(super) struct Noise<T> {
    shape: (usize, usize),
    rows: Rows<T>,
    squares: Vec<f64>,
    beta: Vec<f64>,
    misfit: Misfit,
    least_squares: Vec<T>,
    /// y of the last prox, in the coordinates of R.
    multiplier: Vec<T>,
}

enum Misfit {
    /// Σ (⟨Rₖ, X⟩ − βₖ)² ≤ room, and the last root of the secular equation.
    Ball { room: f64, root: f64 },
    /// λ.
    Penalty(f64),
}

impl<T: Real> Noise<T> {
    /// A bond that is exact, or a ball that nothing fits, is none of these.
    pub fn new(shape: (usize, usize), rotated: &Rotated, target: &Target, fidelity: Fidelity) -> Option<Self> {
        let misfit = match fidelity {
            Fidelity::Exact => return None,
            Fidelity::Ball { .. } => Misfit::Ball { room: target.room(fidelity), root: 0.0 },
            Fidelity::Penalised { lambda } => Misfit::Penalty(lambda),
        };
        Some(Noise {
            shape,
            rows: rotated.narrow(),
            squares: rotated.squares.clone(),
            beta: target.beta.clone(),
            misfit,
            least_squares: target.least_squares.iter().map(|&x| T::of(x)).collect(),
            multiplier: vec![T::of(0.0); target.beta.len()],
        })
    }

    /// The smallest X of least misfit.
    pub fn least_squares(&self) -> Vec<T> {
        self.least_squares.clone()
    }

    /// y of the last prox: A*(y) = (prox(W) − W)/τ.
    pub fn multiplier(&self) -> Vec<T> {
        self.multiplier.clone()
    }

    /// R*(y).
    pub fn adjoint(&self, y: &[T], out: &mut [T]) {
        self.rows.adjoint(y, self.shape, out);
    }

    /// prox of τ times the bond at W, in place: W + R*(ν(β − R(W)) / (1 + νh)), where ν is τ/λ, or brings the residual to the ball.
    pub fn approach(&mut self, x: &mut [T], tau: T) {
        let fitted = self.rows.apply(x, self.shape);
        let missing: Vec<f64> = self.beta.iter().zip(&fitted).map(|(beta, fitted)| beta - fitted.f64()).collect();
        let nu = match &mut self.misfit {
            Misfit::Penalty(lambda) => tau.f64() / *lambda,
            Misfit::Ball { room, root } => {
                *root = secular_root(&missing, &self.squares, *room, *root);
                *root
            }
        };
        let weights = missing.iter().zip(&self.squares).map(|(e, &h)| if h > 0.0 { nu * e / (1.0 + nu * h) } else { 0.0 });
        let weights: Vec<T> = weights.map(T::of).collect();
        let mut correction = vec![T::of(0.0); x.len()];
        self.rows.adjoint(&weights, self.shape, &mut correction);
        x.iter_mut().zip(correction).for_each(|(x, c)| *x += c);
        self.multiplier = weights.into_iter().map(|w| w / tau).collect();
    }
}

/// ν ≥ 0 with φ(ν) = Σ eₖ² / (1 + νhₖ)² = room, or 0 where φ(0) is no more than that. Newton's method on φ^(−½), which is nearly straight.
fn secular_root(missing: &[f64], squares: &[f64], room: f64, start: f64) -> f64 {
    let value = |nu: f64| {
        let (mut sum, mut slope) = (0.0, 0.0);
        for (e, h) in missing.iter().zip(squares).filter(|(_, h)| **h > 0.0) {
            let shrunk = e / (1.0 + nu * h);
            sum += shrunk * shrunk;
            slope -= 2.0 * shrunk * shrunk * h / (1.0 + nu * h);
        }
        (sum, slope)
    };
    if value(0.0).0 <= room {
        return 0.0;
    }
    let mut nu = start;
    for _ in 0..SECULAR_STEPS {
        let (sum, slope) = value(nu);
        let next = (nu + 2.0 * sum * ((sum / room).sqrt() - 1.0) / -slope).max(0.0);
        let is_settled = (next - nu).abs() <= 1e-14 * next;
        nu = next;
        if is_settled || !nu.is_finite() {
            break;
        }
    }
    nu
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secular_root_meets_the_ball() {
        let (missing, squares) = ([3.0, -1.0, 0.5, 0.0], [4.0, 1e-6, 0.1, 1.0]);
        for (room, start) in [(1.3, 0.0), (1.3, 1e9), (1e-3, 0.0), (9.9, 5.0)] {
            let nu = secular_root(&missing, &squares, room, start);
            let left: f64 = missing.iter().zip(&squares).map(|(e, h)| (e / (1.0 + nu * h)).powi(2)).sum();
            assert!((left - room).abs() < 1e-10 * room, "{room} {start}: {left}");
        }
        assert_eq!(secular_root(&missing, &squares, 11.0, 2.0), 0.0);
    }
}
