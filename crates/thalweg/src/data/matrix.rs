//! Matrices to factor: dense, sparse with zeros, observed at some entries only, or at all but a few.

use super::AllBut;
use super::values::{Owner, Values};
use crate::linalg::{MatRef, Real, fixed_order_sum, gather_rows, mul, mul_transpose, row_major, simd};
use crate::{Error, Side};
use rayon::prelude::*;

/// A row-major dense matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense<T = f64> {
    rows: usize,
    cols: usize,
    values: Values<T>,
}

impl<T: Real> Dense<T> {
    /// From row-major values.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are rows·cols of them.
    pub fn new(rows: usize, cols: usize, values: Vec<T>) -> Result<Self, Error> {
        Self::of(rows, cols, Values::Own(values))
    }

    /// From row-major values that stay where they are: nothing is copied unless they are to be changed.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are rows·cols of them.
    pub fn shared(rows: usize, cols: usize, values: Owner<T>) -> Result<Self, Error> {
        Self::of(rows, cols, Values::Shared(values))
    }

    fn of(rows: usize, cols: usize, values: Values<T>) -> Result<Self, Error> {
        if rows.checked_mul(cols) != Some(values.len()) {
            return Err(Error::Shape { what: "a dense matrix", expected: (rows, cols), got: (values.len(), 1) });
        }
        Ok(Dense { rows, cols, values })
    }

    /// Row-major values.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The same, without a copy if they are its own.
    pub fn into_values(self) -> Vec<T> {
        self.values.into_vec()
    }

    pub(super) fn values_mut(&mut self) -> &mut [T] {
        self.values.to_mut()
    }

    /// As a matrix view.
    pub fn view(&self) -> MatRef<'_, T> {
        row_major(&self.values, self.rows, self.cols)
    }
}

/// One entry of a matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Triplet<T = f64> {
    /// Row, from 0.
    pub row: u32,
    /// Column, from 0.
    pub col: u32,
    /// Value.
    pub value: T,
}

/// Compressed rows: columns ascending in each row, no column twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Csr<T = f64> {
    cols: usize,
    starts: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<T>,
}

impl<T: Real> Csr<T> {
    /// From entries sorted by row, then column, each position once.
    fn from_sorted(rows: usize, cols: usize, entries: &[Triplet<T>]) -> Self {
        let mut starts = vec![0; rows + 1];
        for e in entries {
            starts[e.row as usize + 1] += 1;
        }
        for i in 0..rows {
            starts[i + 1] += starts[i];
        }
        Csr { cols, starts, indices: entries.iter().map(|e| e.col).collect(), values: entries.iter().map(|e| e.value).collect() }
    }

    /// From how many entries each row has, and the entries row by row.
    ///
    /// # Errors
    /// The first row whose columns do not ascend or do not fit. `None` if there are not as many entries as the rows say.
    pub(super) fn from_rows(cols: usize, counts: &[u32], indices: Vec<u32>, values: Vec<T>) -> Result<Self, Option<usize>> {
        let mut starts = Vec::with_capacity(counts.len() + 1);
        starts.push(0);
        starts.extend(counts.iter().scan(0, |end, &count| {
            *end += count as usize;
            Some(*end)
        }));
        if starts.last() != Some(&indices.len()) || indices.len() != values.len() {
            return Err(None);
        }
        let is_sound = |row: &[u32]| row.is_sorted_by(|a, b| a < b) && row.last().is_none_or(|&last| (last as usize) < cols);
        match starts.windows(2).position(|ends| !is_sound(&indices[ends[0]..ends[1]])) {
            Some(row) => Err(Some(row)),
            None => Ok(Csr { cols, starts, indices, values }),
        }
    }

    pub(super) fn of_no_rows(cols: usize) -> Self {
        Csr { cols, starts: vec![0], indices: Vec::new(), values: Vec::new() }
    }

    /// Puts the rows of another below these.
    pub(super) fn append(&mut self, below: &Csr<T>) {
        let end = self.indices.len();
        self.starts.extend(below.starts[1..].iter().map(|start| end + start));
        self.indices.extend_from_slice(&below.indices);
        self.values.extend_from_slice(&below.values);
    }

