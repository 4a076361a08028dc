//! Leading singular vectors of a matrix known by its products, and the nearest orthogonal matrix.

use super::spectrum::{decompose_on_one_thread, orthonormalise};
use super::{MatRef, dot, mul, mul_transpose, multiply, multiply_transposed_vector, row_major, row_major_mut};

/// Columns of the sketch beyond the rank.
const OVERSAMPLING: usize = 10;
/// Passes of subspace iteration: enough where the spectrum falls by a few per cent from one value to the next.
const PASSES: usize = 4;

/// A ≈ U diag(σ) Vᵀ with orthonormal columns, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct TruncatedSvd {
    /// m×r.
    pub u: Vec<f64>,
    /// σ₁ ≥ σ₂ ≥ …, r of them.
    pub singular_values: Vec<f64>,
    /// n×r.
    pub v: Vec<f64>,
}

/// The number of columns that the sketch of [`truncated_svd`] needs.
pub fn sketch_width(rows: usize, cols: usize, rank: usize) -> usize {
    (rank + OVERSAMPLING).min(rows).min(cols)
}

/// A matrix known by its products, the rows of whose products may be spread over ranks.
pub trait TallProducts {
    /// Rows that are here.
    fn rows(&self) -> usize;

    /// out ← A·B, row-major of this width.
    fn forward(&self, b: &[f64], width: usize, out: &mut [f64]);

    /// out ← AᵀB, over all rows. None if that cannot be had.
    fn backward(&self, b: &[f64], width: usize, out: &mut [f64]) -> Option<()>;

    /// As [`orthonormalise`], of a matrix with A's rows.
    fn orthonormalise(&self, b: &mut [f64], width: usize) -> Option<()>;

    /// As [`thin_svd`], of a matrix with A's rows.
    fn thin_svd(&self, b: &[f64], width: usize) -> Option<TruncatedSvd>;
}

/// All rows are here.
struct AllHere<F, B> {
    rows: usize,
    forward: F,
    backward: B,
}

impl<F: Fn(&[f64], usize, &mut [f64]), B: Fn(&[f64], usize, &mut [f64])> TallProducts for AllHere<F, B> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn forward(&self, b: &[f64], width: usize, out: &mut [f64]) {
        (self.forward)(b, width, out);
    }

    fn backward(&self, b: &[f64], width: usize, out: &mut [f64]) -> Option<()> {
        (self.backward)(b, width, out);
        Some(())
    }

    fn orthonormalise(&self, b: &mut [f64], width: usize) -> Option<()> {
        orthonormalise(b, width);
        Some(())
    }

    fn thin_svd(&self, b: &[f64], width: usize) -> Option<TruncatedSvd> {
        thin_svd(b, self.rows, width)
    }
}

/// The leading `rank` singular triplets by randomised subspace iteration (Halko, Martinsson, Tropp 2011, algorithm 4.4).
///
/// `sketch`: cols × [`sketch_width`] random numbers. `forward(B, w, out)`: out ← A·B; `backward(B, w, out)`: out ← Aᵀ·B, both row-major of
/// width w. None if a decomposition does not end.
pub fn truncated_svd(
    (rows, cols): (usize, usize),
    rank: usize,
    sketch: Vec<f64>,
    forward: impl Fn(&[f64], usize, &mut [f64]),
    backward: impl Fn(&[f64], usize, &mut [f64]),
) -> Option<TruncatedSvd> {
    leading_triplets(&AllHere { rows, forward, backward }, cols, rank, sketch)
}

/// The same of a matrix whose rows may be spread over ranks: U is that of the rows that are here.
pub fn leading_triplets(a: &impl TallProducts, cols: usize, rank: usize, sketch: Vec<f64>) -> Option<TruncatedSvd> {
    let width = sketch.len() / cols;
    let (mut left, mut right) = (vec![0.0; a.rows() * width], sketch);
    for _ in 0..PASSES {
        a.forward(&right, width, &mut left);
        a.orthonormalise(&mut left, width)?;
        a.backward(&left, width, &mut right)?;
        orthonormalise(&mut right, width);
    }
    a.forward(&right, width, &mut left);
    // A ≈ (A R) Rᵀ, and A R = P Σ Qᵀ makes A ≈ P Σ (R Q)ᵀ
    let svd = a.thin_svd(&left, width)?;
    let mut rotated = vec![0.0; cols * width];
    multiply(row_major(&right, cols, width), row_major(&svd.v, width, width), row_major_mut(&mut rotated, cols, width));
    let leading = |x: &[f64]| x.chunks_exact(width).flat_map(|row| row[..rank].iter().copied()).collect();
    Some(TruncatedSvd { u: leading(&svd.u), singular_values: svd.singular_values[..rank].to_vec(), v: leading(&rotated) })
}

