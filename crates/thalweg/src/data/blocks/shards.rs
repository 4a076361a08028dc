//! A sparse or observed-only matrix in a folder: a record of it, and the blocks of its rows.

use super::block;
use super::write::Origin;
use crate::Error;
use crate::data::source::{Budget, printable, read_within};
use crate::data::{Csr, Matrix, Observed, Sparse};
use crate::linalg::Real;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The record's file: it is written last, so that a folder without it was not finished.
pub(super) const RECORD: &str = "shards.json";
/// Names of rows and columns, where there are any.
pub(super) const LABELS: &str = "labels.json";

/// What the entries that are not stored are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShardKind {
    /// Zeros.
    Sparse,
    /// Unknown.
    Observed,
    /// Unknown; those that are stored have a weight each.
    Weighted,
}

/// `shards.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// 1.
    pub schema: u32,
    pub kind: ShardKind,
    pub rows: usize,
    pub cols: usize,
    pub origin: Origin,
    pub blocks: Vec<BlockRecord>,
}

/// One block of rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BlockRecord {
    /// Its first row.
    pub first: usize,
    pub rows: usize,
    pub entries: usize,
    /// Of its file.
    pub crc32: u32,
}

/// `labels.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Labels {
    pub rows: Option<Vec<String>>,
    pub cols: Option<Vec<String>>,
}

/// A folder of shards.
#[derive(Debug)]
pub struct Shards {
    folder: PathBuf,
    record: Record,
    pub(super) ranges: Vec<Range<usize>>,
    /// Of the record, which has the checksum of every block.
    pub(in crate::data) sha256: String,
}

impl Shards {
    /// Whether a folder is one of shards, finished or not.
    pub fn is_at(folder: &Path) -> bool {
        folder.join(RECORD).is_file() || folder.join(block_name(0)).is_file()
    }

