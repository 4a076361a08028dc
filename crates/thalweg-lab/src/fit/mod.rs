//! A fit with restarts, kept on disk if it is to survive being killed.

mod directory;
mod finish;
mod on_disk;
mod problem;
mod ranks;
mod restarts;

pub(crate) use directory::reading;
pub use ranks::{RankBlock, RanksRecord};
pub use restarts::Judged;
pub(crate) use restarts::begin_at;

use crate::{FitSettings, Given, Labels, Manifest, Restart, RunDir};
use directory::take_directory;
use finish::finish;
use problem::{Problem, narrow, scaled_penalty};
use restarts::restarts;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use thalweg::audit::Status;
use thalweg::certificate::{Stationarity, constrained_stationarity, rank_bound, stationarity_over_ranks};
use thalweg::comm::{Alone, Comm, Grid, Traffic};
use thalweg::data::{Dataset, Holdout, Matrix, OnDisk, Precision, RowBlocks, hold_out};
use thalweg::problem::{Blocked, Constraints, Loss, ScaledPenalty};
use thalweg::solver::Progress;
use thalweg::solver::nmf::WorkingPrecision;
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
    /// In the memory of several ranks: some rows and columns on each.
    Ranks(&'a RankBlock<'a>),
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
        FitData::Disk(disk) => on_disk::fit_on_disk(job, disk),
        FitData::Ranks(held) => ranks::fit_on_ranks(job, held),
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

/// Refuses what needs all the data at once.
fn refuse_without_all(settings: &FitSettings, place: &str) -> Result<(), Error> {
    let refused = |name, expected, got| Err(Error::Parameter { name, expected, got });
    match settings.loss {
        Loss::Frobenius if settings.biases => refused("biases", format!("none {place}: the mean is not known beforehand"), "asked".into()),
        Loss::Frobenius => Ok(()),
        loss => refused("loss", format!("frobenius {place}"), loss.to_string()),
    }
}

/// A fit to data that are held as blocks of rows, by these ranks.
fn fit_blocks<T: WorkingPrecision>(
    job: FitJob<'_>,
    blocks: &dyn RowBlocks<T>,
    judged_by: &dyn RowBlocks<f64>,
    holdout: Option<&Holdout>,
    grid: Grid<'_>,
) -> Result<Fitted, FitError> {
    let settings = &job.manifest.settings;
    let constraints = settings.constraints_at(&job.given, blocks.shape(), 0.0)?;
    let problem = Blocked::new(blocks, grid, settings.components(), constraints.clone())?.with_penalty(&settings.penalty)?;
    let kept = Kept { training: Training::Blocks(judged_by, grid), holdout, scaled_penalty: problem.penalty(), constraints: &constraints };
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
struct Kept<'a> {
    training: Training<'a>,
    holdout: Option<&'a Holdout>,
    scaled_penalty: ScaledPenalty,
    constraints: &'a Constraints,
}

/// The data without what is held out, in double precision.
#[derive(Clone, Copy)]
enum Training<'a> {
    Memory(&'a Matrix<f64>),
    Blocks(&'a dyn RowBlocks<f64>, Grid<'a>),
}

impl Kept<'_> {
    fn proof(self, factors: &Factors<f64>, loss: Loss) -> Result<Stationarity, Error> {
        match self.training {
            Training::Memory(data) => constrained_stationarity(data, factors, self.constraints, loss, &self.scaled_penalty),
            Training::Blocks(blocks, grid) => stationarity_over_ranks(blocks, grid, factors, self.constraints, &self.scaled_penalty),
        }
    }

    /// A lower bound over all factorisations of this rank, where the data are in memory.
    fn lower_bound(self, rank: usize) -> Option<f64> {
        match self.training {
            Training::Memory(data) => rank_bound(data, rank),
            Training::Blocks(..) => None,
        }
    }
}
