//! The phases of a recovery as one iteration: splitting in single precision, in double precision, and Newton's method whenever the rank
//! seems known.

use super::Watch;
use super::bond::{Bond, Setting};
use super::feasibility::separating;
use super::optimality::{Optimality, norm};
use super::plane::Plane;
use super::semismooth::Polished;
use super::splitting::{Snapshot, Splitting};
use super::tangent::{polish, tangent_dimension};
use crate::map::{Definition, MeasurementMap};
use crate::problem::{Domain, Fidelity};
use crate::solver::{Breakdown, Iteration, Progress};
use std::ops::ControlFlow;
use std::time::Duration;

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
/// Residuals that single precision is left at, where Newton's method does not follow.
const SINGLE_FLOOR: f64 = 1e-4;
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

/// Where a first-order phase stands: what another one, of a problem nearby, may start from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trail {
    pub s: Vec<f64>,
    pub tau: f64,
}

/// min ‖X‖_* over a domain with X bound to b ≠ 0, A and b near 1; measurements that bind exactly are independent.
pub struct Recovering<'a> {
    map: &'a dyn MeasurementMap,
    b: &'a [f64],
    domain: Domain,
    setting: Setting<'a>,
    phase: Phase,
    point: RecoveryPoint,
    progress: Progress,
    next_polish: usize,
    /// Tries that failed.
    polishes: usize,
    /// y that separates b from what semidefinite X can measure.
    separating: Option<Vec<f64>>,
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
        let plane = if matches!(map.definition(), Definition::Entries(..)) { None } else { Plane::new(map, b) };
        Self::on_plane(map, b, domain, plane)
    }

    /// The same from the solutions of A(X) = b in single precision, if that is the precision to start in.
    pub(super) fn on_plane(map: &'a dyn MeasurementMap, b: &'a [f64], domain: Domain, plane: Option<Plane<f32>>) -> Option<Self> {
        let (setting, shape) = (Setting::Exact, map.shape());
        let phase = plane.and_then(|plane| Splitting::start(Bond::Exact(plane), shape, domain)).map(Phase::Single);
        let phase = match phase {
            Some(phase) => phase,
            None => Phase::Double(Splitting::start(setting.bond(map, b)?, shape, domain)?),
        };
        Some(Self::with(map, b, domain, setting, phase))
    }

    /// Where noise was allowed for, from the trail of a problem nearby if there is one.
    pub(super) fn noisy(map: &'a dyn MeasurementMap, b: &'a [f64], domain: Domain, setting: Setting<'a>, trail: Option<&Trail>) -> Option<Self> {
        let (bond, shape) = (setting.bond(map, b)?, map.shape());
        let splitting = match trail {
            None => Splitting::start(bond, shape, domain)?,
            Some(Trail { s, tau }) => Splitting::resume(bond, shape, domain, s, *tau)?,
        };
        Some(Self::with(map, b, domain, setting, Phase::Single(splitting)))
    }

    fn with(map: &'a dyn MeasurementMap, b: &'a [f64], domain: Domain, setting: Setting<'a>, phase: Phase) -> Self {
        let at = phase.snapshot();
        let point = RecoveryPoint { x: at.z, multiplier: setting.multiplier(map, &at.multiplier), rank: at.rank, polished: false };
        let progress = Progress { iteration: 0, objective: norm(&point.x, map.shape()), kkt: None, measured_at: 0, unchanged: 0 };
        Recovering {
            map,
            b,
            domain,
            setting,
            phase,
            point,
            progress,
            next_polish: FIRST_POLISH,
            polishes: 0,
            separating: None,
            measurable: MEASURABLE,
        }
    }

    /// Tells the observer, and ends the run once it is known that nothing fits.
    pub(super) fn watched(&self, observer: Watch<'_>, elapsed: Duration) -> ControlFlow<()> {
        observer(&self.progress, elapsed)?;
        if self.separating.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// y with A*(y) ≺ 0 and ⟨b, y⟩ > 0, where no semidefinite X fits.
    pub(super) fn separating(&self) -> Option<&[f64]> {
        self.separating.as_deref()
    }

    /// Where the first-order phase stands.
    pub(super) fn trail(&self) -> Trail {
        let at = self.phase.snapshot();
        Trail { s: at.s, tau: at.tau }
    }

    /// Measures the point from this tolerance on.
    pub(super) fn expecting(self, tol: f64) -> Self {
        Recovering { measurable: tol.max(MEASURABLE), ..self }
    }

    fn look(&mut self) -> Option<()> {
        let iteration = self.progress.iteration;
        let at = self.phase.snapshot();
        if !(at.primal.is_finite() && at.dual.is_finite()) {
            return None;
        }
        let residual = at.primal.max(at.dual);
        let is_exact = self.setting.fidelity() == Fidelity::Exact;
        if iteration >= self.next_polish && residual < CLOSE && at.rank > 0 {
            if let Some(Polished { x, multiplier, rank }) = self.polish(&at) {
                self.point = RecoveryPoint { x, multiplier, rank, polished: true };
                self.measure(iteration);
                return Some(());
            }
            self.polishes += 1;
            self.next_polish = iteration + iteration / 2 + CHECK_EVERY;
        }
        let is_double = matches!(self.phase, Phase::Double(_));
        let multiplier = self.setting.multiplier(self.map, &at.multiplier);
        if self.domain == Domain::PositiveSemidefinite {
            // the growth since the last look points the same way, without the bounded part
            let growth: Vec<f64> = multiplier.iter().zip(&self.point.multiplier).map(|(y, before)| y - before).collect();
            let candidates = [&multiplier, &growth, &self.most_negative()];
            self.separating = candidates.into_iter().find_map(|y| separating(self.map, self.b, &self.setting, y));
        }
        // within noise, an X of exactly this rank is as good as one that fits better
        let x = if is_exact { at.z.clone() } else { at.x.clone() };
        self.point = RecoveryPoint { x, multiplier, rank: at.rank, polished: false };
        if is_double && residual < self.measurable {
            self.measure(iteration);
        }
        if iteration <= BALANCE_UNTIL && iteration.is_multiple_of(2 * CHECK_EVERY) {
            self.phase.balance(&at)?;
        }
        if !is_double && (iteration >= SINGLE_STEPS || (!is_exact && residual < SINGLE_FLOOR)) {
            let bond = self.setting.bond(self.map, self.b)?;
            self.phase = Phase::Double(Splitting::resume(bond, self.map.shape(), self.domain, &at.s, at.tau)?);
        }
        Some(())
    }

    /// Minus the unit vector of the smallest measurement: xᵀXx < 0 is a contradiction by itself, and splitting is slow to find it where it is slight.
    fn most_negative(&self) -> Vec<f64> {
        let mut y = vec![0.0; self.b.len()];
        if let Some(least) = (0..y.len()).min_by(|&i, &j| self.b[i].total_cmp(&self.b[j])) {
            y[least] = -1.0;
        }
        y
    }

    /// Newton's method on the factors, if the rank determines them; where that fails twice or does not apply, on S and y.
    fn polish(&self, at: &Snapshot) -> Option<Polished> {
        let is_exact = self.setting.fidelity() == Fidelity::Exact;
        let ((d1, d2), p) = (self.map.shape(), self.map.len());
        let is_determined = is_exact && tangent_dimension((d1, d2), at.rank, self.domain) <= p;
        let is_in_reach = |unknowns: usize| unknowns <= LARGEST_JACOBIAN / p.max(1);
        let on_factors = if is_determined && is_in_reach((d1 + d2) * at.rank) { polish(self.map, self.b, self.domain, at) } else { None };
        match on_factors {
            None if is_in_reach(p) && (!is_determined || self.polishes > 0) => self.setting.newton(self.map, self.b, self.domain, at),
            found => found,
        }
    }

    fn measure(&mut self, iteration: usize) {
        self.progress.kkt = Some(self.kkt());
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

    fn kkt(&mut self) -> f64 {
        let RecoveryPoint { x, multiplier, .. } = &self.point;
        let measured = Optimality::of(self.map, self.b, self.domain, x, multiplier);
        self.progress.objective = measured.norm;
        measured.residual(self.setting.fidelity())
    }
}
