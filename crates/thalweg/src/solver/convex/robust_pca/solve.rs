//! The two phases in turn.

use super::dual_point::DualPoint;
use super::exact::{fit_uncorrupted, looks_dual, multiplier};
use super::shrink::Shrunk;
use super::splitting::Splitting;
use super::table::{Table, transposed};
use crate::Error;
use crate::linalg::{Real, TruncatedSvd, mul, row_major};
use crate::problem::{RecoveryStatus, RobustPca, RobustPcaRows};
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

impl RobustPcaSolution {
    /// That of an m×n table from that of its long side as rows.
    fn of_shape(mut self, (m, n): (usize, usize)) -> Self {
        if m < n {
            std::mem::swap(&mut self.low_rank.u, &mut self.low_rank.v);
            self.dual = transposed(&self.dual, n, m);
        }
        self
    }

    /// On the first rank the solution of the whole m×n table, of which all ranks together hold these rows; none on the others.
    ///
    /// # Errors
    /// [`Error::Peer`].
    pub fn gathered(self, rows: &RobustPcaRows<'_>, shape: (usize, usize)) -> Result<Option<Self>, Error> {
        let gather = |own: &[f64], width: usize| {
            let lengths: Vec<usize> = rows.counts().iter().map(|count| count * width).collect();
            rows.comm().gather_to_first(own, &lengths)
        };
        let u = gather(&self.low_rank.u, self.low_rank.singular_values.len())?;
        let dual = gather(&self.dual, rows.shape().1)?;
        let whole = |(u, dual)| RobustPcaSolution { low_rank: TruncatedSvd { u, ..self.low_rank }, dual, ..self };
        Ok(u.zip(dual).map(whole).map(|whole| whole.of_shape(shape)))
    }
}

/// μ grows by the first factor up to the first multiple of its start, by the second up to the second, then as the residuals ask.
const GROWTH: [(f64, f64); 2] = [(30.0, 1.6), (600.0, 1.3)];
/// Ratios of primal to dual residual that leave it as it is.
const BALANCED: (f64, f64) = (0.7, 1.5);
/// The penalty follows the residuals at every so many steps, up to a last one: from then on the iteration is a contraction.
const BALANCE_EVERY: usize = 5;
const LAST_BALANCE: usize = 150;
/// First step after which the exact finish is tried, and the first after which the gap is measured.
const FIRST_FINISH: usize = 8;
const FIRST_GAP: usize = 20;
/// Columns for each rank of what the exact finish can tell from corruptions.
const RANKS_IN_REACH: usize = 4;
/// The gap is measured again after so large a part of the steps so far; sooner where it is within a factor of what is asked for.
const GAP_EVERY: usize = 4;
const NEARLY: f64 = 2.0;
/// ‖Y − X − S‖ / ‖Y‖ below which single precision no longer tells the residuals.
const SINGLE: f64 = 1e-4;

/// Minimises ‖X‖_* + λ‖Y − X‖₁ over all X.
///
/// Each step of the first phase costs a partial decomposition of an m×n matrix, in single precision until its residuals are too small for
/// that. As soon as its rank has settled, the exact finish is tried; where Y is a low-rank matrix with sparse corruptions it ends at rounding.
/// Elsewhere the first phase goes on until the duality gap is below the tolerance. The same bits for any number of threads.
pub fn solve_robust_pca(problem: &RobustPca, options: &RobustPcaOptions) -> RobustPcaSolution {
    solve_robust_pca_unless(problem, options, &|| false)
}

/// The same; ends as [`RecoveryStatus::Stopped`] after the step at which `is_stopped` says so, with what was found so far.
pub fn solve_robust_pca_unless(problem: &RobustPca, options: &RobustPcaOptions, is_stopped: &dyn Fn() -> bool) -> RobustPcaSolution {
    let Some(table) = Table::of(problem) else { return zero(problem.data().len(), RecoveryStatus::Converged) };
    solve_table(&table, options, is_stopped).of_shape(problem.shape())
}

