//! `thalweg fit --plan`: what a fit would take.

use crate::args::Common;
use crate::commands::{print_json, print_text};
use crate::exit::{DONE, Failure};
use crate::memory::{in_words, peak, resident};
use serde::Serialize;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use thalweg::Error;
use thalweg_lab::{FitData, FitJob, FitSettings, Given, Manifest, Plan, fit};

/// Each factor is found in one pass over data in memory; both are in one pass over blocks of rows.
fn passes(data: FitData<'_>) -> usize {
    match data {
        FitData::Memory(_) => 2,
        FitData::Disk(_) | FitData::Ranks(_) => 1,
    }
}

/// Bytes of data in memory.
fn bytes(data: FitData<'_>) -> u64 {
    match data {
        FitData::Memory(dataset) => dataset.matrix.bytes(),
        FitData::Disk(_) => 0,
        FitData::Ranks(held) => held.block.bytes(),
    }
}

/// Iterations that are timed.
const TIMED: usize = 2;

#[derive(Debug, Serialize)]
struct PlanDocument<'a> {
    schema: u32,
    command: &'static str,
    rank: usize,
    method: &'a str,
    restarts: usize,
    threads: usize,
    /// Bytes of the data.
    data: u64,
    /// Bytes that the fit adds.
    added: u64,
    parts: Plan,
    /// Bytes of the whole process at its largest, reading included, where the system tells what it has now.
    peak_memory: Option<u64>,
    max_memory: u64,
    passes_per_iteration: usize,
    timed_iterations: usize,
    seconds: f64,
    /// If no restart ends before its iteration limit, on this many threads.
    seconds_at_most: f64,
}

/// Refuses a fit that would take more than `--max-memory`.
pub fn check(data: FitData<'_>, settings: &FitSettings, input: &Path, common: &Common) -> Result<Plan, Failure> {
    let plan = match data {
        FitData::Memory(dataset) => Plan::of(&dataset.matrix, settings, common.thread_count()),
        FitData::Disk(disk) => Plan::on_disk(disk, settings, common.thread_count()),
        FitData::Ranks(held) => Plan::on_ranks(held, settings, common.thread_count()),
    };
    let needed = bytes(data) + plan.added();
    if needed > common.max_memory {
        let what = format!("the fit of rank {}, its data included,", settings.components());
        return Err(Failure::Input(Error::Memory { path: input.to_owned(), what, needed, limit: common.max_memory }));
    }
    Ok(plan)
}

/// Tells what the fit would take, after two iterations that are thrown away.
pub fn run(data: FitData<'_>, settings: &FitSettings, given: Given, manifest: Manifest, common: &Common) -> Result<u8, Failure> {
    let threads = common.thread_count();
    let input = manifest.input.path.clone();
    let parts = check(data, settings, &input, common)?;
    let peak_memory = resident().zip(peak()).map(|(now, so_far)| so_far.max(now + parts.added() + parts.buffers));
    let job = FitJob {
        manifest: Manifest { settings: FitSettings { restarts: 1, max_iters: TIMED, tol: 0.0, ..settings.clone() }, ..manifest },
        data,
        given,
        keep: None,
        bound: false,
        max_time: None,
        stop: &AtomicBool::new(false),
        observe: &|_, _, _| {},
    };
    let seconds = fit(job)?.manifest.result.expect("a fit that returns has a result").seconds;
    let side_by_side = if settings.stream { 1 } else { threads.clamp(1, settings.restarts) };
    let rounds = settings.restarts.div_ceil(side_by_side);
    let document = PlanDocument {
        schema: 1,
        command: "plan",
        rank: settings.rank,
        method: &settings.method,
        restarts: settings.restarts,
        threads,
        data: bytes(data),
        added: parts.added(),
        parts,
        peak_memory,
        max_memory: common.max_memory,
        passes_per_iteration: passes(data),
        timed_iterations: TIMED,
        seconds,
        seconds_at_most: seconds / TIMED as f64 * (settings.max_iters * rounds) as f64,
    };
    if common.json {
        print_json(&document)?
    } else {
        print_text(&in_text(&input, &document))?
    }
    Ok(DONE)
}

fn in_text(input: &Path, plan: &PlanDocument<'_>) -> String {
    let peak = plan.peak_memory.map_or(String::new(), |peak| format!("at its largest   {}, the program and reading included\n", in_words(peak)));
    format!(
        "{}: rank {} by {}, restarts: {}, threads: {}\n\
         data             {}\n\
         the fit adds     {}: factors {}, copies of the data {}, stand-in of low rank {}, lower bound {}, \
         blocks of data on disk {}, equations over blocks {}\n\
         {peak}\
         an iteration     {} passes over the data; the first {} took {:.3} s, what comes before them included\n\
         limit            {:.1} s if every restart takes all its iterations\n",
        input.display(),
        plan.rank,
        plan.method,
        plan.restarts,
        plan.threads,
        in_words(plan.data),
        in_words(plan.added),
        in_words(plan.parts.factors),
        in_words(plan.parts.copies),
        in_words(plan.parts.compressed),
        in_words(plan.parts.bound),
        in_words(plan.parts.blocks),
        in_words(plan.parts.equations),
        plan.passes_per_iteration,
        plan.timed_iterations,
        plan.seconds,
        plan.seconds_at_most
    )
}
