//! The only place that names the matrix backend: products, decompositions, and the small algorithms built on them.
//!
//! Every sum that a result depends on is taken in blocks of fixed size and in fixed order, so the bits do not depend on the number of
//! threads.

mod assignment;
mod bytes;
mod cholesky;
mod double_double;
mod eigenvectors;
mod lanczos;
mod lanes;
mod matrix_vector;
mod nnls;
mod norm;
mod normal_equations;
mod polynomial;
mod power_of_two;
mod product;
mod real;
mod rounding;
mod simplex;
mod sparse_product;
mod spectrum;
mod svd;
mod tiles;

pub use assignment::best_assignment;
pub use bytes::{bytes, bytes_mut};
pub use cholesky::{Cholesky, gram_lower, gram_of_rows, is_positive_definite};
pub use double_double::DoubleDouble;
pub use eigenvectors::symmetric_eigenvectors;
pub use faer::{Mat, MatMut, MatRef};
pub use lanczos::{Ritz, lanczos};
pub use lanes::{BlockKernel, Entries, Grams, InBlocks, PANEL_LANES, block_product};
pub use matrix_vector::{dot, dot_error, multiply_transposed_vector, multiply_vector};
pub use nnls::nnls_panel;
pub use norm::{column_norms, largest_magnitude, relative_error, squared_distance};
pub use normal_equations::NormalEquations;
pub use polynomial::Polynomial;
pub use power_of_two::{exponent, scale, scale_all};
pub use product::{ROW_BLOCK, among_workers, fixed_order_sum, gram, gram_between, mul, mul_transpose, multiply, multiply_onto};
pub use real::Real;
pub use rounding::rounding;
pub use simplex::{SimplexWorkspace, diagonal_step_onto_simplex, project_onto_simplex, simplex_least_squares};
pub use sparse_product::{RowEquations, gather_rows, row_products, row_residual};
pub use spectrum::{gram_of_columns, orthonormalise, symmetric_eigenvalues, tall_gram, thin_qr};
pub use svd::{
    TallProducts, TruncatedSvd, leading_triplets, nearest_orthogonal, singular_values, sketch_width, svd_of_rank, thin_svd, truncated_svd,
};

/// A row-major slice as a matrix view.
pub fn row_major<T>(data: &[T], rows: usize, cols: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(data, rows, cols)
}

/// A row-major slice as a matrix view to write.
pub fn row_major_mut<T>(data: &mut [T], rows: usize, cols: usize) -> MatMut<'_, T> {
    MatMut::from_row_major_slice_mut(data, rows, cols)
}

/// Runs `f` compiled for the widest vector instructions of this processor.
///
/// `f` must be a closure that, like its inner calls, is `#[inline(always)]`; write plain loops over slices in it. No `mul_add`: without the
/// instruction it is a library call; see [`simd_fused`].
#[inline(always)]
pub fn simd<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

use pulp::WithSimd;

/// How many f64 the vector registers hold that [`simd`] uses on this processor: 8 with AVX-512, 4 with AVX2, 2 with NEON, 1 without any.
pub fn vector_lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;

        fn with_simd<S: pulp::Simd>(self, _: S) -> usize {
            S::F64_LANES
        }
    }
    dispatch(Lanes)
}

/// The same for a kernel that is written in vectors.
#[inline(always)]
fn dispatch<K: WithSimd>(kernel: K) -> K::Output {
    pulp::Arch::new().dispatch(kernel)
}

/// The same; `f` is told whether `mul_add` is an instruction here, for [`Real::times_plus`]. A constant once `f` is compiled.
#[inline(always)]
pub fn simd_fused<R>(f: impl FnOnce(bool) -> R) -> R {
    pulp::Arch::new().dispatch(Fused(f))
}

struct Fused<F>(F);

impl<R, F: FnOnce(bool) -> R> pulp::WithSimd for Fused<F> {
    type Output = R;
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> R {
        // every vector unit that the backend dispatches to has fused multiply-add; its scalar fallback does not
        (self.0)(size_of::<S::f64s>() > size_of::<f64>())
    }
}

/// Has the cache line of `x[at]` fetched, where the processor can be asked for that; there need be no such entry.
#[inline(always)]
fn prefetch<T>(x: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(sse) = pulp::core_arch::x86::Sse::try_new() {
        sse._mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(x.as_ptr().wrapping_add(at).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (x, at);
}
