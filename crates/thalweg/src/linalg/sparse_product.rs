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

/// Entries whose outer products are summed together.
const DEPTH: usize = 128;
/// Rows of G that are summed in registers at once, where as many are left.
const TILE: usize = 8;

/// The normal equations of one row after another, from the gathered rows v of the other factor: G = Σₑ wₑ vᵀv (w = 1 without weights) and
/// c = Σₑ wₑ xₑ v. What is kept between them is room to work in.
#[derive(Debug)]
pub struct RowEquations<T> {
    r: usize,
    /// v, and x beside it: vectors that are whole.
    right: Vec<T>,
    /// w v, where there are weights.
    left: Vec<T>,
    sums: Vec<T>,
}

impl<T: Real> RowEquations<T> {
    /// For rows that are r long.
    pub fn new(r: usize) -> Self {
        RowEquations { r, right: Vec::new(), left: Vec::new(), sums: vec![T::of(0.0); Self::sums_len(r)] }
    }

    /// r.
    pub fn rank(&self) -> usize {
        self.r
    }

    /// Numbers that the equations of one row take while they are summed: rows of G with c beside it, of which what lies right of the diagonal
    /// counts.
    pub fn sums_len(r: usize) -> usize {
        r.next_multiple_of(TILE) * Self::width(r)
    }

    /// Numbers in one of those rows.
    fn width(r: usize) -> usize {
        (r + 1).next_multiple_of(PANEL_LANES)
    }

    /// Adds what some entries make of the equations to sums, zeros at first.
    pub fn sum(&mut self, (indices, values): (&[u32], &[T]), weights: Option<&[T]>, rows: &[T], sums: &mut [T]) {
        dispatch(Gather { room: self, indices, values: Some(values), weights, rows, sums });
    }

    /// Adds sums to G (r×r and full) and c.
    pub fn add(&self, sums: &[T], gram: &mut [T], cross: &mut [T]) {
        let r = self.r;
        for (k, sums) in sums.chunks_exact(Self::width(r)).enumerate().take(r) {
            for l in k..r {
                gram[k * r + l] += sums[l];
                gram[l * r + k] = gram[k * r + l];
            }
        }
        cross.iter_mut().zip(sums.chunks_exact(Self::width(r))).for_each(|(c, sums)| *c += sums[r]);
    }

    /// Adds all entries of a row to G and c at once.
    pub fn add_entries(&mut self, entries: (&[u32], &[T]), weights: Option<&[T]>, rows: &[T], gram: &mut [T], cross: &mut [T]) {
        let mut sums = self.take_sums();
        self.sum(entries, weights, rows, &mut sums);
        self.add(&sums, gram, cross);
        self.sums = sums;
    }

    /// G += Σₑ wₑ vᵀv.
    pub fn add_gram(&mut self, indices: &[u32], weights: Option<&[T]>, rows: &[T], gram: &mut [T]) {
        let mut sums = self.take_sums();
        dispatch(Gather { room: self, indices, values: None, weights, rows, sums: &mut sums });
        self.add(&sums, gram, &mut []);
        self.sums = sums;
    }

    fn take_sums(&mut self) -> Vec<T> {
        let mut sums = std::mem::take(&mut self.sums);
        sums.fill(T::of(0.0));
        sums
    }
}

struct Gather<'a, T> {
    room: &'a mut RowEquations<T>,
    indices: &'a [u32],
    values: Option<&'a [T]>,
    weights: Option<&'a [T]>,
    rows: &'a [T],
    sums: &'a mut [T],
}

