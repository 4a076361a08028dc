//! The first-order phase: Douglas–Rachford splitting.

use super::bond::Bond;
use super::shrinkage::{Shrunk, Subspace, shrink};
use crate::linalg::{Real, squared_distance};
use crate::map::MeasurementMap;
use crate::problem::Domain;

/// How far each step goes towards its reflection; 1 is plain Douglas–Rachford.
const RELAXATION: f64 = 1.7;
/// τ over the spectral norm of the smallest solution, at the start.
const FIRST_THRESHOLD: f64 = 0.1;
/// Residuals further apart than this factor move τ.
const IMBALANCE: f64 = 3.0;

/// X = prox_{τ‖·‖}(S), Z = prox_{τ·bond}(2X − S), S ← S + 1.7 (Z − X); the prox of the bond A(X) = b is the projection on its solutions.
///
/// At a fixed point X = Z is the solution, and (S − X)/τ = A*(y) the subgradient that proves it.
///
/// Source: Eckstein, Bertsekas (1992); the balancing of τ is ours.
pub(super) struct Splitting<T: Real> {
    bond: Bond<T>,
    shape: (usize, usize),
    domain: Domain,
    s: Vec<T>,
    tau: T,
    shrunk: Shrunk<T>,
    /// Where the next shrinkage looks first, once the rank is small.
    subspace: Option<Subspace<T>>,
    /// The last projection.
    z: Vec<T>,
}

/// What a splitting has found so far.
pub(super) struct Snapshot {
    /// S: its singular vectors are those of X, its singular values above τ tell the rank.
    pub s: Vec<f64>,
    /// X: has exactly the rank.
    pub x: Vec<f64>,
    /// Z: fits b.
    pub z: Vec<f64>,
    /// y, as the bond knows it.
    pub multiplier: Vec<f64>,
    /// τ.
    pub tau: f64,
    /// Rank of X.
    pub rank: usize,
    /// ‖Z − X‖ / ‖Z‖.
    pub primal: f64,
    /// ‖(S − X)/τ − A*(y)‖ / √d.
    pub dual: f64,
}

impl<T: Real> Splitting<T> {
    /// At the smallest X of least misfit. None if a decomposition fails.
    pub fn start(bond: Bond<T>, shape: (usize, usize), domain: Domain) -> Option<Self> {
        let s = bond.least();
        let norm = shrink(&s, shape, T::of(0.0), domain)?.spectrum.first().copied().unwrap_or(T::of(0.0));
        let tau = T::of(FIRST_THRESHOLD * norm.f64().abs().max(f64::MIN_POSITIVE.sqrt()));
        Self::with(bond, shape, domain, s, tau)
    }

    /// Goes on in this precision from S and τ of another splitting.
    pub fn resume(bond: Bond<T>, shape: (usize, usize), domain: Domain, s: &[f64], tau: f64) -> Option<Self> {
        Self::with(bond, shape, domain, s.iter().map(|&s| T::of(s)).collect(), T::of(tau))
    }

    fn with(bond: Bond<T>, shape: (usize, usize), domain: Domain, s: Vec<T>, tau: T) -> Option<Self> {
        let shrunk = shrink(&s, shape, tau, domain)?;
        let z = s.clone();
        Some(Splitting { bond, shape, domain, s, tau, shrunk, subspace: None, z })
    }

    /// One step. None if a decomposition fails.
    pub fn step(&mut self) -> Option<()> {
        for ((z, &x), &s) in self.z.iter_mut().zip(&self.shrunk.x).zip(&self.s) {
            *z = x + x - s;
        }
        self.bond.approach(&mut self.z, self.tau);
        let relaxation = T::of(RELAXATION);
        for ((s, &z), &x) in self.s.iter_mut().zip(&self.z).zip(&self.shrunk.x) {
            *s += relaxation * (z - x);
        }
        self.shrink()
    }

    /// X from S: in the last subspace if there is one and it is wide enough, else by a whole decomposition.
    fn shrink(&mut self) -> Option<()> {
        if self.domain != Domain::General {
            self.shrunk = shrink(&self.s, self.shape, self.tau, self.domain)?;
            return Some(());
        }
        if let Some(shrunk) = self.subspace.as_mut().and_then(|subspace| subspace.shrink(&self.s, self.shape, self.tau)) {
            self.shrunk = shrunk;
            return Some(());
        }
        (self.shrunk, self.subspace) = Subspace::start(&self.s, self.shape, self.tau)?;
        Some(())
    }

    /// Where it stands.
    pub fn snapshot(&self) -> Snapshot {
        let subgradient: Vec<T> = self.s.iter().zip(&self.shrunk.x).map(|(&s, &x)| (s - x) / self.tau).collect();
        let multiplier = self.bond.multiplier(&subgradient);
        let mut fitted = vec![T::of(0.0); subgradient.len()];
        self.bond.adjoint(&multiplier, &mut fitted);
        let distance = |a: &[T], b: &[T]| squared_distance(a, b).sqrt();
        let size = self.z.iter().map(|z| z.f64().powi(2)).sum::<f64>().sqrt();
        let wide = |x: &[T]| x.iter().map(|x| x.f64()).collect();
        Snapshot {
            s: wide(&self.s),
            x: wide(&self.shrunk.x),
            z: wide(&self.z),
            multiplier: wide(&multiplier),
            tau: self.tau.f64(),
            rank: self.shrunk.rank,
            primal: distance(&self.z, &self.shrunk.x) / size,
            dual: distance(&subgradient, &fitted) / (self.shape.0.min(self.shape.1) as f64).sqrt(),
        }
    }

    /// Z, in double precision.
    pub fn fitted(&self) -> Vec<f64> {
        self.z.iter().map(|z| z.f64()).collect()
    }

    /// A step of Newton's method from X to {X : A(X) = b}: `excess` is A(X) − b in double precision. None where noise was allowed for.
    pub fn refit(&self, map: &dyn MeasurementMap, excess: &[f64], x: &mut [f64]) -> Option<()> {
        let Bond::Exact(plane) = &self.bond else { return None };
        let mut y: Vec<T> = excess.iter().map(|&e| T::of(e)).collect();
        plane.solve(&mut y);
        let y: Vec<f64> = y.iter().map(|y| y.f64()).collect();
        let mut correction = vec![0.0; x.len()];
        map.adjoint(&y, &mut correction);
        x.iter_mut().zip(correction).for_each(|(x, c)| *x -= c);
        Some(())
    }

    /// Moves τ where one residual is far behind the other, keeping X and the subgradient.
    pub fn balance(&mut self, at: &Snapshot) -> Option<()> {
        let ratio = at.dual / at.primal.max(1e-12);
        if (1.0 / IMBALANCE..=IMBALANCE).contains(&ratio) {
            return Some(());
        }
        let factor = T::of(ratio.sqrt().clamp(0.5, 2.0));
        for (s, &x) in self.s.iter_mut().zip(&self.shrunk.x) {
            *s = x + factor * (*s - x);
        }
        self.tau *= factor;
        self.shrink()
    }
}