    /// What is left without the entries at the places of `hidden`.
    pub(super) fn without(&self, hidden: &Csr<T>) -> Self {
        let (mut starts, mut indices, mut values) = (Vec::with_capacity(self.starts.len()), Vec::new(), Vec::new());
        starts.push(0);
        for i in 0..self.rows() {
            let ((columns, row), mut hidden) = (self.row(i), hidden.row(i).0.iter().peekable());
            for (&j, &x) in columns.iter().zip(row) {
                while hidden.next_if(|&&h| h < j).is_some() {}
                if hidden.peek() != Some(&&j) {
                    indices.push(j);
                    values.push(x);
                }
            }
            starts.push(indices.len());
        }
        Csr { cols: self.cols, starts, indices, values }
    }

    fn transpose(&self) -> Self {
        let rows = self.rows();
        let mut starts = vec![0usize; self.cols + 1];
        for &j in &self.indices {
            starts[j as usize + 1] += 1;
        }
        for j in 0..self.cols {
            starts[j + 1] += starts[j];
        }
        let mut next = starts.clone();
        let mut indices = vec![0u32; self.indices.len()];
        let mut values = vec![T::of(0.0); self.values.len()];
        for i in 0..rows {
            let (columns, row) = self.row(i);
            for (&j, &x) in columns.iter().zip(row) {
                let at = &mut next[j as usize];
                indices[*at] = i as u32;
                values[*at] = x;
                *at += 1;
            }
        }
        Csr { cols: rows, starts, indices, values }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Number of stored entries.
    pub fn stored(&self) -> usize {
        self.values.len()
    }

    /// Columns and values of row i.
    pub fn row(&self, i: usize) -> (&[u32], &[T]) {
        let range = self.starts[i]..self.starts[i + 1];
        (&self.indices[range.clone()], &self.values[range])
    }

    /// All stored values, row after row.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Where row i begins among the stored values.
    pub fn start(&self, i: usize) -> usize {
        self.starts[i]
    }

    fn cast<S: Real>(&self) -> Csr<S> {
        Csr {
            cols: self.cols,
            starts: self.starts.clone(),
            indices: self.indices.clone(),
            values: self.values.iter().map(|&x| S::of(x.f64())).collect(),
        }
    }
}

/// Stored entries by row and by column.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparse<T = f64> {
    /// Row i: the entries of row i of X.
    pub by_row: Csr<T>,
    /// Row j: the entries of column j of X.
    pub by_col: Csr<T>,
}

/// What to do with a position that is listed twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// Add the values (Matrix Market, SciPy).
    Sum,
    /// Keep the last one listed (a rating that was changed).
    KeepLast,
}

impl Duplicates {
    /// What a user should know where so many were listed again.
    pub(super) fn note(self, repeated: u64) -> Option<String> {
        let what = match self {
            Duplicates::Sum => "the values are added",
            Duplicates::KeepLast => "the last value listed is kept",
        };
        (repeated > 0).then(|| format!("entries at a position listed before: {repeated} ({what})"))
    }
}

impl<T: Real> Sparse<T> {
    /// From entries in any order. Returns the matrix and how many entries were listed again.
    ///
    /// # Errors
    /// [`Error::Shape`] if an entry lies outside, or a side does not fit 32-bit indices.
    pub fn from_triplets(rows: usize, cols: usize, mut entries: Vec<Triplet<T>>, duplicates: Duplicates) -> Result<(Self, usize), Error> {
        let limit = u32::MAX as usize;
        if rows > limit || cols > limit {
            return Err(Error::Shape { what: "a sparse matrix (sides have 32-bit indices)", expected: (limit, limit), got: (rows, cols) });
        }
        if let Some(e) = entries.iter().find(|e| e.row as usize >= rows || e.col as usize >= cols) {
            return Err(Error::Shape {
                what: "a sparse matrix, judged by its largest entry",
                expected: (rows, cols),
                got: (e.row as usize + 1, e.col as usize + 1),
            });
        }
        entries.sort_by_key(|e| (e.row, e.col)); // stable: the last one listed stays last
        let listed = entries.len();
        entries.dedup_by(|again, kept| {
            let same = (again.row, again.col) == (kept.row, kept.col);
            if same {
                kept.value = match duplicates {
                    Duplicates::Sum => kept.value + again.value,
                    Duplicates::KeepLast => again.value,
                };
            }
            same
        });
        let repeated = listed - entries.len();
        Ok((Sparse::of_rows(Csr::from_sorted(rows, cols, &entries)), repeated))
    }

