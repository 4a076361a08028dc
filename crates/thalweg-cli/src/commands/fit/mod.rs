//! `thalweg fit`.

mod args;
mod plan;
mod ranks;

pub use args::FitArgs;
pub use ranks::run_on_ranks;

use super::{line::factors, print_json, print_text};
use crate::args::{Common, PrecisionArg};
use crate::exit::{DONE, Failure, LIMIT, NOT_ESTABLISHED};
use crate::input;
use crate::memory::{self, peak};
use crate::plot::{self, Ink};
use crate::progress::{Bars, word};
use crate::signals::Interrupt;
use args::InitArg;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thalweg::audit::Status;
use thalweg::data::{Dataset, Matrix, OnDisk, Precision, ReadOptions, read};
use thalweg::problem::{Loss, RowSet};
use thalweg::solver::nmf::{About, Init, Order};
use thalweg::{Error, Side};
use thalweg_lab::{
    Columns, FitData, FitError, FitJob, FitRecord, FitSettings, Given, Held, InputRecord, Keep, Manifest, Needs, RankBlock, RanksRecord, RunDir,
    RunView, batch_size, fit,
};

/// Time between two saves of a restart, where nothing else is asked.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(2);

/// What `fit --json` prints.
#[derive(Debug, Serialize)]
struct FitDocument<'a> {
    schema: u32,
    command: &'static str,
    status: Status,
    shape: [usize; 2],
    observed: u64,
    rank: usize,
    method: &'a str,
    method_reason: Option<&'a str>,
    loss: Loss,
    constraints: Option<String>,
    objective: f64,
    penalty: f64,
    relative_error: f64,
    kkt: f64,
    lower_bound: Option<f64>,
    iterations: usize,
    seconds: f64,
    seed: u64,
    holdout_rmse: Option<f64>,
    /// Passes over data that stay on disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    passes: Option<f64>,
    /// On several ranks: how many, and what the first sends in an iteration.
    #[serde(flatten)]
    ranks: Option<RanksRecord>,
    /// Bytes of the process at its largest, where the system tells it.
    peak_memory: Option<u64>,
    restarts: &'a [thalweg_lab::RestartRecord],
    factors: String,
}

pub fn run(args: &FitArgs, common: &Common) -> Result<u8, Failure> {
    if let Some((rows, columns)) = args.grid.filter(|&grid| grid != (1, 1)) {
        return Err(Failure::Usage(format!("--grid {rows}x{columns} is for {} ranks: mpirun -n {0} thalweg fit …", rows.saturating_mul(columns))));
    }
    let (source, record) = if args.stream { Source::on_disk(args, common)? } else { Source::in_memory(args, common)? };
    let settings = settings(args, &source, common)?;
    let given = given(&settings)?;
    if args.plan {
        return plan::run(source.data(), &settings, given, manifest(record, settings.clone(), common), common);
    }
    let dir = RunDir::new(common.output.clone().unwrap_or_else(|| default_dir(args)));
    let checkpoint_every = Duration::from_secs_f64(args.checkpoint);
    let (manifest, interrupt) = fit_in(source.data(), given, record, settings, dir.clone(), checkpoint_every, common)?;
    tell("fit", &args.input, &manifest, &dir, args.plot.ink(common), common)?;
    Ok(interrupt.exit_code().unwrap_or_else(|| exit_code(&manifest)))
}

/// The data of a fit.
enum Source<'s> {
    Memory(Box<Dataset>),
    Disk(Arc<OnDisk>),
    Ranks(Box<RankBlock<'s>>),
}

