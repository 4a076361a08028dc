//! Products of a large matrix with few columns, which are bound by how it is read: tiles of sums that fill the vector registers whatever the
//! number of columns, and read the matrix in the order in which it lies.

use super::lanes::PANEL_LANES;
use super::{MatMut, MatRef, Real, WithSimd, dispatch, prefetch, vector_lanes};

/// Columns of B up to which these kernels beat a blocked product, which packs its operands first.
const FEW: usize = 8;
/// The same where the contiguous direction of A is longer than [`LONG`]: in shorter ones the backend does as well, being in the first caches.
const MANY: usize = 128;
const LONG: usize = 256;

/// Columns of B in one tile, at most; rows of A in one tile of [`Dots`], and vectors along its columns in one of [`Combinations`], at most.
const TILE: usize = 6;
const ROWS: usize = 4;
const VECTORS: usize = 4;

/// Bytes of B that [`Dots`] goes through for each tile of rows: half the second cache of current processors.
const BLOCK_BYTES: usize = 1 << 19;

/// Columns of A over which one tile of [`Combinations`] is summed before the next one has them from the first cache.
const STRIP: usize = 32;

/// The way in which A·B is made, by shapes and layout of both, with what B has to become for it: once for all blocks of rows of A.
pub enum Product<'b, T> {
    /// A has contiguous rows: sums along them.
    Dots(Columns<T>),
    /// A has contiguous columns: sums of them, with these rows of B as coefficients.
    Combinations(Vec<&'b [T]>),
    /// The backend's.
    Blocked,
}

impl<'b, T: Real> Product<'b, T> {
    /// How to multiply rows of `a` with `b`.
    pub fn new(a: MatRef<'_, T>, b: MatRef<'b, T>) -> Self {
        let (r, lanes) = (b.ncols(), vector_lanes() * size_of::<f64>() / size_of::<T>());
        if a.nrows() == 0 || a.ncols() == 0 || r == 0 {
            return Product::Blocked;
        }
        if a.try_as_row_major().is_some() {
            // the backend's vectors run along the columns of B, filled up with zeros
            let is_padded = 4 * r < 3 * r.next_multiple_of(lanes);
            let suits = r <= FEW || (is_padded && r <= MANY && a.ncols() > LONG);
            return if suits { Product::Dots(Columns::new(b, lanes)) } else { Product::Blocked };
        }
        let suits = r <= FEW || (r <= MANY && a.nrows() > LONG);
        match b.try_as_row_major() {
            Some(rows) if suits && a.transpose().try_as_row_major().is_some() => {
                Product::Combinations((0..b.nrows()).map(|j| rows.row(j).as_slice()).collect())
            }
            _ => Product::Blocked,
        }
    }

    /// out ← A·B for rows A of the matrix that this product is for; false, with `out` untouched, if it is the backend's.
    pub fn multiply(&self, a: MatRef<'_, T>, out: MatMut<'_, T>) -> bool {
        match self {
            Product::Dots(columns) => {
                let a = a.try_as_row_major().expect("rows of a matrix whose rows are contiguous");
                let rows: Vec<&[T]> = (0..a.nrows()).map(|i| a.row(i).as_slice()).collect();
                dispatch(Dots { rows: &rows, columns, out });
            }
            Product::Combinations(coefficients) => {
                let a = a.transpose().try_as_row_major().expect("rows of a matrix whose columns are contiguous");
                let columns: Vec<&[T]> = (0..a.nrows()).map(|j| a.row(j).as_slice()).collect();
                dispatch(Combinations { columns: &columns, coefficients, out });
            }
            Product::Blocked => return false,
        }
        true
    }
}

/// Columns first … first + width − 1, for each tile: as equal as can be.
fn tiles(r: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = r.div_ceil(TILE);
    (0..count).map(move |t| (t * r / count, (t + 1) * r / count - t * r / count))
}

/// Columns in vectors along them, filled up with zeros, in blocks of depth; in each block by tile, and there the vectors of its columns side by side.
pub struct Columns<T> {
    values: Vec<T>,
    /// Where they begin: on a cache line.
    start: usize,
    count: usize,
    /// Vectors in all, and in a block.
    depth: usize,
    block: usize,
}

