//! Blocks of rows, in an order drawn anew for each pass over the data.

use crate::data::stream;
use rand::seq::SliceRandom;
use std::ops::Range;

/// How a run in blocks of rows goes through the data.
///
/// After each block V is moved by the normal equations of all rows seen so far ([`Statistics`](crate::problem::Statistics)), in which the
/// block's new share stands in the place of its old one. From the second pass on these are the equations of all of X, so that no move raises
/// the objective, and nothing decays: sums in which old rows only fade belong to no objective, and methods that use them stall above it.
///
/// Source: Mairal, Bach, Ponce, Sapiro (2010), JMLR 11, online dictionary learning with its remark on replacing the shares of old blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batches {
    /// Rows of a block.
    pub rows: usize,
    /// Seed of the order.
    pub seed: u64,
    /// The restart: each has an order of its own.
    pub trial: u64,
}

/// The streams of the orders: far from those of starts, masks and signs.
const ORDER_STREAM: u64 = 5 << 60;

impl Default for Batches {
    fn default() -> Self {
        Batches { rows: 1024, seed: 0, trial: 0 }
    }
}

impl Batches {
    /// The blocks of `count` rows in the order of this pass.
    pub(super) fn of_pass(self, count: usize, pass: u64) -> Vec<Range<usize>> {
        let size = self.rows.max(1);
        let mut blocks: Vec<Range<usize>> = (0..count).step_by(size).map(|first| first..count.min(first + size)).collect();
        // 2³² passes of each restart
        blocks.shuffle(&mut stream(self.seed, ORDER_STREAM.wrapping_add(self.trial << 32).wrapping_add(pass)));
        blocks
    }
}
