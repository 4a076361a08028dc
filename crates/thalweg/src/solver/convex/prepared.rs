//! A map made ready for measurements with noise.

use super::bond::{Finish, Setting};
use super::recovering::{Recovering, Trail};
use super::rotated::Rotated;
use super::{ScaledMap, Watch, ended, recover};
use crate::Error;
use crate::linalg::{exponent, largest_magnitude, scale, scale_all, singular_values, symmetric_eigenvalues};
use crate::map::Gaussian;
use crate::problem::{Domain, Fidelity, Recovered, Recovery, RecoveryStatus, Witness};
use crate::solver::{Stop, run};

/// A map with its rescaling and its rotation to orthogonal measurements, from which many b, radii and λ are solved.
///
/// Preparing takes an eigenvalue decomposition of side min(p, d1·d2), none for sampled entries; then each step of a recovery costs two
/// products with as many rows.
///
/// Source: FM, eq. (A.5), of which figure A6 solves 7,500 with twenty maps.
pub struct PreparedMap<'a> {
    problem: Recovery<'a>,
    scaled: ScaledMap,
    rotated: Rotated,
    /// Whether Newton's method follows; the rotated map for it, where that is dense.
    finish: Option<Option<Gaussian>>,
}

/// What one recovery leaves to the next: along a path of λ, or for another b that is not far. Empty at first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WarmStart {
    trail: Option<Trail>,
}

impl<'a> PreparedMap<'a> {
    /// Of a problem's map, norm and domain; its b and fidelity are not looked at. None for a map that is zero, or if a decomposition fails.
    pub fn of(problem: &Recovery<'a>) -> Option<Self> {
        let scaled = ScaledMap::of(problem)?;
        let rotated = Rotated::of(&*scaled.map)?;
        Some(PreparedMap { problem: *problem, scaled, rotated, finish: None })
    }

    /// The same, but answers are taken to rounding by Newton's method wherever it arrives: what a certificate needs. A step of it costs
    /// p²·r(d1 + d2) + p³/3 operations for a minimiser of rank r, which pays for single problems and not for thousands of them.
    pub fn to_rounding(self) -> Self {
        let finish = Some(self.rotated.dense(self.scaled.map.shape()));
        PreparedMap { finish, ..self }
    }

    /// Solves for one b, until the duality gap is below the tolerance. A radius of 0 is solved as [`recover`] solves A(X) = b.
    ///
    /// # Errors
    /// As [`Recovery::new`], [`Recovery::with_fidelity`] and [`recover`].
    ///
    /// ```
    /// use thalweg::map::MAPS;
    /// use thalweg::problem::{Fidelity, Norm, Recovery, RecoveryStatus};
    /// use thalweg::solver::Stop;
    /// use thalweg::solver::convex::{PreparedMap, RECOVERY_TOLERANCE, WarmStart};
    ///
    /// let map = (MAPS[0].sample)(1);
    /// let b: Vec<f64> = (0..map.len()).map(|i| (i as f64).cos()).collect();
    /// let prepared = PreparedMap::of(&Recovery::new(&*map, &b, Norm::Nuclear)?).expect("the map is not zero");
    /// let stop = Stop { max_iters: 3000, max_time: None, tol: RECOVERY_TOLERANCE };
    /// let mut warm = WarmStart::default();
    /// for lambda in [4.0, 2.0, 1.0] {
    ///     let found = prepared.recover(&b, Fidelity::Penalised { lambda }, &mut warm, &stop, &mut |_, _| std::ops::ControlFlow::Continue(()))?;
    ///     assert_eq!(found.status, RecoveryStatus::Converged);
    /// }
    /// # Ok::<(), thalweg::Error>(())
    /// ```
    pub fn recover(&self, b: &[f64], fidelity: Fidelity, warm: &mut WarmStart, stop: &Stop, observer: Watch<'_>) -> Result<Recovered, Error> {
        let problem = Recovery::new(self.problem.map, b, self.problem.norm)?.with_fidelity(fidelity)?;
        if fidelity == Fidelity::Exact || fidelity == (Fidelity::Ball { radius: 0.0 }) {
            return recover(&Recovery { fidelity: Fidelity::Exact, domain: self.problem.domain, ..problem }, stop, observer);
        }
        let Some(of_b) = exponent(largest_magnitude(b)) else { return Ok(self.zero(vec![0.0; b.len()])) };
        let near = Near { prepared: self, b: scale_all(b, -of_b), of_b, fidelity: self.scaled.fidelity(fidelity, of_b) };
        near.recover(warm, stop, observer)
    }

