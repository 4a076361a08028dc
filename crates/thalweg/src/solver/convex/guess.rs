//! The first phase: factors of growing rank that meet b, and a small multiplier that may prove their product optimal.

use super::RecoveryPoint;
use super::bond::Bond;
use super::fit::Fit;
use super::optimality::Optimality;
use super::plane::Plane;
use super::splitting::Splitting;
use super::tangent::{Dual, Point, Spectrum, balanced_factors, tangent_dimension};
use crate::linalg::{Cholesky, Real, dot, gram, multiply_transposed_vector, multiply_vector};
use crate::map::{Definition, MeasurementMap, Rescaling};
use crate::problem::{Domain, Fidelity};
use crate::solver::{Breakdown, Iteration, Progress, STALL_PATIENCE};
use crate::{Factors, Side};

/// Measurements for each dimension of the tangent space below which nothing is guessed: fewer determine the minimiser in exceptional cases only.
const ENOUGH: f64 = 1.5;
/// A step that leaves more than this part of the residual asks for another rank.
const SLOW: f64 = 0.7;
/// A step that leaves more than this part ends the guess where there is no other rank.
const STUCK: f64 = 0.97;
/// Unknowns, and numbers of a Jacobian, up to which the other phases cost more.
const WIDEST: usize = 1000;
const LARGEST_JACOBIAN: usize = 1 << 26;
/// Steps at most.
const STEPS: usize = 30;
/// Steps of the splitting from X̃, the first after which its multiplier is looked at, and how many there are between two looks.
const SPLITTINGS: usize = 32;
const FIRST_LOOK: usize = 8;
const LOOK_EVERY: usize = 4;
/// ‖P_T⊥ Ã*(y)‖ that is asked for before the last look.
const WIDE: f64 = 0.985;
/// τ over the root mean square of X̃'s singular values.
const THRESHOLD: f64 = 0.05;
/// Singular values below this part of the largest one are dropped.
const NOTHING: f64 = 1e-8;
/// Steps of the power method for the direction in which a rank is added.
const POWER_STEPS: usize = 12;
/// The least size of what is added, over the size at which it would measure as much as is missing.
const LEAST_PART: f64 = 1e-3;

/// Factors of growing rank on their way to A(UVᵀ) = b; then the multiplier of X̃ = D1 UVᵀ D2.
///
/// What it finds is proved by ‖P_T⊥ Ã*(y)‖ < 1, so it does not matter how it was found; where it finds nothing, as wherever the minimiser is not
/// of low rank, it counts as stalled, and another phase starts anew.
pub(super) struct Guess<'a> {
    map: &'a dyn MeasurementMap,
    /// The map that measures X̃.
    weighted: &'a dyn MeasurementMap,
    rescaling: Option<&'a Rescaling>,
    b: &'a [f64],
    domain: Domain,
    fit: Fit<'a>,
    point: RecoveryPoint,
    progress: Progress,
}

impl<'a> Guess<'a> {
    /// Of rank 1, along the leading part of A*(b). None where there are too few measurements.
    pub fn start(
        map: &'a dyn MeasurementMap,
        weighted: &'a dyn MeasurementMap,
        rescaling: Option<&'a Rescaling>,
        b: &'a [f64],
        domain: Domain,
    ) -> Option<Self> {
        let (d1, d2) = map.shape();
        let nothing = Factors::zeros(d1, d2, 0);
        let (factors, signs) = if has_enough(map, domain, 1) { enlarged(map, domain, &nothing, &[], b)? } else { return None };
        let point = unproved(&factors, rescaling, b.len());
        let progress = Progress { iteration: 0, objective: 0.0, kkt: None, measured_at: 0, unchanged: 0 };
        Some(Guess { map, weighted, rescaling, b, domain, fit: Fit::start(map, b, domain, factors, signs), point, progress })
    }

    /// Another step of the fit, or a larger rank. False if no more is to be expected.
    fn advance(&mut self) -> Option<bool> {
        let before = self.fit.relative();
        self.fit.step()?;
        let left = self.fit.relative() / before;
        if left <= SLOW || self.fit.fits() {
            return Some(true);
        }
        let (factors, signs) = self.fit.factors();
        if !has_enough(self.map, self.domain, factors.rank() + 1) {
            return Some(left <= STUCK);
        }
        let Some((factors, signs)) = enlarged(self.map, self.domain, factors, signs, self.fit.residual()) else { return Some(false) };
        self.fit = Fit::start(self.map, self.b, self.domain, factors, signs);
        Some(true)
    }

