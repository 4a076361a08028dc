//! A fit with restarts, kept on disk if it is to survive being killed.

use crate::ranks::{fit_on_ranks, of_all, own_part};
use crate::streamed::fit_on_disk;
use crate::{FitRecord, FitSettings, Given, HistoryRow, Labels, Manifest, RankRows, Restart, RestartRecord, RunDir};
use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use thalweg::audit::Status;
use thalweg::certificate::{Stationarity, constrained_stationarity, spectral_bound, stationarity_over_ranks};
use thalweg::comm::{Alone, Comm, Traffic};
use thalweg::data::{Dataset, Holdout, Matrix, OnDisk, Precision, ReadOptions, RowBlocks, hold_out, write_atomically, write_factors};
use thalweg::linalg::Real;
use thalweg::problem::{Blocked, Constraints, Divergence, LeastSquares, Loss, Nmf, ScaledPenalty};
use thalweg::solver::nmf::{
    Alternating, Batches, DivergenceMethod, INITS, Init, NMF_METHODS, NmfMethod, WorkingPrecision, check_method, divergence_method, method,
};
use thalweg::solver::{Iteration, Progress, Stop, run};
use thalweg::{Error, Factors};

/// A fit to run, or to go on with.
pub struct FitJob<'a> {
    /// What to fit, and how: the manifest without a result.
    pub manifest: Manifest,
    /// The data.
    pub data: FitData<'a>,
    /// What the settings speak of beside the data.
    pub given: Given,
    /// Where it is kept, if it is.
    pub keep: Option<Keep>,
    /// Whether to prove a lower bound at the end: the eigenvalues of a Gram matrix, which may cost more than a short fit.
    pub bound: bool,
    /// Time limit of this call.
    pub max_time: Option<Duration>,
    /// Set from outside to end the run, leaving it resumable.
    pub stop: &'a AtomicBool,
    /// Told after every iteration of a restart, and once with its status.
    pub observe: &'a (dyn Fn(usize, &Progress, Option<Status>) + Sync),
}

/// Where the data of a fit are.
#[derive(Clone, Copy)]
pub enum FitData<'a> {
    /// In memory.
    Memory(&'a Dataset),
    /// On disk: a block of rows is in memory at a time.
    Disk(&'a Arc<OnDisk>),
    /// In the memory of several ranks: some rows on each.
    Ranks(&'a RankRows<'a>),
}

impl FitData<'_> {
    /// Names of rows and columns.
    fn labels(self, max_memory: u64) -> Result<Labels, Error> {
        let [rows, cols] = match self {
            FitData::Memory(dataset) => [dataset.row_labels.clone(), dataset.col_labels.clone()],
            FitData::Disk(disk) => disk.shards().map_or(Ok([None, None]), |shards| shards.labels(max_memory))?,
            FitData::Ranks(held) => return Ok(held.labels.clone()),
        };
        Ok(Labels { rows, cols })
    }

    /// What this rank has sent, where there are several.
    fn traffic(self) -> Traffic {
        if let FitData::Ranks(held) = self { held.comm.traffic() } else { Traffic::default() }
    }

    /// Takes down an iteration that began when so much had been sent.
    fn note_iteration(self, before: Traffic) {
        if let FitData::Ranks(held) = self {
            held.note_iteration(before);
        }
    }

    /// The ranks that hold them.
    fn comm(&self) -> &dyn Comm {
        match self {
            FitData::Ranks(held) => held.comm,
            FitData::Memory(_) | FitData::Disk(_) => &Alone,
        }
    }
}

/// Where a fit is kept, and how often.
#[derive(Debug, Clone)]
pub struct Keep {
    /// The run directory.
    pub dir: RunDir,
    /// Memory that reading a checkpoint may take, in bytes.
    pub max_memory: u64,
    /// Time between two checkpoints of a restart: what a kill can cost.
    pub checkpoint_every: Duration,
}

