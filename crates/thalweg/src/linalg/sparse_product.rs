//! Products with compressed rows.

use super::{Real, simd, simd_fused};

/// out += Σₑ `values[e] · rows[indices[e]]`, the rows being r long: one row of a sparse matrix times a tall one.
pub fn gather_rows<T: Real>(indices: &[u32], values: &[T], rows: &[T], out: &mut [T]) {
    let r = out.len();
    simd_fused(
        #[inline(always)]
        |fused| {
            // as many columns at a time as registers hold
            let mut at = 0;
            while at < r {
                at += match r - at {
                    32.. => gather_columns::<T, 32>(indices, values, rows, r, at, out, fused),
                    24.. => gather_columns::<T, 24>(indices, values, rows, r, at, out, fused),
                    20.. => gather_columns::<T, 20>(indices, values, rows, r, at, out, fused),
                    16.. => gather_columns::<T, 16>(indices, values, rows, r, at, out, fused),
                    8.. => gather_columns::<T, 8>(indices, values, rows, r, at, out, fused),
                    4.. => gather_columns::<T, 4>(indices, values, rows, r, at, out, fused),
                    _ => gather_columns::<T, 1>(indices, values, rows, r, at, out, fused),
                };
            }
        },
    );
}

/// Columns `at` … `at` + W − 1 of [`gather_rows`], summed in registers; returns W.
#[inline(always)]
fn gather_columns<T: Real, const W: usize>(indices: &[u32], values: &[T], rows: &[T], r: usize, at: usize, out: &mut [T], fused: bool) -> usize {
    let mut sum = [T::of(0.0); W];
    for (&j, &x) in indices.iter().zip(values) {
        let row: &[T; W] = rows[j as usize * r + at..].first_chunk().expect("a whole row");
        for l in 0..W {
            sum[l] = x.times_plus(row[l], sum[l], fused);
        }
    }
    for l in 0..W {
        out[at + l] += sum[l];
    }
    W
}

/// Entries whose outer products are summed together, and the side of the square of G that they are added to.
const DEPTH: usize = 128;
const TILE: usize = 4;

/// G += Σₑ wₑ vᵀv over the gathered rows v (w = 1 without weights), r×r and full.
///
/// The rows are gathered once, side by side; then each tile of the upper triangle is summed in registers over all of them.
pub fn gather_gram<T: Real>(indices: &[u32], weights: Option<&[T]>, rows: &[T], r: usize, gram: &mut [T]) {
    let padded = r.next_multiple_of(LANES);
    simd_fused(
        #[inline(always)]
        |fused| {
            let (mut plain, mut weighted) = (vec![T::of(0.0); DEPTH.min(indices.len()) * padded], Vec::new());
            for (block, indices) in indices.chunks(DEPTH).enumerate() {
                for (&j, row) in indices.iter().zip(plain.chunks_exact_mut(padded)) {
                    row[..r].copy_from_slice(&rows[j as usize * r..][..r]);
                }
                let plain = &plain[..indices.len() * padded];
                let left: &[T] = match weights {
                    None => plain,
                    Some(w) => {
                        weighted.clear();
                        for (&w, row) in w[block * DEPTH..].iter().zip(plain.chunks_exact(padded)) {
                            weighted.extend(row.iter().map(|&x| w * x));
                        }
                        &weighted
                    }
                };
                for k in (0..r).step_by(TILE) {
                    // only tiles that reach the diagonal or lie beyond it
                    for l in (k / LANES * LANES..r).step_by(LANES) {
                        add_tile(left, plain, padded, (k, l), r, gram, fused);
                    }
                }
            }
            for k in 0..r {
                for l in 0..k {
                    gram[k * r + l] = gram[l * r + k];
                }
            }
        },
    );
}

/// Columns of a tile.
const LANES: usize = 8;

/// G[k.., l..] += Σ left[k..]ᵀ right[l..], a tile of [`TILE`] rows and [`LANES`] columns, without what sticks out of G.
#[inline(always)]
fn add_tile<T: Real>(left: &[T], right: &[T], padded: usize, (k, l): (usize, usize), r: usize, gram: &mut [T], fused: bool) {
    let mut sum = [[T::of(0.0); LANES]; TILE];
    for (a, b) in left.chunks_exact(padded).zip(right.chunks_exact(padded)) {
        let a: &[T; TILE] = a[k..].first_chunk().expect("padded to a multiple of the tile");
        let b: &[T; LANES] = b[l..].first_chunk().expect("padded to a multiple of the tile");
        for i in 0..TILE {
            for j in 0..LANES {
                sum[i][j] = a[i].times_plus(b[j], sum[i][j], fused);
            }
        }
    }
    for i in 0..TILE.min(r - k) {
        for j in 0..LANES.min(r - l) {
            gram[(k + i) * r + l + j] += sum[i][j];
        }
    }
}

/// Σ w (x − ⟨u, vⱼ⟩)² over the entries of one row, in f64.
pub fn row_residual<T: Real>(indices: &[u32], values: &[T], weights: Option<&[T]>, u: &[T], rows: &[T]) -> f64 {
    let r = u.len();
    simd(
        #[inline(always)]
        || {
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
        },
    )
}
