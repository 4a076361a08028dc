//! What solvers need of a least-squares problem, wherever its rows are.

use super::{Constraints, Nmf, RowSeparable};
use crate::data::Summary;
use crate::linalg::Real;
use crate::{Error, Side};

/// ½ Σ w (X − UVᵀ)² with constraints and penalty: [`Nmf`] for data in memory, [`Blocked`](super::Blocked) for those held as blocks of rows
/// by one rank or several.
///
/// The factors of a rank are the rows of U and of V that belong to the rows and columns of X of which it holds the entries; every rank that
/// holds the same has the same bits. Where ranks hold whole rows of X, that is all of V.
pub trait LeastSquares<T: Real>: RowSeparable<T> {
    /// Sums over the observed entries of all of X.
    fn summary(&self) -> &Summary;

    /// What the factors may be.
    fn constraints(&self) -> &Constraints;

    /// Which rows of the `side` factor are held here.
    fn rows_here(&self, side: Side) -> RowsHere;

    /// Observed entries of X in each row of which U is held here, and in each column of which V is.
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

/// Rows of a factor that are held by one rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowsHere {
    /// The number of the first in the whole factor.
    pub first: usize,
    /// How many.
    pub count: usize,
    /// m or n, of all ranks.
    pub all: usize,
}