    /// From the entries by row.
    pub(super) fn of_rows(by_row: Csr<T>) -> Self {
        let by_col = by_row.transpose();
        Sparse { by_row, by_col }
    }

    /// The rows of X (`Side::U`) or of Xᵀ (`Side::V`).
    pub fn rows_of(&self, side: Side) -> &Csr<T> {
        match side {
            Side::U => &self.by_row,
            Side::V => &self.by_col,
        }
    }

    /// The stored entries, row by row.
    pub(super) fn triplets(&self) -> Vec<Triplet<T>> {
        let of_row = |i: usize| {
            let (columns, values) = self.by_row.row(i);
            columns.iter().zip(values).map(move |(&col, &value)| Triplet { row: i as u32, col, value })
        };
        (0..self.by_row.rows()).flat_map(of_row).collect()
    }

    fn cast<S: Real>(&self) -> Sparse<S> {
        Sparse { by_row: self.by_row.cast(), by_col: self.by_col.cast() }
    }
}

/// Entries that were observed; the others are unknown, not zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed<T = f64> {
    /// The observed values.
    pub entries: Sparse<T>,
    /// w ≥ 0 in ½ Σ w (X − UVᵀ)², on the same positions; 1 without.
    pub weights: Option<Sparse<T>>,
}

impl<T: Real> Observed<T> {
    /// The entries of row i, as (column, value, weight).
    pub fn row_entries(&self, i: usize) -> impl Iterator<Item = (usize, T, T)> + '_ {
        let (columns, values) = self.entries.by_row.row(i);
        let weights = self.weights.as_ref().map(|w| w.by_row.row(i).1);
        let weight = move |e: usize| weights.map_or(T::of(1.0), |w| w[e]);
        columns.iter().zip(values).enumerate().map(move |(e, (&j, &x))| (j as usize, x, weight(e)))
    }

    pub(super) fn cast<S: Real>(&self) -> Observed<S> {
        Observed { entries: self.entries.cast(), weights: self.weights.as_ref().map(Sparse::cast) }
    }
}

/// A matrix to factor. `0` is a value in the first two kinds; what is not stored in the third is unknown, and so is what is hidden in the
/// fourth.
#[derive(Debug, Clone, PartialEq)]
pub enum Matrix<T = f64> {
    /// Every entry is given.
    Dense(Dense<T>),
    /// Every entry is given; those not stored are 0.
    Sparse(Sparse<T>),
    /// Only the stored entries are known.
    Observed(Observed<T>),
    /// Every entry is given but a few.
    AllBut(AllBut<T>),
}

/// Sums over the observed entries of a matrix, each in a fixed order.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Summary {
    /// Observed entries, N. Zeros of a sparse matrix count.
    pub observed: u64,
    /// Stored entries.
    pub stored: u64,
    /// Σ w x².
    pub norm_squared: f64,
    /// Mean of the observed entries (unweighted).
    pub mean: f64,
    /// Population standard deviation of the observed entries (ddof 0, unweighted).
    pub sd: f64,
    /// Smallest observed entry.
    pub min: f64,
    /// Largest observed entry.
    pub max: f64,
    /// Negative entries.
    pub negatives: u64,
    /// Stored zeros.
    pub stored_zeros: u64,
}

