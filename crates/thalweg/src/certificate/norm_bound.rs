//! Upper bounds of spectral norms that hold in spite of rounding.

use crate::linalg::{Cholesky, lower_gram, rounding, row_major};
use rayon::prelude::*;

/// Power iterations for the guess that is then proved.
const POWERS: usize = 24;
/// Guesses are raised by these factors until one is proved.
const RAISES: [f64; 4] = [1.001, 1.01, 1.06, 1.3];

/// A number ≥ ‖A‖ for a row-major m×n matrix: θ² I − AᵀA has a Cholesky factor, so it is positive definite up to the rounding of that
/// factor and of AᵀA. ‖A‖_F if none of the guesses is proved.
///
/// Source: Rump (2006), "Verification of positive definiteness", theorem 2.3.
pub(super) fn spectral_norm_bound(a: &[f64], (m, n): (usize, usize)) -> f64 {
    let squares: f64 = a.par_chunks(1 << 14).map(|x| x.iter().map(|x| x * x).sum::<f64>()).collect::<Vec<_>>().iter().sum();
    let frobenius_squared = squares * (1.0 + 2.0 * rounding(a.len() + 2));
    if frobenius_squared == 0.0 || !frobenius_squared.is_finite() {
        return frobenius_squared.sqrt();
    }
    let view = row_major(a, m, n);
    let (view, depth, d) = if m >= n { (view, m, n) } else { (view.transpose(), n, m) };
    let mut gram = lower_gram(view);
    for i in 0..d {
        for j in 0..i {
            gram[j * d + i] = gram[i * d + j];
        }
    }
    let guess = largest_eigenvalue(&gram, d);
    // AᵀA as computed is off by at most γ |A|ᵀ|A|, whose norm is at most ‖A‖_F²
    let rounding_of_gram = rounding(depth + 2) * frobenius_squared;
    for raise in RAISES {
        let level = raise * guess + rounding_of_gram;
        let mut shifted: Vec<f64> = gram.iter().map(|x| -x).collect();
        (0..d).for_each(|k| shifted[k * d + k] += level);
        if Cholesky::of(&shifted, d).is_some() {
            let rounding_of_factor = 2.0 * rounding(d + 2) * d as f64 * level + 2.0 * f64::EPSILON * level;
            return (level + rounding_of_factor + rounding_of_gram).sqrt() * (1.0 + 4.0 * f64::EPSILON);
        }
    }
    frobenius_squared.sqrt()
}

/// The largest eigenvalue of a positive semidefinite matrix, from below.
fn largest_eigenvalue(gram: &[f64], d: usize) -> f64 {
    let mut x: Vec<f64> = (0..d).map(|k| 1.0 + (k * 7919 % 101) as f64 / 101.0 - (k % 2) as f64 * 1.7).collect();
    let mut value = 0.0;
    for _ in 0..POWERS {
        let size = x.iter().map(|x| x * x).sum::<f64>().sqrt();
        x.iter_mut().for_each(|x| *x /= size);
        let next: Vec<f64> = gram.par_chunks(d).map(|row| crate::linalg::dot(row, &x)).collect();
        value = crate::linalg::dot(&next, &next).sqrt();
        if value == 0.0 {
            return 0.0;
        }
        x = next;
    }
    value
}
