//! The one loop that runs every method.

use super::Status;
use super::clock::Clock;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::time::Duration;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Iterations done.
    pub iteration: usize,
    /// The objective when it was last measured.
    pub objective: f64,
    /// The stationarity residual when it was last measured, a point or a few before this one.
    pub kkt: Option<f64>,
    /// The iteration after which the objective was last measured.
    pub measured_at: usize,
    /// Measurements in a row that found the objective unchanged at working precision.
    pub unchanged: usize,
}

/// Numbers that went bad during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Breakdown {
    /// The objective is not a finite number any more.
    #[error("the objective is not finite after iteration {iteration}")]
    NotFinite {
        /// The iteration.
        iteration: usize,
    },
    /// The data are out of reach: a file that cannot be read any more, a rank that is gone.
    #[error("the data were lost in iteration {iteration}")]
    DataLost {
        /// The iteration.
        iteration: usize,
    },
}

/// A method at work: a point that can be moved one step further.
pub trait Iteration {
    /// What moves.
    type Point: Clone;
    /// Where it is.
    fn point(&self) -> &Self::Point;
    /// How far it has come.
    fn progress(&self) -> Progress;
    /// Moves it.
    ///
    /// # Errors
    /// [`Breakdown`] if numbers went bad.
    fn step(&mut self) -> Result<(), Breakdown>;
    /// The stationarity residual of the present point, measured now.
    fn kkt(&mut self) -> f64;
}

/// When a run ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// Iterations.
    pub max_iters: usize,
    /// Time from the start of this call.
    pub max_time: Option<Duration>,
    /// Residual below which the point counts as stationary; 0 never does.
    pub tol: f64,
}

/// [`Progress::unchanged`] at which nothing more is to be gained.
pub const STALL_PATIENCE: usize = 16;

impl Default for Stop {
    fn default() -> Self {
        Stop { max_iters: 2000, max_time: None, tol: 1e-5 }
    }
}

/// Looks at a run after every iteration, and may end it. Closures are observers.
pub trait Observer<I: Iteration + ?Sized> {
    /// Called after every iteration with the time since the start of this call of [`run`].
    fn observe(&mut self, iteration: &I, elapsed: Duration) -> ControlFlow<()>;
}

impl<I: Iteration + ?Sized, F: FnMut(&I, Duration) -> ControlFlow<()>> Observer<I> for F {
    fn observe(&mut self, iteration: &I, elapsed: Duration) -> ControlFlow<()> {
        self(iteration, elapsed)
    }
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Solution<P> {
    /// The last point; the last finite one after a breakdown.
    pub point: P,
    /// Why it ended.
    pub status: Status,
    /// The last progress.
    pub progress: Progress,
    /// Time of this call.
    pub elapsed: Duration,
}

/// Steps until the point is stationary, or a limit is reached.
///
/// `Converged` needs a residual measured at the very point that is returned.
pub fn run<I: Iteration>(iteration: &mut I, stop: &Stop, observer: &mut dyn Observer<I>) -> Solution<I::Point> {
    let begin = Clock::start();
    let mut last_finite = iteration.point().clone();
    let mut tried = None;
    let status = loop {
        let progress = iteration.progress();
        // the residual in hand belongs to an earlier point; ask for this one's before believing it, once for each measurement
        let looks_stationary = progress.kkt.is_some_and(|kkt| kkt <= stop.tol) && tried != Some(progress.measured_at);
        let is_stalled = progress.unchanged >= STALL_PATIENCE;
        if looks_stationary || is_stalled {
            tried = Some(progress.measured_at);
            if iteration.kkt() <= stop.tol {
                break Status::Converged;
            }
        }
        if is_stalled {
            break Status::Stalled;
        }
        if progress.iteration >= stop.max_iters {
            break if stop.tol > 0.0 && iteration.kkt() <= stop.tol { Status::Converged } else { Status::MaxIters };
        }
        if stop.max_time.is_some_and(|limit| begin.elapsed() >= limit) {
            break Status::TimeLimit;
        }
        if progress.iteration == progress.measured_at {
            last_finite.clone_from(iteration.point());
        }
        if iteration.step().is_err() {
            return Solution { point: last_finite, status: Status::Breakdown, progress, elapsed: begin.elapsed() };
        }
        if observer.observe(iteration, begin.elapsed()).is_break() {
            break Status::Stopped;
        }
    };
    Solution { point: iteration.point().clone(), status, progress: iteration.progress(), elapsed: begin.elapsed() }
}
