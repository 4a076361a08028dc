//! Positive definite systems.

use super::{Real, row_major, row_major_mut};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::linalg::solvers::{Llt, Solve};
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};

/// L Lᵀ = A of a symmetric positive definite matrix.
///
/// Backward error as in the textbooks: |A − L Lᵀ| ≤ γ_{d+1} |L| |Lᵀ|, whatever the order of the sums (Higham 2002, theorem 10.3).
#[derive(Debug, Clone)]
pub struct Cholesky<T = f64> {
    factor: Llt<T>,
}

impl<T: Real> Cholesky<T> {
    /// Of a row-major d×d matrix, of which the lower triangle is read. None unless every pivot is positive.
    pub fn of(a: &[T], d: usize) -> Option<Self> {
        super::spectrum::decompose_on_one_thread();
        Some(Cholesky { factor: row_major(a, d, d).llt(Side::Lower).ok()? })
    }

    /// Smallest over largest pivot, squared back to the scale of A: 0 where A is singular to working precision.
    pub fn pivot_ratio(&self) -> f64 {
        let factor = self.factor.L();
        let pivots = (0..factor.nrows()).map(|i| factor[(i, i)].f64());
        let (least, most) = pivots.fold((f64::INFINITY, 0.0f64), |(least, most), x| (least.min(x), most.max(x)));
        (least / most).powi(2)
    }

    /// x ← A⁻¹ x, of one vector.
    pub fn solve(&self, x: &mut [T]) {
        let rows = x.len();
        self.factor.solve_in_place(MatMut::from_column_major_slice_mut(x, rows, 1));
    }

    /// X ← A⁻¹ X, row-major with `width` columns.
    pub fn solve_columns(&self, x: &mut [T], width: usize) {
        let rows = x.len() / width.max(1);
        let mut columns = Mat::from_fn(rows, width, |i, j| x[i * width + j]);
        self.factor.solve_in_place(columns.as_mut());
        for (i, row) in x.chunks_exact_mut(width.max(1)).enumerate() {
            row.iter_mut().enumerate().for_each(|(j, x)| *x = columns[(i, j)]);
        }
    }
}

/// Whether the factorisation of a symmetric d×d matrix ends with positive pivots: [`Cholesky::of`] for where only that is asked. Overwrites `a`.
pub fn is_positive_definite<T: Real>(a: &mut [T], d: usize) -> bool {
    // a symmetric matrix may be read by columns, which the factorisation works on
    let columns = MatMut::from_column_major_slice_mut(a, d, d);
    let mut memory = MemBuffer::new(cholesky_in_place_scratch::<T>(d, Par::Seq, Default::default()));
    cholesky_in_place(columns, Default::default(), Par::Seq, MemStack::new(&mut memory), Default::default()).is_ok()
}

/// A·Aᵀ into `out`, row-major; half the work of a general product.
pub fn gram_lower<T: Real>(a: MatRef<'_, T>, out: &mut [T]) {
    let rows = a.nrows();
    let (lower, whole) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
    matmul(row_major_mut(out, rows, rows), lower, Accum::Replace, a, whole, a.transpose(), whole, T::of(1.0), Par::Seq);
    // in squares that stay in the first cache
    for (top, left) in (0..rows).step_by(TILE).flat_map(|top| (0..=top).step_by(TILE).map(move |left| (top, left))) {
        for i in top..rows.min(top + TILE) {
            for j in left..i.min(left + TILE) {
                out[j * rows + i] = out[i * rows + j];
            }
        }
    }
}

/// Side of the squares in which a triangle is mirrored.
const TILE: usize = 16;

/// The same for a row-major slice of so many rows.
pub fn gram_of_rows<T: Real>(a: &[T], rows: usize, out: &mut [T]) {
    gram_lower(row_major(a, rows, a.len() / rows.max(1)), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_what_is_positive_definite_and_nothing_else() {
        let a = [4.0f64, 2.0, 2.0, 3.0];
        let factor = Cholesky::of(&a, 2).unwrap();
        let mut x = [8.0f64, 7.0];
        factor.solve(&mut x);
        assert!((x[0] - 1.25).abs() < 1e-15 && (x[1] - 1.5).abs() < 1e-15);
        let mut columns = [8.0f64, 4.0, 7.0, 2.0];
        factor.solve_columns(&mut columns, 2);
        assert!((columns[0] - 1.25).abs() < 1e-15 && (columns[1] - 1.0).abs() < 1e-15);
        assert!(Cholesky::of(&[1.0f64, 2.0, 2.0, 1.0], 2).is_none());
        assert!(is_positive_definite(&mut a.clone(), 2));
        assert!(!is_positive_definite(&mut [1.0f64, 2.0, 2.0, 1.0], 2) && !is_positive_definite(&mut [f64::NAN], 1));
    }

    #[test]
    fn gram_is_symmetric() {
        let mut gram = [0.0; 4];
        gram_of_rows(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, &mut gram);
        assert_eq!(gram, [14.0, 32.0, 32.0, 77.0]);
    }
}
