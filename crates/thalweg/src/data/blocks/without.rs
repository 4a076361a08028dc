//! Blocks of rows without some of their entries.

use crate::Error;
use crate::data::{Holdout, Matrix, RowBlocks, Triplet};
use crate::linalg::Real;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// A matrix without the entries that are held out of it.
pub struct WithoutEntries<T: Real> {
    blocks: Arc<dyn RowBlocks<T> + Send>,
    held: Arc<Holdout>,
}

impl<T: Real> WithoutEntries<T> {
    /// `held`: entries in order of their rows.
    pub fn new(blocks: Arc<dyn RowBlocks<T> + Send>, held: Arc<Holdout>) -> Self {
        WithoutEntries { blocks, held }
    }
}

impl<T: Real> RowBlocks<T> for WithoutEntries<T> {
    fn shape(&self) -> (usize, usize) {
        self.blocks.shape()
    }

    fn ranges(&self) -> &[Range<usize>] {
        self.blocks.ranges()
    }

    fn block(&self, k: usize) -> Result<Cow<'_, Matrix<T>>, Error> {
        let (rows, held) = (&self.ranges()[k], &self.held.entries);
        let at = |row: usize| held.partition_point(|e| (e.row as usize) < row);
        let of_block = &held[at(rows.start)..at(rows.end)];
        let places: Vec<Triplet<T>> = of_block.iter().map(|e| Triplet { row: e.row - rows.start as u32, col: e.col, value: T::of(0.0) }).collect();
        let block = self.blocks.block(k)?;
        if places.is_empty() { Ok(block) } else { block.into_owned().hiding(&places).map(Cow::Owned) }
    }
}
