//! Convex recovery: the matrix of smallest norm that fits the measurements.

mod bond;
mod decision;
pub mod deep_sparse;
mod dependence;
mod feasibility;
mod fit;
mod guess;
mod noise;
mod optimality;
mod plane;
mod prepared;
mod proximal;
mod recovering;
pub mod robust_pca;
mod rotated;
mod semismooth;
mod shrinkage;
mod smallest_factors;
mod splitting;
mod tangent;
mod uniqueness;

pub use decision::{Decided, Recovers, decide_recovery};
pub use prepared::{PreparedMap, WarmStart};
pub use recovering::{Recovering, RecoveryPoint};

use crate::Error;
use crate::linalg::{exponent, largest_magnitude, scale, scale_all};
use crate::map::{Definition, MeasurementMap, Rescaling};
use crate::problem::{Domain, Fidelity, Norm, Recovered, Recovery, RecoveryStatus, Witness};
use crate::solver::clock::Clock;
use crate::solver::{Iteration, Progress, Solution, Status, Stop, run};
use dependence::{Dependence, examine};
use guess::Guess;
use plane::Plane;
use proximal::Proximal;
use std::ops::ControlFlow;
use std::time::Duration;
use tangent::Point;

/// The residual at which a recovery has converged, unless another one is asked for: a relative duality gap and misfit of 10⁻⁹.
pub const RECOVERY_TOLERANCE: f64 = 1e-9;

/// Looks at a run after every iteration with the time since its start, and may end it.
pub type Watch<'a> = &'a mut dyn FnMut(&Progress, Duration) -> ControlFlow<()>;

/// Solves a recovery problem.
///
/// Factors of growing rank that meet b are tried first: the smallest multiplier mostly proves their product the minimiser. Else a first-order
/// phase (Douglas–Rachford) finds the rank, and Newton's method solution and multiplier to rounding error. With noise, proximal gradients mostly
/// find the rank; elsewhere, and over symmetric X, [`PreparedMap`] does the work.
/// Multiplying A or b by a power of two multiplies the answer by a power of two, bit for bit.
///
/// # Errors
/// [`Error::Range`] if the answer leaves the range of f64.
///
/// ```
/// use thalweg::map::MAPS;
/// use thalweg::problem::{Norm, Recovery, RecoveryStatus};
/// use thalweg::solver::convex::{recover, RECOVERY_TOLERANCE};
/// use thalweg::solver::Stop;
/// use thalweg::Factors;
///
/// let map = (MAPS[0].sample)(1);
/// let (d1, d2) = map.shape();
/// let truth = Factors::new(d1, d2, 1, (0..d1 + d2).map(|i| (i as f64 + 1.0).sin()).collect())?;
/// let mut b = vec![0.0; map.len()];
/// map.apply_factored(&truth, &mut b);
/// let problem = Recovery::new(&*map, &b, Norm::Nuclear)?;
/// let stop = Stop { max_iters: 1000, max_time: None, tol: RECOVERY_TOLERANCE };
/// let found = recover(&problem, &stop, &mut |_, _| std::ops::ControlFlow::Continue(()))?;
/// assert_eq!((found.status, found.rank), (RecoveryStatus::Converged, 1));
/// # Ok::<(), thalweg::Error>(())
/// ```
pub fn recover(problem: &Recovery<'_>, stop: &Stop, observer: Watch<'_>) -> Result<Recovered, Error> {
    let (d1, d2) = problem.map.shape();
    let zero = |status| Ok(ended(status, vec![0.0; d1 * d2], vec![0.0; problem.b.len()]));
    if problem.b.iter().all(|&b| b == 0.0) {
        return zero(RecoveryStatus::Converged);
    }
    let Some(scaled) = Scaled::of(problem) else { return zero(RecoveryStatus::Breakdown) };
    let begin = Clock::start();
    let guessed = match problem.fidelity {
        Fidelity::Exact => scaled.guess(problem.domain, stop, observer)?,
        _ => scaled.shrink(problem, stop, observer)?,
    };
    let done = match guessed {
        Guessed::Ended(found) => return Ok(*found),
        Guessed::InVain(steps) => steps,
    };
    let spent = begin.elapsed();
    let stop = &Stop { max_iters: stop.max_iters - done, max_time: stop.max_time.map(|limit| limit.saturating_sub(spent)), tol: stop.tol };
    let observer: Watch<'_> = &mut |at: &Progress, elapsed| {
        observer(&Progress { iteration: done + at.iteration, measured_at: done + at.measured_at, ..*at }, spent + elapsed)
    };
    let found = match problem.fidelity {
        Fidelity::Exact => scaled.split(problem, stop, observer)?,
        fidelity => match PreparedMap::of(problem) {
            Some(prepared) => prepared.to_rounding().recover(problem.b, fidelity, &mut WarmStart::default(), stop, observer)?,
            None => return zero(RecoveryStatus::Breakdown),
        },
    };
    Ok(Recovered { iterations: done + found.iterations, ..found })
}

