//! The two phases in turn.

use super::exact::{fit_uncorrupted, looks_dual, multiplier};
use super::shrink::Shrunk;
use super::splitting::{Splitting, transposed};
use crate::linalg::{TruncatedSvd, row_major, symmetric_eigenvalues, tall_gram, thin_svd};
use crate::problem::{RecoveryStatus, RobustPca};
use crate::solver::clock::Clock;
use std::time::Duration;

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RobustPcaOptions {
    /// Steps of the splitting.
    pub max_iters: usize,
    /// Duality gap, relative to the objective, at which the answer counts as converged.
    pub tol: f64,
    /// Time from the start of the call.
    pub max_time: Option<Duration>,
}

impl Default for RobustPcaOptions {
    fn default() -> Self {
        RobustPcaOptions { max_iters: 1000, tol: 1e-4, max_time: None }
    }
}

/// What was found.
#[derive(Debug, Clone)]
pub struct RobustPcaSolution {
    /// X = U diag(σ) Vᵀ.
    pub low_rank: TruncatedSvd,
    /// |Y − X| up to this is rounding, or what the splitting has not yet resolved: S is 0 there.
    pub floor: f64,
    /// W, m×n: a dual point. Its bound is for the certificate to compute.
    pub dual: Vec<f64>,
    /// Whether X fits the uncorrupted entries exactly.
    pub is_exact: bool,
    /// Why the run ended.
    pub status: RecoveryStatus,
    /// Steps of the splitting.
    pub iterations: usize,
}

/// μ grows by the first factor up to the first multiple of its start, by the second up to the second, then as the residuals ask.
const GROWTH: [(f64, f64); 2] = [(16.0, 1.5), (120.0, 1.2)];
/// Ratios of primal to dual residual that leave it as it is.
const BALANCED: (f64, f64) = (0.7, 1.5);
/// The penalty follows the residuals at every so many steps, up to a last one: from then on the iteration is a contraction.
const BALANCE_EVERY: usize = 5;
const LAST_BALANCE: usize = 150;
/// First step after which the exact finish is tried, and the first after which the gap is measured.
const FIRST_FINISH: usize = 8;
const FIRST_GAP: usize = 20;

/// Minimises ‖X‖_* + λ‖Y − X‖₁ over all X.
///
/// Each step of the first phase costs a partial decomposition of an m×n matrix. As soon as its rank has settled, the exact finish is
/// tried; where Y is a low-rank matrix with sparse corruptions it ends at rounding. Elsewhere the first phase goes on until the duality
/// gap is below the tolerance. The same bits for any number of threads.
pub fn solve_robust_pca(problem: &RobustPca, options: &RobustPcaOptions) -> RobustPcaSolution {
    solve_robust_pca_unless(problem, options, &|| false)
}

/// The same; ends as [`RecoveryStatus::Stopped`] after the step at which `is_stopped` says so, with what was found so far.
pub fn solve_robust_pca_unless(problem: &RobustPca, options: &RobustPcaOptions, is_stopped: &dyn Fn() -> bool) -> RobustPcaSolution {
    let begin = Clock::start();
    let (m, n) = problem.shape();
    let Some(mut splitting) = Splitting::new(problem) else {
        // Y = 0: X = 0, and W = 0 proves it
        let none = TruncatedSvd { u: vec![], singular_values: vec![], v: vec![] };
        return RobustPcaSolution {
            low_rank: none,
            floor: 0.0,
            dual: vec![0.0; m * n],
            is_exact: true,
            status: RecoveryStatus::Converged,
            iterations: 0,
        };
    };
    let mut penalty = Penalty { first: splitting.mu, phase: 0 };
    let (mut next_finish, mut next_gap, mut last_rank) = (FIRST_FINISH, FIRST_GAP, 0);
    let mut iteration = 0;
    let status = loop {
        if iteration >= options.max_iters {
            break RecoveryStatus::MaxIters;
        }
        if options.max_time.is_some_and(|limit| begin.elapsed() >= limit) {
            break RecoveryStatus::TimeLimit;
        }
        if is_stopped() {
            break RecoveryStatus::Stopped;
        }
        iteration += 1;
        let growth = penalty.growth(&splitting, iteration);
        if splitting.step(growth).is_none() || !splitting.objective.is_finite() {
            break RecoveryStatus::Breakdown;
        }
        let rank = splitting.shrunk.dominant().rank();
        if iteration >= next_finish && rank == last_rank && 4 * rank <= splitting.cols {
            if let Some(solution) = finish(problem, &mut splitting, iteration) {
                return solution;
            }
            next_finish = iteration + (iteration / 2).max(2);
        }
        last_rank = rank;
        if iteration >= next_gap {
            if relative_gap(&splitting) <= options.tol {
                // X is near enough now for the exact finish, if there is one
                if let Some(solution) = finish(problem, &mut splitting, iteration) {
                    return solution;
                }
                break RecoveryStatus::Converged;
            }
            next_gap = iteration + iteration / 4;
        }
    };
    approximate(problem, &mut splitting, status, iteration)
}

