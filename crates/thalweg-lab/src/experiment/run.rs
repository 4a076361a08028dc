//! Runs the trials that are not done.

use super::{AnyExperiment, Bench, Done, Key, Scale, Store};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use thalweg::Error;

/// Every N-th trial, from the I-th: what one of N machines does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1 to `of`.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl Shard {
    /// What one of several ranks does of this part, from rank 0.
    pub fn of_rank(self, rank: usize, size: usize) -> Shard {
        Shard { number: self.number + rank * self.of, of: self.of * size }
    }
}

impl Default for Shard {
    fn default() -> Self {
        Shard { number: 1, of: 1 }
    }
}

/// What to run.
pub struct TrialJob<'a> {
    /// The experiment.
    pub experiment: &'a dyn AnyExperiment,
    /// How much of it.
    pub scale: Scale,
    /// Which part of it.
    pub shard: Shard,
    /// Where trials are kept.
    pub store: &'a Store,
    /// What they may use.
    pub bench: &'a Bench,
    /// Trials side by side, one thread each.
    pub threads: usize,
    /// Time limit of this call.
    pub max_time: Option<Duration>,
    /// Set from outside to end after the trials at work.
    pub stop: &'a AtomicBool,
    /// Told after each trial.
    pub observe: &'a (dyn Fn(Tally) + Sync),
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Trials of this part that are done.
    pub done: usize,
    /// Trials of this part.
    pub all: usize,
}

impl Tally {
    /// Whether nothing is left.
    pub fn is_complete(&self) -> bool {
        self.done == self.all
    }
}

/// Runs what is not done yet, until all is, time is up or the stop flag is set. What is done is kept trial by trial.
///
/// # Errors
/// The first error of a trial or of the store; what was done before stays done.
pub fn run_trials(job: &TrialJob<'_>) -> Result<Tally, Error> {
    let begin = Instant::now();
    let name = job.experiment.kept_under();
    let key = Key { experiment: &name, version: job.experiment.about().version };
    let known: HashSet<String> = job.store.done(key)?.into_iter().map(|done| done.trial).collect();
    let ours: Vec<String> = job.experiment.trials(job.scale, job.bench).into_iter().skip(job.shard.number - 1).step_by(job.shard.of).collect();
    let open: Vec<&String> = ours.iter().filter(|trial| !known.contains(*trial)).collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(ours.len() - open.len()));
    let is_over = || job.stop.load(Ordering::Relaxed) || job.max_time.is_some_and(|limit| begin.elapsed() >= limit);
    let worker = || -> Result<(), Error> {
        while !is_over() {
            let Some(trial) = open.get(next.fetch_add(1, Ordering::Relaxed)) else { return Ok(()) };
            let begin = Instant::now();
            let outcome = job.experiment.run(trial, job.bench).inspect_err(|_| next.store(open.len(), Ordering::Relaxed))?;
            job.store.put(key, &Done { trial: trial.to_string(), outcome, seconds: begin.elapsed().as_secs_f64() })?;
            (job.observe)(Tally { done: done.fetch_add(1, Ordering::Relaxed) + 1, all: ours.len() });
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        // as many trials at a time as threads, and the threads that are left over inside each
        let together = job.threads.clamp(1, open.len().max(1));
        let start = |at: usize| {
            let share = job.threads / together + usize::from(at < job.threads % together);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(share).build().expect("threads can be started");
            scope.spawn(move || pool.install(worker))
        };
        let threads: Vec<_> = (0..together).map(start).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no trial panics"))
    })?;
    Ok(Tally { done: done.into_inner(), all: ours.len() })
}
