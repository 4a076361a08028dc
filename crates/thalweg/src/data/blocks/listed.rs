//! From any file to shards.

use super::shards::{ShardKind, Shards};
use super::sort::Sorter;
use super::write::{Origin, ShardWriter, write_rows};
use crate::Error;
use crate::data::atomic::remove_leftovers;
use crate::data::format::ListedEntries;
use crate::data::source::Budget;
use crate::data::{Matrix, Observed, Precision, ReadOptions, read};
use std::path::Path;

/// Cuts a sparse or observed-only matrix into blocks of rows, in a folder.
///
/// A file that lists its entries (ratings, Matrix Market, bags of words, the Netflix Prize in one file) is read line by line, in any order,
/// and sorted in files where memory does not take it: not more than `max_memory` bytes are taken, the names of rows and columns included.
/// Every other file is read as [`read`] does it. What an entry that is not there means, and which of several entries at one place counts,
/// is the same as there; entries keep all their digits.
///
/// # Errors
/// As [`read`]; [`Error::Parameter`] for a dense matrix, which is streamed from a `.npy` file; [`Error::Io`], of kind
/// [`std::io::ErrorKind::AlreadyExists`] if there is something else in the folder.
pub fn shard(path: &Path, folder: &Path, options: &ReadOptions) -> Result<Shards, Error> {
    match ListedEntries::open(path, options)? {
        Some(entries) => shard_listed(entries, path, folder, options)?,
        None => shard_read(path, folder, options)?,
    }
    Shards::open(folder, options.max_memory)
}

/// Of the memory, what sorting takes; the rest is for names, a block, and the text.
const SORTING: u64 = 2;

fn shard_listed(entries: ListedEntries, path: &Path, folder: &Path, options: &ReadOptions) -> Result<(), Error> {
    let budget = Budget::new(path, options.max_memory - options.max_memory / SORTING);
    ShardWriter::create(folder, 0, ShardKind::Observed, options.max_memory)?;
    // before there are runs in it, which are this process's own
    remove_leftovers(folder)?;
    let mut sorter = Sorter::new(folder, options.max_memory / SORTING);
    let (listing, is_zero, sha256) = entries.each(options, &budget, |e| sorter.push(e))?;
    let [rows, cols] = listing.sides;
    let kind = if is_zero { ShardKind::Sparse } else { ShardKind::Observed };
    let mut writer = ShardWriter::create(folder, cols, kind, options.max_memory)?;
    let sorted = sorter.sorted(listing.ranks.as_ref().map(|[rows, cols]| [&rows[..], &cols[..]]))?;
    let mut stored = 0;
    let repeated = sorted.rows(rows, listing.duplicates, |row, columns, values| {
        if let Some(x) = values.iter().find(|x| !x.is_finite()) {
            let place = format!("its duplicates in row {}", row + 1);
            return Err(Error::Malformed { path: path.to_owned(), place, expected: "finite sums".into(), found: x.to_string() });
        }
        stored += columns.len();
        writer.row(columns, values, &[])
    })?;
    if stored == 0 {
        let expected = "at least one observed entry".to_owned();
        return Err(Error::Malformed { path: path.to_owned(), place: "its entries".into(), expected, found: "none".into() });
    }
    let mut notes = listing.notes;
    notes.extend(listing.duplicates.note(repeated));
    writer.finish(Origin { source: name(path), sha256, precision: Precision::F64, notes }, listing.labels)
}

fn shard_read(path: &Path, folder: &Path, options: &ReadOptions) -> Result<(), Error> {
    let data = read(path, options)?;
    let (cols, kind) = (
        data.matrix.shape().1,
        match &data.matrix {
            Matrix::Sparse(_) => ShardKind::Sparse,
            Matrix::Observed(Observed { weights: Some(_), .. }) => ShardKind::Weighted,
            Matrix::Observed(_) | Matrix::AllBut(_) => ShardKind::Observed,
            Matrix::Dense(_) => {
                let expected =
                    "a matrix that lists its entries (a dense one is streamed from a .npy file as it is; say --missing if zeros are not values)";
                return Err(Error::Parameter { name: "the input of shards", expected: expected.into(), got: "a dense matrix".into() });
            }
        },
    );
    let mut writer = ShardWriter::create(folder, cols, kind, options.max_memory)?;
    write_rows(&data.matrix, &mut writer)?;
    let origin = Origin { source: name(path), sha256: data.sha256, precision: data.precision, notes: data.notes };
    writer.finish(origin, [data.row_labels, data.col_labels])
}

fn name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