impl Keep {
    /// A restart that stands in the directory.
    fn restart<T: WorkingPrecision>(&self, number: usize) -> Result<Option<Restart<T>>, Error> {
        let path = self.dir.restart(number);
        if path.exists() { Restart::load(&path, number, self.max_memory).map(Some) } else { Ok(None) }
    }
}

/// What a fit found.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The manifest with its result.
    pub manifest: Manifest,
    /// Every restart, in order.
    pub answers: Vec<Judged>,
}

/// Why a fit did not begin.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// The input or a file.
    #[error(transparent)]
    Input(#[from] Error),
    /// Factors that were given do not fit the data.
    #[error("{}: {error}", path.display())]
    Given {
        /// Where they came from.
        path: PathBuf,
        /// What is wrong with them.
        error: Error,
    },
    /// The directory cannot be written.
    #[error(transparent)]
    Output(Error),
    /// The directory holds another run.
    #[error("{dir} holds another run, with another {what}: give another directory with -o, or remove it")]
    Other {
        /// The directory.
        dir: String,
        /// The first thing that differs.
        what: &'static str,
    },
}

/// The training data and what is held out of them.
///
/// # Errors
/// As [`hold_out`].
pub fn split(dataset: &Dataset, manifest: &Manifest) -> Result<Option<(Matrix<f64>, Holdout)>, Error> {
    let settings = &manifest.settings;
    settings.holdout.map(|fraction| hold_out(&dataset.matrix, fraction, settings.seed)).transpose()
}

/// Runs every restart to its end, or until time is up or the stop flag is set; then a directory can be taken up again with the same call.
///
/// The result depends on data and settings alone: not on threads, interruptions, or how restarts are spread over threads.
///
/// # Errors
/// [`FitError::Other`] if the directory holds a run with other settings, [`FitError::Input`] for bad data and failed reads and writes.
pub fn fit(job: FitJob<'_>) -> Result<Fitted, FitError> {
    match job.data {
        FitData::Memory(dataset) => fit_in_memory(job, dataset),
        FitData::Disk(disk) => fit_on_disk(job, disk),
        FitData::Ranks(held) => fit_on_ranks(job, held),
    }
}

fn fit_in_memory(job: FitJob<'_>, dataset: &Dataset) -> Result<Fitted, FitError> {
    let held = split(dataset, &job.manifest)?;
    let (training, holdout) = match &held {
        Some((training, holdout)) => (training, Some(holdout)),
        None => (&dataset.matrix, None),
    };
    // refuse bad data and settings before a directory is made
    let settings = &job.manifest.settings;
    let constraints = settings.constraints(&job.given, training)?;
    let scaled_penalty = scaled_penalty(training, settings, &constraints)?;
    let kept = Kept { training: Training::Memory(training), holdout, scaled_penalty, constraints: &constraints };
    let problem = Problem::new(training, settings, &constraints, scaled_penalty)?;
    problem.check_starts(&job)?;
    let records = match settings.precision {
        Precision::F32 => {
            let narrow = narrow(training, kept, settings)?;
            let _lock = take_directory(&job)?;
            restarts(&job, kept, &Problem::new(&narrow, settings, &constraints, scaled_penalty)?)?
        }
        Precision::F64 => {
            let _lock = take_directory(&job)?;
            restarts(&job, kept, &problem)?
        }
    };
    finish(job, kept, records)
}

