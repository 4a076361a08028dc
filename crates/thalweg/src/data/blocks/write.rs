//! Writing shards: rows in, blocks of them out.

use super::block::Gathered;
use super::shards::{BlockRecord, LABELS, Labels, RECORD, Record, ShardKind, block_name};
use crate::Error;
use crate::data::{Matrix, Observed, Precision, write_atomically};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
use std::mem::take;
use std::path::{Path, PathBuf};

/// Bytes of the entries of a block, up to a row: large enough that what a block costs beside them is small, small enough for two in memory.
const BLOCK_BYTES: u64 = 32 << 20;

/// Writes a folder of shards, row by row. The record comes last: what is cut before is not taken for whole.
#[derive(Debug)]
pub struct ShardWriter {
    folder: PathBuf,
    cols: usize,
    kind: ShardKind,
    block_bytes: usize,
    rows: usize,
    gathered: Gathered,
    blocks: Vec<BlockRecord>,
}

impl ShardWriter {
    /// Creates the folder.
    ///
    /// # Errors
    /// [`Error::Io`], of kind [`io::ErrorKind::AlreadyExists`] if there is something in it that a finished or a cut writing did not leave.
    pub fn create(folder: &Path, cols: usize, kind: ShardKind, max_memory: u64) -> Result<Self, Error> {
        let fail = |source| Error::Io { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(fail)?;
        let is_ours = |name: &str| name.ends_with(".rows") || name.ends_with(".tmp") || name == LABELS;
        let mut cut = Vec::new();
        for entry in fs::read_dir(folder).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            if !is_ours(&name) {
                return Err(fail(io::Error::new(io::ErrorKind::AlreadyExists, format!("{name} is there already"))));
            }
            cut.extend(name.ends_with(".rows").then_some(path));
        }
        cut.iter().try_for_each(|path| fs::remove_file(path).map_err(fail))?;
        let block_bytes = BLOCK_BYTES.min(max_memory / 8) as usize;
        Ok(ShardWriter { folder: folder.to_owned(), cols, kind, block_bytes, rows: 0, gathered: Gathered::default(), blocks: Vec::new() })
    }

    /// The next row: columns ascending, a weight for each of them where the kind has weights.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn row(&mut self, columns: &[u32], values: &[f64], weights: &[f64]) -> Result<(), Error> {
        debug_assert!(columns.len() == values.len() && columns.is_sorted() && columns.last().is_none_or(|&last| (last as usize) < self.cols));
        let gathered = &mut self.gathered;
        gathered.counts.push(columns.len() as u32);
        gathered.columns.extend_from_slice(columns);
        gathered.values.extend_from_slice(values);
        gathered.weights.extend_from_slice(weights);
        self.rows += 1;
        let row_starts = 16 * gathered.counts.len();
        if gathered.bytes() + row_starts >= self.block_bytes { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let gathered = take(&mut self.gathered);
        let (rows, entries) = (gathered.counts.len(), gathered.columns.len());
        let path = self.folder.join(block_name(self.blocks.len()));
        let mut crc32 = 0;
        write_atomically(&path, |out| {
            crc32 = gathered.write(self.cols, out)?;
            Ok(())
        })?;
        self.blocks.push(BlockRecord { first: self.rows - rows, rows, entries, crc32 });
        Ok(())
    }

    /// The last block, the names, and the record.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self, origin: Origin, labels: [Option<Vec<String>>; 2]) -> Result<(), Error> {
        if !self.gathered.counts.is_empty() {
            self.flush()?;
        }
        let [rows, cols] = labels;
        if rows.is_some() || cols.is_some() {
            self.put(LABELS, &Labels { rows, cols })?;
        }
        let blocks = take(&mut self.blocks);
        self.put(RECORD, &Record { schema: 1, kind: self.kind, rows: self.rows, cols: self.cols, origin, blocks })
    }

    fn put(&self, name: &str, what: &impl Serialize) -> Result<(), Error> {
        write_atomically(&self.folder.join(name), |out| {
            serde_json::to_writer(&mut *out, what)?;
            out.write_all(b"\n")
        })
    }
}

/// Where the entries came from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Name of the file.
    pub source: String,
    /// Its SHA-256.
    pub sha256: String,
    /// Precision of its numbers.
    pub precision: Precision,
    /// What a user should know about its reading.
    pub notes: Vec<String>,
}

/// Every row of a matrix that lists its entries.
pub(super) fn write_rows(matrix: &Matrix, writer: &mut ShardWriter) -> Result<(), Error> {
    let is_weighted = matches!(matrix, Matrix::Observed(Observed { weights: Some(_), .. }));
    for i in 0..matrix.shape().0 {
        let (mut columns, mut values, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for (j, value, weight) in matrix.row_entries(i) {
            columns.push(j as u32);
            values.push(value);
            weights.extend(is_weighted.then_some(weight));
        }
        writer.row(&columns, &values, &weights)?;
    }
    Ok(())
}
