//! Eigenvectors of symmetric matrices.

use super::spectrum::decompose_on_one_thread;
use super::{Real, row_major};

/// Eigenvalues of a symmetric d×d matrix, largest first, and their unit eigenvectors one after the other; none if the iteration does not
/// end.
pub fn symmetric_eigenvectors<T: Real>(a: &[T], d: usize) -> Option<(Vec<T>, Vec<T>)> {
    decompose_on_one_thread();
    let decomposed = row_major(a, d, d).self_adjoint_eigen(faer::Side::Lower).ok()?;
    let values = (0..d).rev().map(|k| decomposed.S()[k]).collect();
    let vectors = (0..d).rev().flat_map(|k| (0..d).map(move |i| (i, k))).map(|at| decomposed.U()[at]).collect();
    Some((values, vectors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_small_matrix() {
        let (values, vectors) = symmetric_eigenvectors(&[2.0f64, 1.0, 1.0, 2.0], 2).unwrap();
        assert!((values[0] - 3.0).abs() < 1e-14 && (values[1] - 1.0).abs() < 1e-14);
        assert!((vectors[0] - vectors[1]).abs() < 1e-14 && (vectors[2] + vectors[3]).abs() < 1e-14);
    }
}
