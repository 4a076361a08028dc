//! Products of a large matrix with a few columns: bound by reading the matrix, which is read once, in the order in which it lies.

use super::{MatMut, MatRef, Real, WithSimd, dispatch};

/// Columns up to which these kernels beat a blocked product, which packs its operands first.
pub const NARROW: usize = 8;

/// Columns of A that are combined at once: more of them are more places to read from than the processor fetches ahead of.
const TOGETHER: usize = 2;

/// out ← A·B where A has contiguous rows or columns and B at most [`NARROW`] columns; false, with `out` untouched, otherwise.
pub fn multiply_narrow<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>, out: MatMut<'_, T>) -> bool {
    if b.ncols() > NARROW || a.nrows() == 0 || a.ncols() == 0 {
        return false;
    }
    if let Some(rows) = a.try_as_row_major() {
        let rows: Vec<&[T]> = (0..a.nrows()).map(|i| rows.row(i).as_slice()).collect();
        dispatch(Dots { rows: &rows, columns: &by_column(b), depth: a.ncols(), out });
        true
    } else if let Some(columns) = a.transpose().try_as_row_major() {
        let columns: Vec<&[T]> = (0..a.ncols()).map(|i| columns.row(i).as_slice()).collect();
        dispatch(Combinations { columns: &columns, b, out });
        true
    } else {
        false
    }
}

fn by_column<T: Real>(b: MatRef<'_, T>) -> Vec<T> {
    (0..b.ncols()).flat_map(|k| (0..b.nrows()).map(move |j| b[(j, k)])).collect()
}

/// Rows of A times the columns of B, `depth` long each: sums along the rows.
struct Dots<'a, T> {
    rows: &'a [&'a [T]],
    columns: &'a [T],
    depth: usize,
    out: MatMut<'a, T>,
}

impl<T: Real> WithSimd for Dots<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(mut self, simd: S) {
        let columns = self.columns.len() / self.depth;
        // row after row, so that the processor fetches ahead
        for i in 0..self.rows.len() {
            let mut k = 0;
            while k < columns {
                k += match columns - k {
                    8.. => self.of_row::<S, 8>(simd, i, k),
                    4.. => self.of_row::<S, 4>(simd, i, k),
                    2.. => self.of_row::<S, 2>(simd, i, k),
                    _ => self.of_row::<S, 1>(simd, i, k),
                };
            }
        }
    }
}

impl<T: Real> Dots<'_, T> {
    /// Entries (i, k) … (i, k + C − 1); returns C.
    #[inline(always)]
    fn of_row<S: pulp::Simd, const C: usize>(&mut self, simd: S, i: usize, k: usize) -> usize {
        let row = &self.rows[i][..self.depth];
        let columns: [&[T]; C] = std::array::from_fn(|c| &self.columns[(k + c) * self.depth..][..self.depth]);
        let (x, y) = (T::vectors::<S>(row), columns.map(|column| T::vectors::<S>(column)));
        let mut sums = [T::splat(simd, T::of(0.0)); C];
        for l in 0..x.len() {
            for c in 0..C {
                sums[c] = T::multiply_add(simd, x[l], y[c][l], sums[c]);
            }
        }
        let done = x.len() * (size_of::<T::Vector<S>>() / size_of::<T>());
        for c in 0..C {
            let mut sum = T::sum(simd, sums[c]);
            for (&x, &y) in row[done..].iter().zip(&columns[c][done..]) {
                sum += x * y;
            }
            self.out[(i, k + c)] = sum;
        }
        C
    }
}

/// Combinations of the columns of A with the coefficients B: sums over columns, a few at a time.
struct Combinations<'a, T> {
    columns: &'a [&'a [T]],
    b: MatRef<'a, T>,
    out: MatMut<'a, T>,
}

impl<T: Real> WithSimd for Combinations<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(mut self, simd: S) {
        let length = self.columns[0].len();
        let mut sums = vec![T::of(0.0); length * self.b.ncols()];
        let mut j = 0;
        while j < self.columns.len() {
            let columns = TOGETHER.min(self.columns.len() - j);
            for k in 0..self.b.ncols() {
                let sums = &mut sums[k * length..][..length];
                if columns == TOGETHER { self.add::<S, TOGETHER>(simd, j, k, sums) } else { self.add::<S, 1>(simd, j, k, sums) }
            }
            j += columns;
        }
        for k in 0..self.b.ncols() {
            for i in 0..length {
                self.out[(i, k)] = sums[k * length + i];
            }
        }
    }
}

impl<T: Real> Combinations<'_, T> {
    /// sums += Σ_c A_c B_ck over columns j … j + C − 1.
    #[inline(always)]
    fn add<S: pulp::Simd, const C: usize>(&self, simd: S, j: usize, k: usize, sums: &mut [T]) {
        let columns: &[&[T]; C] = self.columns[j..].first_chunk().expect("C columns from j on");
        let columns = columns.map(|column| &column[..sums.len()]);
        let factors: [T; C] = std::array::from_fn(|c| self.b[(j + c, k)]);
        let splats = factors.map(|x| T::splat(simd, x));
        let x = columns.map(|column| T::vectors::<S>(column));
        let vectors = T::vectors_mut::<S>(sums);
        let done = vectors.len() * (size_of::<T::Vector<S>>() / size_of::<T>());
        for (l, sum) in vectors.iter_mut().enumerate() {
            // in a register: the compiler would store after each addition
            let mut total = *sum;
            for c in 0..C {
                total = T::multiply_add(simd, splats[c], x[c][l], total);
            }
            *sum = total;
        }
        for (l, sum) in sums.iter_mut().enumerate().skip(done) {
            for c in 0..C {
                *sum += factors[c] * columns[c][l];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::{row_major, row_major_mut};

    #[test]
    fn equals_the_sums() {
        let number = |at: usize| ((at * 37 % 101) as f64) - 50.0;
        for (m, n, r) in [(1, 1, 1), (9, 21, 3), (6, 40, 4), (33, 17, 7), (64, 162, 8)] {
            let (a, b): (Vec<f64>, Vec<f64>) = ((0..m * n).map(number).collect(), (0..n * r).map(|at| number(at + 5)).collect());
            let mut turned = vec![0.0; m * n];
            (0..m * n).for_each(|at| turned[at % n * m + at / n] = a[at]);
            for view in [row_major(&a, m, n), row_major(&turned, n, m).transpose()] {
                let mut out = vec![f64::NAN; m * r];
                assert!(multiply_narrow(view, row_major(&b, n, r), row_major_mut(&mut out, m, r)));
                for (at, &x) in out.iter().enumerate() {
                    let sum: f64 = (0..n).map(|j| a[at / r * n + j] * b[j * r + at % r]).sum();
                    assert_eq!(x, sum, "{m}x{n}, {r} columns, entry {at}"); // whole numbers: exact
                }
            }
        }
    }
}
