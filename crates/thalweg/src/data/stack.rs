//! More rows under those that are there, and the file that holds both.

use super::{Array, Dense, Duplicates, Matrix, Numbers, Observed, Sparse, Triplet, write_npz};
use crate::Error;
use crate::linalg::Real;
use std::path::Path;

impl<T: Real> Matrix<T> {
    /// The rows of this matrix, then those of another one with the same columns.
    ///
    /// Dense and sparse data stay what they are where both are; of dense under sparse data the zeros are not stored. Where one of them has
    /// unknown entries, so has the whole.
    ///
    /// # Errors
    /// [`Error::Shape`] if the columns differ in number, [`Error::Parameter`] if what is not stored is 0 in one and unknown in the other.
    pub fn stacked(&self, below: &Matrix<T>) -> Result<Matrix<T>, Error> {
        let ((m, n), (more, cols)) = (self.shape(), below.shape());
        if n != cols {
            return Err(Error::Shape { what: "the matrix of new rows", expected: (more, n), got: (more, cols) });
        }
        let is_sparse = self.has_unstored_zeros() || below.has_unstored_zeros();
        let has_gaps = [self, below].iter().any(|x| matches!(x, Matrix::Observed(_) | Matrix::AllBut(_)));
        if is_sparse && has_gaps {
            let expected = "of one meaning (--missing): entries that are not stored are 0 in one of them, unknown in the other".into();
            return Err(Error::Parameter { name: "the old and the new rows", expected, got: format!("{} and {}", self.kind(), below.kind()) });
        }
        if let (Matrix::Dense(a), Matrix::Dense(b)) = (self, below) {
            return Ok(Matrix::Dense(Dense::new(m + more, n, [a.values(), b.values()].concat())?));
        }
        let (mut entries, mut weights) = (Vec::new(), Vec::new());
        for (matrix, first) in [(self, 0), (below, m)] {
            for i in 0..matrix.shape().0 {
                for (j, value, weight) in matrix.row_entries(i).filter(|e| has_gaps || e.1 != T::of(0.0)) {
                    let entry = Triplet { row: (first + i) as u32, col: j as u32, value };
                    entries.push(entry);
                    weights.push(Triplet { value: weight, ..entry });
                }
            }
        }
        let sparse = |list| Sparse::from_triplets(m + more, n, list, Duplicates::KeepLast).map(|(sparse, _)| sparse);
        let entries = sparse(entries)?;
        if !has_gaps {
            return Ok(Matrix::Sparse(entries));
        }
        let is_weighted = [self, below].iter().any(|x| matches!(x, Matrix::Observed(Observed { weights: Some(_), .. })));
        let weights = if is_weighted { Some(sparse(weights)?) } else { None };
        Ok(Matrix::Observed(Observed { entries, weights }))
    }
}

/// Writes a matrix as a NumPy archive that [`read`](super::read) reads: one array `X` of dense data; `rows`, `cols`, `values` and `shape` of
/// all others, the entries that sparse data store or that are observed. Weights are not written.
///
/// # Errors
/// [`Error::Io`].
pub fn write_matrix(path: &Path, matrix: &Matrix<f64>) -> Result<(), Error> {
    let (m, n) = matrix.shape();
    if let Matrix::Dense(x) = matrix {
        return write_npz(path, &[("X", Array::new(vec![m, n], Numbers::F64(x.values().to_vec()))?)]);
    }
    let (mut rows, mut cols, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..m {
        for (j, x, _) in matrix.row_entries(i) {
            rows.push(i as u64);
            cols.push(j as u64);
            values.push(x);
        }
    }
    let list = |numbers: Numbers| Array::new(vec![numbers.len()], numbers);
    let arrays = [
        ("rows", list(Numbers::U64(rows))?),
        ("cols", list(Numbers::U64(cols))?),
        ("values", list(Numbers::F64(values))?),
        ("shape", list(Numbers::U64(vec![m as u64, n as u64]))?),
    ];
    write_npz(path, &arrays)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Missing, ReadOptions, read};

    fn list(entries: &[(u32, u32, f64)], rows: usize) -> Sparse {
        let entries = entries.iter().map(|&(row, col, value)| Triplet { row, col, value }).collect();
        Sparse::from_triplets(rows, 3, entries, Duplicates::Sum).unwrap().0
    }

    #[test]
    fn rows_of_every_kind_under_rows_of_every_kind_survive_the_file() {
        let dense = Matrix::Dense(Dense::new(1, 3, vec![1.0, 0.0, 2.0]).unwrap());
        let sparse = Matrix::Sparse(list(&[(0, 1, 3.0)], 2));
        let observed = Matrix::Observed(Observed { entries: list(&[(1, 2, 4.0), (0, 0, 0.0)], 2), weights: None });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.npz");
        for (above, below, stored, observed, missing) in [
            (&dense, &dense, 6, 6, Missing::Error),
            (&sparse, &dense, 3, 9, Missing::Zero),
            (&dense, &sparse, 3, 9, Missing::Zero),
            (&observed, &dense, 5, 5, Missing::Error),
            (&observed, &observed, 4, 4, Missing::Error),
        ] {
            let all = above.stacked(below).unwrap();
            let summary = all.summary();
            assert_eq!((summary.stored, summary.observed), (stored, observed));
            let m = above.shape().0;
            let row: Vec<_> = below.row_entries(0).filter(|e| e.1 != 0.0).collect();
            assert_eq!(all.row_entries(m).filter(|e| e.1 != 0.0).collect::<Vec<_>>(), row);
            write_matrix(&path, &all).unwrap();
            assert_eq!(read(&path, &ReadOptions { missing, ..ReadOptions::default() }).unwrap().matrix, all);
        }
        assert!(matches!(sparse.stacked(&observed), Err(Error::Parameter { .. })));
        assert!(matches!(dense.stacked(&Matrix::Dense(Dense::new(1, 2, vec![1.0; 2]).unwrap())), Err(Error::Shape { .. })));
    }
}
