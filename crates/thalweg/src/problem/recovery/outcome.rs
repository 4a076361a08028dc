//! How a recovery ended, for every recovery problem and every solver.

use serde::{Deserialize, Serialize};

/// How a recovery ended. Whether the answer is proved is another matter: see the certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryStatus {
    /// The optimality conditions hold to the tolerance.
    Converged,
    /// b is not A(X) for any X at all: b leaves the range of A. The witness is a combination of measurements that contradict one another.
    Inconsistent,
    /// No X of the domain fits, although b is in the range of A; the witness separates b from what fits.
    Infeasible,
    /// A minimiser was found, and another one with it: the minimiser is not unique. The witness is the other one.
    UnderDetermined,
    /// The iteration limit was reached. Raise `max_iters`.
    MaxIters,
    /// The time limit was reached.
    TimeLimit,
    /// The iterates no longer change at working precision, though the residual is above the tolerance.
    Stalled,
    /// Numbers went bad; the last finite point is kept.
    Breakdown,
    /// Stopped from outside.
    Stopped,
}

/// What a status other than [`RecoveryStatus::Converged`] stands on.
#[derive(Debug, Clone, PartialEq)]
pub enum Witness {
    /// y with A*(y) = 0 and ⟨b, y⟩ ≠ 0 (inconsistent), or A*(y) ⪯ 0 and ⟨b, y⟩ > 0 (infeasible over positive semidefinite X).
    Multiplier(Vec<f64>),
    /// Another X, row-major, that fits b and has the same norm.
    SecondSolution(Vec<f64>),
}

/// What a solver hands back.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovered {
    /// How it ended.
    pub status: RecoveryStatus,
    /// X, row-major d1×d2.
    pub x: Vec<f64>,
    /// The multiplier y of A(X) = b that proves X optimal: A*(y) is a subgradient of the norm at X.
    pub multiplier: Vec<f64>,
    /// Singular values of X (of D1 X D2 for the flat norm) that the solver took for positive.
    pub rank: usize,
    /// Steps of Gauss and Newton on factors, and those of the first-order phase if that had to follow.
    pub iterations: usize,
    /// Behind the status, where it has one.
    pub witness: Option<Witness>,
}