    /// Reads the record.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is missing or does not hold together, [`Error::Memory`] if it is longer than `max_memory`, [`Error::Io`].
    pub fn open(folder: &Path, max_memory: u64) -> Result<Self, Error> {
        let path = folder.join(RECORD);
        let malformed = |place: String, expected: &str, found: String| Error::Malformed {
            path: path.clone(),
            place,
            expected: expected.into(),
            found: printable(found),
        };
        if !path.exists() && folder.join(block_name(0)).exists() {
            return Err(malformed(
                "the file".into(),
                "a finished folder of shards (give the same `thalweg data shard` again)",
                "none: its writing was cut".into(),
            ));
        }
        let bytes = read_file(&path, max_memory)?;
        let record: Record = serde_json::from_slice(&bytes)
            .map_err(|e| malformed(format!("line {}, column {}", e.line(), e.column()), "a record of shards", e.to_string()))?;
        let sides = u32::MAX as usize;
        if record.schema != 1 || record.rows == 0 || record.cols == 0 || record.rows > sides || record.cols > sides {
            let expected = "schema 1 and sides from 1 to 4294967295";
            return Err(malformed("its start".into(), expected, format!("schema {}, {}x{}", record.schema, record.rows, record.cols)));
        }
        let mut end = 0;
        for (k, block) in record.blocks.iter().enumerate() {
            let follows = block.first == end && block.rows > 0 && block.rows <= record.rows - end;
            if !follows || block.entries as u128 > block.rows as u128 * record.cols as u128 {
                return Err(malformed(format!("block {k}"), "rows that follow the block before, and entries that fit them", format!("{block:?}")));
            }
            end += block.rows;
        }
        if end != record.rows {
            return Err(malformed("its blocks".into(), "all rows", format!("{end} of {}", record.rows)));
        }
        let ranges = record.blocks.iter().map(|block| block.first..block.first + block.rows).collect();
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Shards { folder: folder.to_owned(), record, ranges, sha256 })
    }

    /// (m, n).
    pub fn shape(&self) -> (usize, usize) {
        (self.record.rows, self.record.cols)
    }

    /// What is not stored.
    pub fn kind(&self) -> ShardKind {
        self.record.kind
    }

    /// Stored entries of each shard.
    pub(super) fn entries(&self) -> Vec<u64> {
        self.record.blocks.iter().map(|block| block.entries as u64).collect()
    }

    /// Stored entries.
    pub fn stored(&self) -> u64 {
        self.record.blocks.iter().map(|block| block.entries as u64).sum()
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.record.blocks.len()
    }

    /// What they were made from.
    pub fn origin(&self) -> &Origin {
        &self.record.origin
    }

    /// Names of rows and columns.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there are more or fewer than rows or columns, [`Error::Memory`], [`Error::Io`].
    pub fn labels(&self, max_memory: u64) -> Result<[Option<Vec<String>>; 2], Error> {
        let path = self.folder.join(LABELS);
        if !path.exists() {
            return Ok([None, None]);
        }
        let malformed = |found: String| Error::Malformed {
            path: path.clone(),
            place: "the file".into(),
            expected: "a name for each row, for each column, or none".into(),
            found: printable(found),
        };
        let labels: Labels = serde_json::from_slice(&read_file(&path, max_memory)?).map_err(|e| malformed(e.to_string()))?;
        for (names, side) in [(&labels.rows, self.record.rows), (&labels.cols, self.record.cols)] {
            if let Some(count) = names.as_ref().map(Vec::len).filter(|&count| count != side) {
                return Err(malformed(format!("{count} names for {side}")));
            }
        }
        Ok([labels.rows, labels.cols])
    }

    /// Bytes of the largest block in memory: its entries by row and by column.
    pub(super) fn block_bytes(&self, number: u64) -> u64 {
        let lists = if self.record.kind == ShardKind::Weighted { 2 } else { 1 };
        let of = |block: &BlockRecord| lists * (2 * (4 + number) * block.entries as u64 + 8 * (block.rows + 2 * self.record.cols) as u64);
        self.record.blocks.iter().map(of).max().unwrap_or(0)
    }

    /// Bytes of the whole matrix in memory, while it is put together.
    pub(in crate::data) fn bytes(&self) -> u64 {
        let lists = if self.record.kind == ShardKind::Weighted { 2 } else { 1 };
        lists * (2 * 12 * self.stored() + 8 * (self.record.rows + 2 * self.record.cols) as u64) + self.block_bytes(8)
    }

    /// The whole matrix.
    ///
    /// # Errors
    /// As those of reading a block.
    pub(in crate::data) fn whole(&self) -> Result<Matrix, Error> {
        let (mut entries, mut weights) = (Csr::of_no_rows(self.record.cols), Csr::of_no_rows(self.record.cols));
        for k in 0..self.record.blocks.len() {
            match self.read(k)? {
                Matrix::Observed(Observed { entries: below, weights: of_these }) => {
                    entries.append(&below.by_row);
                    of_these.iter().for_each(|below| weights.append(&below.by_row));
                }
                Matrix::Sparse(below) => entries.append(&below.by_row),
                Matrix::Dense(_) | Matrix::AllBut(_) => unreachable!("shards list entries"),
            }
        }
        let entries = Sparse::of_rows(entries);
        Ok(match self.record.kind {
            ShardKind::Sparse => Matrix::Sparse(entries),
            ShardKind::Observed => Matrix::Observed(Observed { entries, weights: None }),
            ShardKind::Weighted => Matrix::Observed(Observed { entries, weights: Some(Sparse::of_rows(weights)) }),
        })
    }

    pub(super) fn read<T: Real>(&self, k: usize) -> Result<Matrix<T>, Error> {
        let path = self.folder.join(block_name(k));
        let matrix = block::read(&path, &self.record.blocks[k], self.record.cols, self.record.kind == ShardKind::Sparse)?;
        let is_weighted = matches!(&matrix, Matrix::Observed(x) if x.weights.is_some());
        if is_weighted != (self.record.kind == ShardKind::Weighted) {
            let (expected, found) = (format!("{:?}", self.record.kind), if is_weighted { "weights" } else { "no weights" });
            return Err(Error::Malformed { path, place: "header".into(), expected, found: found.into() });
        }
        Ok(matrix)
    }
}

pub(super) fn block_name(k: usize) -> String {
    format!("{k:06}.rows")
}

fn read_file(path: &Path, max_memory: u64) -> Result<Vec<u8>, Error> {
    let fail = |source| Error::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(fail)?;
    let length = file.metadata().map_err(fail)?.len();
    // text and what it becomes
    read_within(file, length, &Budget::new(path, max_memory / 2), "the file", fail)
}
