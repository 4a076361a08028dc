//! Convex recovery: the matrix of smallest norm that fits the measurements.

pub mod deep_sparse;
mod dependence;
mod plane;
mod recovering;
pub mod robust_pca;
mod shrinkage;
mod splitting;
mod tangent;
mod uniqueness;

pub use recovering::{Recovering, RecoveryPoint};

use crate::Error;
use crate::linalg::{exponent, mul, row_major, scale_all};
use crate::map::{Definition, MeasurementMap, Rescaling, Weight};
use crate::problem::{Domain, Fidelity, Norm, Recovered, Recovery, RecoveryStatus, Witness};
use crate::solver::{Iteration, Progress, Status, Stop, run};
use dependence::{Dependence, examine};
use std::ops::ControlFlow;
use std::time::Duration;

/// The residual at which a recovery has converged, unless another one is asked for: a relative duality gap and misfit of 10⁻⁹.
pub const RECOVERY_TOLERANCE: f64 = 1e-9;

/// Looks at a run after every iteration with the time since its start, and may end it.
pub type Watch<'a> = &'a mut dyn FnMut(&Progress, Duration) -> ControlFlow<()>;

/// Solves a recovery problem.
///
/// A first-order phase (Douglas–Rachford) finds the rank; Newton's method then finds solution and multiplier to rounding error.
/// Multiplying A or b by a power of two multiplies the answer by a power of two, bit for bit.
///
/// # Errors
/// [`Error::Range`] if the answer leaves the range of f64, [`Error::Parameter`] for a bond to the measurements that is not exact.
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
    if problem.fidelity != Fidelity::Exact {
        return Err(Error::Parameter { name: "fidelity", expected: "exact".into(), got: format!("{:?}", problem.fidelity) });
    }
    let (d1, d2) = problem.map.shape();
    if problem.b.iter().all(|&b| b == 0.0) {
        return Ok(ended(RecoveryStatus::Converged, vec![0.0; d1 * d2], vec![0.0; problem.b.len()]));
    }
    let Some(scaled) = Scaled::of(problem) else {
        return Ok(ended(RecoveryStatus::Breakdown, vec![0.0; d1 * d2], vec![0.0; problem.b.len()]));
    };
    match examine_if_needed(&*scaled.map, &scaled.b, problem.domain) {
        None => Ok(ended(RecoveryStatus::Breakdown, vec![0.0; d1 * d2], vec![0.0; problem.b.len()])),
        Some(Dependence::Contradiction(y)) => {
            let mut found = ended(RecoveryStatus::Inconsistent, vec![0.0; d1 * d2], vec![0.0; problem.b.len()]);
            found.witness = Some(Witness::Multiplier(y));
            Ok(found)
        }
        Some(Dependence::Independent(chosen)) if chosen.len() == problem.b.len() => {
            scaled.solve(&*scaled.map, &scaled.b, problem.domain, stop, observer)
        }
        Some(Dependence::Independent(chosen)) => {
            let b: Vec<f64> = chosen.iter().map(|&k| scaled.b[k]).collect();
            let mut found = scaled.solve(&*scaled.map.selected(&chosen), &b, problem.domain, stop, observer)?;
            let mut multiplier = vec![0.0; problem.b.len()];
            chosen.iter().zip(&found.multiplier).for_each(|(&k, y)| multiplier[k] = *y);
            found.multiplier = multiplier;
            Ok(found)
        }
    }
}

fn ended(status: RecoveryStatus, x: Vec<f64>, multiplier: Vec<f64>) -> Recovered {
    Recovered { status, x, multiplier, rank: 0, iterations: 0, witness: None }
}

/// Fewer measurements than unknowns are independent unless the factorisation finds otherwise.
fn examine_if_needed(map: &dyn MeasurementMap, b: &[f64], domain: Domain) -> Option<Dependence> {
    let (d1, d2) = map.shape();
    let unknowns = if domain == Domain::General { d1 * d2 } else { d1 * (d1 + 1) / 2 };
    let looks_independent = b.len() < unknowns && plane::Plane::<f32>::new(map, b).is_some();
    if looks_independent { Some(Dependence::Independent((0..b.len()).collect())) } else { examine(map, b) }
}

