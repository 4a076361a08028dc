//! Is the minimiser the matrix that was measured? Decided from both sides, mostly without finding the minimiser.

use super::bond::Bond;
use super::plane::Plane;
use super::splitting::{Snapshot, Splitting};
use super::tangent::{Dual, Point};
use super::{Scaled, uniqueness};
use crate::Error;
use crate::linalg::{Cholesky, Real, gram_lower, row_major, scale_all, singular_values, symmetric_eigenvalues};
use crate::map::{Definition, MeasurementMap};
use crate::problem::{Domain, Fidelity, Recovery};
use serde::{Deserialize, Serialize};

/// Steps between two looks.
const LOOK_EVERY: usize = 15;
/// Until here τ is balanced, and steps are in single precision.
const EARLY: usize = 300;
/// Singular values of the measured matrix below this part of the largest one are rounding.
const RANK_FLOOR: f64 = 1e-10;
/// Misfit, relative to b, of a matrix that counts as feasible.
const FEASIBLE: f64 = 1e-9;
/// Newton steps that make a projection in single precision fit.
const REFITS: usize = 4;
/// Part of the norm that those steps may take away or add.
const NEARLY: f64 = 1e-3;
/// Smallest over largest squared pivot of A*A above which A is injective.
const INJECTIVE: f64 = 1e-11;

/// Whether every minimiser is the measured matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovers {
    /// It is the only minimiser.
    Yes,
    /// Every minimiser is further from it than the tolerance.
    No,
    /// Neither was shown within the iterations allowed.
    Open,
}

/// An answer and what it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// The answer.
    pub recovers: Recovers,
    /// Steps of the first-order phase.
    pub iterations: usize,
}

/// Does minimising the norm recover `truth` (row-major d1×d2), the matrix M with A(M) = b?
///
/// *Yes* once some y has P_T A*(y) = UVᵀ and ‖P_T⊥ A*(y)‖ < 1 at M = UΣVᵀ, and A is injective on {USVᵀ : S = Sᵀ}; y is the smallest one, or the
/// one nearest to the multiplier of a Douglas–Rachford step. *No* once some X that fits has ‖X‖ < ‖M‖ − √min(d1,d2) ‖D1‖₂‖D2‖₂ τ‖M‖_F in
/// the norm that is minimised: whatever is within τ‖M‖_F of M costs more. So neither answer needs a solution. Where
/// there are as many measurements as unknowns, an injective A is a *yes*.
///
/// Over symmetric matrices S joins eigenvectors of one sign only. Bits do not depend on the number of threads.
///
/// # Errors
/// [`Error::Shape`]; [`Error::Parameter`] unless the bond to the measurements is exact, the matrices are not confined to semidefinite ones and `truth` fits b.
pub fn decide_recovery(problem: &Recovery<'_>, truth: &[f64], tolerance: f64, max_iters: usize) -> Result<Decided, Error> {
    check(problem, truth)?;
    let at = |recovers, iterations| Ok(Decided { recovers, iterations });
    if truth.iter().all(|&x| x == 0.0) {
        return at(Recovers::Yes, 0);
    }
    let Some(question) = Question::new(problem, truth, tolerance) else { return at(Recovers::Open, 0) };
    if question.is_lost {
        return at(Recovers::No, 0);
    }
    let (map, domain) = (&*question.scaled.map.map, problem.domain);
    let Some(dual) = Dual::of(map, &question.point, domain) else { return at(Recovers::Open, 0) };
    if is_injective(map, domain) || (dual.smallest_separating().is_some() && question.is_alone()) {
        return at(Recovers::Yes, 0);
    }
    let (recovers, iterations) = match map.definition() {
        Definition::Entries(..) => question.split::<f64>(&dual, None, 0, max_iters),
        _ => match question.split::<f32>(&dual, None, 0, max_iters.min(EARLY)) {
            Ended::Open { at: Some(at), iterations } => question.split::<f64>(&dual, Some(&at), iterations, max_iters),
            Ended::Open { at: None, .. } => question.split::<f64>(&dual, None, 0, max_iters),
            decided => decided,
        },
    }
    .decision();
    at(recovers, iterations)
}

