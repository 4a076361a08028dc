//! A file or folder as blocks of rows.

use super::npy::NpyRows;
use super::shards::{ShardKind, Shards};
use crate::Error;
use crate::comm::{balanced_parts, equal_parts};
use crate::data::{BlocksInMemory, Matrix, Precision, ReadOptions, RowBlocks};
use crate::linalg::Real;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A matrix in a `.npy` file or in shards, of which a block of rows is in memory at a time.
#[derive(Debug)]
pub struct OnDisk {
    path: PathBuf,
    store: Store,
    ranges: Vec<Range<usize>>,
    sha256: String,
    /// Blocks that were read.
    reads: AtomicU64,
}

#[derive(Debug)]
enum Store {
    Npy(NpyRows),
    Shards(Shards),
}

/// Bytes of a block of a dense matrix in double precision, unless a fraction of the memory is less.
const BLOCK_BYTES: u64 = 32 << 20;

/// That fraction.
const OF_MEMORY: u64 = 16;

impl OnDisk {
    /// Opens a `.npy` array of two dimensions in C order (with `transpose` in Fortran order), or a folder of shards.
    ///
    /// `max_memory` decides how many rows a block of an array has, below what is worth having; shards are as they were cut.
    ///
    /// # Errors
    /// [`Error::Parameter`] for options that need the whole matrix, and for other files; [`Error::Malformed`], [`Error::Memory`], [`Error::Io`].
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, Error> {
        let ReadOptions { max_memory, transpose, missing, .. } = *options;
        if *options != (ReadOptions { max_memory, transpose, missing, ..ReadOptions::default() }) {
            let expected = "only --transpose of an array in Fortran order: everything else is asked of `thalweg data shard`".to_owned();
            return Err(Error::Parameter { name: "reading block by block", expected, got: "other options of reading".into() });
        }
        if Shards::is_at(path) {
            return Self::of_shards(path, options);
        }
        path.metadata().map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let is_npy = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("npy"));
        if !is_npy || path.is_dir() {
            let expected = "a .npy file, or a folder made by `thalweg data shard FILE -o DIR`".to_owned();
            return Err(Error::Parameter { name: "the input of --stream", expected, got: path.display().to_string() });
        }
        let rows = NpyRows::open(path, transpose)?;
        let (m, n) = rows.shape;
        let count = (BLOCK_BYTES.min(max_memory / OF_MEMORY) / (8 * n as u64)).max(1) as usize;
        let ranges = (0..m).step_by(count).map(|first| first..m.min(first + count)).collect();
        Ok(OnDisk { path: path.to_owned(), store: Store::Npy(rows), ranges, sha256: sha256_of(path)?, reads: AtomicU64::new(0) })
    }

    fn of_shards(path: &Path, options: &ReadOptions) -> Result<Self, Error> {
        if options.transpose {
            let expected = "asked of `thalweg data shard` when they are made".to_owned();
            return Err(Error::Parameter { name: "transpose of shards", expected, got: "--transpose".into() });
        }
        let shards = Shards::open(path, options.max_memory)?;
        let (ranges, sha256) = (shards.ranges.clone(), shards.sha256.clone());
        Ok(OnDisk { path: path.to_owned(), store: Store::Shards(shards), ranges, sha256, reads: AtomicU64::new(0) })
    }

    /// (m, n).
    pub fn shape(&self) -> (usize, usize) {
        match &self.store {
            Store::Npy(rows) => rows.shape,
            Store::Shards(shards) => shards.shape(),
        }
    }

    /// dense, sparse, observed or weighted.
    pub fn kind(&self) -> &'static str {
        match &self.store {
            Store::Npy(_) => "dense",
            Store::Shards(shards) => match shards.kind() {
                ShardKind::Sparse => "sparse",
                ShardKind::Observed => "observed",
                ShardKind::Weighted => "weighted",
            },
        }
    }

    /// What one of several ranks holds: the k-th of so many equal parts of the rows of an array, or whole shards with an equal part of the
    /// entries; of them, these columns.
    ///
    /// # Errors
    /// Those of reading that part; of an array nothing else is read.
    pub fn part<T: Real>(&self, share: (usize, usize), columns: Range<usize>) -> Result<BlocksInMemory<'static, T>, Error> {
        let blocks = match &self.store {
            Store::Npy(rows) => vec![Matrix::Dense(rows.read(&self.path, self.share(share), columns.clone())?)],
            Store::Shards(shards) => {
                let chosen: Vec<usize> = columns.clone().collect();
                let read = |k: usize| -> Result<Matrix<T>, Error> {
                    let block = shards.read(k)?;
                    if chosen.len() == self.shape().1 { Ok(block) } else { block.selected(&(0..block.shape().0).collect::<Vec<_>>(), &chosen) }
                };
                self.share(share).map(read).collect::<Result<_, Error>>()?
            }
        };
        BlocksInMemory::stacked(blocks, columns.len())
    }

    /// Rows of an array, or shards.
    fn share(&self, (k, count): (usize, usize)) -> Range<usize> {
        match &self.store {
            Store::Npy(rows) => equal_parts(rows.shape.0, count).swap_remove(k),
            Store::Shards(shards) => balanced_parts(&shards.entries(), count).swap_remove(k),
        }
    }

    /// What the columns of such a share weigh where they are divided: all the same in an array, else by their entries, for which the shards of the
    /// share are read.
    ///
    /// # Errors
    /// Those of reading them.
    pub fn column_weights(&self, share: (usize, usize)) -> Result<Vec<usize>, Error> {
        let mut weights = vec![0; self.shape().1];
        match &self.store {
            Store::Npy(_) => weights.fill(1),
            Store::Shards(shards) => {
                for k in self.share(share) {
                    let counts = shards.read::<f64>(k)?.stored_counts().1;
                    weights.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                }
            }
        }
        Ok(weights)
    }

    /// The shards, if it is a folder of them.
    pub fn shards(&self) -> Option<&Shards> {
        match &self.store {
            Store::Npy(_) => None,
            Store::Shards(shards) => Some(shards),
        }
    }

    /// Of the numbers in the file.
    pub fn precision(&self) -> Precision {
        match &self.store {
            Store::Npy(rows) => rows.precision(),
            Store::Shards(shards) => shards.origin().precision,
        }
    }

    /// SHA-256 of the array's file, or of the record of the shards, which has the checksum of each.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Bytes of its largest block in memory, in this precision.
    pub fn block_bytes(&self, precision: Precision) -> u64 {
        let number = if precision == Precision::F32 { 4 } else { 8 };
        match &self.store {
            Store::Npy(rows) => self.ranges.iter().map(Range::len).max().unwrap_or(0) as u64 * rows.shape.1 as u64 * number,
            Store::Shards(shards) => shards.block_bytes(number),
        }
    }

    /// Passes over the data so far: blocks that were read for each that there is.
    pub fn passes(&self) -> f64 {
        self.reads.load(Ordering::Relaxed) as f64 / self.ranges.len() as f64
    }
}

impl<T: Real> RowBlocks<T> for OnDisk {
    fn shape(&self) -> (usize, usize) {
        self.shape()
    }

    fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    fn block(&self, k: usize) -> Result<Cow<'_, Matrix<T>>, Error> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(Cow::Owned(match &self.store {
            Store::Npy(rows) => Matrix::Dense(rows.read(&self.path, self.ranges[k].clone(), 0..rows.shape.1)?),
            Store::Shards(shards) => shards.read(k)?,
        }))
    }
}

fn sha256_of(path: &Path) -> Result<String, Error> {
    let fail = |source| Error::Io { path: path.to_owned(), source };
    let (mut file, mut sum) = (File::open(path).map_err(fail)?, Sha256::new());
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece).map_err(fail)? {
            0 => break,
            count => sum.update(&piece[..count]),
        }
    }
    Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