/// A problem brought near 1 by powers of two, and to the plain nuclear norm by a change of variables X̃ = D1 X D2.
struct Scaled {
    map: Box<dyn MeasurementMap>,
    b: Vec<f64>,
    /// Exponents by which A and b were divided.
    exponents: (i32, i32),
    /// X from X̃: D1⁺ and D2⁺ of the flat norm.
    back: Option<(Weight, Weight)>,
}

impl Scaled {
    /// None for a map that is zero, or whose rescaling fails.
    fn of(problem: &Recovery<'_>) -> Option<Self> {
        let largest = |x: &[f64]| x.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        let of_b = exponent(largest(problem.b))?;
        let of_map = match problem.map.definition() {
            Definition::Dense(a) => exponent(largest(a))?,
            Definition::OuterProducts(l, r) => exponent(largest(l))? + exponent(largest(r))?,
            Definition::Entries(_, _, weights) => exponent(largest(weights))?,
        };
        let b = scale_all(problem.b, -of_b);
        let (map, exponents) = (problem.map.scaled(-of_map), (of_map, of_b));
        match problem.norm {
            Norm::Nuclear => Some(Scaled { map, b, exponents, back: None }),
            Norm::Flat => {
                let Rescaling { left_inverse, right_inverse, .. } = Rescaling::of(&*map)?;
                let map = map.transformed(&left_inverse, &right_inverse);
                Some(Scaled { map, b, exponents, back: Some((left_inverse, right_inverse)) })
            }
        }
    }

    fn solve(&self, map: &dyn MeasurementMap, b: &[f64], domain: Domain, stop: &Stop, observer: Watch<'_>) -> Result<Recovered, Error> {
        let (d1, d2) = map.shape();
        let Some(recovering) = Recovering::start(map, b, domain) else {
            return Ok(ended(RecoveryStatus::Breakdown, vec![0.0; d1 * d2], vec![0.0; b.len()]));
        };
        let mut recovering = recovering.expecting(stop.tol);
        let solution = run(&mut recovering, stop, &mut |at: &Recovering<'_>, elapsed| observer(&at.progress(), elapsed));
        let mut status = status(solution.status);
        let mut witness = None;
        if status == RecoveryStatus::Converged
            && let Some(other) = uniqueness::second_solution(map, &solution.point, domain)
        {
            (status, witness) = (RecoveryStatus::UnderDetermined, Some(Witness::SecondSolution(self.back(other)?)));
        }
        Ok(Recovered {
            status,
            rank: solution.point.rank,
            iterations: solution.progress.iteration,
            witness,
            multiplier: scale_all(&solution.point.multiplier, -self.exponents.0),
            x: self.back(solution.point.x)?,
        })
    }

    /// X from X̃.
    fn back(&self, x: Vec<f64>) -> Result<Vec<f64>, Error> {
        let (d1, d2) = self.map.shape();
        let x = match &self.back {
            None => x,
            Some((left, right)) => {
                let (left, right) = (left.dense(), right.dense());
                let (mut halfway, mut out) = (vec![0.0; x.len()], vec![0.0; x.len()]);
                mul(row_major(&left, d1, d1), row_major(&x, d1, d2), &mut halfway);
                mul(row_major(&halfway, d1, d2), row_major(&right, d2, d2), &mut out);
                out
            }
        };
        let x = scale_all(&x, self.exponents.1 - self.exponents.0);
        match x.iter().find(|x| !x.is_finite()) {
            Some(&largest) => Err(Error::Range { largest, precision: "f64" }),
            None => Ok(x),
        }
    }
}

fn status(status: Status) -> RecoveryStatus {
    match status {
        Status::Converged => RecoveryStatus::Converged,
        Status::MaxIters => RecoveryStatus::MaxIters,
        Status::TimeLimit => RecoveryStatus::TimeLimit,
        Status::Stalled => RecoveryStatus::Stalled,
        Status::Breakdown => RecoveryStatus::Breakdown,
        Status::Stopped => RecoveryStatus::Stopped,
    }
}
