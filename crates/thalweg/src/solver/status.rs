//! Why a run ended.

use crate::problem::RecoveryStatus;
use serde::{Deserialize, Serialize};

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The stationarity residual fell below the tolerance.
    Converged,
    /// The iteration limit was reached. Raise `max_iters`.
    MaxIters,
    /// The time limit was reached. The run can be resumed.
    TimeLimit,
    /// The objective no longer changes at working precision, though the residual is above the tolerance.
    Stalled,
    /// Numbers went bad; the last finite point is kept.
    Breakdown,
    /// Stopped from outside. The run can be resumed.
    Stopped,
}

impl Status {
    /// This status once the residual was recomputed from the data: a claim of convergence stands only if that agrees, up to rounding.
    pub fn settled(self, kkt: f64, tol: f64) -> Status {
        if self == Status::Converged && kkt > tol * (1.0 + 1e-6) { Status::Stalled } else { self }
    }
}

impl From<Status> for RecoveryStatus {
    fn from(status: Status) -> RecoveryStatus {
        match status {
            Status::Converged => RecoveryStatus::Converged,
            Status::MaxIters => RecoveryStatus::MaxIters,
            Status::TimeLimit => RecoveryStatus::TimeLimit,
            Status::Stalled => RecoveryStatus::Stalled,
            Status::Breakdown => RecoveryStatus::Breakdown,
            Status::Stopped => RecoveryStatus::Stopped,
        }
    }
}
