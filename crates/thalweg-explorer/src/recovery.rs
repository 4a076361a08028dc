//! Planted low-rank matrices, recovered from random measurements.

use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use thalweg::certificate::recovery::{RecoveryVerdict, leading_factors, verify};
use thalweg::geometry::{flattest_factors, share_interval};
use thalweg::linalg::relative_error;
use thalweg::map::{Ensemble, MeasurementMap, planted_matrix};
use thalweg::problem::{Norm, Recovery, RecoveryStatus};
use thalweg::solver::Stop;
use thalweg::solver::convex::{RECOVERY_TOLERANCE, Recovers, decide_recovery, recover};
use thalweg::{Error, Factors};

/// A matrix and how it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Planting {
    /// The law of the measurements.
    pub ensemble: Ensemble,
    /// d: the matrix is d×d.
    pub side: usize,
    /// r.
    pub rank: usize,
    /// Measurements over d; in completion the share of entries that are seen.
    pub rate: f64,
    /// Of matrix and maps.
    pub seed: u64,
}

/// A map and what it measures of the matrix.
struct Measured {
    map: Box<dyn MeasurementMap>,
    b: Vec<f64>,
}

impl Planting {
    fn shape(&self) -> (usize, usize) {
        (self.side, self.side)
    }

    fn truth(&self) -> Result<Vec<f64>, Error> {
        if self.rank == 0 || self.rank > self.side {
            return Err(Error::Rank { rank: self.rank, rows: self.side, cols: self.side });
        }
        Ok(planted_matrix(self.ensemble, self.shape(), self.rank, self.seed, 0))
    }

    /// Map number `trial` and what it measures. None if no entry is seen.
    fn measured(&self, truth: &[f64], trial: u64) -> Result<Option<Measured>, Error> {
        let Some(map) = self.ensemble.draw(self.shape(), self.rate, 0.0, self.seed, trial)? else { return Ok(None) };
        let mut b = vec![0.0; map.len()];
        map.apply(truth, &mut b);
        Ok(Some(Measured { map, b }))
    }
}

/// Recover the matrix from the first map.
pub type Question = Planting;

/// What was recovered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// p.
    pub measurements: usize,
    /// Numbers that a matrix of this shape has.
    pub unknowns: usize,
    /// Numbers that determine one of this rank.
    pub degrees_of_freedom: usize,
    /// The least scaled trace of the Hessian over all factors of the planted matrix.
    pub planted_trace: Option<f64>,
    /// By minimising the nuclear norm, and the flat one.
    pub by_norm: Vec<Recovered>,
}

/// The minimiser of one norm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recovered {
    /// What was minimised.
    pub norm: Norm,
    /// How it ended.
    pub status: RecoveryStatus,
    /// Whether every minimiser is the planted matrix.
    pub recovers: Recovers,
    /// ‖X − M‖ / ‖M‖.
    pub relative_error: f64,
    /// Of X.
    pub rank: usize,
    /// What was proved of X from the measurements alone.
    pub proof: RecoveryVerdict,
    /// What stands in the way of a proof, in words.
    pub unproved: Option<&'static str>,
    /// The least scaled trace of the Hessian over all factors of X.
    pub trace: Option<f64>,
}

/// Relative error below which a matrix counts as recovered.
pub const SUCCESS: f64 = 1e-6;
/// Steps after which a decision is left open, and a recovery ends.
const MAX_STEPS: usize = 3000;

impl Question {
    /// # Errors
    /// As the library's functions.
    pub fn answer(&self) -> Result<Answer, Error> {
        let truth = self.truth()?;
        let (unknowns, degrees_of_freedom) = (self.ensemble.unknowns(self.shape()), self.ensemble.degrees_of_freedom(self.shape(), self.rank));
        let Some(Measured { map, b }) = self.measured(&truth, 0)? else {
            return Ok(Answer { measurements: 0, unknowns, degrees_of_freedom, planted_trace: None, by_norm: Vec::new() });
        };
        let by_norm = [Norm::Nuclear, Norm::Flat].map(|norm| recovered(&Recovery::new(&*map, &b, norm)?, &truth));
        Ok(Answer {
            measurements: map.len(),
            unknowns,
            degrees_of_freedom,
            planted_trace: least_trace(&*map, &truth)?,
            by_norm: by_norm.into_iter().collect::<Result<_, _>>()?,
        })
    }
}