/// The same where the rows are spread over ranks: U and W are those of the rows that are here, V, the singular values and all else are the same
/// on every rank. To be called by all ranks alike; the limit of time is that of the first, and any rank may stop all.
///
/// The numbers of one process but for the rounding of sums taken in another order; the same bits for the same ranks.
///
/// # Errors
/// [`Error::Peer`] if a rank is lost.
pub fn solve_robust_pca_over_ranks(
    rows: &RobustPcaRows<'_>,
    options: &RobustPcaOptions,
    is_stopped: &dyn Fn() -> bool,
) -> Result<RobustPcaSolution, Error> {
    let Some(table) = Table::of_rows(rows)? else { return Ok(zero(rows.data().len(), RecoveryStatus::Converged)) };
    let solution = solve_table(&table, options, is_stopped);
    table.ranks.into_failure().map_or(Ok(solution), Err)
}

fn solve_table(table: &Table<'_>, options: &RobustPcaOptions, is_stopped: &dyn Fn() -> bool) -> RobustPcaSolution {
    let begin = Clock::start();
    let Some(mut narrow) = Splitting::<f32>::new(table) else { return zero(table.y.len(), RecoveryStatus::Breakdown) };
    let penalty = Penalty { first: narrow.mu, phase: 0 };
    let mut run = Run { options, is_stopped, begin, penalty, iteration: 0, next_finish: FIRST_FINISH, next_gap: FIRST_GAP, last_rank: 0 };
    let ended = run.advance(&mut narrow, SINGLE * table.size);
    let mut solution = match ended {
        Ended::AtRounding => {
            let mut wide = narrow.widened();
            let ended = run.advance(&mut wide, 0.0);
            solution(ended, &mut wide, run.iteration)
        }
        ended => solution(ended, &mut narrow, run.iteration),
    };
    solution.low_rank.singular_values.iter_mut().for_each(|s| *s = table.in_unit_of_data(*s));
    solution.floor = table.in_unit_of_data(solution.floor);
    solution
}

/// X = 0 with W = 0, which is the answer where Y = 0.
fn zero(entries: usize, status: RecoveryStatus) -> RobustPcaSolution {
    let low_rank = TruncatedSvd { u: vec![], singular_values: vec![], v: vec![] };
    let dual = vec![0.0; entries];
    RobustPcaSolution { low_rank, floor: 0.0, dual, is_exact: status == RecoveryStatus::Converged, status, iterations: 0 }
}

/// The splitting under way, in one precision or the other.
struct Run<'a> {
    options: &'a RobustPcaOptions,
    is_stopped: &'a dyn Fn() -> bool,
    begin: Clock,
    penalty: Penalty,
    iteration: usize,
    next_finish: usize,
    next_gap: usize,
    last_rank: usize,
}

/// Why [`Run::advance`] ended.
enum Ended<T> {
    /// By the exact finish.
    Exactly(RobustPcaSolution),
    /// With a dual point within the tolerance.
    Near(DualPoint<T>),
    /// The residuals are below what was asked for.
    AtRounding,
    Otherwise(RecoveryStatus),
}

