//! Rigorous bounds: numbers that rounding cannot turn into wrong ones.
//!
//! Every bound here is on the safe side by the a-priori error analysis of the operations that led to it (Higham 2002, chapters 3 and 10;
//! Rump 2006 for positive definiteness). Sums and products of bounds are themselves rounded; [`up`] covers that.

use crate::linalg::{Cholesky, MatRef, dot, gram_lower, is_positive_definite, lanczos, rounding, row_major, symmetric_eigenvalues, tall_gram};

/// Relative room for the rounding of a bound's own arithmetic: more than 15 000 operations on non-negative numbers.
pub(super) const ROOM: f64 = 2e-12;

/// A bound with room for its own rounding, and for underflow.
pub(super) fn up(bound: f64) -> f64 {
    bound * (1.0 + ROOM) + 1e-290
}

/// ‖x‖, rounded up.
pub(super) fn norm(x: &[f64]) -> f64 {
    up(dot(x, x).sqrt() * (1.0 + rounding(x.len() + 2)))
}

/// ‖A‖₂ ≤ √(‖A‖₁ ‖A‖_∞) of a row-major matrix, rounded up.
pub(super) fn spectral_norm(a: &[f64], width: usize) -> f64 {
    let mut columns = vec![0.0f64; width];
    let mut widest = 0.0f64;
    for row in a.chunks_exact(width.max(1)) {
        columns.iter_mut().zip(row).for_each(|(c, x)| *c += x.abs());
        widest = widest.max(row.iter().map(|x| x.abs()).sum());
    }
    up((widest * columns.iter().fold(0.0f64, |m, &c| m.max(c))).sqrt() * (1.0 + rounding(a.len())))
}

/// What a successful Cholesky factorisation of a symmetric d×d matrix of this trace leaves open: λ_min ≥ −slack.
///
/// |M − RᵀR| ≤ γ |Rᵀ||R|, so ‖M − RᵀR‖₂ ≤ γ ‖R‖_F² ≤ γ/(1−γ) tr M. Three roundings a step are allowed for, where Higham counts one.
fn cholesky_slack(d: usize, trace: f64) -> f64 {
    up(2.0 * rounding(3 * d + 10) * trace)
}

/// A lower bound on the smallest eigenvalue of AᵀA, where A (rows × n, row-major) holds. None if no positive one is found.
pub(super) fn least_eigenvalue_of_gram(a: &[f64], n: usize) -> Option<f64> {
    gram_floor(row_major(a, a.len() / n, n))
}

/// The same for a matrix view.
pub(super) fn gram_floor(a: MatRef<'_, f64>) -> Option<f64> {
    floor_of_gram(&gram_of(a), a.ncols(), a.nrows())
}

/// The same for a Gram matrix that is at hand, each entry a sum over so many rows in any order, and perhaps a positive semidefinite matrix with it.
pub(super) fn floor_of_gram(gram: &[f64], n: usize, rows: usize) -> Option<f64> {
    let (trace, formed) = formed(gram, n, rows);
    least_eigenvalue(gram, n, trace).map(|bound| bound - formed).filter(|bound| *bound > 0.0)
}

/// AᵀA.
pub(super) fn gram_of(a: MatRef<'_, f64>) -> Vec<f64> {
    let mut gram = vec![0.0; a.ncols() * a.ncols()];
    gram_lower(a.transpose(), &mut gram);
    gram
}

/// The trace of a computed Gram matrix, and what its rounding changes in eigenvalues.
///
/// |fl(AᵀA) − AᵀA| ≤ γ |Aᵀ||A|, whose norm is at most ‖A‖_F² ≤ the trace.
fn formed(gram: &[f64], n: usize, rows: usize) -> (f64, f64) {
    let trace = up((0..n).map(|k| gram[k * n + k]).sum());
    (trace, up(2.0 * rounding(rows + 4) * trace))
}

/// Some positive lower bound on the smallest eigenvalue of AᵀA, for where its size hardly matters: mostly at the price of one factorisation.
pub(super) fn positive_gram_floor(a: MatRef<'_, f64>) -> Option<f64> {
    let (gram, n) = (gram_of(a), a.ncols());
    let (trace, formed) = formed(&gram, n, a.nrows());
    positive_floor(&gram, n, trace, formed)
}

/// The same for a matrix of this trace that is within `error` of another one, of which it speaks.
pub(super) fn positive_floor(matrix: &[f64], n: usize, trace: f64, error: f64) -> Option<f64> {
    let slack = cholesky_slack(n, trace) + error;
    // a well-conditioned matrix passes the first, and a factor of ten matters little
    let shifts = (0..9).map(|power| 2e-3 * 0.1f64.powi(power) * trace / n as f64);
    let mut shifts = shifts.take_while(|shift| *shift > slack);
    shifts.find(|&shift| is_definite_above(matrix, n, shift)).map(|shift| (shift - slack) * (1.0 - ROOM))
}

/// Whether M − shift·I passes as positive definite, up to [`cholesky_slack`].
fn is_definite_above(matrix: &[f64], n: usize, shift: f64) -> bool {
    let mut shifted = matrix.to_vec();
    (0..n).for_each(|k| shifted[k * n + k] -= shift);
    is_positive_definite(&mut shifted, n)
}

/// Whether shift·I − M passes as positive definite, up to [`cholesky_slack`].
fn is_definite_below(matrix: &[f64], n: usize, shift: f64) -> bool {
    let mut shifted: Vec<f64> = matrix.iter().map(|x| -x).collect();
    (0..n).for_each(|k| shifted[k * n + k] += shift);
    is_positive_definite(&mut shifted, n)
}