fn recovered(problem: &Recovery<'_>, truth: &[f64]) -> Result<Recovered, Error> {
    let shape = problem.map.shape();
    let stop = Stop { max_iters: MAX_STEPS, max_time: None, tol: RECOVERY_TOLERANCE };
    let found = recover(problem, &stop, &mut |_, _| ControlFlow::Continue(()))?;
    let factors = leading_factors(&found.x, shape, found.rank).unwrap_or_else(|| Factors::zeros(shape.0, shape.1, 0));
    let proof = verify(problem, &factors, &found.multiplier)?;
    Ok(Recovered {
        norm: problem.norm,
        status: found.status,
        recovers: decide_recovery(problem, truth, SUCCESS, MAX_STEPS)?.recovers,
        relative_error: relative_error(&found.x, truth),
        rank: found.rank,
        proof,
        unproved: proof.unproved.map(|unproved| unproved.why()),
        trace: least_trace(problem.map, &found.x)?,
    })
}

fn least_trace(map: &dyn MeasurementMap, x: &[f64]) -> Result<Option<f64>, Error> {
    let (d1, d2) = map.shape();
    Ok(flattest_factors(map, x, d1.min(d2))?.map(|flattest| flattest.scaled_trace))
}

/// The matrix at several numbers of measurements.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SweepQuestion {
    /// The matrix, and the number that is looked at.
    #[serde(flatten)]
    pub planting: Planting,
    /// Rates, ascending.
    pub rates: Vec<f64>,
    /// Maps drawn at each.
    pub maps: u64,
}

/// What happens as measurements are added.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sweep {
    /// Measurements at the rate that is looked at.
    pub here: usize,
    /// Numbers that determine a matrix of this rank.
    pub degrees_of_freedom: usize,
    /// At each rate.
    pub points: Vec<SweepPoint>,
}

/// One rate of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepPoint {
    /// By the first map.
    pub answer: Answer,
    /// By all maps.
    pub shares: Shares,
}

impl SweepQuestion {
    /// # Errors
    /// As the library's functions.
    pub fn answer(&self) -> Result<Sweep, Error> {
        let truth = self.planting.truth()?;
        let point = |&rate: &f64| {
            let planting = Planting { rate, ..self.planting };
            Ok(SweepPoint { answer: planting.answer()?, shares: planting.shares(&truth, self.maps)? })
        };
        Ok(Sweep {
            here: self.planting.measured(&truth, 0)?.map_or(0, |measured| measured.b.len()),
            degrees_of_freedom: self.planting.ensemble.degrees_of_freedom(self.planting.shape(), self.planting.rank),
            points: self.rates.iter().map(point).collect::<Result<_, Error>>()?,
        })
    }
}

/// Shares of maps, by the nuclear norm and the flat one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shares {
    /// Maps drawn.
    pub maps: u64,
    /// By norm.
    pub by_norm: Vec<Share>,
}

/// Shares of maps, by one norm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// What is minimised.
    pub norm: Norm,
    /// The share that recovers the matrix.
    pub recovered: f64,
    /// Its 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// Maps for which neither was shown in the steps allowed; they do not count as recovered.
    pub open: usize,
}

impl Planting {
    fn shares(&self, truth: &[f64], maps: u64) -> Result<Shares, Error> {
        let share = |norm: Norm| {
            let decide = |trial: u64| match self.measured(truth, trial)? {
                // nothing is seen: every norm answers 0
                None => Ok(Recovers::No),
                Some(Measured { map, b }) => Ok(decide_recovery(&Recovery::new(&*map, &b, norm)?, truth, SUCCESS, MAX_STEPS)?.recovers),
            };
            let decided = (0..maps).map(decide).collect::<Result<Vec<Recovers>, Error>>()?;
            let count = |which: Recovers| decided.iter().filter(|&&d| d == which).count();
            let recovered = count(Recovers::Yes) as f64 / maps.max(1) as f64;
            Ok(Share { norm, recovered, interval: share_interval(recovered, decided.len()), open: count(Recovers::Open) })
        };
        Ok(Shares { maps, by_norm: [Norm::Nuclear, Norm::Flat].into_iter().map(share).collect::<Result<_, Error>>()? })
    }
}