impl<T: Real> Columns<T> {
    fn new(b: MatRef<'_, T>, lanes: usize) -> Self {
        let (count, depth) = (b.ncols(), b.nrows().div_ceil(lanes));
        let block = BLOCK_BYTES.div_ceil(count * lanes * size_of::<T>());
        let mut values = vec![T::of(0.0); depth * lanes * count + 64];
        let start = values.as_ptr().align_offset(64).min(64);
        for first in (0..depth).step_by(block) {
            let length = block.min(depth - first);
            for (column, width) in tiles(count) {
                let at = start + (first * count + column * length) * lanes;
                for (j, row) in (first * lanes..b.nrows().min((first + length) * lanes)).enumerate() {
                    let place = at + j / lanes * width * lanes + j % lanes;
                    for c in 0..width {
                        values[place + c * lanes] = b[(row, column + c)];
                    }
                }
            }
        }
        Columns { values, start, count, depth, block }
    }
}

/// Rows of A times the columns of B: sums along the rows.
struct Dots<'a, T> {
    rows: &'a [&'a [T]],
    columns: &'a Columns<T>,
    out: MatMut<'a, T>,
}

impl<T: Real> WithSimd for Dots<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(mut self, simd: S) {
        let columns = self.columns;
        let values = T::vectors::<S>(&columns.values[columns.start..]);
        self.out.fill(T::of(0.0));
        for first in (0..columns.depth).step_by(columns.block) {
            let length = columns.block.min(columns.depth - first);
            if columns.count <= FEW {
                self.block::<S, 1>(simd, first, length, values);
            } else {
                self.block::<S, ROWS>(simd, first, length, values);
            }
        }
    }
}

impl<T: Real> Dots<'_, T> {
    /// out += sums over the vectors of one block, R rows at a time: one where there are few columns, so that the processor fetches ahead.
    #[inline(always)]
    fn block<S: pulp::Simd, const R: usize>(&mut self, simd: S, first: usize, length: usize, values: &[T::Vector<S>]) {
        let count = self.columns.count;
        for i in (0..self.rows.len()).step_by(R) {
            for (k, width) in tiles(count) {
                let values = &values[first * count + k * length..][..length * width];
                match width {
                    1 => self.tile::<S, R, 1>(simd, (i, k), first, values),
                    2 => self.tile::<S, R, 2>(simd, (i, k), first, values),
                    3 => self.tile::<S, R, 3>(simd, (i, k), first, values),
                    4 => self.tile::<S, R, 4>(simd, (i, k), first, values),
                    5 => self.tile::<S, R, 5>(simd, (i, k), first, values),
                    _ => self.tile::<S, R, TILE>(simd, (i, k), first, values),
                }
            }
        }
    }

    /// Entries (i, k) … (i + R − 1, k + C − 1) += sums over these vectors of the columns, the first of which has number `first`.
    #[inline(always)]
    fn tile<S: pulp::Simd, const R: usize, const C: usize>(&mut self, simd: S, (i, k): (usize, usize), first: usize, columns: &[T::Vector<S>]) {
        let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
        let count = R.min(self.rows.len() - i);
        // beyond the last row, that one again
        let rows: [&[T]; R] = std::array::from_fn(|q| &self.rows[i + q.min(count - 1)][first * lanes..]);
        let columns = columns.as_chunks::<C>().0;
        let whole = columns.len().min(rows[0].len() / lanes);
        let x = rows.map(|row| &T::vectors::<S>(row)[..whole]);
        let mut sums = [[T::splat(simd, T::of(0.0)); R]; C];
        for (l, y) in columns[..whole].iter().enumerate() {
            for c in 0..C {
                for q in 0..R {
                    sums[c][q] = T::multiply_add(simd, x[q][l], y[c], sums[c][q]);
                }
            }
        }
        if let Some(y) = columns.get(whole) {
            for q in 0..R {
                let x = T::partial(simd, &rows[q][whole * lanes..]);
                for c in 0..C {
                    sums[c][q] = T::multiply_add(simd, x, y[c], sums[c][q]);
                }
            }
        }
        for q in 0..count {
            for c in 0..C {
                self.out[(i + q, k + c)] += T::sum(simd, sums[c][q]);
            }
        }
    }
}