    /// The same without the part of UVᵀ that is hardly more than rounding, if there is one: the last rank was one too many.
    fn reduced(&self) -> Option<Fit<'a>> {
        let (shape, (factors, _)) = (self.map.shape(), self.fit.factors());
        let rank = factors.rank();
        let is_deficient = |side: Side| Cholesky::of(&gram(factors.side(side), rank), rank).is_none_or(|factor| factor.pivot_ratio() < NOTHING);
        if !is_deficient(Side::U) && !is_deficient(Side::V) {
            return None;
        }
        let x = factors.product();
        let values = Spectrum::of(&x, shape, self.domain)?.values;
        let kept = values.iter().take(rank).filter(|value| **value > NOTHING * values[0]).count();
        let (factors, signs) = if kept < rank { balanced_factors(&x, shape, self.domain, kept, 0.0)? } else { return None };
        Some(Fit::start(self.map, self.b, self.domain, factors, signs))
    }

    /// X̃ and its multiplier, if they prove one another: the smallest one, or one that splitting finds from there.
    fn proved(&self) -> Option<RecoveryPoint> {
        let (factors, signs) = self.fit.factors();
        let point = Point::of_factors(&weighted(factors, self.rescaling), signs, self.domain)?;
        let dual = Dual::of(self.weighted, &point, self.domain)?;
        let multiplier = dual.smallest_separating().or_else(|| match self.map.definition() {
            Definition::Entries(..) => self.split::<f64>(&dual, &point),
            _ => self.split::<f32>(&dual, &point),
        })?;
        Some(RecoveryPoint { x: point.x, multiplier, rank: factors.rank(), polished: true })
    }

    /// A multiplier near those of a splitting that starts at X̃ and its smallest multiplier.
    fn split<T: Real>(&self, dual: &Dual<'_>, point: &Point) -> Option<Vec<f64>> {
        let shape = self.map.shape();
        let tau = THRESHOLD * (dot(&point.x, &point.x) / point.rank as f64).sqrt();
        let mut s = vec![0.0; point.x.len()];
        self.weighted.adjoint(&dual.nearest(&vec![0.0; self.b.len()])?, &mut s);
        s.iter_mut().zip(&point.x).for_each(|(s, x)| *s = x + tau * *s);
        let plane = Plane::<T>::new(self.weighted, self.b)?;
        let mut splitting = Splitting::resume(Bond::Exact(plane), shape, self.domain, &s, tau)?;
        for step in 1..=SPLITTINGS {
            splitting.step()?;
            // a wide margin makes a sharp certificate; in the end any margin does
            let below = if step == SPLITTINGS { 1.0 } else { WIDE };
            if step >= FIRST_LOOK
                && step % LOOK_EVERY == 0
                && let Some(y) = dual.separating(&splitting.snapshot().multiplier, below)
            {
                return Some(y);
            }
        }
        None
    }
}

impl Iteration for Guess<'_> {
    type Point = RecoveryPoint;

    fn point(&self) -> &RecoveryPoint {
        &self.point
    }

    fn progress(&self) -> Progress {
        self.progress
    }

    fn step(&mut self) -> Result<(), Breakdown> {
        let iteration = self.progress.iteration + 1;
        self.progress.iteration = iteration;
        if self.point.polished {
            // the tolerance is below what this phase can do
            self.progress.unchanged = STALL_PATIENCE;
            return Ok(());
        }
        let is_useful = self.advance().unwrap_or(false) && iteration < STEPS;
        self.point = unproved(self.fit.factors().0, self.rescaling, self.b.len());
        let is_met = self.fit.fits() && self.fit.is_over();
        if is_met && let Some(fit) = self.reduced() {
            self.fit = fit;
        } else if is_met && let Some(point) = self.proved() {
            self.point = point;
            self.progress = Progress { kkt: Some(self.kkt()), measured_at: iteration, ..self.progress };
        } else if is_met || !is_useful {
            self.progress.unchanged = STALL_PATIENCE;
        }
        Ok(())
    }

    fn kkt(&mut self) -> f64 {
        if !self.point.polished {
            return f64::INFINITY;
        }
        let measured = Optimality::of(self.weighted, self.b, self.domain, &self.point.x, &self.point.multiplier);
        self.progress.objective = measured.norm;
        measured.residual(Fidelity::Exact)
    }
}