impl Source<'_> {
    fn in_memory(args: &FitArgs, common: &Common) -> Result<(Self, InputRecord), Failure> {
        let (dataset, record) = input::load_asked(&args.input, &args.read, common)?;
        Ok((Source::Memory(Box::new(dataset)), record))
    }

    fn on_disk(args: &FitArgs, common: &Common) -> Result<(Self, InputRecord), Failure> {
        let (disk, record) = input::open_asked(&args.input, &args.read, common)?;
        Ok((Source::Disk(Arc::new(disk)), record))
    }

    fn data(&self) -> FitData<'_> {
        match self {
            Source::Memory(dataset) => FitData::Memory(dataset),
            Source::Disk(disk) => FitData::Disk(disk),
            Source::Ranks(held) => FitData::Ranks(held),
        }
    }

    fn held(&self) -> Held<'_> {
        match self {
            Source::Memory(dataset) => Held::Memory(&dataset.matrix),
            Source::Disk(disk) => Held::Disk(disk.kind()),
            Source::Ranks(held) => Held::Ranks(held.kind),
        }
    }

    fn precision(&self) -> Precision {
        match self {
            Source::Memory(dataset) => dataset.precision,
            Source::Disk(disk) => disk.precision(),
            Source::Ranks(held) => held.precision,
        }
    }
}

fn result_of(manifest: &Manifest) -> &FitRecord {
    manifest.result.as_ref().expect("a fit that returns has a result")
}

/// Prints what a fit found.
pub fn tell(command: &'static str, input: &Path, manifest: &Manifest, dir: &RunDir, ink: Option<Ink>, common: &Common) -> Result<(), Failure> {
    if common.json {
        return print_json(&document(command, manifest, result_of(manifest), dir));
    }
    let plots = match ink {
        Some(ink) => format!("\n{}", plot::of_fit(&RunView::open(dir)?, ink)),
        None => String::new(),
    };
    print_text(&(in_words(input, manifest, result_of(manifest), dir) + &plots))
}

/// Runs the fit with bars and signals.
pub fn fit_in(
    data: FitData<'_>,
    given: Given,
    input: InputRecord,
    settings: FitSettings,
    dir: RunDir,
    checkpoint_every: Duration,
    common: &Common,
) -> Result<(Manifest, Interrupt), Failure> {
    let path = input.path.clone();
    plan::check(data, &settings, &path, common)?;
    let interrupt = Interrupt::listen();
    let bars = Bars::new(settings.restarts, settings.max_iters, common.quiet);
    let job = FitJob {
        manifest: manifest(input, settings, common),
        data,
        given,
        keep: Some(Keep { dir, max_memory: common.max_memory, checkpoint_every }),
        bound: true,
        max_time: common.max_time.map(Duration::from_secs_f64),
        stop: &interrupt.flag,
        observe: &|restart, progress, status| bars.observe(restart, progress, status),
    };
    let outcome = fit(job);
    bars.finish();
    let fitted = outcome.map_err(|error| match error {
        FitError::Input(error) => Failure::about(&path, error),
        FitError::Given { path, error } => Failure::about(&path, error),
        other => other.into(),
    })?;
    Ok((fitted.manifest, interrupt))
}

/// Of a fit that has no result yet.
fn manifest(input: InputRecord, settings: FitSettings, common: &Common) -> Manifest {
    Manifest { schema: 1, thalweg: env!("CARGO_PKG_VERSION").to_owned(), input, settings, threads: common.thread_count(), result: None }
}