fn check(problem: &Recovery<'_>, truth: &[f64]) -> Result<(), Error> {
    let (d1, d2) = problem.map.shape();
    if truth.len() != d1 * d2 {
        return Err(Error::Shape { what: "truth", expected: (d1, d2), got: (truth.len() / d2, d2) });
    }
    if problem.fidelity != Fidelity::Exact {
        return Err(Error::Parameter { name: "fidelity", expected: "exact".into(), got: format!("{:?}", problem.fidelity) });
    }
    if problem.domain == Domain::PositiveSemidefinite {
        return Err(Error::Parameter { name: "domain", expected: "general or symmetric".into(), got: "positive semidefinite".into() });
    }
    match misfit(problem.map, problem.b, truth).1 {
        relative if relative <= FEASIBLE => Ok(()),
        relative => Err(Error::Parameter { name: "truth", expected: "a matrix that fits b".into(), got: format!("a misfit of {relative:.1e}") }),
    }
}

/// A(X) − b, and its norm over ‖b‖, or itself where b = 0.
fn misfit(map: &dyn MeasurementMap, b: &[f64], x: &[f64]) -> (Vec<f64>, f64) {
    let mut excess = vec![0.0; b.len()];
    map.apply(x, &mut excess);
    excess.iter_mut().zip(b).for_each(|(e, b)| *e -= b);
    let size = frobenius(b.iter().copied());
    let relative = frobenius(excess.iter().copied()) / if size > 0.0 { size } else { 1.0 };
    (excess, relative)
}

/// The measured matrix in the variables in which the plain nuclear norm is minimised.
struct Question {
    scaled: Scaled,
    domain: Domain,
    /// D1 M D2.
    point: Point,
    /// A feasible matrix of a smaller norm than this answers no.
    bound: f64,
    /// A part of M lies where no measurement sees: the answer of the problem is 0 there.
    is_lost: bool,
}

impl Question {
    fn new(problem: &Recovery<'_>, truth: &[f64], tolerance: f64) -> Option<Self> {
        let scaled = Scaled::of(problem)?;
        let ((d1, d2), domain) = (problem.map.shape(), problem.domain);
        let unit = scale_all(truth, scaled.map.exponent - scaled.of_b);
        let (x, seen, norms) = match &scaled.map.rescaling {
            None => (unit.clone(), unit.clone(), 1.0),
            Some(weights) => {
                let x = weights.right.after(&weights.left.times(&unit, d2));
                let seen = weights.right_inverse.after(&weights.left_inverse.times(&x, d2));
                (x, seen, weights.left.extremes()?.1 * weights.right.extremes()?.1)
            }
        };
        let size = frobenius(unit.iter().copied());
        let is_lost = frobenius(unit.iter().zip(&seen).map(|(m, s)| m - s)) > tolerance * size;
        let above_rounding = |values: &[f64]| values.iter().filter(|value| **value > RANK_FLOOR * values[0]).count();
        let point = Point::of(x, (d1, d2), domain, above_rounding)?;
        let bound = norm(&point.x, (d1, d2), domain)? - (d1.min(d2) as f64).sqrt() * norms * tolerance * size;
        Some(Question { scaled, domain, point, bound, is_lost })
    }

    /// No other matrix with the same singular spaces has the same measurements.
    fn is_alone(&self) -> bool {
        uniqueness::second_solution(&*self.scaled.map.map, &self.point, self.domain).is_none()
    }

    /// Whether the last projection, made to fit, has a norm below the bound.
    fn is_beaten<T: Real>(&self, splitting: &Splitting<T>) -> bool {
        let (map, b) = (&*self.scaled.map.map, &self.scaled.b);
        let below = |x: &[f64], bound: f64| norm(x, map.shape(), self.domain).is_some_and(|norm| norm < bound);
        let mut x = splitting.fitted();
        // what is missing to a fit is worth less than this part of the norm
        if !below(&x, self.bound * (1.0 + NEARLY)) {
            return false;
        }
        for _ in 0..REFITS {
            let (excess, relative) = misfit(map, b, &x);
            if relative <= FEASIBLE {
                return below(&x, self.bound);
            }
            if splitting.refit(map, &excess, &mut x).is_none() {
                return false;
            }
        }
        false
    }