/// Sums of the columns of A, with the rows of B as coefficients.
struct Combinations<'a, T> {
    columns: &'a [&'a [T]],
    coefficients: &'a [&'a [T]],
    out: MatMut<'a, T>,
}

impl<T: Real> WithSimd for Combinations<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(mut self, simd: S) {
        let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
        let (length, r) = (self.columns[0].len(), self.out.ncols());
        // by panel, and there by column
        let mut sums = vec![T::splat(simd, T::of(0.0)); length.div_ceil(lanes) * r];
        for (number, (columns, coefficients)) in self.columns.chunks(STRIP).zip(self.coefficients.chunks(STRIP)).enumerate() {
            let after = self.columns.get((number + 1) * STRIP..).filter(|after| after.len() >= STRIP).unwrap_or(columns);
            let strip = Strip { columns, coefficients, after };
            for (first, vectors) in panels(length / lanes) {
                let (sums, from) = (&mut sums[first * r..][..vectors * r], first * lanes);
                match vectors {
                    VECTORS => strip.add_whole::<S, VECTORS>(simd, from, sums),
                    2 => strip.add_whole::<S, 2>(simd, from, sums),
                    _ => strip.add_whole::<S, 1>(simd, from, sums),
                }
            }
            let whole = length - length % lanes;
            if whole < length {
                strip.add(
                    simd,
                    #[inline(always)]
                    |column| [T::partial(simd, &column[whole..])],
                    whole,
                    &mut sums[whole / lanes * r..],
                );
            }
        }
        let partial = (length % lanes > 0).then_some((length / lanes, 1));
        for (first, vectors) in panels(length / lanes).chain(partial) {
            let mut values = [T::of(0.0); VECTORS * PANEL_LANES];
            for k in 0..r {
                T::vectors_mut::<S>(&mut values)[..vectors].copy_from_slice(&sums[first * r + k * vectors..][..vectors]);
                for (i, &x) in (first * lanes..length).zip(&values[..vectors * lanes]) {
                    self.out[(i, k)] = x;
                }
            }
        }
    }
}

/// So many vectors in panels of [`VECTORS`], 2 and 1: the number of the first, and how many.
fn panels(vectors: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut first = 0;
    std::iter::from_fn(move || {
        let width = match vectors - first {
            0 => return None,
            VECTORS.. => VECTORS,
            2.. => 2,
            _ => 1,
        };
        first += width;
        Some((first - width, width))
    })
}

/// Some columns of A and their coefficients, and as many columns at least that come after them.
struct Strip<'a, T> {
    columns: &'a [&'a [T]],
    coefficients: &'a [&'a [T]],
    after: &'a [&'a [T]],
}