fn ended(status: RecoveryStatus, x: Vec<f64>, multiplier: Vec<f64>) -> Recovered {
    Recovered { status, x, multiplier, rank: 0, iterations: 0, witness: None }
}

/// Fewer measurements than unknowns are independent unless the factorisation in single precision finds otherwise. None also for sampled
/// entries, where there is nothing to factor.
fn independent_plane(map: &dyn MeasurementMap, b: &[f64], domain: Domain) -> Option<Plane<f32>> {
    let (d1, d2) = map.shape();
    let unknowns = if domain == Domain::General { d1 * d2 } else { d1 * (d1 + 1) / 2 };
    let is_candidate = b.len() < unknowns && !matches!(map.definition(), Definition::Entries(..));
    if is_candidate { Plane::new(map, b) } else { None }
}

/// A map brought near 1 by a power of two, and to the plain nuclear norm by a change of variables X̃ = D1 X D2.
struct ScaledMap {
    map: Box<dyn MeasurementMap>,
    /// That of X instead of X̃, where it is another.
    plain: Option<Box<dyn MeasurementMap>>,
    /// The exponent by which A was divided.
    exponent: i32,
    /// D1 and D2 of the flat norm, and their pseudo-inverses.
    rescaling: Option<Rescaling>,
}

impl ScaledMap {
    /// None for a map that is zero, or whose rescaling fails.
    fn of(problem: &Recovery<'_>) -> Option<Self> {
        let exponent = match problem.map.definition() {
            Definition::Dense(a) => exponent(largest_magnitude(a))?,
            Definition::OuterProducts(l, r) => exponent(largest_magnitude(l))? + exponent(largest_magnitude(r))?,
            Definition::Entries(_, _, weights) => exponent(largest_magnitude(weights))?,
        };
        let map = problem.map.scaled(-exponent);
        match problem.norm {
            Norm::Nuclear => Some(ScaledMap { map, plain: None, exponent, rescaling: None }),
            Norm::Flat => {
                let rescaling = Rescaling::of(&*map)?;
                let weighted = map.transformed(&rescaling.left_inverse, &rescaling.right_inverse);
                Some(ScaledMap { map: weighted, plain: Some(map), exponent, rescaling: Some(rescaling) })
            }
        }
    }

    /// For A as it is here and b divided by this power of two.
    fn fidelity(&self, fidelity: Fidelity, of_b: i32) -> Fidelity {
        match fidelity {
            Fidelity::Exact => Fidelity::Exact,
            Fidelity::Ball { radius } => Fidelity::Ball { radius: scale(radius, -of_b) },
            Fidelity::Penalised { lambda } => Fidelity::Penalised { lambda: scale(lambda, -of_b - self.exponent) },
        }
    }

    /// X from X̃, with b divided by this power of two.
    fn back(&self, x: Vec<f64>, of_b: i32) -> Result<Vec<f64>, Error> {
        let x = match &self.rescaling {
            None => x,
            Some(weights) => weights.right_inverse.after(&weights.left_inverse.times(&x, self.map.shape().1)),
        };
        let x = scale_all(&x, of_b - self.exponent);
        match x.iter().find(|x| !x.is_finite()) {
            Some(&largest) => Err(Error::Range { largest, precision: "f64" }),
            None => Ok(x),
        }
    }
}

/// The same with b, which is divided by a power of two of its own.
struct Scaled {
    map: ScaledMap,
    b: Vec<f64>,
    of_b: i32,
}

impl Scaled {
    /// None for a map that is zero, or whose rescaling fails.
    fn of(problem: &Recovery<'_>) -> Option<Self> {
        let of_b = exponent(largest_magnitude(problem.b))?;
        Some(Scaled { map: ScaledMap::of(problem)?, b: scale_all(problem.b, -of_b), of_b })
    }

