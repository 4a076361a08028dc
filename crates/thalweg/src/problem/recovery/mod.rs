//! Low-rank recovery as a convex problem.

mod outcome;

pub use outcome::{Recovered, RecoveryStatus, Witness};

use crate::Error;
use crate::map::MeasurementMap;
use serde::{Deserialize, Serialize};

/// Which norm is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// ‖X‖_*, the sum of the singular values.
    #[default]
    Nuclear,
    /// ‖D1 X D2‖_* with the [`Rescaling`](crate::map::Rescaling) of the map: its minimisers are the flat minima of the factored least-squares loss.
    Flat,
}

/// How measurements bind the solution.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fidelity {
    /// A(X) = b.
    #[default]
    Exact,
    /// ‖A(X) − b‖ ≤ radius.
    Ball {
        /// The largest residual that noise explains.
        radius: f64,
    },
    /// ½‖A(X) − b‖² + λ·norm is minimised.
    Penalised {
        /// λ.
        lambda: f64,
    },
}

/// Which matrices compete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// All d1×d2 matrices.
    General,
    /// Symmetric ones: the domain of a symmetric map.
    Symmetric,
    /// Symmetric positive semidefinite ones.
    PositiveSemidefinite,
}

/// min ‖X‖_* or ‖D1 X D2‖_* over the matrices of a domain that fit b, or ½‖A(X) − b‖² with λ times that norm.
///
/// Source: FM, eqs. (8.1), (8.2), (7.11), (A.5).
#[derive(Debug, Clone, Copy)]
pub struct Recovery<'a> {
    /// A.
    pub map: &'a dyn MeasurementMap,
    /// b.
    pub b: &'a [f64],
    /// What is minimised.
    pub norm: Norm,
    /// How b binds X.
    pub fidelity: Fidelity,
    /// Which X compete.
    pub domain: Domain,
}

impl<'a> Recovery<'a> {
    /// The problem with A(X) = b, over symmetric matrices if the map is symmetric.
    ///
    /// # Errors
    /// [`Error::Shape`] unless b has one number for each measurement, [`Error::NotFinite`].
    pub fn new(map: &'a dyn MeasurementMap, b: &'a [f64], norm: Norm) -> Result<Self, Error> {
        if b.len() != map.len() {
            return Err(Error::Shape { what: "b", expected: (map.len(), 1), got: (b.len(), 1) });
        }
        if let Some(row) = b.iter().position(|x| !x.is_finite()) {
            return Err(Error::NotFinite { what: "b", row, col: 0, value: b[row] });
        }
        let domain = if map.is_symmetric() { Domain::Symmetric } else { Domain::General };
        Ok(Recovery { map, b, norm, fidelity: Fidelity::Exact, domain })
    }

    /// The same with another bond to the measurements.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a radius that is negative or a λ that is not positive.
    pub fn with_fidelity(self, fidelity: Fidelity) -> Result<Self, Error> {
        let (name, expected, got, fits) = match fidelity {
            Fidelity::Exact => return Ok(Recovery { fidelity, ..self }),
            Fidelity::Ball { radius } => ("radius", "a finite number, not negative", radius, radius >= 0.0 && radius.is_finite()),
            Fidelity::Penalised { lambda } => ("lambda", "a finite number above 0", lambda, lambda > 0.0 && lambda.is_finite()),
        };
        if fits { Ok(Recovery { fidelity, ..self }) } else { Err(Error::Parameter { name, expected: expected.into(), got: got.to_string() }) }
    }

    /// The same over positive semidefinite matrices.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless the map is symmetric.
    pub fn positive_semidefinite(self) -> Result<Self, Error> {
        if !self.map.is_symmetric() {
            return Err(Error::Parameter {
                name: "domain",
                expected: "general: this map is not symmetric".into(),
                got: "positive semidefinite".into(),
            });
        }
        Ok(Recovery { domain: Domain::PositiveSemidefinite, ..self })
    }
}
