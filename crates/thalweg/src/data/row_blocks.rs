//! A matrix held as blocks of rows.

use super::Matrix;
use crate::Error;
use crate::linalg::Real;
use std::borrow::Cow;
use std::ops::Range;

/// A matrix of which one block of rows is in memory at a time: from a file, from a network, or from memory.
pub trait RowBlocks<T: Real>: Sync {
    /// (m, n).
    fn shape(&self) -> (usize, usize);

    /// The rows of each block: ascending, and all of them.
    fn ranges(&self) -> &[Range<usize>];

    /// Block `k`, with as many rows as its range has, and n columns.
    ///
    /// # Errors
    /// Those of reading it, again and again.
    fn block(&self, k: usize) -> Result<Cow<'_, Matrix<T>>, Error>;
}

/// Blocks that are all in memory.
#[derive(Debug)]
pub struct BlocksInMemory<'a, T: Real> {
    shape: (usize, usize),
    ranges: Vec<Range<usize>>,
    blocks: Vec<Cow<'a, Matrix<T>>>,
}

impl<'a, T: Real> BlocksInMemory<'a, T> {
    /// A matrix as the one block of itself.
    pub fn whole(matrix: &'a Matrix<T>) -> Self {
        let shape = matrix.shape();
        BlocksInMemory { shape, ranges: std::iter::once(0..shape.0).collect(), blocks: vec![Cow::Borrowed(matrix)] }
    }

    /// A copy of these rows and columns of a matrix, in blocks of so many rows.
    ///
    /// # Errors
    /// [`Error::Shape`] if it has no such rows or columns, [`Error::Parameter`] for blocks of no rows.
    pub fn cut(matrix: &Matrix<T>, (rows, columns): (Range<usize>, Range<usize>), block_rows: usize) -> Result<Self, Error> {
        if block_rows == 0 {
            return Err(Error::Parameter { name: "rows of a block", expected: "one at least".into(), got: "0".into() });
        }
        let columns: Vec<usize> = columns.collect();
        let starts: Vec<usize> = (0..rows.len()).step_by(block_rows).collect();
        let ranges: Vec<Range<usize>> = starts.into_iter().map(|first| first..rows.len().min(first + block_rows)).collect();
        let cut = |range: &Range<usize>| {
            let numbers: Vec<usize> = range.clone().map(|row| rows.start + row).collect();
            matrix.selected(&numbers, &columns).map(Cow::Owned)
        };
        let blocks = ranges.iter().map(cut).collect::<Result<_, Error>>()?;
        Ok(BlocksInMemory { shape: (rows.len(), columns.len()), ranges, blocks })
    }

    /// Bytes that they take in memory.
    pub fn bytes(&self) -> u64 {
        self.blocks.iter().map(|block| block.bytes()).sum()
    }

    /// The same numbers in another precision.
    pub fn cast<S: Real>(&self) -> BlocksInMemory<'static, S> {
        let blocks = self.blocks.iter().map(|block| Cow::Owned(block.cast())).collect();
        BlocksInMemory { shape: self.shape, ranges: self.ranges.clone(), blocks }
    }

    /// Blocks one below the other, of `cols` columns.
    ///
    /// # Errors
    /// [`Error::Shape`] for one of another width.
    pub fn stacked(matrices: Vec<Matrix<T>>, cols: usize) -> Result<Self, Error> {
        let (mut ranges, mut rows) = (Vec::new(), 0);
        for block in &matrices {
            if block.shape().1 != cols {
                return Err(Error::Shape { what: "a block of rows", expected: (block.shape().0, cols), got: block.shape() });
            }
            ranges.push(rows..rows + block.shape().0);
            rows += block.shape().0;
        }
        Ok(BlocksInMemory { shape: (rows, cols), ranges, blocks: matrices.into_iter().map(Cow::Owned).collect() })
    }
}

impl<T: Real> RowBlocks<T> for BlocksInMemory<'_, T> {
    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    fn block(&self, k: usize) -> Result<Cow<'_, Matrix<T>>, Error> {
        Ok(Cow::Borrowed(&self.blocks[k]))
    }
}
