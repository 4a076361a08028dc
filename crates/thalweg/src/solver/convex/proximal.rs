//! The first phase where noise is allowed for: proximal gradients tell the rank, Newton's method on factors of that rank does the rest.

use super::RecoveryPoint;
use super::optimality::Optimality;
use super::plane::Narrow;
use super::shrinkage::{Shrunk, shrink};
use super::smallest_factors::SmallestFactors;
use super::tangent::balanced_factors;
use crate::linalg::{dot, singular_values};
use crate::map::MeasurementMap;
use crate::problem::{Domain, Fidelity};
use crate::solver::{Breakdown, Iteration, Progress, STALL_PATIENCE};

/// Steps of the power method for ‖A‖², and what its estimate from below is multiplied by.
const POWER_STEPS: usize = 6;
const ABOVE: f64 = 1.05;
/// λ over the least for which X = 0, at the start.
const FIRST: f64 = 0.5;
/// λ follows (ε/‖A(X) − b‖)², by no more than this factor in a step.
const FOLLOW: f64 = 1.25;
/// Steps without a change of rank, relative change of X, and ‖A(X) − b‖/ε − 1, from which Newton's method is tried…
const SETTLED: usize = 5;
const MOVE: f64 = 3e-3;
const MISFIT: f64 = 5e-3;
/// …and what the last two are multiplied by where it fails.
const CLOSER: f64 = 0.1;
/// Steps after which the rank does not show any more, and failures of Newton's method.
const STEPS: usize = 60;
const FAILURES: usize = 2;
/// Duality gap and misfit at which factors prove to be the minimiser.
const PROVED: f64 = 1e-9;
/// Unknowns, and numbers of a Jacobian, up to which Newton's method on factors costs little.
const WIDEST: usize = 1000;
const LARGEST_JACOBIAN: usize = 1 << 26;

/// X ← prox of λ‖·‖_*/L at X + A*(b − A(X))/L with momentum, L = ‖A‖², in single precision. For a ball λ follows the misfit on the way.
///
/// As with [`Guess`](super::guess::Guess), what is found is measured and it does not matter how it was found; where nothing is found it counts as
/// stalled.
///
/// Source: Beck, Teboulle (2009), restarted as O'Donoghue, Candès (2015) say. That λ moves on the way is ours.
pub(super) struct Proximal<'a> {
    map: &'a dyn MeasurementMap,
    b: &'a [f64],
    fidelity: Fidelity,
    narrow: Narrow<f32>,
    target: Vec<f32>,
    /// L.
    curvature: f64,
    lambda: f64,
    x: Vec<f32>,
    /// X with momentum, of which the next gradient is taken.
    ahead: Vec<f32>,
    momentum: f64,
    rank: usize,
    /// Steps since it changed.
    settled: usize,
    closeness: f64,
    failures: usize,
    newton: Option<SmallestFactors<'a>>,
    point: RecoveryPoint,
    progress: Progress,
}

impl<'a> Proximal<'a> {
    /// From X = 0. None where that is the answer or a decomposition fails, where b is to be met exactly, and over symmetric X.
    pub fn start(map: &'a dyn MeasurementMap, b: &'a [f64], fidelity: Fidelity, domain: Domain) -> Option<Self> {
        let ((d1, d2), narrow) = (map.shape(), Narrow::<f32>::of(map));
        let target: Vec<f32> = b.iter().map(|&b| b as f32).collect();
        let mut gradient = vec![0.0; d1 * d2];
        map.adjoint(b, &mut gradient);
        let least_for_zero = singular_values(&gradient, d1, d2)?[0];
        let (lambda, is_zero) = match fidelity {
            Fidelity::Exact => return None,
            Fidelity::Ball { radius } => (FIRST * least_for_zero, radius <= 0.0 || dot(b, b) <= radius * radius),
            Fidelity::Penalised { lambda } => (lambda, least_for_zero <= lambda),
        };
        let curvature = ABOVE * square_of_norm(&narrow, gradient.iter().map(|&g| g as f32).collect())?;
        if is_zero || domain != Domain::General {
            return None;
        }
        let zero = vec![0.0; d1 * d2];
        let point = RecoveryPoint { x: vec![0.0; d1 * d2], multiplier: vec![0.0; b.len()], rank: 0, polished: false };
        Some(Proximal {
            map,
            b,
            fidelity,
            narrow,
            target,
            curvature,
            lambda,
            x: zero.clone(),
            ahead: zero,
            momentum: 1.0,
            rank: 0,
            settled: 0,
            closeness: 1.0,
            failures: 0,
            newton: None,
            point,
            progress: Progress { iteration: 0, objective: 0.0, kkt: None, measured_at: 0, unchanged: 0 },
        })
    }