    fn zero(&self, multiplier: Vec<f64>) -> Recovered {
        let (d1, d2) = self.problem.map.shape();
        ended(RecoveryStatus::Converged, vec![0.0; d1 * d2], multiplier)
    }
}

/// One b, brought near 1.
struct Near<'a> {
    prepared: &'a PreparedMap<'a>,
    b: Vec<f64>,
    of_b: i32,
    fidelity: Fidelity,
}

impl Near<'_> {
    fn recover(&self, warm: &mut WarmStart, stop: &Stop, observer: Watch<'_>) -> Result<Recovered, Error> {
        let ScaledMap { map, .. } = &self.prepared.scaled;
        let domain = self.prepared.problem.domain;
        if let Some(multiplier) = self.multiplier_of_zero() {
            return Ok(self.prepared.zero(scale_all(&multiplier, -self.prepared.scaled.exponent)));
        }
        let target = self.prepared.rotated.target(&**map, &self.b);
        if let Fidelity::Ball { radius } = self.fidelity
            && norm(&target.outside) > radius
        {
            let nothing = self.prepared.zero(vec![0.0; self.b.len()]);
            return Ok(Recovered { status: RecoveryStatus::Inconsistent, witness: Some(Witness::Multiplier(target.outside)), ..nothing });
        }
        let finish = match &self.prepared.finish {
            None => Finish::Splitting,
            Some(None) => Finish::AsMeasured,
            Some(Some(rows)) => Finish::Rotated(rows),
        };
        let setting = Setting::Noisy { rotated: &self.prepared.rotated, target, fidelity: self.fidelity, finish };
        let shift = self.of_b - self.prepared.scaled.exponent;
        let moved = |trail: &Trail, by: i32| Trail { s: scale_all(&trail.s, by), tau: scale(trail.tau, by) };
        let trail = warm.trail.as_ref().map(|trail| moved(trail, -shift));
        let Some(mut recovering) = Recovering::noisy(&**map, &self.b, domain, setting, trail.as_ref()) else {
            return Ok(Recovered { status: RecoveryStatus::Breakdown, ..self.prepared.zero(vec![0.0; self.b.len()]) });
        };
        let solution = run(&mut recovering, stop, &mut |at: &Recovering<'_>, elapsed| at.watched(observer, elapsed));
        let witness = recovering.separating().map(|y| Witness::Multiplier(y.to_vec()));
        warm.trail = Some(moved(&recovering.trail(), shift));
        Ok(Recovered {
            status: if witness.is_some() { RecoveryStatus::Infeasible } else { solution.status.into() },
            rank: solution.point.rank,
            iterations: solution.progress.iteration,
            witness,
            multiplier: scale_all(&solution.point.multiplier, -self.prepared.scaled.exponent),
            x: self.prepared.scaled.back(solution.point.x, self.of_b)?,
        })
    }

    /// y that proves X = 0 optimal: ‖b‖ is within the radius, or ‖A*(b)‖ ≤ λ.
    fn multiplier_of_zero(&self) -> Option<Vec<f64>> {
        match self.fidelity {
            Fidelity::Exact => None,
            Fidelity::Ball { radius } => (norm(&self.b) <= radius).then(|| vec![0.0; self.b.len()]),
            Fidelity::Penalised { lambda } => {
                let map = &self.prepared.scaled.map;
                let (d1, d2) = map.shape();
                let mut g = vec![0.0; d1 * d2];
                map.adjoint(&self.b, &mut g);
                let dual_norm = match self.prepared.problem.domain {
                    Domain::PositiveSemidefinite => symmetric_eigenvalues(&g, d1)?[0],
                    _ => singular_values(&g, d1, d2)?[0],
                };
                (dual_norm <= lambda).then(|| self.b.iter().map(|b| b / lambda).collect())
            }
        }
    }
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}
