//! Matrices of which few entries are stored.

use crate::linalg::Real;
use crate::{Error, Side};

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

    /// Bytes that values and positions take in memory.
    pub(super) fn bytes(&self) -> u64 {
        let entry = size_of::<T>() + size_of::<u32>();
        let of = |csr: &Csr<T>| (csr.values.len() * entry + csr.starts.len() * size_of::<usize>()) as u64;
        of(&self.by_row) + of(&self.by_col)
    }

    /// Replaces each stored value by a function of it.
    pub(super) fn change_values(&mut self, f: impl Fn(T) -> T) {
        [&mut self.by_row, &mut self.by_col].into_iter().flat_map(|csr| &mut csr.values).for_each(|x| *x = f(*x));
    }

    pub(super) fn cast<S: Real>(&self) -> Sparse<S> {
        Sparse { by_row: self.by_row.cast(), by_col: self.by_col.cast() }
    }
}
