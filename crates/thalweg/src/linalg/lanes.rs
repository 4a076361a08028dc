//! Symmetric systems of several rows side by side: vector lanes run over rows, so every row has arithmetic of its own.

use super::{Real, WithSimd, dispatch};
use std::marker::PhantomData;

/// Rows that are worked on together: enough for the widest vector registers, few enough to stay in the first cache.
pub const PANEL_LANES: usize = 16;

/// The symmetric r×r matrices G of [`PANEL_LANES`] rows.
#[derive(Debug, Clone, Copy)]
pub enum Grams<'a, T> {
    /// One for all: r×r.
    Shared(&'a [T]),
    /// One for each: r×r×[`PANEL_LANES`], the lane last.
    Each(&'a [T]),
}

impl<T: Real> Grams<'_, T> {
    /// Entry (k, l) of the matrix of one row.
    pub fn entry(&self, r: usize, (k, l): (usize, usize), lane: usize) -> T {
        match self {
            Grams::Shared(gram) => gram[k * r + l],
            Grams::Each(grams) => grams[(k * r + l) * PANEL_LANES + lane],
        }
    }

    /// 1/G_kk, r × [`PANEL_LANES`]; 0 where no equation holds an entry (G_kk ≤ 0).
    pub fn inverse_diagonal(&self, r: usize, inverse: &mut Vec<T>) {
        inverse.clear();
        inverse.extend((0..r * PANEL_LANES).map(|at| {
            let diagonal = self.entry(r, (at / PANEL_LANES, at / PANEL_LANES), at % PANEL_LANES);
            if diagonal > T::of(0.0) { T::of(1.0) / diagonal } else { T::of(0.0) }
        }));
    }

    /// G u of all rows, r × [`PANEL_LANES`].
    pub fn times(&self, rows: &[T]) -> Vec<T> {
        let mut out = vec![T::of(0.0); rows.len()];
        let rank = rows.len() / PANEL_LANES;
        self.dispatch(InBlocks(Times { rows, out: &mut out, rank }, rank));
        out
    }

    /// Runs a kernel compiled for this kind of matrices and the widest vectors.
    #[inline(always)]
    pub fn dispatch<K: PanelKernel<T>>(&self, kernel: K) {
        match *self {
            Grams::Shared(gram) => dispatch(OnPanel { kernel, grams: SharedEntries(gram), precision: PhantomData }),
            Grams::Each(grams) => dispatch(OnPanel { kernel, grams: OwnEntries(grams), precision: PhantomData }),
        }
    }
}

/// A kernel that is written in vectors and does not care whose matrices it works on.
pub trait PanelKernel<T: Real> {
    /// Runs it.
    fn run<S: pulp::Simd, G: Entries<T>>(self, simd: S, grams: G);
}

/// Entries of G as vectors of lanes.
pub trait Entries<T: Real>: Copy {
    /// Entries `at` … `at` + B − 1, row-major, of the rows of one vector.
    fn block<S: pulp::Simd, const B: usize>(self, simd: S, at: usize, vector: usize) -> [T::Vector<S>; B];
}

struct OnPanel<T, K, G> {
    kernel: K,
    grams: G,
    precision: PhantomData<T>,
}

#[derive(Clone, Copy)]
struct SharedEntries<'a, T>(&'a [T]);

#[derive(Clone, Copy)]
struct OwnEntries<'a, T>(&'a [T]);

impl<T: Real> Entries<T> for SharedEntries<'_, T> {
    #[inline(always)]
    fn block<S: pulp::Simd, const B: usize>(self, simd: S, at: usize, _: usize) -> [T::Vector<S>; B] {
        let entries: &[T; B] = self.0[at..].first_chunk().expect("B entries from there on");
        let mut out = [T::splat(simd, T::of(0.0)); B];
        for b in 0..B {
            out[b] = T::splat(simd, entries[b]);
        }
        out
    }
}

impl<T: Real> Entries<T> for OwnEntries<'_, T> {
    #[inline(always)]
    fn block<S: pulp::Simd, const B: usize>(self, simd: S, at: usize, vector: usize) -> [T::Vector<S>; B] {
        let entries = T::vectors::<S>(&self.0[at * PANEL_LANES..][..B * PANEL_LANES]);
        let width = entries.len() / B;
        let mut out = [T::splat(simd, T::of(0.0)); B];
        for b in 0..B {
            out[b] = entries[b * width + vector];
        }
        out
    }
}

impl<T: Real, K: PanelKernel<T>, G: Entries<T>> WithSimd for OnPanel<T, K, G> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, simd: S) {
        self.kernel.run(simd, self.grams)
    }
}

/// Entries k … k + B − 1 of G u, for the rows of one vector: B sums that do not wait for one another. `rows`: r × width vectors.
#[inline(always)]
pub fn block_product<S: pulp::Simd, T: Real, G: Entries<T>, const B: usize>(
    simd: S,
    grams: G,
    rows: &[T::Vector<S>],
    (r, k): (usize, usize),
    vector: usize,
) -> [T::Vector<S>; B] {
    let mut sum = [T::splat(simd, T::of(0.0)); B];
    // G is symmetric: its row l holds what components k … have to do with l
    for (l, row) in rows.chunks_exact(rows.len() / r).enumerate() {
        let gram = grams.block::<S, B>(simd, l * r + k, vector);
        for b in 0..B {
            sum[b] = T::multiply_add(simd, gram[b], row[vector], sum[b]);
        }
    }
    sum
}

/// A kernel that goes through the components in blocks of a size known to the compiler.
pub trait BlockKernel<T: Real> {
    /// Components k … k + B − 1 of the rows of one vector.
    fn components<S: pulp::Simd, G: Entries<T>, const B: usize>(&mut self, simd: S, grams: G, k: usize, vector: usize);
}

/// A [`BlockKernel`] on all rows and all of r components.
pub struct InBlocks<K>(pub K, pub usize);

impl<T: Real, K: BlockKernel<T>> PanelKernel<T> for InBlocks<K> {
    #[inline(always)]
    fn run<S: pulp::Simd, G: Entries<T>>(mut self, simd: S, grams: G) {
        let r = self.1;
        for vector in 0..T::vectors::<S>(&[T::of(0.0); PANEL_LANES]).len() {
            let mut k = 0;
            while k < r {
                k += match r - k {
                    8.. => self.block::<T, S, G, 8>(simd, grams, k, vector),
                    4.. => self.block::<T, S, G, 4>(simd, grams, k, vector),
                    _ => self.block::<T, S, G, 1>(simd, grams, k, vector),
                };
            }
        }
    }
}

impl<K> InBlocks<K> {
    #[inline(always)]
    fn block<T: Real, S: pulp::Simd, G: Entries<T>, const B: usize>(&mut self, simd: S, grams: G, k: usize, vector: usize) -> usize
    where
        K: BlockKernel<T>,
    {
        self.0.components::<S, G, B>(simd, grams, k, vector);
        B
    }
}

struct Times<'a, T> {
    rows: &'a [T],
    out: &'a mut [T],
    rank: usize,
}

impl<T: Real> BlockKernel<T> for Times<'_, T> {
    #[inline(always)]
    fn components<S: pulp::Simd, G: Entries<T>, const B: usize>(&mut self, simd: S, grams: G, k: usize, vector: usize) {
        let (rows, out) = (T::vectors::<S>(self.rows), T::vectors_mut::<S>(self.out));
        let width = rows.len() / self.rank;
        let product = block_product::<S, T, G, B>(simd, grams, rows, (self.rank, k), vector);
        for b in 0..B {
            out[(k + b) * width + vector] = product[b];
        }
    }
}
