//! A weight for each entry.

use super::{Duplicates, Matrix, Observed, Sparse, Triplet};
use crate::Error;
use crate::linalg::Real;

impl<T: Real> Matrix<T> {
    /// The same data with the weight w(i, j) on each observed entry, times the weight that it has: an [`Observed`] of all of them, zeros of a
    /// sparse matrix included, since each weighs on its own.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for a weight that is no number or negative; [`Error::Shape`] if a side does not fit 32-bit indices.
    pub fn weighted(&self, weight: impl Fn(usize, usize) -> T) -> Result<Matrix<T>, Error> {
        let (m, n) = self.shape();
        let (mut entries, mut weights) = (Vec::new(), Vec::new());
        for row in 0..m {
            for (col, value, old) in self.observed_entries(row) {
                let new = weight(row, col);
                if !(new.f64() >= 0.0 && new.f64().is_finite()) {
                    return Err(Error::NotFinite { what: "the weights (non-negative numbers)", row, col, value: new.f64() });
                }
                let entry = Triplet { row: row as u32, col: col as u32, value };
                weights.push(Triplet { value: old * new, ..entry });
                entries.push(entry);
            }
        }
        let of = |list| Ok::<_, Error>(Sparse::from_triplets(m, n, list, Duplicates::KeepLast)?.0);
        Ok(Matrix::Observed(Observed { entries: of(entries)?, weights: Some(of(weights)?) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dense;

    #[test]
    fn every_entry_gets_its_weight_and_unstored_zeros_theirs() {
        let at = |row, col, value| Triplet { row, col, value };
        let sparse = Matrix::Sparse(Sparse::from_triplets(2, 2, vec![at(0, 1, 3.0), at(1, 0, 2.0)], Duplicates::Sum).unwrap().0);
        let dense = Matrix::Dense(Dense::new(2, 2, vec![0.0, 3.0, 2.0, 0.0]).unwrap());
        let rows = [0.5, 2.0];
        let weighted = dense.weighted(|i, _| rows[i]).unwrap();
        assert_eq!(sparse.weighted(|i, _| rows[i]).unwrap(), weighted);
        assert_eq!(weighted.row_entries(1).collect::<Vec<_>>(), [(0, 2.0, 2.0), (1, 0.0, 2.0)]);
        let again = weighted.weighted(|_, j| j as f64).unwrap();
        assert_eq!(again.row_entries(1).collect::<Vec<_>>(), [(0, 2.0, 0.0), (1, 0.0, 2.0)]);
        for bad in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(dense.weighted(|_, _| bad), Err(Error::NotFinite { row: 0, col: 0, .. })));
        }
    }
}
