//! Soft-thresholding of singular values, with the right singular vectors of the last matrix as a start.

use super::splitting::narrowed;
use super::table::Table;
use crate::data::stream;
use crate::linalg::{Real, gram, mul, mul_transpose, row_major, tall_gram};
use rand_distr::{Distribution, StandardNormal};

/// V and the factors 1 − τ/σ of the singular values σ > τ of A: shrink(A, τ) = A V diag(1 − τ/σ) Vᵀ.
#[derive(Debug, Clone, Default)]
pub(super) struct Shrunk {
    /// n×k, row-major, orthonormal columns.
    pub v: Vec<f64>,
    /// V diag(1 − τ/σ).
    pub scaled: Vec<f64>,
    /// σ − τ, largest first.
    pub values: Vec<f64>,
}

impl Shrunk {
    pub fn rank(&self) -> usize {
        self.values.len()
    }

    /// The leading part, cut where the values fall most: what stands out from the rest, if anything does.
    pub fn dominant(&self) -> Shrunk {
        let falls = |k: usize| self.values[k - 1] / self.values[k];
        let k = (1..self.rank()).filter(|&k| falls(k) > STANDS_OUT).max_by(|&a, &b| falls(a).total_cmp(&falls(b))).unwrap_or(self.rank());
        let leading = |x: &[f64]| x.chunks_exact(self.rank().max(1)).flat_map(|row| row[..k].iter().copied()).collect();
        Shrunk { v: leading(&self.v), scaled: leading(&self.scaled), values: self.values[..k].to_vec() }
    }

    pub fn nuclear_norm(&self) -> f64 {
        self.values.iter().sum()
    }

    /// From all or the leading singular values and vectors (row-major n×w), largest first.
    fn above(tau: f64, singular: &[f64], vectors: &[f64]) -> Self {
        let w = singular.len();
        let k = singular.iter().take_while(|&&s| s > tau).count();
        let v: Vec<f64> = vectors.chunks_exact(w.max(1)).flat_map(|row| row[..k].iter().copied()).collect();
        let factors: Vec<f64> = singular[..k].iter().map(|s| 1.0 - tau / s).collect();
        let scaled = v.chunks_exact(k.max(1)).flat_map(|row| row.iter().zip(&factors).map(|(v, f)| v * f)).collect();
        Shrunk { v, scaled, values: singular[..k].iter().map(|s| s - tau).collect() }
    }
}

/// How singular vectors are found: in a subspace that follows the iteration while few of them matter, else from the Gram matrix.
///
/// Products are taken in the precision of the matrix, what is small in double precision.
pub(super) struct Basis {
    cols: usize,
    /// n×w, row-major; empty before the first matrix.
    vectors: Vec<f64>,
    width: usize,
    draws: u64,
}

/// Ratio of neighbouring shrunken values at which the larger ones stand out.
const STANDS_OUT: f64 = 8.0;
/// Columns of the subspace beyond those in use.
const SPARE: usize = 6;
/// The subspace pays while it is narrower than this part of the matrix.
const NARROW: usize = 5;
/// Passes over a matrix that is new, and over one like the last.
const FIRST_PASSES: usize = 4;
const PASSES: usize = 1;

impl Basis {
    pub fn new(cols: usize) -> Self {
        Basis { cols, vectors: vec![], width: (2 * SPARE).min(cols), draws: 0 }
    }

    /// ‖A‖ of a row-major matrix of the table's shape.
    pub fn norm<T: Real>(&mut self, a: &[T], table: &Table<'_>) -> Option<f64> {
        if !self.is_narrow() {
            return Some(self.by_gram(a, table)?.0[0]);
        }
        self.add_columns(0);
        let mut largest = 0.0;
        for _ in 0..FIRST_PASSES {
            largest = self.iterate(a, table)?[0];
        }
        Some(largest)
    }

