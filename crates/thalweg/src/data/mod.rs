//! Matrices and the files they come in.

mod arrays;
mod atomic;
mod digits;
mod format;
mod holdout;
mod matrix;
mod planted;
mod random;
mod source;

pub use arrays::{Array, Numbers, read_factors, read_npz, write_factors, write_npz};
pub use atomic::{remove_leftovers, write_atomically};
pub use digits::digits;
pub use format::{Dataset, FORMATS, Format, ImageShape, Layout, Missing, Precision, ReadOptions, read};
pub use holdout::{Holdout, hold_out, hold_out_again};
pub use matrix::{Csr, Dense, Duplicates, Matrix, Observed, Sparse, Summary, Triplet};
pub use planted::{LAWS, Law, planted_factors};
pub use random::stream;
