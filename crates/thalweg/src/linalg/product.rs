//! Dense products in blocks of fixed size.

use super::tiles::Product;
use super::{MatMut, MatRef, Real, row_major, row_major_mut};
use faer::linalg::matmul::matmul;
use faer::reborrow::ReborrowMut;
use faer::{Accum, Par};
use rayon::prelude::*;

/// Rows that are worked on together. Part of the result's definition: changing it changes last bits.
pub const ROW_BLOCK: usize = 256;

/// The depth over which one product sums before its partial results are added in order.
const DEPTH_BLOCK: usize = 8192;

/// Σ parts, pairwise in a fixed tree.
pub fn fixed_order_sum(parts: &[f64]) -> f64 {
    match parts {
        [] => 0.0,
        [x] => *x,
        _ => {
            let (a, b) = parts.split_at(parts.len().div_ceil(2));
            fixed_order_sum(a) + fixed_order_sum(b)
        }
    }
}

/// Runs `f` on one of the threads that share work. From any other, each of the many parallel products in `f` would be handed over and waited for.
pub fn among_workers<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    rayon::join(f, || ()).0
}

/// A·B into `out`, row-major (a.nrows() × b.ncols()), rows of A in parallel.
pub fn mul<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>, out: &mut [T]) {
    let r = b.ncols();
    debug_assert_eq!(out.len(), a.nrows() * r);
    if out.is_empty() {
        return;
    }
    if a.nrows() <= ROW_BLOCK {
        return multiply(a, b, row_major_mut(out, a.nrows(), r));
    }
    let (product, size) = (Product::new(a, b), even_block(a.nrows()));
    out.par_chunks_mut(size * r).enumerate().for_each(|(block, out)| {
        let rows = out.len() / r;
        multiply_by(&product, a.subrows(block * size, rows), b, row_major_mut(out, rows, r));
    });
}

/// Rows in a block where all are cut into as many blocks of at most [`ROW_BLOCK`] as needed, about even: two threads share what is left over.
fn even_block(rows: usize) -> usize {
    const STEP: usize = 32;
    rows.div_ceil(rows.div_ceil(ROW_BLOCK)).next_multiple_of(STEP)
}

/// Whether [`mul_transpose`] cuts its sum over `depth` rows: few columns and many rows. Many columns are cut instead.
fn is_cut_in_depth(columns: usize, depth: usize) -> bool {
    columns < 2 * ROW_BLOCK && depth > DEPTH_BLOCK
}

/// Aᵀ·B into `out`, row-major (a.ncols() × b.ncols()): the sum over rows in blocks of fixed depth, added in order.
pub fn mul_transpose<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>, out: &mut [T]) {
    debug_assert_eq!(a.nrows(), b.nrows());
    let (p, r) = (a.ncols(), b.ncols());
    debug_assert_eq!(out.len(), p * r);
    out.fill(T::of(0.0));
    let depth = a.nrows();
    if out.is_empty() || depth == 0 {
        return;
    }
    if is_cut_in_depth(p, depth) {
        let starts: Vec<usize> = (0..depth).step_by(DEPTH_BLOCK).collect();
        let parts: Vec<Vec<T>> = starts
            .par_iter()
            .map(|&start| {
                let rows = DEPTH_BLOCK.min(depth - start);
                let mut part = vec![T::of(0.0); p * r];
                let (a, b) = (a.subrows(start, rows), b.subrows(start, rows));
                multiply(a.transpose(), b, row_major_mut(&mut part, p, r));
                part
            })
            .collect();
        for part in parts {
            for (o, x) in out.iter_mut().zip(part) {
                *o += x;
            }
        }
    } else {
        mul(a.transpose(), b, out);
    }
}

/// AᵀA, r×r row-major, of a row-major A (rows × r).
pub fn gram<T: Real>(a: &[T], r: usize) -> Vec<T> {
    gram_between(a, a, r)
}

/// AᵀB, r×r row-major, of row-major A and B (rows × r).
pub fn gram_between<T: Real>(a: &[T], b: &[T], r: usize) -> Vec<T> {
    let rows = a.len().checked_div(r).unwrap_or(0);
    let mut out = vec![T::of(0.0); r * r];
    mul_transpose(row_major(a, rows, r), row_major(b, rows, r), &mut out);
    out
}

/// out ← A·B on one thread.
pub fn multiply<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>, out: MatMut<'_, T>) {
    multiply_by(&Product::new(a, b), a, b, out);
}

fn multiply_by<T: Real>(product: &Product<'_, T>, a: MatRef<'_, T>, b: MatRef<'_, T>, mut out: MatMut<'_, T>) {
    if !product.multiply(a, out.rb_mut()) {
        matmul(out, Accum::Replace, a, b, T::of(1.0), Par::Seq);
    }
}

/// out ← out + A·B on one thread.
pub fn multiply_onto<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>, out: MatMut<'_, T>) {
    matmul(out, Accum::Add, a, b, T::of(1.0), Par::Seq);
}