/// A fit to data that are held as blocks of rows, by these ranks.
pub(crate) fn fit_blocks<T: WorkingPrecision>(
    job: FitJob<'_>,
    blocks: &dyn RowBlocks<T>,
    judged_by: &dyn RowBlocks<f64>,
    holdout: Option<&Holdout>,
    comm: &dyn Comm,
) -> Result<Fitted, FitError> {
    let settings = &job.manifest.settings;
    let constraints = settings.constraints_at(&job.given, blocks.shape(), 0.0)?;
    let problem = Blocked::new(blocks, comm, settings.components(), constraints.clone())?.with_penalty(&settings.penalty)?;
    let kept = Kept { training: Training::Blocks(judged_by, comm), holdout, scaled_penalty: problem.penalty(), constraints: &constraints };
    let problem = Problem::of_blocks(problem, settings)?;
    problem.check_starts(&job)?;
    let _lock = take_directory(&job)?;
    let found = restarts(&job, kept, &problem);
    if let Problem::Blocks(problem, _) = problem
        && let Some(error) = problem.into_failure()
    {
        return Err(error.into());
    }
    finish(job, kept, found?)
}

/// What a restart is judged by.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'a> {
    pub training: Training<'a>,
    pub holdout: Option<&'a Holdout>,
    pub scaled_penalty: ScaledPenalty,
    pub constraints: &'a Constraints,
}

/// The data without what is held out, in double precision.
#[derive(Clone, Copy)]
pub(crate) enum Training<'a> {
    Memory(&'a Matrix<f64>),
    Blocks(&'a dyn RowBlocks<f64>, &'a dyn Comm),
}

impl Kept<'_> {
    fn proof(self, factors: &Factors<f64>, loss: Loss) -> Result<Stationarity, Error> {
        match self.training {
            Training::Memory(data) => constrained_stationarity(data, factors, self.constraints, loss, &self.scaled_penalty),
            Training::Blocks(blocks, comm) => stationarity_over_ranks(blocks, comm, factors, self.constraints, &self.scaled_penalty),
        }
    }

    /// A lower bound over all factorisations of this rank, where the data are in memory.
    fn lower_bound(self, rank: usize) -> Option<f64> {
        match self.training {
            Training::Memory(data) => spectral_bound(data).map(|bound| bound.lower_bound(rank)),
            Training::Blocks(..) => None,
        }
    }
}

/// The penalty in the units of the data.
fn scaled_penalty<T: WorkingPrecision>(data: &Matrix<T>, settings: &FitSettings, constraints: &Constraints) -> Result<ScaledPenalty, Error> {
    let (loss, penalty) = (settings.loss, &settings.penalty);
    match loss {
        Loss::Frobenius => Ok(Nmf::constrained(data, settings.components(), constraints.clone())?.with_penalty(penalty)?.penalty()),
        _ if penalty.is_none() => Ok(ScaledPenalty::default()),
        _ => Err(Error::Parameter { name: "loss", expected: "frobenius with a penalty (--l1, --l2)".into(), got: loss.to_string() }),
    }
}

/// What is made small, and the method that does it.
pub(crate) enum Problem<'a, T: WorkingPrecision> {
    Squares(Nmf<'a, T>, &'static dyn NmfMethod),
    Blocks(Box<Blocked<'a, T>>, &'static dyn NmfMethod),
    Divergence(Divergence<'a, T>, &'static dyn DivergenceMethod),
}

impl<'a, T: WorkingPrecision> Problem<'a, T> {
    fn new(data: &'a Matrix<T>, settings: &FitSettings, constraints: &Constraints, penalty: ScaledPenalty) -> Result<Self, Error> {
        let (rank, constraints) = (settings.components(), constraints.clone());
        Ok(match settings.loss {
            Loss::Frobenius => {
                let problem = Nmf::constrained(data, rank, constraints)?.with_scaled_penalty(penalty);
                let method = the_method(&settings.method)?;
                check_method(method, problem.constraints())?;
                Problem::Squares(problem, method)
            }
            loss => Problem::Divergence(Divergence::constrained(data, rank, loss, constraints)?, divergence_method(&settings.method, loss)?),
        })
    }

    /// Least squares on these blocks, by a method that works under the constraints.
    pub(crate) fn of_blocks(problem: Blocked<'a, T>, settings: &FitSettings) -> Result<Self, Error> {
        let method = the_method(&settings.method)?;
        check_method(method, problem.constraints())?;
        Ok(Problem::Blocks(Box::new(problem), method))
    }

