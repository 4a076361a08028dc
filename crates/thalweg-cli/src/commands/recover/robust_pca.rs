//! `thalweg recover rpca`.

use super::{Files, RecoverArgs, absolute, directory, ending, on_ranks, status_code, tell, word};
use crate::args::Common;
use crate::exit::{DONE, Failure};
use crate::input::Asked;
use crate::memory::peak;
use crate::signals::Interrupt;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;
use thalweg::Error;
use thalweg::comm::{Comm, Counted};
use thalweg::data::{Matrix, OnDisk, RobustPcaInstance, RowBlocks, read_rpca_instance};
use thalweg::problem::RecoveryStatus;
use thalweg::solver::convex::robust_pca::RobustPcaOptions;
use thalweg_lab::{
    InstanceRecord, RanksRecord, RecoverKind, RecoverManifest, RobustPcaJob, RobustPcaManifest, RobustPcaRecord, RobustPcaSettings, RunDir, TableOf,
    TableOnRanks, separate_in, separation_memory, table_part,
};

/// What `recover rpca --json` prints.
#[derive(Debug, Serialize)]
struct RobustPcaDocument<'a> {
    schema: u32,
    command: &'static str,
    kind: RecoverKind,
    shape: (usize, usize),
    measurements: usize,
    status: RecoveryStatus,
    lambda: f64,
    budget: Option<f64>,
    objective: f64,
    relative_residual: f64,
    rank: usize,
    corrupted: usize,
    certified: Option<bool>,
    margin: Option<f64>,
    radius: Option<f64>,
    gap: f64,
    why: Option<&'a str>,
    iterations: usize,
    seconds: f64,
    verify_seconds: f64,
    relative_error: Option<f64>,
    /// On several ranks: how many, and what the first sends in an iteration.
    #[serde(flatten)]
    ranks: Option<RanksRecord>,
    /// Bytes of the process at its largest, where the system tells.
    peak_memory: Option<u64>,
    #[serde(flatten)]
    files: Files,
}

pub fn run(args: &RecoverArgs, common: &Common) -> Result<u8, Failure> {
    let (instance, record) = read(args, common)?;
    check_memory(args, instance.shape, 1, common)?;
    separate(TableOf::Memory(&instance), record, args, common)
}

/// Each rank holds some rows, or columns where these are more.
pub fn run_on_ranks(args: &RecoverArgs, common: &Common, comm: &dyn Comm) -> Result<u8, Failure> {
    let counted = Counted::new(comm);
    let Part { rows, whole, record } = comm.all_have(Part::read(args, common, comm))?;
    let held = TableOnRanks { comm: &counted, shape: record.shape, rows, whole: whole.as_ref() };
    separate(TableOf::Ranks(&held), record, args, common)
}

/// What one of several ranks reads.
struct Part {
    rows: Vec<f64>,
    /// On the first rank.
    whole: Option<RobustPcaInstance>,
    record: InstanceRecord,
}

impl Part {
    fn read(args: &RecoverArgs, common: &Common, comm: &dyn Comm) -> Result<Part, Failure> {
        let is_first = comm.rank() == 0;
        let part = if is_first { None } else { Part::where_it_stands(args, common, comm)? };
        let part = match part {
            Some(part) => part,
            None => {
                let (instance, record) = read(args, common)?;
                Part { rows: table_part(&instance, comm), whole: is_first.then_some(instance), record }
            }
        };
        check_memory(args, part.record.shape, comm.size(), common)?;
        Ok(part)
    }

    /// The rows of this rank alone, if the file lets them be read and they are no fewer than the columns.
    fn where_it_stands(args: &RecoverArgs, common: &Common, comm: &dyn Comm) -> Result<Option<Part>, Failure> {
        let asked = Asked::of(&args.input, &args.read, common)?;
        let Ok(disk) = OnDisk::open(&asked.path, &asked.options) else { return Ok(None) };
        let (m, n) = disk.shape();
        if m < n || disk.shards().is_some() {
            return Ok(None);
        }
        // gaps, which are not read row by row, are in what is read whole
        let Ok(blocks) = disk.part::<f64>((comm.rank(), comm.size()), 0..disk.shape().1) else { return Ok(None) };
        let Matrix::Dense(x) = blocks.block(0)?.into_owned() else { return Ok(None) };
        let record = instance_record(asked, disk.sha256().to_owned(), (m, n), m * n);
        Ok(Some(Part { rows: x.into_values(), whole: None, record }))
    }
}