fn settings(args: &FitArgs, source: &Source<'_>, common: &Common) -> Result<FitSettings, Failure> {
    let (row_sets, penalty) = (args.constraints.row_sets()?, args.penalty.read()?);
    let constraints = &args.constraints;
    let needs = Needs {
        data: source.held(),
        rank: args.rank,
        loss: args.loss,
        row_sets,
        is_penalised: !penalty.is_none(),
        holds_out: args.holdout.is_some(),
        has_given: constraints.fix_u.is_some() || constraints.fix_v.is_some() || constraints.biases,
    };
    let (about, why) = needs.method(args.method.as_deref())?;
    if let Some(why) = why {
        common.detail(format_args!("method {}: {why}", about.name));
    }
    if matches!(source, Source::Ranks(_)) && matches!(about.order, Order::CompressedFirst | Order::BatchesFirst) {
        common.say(format_args!("note: on several ranks {} has no opening: it begins with extrapolated iterations on all of the data", about.name));
    }
    let (init, start) = starts(args, &needs, &about)?;
    let [u_rows, v_rows] = row_sets;
    Ok(FitSettings {
        rank: args.rank,
        method: about.name.to_owned(),
        method_reason: why.map(str::to_owned),
        init: init.name().to_owned(),
        start,
        loss: args.loss,
        penalty,
        u_rows,
        v_rows,
        fix_u: args.constraints.fix_u.as_deref().map(absolute),
        fix_v: args.constraints.fix_v.as_deref().map(absolute),
        biases: args.constraints.biases,
        precision: match args.precision {
            None => source.precision(),
            Some(PrecisionArg::F32) => Precision::F32,
            Some(PrecisionArg::F64) => Precision::F64,
        },
        restarts: args.restarts.max(1),
        seed: common.seed,
        max_iters: about.iterations.unwrap_or(args.max_iters),
        tol: args.tol,
        holdout: args.holdout,
        batch_size: batch_size(about.order, args.batch_size.map(|size| size as usize))?,
        stream: args.stream,
    })
}

/// How restarts begin, and where restart 0 does if at factors that are given.
fn starts(args: &FitArgs, needs: &Needs<'_>, about: &About) -> Result<(Init, Option<PathBuf>), Failure> {
    let (mut name, mut path) = (None, None);
    for init in &args.init {
        let is_second = match init {
            InitArg::Named(init) => name.replace(*init).is_some(),
            InitArg::Given(from) => path.replace(absolute(from)).is_some(),
        };
        if is_second {
            return Err(Failure::Usage("--init takes one name and one path at most".into()));
        }
    }
    // the singular vectors serve restart 0 alone, which begins at what was given
    let own = if path.is_some() && needs.row_sets == [RowSet::Free; 2] { Init::Random } else { needs.start(about) };
    Ok((name.unwrap_or(own), path))
}

/// What the settings ask to be read beside the data.
fn given(settings: &FitSettings) -> Result<Given, Failure> {
    Ok(Given {
        start: settings.start.as_deref().map(factors).transpose()?,
        fixed_u: settings.fix_u.as_deref().map(|path| columns(path, Side::U)).transpose()?,
        fixed_v: settings.fix_v.as_deref().map(|path| columns(path, Side::V)).transpose()?,
    })
}

/// From any folder.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Columns of one factor: that of a run or of a file of factors, or a dense matrix in any format.
pub fn columns(path: &Path, side: Side) -> Result<Columns, Failure> {
    if let Ok(model) = factors(path) {
        return Ok(Columns { rows: model.side_rows(side), count: model.rank(), values: model.side(side).to_vec() });
    }
    let dataset = read(path, &ReadOptions::default())?;
    match dataset.matrix {
        Matrix::Dense(x) => Ok(Columns { rows: x.view().nrows(), count: x.view().ncols(), values: x.values().to_vec() }),
        other => Err(Failure::Input(Error::Malformed {
            path: path.to_owned(),
            place: "the whole of it".into(),
            expected: "a dense matrix, as columns of a factor".into(),
            found: format!("a matrix that is {}", other.kind()),
        })),
    }
}

fn default_dir(args: &FitArgs) -> PathBuf {
    PathBuf::from(format!("thalweg-{}-k{}", stem(&args.input), args.rank))
}

/// The first part of the file's name, or the name of the data set.
pub fn stem(input: &Path) -> String {
    let name = input.file_name().map_or("matrix".into(), |n| n.to_string_lossy().into_owned());
    let name = name.strip_prefix(input::NAMED).unwrap_or(&name);
    name.split('.').find(|part| !part.is_empty()).unwrap_or("matrix").to_owned()
}

/// The exit code that says how a fit ended.
pub fn exit_code(manifest: &Manifest) -> u8 {
    match result_of(manifest).status {
        Status::Converged => DONE,
        Status::TimeLimit | Status::Stopped => LIMIT,
        Status::MaxIters | Status::Stalled | Status::Breakdown => NOT_ESTABLISHED,
    }
}