    /// By factors of growing rank, where their product proves optimal.
    fn guess(&self, domain: Domain, stop: &Stop, observer: Watch<'_>) -> Result<Guessed, Error> {
        let ScaledMap { map, plain, rescaling, .. } = &self.map;
        let plain = plain.as_ref().unwrap_or(map);
        let Some(mut guess) = Guess::start(&**plain, &**map, rescaling.as_ref(), &self.b, domain) else { return Ok(Guessed::InVain(0)) };
        let solution = run(&mut guess, stop, &mut |at: &Guess<'_>, elapsed| observer(&at.progress(), elapsed));
        if solution.status == Status::Stalled {
            return Ok(Guessed::InVain(solution.progress.iteration));
        }
        Ok(Guessed::Ended(Box::new(self.finished(&**map, domain, solution, None)?)))
    }

    /// By proximal gradients, where noise is allowed for and the rank shows soon.
    fn shrink(&self, problem: &Recovery<'_>, stop: &Stop, observer: Watch<'_>) -> Result<Guessed, Error> {
        let (map, fidelity) = (&*self.map.map, self.map.fidelity(problem.fidelity, self.of_b));
        let Some(mut proximal) = Proximal::start(map, &self.b, fidelity, problem.domain) else { return Ok(Guessed::InVain(0)) };
        let solution = run(&mut proximal, stop, &mut |at: &Proximal<'_>, elapsed| observer(&at.progress(), elapsed));
        if solution.status == Status::Stalled {
            return Ok(Guessed::InVain(solution.progress.iteration));
        }
        Ok(Guessed::Ended(Box::new(self.answer(solution.status.into(), solution, None)?)))
    }

    /// By splitting, once it is known which measurements are independent.
    fn split(&self, problem: &Recovery<'_>, stop: &Stop, observer: Watch<'_>) -> Result<Recovered, Error> {
        let (map, domain) = (&*self.map.map, problem.domain);
        let (d1, d2) = map.shape();
        let broken = || ended(RecoveryStatus::Breakdown, vec![0.0; d1 * d2], vec![0.0; map.len()]);
        if let Some(plane) = independent_plane(map, &self.b, domain) {
            return self.solve(Recovering::on_plane(map, &self.b, domain, Some(plane)), map, domain, stop, observer);
        }
        match examine(map, &self.b) {
            None => Ok(broken()),
            Some(Dependence::Contradiction(y)) => {
                Ok(Recovered { status: RecoveryStatus::Inconsistent, witness: Some(Witness::Multiplier(y)), ..broken() })
            }
            Some(Dependence::Independent(chosen)) if chosen.len() == map.len() => {
                self.solve(Recovering::start(map, &self.b, domain), map, domain, stop, observer)
            }
            Some(Dependence::Independent(chosen)) => {
                let b: Vec<f64> = chosen.iter().map(|&k| self.b[k]).collect();
                let selected = map.selected(&chosen);
                let mut found = self.solve(Recovering::start(&*selected, &b, domain), &*selected, domain, stop, observer)?;
                let of_all = |y: &[f64]| {
                    let mut all = vec![0.0; map.len()];
                    chosen.iter().zip(y).for_each(|(&k, y)| all[k] = *y);
                    all
                };
                found.multiplier = of_all(&found.multiplier);
                if let Some(Witness::Multiplier(y)) = &mut found.witness {
                    *y = of_all(y);
                }
                Ok(found)
            }
        }
    }

    fn solve(
        &self,
        recovering: Option<Recovering<'_>>,
        map: &dyn MeasurementMap,
        domain: Domain,
        stop: &Stop,
        observer: Watch<'_>,
    ) -> Result<Recovered, Error> {
        let (d1, d2) = map.shape();
        let Some(mut recovering) = recovering.map(|recovering| recovering.expecting(stop.tol)) else {
            return Ok(ended(RecoveryStatus::Breakdown, vec![0.0; d1 * d2], vec![0.0; map.len()]));
        };
        let solution = run(&mut recovering, stop, &mut |at: &Recovering<'_>, elapsed| at.watched(observer, elapsed));
        let separating = recovering.separating().map(<[f64]>::to_vec);
        self.finished(map, domain, solution, separating)
    }

    /// The answer for A and b as they were, from the point where a run ended.
    fn finished(
        &self,
        map: &dyn MeasurementMap,
        domain: Domain,
        solution: Solution<RecoveryPoint>,
        separating: Option<Vec<f64>>,
    ) -> Result<Recovered, Error> {
        let (mut status, mut witness) = match separating {
            Some(y) => (RecoveryStatus::Infeasible, Some(Witness::Multiplier(y))),
            None => (solution.status.into(), None),
        };
        if status == RecoveryStatus::Converged
            && let Some(other) = second_minimiser(map, &solution.point, domain)
        {
            (status, witness) = (RecoveryStatus::UnderDetermined, Some(Witness::SecondSolution(self.map.back(other, self.of_b)?)));
        }
        self.answer(status, solution, witness)
    }

    fn answer(&self, status: RecoveryStatus, solution: Solution<RecoveryPoint>, witness: Option<Witness>) -> Result<Recovered, Error> {
        Ok(Recovered {
            status,
            rank: solution.point.rank,
            iterations: solution.progress.iteration,
            witness,
            multiplier: scale_all(&solution.point.multiplier, -self.map.exponent),
            x: self.map.back(solution.point.x, self.of_b)?,
        })
    }
}

/// Another minimiser beside X, if there is one in reach. None also where the decomposition fails.
fn second_minimiser(map: &dyn MeasurementMap, at: &RecoveryPoint, domain: Domain) -> Option<Vec<f64>> {
    let point = Point::of(at.x.clone(), map.shape(), domain, |_| at.rank)?;
    uniqueness::second_solution(map, &point, domain)
}

/// How the first phase ended.
enum Guessed {
    /// With an answer, or at a limit.
    Ended(Box<Recovered>),
    /// After so many steps without one.
    InVain(usize),
}
