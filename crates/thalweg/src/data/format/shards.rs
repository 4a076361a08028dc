//! A folder of shards, read whole.

use super::{Dataset, Layout, ReadOptions, prepare};
use crate::Error;
use crate::data::Shards;
use crate::data::source::{Budget, Source};
use std::path::Path;

/// What is not stored was settled when the shards were cut, and so was which side the rows are.
pub(super) fn read(path: &Path, options: &ReadOptions, budget: &Budget) -> Result<Dataset, Error> {
    let prepared = ReadOptions { missing: options.missing, max_memory: options.max_memory, negative: options.negative, ..ReadOptions::default() };
    if *options != (ReadOptions { drop_empty: options.drop_empty, scale: options.scale, ..prepared }) || options.layout != Layout::Auto {
        let expected = "options that prepare entries (--negative, --drop-empty, --scale): the others are asked of `thalweg data shard`".to_owned();
        return Err(Error::Parameter { name: "reading shards", expected, got: "other options of reading".into() });
    }
    let shards = Shards::open(path, options.max_memory)?;
    budget.claim("the matrix in these shards (fit --stream takes a block at a time)", shards.bytes())?;
    let [row_labels, col_labels] = shards.labels(budget.left())?;
    let mut data = Dataset {
        row_labels,
        col_labels,
        format: "shards",
        sha256: shards.sha256.clone(),
        notes: shards.origin().notes.clone(),
        ..Dataset::in_memory(shards.whole()?, shards.origin().precision)
    };
    prepare::prepare(&mut data, &Source { path: path.to_owned(), part: None, bytes: Vec::new() }, options, budget)?;
    Ok(data)
}
