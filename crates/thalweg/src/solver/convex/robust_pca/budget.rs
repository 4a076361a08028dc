//! min ‖X‖_* subject to ‖Y − X‖₁ ≤ budget, through the λ for which the budget is used up.

use super::{RobustPcaOptions, RobustPcaSolution, solve_robust_pca_unless};
use crate::Error;
use crate::problem::{RecoveryStatus, RobustPca};
use crate::solver::clock::Clock;

/// A solution under a budget.
#[derive(Debug, Clone)]
pub struct WithinBudget {
    /// The data under the λ for which the solution also minimises ‖X‖_* + λ‖Y − X‖₁.
    pub problem: RobustPca,
    /// X with ‖Y − X‖₁ ≤ budget.
    pub solution: RobustPcaSolution,
}

/// Values of λ that are tried.
const MAX_TRIALS: usize = 40;
/// Part of the budget that may stay unused, or be overdrawn by rounding.
const USED_UP: f64 = 1e-9;

/// Minimises ‖X‖_* over ‖Y − X‖₁ ≤ budget. The deviation falls as λ grows, so its λ is found by bisection of log λ between 1/√(mn), where
/// X = 0, and 1, where X = Y; a matrix that is low-rank but for sparse entries whose sum is the budget is met at the first λ.
///
/// `Stalled` where no λ uses the budget up to the tolerance: X is then feasible, and nothing more is said of it. `TimeLimit`, and
/// `Stopped` as soon as `is_stopped` says so: the last X, which need not be feasible.
///
/// # Errors
/// [`Error::Parameter`] unless the budget is finite and not negative.
///
/// Source: FM, eq. (6.9).
pub fn solve_robust_pca_within(
    problem: &RobustPca,
    budget: f64,
    options: &RobustPcaOptions,
    is_stopped: &dyn Fn() -> bool,
) -> Result<WithinBudget, Error> {
    if !(budget >= 0.0 && budget.is_finite()) {
        return Err(Error::Parameter { name: "budget", expected: "a finite number, not negative".into(), got: budget.to_string() });
    }
    let begin = Clock::start();
    let left = || RobustPcaOptions { max_time: options.max_time.map(|limit| limit.saturating_sub(begin.elapsed())), ..*options };
    let (m, n) = problem.shape();
    let (mut low, mut high) = (1.0 / ((m * n) as f64).sqrt(), 1.0);
    let mut lambda = problem.lambda().clamp(low, high);
    let mut feasible: Option<WithinBudget> = None;
    for _ in 0..MAX_TRIALS {
        let problem = problem.clone().with_lambda(lambda)?;
        let solution = solve_robust_pca_unless(&problem, &left(), is_stopped);
        if matches!(solution.status, RecoveryStatus::TimeLimit | RecoveryStatus::Stopped) {
            return Ok(WithinBudget { problem, solution });
        }
        let deviation = problem.deviation(&solution.low_rank);
        let fits = deviation <= budget * (1.0 + 1e-12);
        let tolerance = if solution.is_exact { USED_UP } else { options.tol };
        let within = WithinBudget { problem, solution };
        if fits && (deviation >= budget * (1.0 - tolerance) || within.solution.low_rank.singular_values.is_empty()) {
            return Ok(within);
        }
        if fits {
            high = lambda;
            feasible = Some(within);
        } else {
            low = lambda;
        }
        lambda = (low * high).sqrt();
    }
    let mut within = match feasible {
        Some(within) => within,
        // λ = 1: X = Y
        None => {
            let problem = problem.clone().with_lambda(1.0)?;
            let solution = solve_robust_pca_unless(&problem, &left(), is_stopped);
            WithinBudget { problem, solution }
        }
    };
    within.solution.status = RecoveryStatus::Stalled;
    Ok(within)
}