impl Summary {
    /// That of all parts of a matrix, from those of the parts.
    pub fn of_parts(parts: &[Summary]) -> Summary {
        let parts: Vec<&Summary> = parts.iter().filter(|part| part.observed > 0).collect();
        let count = |f: fn(&Summary) -> u64| parts.iter().map(|part| f(part)).sum::<u64>();
        let sum = |f: &dyn Fn(&Summary) -> f64| fixed_order_sum(&parts.iter().map(|part| f(part)).collect::<Vec<_>>());
        let observed = count(|part| part.observed);
        let mean = sum(&|part| part.observed as f64 * part.mean) / observed as f64;
        // each part about its own mean, then the parts about that of all
        let spread = sum(&|part| part.observed as f64 * (part.sd * part.sd + (part.mean - mean) * (part.mean - mean)));
        Summary {
            observed,
            stored: count(|part| part.stored),
            norm_squared: sum(&|part| part.norm_squared),
            mean,
            sd: (spread / observed as f64).sqrt(),
            min: parts.iter().fold(f64::INFINITY, |least, part| least.min(part.min)),
            max: parts.iter().fold(f64::NEG_INFINITY, |most, part| most.max(part.max)),
            negatives: count(|part| part.negatives),
            stored_zeros: count(|part| part.stored_zeros),
        }
    }
}

/// Sums over some entries.
struct Partial {
    count: f64,
    sum: f64,
    /// Σx².
    square: f64,
    /// Σ(x − their mean)².
    spread: f64,
    min: f64,
    max: f64,
    negatives: u64,
    zeros: u64,
}

impl Partial {
    /// Entries in a part: few enough to stay in the first cache between two passes.
    const LENGTH: usize = 2048;

    fn of<T: Real>(values: &[T]) -> Partial {
        simd(
            #[inline(always)]
            || {
                const L: usize = 16;
                let (mut sum, mut square, mut spread) = ([0.0; L], [0.0; L], [0.0; L]);
                let (mut min, mut max) = ([f64::INFINITY; L], [f64::NEG_INFINITY; L]);
                let (mut negatives, mut zeros) = ([0u64; L], [0u64; L]);
                for chunk in values.chunks(L) {
                    for (i, x) in chunk.iter().enumerate() {
                        let x = x.f64();
                        sum[i] += x;
                        square[i] += x * x;
                        min[i] = if x < min[i] { x } else { min[i] };
                        max[i] = if x > max[i] { x } else { max[i] };
                        negatives[i] += u64::from(x < 0.0);
                        zeros[i] += u64::from(x == 0.0);
                    }
                }
                let count = values.len() as f64;
                let mean = sum.iter().sum::<f64>() / count;
                for chunk in values.chunks(L) {
                    for (i, x) in chunk.iter().enumerate() {
                        spread[i] += (x.f64() - mean) * (x.f64() - mean);
                    }
                }
                Partial {
                    count,
                    sum: sum.iter().sum(),
                    square: square.iter().sum(),
                    spread: spread.iter().sum(),
                    min: min.into_iter().fold(f64::INFINITY, f64::min),
                    max: max.into_iter().fold(f64::NEG_INFINITY, f64::max),
                    negatives: negatives.iter().sum(),
                    zeros: zeros.iter().sum(),
                }
            },
        )
    }
}

