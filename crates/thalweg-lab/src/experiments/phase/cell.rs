//! One cell of a phase diagram: how often the measured matrix is the minimiser.

use crate::experiment::seed_of;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use thalweg::Error;
use thalweg::linalg::relative_error;
use thalweg::map::{Ensemble, planted_matrix};
use thalweg::problem::{Norm, Recovery, RecoveryStatus};
use thalweg::solver::Stop;
use thalweg::solver::convex::{RECOVERY_TOLERANCE, Recovers, decide_recovery, recover};

/// Relative error below which a matrix counts as recovered.
pub const SUCCESS: f64 = 1e-6;
/// Steps after which a problem is left open.
const MAX_ITERS: usize = 3000;

/// Norms that are compared, on the same maps.
pub const NORMS: [Norm; 2] = [Norm::Nuclear, Norm::Flat];

/// As said in figures.
pub fn name(norm: Norm) -> &'static str {
    if norm == Norm::Flat { "flat" } else { "nuclear" }
}

/// A random matrix, and so many random maps that measure it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Law of the maps.
    pub model: Ensemble,
    /// d1.
    pub rows: usize,
    /// d2.
    pub cols: usize,
    /// r.
    pub rank: usize,
    /// Measurements over max(d1, d2); in completion, the expected share of entries seen.
    pub rate: f64,
    /// How unevenly rows and columns are seen in completion.
    pub skew: f64,
    /// Maps.
    pub maps: u64,
    /// Of all that is drawn.
    pub seed: u64,
}

/// What was decided for each map.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Of the nuclear norm.
    pub nuclear: Vec<Recovers>,
    /// Of the flat norm.
    pub flat: Vec<Recovers>,
}

impl Outcome {
    /// Of one norm.
    pub fn of(&self, norm: Norm) -> &[Recovers] {
        if norm == Norm::Flat { &self.flat } else { &self.nuclear }
    }

    /// Maps for which the matrix is recovered.
    pub fn successes(&self, norm: Norm) -> u64 {
        self.of(norm).iter().filter(|r| **r == Recovers::Yes).count() as u64
    }

    /// Maps that were decided.
    pub fn decided(&self, norm: Norm) -> u64 {
        self.of(norm).iter().filter(|r| **r != Recovers::Open).count() as u64
    }

    /// Share of the decided maps; none if there are none.
    pub fn rate(&self, norm: Norm) -> Option<f64> {
        (self.decided(norm) > 0).then(|| self.successes(norm) as f64 / self.decided(norm) as f64)
    }

    /// Maps with which the flat norm recovers and the nuclear one does not, and the other way round.
    pub fn discordant(&self) -> [u64; 2] {
        let only = |a: &[Recovers], b: &[Recovers]| a.iter().zip(b).filter(|(a, b)| (**a, **b) == (Recovers::Yes, Recovers::No)).count() as u64;
        [only(&self.flat, &self.nuclear), only(&self.nuclear, &self.flat)]
    }
}

impl Cell {
    /// (d1, d2).
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// Numbers that determine the matrix, in the unit of `rate`: with fewer measurements others of its rank fit too.
    pub fn least_rate(&self) -> f64 {
        self.model.degrees_of_freedom(self.shape(), self.rank) as f64 / self.model.unit(self.shape())
    }

    /// What is drawn does not depend on the number of maps.
    fn drawn_from(&self) -> u64 {
        seed_of(&Cell { maps: 0, ..*self })
    }

    /// Draws the matrix once, then the maps, and decides for both norms.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a rate or a skew that makes no sense.
    pub fn run(&self) -> Result<Outcome, Error> {
        let seed = self.drawn_from();
        let truth = planted_matrix(self.model, self.shape(), self.rank, seed, 0);
        let mut outcome = Outcome::default();
        for trial in 0..self.maps {
            let Some(map) = self.model.draw(self.shape(), self.rate, self.skew, seed, trial)? else {
                // nothing is seen: every norm answers 0
                outcome.nuclear.push(Recovers::No);
                outcome.flat.push(Recovers::No);
                continue;
            };
            let mut b = vec![0.0; map.len()];
            map.apply(&truth, &mut b);
            outcome.nuclear.push(decide(&Recovery::new(&*map, &b, Norm::Nuclear)?, &truth)?);
            outcome.flat.push(decide(&Recovery::new(&*map, &b, Norm::Flat)?, &truth)?);
        }
        Ok(outcome)
    }
}

/// Whether `truth` is the minimiser: by a proof that it is or is not, or where neither comes in time, as in the transition, by the minimiser.
fn decide(problem: &Recovery<'_>, truth: &[f64]) -> Result<Recovers, Error> {
    let decided = decide_recovery(problem, truth, SUCCESS, MAX_ITERS)?.recovers;
    if decided != Recovers::Open {
        return Ok(decided);
    }
    let stop = Stop { max_iters: MAX_ITERS, max_time: None, tol: RECOVERY_TOLERANCE };
    let found = recover(problem, &stop, &mut |_, _| ControlFlow::Continue(()))?;
    Ok(match found.status {
        RecoveryStatus::Converged if relative_error(&found.x, truth) <= SUCCESS => Recovers::Yes,
        RecoveryStatus::Converged | RecoveryStatus::UnderDetermined => Recovers::No,
        _ => Recovers::Open,
    })
}
