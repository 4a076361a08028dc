//! Restarts: each from its start to where it ends or is stopped.

use super::problem::{Problem, scaled_penalty, the_start};
use super::ranks::of_all;
use super::{FitData, FitError, FitJob, Kept};
use crate::{FitSettings, HistoryRow, Restart, RestartRecord, RunDir};
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use thalweg::audit::Status;
use thalweg::certificate::Stationarity;
use thalweg::comm::Comm;
use thalweg::data::{Holdout, Matrix};
use thalweg::problem::Constraints;
use thalweg::solver::nmf::{Alternating, WorkingPrecision};
use thalweg::solver::{Iteration, Stop, run};
use thalweg::{Error, Factors};

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
pub(super) fn restarts<T: WorkingPrecision>(job: &FitJob<'_>, kept: Kept<'_>, problem: &Problem<'_, T>) -> Result<Vec<Judged>, Error> {
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
    let factors = of_all(problem.least_squares(), problem.grid(), &restart.factors)?.cast();
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
pub(super) fn is_final(status: Status) -> bool {
    !matches!(status, Status::TimeLimit | Status::Stopped)
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
