//! Eigenvalues of symmetric matrices, and orthonormal bases.

use super::{MatRef, Real, gram_lower, mul_transpose, row_major};
use faer::{Par, set_global_parallelism};
use rayon::prelude::*;
use std::sync::Once;

/// AᵀA, row-major.
pub fn gram_of_columns(a: MatRef<'_, f64>) -> Vec<f64> {
    let mut out = vec![0.0; a.ncols() * a.ncols()];
    mul_transpose(a, a, &mut out);
    out
}

/// Rows whose Gram matrices are summed on one thread.
const GRAM_ROWS: usize = 1024;

/// AᵀA, row-major, of a tall matrix: rows in parallel, and half the work of a general product.
///
/// Blocks of rows in the precision of A, their sum in `f64`. In double precision each entry has an error of at most γ_m |A|ᵀ|A| for A with m
/// rows, whatever the order of the sum.
pub fn tall_gram<T: Real>(a: MatRef<'_, T>) -> Vec<f64> {
    let d = a.ncols();
    let starts: Vec<usize> = (0..a.nrows()).step_by(GRAM_ROWS).collect();
    let of_block = |&start: &usize| {
        let mut part = vec![T::of(0.0); d * d];
        gram_lower(a.subrows(start, GRAM_ROWS.min(a.nrows() - start)).transpose(), &mut part);
        part
    };
    let parts: Vec<Vec<T>> = if starts.len() == 1 { starts.iter().map(of_block).collect() } else { starts.par_iter().map(of_block).collect() };
    let mut total = vec![0.0; d * d];
    parts.iter().for_each(|part| total.iter_mut().zip(part).for_each(|(t, p)| *t += p.f64()));
    total
}

/// Eigenvalues of a symmetric d×d matrix, largest first; none if the iteration does not end.
pub fn symmetric_eigenvalues(a: &[f64], d: usize) -> Option<Vec<f64>> {
    decompose_on_one_thread();
    let mut values = row_major(a, d, d).self_adjoint_eigenvalues(faer::Side::Lower).ok()?;
    values.reverse();
    Some(values)
}

/// Columns of a row-major matrix made orthonormal, by Householder's QR; the span is the same where they are independent.
pub fn orthonormalise<T: Real>(a: &mut [T], columns: usize) {
    decompose_on_one_thread();
    let rows = a.len() / columns;
    let q = row_major(a, rows, columns).qr().compute_thin_Q();
    for (i, row) in a.chunks_exact_mut(columns).enumerate() {
        for (j, x) in row.iter_mut().enumerate() {
            *x = q[(i, j)];
        }
    }
}

/// Q (rows×h) and R (h×columns) of a row-major matrix, h = min(rows, columns), by Householder's QR.
pub fn thin_qr<T: Real>(a: &[T], rows: usize, columns: usize) -> (Vec<T>, Vec<T>) {
    decompose_on_one_thread();
    if a.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let qr = row_major(a, rows, columns).qr();
    let entries = |m: MatRef<'_, T>| (0..m.nrows()).flat_map(|i| (0..m.ncols()).map(move |j| (i, j))).map(|at| m[at]).collect();
    (entries(qr.compute_thin_Q().as_ref()), entries(qr.thin_R()))
}

/// The backend's decompositions read a global: one thread, so that the bits do not depend on their number.
pub(super) fn decompose_on_one_thread() {
    static SEQUENTIAL: Once = Once::new();
    SEQUENTIAL.call_once(|| set_global_parallelism(Par::Seq));
}
