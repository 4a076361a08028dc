//! The only place that names the matrix backend: products, decompositions, and the small algorithms built on them.
//!
//! Every sum that a result depends on is taken in blocks of fixed size and in fixed order, so the bits do not depend on the number of
//! threads.

mod polynomial;
mod product;
mod real;

pub use faer::{Mat, MatMut, MatRef};
pub use polynomial::Polynomial;
pub use product::{ROW_BLOCK, fixed_order_sum, gram, mul, mul_transpose};
pub use real::Real;

/// A row-major slice as a matrix view.
pub fn row_major<T>(data: &[T], rows: usize, cols: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(data, rows, cols)
}

/// A row-major slice as a matrix view to write.
pub fn row_major_mut<T>(data: &mut [T], rows: usize, cols: usize) -> MatMut<'_, T> {
    MatMut::from_row_major_slice_mut(data, rows, cols)
}