/// Whether there are enough measurements for a multiplier of a matrix of this rank.
fn has_enough(map: &dyn MeasurementMap, domain: Domain, rank: usize) -> bool {
    let (d1, d2) = map.shape();
    let unknowns = if domain == Domain::General { (d1 + d2) * rank } else { d1 * rank };
    let is_small = unknowns <= WIDEST && map.len() <= LARGEST_JACOBIAN / WIDEST;
    is_small && rank <= d1.min(d2) && ENOUGH * tangent_dimension((d1, d2), rank, domain) as f64 <= map.len() as f64
}

/// X̃ without a multiplier.
fn unproved(factors: &Factors, rescaling: Option<&Rescaling>, measurements: usize) -> RecoveryPoint {
    let x = weighted(factors, rescaling).product();
    RecoveryPoint { x, multiplier: vec![0.0; measurements], rank: factors.rank(), polished: false }
}

/// D1 U and D2 V.
fn weighted(factors: &Factors, rescaling: Option<&Rescaling>) -> Factors {
    let Some(Rescaling { left, right, .. }) = rescaling else { return factors.clone() };
    let rank = factors.rank();
    let buffer = [left.times(factors.side(Side::U), rank), right.times(factors.side(Side::V), rank)].concat();
    Factors::new(factors.rows(), factors.cols(), rank, buffer).expect("D1 and D2 are square")
}

/// The factors and a column more each: the leading singular vectors of A*(residual), times the root of what meets the residual best. Over symmetric
/// X, the eigenvector whose eigenvalue is furthest from the mean of all, and its sign. None if A*(residual) is 0, or the sign is not allowed.
fn enlarged(map: &dyn MeasurementMap, domain: Domain, factors: &Factors, signs: &[f64], residual: &[f64]) -> Option<(Factors, Vec<f64>)> {
    let (d1, d2) = map.shape();
    let mut g = vec![0.0; d1 * d2];
    map.adjoint(residual, &mut g);
    if domain != Domain::General {
        // xᵢxᵢᵀ weighted by ⟨xᵢxᵢᵀ, X⟩ add up to 2X + tr(X)·I on the mean
        let mean = (0..d1).map(|k| g[k * d2 + k]).sum::<f64>() / d1 as f64;
        (0..d1).for_each(|k| g[k * d2 + k] -= mean);
    }
    let (u, v) = leading_pair(&g, (d1, d2))?;
    let sign = if domain != Domain::General && dot(&u, &v) < 0.0 { -1.0 } else { 1.0 };
    if domain == Domain::PositiveSemidefinite && sign < 0.0 {
        return None;
    }
    let v = if domain == Domain::General { v } else { u.iter().map(|u| sign * u).collect() };
    let one = Factors::new(d1, d2, 1, [u.clone(), v.clone()].concat()).expect("one column each");
    let mut image = vec![0.0; residual.len()];
    map.apply_factored(&one, &mut image);
    let square = dot(&image, &image);
    let part = (dot(&image, residual) / square).max(LEAST_PART * (dot(residual, residual) / square).sqrt());
    if !(part.is_finite() && part > 0.0) {
        return None;
    }
    let root = part.sqrt();
    let rank = factors.rank();
    let beside = |side: Side, column: &[f64]| -> Vec<f64> {
        let old = factors.side(side);
        column.iter().enumerate().flat_map(|(i, x)| old[i * rank..][..rank].iter().copied().chain([root * x])).collect()
    };
    let buffer = [beside(Side::U, &u), beside(Side::V, &v)].concat();
    let signs = signs.iter().copied().chain([sign]).collect();
    Some((Factors::new(d1, d2, rank + 1, buffer).expect("a column more"), signs))
}

/// Unit vectors u, v near the leading singular vectors of G, by the power method from its largest row. None for G = 0.
fn leading_pair(g: &[f64], (d1, d2): (usize, usize)) -> Option<(Vec<f64>, Vec<f64>)> {
    let unit = |x: &mut Vec<f64>| {
        let size = dot(x, x).sqrt();
        x.iter_mut().for_each(|x| *x /= size);
        size > 0.0 && size.is_finite()
    };
    let mut v = g.chunks_exact(d2).max_by(|a, b| dot(a, a).total_cmp(&dot(b, b)))?.to_vec();
    let mut u = vec![0.0; d1];
    for _ in 0..POWER_STEPS {
        multiply_vector(g, &v, &mut u);
        if !unit(&mut u) {
            return None;
        }
        multiply_transposed_vector(g, &u, &mut v);
        if !unit(&mut v) {
            return None;
        }
    }
    Some((u, v))
}