    /// Splitting in one precision until an answer shows.
    fn split<T: Real>(&self, dual: &Dual<'_>, from: Option<&Snapshot>, done: usize, max_iters: usize) -> Ended {
        let (map, b) = (&*self.scaled.map.map, &self.scaled.b);
        let started = Plane::<T>::new(map, b).map(Bond::Exact).and_then(|bond| match from {
            None => Splitting::start(bond, map.shape(), self.domain),
            Some(at) => Splitting::resume(bond, map.shape(), self.domain, &at.s, at.tau),
        });
        let Some(mut splitting) = started else { return Ended::Open { at: None, iterations: done } };
        let mut last = None;
        for iteration in done + 1..=max_iters {
            if splitting.step().is_none() {
                break;
            }
            if !iteration.is_multiple_of(LOOK_EVERY) {
                continue;
            }
            if self.is_beaten(&splitting) {
                return Ended::Decided { recovers: Recovers::No, iterations: iteration };
            }
            let at = splitting.snapshot();
            if dual.separating(&at.multiplier, 1.0).is_some() && self.is_alone() {
                return Ended::Decided { recovers: Recovers::Yes, iterations: iteration };
            }
            if iteration <= EARLY && iteration.is_multiple_of(2 * LOOK_EVERY) && splitting.balance(&at).is_none() {
                break;
            }
            last = Some(at);
        }
        Ended::Open { at: last, iterations: max_iters }
    }
}

/// How splitting in one precision ended.
enum Ended {
    Decided { recovers: Recovers, iterations: usize },
    Open { at: Option<Snapshot>, iterations: usize },
}

impl Ended {
    fn decision(self) -> (Recovers, usize) {
        match self {
            Ended::Decided { recovers, iterations } => (recovers, iterations),
            Ended::Open { iterations, .. } => (Recovers::Open, iterations),
        }
    }
}

fn frobenius(x: impl Iterator<Item = f64>) -> f64 {
    x.map(|x| x * x).sum::<f64>().sqrt()
}

/// ‖X‖_*.
fn norm(x: &[f64], (d1, d2): (usize, usize), domain: Domain) -> Option<f64> {
    let values = if domain == Domain::General { singular_values(x, d1, d2)? } else { symmetric_eigenvalues(x, d1)? };
    Some(values.iter().map(|value| value.abs()).sum())
}

/// Whether A tells all matrices of the domain apart.
fn is_injective(map: &dyn MeasurementMap, domain: Domain) -> bool {
    let ((d1, d2), p) = (map.shape(), map.len());
    let unknowns = if domain == Domain::General { d1 * d2 } else { d1 * (d1 + 1) / 2 };
    if p < unknowns {
        return false;
    }
    if let (Definition::Entries(..), Domain::General) = (map.definition(), domain) {
        // each position once, weights not 0
        return true;
    }
    let positions = (0..d1).flat_map(|i| (0..d2).map(move |j| (i, j))).filter(|&(i, j)| domain == Domain::General || i <= j);
    let mut images = Vec::with_capacity(p * unknowns);
    for (i, j) in positions {
        let (mut x, mut image) = (vec![0.0; d1 * d2], vec![0.0; p]);
        x[i * d2 + j] = 1.0;
        if domain != Domain::General {
            x[j * d2 + i] = 1.0;
        }
        map.apply(&x, &mut image);
        images.extend(image);
    }
    let mut gram = vec![0.0; unknowns * unknowns];
    gram_lower(row_major(&images, unknowns, p), &mut gram);
    Cholesky::of(&gram, unknowns).is_some_and(|factor| factor.pivot_ratio() > INJECTIVE)
}
