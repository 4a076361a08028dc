//! Products with compressed rows.

use super::lanes::PANEL_LANES;
use super::{Real, WithSimd, dispatch, simd, simd_fused};

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

/// Entries whose outer products are summed together, and the rows of G that are summed in registers at once.
const DEPTH: usize = 128;
const TILE: usize = 4;

/// G += Σₑ wₑ vᵀv over the gathered rows v (w = 1 without weights), r×r and full.
///
/// The rows are gathered once, side by side; then each tile of the upper triangle is summed in registers over all of them.
pub fn gather_gram<T: Real>(indices: &[u32], weights: Option<&[T]>, rows: &[T], r: usize, gram: &mut [T]) {
    dispatch(GatherGram { indices, weights, rows, r, gram });
}

struct GatherGram<'a, T> {
    indices: &'a [u32],
    weights: Option<&'a [T]>,
    rows: &'a [T],
    r: usize,
    gram: &'a mut [T],
}

impl<T: Real> WithSimd for GatherGram<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, simd: S) {
        let (r, lanes) = (self.r, size_of::<T::Vector<S>>() / size_of::<T>());
        // whole tiles in each row: what sticks out of G is zero
        let padded = r.next_multiple_of(lanes.max(TILE));
        let mut plain = vec![T::of(0.0); DEPTH.min(self.indices.len()) * padded];
        let mut weighted = if self.weights.is_some() { plain.clone() } else { Vec::new() };
        for (block, indices) in self.indices.chunks(DEPTH).enumerate() {
            for (&j, row) in indices.iter().zip(plain.chunks_exact_mut(padded)) {
                row[..r].copy_from_slice(&self.rows[j as usize * r..][..r]);
            }
            let plain = &plain[..indices.len() * padded];
            let left: &[T] = match self.weights {
                None => plain,
                Some(w) => {
                    for ((&w, row), out) in w[block * DEPTH..].iter().zip(plain.chunks_exact(padded)).zip(weighted.chunks_exact_mut(padded)) {
                        out.iter_mut().zip(row).for_each(|(out, &x)| *out = w * x);
                    }
                    &weighted[..plain.len()]
                }
            };
            for k in (0..r).step_by(TILE) {
                // only vectors that reach the diagonal or lie beyond it
                let (mut l, end) = (k / lanes, r.div_ceil(lanes));
                while l < end {
                    let tile = Tile { left, right: plain, padded, r, k, l };
                    l += match end - l {
                        4.. => tile.add::<S, 4>(simd, self.gram),
                        3 => tile.add::<S, 3>(simd, self.gram),
                        2 => tile.add::<S, 2>(simd, self.gram),
                        _ => tile.add::<S, 1>(simd, self.gram),
                    };
                }
            }
        }
        for k in 0..r {
            for l in 0..k {
                self.gram[k * r + l] = self.gram[l * r + k];
            }
        }
    }
}

/// Rows k … k + [`TILE`] − 1 of G, from its vector l on.
struct Tile<'a, T> {
    left: &'a [T],
    right: &'a [T],
    padded: usize,
    r: usize,
    k: usize,
    l: usize,
}

impl<T: Real> Tile<'_, T> {
    /// G += Σ leftᵀ right in V vectors of columns, without what sticks out of G; returns V.
    #[inline(always)]
    fn add<S: pulp::Simd, const V: usize>(self, simd: S, gram: &mut [T]) -> usize {
        let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
        let mut sums = [[T::splat(simd, T::of(0.0)); V]; TILE];
        let right = T::vectors::<S>(self.right).chunks_exact(self.padded / lanes);
        for (a, b) in self.left.chunks_exact(self.padded).zip(right) {
            let a: &[T; TILE] = a[self.k..].first_chunk().expect("padded to a multiple of the tile");
            let b: &[T::Vector<S>; V] = b[self.l..].first_chunk().expect("V vectors from there on");
            for i in 0..TILE {
                let a = T::splat(simd, a[i]);
                for v in 0..V {
                    sums[i][v] = T::multiply_add(simd, a, b[v], sums[i][v]);
                }
            }
        }
        let first = self.l * lanes;
        for i in 0..TILE.min(self.r - self.k) {
            let mut values = [T::of(0.0); 4 * PANEL_LANES];
            T::vectors_mut::<S>(&mut values)[..V].copy_from_slice(&sums[i]);
            let columns = (V * lanes).min(self.r - first);
            let out = &mut gram[(self.k + i) * self.r + first..][..columns];
            out.iter_mut().zip(values).for_each(|(out, x)| *out += x);
        }
        V
    }
}

/// ⟨u, v⟩ in f64.
#[inline(always)]
fn wide_product<T: Real>(u: &[T], v: &[T]) -> f64 {
    let mut product = [0.0; 8];
    let (heads, tails) = (u.chunks_exact(8), v.chunks_exact(8));
    let rest: f64 = heads.remainder().iter().zip(tails.remainder()).map(|(a, b)| a.f64() * b.f64()).sum();
    for (a, b) in heads.zip(tails) {
        for l in 0..8 {
            product[l] += a[l].f64() * b[l].f64();
        }
    }
    product.iter().sum::<f64>() + rest
}

/// ⟨u, vⱼ⟩ for the entries of one row, in f64.
pub fn row_products<T: Real>(indices: &[u32], u: &[T], rows: &[T], out: &mut [f64]) {
    let r = u.len();
    simd(
        #[inline(always)]
        || {
            for (&j, out) in indices.iter().zip(out) {
                *out = wide_product(u, &rows[j as usize * r..][..r]);
            }
        },
    )
}

/// Σ w (x − ⟨u, vⱼ⟩)² over the entries of one row, in f64.
pub fn row_residual<T: Real>(indices: &[u32], values: &[T], weights: Option<&[T]>, u: &[T], rows: &[T]) -> f64 {
    let r = u.len();
    simd(
        #[inline(always)]
        || {
            let mut sum = 0.0;
            for (e, (&j, &x)) in indices.iter().zip(values).enumerate() {
                let residual = x.f64() - wide_product(u, &rows[j as usize * r..][..r]);
                sum += weights.map_or(1.0, |w| w[e].f64()) * residual * residual;
            }
            sum
        },
    )
}
