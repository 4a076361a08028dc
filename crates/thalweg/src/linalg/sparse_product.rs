//! Products with compressed rows.

use super::{Real, simd};

/// out += Σₑ `values[e] · rows[indices[e]]`, the rows being r long: one row of a sparse matrix times a tall one.
pub fn gather_rows<T: Real>(indices: &[u32], values: &[T], rows: &[T], out: &mut [T]) {
    let r = out.len();
    simd(|| {
        for (&j, &x) in indices.iter().zip(values) {
            for (o, &v) in out.iter_mut().zip(&rows[j as usize * r..][..r]) {
                *o += x * v;
            }
        }
    });
}

/// G += Σₑ wₑ vᵀv over the gathered rows v (w = 1 without weights), r×r and full.
///
/// Four entries at a time: G is loaded and stored once for all four.
pub fn gather_gram<T: Real>(indices: &[u32], weights: Option<&[T]>, rows: &[T], r: usize, gram: &mut [T]) {
    let row = |e: usize| &rows[indices[e] as usize * r..][..r];
    let weight = |e: usize| weights.map_or(T::of(1.0), |w| w[e]);
    simd(|| {
        let whole = indices.len() / 4 * 4;
        for e in (0..whole).step_by(4) {
            let (a, b, c, d) = (row(e), row(e + 1), row(e + 2), row(e + 3));
            let (wa, wb, wc, wd) = (weight(e), weight(e + 1), weight(e + 2), weight(e + 3));
            for (k, g) in gram.chunks_exact_mut(r).enumerate() {
                let (ak, bk, ck, dk) = (wa * a[k], wb * b[k], wc * c[k], wd * d[k]);
                for l in 0..r {
                    g[l] += (ak * a[l] + bk * b[l]) + (ck * c[l] + dk * d[l]);
                }
            }
        }
        for e in whole..indices.len() {
            let (a, w) = (row(e), weight(e));
            for (k, g) in gram.chunks_exact_mut(r).enumerate() {
                let ak = w * a[k];
                for (g, &al) in g.iter_mut().zip(a) {
                    *g += ak * al;
                }
            }
        }
    });
}

/// Σ w (x − ⟨u, vⱼ⟩)² over the entries of one row, in f64.
pub fn row_residual<T: Real>(indices: &[u32], values: &[T], weights: Option<&[T]>, u: &[T], rows: &[T]) -> f64 {
    let r = u.len();
    simd(|| {
        let mut sum = 0.0;
        for (e, (&j, &x)) in indices.iter().zip(values).enumerate() {
            let v = &rows[j as usize * r..][..r];
            let mut product = [0.0; 8];
            let (heads, tails) = (u.chunks_exact(8), v.chunks_exact(8));
            let rest: f64 = heads.remainder().iter().zip(tails.remainder()).map(|(a, b)| a.f64() * b.f64()).sum();
            for (a, b) in heads.zip(tails) {
                for l in 0..8 {
                    product[l] += a[l].f64() * b[l].f64();
                }
            }
            let residual = x.f64() - (product.iter().sum::<f64>() + rest);
            sum += weights.map_or(1.0, |w| w[e].f64()) * residual * residual;
        }
        sum
    })
}
