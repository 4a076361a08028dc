//! Full data with a few entries hidden.

use super::{Duplicates, Matrix, Observed, Sparse, Triplet};
use crate::Error;
use crate::linalg::Real;

/// Every entry is given (those that a sparse matrix does not store are 0) but a few, which are unknown.
///
/// Sums over what is observed are sums over everything less those over the hidden entries: with X⁰ = X where it is observed and 0 elsewhere,
///
/// ```text
/// Σ_observed f(x, p) = Σ_all f(x⁰, p) − Σ_hidden f(0, p)
/// Gᵢ = VᵀV − Σ_{j hidden in row i} vⱼᵀvⱼ,  C = X⁰V
/// ```
///
/// so that the cost of a row's equations grows with what is hidden, not with what is given, and zeros of a sparse matrix are never stored.
#[derive(Debug, Clone, PartialEq)]
pub struct AllBut<T = f64> {
    /// X⁰: dense, or sparse and not stored at the hidden entries.
    full: Box<Matrix<T>>,
    hidden: Observed<T>,
}

/// The part of the entries up to which hiding them is cheaper than listing the others.
///
/// Per row of n entries, h of them hidden: h outer products and a matrix product against n − h outer products.
const FEW: f64 = 0.4;

impl<T: Real> AllBut<T> {
    /// Whether so many of all entries are few enough to be hidden rather than to list the others.
    pub(super) fn are_few(hidden: usize, shape: (usize, usize)) -> bool {
        hidden as f64 <= FEW * shape.0 as f64 * shape.1 as f64
    }

    /// X⁰, dense or sparse.
    pub fn full(&self) -> &Matrix<T> {
        &self.full
    }

    /// The hidden entries, as if zeros were observed there: what is to be taken out.
    pub fn hidden(&self) -> &Observed<T> {
        &self.hidden
    }

    /// Replaces each value that is stored and observed by a function of it.
    pub(super) fn change_values(&mut self, f: &dyn Fn(T) -> T) {
        self.full.change_values(f);
        if let Matrix::Dense(x) = self.full.as_mut() {
            let n = x.view().ncols();
            for i in 0..self.hidden.entries.by_row.rows() {
                self.hidden.entries.by_row.row(i).0.iter().for_each(|&j| x.values_mut()[i * n + j as usize] = T::of(0.0));
            }
        }
    }

    pub(super) fn cast<S: Real>(&self) -> AllBut<S> {
        AllBut { full: Box::new(self.full.cast()), hidden: self.hidden.cast() }
    }
}

impl<T: Real> Matrix<T> {
    /// X⁰ and the hidden entries, where there are some; any other matrix and none.
    pub fn full_and_hidden(&self) -> (&Matrix<T>, Option<&Observed<T>>) {
        match self {
            Matrix::AllBut(x) => (x.full(), Some(x.hidden())),
            _ => (self, None),
        }
    }

    /// The same data without these entries, which are unknown from now on.
    ///
    /// Few hidden entries of full data make an [`AllBut`]; more of them, or entries of observed-only data, leave an [`Observed`].
    /// `positions`: in any order; their values do not count. Positions that are unknown already stay so.
    ///
    /// # Errors
    /// [`Error::Shape`] if a position lies outside, or a side does not fit 32-bit indices.
    pub fn hiding(self, positions: &[Triplet<T>]) -> Result<Matrix<T>, Error> {
        let (m, n) = self.shape();
        let (_, known) = self.full_and_hidden();
        let zeros = positions.iter().map(|e| Triplet { value: T::of(0.0), ..*e });
        let all = known.map_or(Vec::new(), |h| h.entries.triplets()).into_iter().chain(zeros).collect();
        let (hidden, _) = Sparse::from_triplets(m, n, all, Duplicates::KeepLast)?;
        let is_hidden = |i: usize, j: usize| hidden.by_row.row(i).0.binary_search(&(j as u32)).is_ok();
        match self {
            Matrix::Dense(mut x) if AllBut::<T>::are_few(hidden.by_row.stored(), (m, n)) => {
                for i in 0..m {
                    hidden.by_row.row(i).0.iter().for_each(|&j| x.values_mut()[i * n + j as usize] = T::of(0.0));
                }
                let hidden = Observed { entries: hidden, weights: None };
                Ok(Matrix::AllBut(AllBut { full: Box::new(Matrix::Dense(x)), hidden }))
            }
            Matrix::Sparse(x) if AllBut::<T>::are_few(hidden.by_row.stored(), (m, n)) => {
                let x = Sparse::of_rows(x.by_row.without(&hidden.by_row));
                let hidden = Observed { entries: hidden, weights: None };
                Ok(Matrix::AllBut(AllBut { full: Box::new(Matrix::Sparse(x)), hidden }))
            }
            // the full matrix again, with all that is hidden now
            Matrix::AllBut(x) => x.full.hiding(&hidden.triplets()),
            Matrix::Observed(x) => {
                let left = |list: Sparse<T>| Sparse::of_rows(list.by_row.without(&hidden.by_row));
                Ok(Matrix::Observed(Observed { entries: left(x.entries), weights: x.weights.map(left) }))
            }
            data @ (Matrix::Dense(_) | Matrix::Sparse(_)) => {
                let mut kept = Vec::new();
                for i in 0..m {
                    let left = data.observed_entries(i).filter(|&(j, ..)| !is_hidden(i, j));
                    kept.extend(left.map(|(j, value, _)| Triplet { row: i as u32, col: j as u32, value }));
                }
                let (entries, _) = Sparse::from_triplets(m, n, kept, Duplicates::KeepLast)?;
                Ok(Matrix::Observed(Observed { entries, weights: None }))
            }
        }
    }