    /// One step; whether X has come close enough for Newton's method. None if a decomposition fails.
    fn approach(&mut self) -> Option<bool> {
        let fitted = self.narrow.apply(&self.ahead);
        let missing: Vec<f32> = self.target.iter().zip(&fitted).map(|(b, fitted)| b - fitted).collect();
        let mut w = vec![0.0; self.x.len()];
        self.narrow.adjoint(&missing, &mut w);
        let step = (1.0 / self.curvature) as f32;
        w.iter_mut().zip(&self.ahead).for_each(|(w, x)| *w = x + step * *w);
        let Shrunk { x, rank, .. } = shrink(&w, self.map.shape(), self.lambda as f32 * step, Domain::General)?;
        let moved: Vec<f32> = x.iter().zip(&self.x).map(|(x, last)| x - last).collect();
        // the gradient map points against the momentum
        if self.ahead.iter().zip(&x).zip(&moved).map(|((a, x), m)| (a - x) * m).sum::<f32>() > 0.0 {
            self.momentum = 1.0;
        }
        let next = 0.5 * (1.0 + (1.0 + 4.0 * self.momentum * self.momentum).sqrt());
        let weight = ((self.momentum - 1.0) / next) as f32;
        self.ahead = x.iter().zip(&moved).map(|(x, moved)| x + weight * moved).collect();
        self.momentum = next;
        self.settled = if rank == self.rank { self.settled + 1 } else { 0 };
        self.rank = rank;
        let change = size(&moved) / size(&x).max(f64::MIN_POSITIVE);
        self.point.x = x.iter().map(|&x| f64::from(x)).collect();
        self.point.rank = rank;
        self.x = x;
        Some(self.follow(size(&missing)) <= MISFIT * self.closeness && change <= MOVE * self.closeness && self.settled >= SETTLED)
    }

    /// Moves λ towards the ball's, and returns how far the misfit is from its radius.
    fn follow(&mut self, misfit: f64) -> f64 {
        let Fidelity::Ball { radius } = self.fidelity else { return 0.0 };
        let ratio = radius / misfit;
        self.lambda *= (ratio * ratio).clamp(1.0 / FOLLOW, FOLLOW);
        (1.0 / ratio - 1.0).abs()
    }

    /// Newton's method from the factors of X, if they are small enough.
    fn factored(&self) -> Option<SmallestFactors<'a>> {
        let ((d1, d2), rank) = (self.map.shape(), self.rank);
        let unknowns = (d1 + d2) * rank;
        if rank == 0 || unknowns > WIDEST || self.b.len() > LARGEST_JACOBIAN / unknowns {
            return None;
        }
        let (factors, _) = balanced_factors(&self.point.x, (d1, d2), Domain::General, rank, 0.0)?;
        Some(SmallestFactors::start(self.map, self.b, self.fidelity, factors))
    }

    /// X and y from the factors, if they prove one another.
    fn prove(&mut self, newton: &SmallestFactors<'_>) -> bool {
        let (factors, multiplier) = newton.solution();
        self.point = RecoveryPoint { x: factors.product(), multiplier, rank: factors.rank(), polished: true };
        let kkt = self.kkt();
        self.progress.kkt = Some(kkt);
        self.progress.measured_at = self.progress.iteration;
        self.point.polished = kkt <= PROVED;
        self.point.polished
    }

    /// False where no more is to be expected. None if a decomposition fails.
    fn advance(&mut self) -> Option<bool> {
        let Some(mut newton) = self.newton.take() else {
            if self.approach()? {
                self.newton = self.factored();
                return Some(self.newton.is_some());
            }
            return Some(self.progress.iteration < STEPS);
        };
        if newton.step() {
            self.newton = Some(newton);
            return Some(true);
        }
        if self.prove(&newton) {
            return Some(true);
        }
        self.failures += 1;
        self.closeness *= CLOSER;
        Some(self.failures < FAILURES)
    }
}

fn size(x: &[f32]) -> f64 {
    x.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt()
}

/// ‖A‖², from below, by the power method.
fn square_of_norm(map: &Narrow<f32>, mut x: Vec<f32>) -> Option<f64> {
    let mut square = 0.0;
    for _ in 0..POWER_STEPS {
        let length = size(&x) as f32;
        x.iter_mut().for_each(|x| *x /= length);
        let image = map.apply(&x);
        square = size(&image).powi(2);
        map.adjoint(&image, &mut x);
    }
    (square > 0.0 && square.is_finite()).then_some(square)
}

impl Iteration for Proximal<'_> {
    type Point = RecoveryPoint;

    fn point(&self) -> &RecoveryPoint {
        &self.point
    }

    fn progress(&self) -> Progress {
        self.progress
    }

    fn step(&mut self) -> Result<(), Breakdown> {
        self.progress.iteration += 1;
        // once proved, a smaller tolerance is below what this phase can do
        if self.point.polished || !self.advance().unwrap_or(false) {
            self.progress.unchanged = STALL_PATIENCE;
        }
        Ok(())
    }

    fn kkt(&mut self) -> f64 {
        if !self.point.polished {
            return f64::INFINITY;
        }
        let measured = Optimality::of(self.map, self.b, Domain::General, &self.point.x, &self.point.multiplier);
        self.progress.objective = measured.norm;
        measured.residual(self.fidelity)
    }
}
