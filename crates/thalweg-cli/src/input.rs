//! Reading what a command was given.

use crate::args::{Common, ReadArgs};
use crate::exit::Failure;
use std::path::Path;
use thalweg::data::{Dataset, Layout, ReadOptions, read};
use thalweg_lab::InputRecord;

/// How the command line asks to read.
pub fn options(args: &ReadArgs, common: &Common) -> ReadOptions {
    ReadOptions {
        missing: args.missing.into(),
        max_memory: common.max_memory,
        columns: args.columns,
        transpose: args.transpose,
        variable: args.variable.clone(),
        layout: if args.triplets { Layout::Triplets } else { Layout::Auto },
    }
}

/// Reads a matrix and records where it came from; what the reader noted goes to standard error.
pub fn load(path: &Path, options: ReadOptions, common: &Common) -> Result<(Dataset, InputRecord), Failure> {
    let mut dataset = read(path, &options)?;
    if options.transpose {
        dataset.image = None;
    }
    // absolute, so that `audit` finds it from any folder
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let record = record(&path, options, &dataset);
    for note in &dataset.notes {
        common.say(format_args!("note: {note}"));
    }
    Ok((dataset, record))
}

/// The record of an input.
pub fn record(path: &Path, options: ReadOptions, dataset: &Dataset) -> InputRecord {
    InputRecord {
        path: path.to_owned(),
        sha256: dataset.sha256.clone(),
        format: dataset.format.to_owned(),
        kind: dataset.matrix.kind().to_owned(),
        shape: dataset.matrix.shape(),
        observed: dataset.matrix.summary().observed,
        read: options,
        image: dataset.image,
        notes: dataset.notes.clone(),
    }
}