    fn least_squares(&self) -> &dyn LeastSquares<T> {
        match self {
            Problem::Squares(problem, _) => problem,
            Problem::Blocks(problem, _) => &**problem,
            Problem::Divergence(problem, _) => problem.nmf(),
        }
    }

    /// The ranks that hold the data.
    fn comm(&self) -> &dyn Comm {
        match self {
            Problem::Blocks(problem, _) => problem.comm(),
            Problem::Squares(..) | Problem::Divergence(..) => &Alone,
        }
    }

    /// What one of several ranks holds of factors of all.
    fn own_part(&self, whole: &Factors<T>) -> Result<Factors<T>, Error> {
        own_part(self.least_squares(), whole)
    }

    /// Whether any rank says so.
    fn any(&self, own: bool) -> Result<bool, Error> {
        Ok(self.comm().agree(Ok([f64::from(u8::from(own))]))?.contains(&[1.0]))
    }

    /// Writes a restart of all ranks.
    fn save(&self, restart: &Restart<T>, keep: &Keep, number: usize) -> Result<(), Error> {
        let comm = self.comm();
        if comm.size() == 1 {
            return restart.save(&keep.dir.restart(number));
        }
        let whole = restart.with_factors(|own| of_all(self.least_squares(), comm, own))?;
        comm.all_have(if comm.rank() == 0 { whole.save(&keep.dir.restart(number)) } else { Ok(()) })
    }

    /// Refuses a start that does not suit the problem, by name or given.
    pub(crate) fn check_starts(&self, job: &FitJob<'_>) -> Result<(), FitError> {
        let settings = &job.manifest.settings;
        the_start(&settings.init)?.check(self.least_squares())?;
        if let (Some(start), Some(path)) = (&job.given.start, &settings.start) {
            let started = self.own_part(&start.cast()).and_then(|start| self.start(start, settings, 0).map(drop));
            started.map_err(|error| FitError::Given { path: path.clone(), error })?;
        }
        Ok(())
    }

    fn start(&self, factors: Factors<T>, settings: &FitSettings, number: usize) -> Result<Alternating<'_, T>, Error> {
        let batches = Batches { rows: settings.batch_size.unwrap_or(Batches::default().rows), seed: settings.seed, trial: number as u64 };
        match self {
            Problem::Squares(problem, method) => Ok(Alternating::start(problem, *method, factors)?.in_batches(batches)),
            Problem::Blocks(problem, method) => Alternating::start(&**problem, *method, factors),
            Problem::Divergence(problem, method) => Alternating::under(problem, *method, factors),
        }
    }
}

/// The data in single precision, if it can hold them.
fn narrow(data: &Matrix<f64>, kept: Kept<'_>, settings: &FitSettings) -> Result<Matrix<f32>, Error> {
    let summary = data.summary();
    let largest = summary.max.max(-summary.min);
    if !(f32::SMALLEST..=f32::LARGEST).contains(&largest) {
        // said of the numbers as they stand in the file: rounded they may be infinite
        return Err(Error::Range { largest, precision: f32::NAME });
    }
    let data = data.cast::<f32>();
    Problem::new(&data, settings, kept.constraints, kept.scaled_penalty)?;
    Ok(data)
}

/// Creates the directory, if there is to be one, or makes sure that it holds this very run.
pub(crate) fn take_directory(job: &FitJob<'_>) -> Result<Option<File>, FitError> {
    let Some(keep) = &job.keep else { return Ok(None) };
    // the first rank writes; the others wait until there is something to write to
    let comm = job.data.comm();
    let lock = if comm.rank() == 0 { Some(prepare_directory(job, keep)?) } else { None };
    comm.agree(Ok([]))?;
    Ok(lock)
}

