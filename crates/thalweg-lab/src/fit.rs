//! A fit with restarts, kept on disk if it is to survive being killed.

use crate::streamed::fit_on_disk;
use crate::{FitRecord, FitSettings, Given, HistoryRow, Labels, Manifest, Restart, RestartRecord, RunDir};
use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use thalweg::audit::Status;
use thalweg::certificate::{Stationarity, constrained_stationarity, spectral_bound, stationarity_in_blocks};
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
}

impl FitData<'_> {
    /// Names of rows and columns.
    fn labels(self, max_memory: u64) -> Result<Labels, Error> {
        let [rows, cols] = match self {
            FitData::Memory(dataset) => [dataset.row_labels.clone(), dataset.col_labels.clone()],
            FitData::Disk(disk) => disk.shards().map_or(Ok([None, None]), |shards| shards.labels(max_memory))?,
        };
        Ok(Labels { rows, cols })
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
    Blocks(&'a dyn RowBlocks<f64>),
}

impl Kept<'_> {
    fn proof(self, factors: &Factors<f64>, loss: Loss) -> Result<Stationarity, Error> {
        match self.training {
            Training::Memory(data) => constrained_stationarity(data, factors, self.constraints, loss, &self.scaled_penalty),
            Training::Blocks(blocks) => stationarity_in_blocks(blocks, factors, self.constraints, &self.scaled_penalty),
        }
    }

    /// A lower bound over all factorisations of this rank, where the data are in memory.
    fn lower_bound(self, rank: usize) -> Option<f64> {
        match self.training {
            Training::Memory(data) => spectral_bound(data).map(|bound| bound.lower_bound(rank)),
            Training::Blocks(_) => None,
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

    /// Refuses a start that does not suit the problem, by name or given.
    pub(crate) fn check_starts(&self, job: &FitJob<'_>) -> Result<(), FitError> {
        let settings = &job.manifest.settings;
        the_start(&settings.init)?.check(self.least_squares())?;
        if let (Some(start), Some(path)) = (&job.given.start, &settings.start) {
            self.start(start.cast(), settings, 0).map_err(|error| FitError::Given { path: path.clone(), error })?;
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
    let Some(Keep { dir, max_memory, .. }) = &job.keep else { return Ok(None) };
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
        return Ok(Some(lock));
    }
    dir.create().map_err(FitError::Output)?;
    let labels = job.data.labels(*max_memory)?;
    if labels != Labels::default() {
        dir.write(&labels).map_err(FitError::Output)?;
    }
    job.given.save(dir).map_err(FitError::Output)?;
    dir.write(&job.manifest).map_err(FitError::Output)?;
    Ok(Some(lock))
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
    let side_by_side = if settings.stream { 1 } else { job.manifest.threads.clamp(1, settings.restarts) };
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
            if number > 0 && job.stop.load(Ordering::Relaxed) && !is_begun() {
                continue;
            }
            let judged = one_restart(job, kept, problem, number, begin);
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
    let kept_restart = job.keep.as_ref().map(|keep| keep.restart(number)).transpose()?.flatten();
    let mut restart = kept_restart.map_or_else(|| first(problem, job, kept.holdout, number), Ok)?;
    if !is_over(&restart, settings) && !job.stop.load(Ordering::Relaxed) {
        restart = advance(job, kept.holdout, problem, (number, restart), begin)?;
    }
    let factors: Factors<f64> = restart.factors.cast();
    let proof = kept.proof(&factors, settings.loss)?;
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
        Some(start) if number == 0 => start.cast(),
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
    let stop = Stop { max_iters: settings.max_iters, max_time, tol: settings.tol };
    let mut observer = |at: &Alternating<'_, T>, elapsed: Duration| {
        let progress = at.progress();
        let seconds = earlier + elapsed.as_secs_f64();
        if progress.measured_at == progress.iteration {
            let (iteration, objective, kkt) = (progress.iteration, progress.objective, progress.kkt);
            let holdout_rmse = holdout.and_then(|h| h.rmse(at.point()));
            history.push(HistoryRow { restart: number, seconds, iteration, objective, kkt, holdout_rmse });
        }
        (job.observe)(number, &progress, None);
        if let Some(keep) = job.keep.as_ref().filter(|keep| saved.elapsed() >= keep.checkpoint_every) {
            let checkpoint =
                Restart { factors: at.point().clone(), memory: at.memory(), seconds, status: None, tol: settings.tol, history: history.clone() };
            failed = checkpoint.save(&keep.dir.restart(number)).err();
            saved = Instant::now();
        }
        if failed.is_some() || job.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
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
        status: Some(solution.status),
        tol: settings.tol,
        history,
    };
    if let Some(keep) = keep {
        restart.save(&keep.dir.restart(number))?;
    }
    Ok(restart)
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
            FitData::Memory(_) => None,
            FitData::Disk(disk) => Some(disk.passes()),
        },
        holdout_rmse: kept.holdout.and_then(|h| h.rmse(&winner.factors)),
        restarts: judged.iter().map(|j| j.record.clone()).collect(),
    };
    let fitted = Fitted { manifest: Manifest { result: Some(result), ..job.manifest }, answers: judged };
    if let Some(keep) = &job.keep {
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