impl<T: Real> WithSimd for Gather<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, simd: S) {
        let (RowEquations { r, right, left, .. }, sums) = (self.room, self.sums);
        let r = *r;
        let (padded, width) = (RowEquations::<T>::width(r), r + usize::from(self.values.is_some()));
        let needed = DEPTH.min(self.indices.len()) * padded;
        for (list, is_needed) in [(&mut *right, true), (&mut *left, self.weights.is_some())] {
            if is_needed && list.len() < needed {
                list.resize(needed, T::of(0.0));
            }
        }
        for (block, indices) in self.indices.chunks(DEPTH).enumerate() {
            let right = &mut right[..indices.len() * padded];
            // side by side once, as the tiles read them again and again
            for (e, (&j, out)) in indices.iter().zip(right.chunks_exact_mut(padded)).enumerate() {
                copy_row::<S, T>(simd, &self.rows[j as usize * r..][..r], &mut out[..r]);
                if let Some(values) = self.values {
                    out[r] = values[block * DEPTH + e];
                }
            }
            let left: &[T] = match self.weights {
                None => right,
                Some(w) => {
                    for ((&w, row), out) in w[block * DEPTH..].iter().zip(right.chunks_exact(padded)).zip(left.chunks_exact_mut(padded)) {
                        out.iter_mut().zip(row).for_each(|(out, &x)| *out = w * x);
                    }
                    &left[..right.len()]
                }
            };
            let mut k = 0;
            while k < r {
                k += if r - k > TILE / 2 {
                    add_rows::<S, T, TILE>(simd, (left, right), (padded, width), k, sums)
                } else {
                    add_rows::<S, T, { TILE / 2 }>(simd, (left, right), (padded, width), k, sums)
                };
            }
        }
    }
}

/// A copy of a short row. In products with one, as a call of the library's copy would take longer than the copy.
#[inline(always)]
fn copy_row<S: pulp::Simd, T: Real>(simd: S, row: &[T], out: &mut [T]) {
    let (one, zero) = (T::splat(simd, T::of(1.0)), T::splat(simd, T::of(0.0)));
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let Some(last) = row.len().checked_sub(lanes) else {
        out.iter_mut().zip(row).for_each(|(out, &x)| *out = x * T::of(1.0));
        return;
    };
    for (out, &x) in T::vectors_mut::<S>(out).iter_mut().zip(T::vectors::<S>(row)) {
        *out = T::multiply_add(simd, one, x, zero);
    }
    // what is left, and some of it again
    T::vectors_mut::<S>(&mut out[last..])[0] = T::multiply_add(simd, one, T::vectors::<S>(&row[last..])[0], zero);
}

/// Adds Σ leftᵀ right to the sums of rows k … k + R − 1, in the vectors that reach the diagonal or lie beyond it; returns R.
#[inline(always)]
fn add_rows<S: pulp::Simd, T: Real, const R: usize>(
    simd: S,
    operands: (&[T], &[T]),
    (padded, width): (usize, usize),
    k: usize,
    sums: &mut [T],
) -> usize {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let (mut l, end) = (k / lanes, width.div_ceil(lanes));
    while l < end {
        l += match end - l {
            3.. => add_tile::<S, T, R, 3>(simd, operands, padded, (k, l), sums),
            2 => add_tile::<S, T, R, 2>(simd, operands, padded, (k, l), sums),
            _ => add_tile::<S, T, R, 1>(simd, operands, padded, (k, l), sums),
        };
    }
    R
}

/// The same in V vectors from number l on; returns V.
#[inline(always)]
fn add_tile<S: pulp::Simd, T: Real, const R: usize, const V: usize>(
    simd: S,
    (left, right): (&[T], &[T]),
    padded: usize,
    (k, l): (usize, usize),
    sums: &mut [T],
) -> usize {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let mut tile = [[T::splat(simd, T::of(0.0)); V]; R];
    for (a, b) in left.chunks_exact(padded).zip(T::vectors::<S>(right).chunks_exact(padded / lanes)) {
        let a: &[T; R] = a[k..].first_chunk().expect("padded to whole tiles");
        let b: &[T::Vector<S>; V] = b[l..].first_chunk().expect("V vectors from there on");
        for i in 0..R {
            let a = T::splat(simd, a[i]);
            for v in 0..V {
                tile[i][v] = T::multiply_add(simd, a, b[v], tile[i][v]);
            }
        }
    }
    let one = T::splat(simd, T::of(1.0));
    for (sums, tile) in T::vectors_mut::<S>(sums).chunks_exact_mut(padded / lanes).skip(k).zip(&tile) {
        for v in 0..V {
            sums[l + v] = T::multiply_add(simd, one, tile[v], sums[l + v]);
        }
    }
    V
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
