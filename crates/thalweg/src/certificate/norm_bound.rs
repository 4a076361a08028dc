//! Upper bounds of spectral norms that hold in spite of rounding.

use crate::linalg::{Cholesky, gram_of_rows, rounding, row_major, symmetric_eigenvalues, tall_gram};
use rayon::prelude::*;

/// Power iterations for the guess that is then proved.
const POWERS: usize = 24;
/// Guesses are raised by these factors until one is proved; the first two are for guesses from all eigenvalues.
const RAISES: [f64; 6] = [1.0 + 1e-12, 1.0 + 1e-9, 1.001, 1.01, 1.06, 1.3];
/// Largest side for which all eigenvalues are computed.
const EXACT: usize = 256;

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
    let gram = tall_gram(view);
    let exact = if d <= EXACT { symmetric_eigenvalues(&gram, d) } else { None };
    let raises = if exact.is_some() { &RAISES[..] } else { &RAISES[2..] };
    let guess = exact.map_or_else(|| largest_eigenvalue(&gram, d), |values| values[0]);
    // AᵀA as computed is off by at most γ |A|ᵀ|A|, whose norm is at most ‖A‖_F²
    let rounding_of_gram = rounding(depth + 2) * frobenius_squared;
    for raise in raises {
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

/// A number ≤ λ_min(R Rᵀ) for row-major R with `count` rows of length `depth`: half of a guess by inverse iteration, once R Rᵀ less that
/// has a Cholesky factor; 0 if it has none.
pub(super) fn smallest_eigenvalue_bound(rows: &[f64], count: usize, depth: usize) -> f64 {
    if count == 0 {
        return f64::INFINITY;
    }
    let mut gram = vec![0.0; count * count];
    gram_of_rows(rows, count, &mut gram);
    let trace: f64 = (0..count).map(|k| gram[k * count + k]).sum::<f64>();
    let Some(factor) = Cholesky::of(&gram, count) else { return 0.0 };
    let mut x: Vec<f64> = (0..count).map(|k| 1.0 + (k * 7919 % 101) as f64 / 101.0 - (k % 2) as f64 * 1.7).collect();
    let mut inverse = 0.0;
    for _ in 0..POWERS {
        let size = crate::linalg::dot(&x, &x).sqrt();
        x.iter_mut().for_each(|x| *x /= size);
        factor.solve(&mut x);
        inverse = crate::linalg::dot(&x, &x).sqrt();
    }
    let level = 0.5 / inverse;
    if !level.is_finite() {
        return 0.0;
    }
    (0..count).for_each(|k| gram[k * count + k] -= level);
    if Cholesky::of(&gram, count).is_none() {
        return 0.0;
    }
    // the factor's rounding, that of the Gram matrix, and that of its shifted diagonal
    let lost = (2.0 * rounding(count + 2) + rounding(depth + 2) + 2.0 * f64::EPSILON) * trace * (1.0 + 1e-9);
    (level - lost).max(0.0)
}
