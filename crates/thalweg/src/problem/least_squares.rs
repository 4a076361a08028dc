//! What solvers need of a least-squares problem, wherever its rows are.

use super::{Constraints, Nmf, RowSeparable};
use crate::Error;
use crate::data::Summary;
use crate::linalg::Real;

/// ½ Σ w (X − UVᵀ)² with constraints and penalty: [`Nmf`] for data in memory, [`Blocked`](super::Blocked) for those held as blocks of rows
/// by one rank or several.
///
/// The factors of a rank are U of the rows that it holds and all of V, which is the same on every rank.
pub trait LeastSquares<T: Real>: RowSeparable<T> {
    /// Sums over the observed entries of all of X.
    fn summary(&self) -> &Summary;

    /// What the factors may be.
    fn constraints(&self) -> &Constraints;

    /// Which rows of X are held here.
    fn rows_here(&self) -> RowsHere;

    /// Observed entries in each row that is held here, and in each column of all of X.
    fn observed_counts(&self) -> (Vec<usize>, Vec<usize>);

    /// The problem as one of data that are all in memory, if they are.
    fn in_memory(&self) -> Option<&Nmf<'_, T>>;

    /// What has ended the work on the data, if something has: a file that cannot be read any more, a rank that is gone.
    ///
    /// From then on every measure is NaN, on all ranks alike.
    fn failure(&self) -> Option<&Error> {
        None
    }
}

/// Rows of X that are held by one rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowsHere {
    /// The number of the first in X.
    pub first: usize,
    /// How many.
    pub count: usize,
    /// m, of all ranks.
    pub all: usize,
}