/// The whole singular value decomposition of a row-major m×n matrix, min(m, n) triplets. None if it does not end.
pub fn thin_svd(a: &[f64], rows: usize, cols: usize) -> Option<TruncatedSvd> {
    decompose_on_one_thread();
    let svd = row_major(a, rows, cols).thin_svd().ok()?;
    let entries = |m: MatRef<'_, f64>| (0..m.nrows()).flat_map(|i| (0..m.ncols()).map(move |k| m[(i, k)])).collect();
    Some(TruncatedSvd { u: entries(svd.U()), singular_values: (0..rows.min(cols)).map(|k| svd.S()[k]).collect(), v: entries(svd.V()) })
}

/// The singular value decomposition of an X that is of this rank up to rounding, from as many of its columns: each the largest part off those before it. None
/// for other X, and where the rank is not small beside the sides. Beside [`truncated_svd`] it draws nothing and goes through X few times.
pub fn svd_of_rank(x: &[f64], d1: usize, d2: usize, rank: usize) -> Option<TruncatedSvd> {
    const ROUNDING: f64 = 1e-13;
    if rank * 4 > d1.min(d2) {
        return None;
    }
    let size = dot(x, x);
    let mut columns = vec![0.0; d1 * rank];
    let mut left = x.to_vec();
    for k in 0..rank {
        let mut lengths = vec![0.0; d2];
        left.chunks_exact(d2).for_each(|row| lengths.iter_mut().zip(row).for_each(|(l, x)| *l += x * x));
        let most = (0..d2).max_by(|&a, &b| lengths[a].total_cmp(&lengths[b]))?;
        let column: Vec<f64> = left.chunks_exact(d2).map(|row| row[most]).collect();
        let mut along = vec![0.0; d2];
        multiply_transposed_vector(&left, &column, &mut along);
        for (row, c) in left.chunks_exact_mut(d2).zip(&column) {
            row.iter_mut().zip(&along).for_each(|(x, a)| *x -= c * a / lengths[most]);
        }
        columns.chunks_exact_mut(rank).zip(column).for_each(|(row, c)| row[k] = c);
    }
    let is_rounding = dot(&left, &left) <= (ROUNDING * ROUNDING) * size;
    if !is_rounding {
        return None;
    }
    // X Xᵀ C spans the columns of X better than C, of columns that rounding has moved
    let (mut rows, mut basis) = (vec![0.0; d2 * rank], vec![0.0; d1 * rank]);
    mul_transpose(row_major(x, d1, d2), row_major(&columns, d1, rank), &mut rows);
    orthonormalise(&mut rows, rank);
    mul(row_major(x, d1, d2), row_major(&rows, d2, rank), &mut basis);
    let svd = thin_svd(&basis, d1, rank)?;
    let mut v = vec![0.0; d2 * rank];
    mul(row_major(&rows, d2, rank), row_major(&svd.v, rank, rank), &mut v);
    Some(TruncatedSvd { v, ..svd })
}

/// Singular values of a row-major m×n matrix, largest first. None if the iteration does not end.
pub fn singular_values(a: &[f64], rows: usize, cols: usize) -> Option<Vec<f64>> {
    decompose_on_one_thread();
    row_major(a, rows, cols).singular_values().ok()
}

/// The orthogonal matrix nearest to a square one (row-major): U Vᵀ of its singular value decomposition. None if that does not end.
pub fn nearest_orthogonal(a: &[f64], r: usize) -> Option<Vec<f64>> {
    decompose_on_one_thread();
    let svd = row_major(a, r, r).thin_svd().ok()?;
    let mut out = vec![0.0; r * r];
    multiply(svd.U(), svd.V().transpose(), row_major_mut(&mut out, r, r));
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::{mul, mul_transpose};
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn finds_the_leading_triplets() {
        let (m, n, r) = (60, 40, 3);
        let mut rng = crate::data::stream(4, 0);
        let mut normals = |count: usize| -> Vec<f64> { (0..count).map(|_| StandardNormal.sample(&mut rng)).collect() };
        let mut a = normals(m * n);
        let (x, y) = (normals(m * r), normals(n * r));
        for i in 0..m {
            for j in 0..n {
                a[i * n + j] = 0.05 * a[i * n + j] + (0..r).map(|k| x[i * r + k] * y[j * r + k] / (k + 1) as f64).sum::<f64>();
            }
        }
        let view = row_major(&a, m, n);
        let sketch = normals(n * sketch_width(m, n, r));
        let svd = truncated_svd(
            (m, n),
            r,
            sketch,
            |b, w, out| mul(view, row_major(b, n, w), out),
            |b, w, out| mul_transpose(view, row_major(b, m, w), out),
        )
        .unwrap();
        let exact = view.singular_values().unwrap();
        for k in 0..r {
            assert!((svd.singular_values[k] - exact[k]).abs() < 1e-9 * exact[0]);
            let column = |x: &[f64]| x.iter().skip(k).step_by(r).copied().collect::<Vec<_>>();
            let (u, v) = (column(&svd.u), column(&svd.v));
            let form: f64 = (0..m).map(|i| u[i] * (0..n).map(|j| a[i * n + j] * v[j]).sum::<f64>()).sum();
            assert!((form - exact[k]).abs() < 1e-8 * exact[0]);
        }
    }
}
