//! The phases of a recovery as one iteration: splitting in single precision, in double precision, and Newton's method whenever the rank
//! seems known.

use super::splitting::{Snapshot, Splitting};
use super::tangent::{polish, tangent_dimension};
use crate::linalg::{singular_values, symmetric_eigenvalues};
use crate::map::{Definition, MeasurementMap};
use crate::problem::Domain;
use crate::solver::{Breakdown, Iteration, Progress};

/// Steps between two looks at the residuals.
const CHECK_EVERY: usize = 15;
/// The first look that may lead to Newton's method.
const FIRST_POLISH: usize = 30;
/// Residuals below which it is tried.
const CLOSE: f64 = 3e-2;
/// Until here, τ is balanced.
const BALANCE_UNTIL: usize = 300;
/// Steps in single precision: those who need more need digits that it does not have.
const SINGLE_STEPS: usize = 300;
/// Residuals below which the point itself is measured, in double precision, unless a larger tolerance is asked for.
const MEASURABLE: f64 = 1e-6;
/// Numbers of a Jacobian up to which Newton's method is tried: one gibibyte. Images have more.
const LARGEST_JACOBIAN: usize = 1 << 27;

/// Where a recovery stands.
#[derive(Debug, Clone, PartialEq)]
pub struct RecoveryPoint {
    /// X, row-major.
    pub x: Vec<f64>,
    /// y.
    pub multiplier: Vec<f64>,
    /// Rank of X.
    pub rank: usize,
    /// Whether X has exactly this rank and fits b to rounding.
    pub polished: bool,
}

/// min ‖X‖_* over a domain subject to A(X) = b, independent measurements, b ≠ 0, both near 1.
pub struct Recovering<'a> {
    map: &'a dyn MeasurementMap,
    b: &'a [f64],
    domain: Domain,
    phase: Phase,
    point: RecoveryPoint,
    progress: Progress,
    next_polish: usize,
    /// Residuals below which the point is measured.
    measurable: f64,
}

enum Phase {
    Single(Splitting<f32>),
    Double(Splitting<f64>),
}

impl Phase {
    fn step(&mut self) -> Option<()> {
        match self {
            Phase::Single(splitting) => splitting.step(),
            Phase::Double(splitting) => splitting.step(),
        }
    }

    fn snapshot(&self) -> Snapshot {
        match self {
            Phase::Single(splitting) => splitting.snapshot(),
            Phase::Double(splitting) => splitting.snapshot(),
        }
    }

    fn balance(&mut self, at: &Snapshot) -> Option<()> {
        match self {
            Phase::Single(splitting) => splitting.balance(at),
            Phase::Double(splitting) => splitting.balance(at),
        }
    }
}

impl<'a> Recovering<'a> {
    /// At the smallest solution of A(X) = b. None if measurements depend on one another at working precision.
    ///
    /// Sampled entries start in double precision: there a step costs no product with A, only the decomposition.
    pub fn start(map: &'a dyn MeasurementMap, b: &'a [f64], domain: Domain) -> Option<Self> {
        let phase = match map.definition() {
            Definition::Entries(..) => Phase::Double(Splitting::start(map, b, domain)?),
            _ => match Splitting::start(map, b, domain) {
                Some(single) => Phase::Single(single),
                None => Phase::Double(Splitting::start(map, b, domain)?),
            },
        };
        let at = phase.snapshot();
        let point = RecoveryPoint { x: at.z, multiplier: at.multiplier, rank: at.rank, polished: false };
        let progress = Progress { iteration: 0, objective: f64::NAN, kkt: None, measured_at: 0, unchanged: 0 };
        let mut recovering = Recovering { map, b, domain, phase, point, progress, next_polish: FIRST_POLISH, measurable: MEASURABLE };
        recovering.progress.objective = recovering.norm(&recovering.point.x);
        Some(recovering)
    }

    /// Measures the point from this tolerance on.
    pub(super) fn expecting(self, tol: f64) -> Self {
        Recovering { measurable: tol.max(MEASURABLE), ..self }
    }