fn prepare_directory(job: &FitJob<'_>, Keep { dir, max_memory, .. }: &Keep) -> Result<File, FitError> {
    let lock = dir.lock().map_err(FitError::Output)?;
    if dir.has::<Manifest>() {
        let old: Manifest = dir.read()?;
        let what = if old.input.sha256 != job.manifest.input.sha256 {
            Some("input")
        } else if reading(&old.input.read) != reading(&job.manifest.input.read) {
            Some("reading of the input")
        } else if identity(&old.settings) != identity(&job.manifest.settings) {
            Some("rank, method, start, loss, penalty, constraints, seed, precision, hold-out, batch size or streaming")
        } else if Given::load(dir)? != job.given {
            Some("start or fixed columns")
        } else {
            None
        };
        if let Some(what) = what {
            return Err(FitError::Other { dir: dir.path().display().to_string(), what });
        }
        dir.create().map_err(FitError::Output)?;
        return Ok(lock);
    }
    dir.create().map_err(FitError::Output)?;
    let labels = job.data.labels(*max_memory)?;
    if labels != Labels::default() {
        dir.write(&labels).map_err(FitError::Output)?;
    }
    job.given.save(dir).map_err(FitError::Output)?;
    dir.write(&job.manifest).map_err(FitError::Output)?;
    Ok(lock)
}

/// What was read; the memory that it may take only decides whether.
pub(crate) fn reading(options: &ReadOptions) -> ReadOptions {
    ReadOptions { max_memory: 0, ..options.clone() }
}

/// What a run is; more restarts, more iterations or a smaller tolerance only take it further.
fn identity(settings: &FitSettings) -> FitSettings {
    // what was read from a path is compared itself
    let is_given = |path: &Option<PathBuf>| path.as_ref().map(|_| PathBuf::new());
    let [start, fix_u, fix_v] = [&settings.start, &settings.fix_u, &settings.fix_v].map(is_given);
    FitSettings { restarts: 0, max_iters: 0, tol: 0.0, method_reason: None, start, fix_u, fix_v, ..settings.clone() }
}

/// A restart that has ended or was stopped, judged from the data.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Where it ended.
    pub factors: Factors<f64>,
    /// How.
    pub record: RestartRecord,
    /// What was recomputed from the data.
    pub proof: Stationarity,
    /// Measurements on the way.
    pub history: Vec<HistoryRow>,
}

/// Restarts side by side, each on its share of the threads; on data that stay on disk one after the other, so that blocks are read in turn.
pub(crate) fn restarts<T: WorkingPrecision>(job: &FitJob<'_>, kept: Kept<'_>, problem: &Problem<'_, T>) -> Result<Vec<Judged>, Error> {
    let settings = &job.manifest.settings;
    let begin = Instant::now();
    let is_memory = matches!(job.data, FitData::Memory(_));
    let side_by_side = if !is_memory { 1 } else { job.manifest.threads.clamp(1, settings.restarts) };
    let share = (job.manifest.threads / side_by_side).max(1);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= settings.restarts {
                return;
            }
            // once stopped, restarts that have not begun have nothing to tell; one is needed
            let is_begun = || job.keep.as_ref().is_some_and(|keep| keep.dir.restart(number).exists());
            let is_off = number > 0 && job.stop.load(Ordering::Relaxed) && !is_begun();
            let judged = match problem.any(is_off) {
                Ok(true) => continue,
                Ok(false) => one_restart(job, kept, problem, number, begin),
                Err(error) => Err(error),
            };
            if problem.least_squares().failure().is_some() {
                return;
            }
            done.lock().expect("no restart panics while it holds the list").push((number, judged));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..side_by_side {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(share).build().expect("threads can be started");
            scope.spawn(move || pool.install(worker));
        }
    });
    let mut done = done.into_inner().expect("no restart panics while it holds the list");
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, judged)| judged).collect()
}