fn document<'a>(command: &'static str, manifest: &'a Manifest, result: &'a FitRecord, dir: &RunDir) -> FitDocument<'a> {
    FitDocument {
        schema: 1,
        command,
        status: result.status,
        shape: [manifest.input.shape.0, manifest.input.shape.1],
        observed: manifest.input.observed,
        rank: manifest.settings.rank,
        method: &manifest.settings.method,
        method_reason: manifest.settings.method_reason.as_deref(),
        loss: manifest.settings.loss,
        constraints: manifest.settings.constraints_in_words(),
        objective: result.objective,
        penalty: result.penalty,
        relative_error: result.relative_error,
        kkt: result.kkt,
        lower_bound: result.lower_bound,
        iterations: result.iterations,
        seconds: result.seconds,
        seed: manifest.settings.seed,
        holdout_rmse: result.holdout_rmse,
        passes: result.passes,
        ranks: result.ranks,
        peak_memory: peak(),
        restarts: &result.restarts,
        factors: dir.factors().display().to_string(),
    }
}

fn in_words(input: &Path, manifest: &Manifest, result: &FitRecord, dir: &RunDir) -> String {
    let settings = &manifest.settings;
    let mut lines = vec![
        format!(
            "{}: rank {}, loss {}, by {}, {} after {} iterations ({:.2} s over {} restarts)",
            input.display(),
            settings.rank,
            settings.loss,
            settings.method,
            word(result.status),
            result.iterations,
            result.seconds,
            result.restarts.len()
        ),
        format!("objective        {:.8e}   relative error {:.6}", result.objective, result.relative_error),
        format!("residual (kkt)   {:.2e}   tolerance {}", result.kkt, settings.tol),
    ];
    lines.extend(settings.constraints_in_words().map(|words| format!("constraints      {words}")));
    match result.lower_bound {
        Some(bound) if bound > 0.0 => {
            let gap = 100.0 * (result.objective - bound) / result.objective;
            let rank = settings.components();
            lines.push(format!("lower bound      {bound:.8e}   no rank-{rank} factorisation is more than {gap:.3} % better"));
        }
        Some(_) => lines.push("lower bound      0: the singular values do not rule out an exact fit".into()),
        None if result.ranks.is_some() => lines.push("lower bound      not computed: no rank holds all of the data (audit computes it)".into()),
        None if settings.loss != Loss::Frobenius => lines.push(format!("lower bound      none is known for the loss {}", settings.loss)),
        None if matches!(result.status, Status::TimeLimit | Status::Stopped) => {
            lines.push("lower bound      not computed: the run is unfinished (audit computes it)".into());
        }
        None => lines.push("lower bound      not known: it needs every entry observed and a side of at most 4096".into()),
    }
    if result.penalty > 0.0 {
        lines.push(format!("penalty          {:.8e}   {:.2} % of the objective", result.penalty, 100.0 * result.penalty / result.objective));
    }
    if let Some(passes) = result.passes {
        lines.push(format!("data on disk     {passes:.1} passes over them"));
    }
    if let Some(rmse) = result.holdout_rmse {
        lines.push(format!("held-out RMSE    {rmse:.6}"));
    }
    if let Some(RanksRecord { ranks, grid, messages_per_iteration, bytes_per_iteration }) = result.ranks {
        let grid = grid.map_or(String::new(), |(rows, columns)| format!(" as {rows}x{columns}"));
        let sent = memory::in_words(bytes_per_iteration as u64);
        lines.push(format!("ranks            {ranks}{grid}   the first sends {messages_per_iteration:.1} messages and {sent} in an iteration"));
    }
    lines.push(format!("factors          {}", dir.factors().display()));
    lines.push(format!("next             thalweg audit {0} && thalweg report {0} -o report.html", dir.path().display()));
    lines.join("\n") + "\n"
}
