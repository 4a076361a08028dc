//! A separation of a table whose rows are spread over ranks.

use super::RobustPcaSettings;
use super::entries_on_ranks::record;
use super::robust_pca::Solved;
use crate::FitError;
use std::time::Instant;
use thalweg::Error;
use thalweg::comm::{Comm, Counted, equal_parts};
use thalweg::data::RobustPcaInstance;
use thalweg::problem::{RobustPca, RobustPcaRows};
use thalweg::solver::convex::robust_pca::{RobustPcaOptions, WithinBudget, solve_robust_pca_over_ranks};

/// What one rank holds of a table, and the way to the others.
pub struct TableOnRanks<'a> {
    /// Counts what is sent.
    pub comm: &'a Counted<'a>,
    /// (m, n) of the whole.
    pub shape: (usize, usize),
    /// This rank's part of the rows, or of the columns where these are more: row-major, as they become the rows.
    pub rows: Vec<f64>,
    /// The whole, on the first rank: it judges the answer.
    pub whole: Option<&'a RobustPcaInstance>,
}

/// The equal part of a table's rows, or of its columns where these are more, that a rank holds.
pub fn table_part(instance: &RobustPcaInstance, comm: &dyn Comm) -> Vec<f64> {
    let ((m, n), y) = (instance.shape, &instance.y);
    let part = equal_parts(m.max(n), comm.size()).swap_remove(comm.rank());
    if m >= n { y[part.start * n..part.end * n].to_vec() } else { part.flat_map(|j| (0..m).map(move |i| y[i * n + j])).collect() }
}

impl TableOnRanks<'_> {
    /// The solution on the first rank, none on the others; `take` is called on the first before the solver starts.
    pub(super) fn solve(
        &self,
        settings: &RobustPcaSettings,
        options: &RobustPcaOptions,
        is_stopped: &dyn Fn() -> bool,
        take: impl FnOnce() -> Result<(), FitError>,
    ) -> Result<Option<Solved>, FitError> {
        if let Some(budget) = settings.budget {
            let expected = "none on several ranks: --lambda, or one process".into();
            return Err(Error::Parameter { name: "budget", expected, got: budget.to_string() }.into());
        }
        let ((m, n), comm) = (self.shape, self.comm);
        let rows = RobustPcaRows::new(comm, m.min(n), self.rows.clone(), settings.lambda)?;
        (comm as &dyn Comm).all_have(if comm.rank() == 0 { take() } else { Ok(()) })?;
        let (begin, before) = (Instant::now(), comm.traffic());
        let own = solve_robust_pca_over_ranks(&rows, options, is_stopped)?;
        let (seconds, iterations) = (begin.elapsed().as_secs_f64(), own.iterations);
        let ranks = Some(record(comm, before, iterations));
        let Some((solution, whole)) = own.gathered(&rows, self.shape)?.zip(self.whole) else { return Ok(None) };
        let problem = RobustPca::new(m, n, whole.y.clone(), Some(rows.lambda()))?;
        Ok(Some(Solved { within: WithinBudget { problem, solution }, seconds, ranks }))
    }
}