fn one_restart<T: WorkingPrecision>(
    job: &FitJob<'_>,
    kept: Kept<'_>,
    problem: &Problem<'_, T>,
    number: usize,
    begin: Instant,
) -> Result<Judged, Error> {
    let settings = &job.manifest.settings;
    let kept_restart = job.keep.as_ref().map_or(Ok(None), |keep| keep.restart::<T>(number));
    let own_part = |restart: Restart<T>| restart.with_factors(|whole| problem.own_part(whole));
    let kept_restart = problem.comm().all_have(kept_restart.and_then(|kept| kept.map(own_part).transpose()))?;
    let mut restart = kept_restart.map_or_else(|| first(problem, job, kept.holdout, number), Ok)?;
    if !is_over(&restart, settings) && !problem.any(job.stop.load(Ordering::Relaxed))? {
        restart = advance(job, kept.holdout, problem, (number, restart), begin)?;
    }
    let factors: Factors<f64> = restart.factors.cast();
    let proof = kept.proof(&factors, settings.loss)?;
    let factors = of_all(problem.least_squares(), problem.comm(), &restart.factors)?.cast();
    let status = restart.status.unwrap_or(Status::Stopped).settled(proof.kkt, settings.tol);
    (job.observe)(number, &restart.memory.progress, Some(status));
    let record = RestartRecord {
        seed: settings.seed,
        trial: number as u64,
        status,
        objective: proof.objective,
        kkt: proof.kkt,
        iterations: restart.memory.progress.iteration,
        seconds: restart.seconds,
    };
    Ok(Judged { factors, record, proof, history: restart.history })
}

/// Whether a restart has nothing more to do under these limits.
fn is_over<T>(restart: &Restart<T>, settings: &FitSettings) -> bool {
    match restart.status {
        Some(Status::Converged) => restart.tol <= settings.tol,
        Some(Status::MaxIters) => restart.memory.progress.iteration >= settings.max_iters,
        Some(status) => is_final(status),
        None => false,
    }
}

/// Whether a run ends with this.
fn is_final(status: Status) -> bool {
    !matches!(status, Status::TimeLimit | Status::Stopped)
}

fn the_method(name: &str) -> Result<&'static dyn NmfMethod, Error> {
    let names = || NMF_METHODS.iter().map(|m| m.about().name).collect::<Vec<_>>().join(", ");
    method(name).ok_or_else(|| Error::Parameter { name: "method", expected: format!("one of {}", names()), got: name.into() })
}

fn the_start(name: &str) -> Result<Init, Error> {
    let names = || INITS.iter().map(|i| i.name()).collect::<Vec<_>>().join(", ");
    Init::named(name).ok_or_else(|| Error::Parameter { name: "init", expected: format!("one of {}", names()), got: name.into() })
}

fn first<T: WorkingPrecision>(problem: &Problem<'_, T>, job: &FitJob<'_>, holdout: Option<&Holdout>, number: usize) -> Result<Restart<T>, Error> {
    let settings = &job.manifest.settings;
    let factors = match &job.given.start {
        Some(start) if number == 0 => problem.own_part(&start.cast())?,
        _ => the_start(&settings.init)?.factors(problem.least_squares(), settings.seed, number as u64)?,
    };
    starting_at(problem, settings, holdout, number, factors)
}

fn starting_at<T: WorkingPrecision>(
    problem: &Problem<'_, T>,
    settings: &FitSettings,
    holdout: Option<&Holdout>,
    number: usize,
    factors: Factors<T>,
) -> Result<Restart<T>, Error> {
    let memory = problem.start(factors.clone(), settings, number)?.memory();
    let progress = memory.progress;
    let holdout_rmse = holdout.and_then(|h| h.rmse(&factors));
    let row = HistoryRow { restart: number, seconds: 0.0, iteration: 0, objective: progress.objective, kkt: None, holdout_rmse };
    Ok(Restart { factors, memory, seconds: 0.0, status: None, tol: settings.tol, history: vec![row] })
}

