//! How X is bound to the measurements, as the first-order phase sees it.

use super::noise::Noise;
use super::plane::Plane;
use super::rotated::{Rotated, Target};
use super::semismooth::{Polished, Slack, newton};
use super::splitting::Snapshot;
use crate::linalg::Real;
use crate::map::MeasurementMap;
use crate::problem::{Domain, Fidelity};

/// A(X) = b, or within noise of it, in one precision.
pub(super) enum Bond<T: Real> {
    Exact(Plane<T>),
    Noisy(Noise<T>),
}

/// From what a bond is made in either precision.
pub(super) enum Setting<'a> {
    Exact,
    Noisy { rotated: &'a Rotated, target: Target, fidelity: Fidelity, finish: Finish<'a> },
}

/// Whether Newton's method is to follow on noise, and with which map.
#[derive(Clone, Copy)]
pub(super) enum Finish<'a> {
    Splitting,
    AsMeasured,
    Rotated(&'a dyn MeasurementMap),
}

impl Setting<'_> {
    /// None if measurements that should be independent are not at this precision.
    pub fn bond<T: Real>(&self, map: &dyn MeasurementMap, b: &[f64]) -> Option<Bond<T>> {
        match self {
            Setting::Exact => Some(Bond::Exact(Plane::new(map, b)?)),
            Setting::Noisy { rotated, target, fidelity, .. } => Some(Bond::Noisy(Noise::new(map.shape(), rotated, target, *fidelity)?)),
        }
    }

    /// The multiplier of the measurements as they stand, from the one that a bond tells.
    pub fn multiplier(&self, map: &dyn MeasurementMap, of_bond: &[f64]) -> Vec<f64> {
        match self {
            Setting::Exact => of_bond.to_vec(),
            Setting::Noisy { rotated, target, fidelity, .. } => {
                let mut y = rotated.original(map, of_bond);
                // the part of b outside the range of A belongs to the residual, of which y is a multiple
                let weight = target.outside_weight(*fidelity, of_bond);
                y.iter_mut().zip(&target.outside).for_each(|(y, o)| *y += weight * o);
                y
            }
        }
    }

    /// Newton's method from where a splitting stands. None if it is not wanted, or does not arrive.
    pub fn newton(&self, map: &dyn MeasurementMap, b: &[f64], domain: Domain, at: &Snapshot) -> Option<Polished> {
        let (target, fidelity, finish) = match self {
            Setting::Exact => return newton(map, b, domain, Slack::None, at, &at.multiplier),
            Setting::Noisy { target, fidelity, finish, .. } => (target, *fidelity, *finish),
        };
        let slack = |room: f64| match fidelity {
            Fidelity::Exact => Slack::None,
            Fidelity::Penalised { lambda } => Slack::Penalty(lambda),
            Fidelity::Ball { .. } => Slack::Ball(room.sqrt()),
        };
        match finish {
            Finish::Splitting => None,
            Finish::AsMeasured => newton(map, b, domain, slack(target.room(fidelity)), at, &self.multiplier(map, &at.multiplier)),
            Finish::Rotated(rows) => {
                let found = newton(rows, &target.beta, domain, slack(target.room(fidelity)), at, &at.multiplier)?;
                Some(Polished { multiplier: self.multiplier(map, &found.multiplier), ..found })
            }
        }
    }

    /// How b binds X.
    pub fn fidelity(&self) -> Fidelity {
        match self {
            Setting::Exact => Fidelity::Exact,
            Setting::Noisy { fidelity, .. } => *fidelity,
        }
    }
}

impl<T: Real> Bond<T> {
    /// Where a splitting starts: the smallest X of least misfit.
    pub fn least(&self) -> Vec<T> {
        match self {
            Bond::Exact(plane) => plane.least_norm(),
            Bond::Noisy(noise) => noise.least_squares(),
        }
    }

    /// prox of τ times the bond, in place; a plane is projected on, whatever τ.
    pub fn approach(&mut self, x: &mut [T], tau: T) {
        match self {
            Bond::Exact(plane) => plane.project(x),
            Bond::Noisy(noise) => noise.approach(x, tau),
        }
    }

    /// The y that goes with a subgradient G of the norm: A*(y) nearest to it, or that of the last prox.
    pub fn multiplier(&self, g: &[T]) -> Vec<T> {
        match self {
            Bond::Exact(plane) => plane.multiplier(g),
            Bond::Noisy(noise) => noise.multiplier(),
        }
    }

    /// A*(y) of such a y.
    pub fn adjoint(&self, y: &[T], out: &mut [T]) {
        match self {
            Bond::Exact(plane) => plane.adjoint(y, out),
            Bond::Noisy(noise) => noise.adjoint(y, out),
        }
    }
}