/// The penalty: it grows geometrically at first, so that the rank grows from below, and then follows the residuals.
struct Penalty {
    /// μ at the start.
    first: f64,
    /// The part of [`GROWTH`] in use; past its end once the residuals lead.
    phase: usize,
}

impl Penalty {
    /// By how much it grows after this step.
    fn growth(&mut self, splitting: &Splitting<'_>, iteration: usize) -> f64 {
        let ratio = splitting.primal / splitting.dual;
        if !ratio.is_finite() || ratio == 0.0 {
            return 1.0;
        }
        while let Some((limit, factor)) = GROWTH.get(self.phase) {
            if splitting.mu < limit * self.first && (self.phase == 0 || ratio > BALANCED.0) {
                return *factor;
            }
            self.phase += 1;
        }
        if !iteration.is_multiple_of(BALANCE_EVERY) || iteration > LAST_BALANCE || (BALANCED.0..BALANCED.1).contains(&ratio) {
            return 1.0;
        }
        ratio.sqrt().clamp(0.5, 2.0)
    }
}

/// (objective − ⟨Y, Λ⟩ / max(1, ‖Λ‖)) / objective.
fn relative_gap(splitting: &Splitting<'_>) -> f64 {
    let w = splitting.multiplier();
    let inner: f64 = w.iter().zip(&splitting.y).map(|(w, y)| if y.is_nan() { 0.0 } else { w * y }).sum();
    let gram = tall_gram(row_major(&w, splitting.rows, splitting.cols));
    let Some(values) = symmetric_eigenvalues(&gram, splitting.cols) else { return f64::INFINITY };
    1.0 - inner / values[0].sqrt().max(1.0) / splitting.objective
}

/// The exact finish from the splitting's next X, if it ends with a multiplier that looks dual.
fn finish(problem: &RobustPca, splitting: &mut Splitting<'_>, iterations: usize) -> Option<RobustPcaSolution> {
    let start = splitting.low_rank()?.dominant();
    if start.rank() == 0 || 2 * start.rank() > splitting.cols {
        return None;
    }
    let left = splitting.left_factor(&start);
    let (low_rank, floor) = fit_uncorrupted(&splitting.y, splitting.cols, &left, &start.v, start.rank(), problem.lambda() / splitting.mu)?;
    if low_rank.singular_values.is_empty() {
        return None;
    }
    let mut sparse = low_rank.to_dense(splitting.rows, splitting.cols);
    sparse.iter_mut().zip(&splitting.y).for_each(|(s, y)| *s = if (y - *s).abs() > floor { y - *s } else { 0.0 });
    let w = multiplier(&splitting.y, &low_rank, &sparse, problem.lambda(), &splitting.multiplier())?;
    if !looks_dual(&low_rank, &sparse, problem.lambda(), &w) {
        return None;
    }
    Some(oriented(problem, RobustPcaSolution { low_rank, floor, dual: w, is_exact: true, status: RecoveryStatus::Converged, iterations }))
}

/// The splitting's own X and multiplier.
fn approximate(problem: &RobustPca, splitting: &mut Splitting<'_>, status: RecoveryStatus, iterations: usize) -> RobustPcaSolution {
    let start = splitting.low_rank().unwrap_or_default();
    let low_rank = decomposed(&splitting.left_factor(&start), &start).unwrap_or(TruncatedSvd { u: vec![], singular_values: vec![], v: vec![] });
    let floor = splitting.primal / (splitting.y.len() as f64).sqrt();
    let dual = splitting.multiplier();
    oriented(problem, RobustPcaSolution { low_rank, floor, dual, is_exact: false, status, iterations })
}

/// left·Vᵀ as U diag(σ) Vᵀ.
fn decomposed(left: &[f64], shrunk: &Shrunk) -> Option<TruncatedSvd> {
    let k = shrunk.rank();
    if k == 0 {
        return None;
    }
    let svd = thin_svd(left, left.len() / k, k)?;
    let mut v = vec![0.0; shrunk.v.len()];
    crate::linalg::mul(row_major(&shrunk.v, shrunk.v.len() / k, k), row_major(&svd.v, k, k), &mut v);
    Some(TruncatedSvd { u: svd.u, singular_values: svd.singular_values, v })
}

/// The solution for Y itself where the splitting worked on Yᵀ.
fn oriented(problem: &RobustPca, mut solution: RobustPcaSolution) -> RobustPcaSolution {
    let (m, n) = problem.shape();
    if m < n {
        std::mem::swap(&mut solution.low_rank.u, &mut solution.low_rank.v);
        solution.dual = transposed(&solution.dual, n, m);
    }
    solution
}
