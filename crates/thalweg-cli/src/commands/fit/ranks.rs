//! `mpirun -n N thalweg fit`: each rank holds some of the rows.

use super::{FitArgs, Source, default_dir, exit_code, fit_in, given, settings, tell};
use crate::args::Common;
use crate::exit::{DONE, Failure};
use crate::input;
use std::time::Duration;
use thalweg::comm::{Comm, Counted, balanced_parts};
use thalweg::data::{BlocksInMemory, Matrix};
use thalweg_lab::{InputRecord, Labels, RankRows, RunDir};

/// As a fit by one process; the first rank alone writes and prints.
pub fn run_on_ranks(args: &FitArgs, common: &Common, comm: &dyn Comm) -> Result<u8, Failure> {
    let counted = Counted::new(comm);
    let (held, record) = held_rows(args, common, &counted)?;
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

/// The rows of this rank: read where they stand, or kept of all of them.
fn held_rows<'a>(args: &FitArgs, common: &Common, comm: &'a Counted<'a>) -> Result<(RankRows<'a>, InputRecord), Failure> {
    let all: &dyn Comm = comm;
    if args.stream || args.plan {
        let option = if args.stream { "--stream" } else { "--plan" };
        return all.all_have(Err(Failure::Usage(format!("{option} is for one process: each of several ranks holds its rows in memory"))));
    }
    let quiet = Common { quiet: true, ..common.clone() };
    let on_disk = input::open_asked(&args.input, &args.read, &quiet).and_then(|(disk, record)| {
        let rows = disk.part(comm.rank(), comm.size())?;
        let labels = disk.shards().map_or(Ok([None, None]), |shards| shards.labels(common.max_memory))?;
        Ok((RankRows::new(comm, rows, disk.kind(), disk.precision(), names(labels)), record))
    });
    let is_read = all.agree(Ok([f64::from(u8::from(on_disk.is_ok()))]))?;
    match on_disk {
        Ok(found) if is_read.iter().all(|one| one[0] == 1.0) => Ok(found),
        _ => all.all_have(kept_of_all(args, common, comm)),
    }
}

fn kept_of_all<'a>(args: &FitArgs, common: &Common, comm: &'a Counted<'a>) -> Result<(RankRows<'a>, InputRecord), Failure> {
    let (dataset, record) = input::load_asked(&args.input, &args.read, common)?;
    let whole = &dataset.matrix;
    let stored: Vec<u64> = match whole.full_and_hidden().0 {
        Matrix::Dense(_) => vec![1; whole.shape().0],
        _ => (0..whole.shape().0).map(|i| 1 + whole.row_entries(i).count() as u64).collect(),
    };
    let rows = balanced_parts(&stored, comm.size()).swap_remove(comm.rank());
    let held = BlocksInMemory::cut(whole, rows.clone(), rows.len().max(1))?;
    let labels = names([dataset.row_labels.clone(), dataset.col_labels.clone()]);
    Ok((RankRows::new(comm, held, whole.kind(), dataset.precision, labels), record))
}

fn names([rows, cols]: [Option<Vec<String>>; 2]) -> Labels {
    Labels { rows, cols }
}
