//! Deep sparse recovery: interior points for depth 2, Newton's method on the smooth dual for more.

mod dual_newton;
mod interior_point;
mod rows;

use crate::linalg::scale;
use crate::problem::{DeepSparse, RecoveryStatus, Witness};
use rows::{Consistency, Rows};

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct DeepSparseSolution {
    /// x.
    pub x: Vec<f64>,
    /// The multiplier y of Ax = b: Aᵀy is a subgradient of the objective at x.
    pub multiplier: Vec<f64>,
    /// How it ended.
    pub status: RecoveryStatus,
    /// Newton steps.
    pub iterations: usize,
    /// What proves a status other than converged, where something does.
    pub witness: Option<Witness>,
}

/// Minimises Σ Dⱼ |xⱼ|^(2−2/k) over the solutions of Ax = b.
///
/// Depth 1 puts no order on them: if there is more than one, the one of least norm comes back as [`RecoveryStatus::UnderDetermined`] with
/// another one as its witness. b outside the range of A: [`RecoveryStatus::Inconsistent`], x fits in the sense of least squares, and the
/// witness is y with Aᵀy = 0 and ⟨b, y⟩ > 0, up to rounding.
pub fn solve_deep_sparse(problem: &DeepSparse) -> DeepSparseSolution {
    let d = problem.shape().1;
    let rows = match Rows::of(problem) {
        Consistency::Consistent(rows) => rows,
        Consistency::Inconsistent { nearest, contradiction } => {
            let witness = Some(Witness::Multiplier(contradiction.clone()));
            return DeepSparseSolution { x: nearest, multiplier: contradiction, status: RecoveryStatus::Inconsistent, iterations: 0, witness };
        }
        Consistency::Breakdown => {
            let (x, multiplier) = (vec![0.0; d], vec![0.0; problem.shape().0]);
            return DeepSparseSolution { x, multiplier, status: RecoveryStatus::Breakdown, iterations: 0, witness: None };
        }
    };
    if rows.b_is_zero() {
        let multiplier = vec![0.0; problem.shape().0];
        let (status, witness) = if problem.depth() == 1 { rows.other_solution(&vec![0.0; d]) } else { (RecoveryStatus::Converged, None) };
        return DeepSparseSolution { x: vec![0.0; d], multiplier, status, iterations: 0, witness };
    }
    match problem.depth() {
        1 => {
            let x = rows.least_norm();
            let (status, witness) = rows.other_solution(&x);
            DeepSparseSolution {
                x: x.iter().map(|&x| scale(x, rows.exponent)).collect(),
                multiplier: vec![0.0; problem.shape().0],
                status,
                iterations: 0,
                witness,
            }
        }
        2 => interior_point::solve(&rows),
        _ => dual_newton::solve(&rows, problem.exponent()),
    }
}
