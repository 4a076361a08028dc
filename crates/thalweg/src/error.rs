//! What can be wrong with an input, said before the first step is taken.

use std::path::PathBuf;

/// Bad input, with what was expected and what was found.
///
/// A limit that ends a run (`Status::MaxIters`, `Status::TimeLimit`) is not an error, and numbers that go bad during one are a
/// `Breakdown`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An array does not have the shape that its partners ask for.
    #[error("{what} has shape {}x{}, expected {}x{}", got.0, got.1, expected.0, expected.1)]
    Shape {
        /// The array.
        what: &'static str,
        /// Rows and columns it should have.
        expected: (usize, usize),
        /// Rows and columns it has.
        got: (usize, usize),
    },
    /// The rank is 0 or larger than the smaller side of the matrix.
    #[error("rank {rank} does not fit a {rows}x{cols} matrix: it must be between 1 and {}", (*rows).min(*cols))]
    Rank {
        /// The rank asked for.
        rank: usize,
        /// Rows of the data.
        rows: usize,
        /// Columns of the data.
        cols: usize,
    },
    /// A factorisation into non-negative factors was asked of data with a negative entry.
    #[error("negative entry {value} at row {}, column {}: non-negative factors cannot reach it; clip or shift the data first", row + 1, col + 1)]
    Negative {
        /// First row (from 0) that holds one.
        row: usize,
        /// Its column (from 0).
        col: usize,
        /// The value.
        value: f64,
    },
    /// A factor with an entry that the problem does not allow.
    #[error("{what} holds {value} at row {}, column {}: {expected}", row + 1, col + 1)]
    Outside {
        /// The factor.
        what: &'static str,
        /// First row (from 0) that holds one.
        row: usize,
        /// Its column (from 0).
        col: usize,
        /// The value.
        value: f64,
        /// What its entries must be.
        expected: &'static str,
    },
    /// A NaN or an infinity where a number is needed.
    #[error("{what} holds {value} at row {}, column {}: a finite number is needed", row + 1, col + 1)]
    NotFinite {
        /// The array.
        what: &'static str,
        /// First row (from 0) that holds one.
        row: usize,
        /// Its column (from 0).
        col: usize,
        /// The value.
        value: f64,
    },
    /// There is nothing to work on.
    #[error("{what}: {why}")]
    Empty {
        /// The array.
        what: &'static str,
        /// What is missing.
        why: &'static str,
    },
    /// Values so large or small that their squares leave the floating-point range.
    #[error("the largest entry is {largest:e}: its square leaves the range of the {precision} arithmetic; rescale the data by a power of two")]
    Range {
        /// Largest absolute value.
        largest: f64,
        /// `f32` or `f64`.
        precision: &'static str,
    },
    /// A divergence that is infinite at zeros was asked of data with an observed zero.
    #[error(
        "0 at row {}, column {}: the loss \"{loss}\" is infinite there, whatever is fitted; read zeros as unobserved (--missing absent), or use kl",
        row + 1, col + 1
    )]
    InfiniteLoss {
        /// The loss.
        loss: String,
        /// First row (from 0) that holds a zero.
        row: usize,
        /// Its column (from 0).
        col: usize,
    },
    /// A loss for which each zero has its own term was asked of sparse data whose zeros are not stored.
    #[error(
        "{zeros} zeros are not stored, and under the loss \"{loss}\" each needs its own work: use kl or frobenius, which sum them all at once, \
         read zeros as unobserved (--missing absent), or give a dense matrix"
    )]
    UnstoredZeros {
        /// The loss.
        loss: String,
        /// How many.
        zeros: u64,
    },
    /// A setting is outside what it may be.
    #[error("{name} is {got}, expected {expected}")]
    Parameter {
        /// The setting.
        name: &'static str,
        /// What it may be.
        expected: String,
        /// What it was.
        got: String,
    },
    /// A file's content is not what its format promises.
    #[error("{}: {place}: expected {expected}, found {found}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, record, array or byte where it went wrong.
        place: String,
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// Reading the file would take more memory than allowed.
    #[error("{}: {what} needs {needed} bytes, over the limit of {limit} bytes (--max-memory)", path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// The part that is too large.
        what: String,
        /// Bytes it would take.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// Another rank of a distributed run could not do its part, and says why.
    #[error("rank {rank} of the run has ended before its part was done")]
    Peer {
        /// Its number among the ranks.
        rank: usize,
    },
    /// The operating system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
}