impl<T: Real> Matrix<T> {
    /// (m, n).
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Matrix::Dense(x) => (x.rows, x.cols),
            Matrix::Sparse(x) | Matrix::Observed(Observed { entries: x, .. }) => (x.by_row.rows(), x.by_row.cols()),
            Matrix::AllBut(x) => x.full().shape(),
        }
    }

    /// Bytes that its numbers and their positions take in memory.
    pub fn bytes(&self) -> u64 {
        let sparse = |x: &Sparse<T>| {
            let entry = size_of::<T>() + size_of::<u32>();
            let of = |csr: &Csr<T>| (csr.values.len() * entry + csr.starts.len() * size_of::<usize>()) as u64;
            of(&x.by_row) + of(&x.by_col)
        };
        let observed = |x: &Observed<T>| sparse(&x.entries) + x.weights.as_ref().map_or(0, sparse);
        match self {
            Matrix::Dense(x) => (x.rows * x.cols * size_of::<T>()) as u64,
            Matrix::Sparse(x) => sparse(x),
            Matrix::Observed(x) => observed(x),
            Matrix::AllBut(x) => x.full().bytes() + observed(x.hidden()),
        }
    }

    /// Dense values with a mask of what was observed: [`Matrix::Dense`] where nothing is missing, else what [`Matrix::hiding`] makes of it.
    ///
    /// # Errors
    /// [`Error::Shape`] if the values do not fill rows·cols.
    pub fn from_dense_with_missing(rows: usize, cols: usize, values: Vec<T>, is_missing: impl Fn(T) -> bool) -> Result<Self, Error> {
        let dense = Dense::new(rows, cols, values)?;
        let missing = dense.values.iter().enumerate().filter(|&(_, &x)| is_missing(x));
        let missing: Vec<Triplet<T>> = missing.map(|(at, &value)| Triplet { row: (at / cols) as u32, col: (at % cols) as u32, value }).collect();
        let dense = Matrix::Dense(dense);
        if missing.is_empty() { Ok(dense) } else { dense.hiding(&missing) }
    }

    /// What kind of matrix this is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Matrix::Dense(_) => "dense",
            Matrix::Sparse(_) => "sparse",
            Matrix::Observed(Observed { weights: None, .. }) | Matrix::AllBut(_) => "observed",
            Matrix::Observed(_) => "weighted",
        }
    }

    /// The stored entries of row i that are not hidden, as (column, value, weight).
    pub fn row_entries(&self, i: usize) -> Box<dyn Iterator<Item = (usize, T, T)> + '_> {
        let one = T::of(1.0);
        match self {
            Matrix::Dense(x) => Box::new(x.values[i * x.cols..][..x.cols].iter().enumerate().map(move |(j, &v)| (j, v, one))),
            Matrix::Sparse(x) => {
                let (columns, values) = x.by_row.row(i);
                Box::new(columns.iter().zip(values).map(move |(&j, &v)| (j as usize, v, one)))
            }
            Matrix::Observed(x) => Box::new(x.row_entries(i)),
            Matrix::AllBut(x) => {
                let mut hidden = x.hidden().entries.by_row.row(i).0.iter().map(|&j| j as usize).peekable();
                Box::new(x.full().row_entries(i).filter(move |&(j, ..)| {
                    while hidden.next_if(|&h| h < j).is_some() {}
                    hidden.peek() != Some(&j)
                }))
            }
        }
    }

    /// Observed entries in each row (`Side::U`'s rows) and each column.
    pub fn observed_counts(&self) -> (Vec<usize>, Vec<usize>) {
        let (m, n) = self.shape();
        match self {
            Matrix::Dense(_) | Matrix::Sparse(_) => (vec![n; m], vec![m; n]),
            Matrix::Observed(x) => {
                let counts = |c: &Csr<T>| (0..c.rows()).map(|i| c.row(i).0.len()).collect();
                (counts(&x.entries.by_row), counts(&x.entries.by_col))
            }
            Matrix::AllBut(x) => {
                let hidden = &x.hidden().entries;
                let counts = |c: &Csr<T>| (0..c.rows()).map(|i| c.cols() - c.row(i).0.len()).collect();
                (counts(&hidden.by_row), counts(&hidden.by_col))
            }
        }
    }

    /// Sums over the observed entries.
    pub fn summary(&self) -> Summary {
        let (m, n) = self.shape();
        let (full, hidden) = self.full_and_hidden();
        let hidden = hidden.map_or(0, |h| h.entries.by_row.stored() as u64);
        let stored = match full {
            Matrix::Sparse(x) | Matrix::Observed(Observed { entries: x, .. }) => x.by_row.stored() as u64,
            _ => m as u64 * n as u64 - hidden,
        };
        let observed = match self {
            Matrix::Observed(_) => stored,
            _ => m as u64 * n as u64 - hidden,
        };
        let slices = |x: &[T]| x.par_chunks(Partial::LENGTH).map(Partial::of).collect();
        // what is hidden in sparse data is not stored either
        let parts: Vec<Partial> = match if self.has_unstored_zeros() { full } else { self } {
            Matrix::Dense(x) => slices(x.values()),
            Matrix::Sparse(x) => slices(x.by_row.values()),
            Matrix::Observed(_) | Matrix::AllBut(_) => (0..m)
                .into_par_iter()
                .map(|i| {
                    let mut part = Partial::of(&self.row_entries(i).map(|(_, x, _)| x).collect::<Vec<_>>());
                    part.square = self.row_entries(i).map(|(_, x, w)| w.f64() * x.f64() * x.f64()).sum();
                    part
                })
                .collect(),
        };
        let sum_of = |f: fn(&Partial) -> f64| fixed_order_sum(&parts.iter().map(f).collect::<Vec<_>>());
        let count = observed as f64;
        let mean = sum_of(|p| p.sum) / count;
        let extreme = if observed > stored { (0.0, 0.0) } else { (f64::INFINITY, f64::NEG_INFINITY) };
        let (min, max) = parts.iter().fold(extreme, |(min, max), p| (f64::min(min, p.min), f64::max(max, p.max)));
        let negatives = parts.iter().map(|p| p.negatives).sum();
        let stored_zeros = parts.iter().map(|p| p.zeros).sum();
        // each part about its own mean, then the parts about that of all: keeps the digits that Σx² − N mean² would lose
        let spread: Vec<f64> = parts.iter().filter(|p| p.count > 0.0).map(|p| p.spread + p.count * (p.sum / p.count - mean).powi(2)).collect();
        let norm_squared = sum_of(|p| p.square);
        let variance = (fixed_order_sum(&spread) + (observed - stored) as f64 * mean * mean) / count;
        Summary { observed, stored, norm_squared, mean, sd: variance.sqrt(), min, max, negatives, stored_zeros }
    }

    /// X·B (`side` U) or Xᵀ·B (V) into `out`, for a row-major B of `width` columns; what is not stored, or hidden, counts as zero.
    pub fn multiply(&self, side: Side, b: &[T], width: usize, out: &mut [T]) {
        match self {
            Matrix::Dense(x) if side == Side::U => mul(x.view(), row_major(b, x.cols, width), out),
            Matrix::Dense(x) => mul_transpose(x.view(), row_major(b, x.rows, width), out),
            Matrix::Sparse(x) | Matrix::Observed(Observed { entries: x, .. }) => {
                let rows = x.rows_of(side);
                out.fill(T::of(0.0));
                out.par_chunks_exact_mut(width.max(1)).enumerate().for_each(|(i, out)| {
                    let (columns, values) = rows.row(i);
                    gather_rows(columns, values, b, out);
                });
            }
            Matrix::AllBut(x) => x.full().multiply(side, b, width, out),
        }
    }

    /// Replaces each stored value by a function of it.
    pub(super) fn change_values(&mut self, f: impl Fn(T) -> T) {
        let change = |values: &mut [T]| values.iter_mut().for_each(|x| *x = f(*x));
        match self {
            Matrix::Dense(x) => change(x.values_mut()),
            Matrix::Sparse(x) | Matrix::Observed(Observed { entries: x, .. }) => {
                change(&mut x.by_row.values);
                change(&mut x.by_col.values);
            }
            Matrix::AllBut(x) => x.change_values(&f),
        }
    }

    /// The same numbers in another precision.
    pub fn cast<S: Real>(&self) -> Matrix<S> {
        match self {
            Matrix::Dense(x) => {
                Matrix::Dense(Dense { rows: x.rows, cols: x.cols, values: Values::Own(x.values.iter().map(|&v| S::of(v.f64())).collect()) })
            }
            Matrix::Sparse(x) => Matrix::Sparse(x.cast()),
            Matrix::Observed(x) => Matrix::Observed(x.cast()),
            Matrix::AllBut(x) => Matrix::AllBut(x.cast()),
        }
    }
}