/// A lower bound on the smallest eigenvalue of a symmetric positive semidefinite matrix as it stands.
pub(super) fn least_eigenvalue(matrix: &[f64], n: usize, trace: f64) -> Option<f64> {
    let first = Cholesky::of(matrix, n)?;
    // the estimate is from above
    least_eigenvalue_near(matrix, n, trace, 0.9 * inverse_power_estimate(&first, n)?)
}

/// The same from a guess: step back until the shifted matrix is positive definite, which is the proof.
pub(super) fn least_eigenvalue_near(matrix: &[f64], n: usize, trace: f64, guess: f64) -> Option<f64> {
    let shift = [guess, 0.5 * guess, 0.1 * guess].into_iter().find(|&shift| is_definite_above(matrix, n, shift))?;
    let bound = shift - cholesky_slack(n, trace);
    (bound > 0.0).then_some(bound)
}

/// 1 / ‖M⁻¹‖ by a few steps of Lanczos' method on M⁻¹ from a fixed start.
fn inverse_power_estimate(factor: &Cholesky, n: usize) -> Option<f64> {
    let start: Vec<f64> = (0..n).map(|k| 1.0 + 0.5 * ((k * 7919 % 101) as f64 / 101.0 - 0.5) * if k % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let solve = |x: &[f64], out: &mut [f64]| {
        out.copy_from_slice(x);
        factor.solve(out);
    };
    Some(1.0 / lanczos(&start, 6, solve)?.values[0])
}

/// An upper bound on ‖W‖₂ of a row-major rows×d matrix as it stands: t² I − WᵀW is positive definite.
pub(super) fn largest_singular_value(w: &[f64], d: usize) -> Option<f64> {
    let w = row_major(w, w.len() / d, d);
    let w = if w.nrows() < w.ncols() { w.transpose() } else { w };
    let (rows, d) = w.shape();
    let gram = tall_gram(w);
    let trace: f64 = up((0..d).map(|k| gram[k * d + k]).sum());
    let formed = up(2.0 * rounding(rows + 4) * trace);
    largest_eigenvalue(&gram, d, trace).map(|bound| up((bound + formed).sqrt()))
}

/// An upper bound on the largest eigenvalue of a symmetric matrix with Σ |λ| ≤ `size`, at least 0.
pub(super) fn largest_eigenvalue(matrix: &[f64], d: usize, size: f64) -> Option<f64> {
    // where all eigenvalues cost more than a few factors, the power method guesses
    if d <= EXACT {
        largest_eigenvalue_near(matrix, d, size, symmetric_eigenvalues(matrix, d)?[0].max(0.0), 1e-12)
    } else {
        largest_eigenvalue_near(matrix, d, size, power_estimate(matrix, d), 1e-3)
    }
}

/// The same from a guess, of which this part may be missing: step up until the shifted matrix is positive definite, which is the proof.
pub(super) fn largest_eigenvalue_near(matrix: &[f64], d: usize, size: f64, guess: f64, part: f64) -> Option<f64> {
    let parts = [1e-12, 1e-10, 1e-8, 1e-6, 1e-3, 1e-2, 1e-1, 3e-1].into_iter().skip_while(|&above| above < part);
    parts.map(|above| guess * (1.0 + above) + above * size + f64::MIN_POSITIVE).find_map(|t| proved_above(matrix, d, t, size))
}

/// An upper bound on the largest eigenvalue, a little above t ≥ 0, of a symmetric matrix with Σ |λ| ≤ `size`; none if t does not pass.
pub(super) fn proved_above(matrix: &[f64], d: usize, t: f64, size: f64) -> Option<f64> {
    is_definite_below(matrix, d, t).then(|| up(t + cholesky_slack(d, d as f64 * t + size)))
}

/// Largest side for which all eigenvalues are computed.
const EXACT: usize = 256;

/// The largest eigenvalue of a symmetric positive semidefinite matrix by a few steps of the power method, from below.
fn power_estimate(matrix: &[f64], d: usize) -> f64 {
    let mut x: Vec<f64> = (0..d).map(|k| 1.0 + (k * 7919 % 101) as f64 / 101.0 - (k % 2) as f64 * 1.7).collect();
    let mut estimate = 0.0;
    for _ in 0..24 {
        let before = dot(&x, &x).sqrt();
        if before == 0.0 {
            return estimate;
        }
        x.iter_mut().for_each(|x| *x /= before);
        x = matrix.chunks_exact(d).map(|row| dot(row, &x)).collect();
        estimate = dot(&x, &x).sqrt();
    }
    estimate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvalues_lie_within_their_bounds() {
        // AᵀA = [[4, 2], [2, 2]]: 3 ± √5
        let a = [2.0, 1.0, 0.0, 1.0];
        let (least, largest) = (3.0 - 5f64.sqrt(), 3.0 + 5f64.sqrt());
        let bound = least_eigenvalue_of_gram(&a, 2).unwrap();
        assert!(bound < least && bound > 0.4 * least);
        let bound = largest_singular_value(&a, 2).unwrap();
        assert!(bound > largest.sqrt() && bound < 1.001 * largest.sqrt());
        assert!(spectral_norm(&a, 2) >= largest.sqrt());
        assert!(least_eigenvalue_of_gram(&[1.0, 1.0, 1.0, 1.0], 2).is_none());
    }
}
