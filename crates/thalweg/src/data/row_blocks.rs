//! placeholder until the seam is merged
use super::Matrix;
use crate::Error;
use crate::linalg::Real;
use std::borrow::Cow;
use std::ops::Range;

/// A matrix held as blocks of rows, one at a time in memory.
pub trait RowBlocks<T: Real>: Sync {
    /// (rows held here, n).
    fn shape(&self) -> (usize, usize);
    /// The rows of each block, ascending, covering all.
    fn ranges(&self) -> &[Range<usize>];
    /// Block k.
    ///
    /// # Errors
    /// As its source.
    fn block(&self, k: usize) -> Result<Cow<'_, Matrix<T>>, Error>;
}