    fn norm(&self, x: &[f64]) -> f64 {
        let (d1, d2) = self.map.shape();
        singular_values(x, d1, d2).map_or(f64::NAN, |values| values.iter().rev().sum())
    }

    /// ‖A*(y)‖, in the dual norm of the domain.
    fn dual_norm(&self, y: &[f64]) -> f64 {
        let (d1, d2) = self.map.shape();
        let mut g = vec![0.0; d1 * d2];
        self.map.adjoint(y, &mut g);
        match self.domain {
            Domain::PositiveSemidefinite => symmetric_eigenvalues(&g, d1).map_or(f64::NAN, |values| values[0]),
            _ => singular_values(&g, d1, d2).map_or(f64::NAN, |values| values[0]),
        }
    }

    fn look(&mut self) -> Option<()> {
        let iteration = self.progress.iteration;
        let at = self.phase.snapshot();
        if !(at.primal.is_finite() && at.dual.is_finite()) {
            return None;
        }
        let residual = at.primal.max(at.dual);
        let (d1, d2) = self.map.shape();
        if iteration >= self.next_polish && residual < CLOSE && at.rank > 0 {
            let is_determined = tangent_dimension((d1, d2), at.rank, self.domain) <= self.map.len();
            let is_in_reach = (d1 + d2) * at.rank <= LARGEST_JACOBIAN / self.map.len();
            if is_determined
                && is_in_reach
                && let Some(found) = polish(self.map, self.b, self.domain, &at)
            {
                self.point = RecoveryPoint { x: found.x, multiplier: found.multiplier, rank: found.rank, polished: true };
                self.measure(iteration);
                return Some(());
            }
            self.next_polish = iteration + iteration / 2 + CHECK_EVERY;
        }
        let double = matches!(self.phase, Phase::Double(_));
        if double && residual < self.measurable {
            self.point = RecoveryPoint { x: at.z.clone(), multiplier: at.multiplier.clone(), rank: at.rank, polished: false };
            self.measure(iteration);
        }
        if iteration <= BALANCE_UNTIL && iteration.is_multiple_of(2 * CHECK_EVERY) {
            self.phase.balance(&at)?;
        }
        if !double && iteration >= SINGLE_STEPS {
            self.phase = Phase::Double(Splitting::resume(self.map, self.b, self.domain, &at)?);
        }
        Some(())
    }

    fn measure(&mut self, iteration: usize) {
        let kkt = self.kkt();
        self.progress.kkt = Some(kkt);
        self.progress.objective = self.norm(&self.point.x);
        self.progress.measured_at = iteration;
    }
}

impl Iteration for Recovering<'_> {
    type Point = RecoveryPoint;

    fn point(&self) -> &RecoveryPoint {
        &self.point
    }

    fn progress(&self) -> Progress {
        self.progress
    }

    fn step(&mut self) -> Result<(), Breakdown> {
        let iteration = self.progress.iteration + 1;
        let broken = Breakdown::NotFinite { iteration };
        self.phase.step().ok_or(broken)?;
        self.progress.iteration = iteration;
        if iteration.is_multiple_of(CHECK_EVERY) { self.look().ok_or(broken) } else { Ok(()) }
    }

    /// The larger of ‖A(X) − b‖ / ‖b‖ and the duality gap over ‖X‖_*.
    fn kkt(&mut self) -> f64 {
        let RecoveryPoint { x, multiplier, .. } = &self.point;
        let mut fitted = vec![0.0; self.b.len()];
        self.map.apply(x, &mut fitted);
        let (mut missing, mut size, mut bound) = (0.0, 0.0, 0.0);
        for ((fitted, b), y) in fitted.iter().zip(self.b).zip(multiplier) {
            missing += (fitted - b) * (fitted - b);
            size += b * b;
            bound += b * y;
        }
        let norm = self.norm(x);
        let gap = 1.0 - bound / self.dual_norm(multiplier).max(1.0) / norm;
        (missing / size).sqrt().max(gap.abs())
    }
}