    /// What [`Shrunk`] says, for a row-major matrix of the table's shape.
    pub fn shrink<T: Real>(&mut self, a: &[T], table: &Table<'_>, tau: f64) -> Option<Shrunk> {
        let mut passes = PASSES;
        while self.is_narrow() {
            let mut singular = vec![];
            for _ in 0..passes {
                singular = self.iterate(a, table)?;
            }
            let used = singular.iter().take_while(|&&s| s > tau).count();
            let enough = used + SPARE / 2 <= self.width;
            if enough {
                let shrunk = Shrunk::above(tau, &singular, &self.vectors);
                self.narrow_to(used + 2 * SPARE);
                return Some(shrunk);
            }
            self.add_columns((self.width / 2).max(SPARE));
            passes = FIRST_PASSES - 1;
        }
        let (singular, vectors) = self.by_gram(a, table)?;
        let shrunk = Shrunk::above(tau, &singular, &vectors);
        if (shrunk.rank() + 2 * SPARE) * 2 * NARROW < self.cols {
            self.width = shrunk.rank() + 2 * SPARE;
            self.vectors = vectors.chunks_exact(self.cols).flat_map(|row| row[..self.width].iter().copied()).collect();
        }
        Some(shrunk)
    }

    fn is_narrow(&self) -> bool {
        self.width * NARROW < self.cols
    }

    /// Keeps the leading columns.
    fn narrow_to(&mut self, width: usize) {
        if width < self.width {
            self.vectors = self.vectors.chunks_exact(self.width).flat_map(|row| row[..width].iter().copied()).collect();
            self.width = width;
        }
    }

    /// Random columns beside those there are.
    fn add_columns(&mut self, count: usize) {
        let old = if self.vectors.is_empty() { 0 } else { self.width };
        let width = (self.width + count).min(self.cols);
        let mut rng = stream(0, self.draws);
        self.draws += 1;
        let mut vectors = Vec::with_capacity(self.cols * width);
        for i in 0..self.cols {
            vectors.extend_from_slice(&self.vectors[i * old..][..old]);
            let scale = (self.cols as f64).sqrt();
            vectors.extend((old..width).map(|_| -> f64 {
                let x: f64 = StandardNormal.sample(&mut rng);
                x / scale
            }));
        }
        (self.vectors, self.width) = (vectors, width);
    }

    /// One pass of subspace iteration: B = orth(A V), then the singular triplets of BᵀA. Returns its singular values, and keeps its right
    /// vectors.
    fn iterate<T: Real>(&mut self, a: &[T], table: &Table<'_>) -> Option<Vec<f64>> {
        let (rows, n, w) = (table.rows, self.cols, self.width);
        let a = row_major(a, rows, n);
        let mut left = vec![T::of(0.0); rows * w];
        mul(a, row_major(&narrowed(&self.vectors), n, w), &mut left);
        table.ranks.orthonormalise(&mut left, w)?;
        let mut right = vec![T::of(0.0); n * w];
        mul_transpose(a, row_major(&left, rows, w), &mut right);
        let right: Vec<f64> = table.ranks.sum(right)?.iter().map(|x| x.f64()).collect();
        let (squares, rotation) = table.ranks.eigenvectors(&gram(&right, w), w)?;
        let singular: Vec<f64> = squares.iter().map(|s| s.max(0.0).sqrt()).collect();
        // eigenvectors stand one after the other: their matrix is the transpose of this view
        let floor = singular[0] * f64::EPSILON;
        let mut rotation = rotation;
        rotation.chunks_exact_mut(w).zip(&singular).for_each(|(column, s)| column.iter_mut().for_each(|x| *x /= s.max(floor).max(f64::MIN_POSITIVE)));
        mul(row_major(&right, n, w), row_major(&rotation, w, w).transpose(), &mut self.vectors);
        Some(singular)
    }

    /// All singular values and right vectors (row-major), from AᵀA: to half the digits below √ε‖A‖, where nothing is asked of them.
    fn by_gram<T: Real>(&self, a: &[T], table: &Table<'_>) -> Option<(Vec<f64>, Vec<f64>)> {
        let n = self.cols;
        let total = table.ranks.sum_symmetric(tall_gram(row_major(a, table.rows, n)), n)?;
        let (squares, columns) = table.ranks.eigenvectors(&total, n)?;
        let vectors = (0..n * n).map(|at| columns[at % n * n + at / n]).collect();
        Some((squares.iter().map(|s| s.max(0.0).sqrt()).collect(), vectors))
    }
}
