//! Eigenvalues of symmetric matrices.

use super::{MatRef, mul_transpose, row_major};
use faer::{Par, set_global_parallelism};
use std::sync::Once;

/// AᵀA, row-major.
pub fn gram_of_columns(a: MatRef<'_, f64>) -> Vec<f64> {
    let mut out = vec![0.0; a.ncols() * a.ncols()];
    mul_transpose(a, a, &mut out);
    out
}

/// Eigenvalues of a symmetric d×d matrix, largest first; none if the iteration does not end.
pub fn symmetric_eigenvalues(a: &[f64], d: usize) -> Option<Vec<f64>> {
    decompose_on_one_thread();
    let mut values = row_major(a, d, d).self_adjoint_eigenvalues(faer::Side::Lower).ok()?;
    values.reverse();
    Some(values)
}

/// The backend's decompositions read a global: one thread, so that the bits do not depend on their number.
pub(super) fn decompose_on_one_thread() {
    static SEQUENTIAL: Once = Once::new();
    SEQUENTIAL.call_once(|| set_global_parallelism(Par::Seq));
}
