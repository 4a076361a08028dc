//! Matrices and the files they come in.

mod digits;
mod format;
mod holdout;
mod matrix;
mod random;

pub use digits::digits;
pub use format::{Dataset, FORMATS, Format, ImageShape, Missing, Precision, ReadOptions, read};
pub use holdout::{Holdout, hold_out};
pub use matrix::{Csr, Dense, Duplicates, Matrix, Observed, Sparse, Summary, Triplet};
pub use random::stream;