impl Run<'_> {
    /// Steps until something is reached, the last of them being ‖Y − X − S‖ < `least`.
    fn advance<T: Real>(&mut self, splitting: &mut Splitting<'_, T>, least: f64) -> Ended<T> {
        while splitting.primal >= least {
            if self.iteration >= self.options.max_iters {
                return Ended::Otherwise(RecoveryStatus::MaxIters);
            }
            let ranks = &splitting.table.ranks;
            let is_late = self.options.max_time.is_some_and(|limit| self.begin.elapsed() >= limit);
            match ranks.wishes(is_late, !is_late && (self.is_stopped)()) {
                Some((true, _)) => return Ended::Otherwise(RecoveryStatus::TimeLimit),
                Some((false, true)) => return Ended::Otherwise(RecoveryStatus::Stopped),
                Some((false, false)) => {}
                None => return Ended::Otherwise(RecoveryStatus::Breakdown),
            }
            self.iteration += 1;
            let growth = self.penalty.growth(splitting, self.iteration);
            if ranks.among_workers(|| splitting.step(growth)).is_none() || !splitting.objective.is_finite() {
                return Ended::Otherwise(RecoveryStatus::Breakdown);
            }
            if let Some(solution) = self.try_finish(splitting) {
                return Ended::Exactly(solution);
            }
            if let Some(dual) = self.measure_gap(splitting) {
                // X is near enough now for the exact finish, if there is one
                return ranks.among_workers(|| finish(splitting, self.iteration)).map_or(Ended::Near(dual), Ended::Exactly);
            }
        }
        Ended::AtRounding
    }

    /// The exact finish, if it is due and succeeds.
    fn try_finish<T: Real>(&mut self, splitting: &mut Splitting<'_, T>) -> Option<RobustPcaSolution> {
        let rank = splitting.shrunk.dominant().rank();
        let is_due = self.iteration >= self.next_finish && rank == self.last_rank;
        self.last_rank = rank;
        if !is_due {
            return None;
        }
        // one that fails costs some steps
        self.next_finish = 2 * self.iteration;
        splitting.table.ranks.among_workers(|| finish(splitting, self.iteration))
    }

    /// A dual point within the tolerance, if it is time to look for one and there is one.
    fn measure_gap<T: Real>(&mut self, splitting: &Splitting<'_, T>) -> Option<DualPoint<T>> {
        if self.iteration < self.next_gap {
            return None;
        }
        let dual = DualPoint::near(splitting);
        let gap = dual.as_ref().map_or(f64::INFINITY, |dual| 1.0 - dual.bound / splitting.objective);
        let tol = self.options.tol;
        self.next_gap = self.iteration + self.iteration / if gap <= NEARLY * tol { 2 * GAP_EVERY } else { GAP_EVERY };
        dual.filter(|_| gap <= tol)
    }
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
    fn growth<T: Real>(&mut self, splitting: &Splitting<'_, T>, iteration: usize) -> f64 {
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

/// The exact finish from the splitting's next X, if it ends with a multiplier that looks dual.
fn finish<T: Real>(splitting: &mut Splitting<'_, T>, iterations: usize) -> Option<RobustPcaSolution> {
    let start = splitting.low_rank()?.dominant();
    let table = splitting.table;
    if start.rank() == 0 || RANKS_IN_REACH * start.rank() > table.cols {
        return None;
    }
    let left = splitting.left_factor(&start);
    let (low_rank, floor) = fit_uncorrupted(table, &left, &start.v, start.rank(), table.lambda / splitting.mu)?;
    if low_rank.singular_values.is_empty() {
        return None;
    }
    let mut sparse = low_rank.to_dense(table.rows, table.cols);
    sparse.iter_mut().zip(&table.y).for_each(|(s, y)| *s = if (y - *s).abs() > floor { y - *s } else { 0.0 });
    let dual = multiplier(table, &low_rank, &sparse, &widened(splitting.multiplier(), table.lambda))?;
    if !looks_dual(table, &low_rank, &sparse, &dual) {
        return None;
    }
    Some(RobustPcaSolution { low_rank, floor, dual, is_exact: true, status: RecoveryStatus::Converged, iterations })
}

/// What the run ended with, or the splitting's own X and a dual point near its multiplier.
fn solution<T: Real>(ended: Ended<T>, splitting: &mut Splitting<'_, T>, iterations: usize) -> RobustPcaSolution {
    let (status, dual) = match ended {
        Ended::Exactly(solution) => return solution,
        Ended::Near(dual) => (RecoveryStatus::Converged, Some(dual)),
        Ended::Otherwise(status) => (status, DualPoint::near(splitting)),
        // in double precision: 0 residuals are not below 0
        Ended::AtRounding => (RecoveryStatus::Stalled, None),
    };
    let dual = widened(dual.map_or_else(|| splitting.multiplier(), |dual| dual.w), splitting.table.lambda);
    let start = splitting.low_rank().unwrap_or_default();
    let low_rank =
        decomposed(splitting.table, &splitting.left_factor(&start), &start).unwrap_or(TruncatedSvd { u: vec![], singular_values: vec![], v: vec![] });
    let floor = splitting.primal / (splitting.table.all_entries() as f64).sqrt();
    RobustPcaSolution { low_rank, floor, dual, is_exact: false, status, iterations }
}

/// Numbers in double precision; none exceeds λ by having been rounded.
fn widened<T: Real>(w: Vec<T>, lambda: f64) -> Vec<f64> {
    w.into_iter().map(|w| w.f64().clamp(-lambda, lambda)).collect()
}

/// left·Vᵀ as U diag(σ) Vᵀ.
fn decomposed(table: &Table<'_>, left: &[f64], shrunk: &Shrunk) -> Option<TruncatedSvd> {
    let k = shrunk.rank();
    if k == 0 {
        return None;
    }
    let svd = table.ranks.tall_svd(left, k)?;
    let mut v = vec![0.0; shrunk.v.len()];
    mul(row_major(&shrunk.v, shrunk.v.len() / k, k), row_major(&svd.v, k, k), &mut v);
    Some(TruncatedSvd { u: svd.u, singular_values: svd.singular_values, v })
}
