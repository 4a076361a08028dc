//! A survey of ranks, kept on disk so that it survives being killed.

use crate::fit::reading;
use crate::{FitError, InputRecord, Record, RunDir};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use thalweg::Error;
use thalweg::audit::{RankOutcome, RankReport, RankSettings, RankTrial, rank_report, rank_trials, run_rank_trial};
use thalweg::comm::Comm;
use thalweg::data::{Dataset, write_atomically};

/// `rank.json`: what was asked, and what was found once every trial is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankSurvey {
    /// 1.
    pub schema: u32,
    /// Version of thalweg that wrote it.
    pub thalweg: String,
    /// The input.
    pub input: InputRecord,
    /// The settings.
    pub settings: RankSettings,
    /// The evidence.
    pub result: Option<RankReport>,
}

impl Record for RankSurvey {
    const FILE: &'static str = "rank.json";
}

/// A survey to run, or to go on with.
pub struct RankJob<'a> {
    /// What to do: the record without a result.
    pub survey: RankSurvey,
    /// The ranks among which trials are divided. The first writes what was found.
    pub comm: &'a dyn Comm,
    /// The data, on every rank.
    pub dataset: &'a Dataset,
    /// Where it is kept.
    pub dir: RunDir,
    /// Threads. The result does not depend on them.
    pub threads: usize,
    /// Time limit of this call.
    pub max_time: Option<Duration>,
    /// Set from outside to end the survey, leaving it resumable.
    pub stop: &'a AtomicBool,
    /// Told after every trial how many of how many are done.
    pub observe: &'a (dyn Fn(usize, usize) + Sync),
}

/// One trial as it is kept: `trials/NAME.json`. A file that is not there means not done.
#[derive(Debug, Serialize, Deserialize)]
struct Done {
    trial: RankTrial,
    outcome: RankOutcome,
}

/// Does every trial that is not done yet; the result stays none if time was up or the stop flag was set before all were.
///
/// A larger range or more masks take a survey further. The result depends on data and settings alone.
///
/// # Errors
/// [`FitError::Other`] if the directory holds a survey with other settings, [`FitError::Input`] for bad data and settings.
pub fn survey_on_disk(job: &RankJob<'_>) -> Result<RankSurvey, FitError> {
    let (settings, note) = job.survey.settings.fitted_to(&job.dataset.matrix)?;
    thalweg::problem::Nmf::new(&job.dataset.matrix, settings.first)?;
    thalweg::data::hold_out(&job.dataset.matrix, settings.fraction, settings.seed)?;
    let comm = job.comm;
    let trials = rank_trials(&settings);
    // the first rank holds the directory for all
    let lock = if comm.rank() == 0 { take_directory(job).map(Some) } else { Ok(None) };
    let _lock = comm.all_have(lock)?;
    let own: Vec<RankTrial> = trials.iter().copied().skip(comm.rank()).step_by(comm.size()).collect();
    let mut outcomes = comm.all_have(run_trials(job, &settings, &own))?;
    if comm.size() > 1 && comm.rank() == 0 {
        outcomes = run_trials(job, &settings, &trials)?;
    }
    let mut survey = job.survey.clone();
    if outcomes.len() == trials.len() {
        let in_order: Vec<(RankTrial, RankOutcome)> = outcomes.into_iter().collect();
        survey.result = Some(rank_report(&job.dataset.matrix, &settings, &in_order, note.into_iter().collect()));
    }
    if comm.rank() == 0 {
        job.dir.write(&survey).map_err(FitError::Output)?;
    }
    Ok(survey)
}

fn folder(dir: &RunDir) -> PathBuf {
    dir.path().join("trials")
}

fn take_directory(job: &RankJob<'_>) -> Result<File, FitError> {
    let lock = job.dir.lock().map_err(FitError::Output)?;
    if job.dir.has::<RankSurvey>() {
        let old: RankSurvey = job.dir.read()?;
        let new = &job.survey;
        let what = if old.input.sha256 != new.input.sha256 {
            Some("input")
        } else if reading(&old.input.read) != reading(&new.input.read) {
            Some("reading of the input")
        } else if identity(&old.settings) != identity(&new.settings) {
            Some("penalty, seed, restarts, limits or hold-out")
        } else {
            None
        };
        if let Some(what) = what {
            return Err(FitError::Other { dir: job.dir.path().display().to_string(), what });
        }
    }
    let folder = folder(&job.dir);
    fs::create_dir_all(&folder).map_err(|source| FitError::Output(Error::Io { path: folder.clone(), source }))?;
    // what an earlier, smaller survey found stays until there is something to put in its place
    if !job.dir.has::<RankSurvey>() {
        job.dir.write(&job.survey).map_err(FitError::Output)?;
    }
    Ok(lock)
}

/// What a survey is; a larger range and more masks only take it further.
fn identity(settings: &RankSettings) -> RankSettings {
    RankSettings { first: 0, last: 0, repeats: 0, ..*settings }
}

/// Trials side by side, one thread each.
fn run_trials(job: &RankJob<'_>, settings: &RankSettings, trials: &[RankTrial]) -> Result<BTreeMap<RankTrial, RankOutcome>, Error> {
    let begin = Instant::now();
    let is_stopped = || job.stop.load(Ordering::Relaxed) || job.max_time.is_some_and(|limit| begin.elapsed() >= limit);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let worker = || -> Result<(), Error> {
        while let Some(&trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(outcome) = one_trial(job, settings, trial, &is_stopped)? else { return Ok(()) };
            let mut done = done.lock().expect("no trial panics while it holds the list");
            done.insert(trial, outcome);
            (job.observe)(done.len(), trials.len());
        }
        Ok(())
    };
    let outcomes: Vec<Result<(), Error>> = std::thread::scope(|scope| {
        let start = |_| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("threads can be started");
            scope.spawn(|| {
                let pool = pool;
                pool.install(worker)
            })
        };
        let threads: Vec<_> = (0..job.threads.clamp(1, trials.len())).map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("no trial panics")).collect()
    });
    outcomes.into_iter().collect::<Result<(), Error>>()?;
    Ok(done.into_inner().expect("no trial panics while it holds the list"))
}

fn one_trial(job: &RankJob<'_>, settings: &RankSettings, trial: RankTrial, is_stopped: &dyn Fn() -> bool) -> Result<Option<RankOutcome>, Error> {
    let path = folder(&job.dir).join(format!("{}.json", trial.name()));
    if path.exists() {
        let bytes = fs::read(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let malformed = |found: String| Error::Malformed { path: path.clone(), place: "the whole of it".into(), expected: "a trial".into(), found };
        let old: Done = serde_json::from_slice(&bytes).map_err(|reason| malformed(reason.to_string()))?;
        return if old.trial == trial { Ok(Some(old.outcome)) } else { Err(malformed(old.trial.name())) };
    }
    let Some(outcome) = run_rank_trial(&job.dataset.matrix, trial, settings, is_stopped)? else { return Ok(None) };
    let done = Done { trial, outcome };
    let bytes = serde_json::to_vec(&done).expect("records hold plain values");
    write_atomically(&path, |out| out.write_all(&bytes))?;
    Ok(Some(done.outcome))
}
