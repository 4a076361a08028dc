//! Robust PCA of a table whose rows are spread over ranks.

use super::robust_pca::{Seen, check_content, seen, weight};
use crate::Error;
use crate::comm::Comm;

/// The problem of [`RobustPca`](super::RobustPca) where each of P ranks holds some rows of Y, or of Yᵀ where Y is wide, ranks in the order of
/// rows: m×n with m ≥ n.
#[derive(Clone)]
pub struct RobustPcaRows<'a> {
    comm: &'a dyn Comm,
    counts: Vec<usize>,
    cols: usize,
    /// Row-major; NaN where nothing was observed.
    y: Vec<f64>,
    lambda: f64,
    largest: f64,
}

impl<'a> RobustPcaRows<'a> {
    /// `y`: the rows of this rank, row-major, NaN where an entry was not observed; λ is [`default_lambda`](super::default_lambda) of the whole
    /// unless given. To be called by all ranks alike.
    ///
    /// # Errors
    /// As [`RobustPca::new`](super::RobustPca::new), of the rows that are here; [`Error::Shape`] if all rows are fewer than the columns;
    /// [`Error::Peer`] if another rank has one of these.
    pub fn new(comm: &'a dyn Comm, cols: usize, y: Vec<f64>, lambda: Option<f64>) -> Result<Self, Error> {
        let shape_error = || Error::Shape { what: "the rows of a rank", expected: (y.len().div_ceil(cols.max(1)), cols), got: (y.len(), 1) };
        let count = y.len().checked_div(cols).filter(|count| count * cols == y.len()).ok_or_else(shape_error);
        let counts: Vec<usize> = comm.agree(count.map(|count| [count as f64]))?.iter().map(|one| one[0] as usize).collect();
        let rows = counts.iter().sum();
        if rows < cols {
            return Err(Error::Shape { what: "a table with its long side as rows", expected: (cols, rows), got: (rows, cols) });
        }
        let lambda = weight(lambda, rows, cols)?;
        let first = counts[..comm.rank()].iter().sum();
        let own = seen(&y, cols, first).map(|seen| [f64::from(u8::from(seen.is_observed)), seen.largest]);
        let all = comm.agree(own)?;
        let largest = all.iter().fold(0.0, |most: f64, one| most.max(one[1]));
        check_content(&Seen { is_observed: all.iter().any(|one| one[0] > 0.0), largest })?;
        Ok(RobustPcaRows { comm, counts, cols, y, lambda, largest })
    }

    /// (m, n) of all ranks.
    pub fn shape(&self) -> (usize, usize) {
        (self.counts.iter().sum(), self.cols)
    }

    /// The ranks that hold the table.
    pub fn comm(&self) -> &'a dyn Comm {
        self.comm
    }

    /// How many rows each rank holds.
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// The rows that are here, row-major.
    pub fn data(&self) -> &[f64] {
        &self.y
    }

    /// λ.
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// max |Y| over all ranks.
    pub fn largest(&self) -> f64 {
        self.largest
    }
}
