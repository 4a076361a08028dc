//! Matrices and the files they come in.

mod all_but;
mod arrays;
mod atomic;
mod blocks;
mod catalogue;
mod digits;
mod format;
mod holdout;
mod instance;
mod matrix;
mod planted;
mod random;
mod row_blocks;
mod rpca_instance;
mod select;
mod source;
mod sparse;
mod sparse_instance;
mod spelling;
mod stack;
mod summary;
mod values;
mod weighted;

pub use all_but::AllBut;
pub use arrays::{Array, Numbers, read_factors, read_npz, write_factors, write_npz};
pub use atomic::{remove_leftovers, write_atomically};
pub use blocks::{OnDisk, Origin, ReadAhead, ShardKind, ShardWriter, Shards, WithoutEntries, shard};
pub use catalogue::{Entry, catalogue};
pub use digits::{digits, digits_file};
pub use format::{
    Dataset, FORMATS, Format, ImageShape, Layout, Missing, Negative, Precision, ReadOptions, Scale, Stft, Unpacked, Weights, read, read_table, unpack,
};
pub use holdout::{Holdout, hold_out, hold_out_again, hold_out_of_blocks};
pub use instance::{INSTANCE_KINDS, Instance, InstanceKind, Kept, Measurements, read_instance, read_instance_keeping};
pub use matrix::{Dense, Matrix, Observed};
pub use planted::{LAWS, Law, planted_factors, planted_ratings, with_noise};
pub use random::stream;
pub use row_blocks::{BlocksInMemory, RowBlocks};
pub use rpca_instance::{RobustPcaInstance, read_rpca_instance};
pub use sparse::{Csr, Duplicates, Sparse, Triplet};
pub use sparse_instance::{SparseInstance, planted_sparse, read_sparse_instance};
pub use spelling::{did_you_mean, nearest_name};
pub use stack::write_matrix;
pub use summary::Summary;
pub use values::Owner;
