//! `mpirun -n N thalweg fit`: each rank holds some of the rows, or of the rows and columns.

use super::{FitArgs, Source, default_dir, exit_code, fit_in, given, settings, tell};
use crate::args::Common;
use crate::exit::{DONE, Failure};
use crate::input;
use std::time::Duration;
use thalweg::comm::{Comm, Counted, Grid, balanced_parts, cheapest_grid};
use thalweg::data::BlocksInMemory;
use thalweg::{Error, Side};
use thalweg_lab::{InputRecord, Labels, RankBlock, RunDir};

/// As a fit by one process; the first rank alone writes and prints.
pub fn run_on_ranks(args: &FitArgs, common: &Common, comm: &dyn Comm) -> Result<u8, Failure> {
    let counted = Counted::new(comm);
    let (held, record) = held_block(args, common, &counted)?;
    let source = Source::Ranks(Box::new(held));
    let prepared = settings(args, &source, common).and_then(|settings| Ok((given(&settings)?, settings)));
    let (given, settings) = comm.all_have(prepared)?;
    let dir = RunDir::new(common.output.clone().unwrap_or_else(|| default_dir(args)));
    let checkpoint_every = Duration::from_secs_f64(args.checkpoint);
    let (manifest, interrupt) = fit_in(source.data(), given, record, settings, dir.clone(), checkpoint_every, common)?;
    if comm.rank() > 0 {
        return Ok(DONE);
    }
    tell("fit", &args.input, &manifest, &dir, args.plot.ink(common), common)?;
    Ok(interrupt.exit_code().unwrap_or_else(|| exit_code(&manifest)))
}

/// The block of this rank: read where it stands, or kept of all.
fn held_block<'a>(args: &FitArgs, common: &Common, comm: &'a Counted<'a>) -> Result<(RankBlock<'a>, InputRecord), Failure> {
    let all: &dyn Comm = comm;
    if args.stream || args.plan {
        let option = if args.stream { "--stream" } else { "--plan" };
        return all.all_have(Err(Failure::Usage(format!("{option} is for one process: each of several ranks holds its rows in memory"))));
    }
    match where_it_stands(args, common, comm)? {
        Some(found) => Ok(found),
        None => all.all_have(kept_of_all(args, common, comm)),
    }
}

/// The block of this rank alone, if every rank can read its own where it stands.
fn where_it_stands<'a>(args: &FitArgs, common: &Common, comm: &'a Counted<'a>) -> Result<Option<(RankBlock<'a>, InputRecord)>, Failure> {
    let quiet = Common { quiet: true, ..common.clone() };
    let Some((disk, record)) = if_all(comm, input::open_asked(&args.input, &args.read, &quiet).ok())? else { return Ok(None) };
    let grid = Grid::new(comm, grid_of(args, comm, disk.shape(), matches!(disk.kind(), "dense" | "sparse")))?;
    let ((rows, columns), (i, j)) = (grid.shape(), grid.place());
    let own = if columns == 1 {
        0..disk.shape().1
    } else {
        let Some(weights) = if_all(comm, disk.column_weights((i, rows)).ok())? else { return Ok(None) };
        let ranks: &dyn Comm = &grid.holders(Side::V);
        let weights: Vec<u64> = ranks.all_count(weights)?.into_iter().map(|weight| weight as u64).collect();
        balanced_parts(&weights, columns).swap_remove(j)
    };
    let read = disk.part((i, rows), own).and_then(|block| {
        let labels = disk.shards().map_or(Ok([None, None]), |shards| shards.labels(common.max_memory))?;
        Ok((RankBlock::new(comm, grid.shape(), block, disk.kind(), disk.precision(), names(labels)), record))
    });
    // what cannot be read so, as gaps are, is told or understood where all is read
    Ok(if_all(comm, read.ok())?)
}

/// What this rank has, if every rank has something.
fn if_all<X>(comm: &dyn Comm, own: Option<X>) -> Result<Option<X>, Error> {
    let have = comm.agree(Ok([f64::from(u8::from(own.is_some()))]))?;
    Ok(own.filter(|_| have.iter().all(|one| one[0] == 1.0)))
}

/// As asked, else the one that sends least; columns that are given belong to all of V.
fn grid_of(args: &FitArgs, comm: &dyn Comm, shape: (usize, usize), has_one_gram: bool) -> (usize, usize) {
    let of_rows = (comm.size(), 1);
    args.grid.unwrap_or(if args.constraints.fix_v.is_some() { of_rows } else { cheapest_grid(comm.size(), shape, args.rank, has_one_gram) })
}

fn kept_of_all<'a>(args: &FitArgs, common: &Common, comm: &'a Counted<'a>) -> Result<(RankBlock<'a>, InputRecord), Failure> {
    let (dataset, record) = input::load_asked(&args.input, &args.read, common)?;
    let whole = &dataset.matrix;
    let grid = Grid::new(comm, grid_of(args, comm, whole.shape(), matches!(whole.kind(), "dense" | "sparse")))?;
    let ((rows, columns), (i, j), (in_rows, in_columns)) = (grid.shape(), grid.place(), whole.stored_counts());
    let part = |stored: Vec<usize>, parts: usize, at: usize| {
        let weights: Vec<u64> = stored.into_iter().map(|count| 1 + count as u64).collect();
        balanced_parts(&weights, parts).swap_remove(at)
    };
    let (rows, columns) = (part(in_rows, rows, i), part(in_columns, columns, j));
    let size = rows.len().max(1);
    let held = BlocksInMemory::cut(whole, (rows, columns), size)?;
    let labels = names([dataset.row_labels.clone(), dataset.col_labels.clone()]);
    Ok((RankBlock::new(comm, grid.shape(), held, whole.kind(), dataset.precision, labels), record))
}

fn names([rows, cols]: [Option<Vec<String>>; 2]) -> Labels {
    Labels { rows, cols }
}