    /// Whether some zeros are entries that are not stored.
    pub fn has_unstored_zeros(&self) -> bool {
        matches!(self.full_and_hidden().0, Matrix::Sparse(_))
    }

    /// Every observed entry of row i, as (column, value, weight), zeros that are not stored included.
    pub fn observed_entries(&self, i: usize) -> Box<dyn Iterator<Item = (usize, T, T)> + '_> {
        if !self.has_unstored_zeros() {
            return self.row_entries(i);
        }
        let (n, one) = (self.shape().1, T::of(1.0));
        let hidden = self.full_and_hidden().1.map_or(&[][..], |h| h.entries.by_row.row(i).0);
        let (mut stored, mut hidden) = (self.row_entries(i).peekable(), hidden.iter().peekable());
        Box::new((0..n).filter_map(move |j| match (hidden.next_if(|&&h| h as usize == j), stored.next_if(|e| e.0 == j)) {
            (Some(_), _) => None,
            (None, entry) => Some(entry.unwrap_or((j, T::of(0.0), one))),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dense;

    fn at(row: u32, col: u32, value: f64) -> Triplet {
        Triplet { row, col, value }
    }

    fn all(data: &Matrix) -> Vec<(usize, usize, f64)> {
        (0..data.shape().0).flat_map(|i| data.observed_entries(i).map(move |(j, x, _)| (i, j, x)).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn what_is_hidden_is_gone_and_the_rest_is_there() -> Result<(), Error> {
        let values = [1.0, 0.0, 3.0, 0.0, 5.0, 6.0];
        let dense = Matrix::Dense(Dense::new(2, 3, values.to_vec())?);
        let stored = vec![at(0, 0, 1.0), at(0, 2, 3.0), at(1, 1, 5.0), at(1, 2, 6.0)];
        let sparse = Matrix::Sparse(Sparse::from_triplets(2, 3, stored, Duplicates::Sum)?.0);
        for data in [&dense, &sparse] {
            let once = data.clone().hiding(&[at(1, 1, 9.0)])?;
            let twice = once.hiding(&[at(0, 1, 9.0), at(1, 1, 9.0)])?;
            assert!(matches!(twice, Matrix::AllBut(_)));
            assert_eq!(all(&twice), [(0, 0, 1.0), (0, 2, 3.0), (1, 0, 0.0), (1, 2, 6.0)]);
            assert_eq!(twice.observed_counts(), (vec![2, 2], vec![2, 0, 2]));
            let summary = twice.summary();
            assert_eq!((summary.observed, summary.norm_squared, summary.mean, summary.min), (4, 46.0, 2.5, 0.0));
            let most = twice.clone().hiding(&[at(0, 0, 0.0), at(0, 2, 0.0)])?;
            assert!(matches!(most, Matrix::Observed(_)));
            assert_eq!(all(&most), [(1, 0, 0.0), (1, 2, 6.0)]);
        }
        let of_both = [&dense, &sparse].map(|data| data.clone().hiding(&[at(1, 1, 0.0)]).map(|data| data.summary().sd));
        assert!(matches!(of_both, [Ok(a), Ok(b)] if a == b), "{of_both:?}");
        assert!(matches!(dense.hiding(&[at(2, 0, 0.0)]), Err(Error::Shape { .. })));
        Ok(())
    }
}