fn read(args: &RecoverArgs, common: &Common) -> Result<(RobustPcaInstance, InstanceRecord), Failure> {
    let asked = Asked::of(&args.input, &args.read, common)?;
    let instance = read_rpca_instance(&asked.path, &asked.options).map_err(|error| Failure::about(&args.input, error))?;
    asked.compare(&instance.sha256, common);
    instance.notes.iter().for_each(|note| common.say(format_args!("note: {note}")));
    let record = instance_record(asked, instance.sha256.clone(), instance.shape, instance.observed());
    Ok((instance, record))
}

fn instance_record(asked: Asked, sha256: String, shape: (usize, usize), measurements: usize) -> InstanceRecord {
    InstanceRecord { path: absolute(&asked.path), sha256, shape, measurements, read: asked.options, kept: None }
}

fn check_memory(args: &RecoverArgs, (m, n): (usize, usize), ranks: usize, common: &Common) -> Result<(), Failure> {
    let needed = separation_memory((m, n), ranks);
    if needed <= common.max_memory {
        return Ok(());
    }
    let what = format!("the separation of a table of {m} rows and {n} columns");
    Err(Failure::Input(Error::Memory { path: args.input.clone(), what, needed, limit: common.max_memory }))
}

fn separate(table: TableOf<'_>, record: InstanceRecord, args: &RecoverArgs, common: &Common) -> Result<u8, Failure> {
    let usual = RobustPcaOptions::default();
    let settings = RobustPcaSettings {
        kind: RecoverKind::Rpca,
        lambda: args.lambda,
        budget: args.budget,
        max_iters: args.max_iters.unwrap_or(usual.max_iters),
        tol: args.tol.unwrap_or(usual.tol),
        certify: args.certify,
    };
    let dir = directory(args, common, RecoverKind::Rpca.name());
    let manifest = RecoverManifest::new(record, settings);
    let max_time = common.max_time.map(Duration::from_secs_f64);
    let interrupt = Interrupt::listen();
    let manifest = separate_in(RobustPcaJob { table, manifest, dir: dir.clone(), max_time, stop: &interrupt.flag })?;
    // the first rank has the result
    let Some(result) = &manifest.result else { return Ok(DONE) };
    tell(common, || document(&manifest, result, &dir), || in_words(&args.input, &manifest, result, &dir))?;
    Ok(interrupt.exit_code().unwrap_or_else(|| status_code(result.status, result.proof.as_ref().map(|proof| proof.certified))))
}

fn document<'a>(manifest: &RobustPcaManifest, result: &'a RobustPcaRecord, dir: &RunDir) -> RobustPcaDocument<'a> {
    let proof = result.proof.as_ref();
    RobustPcaDocument {
        schema: 1,
        command: "recover",
        kind: RecoverKind::Rpca,
        shape: manifest.instance.shape,
        measurements: manifest.instance.measurements,
        status: result.status,
        lambda: result.lambda,
        budget: manifest.settings.budget,
        objective: result.objective,
        relative_residual: result.relative_residual,
        rank: result.rank,
        corrupted: result.corrupted,
        certified: proof.map(|proof| proof.certified),
        margin: proof.and_then(|proof| proof.margin),
        radius: proof.and_then(|proof| proof.radius),
        gap: result.gap,
        why: proof.map(|proof| proof.why.as_str()),
        iterations: result.iterations,
        seconds: result.seconds,
        verify_seconds: result.verify_seconds,
        relative_error: result.relative_error,
        ranks: result.ranks,
        peak_memory: peak(),
        files: Files::of(dir, proof.is_some()),
    }
}

fn in_words(input: &Path, manifest: &RobustPcaManifest, result: &RobustPcaRecord, dir: &RunDir) -> String {
    let (m, n) = manifest.instance.shape;
    let observed = manifest.instance.measurements;
    let share = 100.0 * result.corrupted as f64 / observed.max(1) as f64;
    let mut lines = vec![
        format!("{}: {m}x{n}, {observed} observed entries, {}", input.display(), word(result.status)),
        format!(
            "rank {}   {} corrupted entries ({share:.2} %)   objective {:.10e}   {} iterations",
            result.rank, result.corrupted, result.objective, result.iterations
        ),
        format!("gap              {:.1e}: no separation costs less by more than that part; λ = {:.6e}", result.gap, result.lambda),
    ];
    lines.extend(result.ranks.map(on_ranks));
    lines.extend(ending(result.relative_error, result.proof.as_ref(), dir, input));
    lines.join("\n") + "\n"
}
