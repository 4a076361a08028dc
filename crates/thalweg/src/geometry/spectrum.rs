//! The ends of a Hessian's spectrum.

use crate::Error;
use crate::data::stream;
use crate::linalg::lanczos;
use crate::problem::Objective;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// Probability with which each end is missed.
const MISS: f64 = 0.025;

/// Extreme eigenvalues of a Hessian, each between two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HessianSpectrum {
    /// The largest eigenvalue lies here; the low end is a Ritz value. Infinite where so few steps bound nothing.
    pub largest: (f64, f64),
    /// The smallest eigenvalue lies here; the high end is a Ritz value.
    pub smallest: (f64, f64),
    /// Largest over smallest eigenvalue; infinite at the high end unless the Hessian is positive definite for certain. None where the
    /// largest eigenvalue is not positive.
    pub condition: Option<(f64, f64)>,
    /// Hessian-vector products.
    pub products: usize,
    /// Of the start.
    pub seed: u64,
}

/// The ends of the spectrum of ∇²f(x) by so many steps of Lanczos' method from a random start; all intervals hold together with probability
/// 0.95 or more.
///
/// With spread s = λ₁ − λₙ, k steps leave λ₁ − θ₁ > εs with a probability of at most 1.648 √n exp(−√ε (2k − 1)) (Kuczyński, Woźniakowski 1992,
/// theorem 4.2, for ∇²f − λₙ), and the same at the other end; ε is taken where that is 0.025. The bound knows nothing of gaps: the Ritz
/// values are nearly always much closer than it says.
///
/// # Errors
/// [`Error::Parameter`] without steps; [`Error::NotFinite`] where Hessian-vector products are not.
pub fn hessian_spectrum(objective: &dyn Objective, x: &[f64], steps: usize, seed: u64) -> Result<HessianSpectrum, Error> {
    if steps == 0 {
        return Err(Error::Parameter { name: "steps", expected: "1 or more".into(), got: "0".into() });
    }
    let n = objective.dim();
    let mut rng = stream(seed, u64::MAX);
    let start: Vec<f64> = (0..n).map(|_| StandardNormal.sample(&mut rng)).collect();
    let Some(ritz) = lanczos(&start, steps, |d, out| objective.hessian_vec(x, d, out)) else {
        return Err(Error::NotFinite { what: "a Hessian-vector product", row: 0, col: 0, value: f64::NAN });
    };
    let (top, bottom) = (ritz.values[0], *ritz.values.last().expect("one step at least"));
    let products = ritz.values.len();
    let rounding = 1e-13 * (n as f64).sqrt() * top.abs().max(bottom.abs());
    let missed = spread_missed(n, products);
    let slack = match ritz.is_invariant {
        true => rounding,
        false if missed.is_finite() => rounding + missed * (top - bottom),
        false => f64::INFINITY,
    };
    let (largest, smallest) = ((top - rounding, top + slack), (bottom - slack, bottom + rounding));
    let high = if smallest.0 > 0.0 { largest.1 / smallest.0 } else { f64::INFINITY };
    let condition = (largest.0 > 0.0).then(|| (if smallest.1 > 0.0 { largest.0 / smallest.1 } else { f64::INFINITY }, high));
    Ok(HessianSpectrum { largest, smallest, condition, products, seed })
}

/// ε/(1 − 2ε): what each end may be beyond its Ritz value, over the spread of the Ritz values.
fn spread_missed(n: usize, steps: usize) -> f64 {
    let root = (1.648 * (n as f64).sqrt() / MISS).ln() / (2.0 * steps as f64 - 1.0);
    let share = root * root;
    if share < 0.5 { share / (1.0 - 2.0 * share) } else { f64::INFINITY }
}