/// Makes these factors the start of restart 0 in the directory, what is given among them as it is for these data.
pub(crate) fn begin_at<T: WorkingPrecision>(
    dir: &RunDir,
    data: &Matrix<T>,
    settings: &FitSettings,
    constraints: &Constraints,
    mut factors: Factors<T>,
) -> Result<(), FitError> {
    constraints.impose(&mut factors);
    let problem = Problem::new(data, settings, constraints, scaled_penalty(data, settings, constraints)?)?;
    starting_at(&problem, settings, None, 0, factors)?.save(&dir.restart(0)).map_err(FitError::Output)
}

/// Runs a restart on, with a checkpoint every few seconds and one at the end.
fn advance<T: WorkingPrecision>(
    job: &FitJob<'_>,
    holdout: Option<&Holdout>,
    problem: &Problem<'_, T>,
    (number, restart): (usize, Restart<T>),
    begin: Instant,
) -> Result<Restart<T>, Error> {
    let settings = &job.manifest.settings;
    let earlier = restart.seconds;
    let mut history = restart.history;
    let mut failed = None;
    let mut saved = Instant::now();
    let mut iteration = problem.start(restart.factors, settings, number)?.resume(restart.memory);
    let max_time = job.max_time.map(|limit| limit.saturating_sub(begin.elapsed()));
    // several ranks have to end after the same iteration, by the clock of the first
    let is_alone = problem.comm().size() == 1;
    let stop = Stop { max_iters: settings.max_iters, max_time: max_time.filter(|_| is_alone), tol: settings.tol };
    let mut is_late = false;
    let mut sent = job.data.traffic();
    let mut observer = |at: &Alternating<'_, T>, elapsed: Duration| {
        let progress = at.progress();
        let seconds = earlier + elapsed.as_secs_f64();
        if progress.measured_at == progress.iteration {
            let (iteration, objective, kkt) = (progress.iteration, progress.objective, progress.kkt);
            let holdout_rmse = holdout.and_then(|h| h.rmse(at.point()));
            history.push(HistoryRow { restart: number, seconds, iteration, objective, kkt, holdout_rmse });
        }
        (job.observe)(number, &progress, None);
        let is_due = job.keep.as_ref().is_some_and(|keep| saved.elapsed() >= keep.checkpoint_every);
        let own = Wishes { stop: job.stop.load(Ordering::Relaxed), is_late: !is_alone && max_time.is_some_and(|limit| elapsed >= limit), is_due };
        let mut settle = || -> Result<bool, Error> {
            let all = own.of_all(problem.comm())?;
            job.data.note_iteration(sent);
            is_late = all.is_late;
            if let Some(keep) = job.keep.as_ref().filter(|_| all.is_due) {
                let (factors, memory) = (at.point().clone(), at.memory());
                let checkpoint = Restart { factors, memory, seconds, status: None, tol: settings.tol, history: history.clone() };
                problem.save(&checkpoint, keep, number)?;
                saved = Instant::now();
            }
            Ok(all.stop || all.is_late)
        };
        let settled = settle();
        sent = job.data.traffic();
        match settled {
            Ok(false) => ControlFlow::Continue(()),
            Ok(true) => ControlFlow::Break(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    };
    let solution = run(&mut iteration, &stop, &mut observer);
    if let Some(error) = failed {
        return Err(error);
    }
    // what was saved before the data were lost is where the run goes on
    let keep = job.keep.as_ref().filter(|_| problem.least_squares().failure().is_none());
    let restart = Restart {
        factors: solution.point,
        memory: iteration.memory(),
        seconds: earlier + solution.elapsed.as_secs_f64(),
        status: Some(if is_late && solution.status == Status::Stopped { Status::TimeLimit } else { solution.status }),
        tol: settings.tol,
        history,
    };
    if let Some(keep) = keep {
        problem.save(&restart, keep, number)?;
    }
    Ok(restart)
}

/// What a rank would do after an iteration.
#[derive(Clone, Copy)]
struct Wishes {
    stop: bool,
    is_late: bool,
    is_due: bool,
}

impl Wishes {
    /// What all do: any of them may stop the run, the clock is that of the first.
    fn of_all(self, comm: &dyn Comm) -> Result<Wishes, Error> {
        if comm.size() == 1 {
            return Ok(self);
        }
        let all = comm.agree(Ok([self.stop, self.is_late, self.is_due].map(|wish| f64::from(u8::from(wish)))))?;
        Ok(Wishes { stop: all.iter().any(|one| one[0] == 1.0), is_late: all[0][1] == 1.0, is_due: all[0][2] == 1.0 })
    }
}

/// Picks the best restart, and writes what the run found if it is kept.
pub(crate) fn finish(job: FitJob<'_>, kept: Kept<'_>, judged: Vec<Judged>) -> Result<Fitted, FitError> {
    let best = (0..judged.len()).min_by(|&a, &b| judged[a].proof.objective.total_cmp(&judged[b].proof.objective)).expect("one restart at least");
    let is_whole = judged.len() == job.manifest.settings.restarts;
    let is_over = is_whole && judged.iter().all(|j| is_final(j.record.status));
    let winner = &judged[best];
    // one restart that was cut short leaves the run unfinished, whatever the best one did
    let unfinished = judged.iter().map(|j| j.record.status).find(|&s| !is_final(s)).or((!is_whole).then_some(Status::Stopped));
    let result = FitRecord {
        status: unfinished.unwrap_or(winner.record.status),
        best,
        objective: winner.proof.objective,
        penalty: winner.proof.penalty,
        scaled_penalty: kept.scaled_penalty,
        relative_error: winner.proof.relative_error,
        kkt: winner.proof.kkt,
        lower_bound: if job.bound && is_over && job.manifest.settings.loss == Loss::Frobenius {
            kept.lower_bound(job.manifest.settings.components())
        } else {
            None
        },
        iterations: winner.record.iterations,
        seconds: judged.iter().map(|j| j.record.seconds).sum(),
        passes: match job.data {
            FitData::Disk(disk) => Some(disk.passes()),
            FitData::Memory(_) | FitData::Ranks(_) => None,
        },
        ranks: match job.data {
            FitData::Ranks(held) => Some(held.record()),
            FitData::Memory(_) | FitData::Disk(_) => None,
        },
        holdout_rmse: kept.holdout.and_then(|h| h.rmse(&winner.factors)),
        restarts: judged.iter().map(|j| j.record.clone()).collect(),
    };
    let fitted = Fitted { manifest: Manifest { result: Some(result), ..job.manifest }, answers: judged };
    if let Some(keep) = job.keep.as_ref().filter(|_| job.data.comm().rank() == 0) {
        write(&keep.dir, &fitted, best).map_err(FitError::Output)?;
    }
    Ok(fitted)
}

/// The best factors, the history, and last the manifest that speaks of them.
fn write(dir: &RunDir, fitted: &Fitted, best: usize) -> Result<(), Error> {
    let (path, factors) = (dir.factors(), &fitted.answers[best].factors);
    match fitted.manifest.settings.precision {
        Precision::F64 => write_factors(&path, factors)?,
        Precision::F32 => write_factors(&path, &factors.cast::<f32>())?,
    }
    write_history(dir, fitted.answers.iter().flat_map(|j| &j.history))?;
    dir.write(&fitted.manifest)
}

fn write_history<'a>(dir: &RunDir, rows: impl Iterator<Item = &'a HistoryRow>) -> Result<(), Error> {
    write_atomically(&dir.history(), |out| {
        writeln!(out, "restart,seconds,iteration,objective,kkt,holdout_rmse")?;
        for h in rows {
            let shown = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
            writeln!(out, "{},{},{},{},{},{}", h.restart, h.seconds, h.iteration, h.objective, shown(h.kkt), shown(h.holdout_rmse))?;
        }
        Ok(())
    })
}