impl<T: Real> Strip<'_, T> {
    /// sums += V vectors of the columns, from entry `from` on, times the coefficients.
    #[inline(always)]
    fn add_whole<S: pulp::Simd, const V: usize>(&self, simd: S, from: usize, sums: &mut [T::Vector<S>]) {
        self.add(
            simd,
            #[inline(always)]
            |column| *T::vectors::<S>(&column[from..]).first_chunk::<V>().expect("V vectors from there on"),
            from,
            sums,
        );
    }

    /// sums += Σ `vectors(column)`, those from entry `from` on, × coefficient, for one column of B after the other.
    ///
    /// Only the first tile would wait for memory. So each asks for its share of what comes next: a panel of the same columns, or the first one of
    /// the next strip.
    #[inline(always)]
    fn add<S: pulp::Simd, const V: usize>(&self, simd: S, vectors: impl Fn(&[T]) -> [T::Vector<S>; V], from: usize, sums: &mut [T::Vector<S>]) {
        let (sums, lanes) = (sums.as_chunks_mut::<V>().0, size_of::<T::Vector<S>>() / size_of::<T>());
        let (length, r) = (self.columns[0].len(), self.coefficients[0].len());
        let (next, start) = if from + 2 * V * lanes <= length { (self.columns, from + V * lanes) } else { (self.after, 0) };
        let share = VECTORS.div_ceil(r.div_ceil(TILE));
        for (t, (k, width)) in tiles(r).enumerate() {
            let (sums, ahead) = (&mut sums[k..], Ahead { columns: next, first: start + t * share % VECTORS * lanes, share });
            match width {
                1 => self.tile::<S, V, 1>(simd, k, &vectors, ahead, sums),
                2 => self.tile::<S, V, 2>(simd, k, &vectors, ahead, sums),
                3 => self.tile::<S, V, 3>(simd, k, &vectors, ahead, sums),
                4 => self.tile::<S, V, 4>(simd, k, &vectors, ahead, sums),
                5 => self.tile::<S, V, 5>(simd, k, &vectors, ahead, sums),
                _ => self.tile::<S, V, TILE>(simd, k, &vectors, ahead, sums),
            }
        }
    }

    /// The same for columns k … k + C − 1 of B, the sums of which come first.
    #[inline(always)]
    fn tile<S: pulp::Simd, const V: usize, const C: usize>(
        &self,
        simd: S,
        k: usize,
        vectors: impl Fn(&[T]) -> [T::Vector<S>; V],
        ahead: Ahead<'_, T>,
        sums: &mut [[T::Vector<S>; V]],
    ) {
        let sums: &mut [[T::Vector<S>; V]; C] = sums.first_chunk_mut().expect("sums of C columns");
        let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
        // in registers: the compiler would store after each addition
        let mut totals = *sums;
        for ((column, coefficients), next) in self.columns.iter().zip(self.coefficients).zip(ahead.columns) {
            for v in 0..ahead.share {
                prefetch(next, ahead.first + v * lanes);
            }
            let x = vectors(column);
            let coefficients: &[T; C] = coefficients[k..].first_chunk().expect("C coefficients from there on");
            for c in 0..C {
                let y = T::splat(simd, coefficients[c]);
                for v in 0..V {
                    totals[c][v] = T::multiply_add(simd, x[v], y, totals[c][v]);
                }
            }
        }
        *sums = totals;
    }
}

/// So many vectors of these columns, from entry `first` on, are wanted soon.
#[derive(Clone, Copy)]
struct Ahead<'a, T> {
    columns: &'a [&'a [T]],
    first: usize,
    share: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::{multiply, row_major, row_major_mut};

    fn equals_the_sums_in<T: Real>() {
        let number = |at: usize| ((at * 37 % 101) as f64) - 50.0;
        for (m, n) in [(1, 1), (1, 40), (3, 7), (9, 21), (33, 17), (70, 5), (64, 162), (131, 66), (7, 513), (301, 35), (600, 3)] {
            for r in (1..=20).chain([37, 88, 100]) {
                let a: Vec<T> = (0..m * n).map(|at| T::of(number(at))).collect();
                let b: Vec<T> = (0..n * r).map(|at| T::of(number(at + 5))).collect();
                let mut turned = a.clone();
                (0..m * n).for_each(|at| turned[at % n * m + at / n] = a[at]);
                let b = row_major(&b, n, r);
                for view in [row_major(&a, m, n), row_major(&turned, n, m).transpose()] {
                    let mut out = vec![T::of(f64::NAN); m * r];
                    multiply(view, b, row_major_mut(&mut out, m, r));
                    for (at, &x) in out.iter().enumerate() {
                        let sum: f64 = (0..n).map(|j| a[at / r * n + j].f64() * b[(j, at % r)].f64()).sum();
                        assert_eq!(x.f64(), sum, "{} {m}x{n}, {r} columns, entry {at}", T::NAME); // whole numbers: exact
                    }
                }
            }
        }
    }

    #[test]
    fn equal_the_sums() {
        equals_the_sums_in::<f64>();
        equals_the_sums_in::<f32>();
    }

    #[test]
    fn blocks_of_depth() {
        let (n, r) = (30_000, 7);
        let (a, b) = (vec![1.0_f64; 2 * n], vec![2.0; n * r]);
        let (a, b, mut out) = (row_major(&a, 2, n), row_major(&b, n, r), vec![0.0; 2 * r]);
        assert!(Columns::new(b, vector_lanes()).block < n / vector_lanes());
        assert!(Product::new(a, b).multiply(a, row_major_mut(&mut out, 2, r)));
        assert_eq!(out, vec![2.0 * n as f64; 2 * r]);
    }
}
