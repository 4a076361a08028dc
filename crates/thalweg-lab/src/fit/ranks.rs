//! A fit spread over ranks: each holds some rows and columns of the data, and those rows of U and of V.

use super::{FitError, FitJob, Fitted, fit_blocks, refuse_without_all};
use crate::{FitSettings, Labels, Restart};
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};
use thalweg::comm::{Comm, Counted, Grid, Traffic};
use thalweg::data::{BlocksInMemory, Precision};
use thalweg::linalg::Real;
use thalweg::problem::LeastSquares;
use thalweg::solver::nmf::Momentum;
use thalweg::{Error, Factors, Side};

/// What one rank holds of the data, and the way to the others.
pub struct RankBlock<'a> {
    /// Counts what is sent.
    pub comm: &'a Counted<'a>,
    /// pr and pc: the ranks hold the blocks of X in the order of this grid.
    pub grid: (usize, usize),
    /// The rows and columns of this rank.
    pub block: BlocksInMemory<'static, f64>,
    /// dense, sparse, observed or weighted.
    pub kind: &'static str,
    /// Of the numbers in the file.
    pub precision: Precision,
    /// Of all rows and columns.
    pub labels: Labels,
    /// Iterations of this session, and what this rank has sent in them.
    sent: Mutex<(u64, Traffic)>,
}

/// What the iterations of a session took, as rank 0 counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RanksRecord {
    /// How many ranks.
    pub ranks: usize,
    /// Rows and columns of their grid, where it has more than one column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<(usize, usize)>,
    /// Messages that rank 0 sends in an iteration.
    pub messages_per_iteration: f64,
    /// Their bytes.
    pub bytes_per_iteration: f64,
}

impl<'a> RankBlock<'a> {
    /// Nothing is sent yet.
    pub fn new(
        comm: &'a Counted<'a>,
        grid: (usize, usize),
        block: BlocksInMemory<'static, f64>,
        kind: &'static str,
        precision: Precision,
        labels: Labels,
    ) -> Self {
        RankBlock { comm, grid, block, kind, precision, labels, sent: Mutex::default() }
    }

    /// Takes down an iteration that began when so much had been sent.
    pub(super) fn note_iteration(&self, before: Traffic) {
        let now = self.comm.traffic();
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.0 += 1;
        sent.1.messages += now.messages - before.messages;
        sent.1.bytes += now.bytes - before.bytes;
    }

    pub(super) fn record(&self) -> RanksRecord {
        let (iterations, sent) = *self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let each = |count: u64| count as f64 / iterations.max(1) as f64;
        let grid = (self.grid.1 > 1).then_some(self.grid);
        RanksRecord { ranks: self.comm.size(), grid, messages_per_iteration: each(sent.messages), bytes_per_iteration: each(sent.bytes) }
    }
}

/// The same restarts as in memory, one after the other.
pub(super) fn fit_on_ranks(job: FitJob<'_>, held: &RankBlock<'_>) -> Result<Fitted, FitError> {
    check_settings(&job.manifest.settings, held.grid)?;
    let grid = Grid::new(held.comm, held.grid)?;
    match job.manifest.settings.precision {
        Precision::F32 => fit_blocks(job, &held.block.cast::<f32>(), &held.block, None, grid),
        Precision::F64 => fit_blocks(job, &held.block, &held.block, None, grid),
    }
}

/// What is not made for several ranks.
fn check_settings(settings: &FitSettings, (_, columns): (usize, usize)) -> Result<(), Error> {
    refuse_without_all(settings, "on several ranks")?;
    let refused = |name: &'static str, expected: &str, got: String| Err(Error::Parameter { name, expected: expected.into(), got });
    match settings.holdout {
        Some(share) => refused("holdout", "none on several ranks: no rank sees all entries", share.to_string()),
        None if settings.fix_u.is_some() => refused("fix-u", "none on several ranks (columns of V may be given)", "given".into()),
        None if settings.fix_v.is_some() && columns > 1 => refused("fix-v", "none on a grid of several columns (--grid RANKSx1)", "given".into()),
        None => Ok(()),
    }
}

/// The rows of U and V that belong to this rank.
pub(super) fn own_part<T: Real>(problem: &dyn LeastSquares<T>, whole: &Factors<T>) -> Result<Factors<T>, Error> {
    let (rank, [u, v]) = (whole.rank(), [Side::U, Side::V].map(|side| problem.rows_here(side)));
    for (what, side, here) in [("the start of U", Side::U, u), ("the start of V", Side::V, v)] {
        if whole.side_rows(side) != here.all {
            return Err(Error::Shape { what, expected: (here.all, rank), got: (whole.side_rows(side), rank) });
        }
    }
    let own = [(Side::U, u), (Side::V, v)].map(|(side, here)| &whole.side(side)[here.first * rank..][..here.count * rank]);
    Factors::new(u.count, v.count, rank, own.concat())
}

/// U and V of all ranks.
pub(super) fn of_all<T: Real>(problem: &dyn LeastSquares<T>, grid: Grid<'_>, own: &Factors<T>) -> Result<Factors<T>, Error> {
    let rank = own.rank();
    let whole = |side: Side| -> Result<Vec<T>, Error> {
        // those that hold the same of one factor have all parts of the other
        let (here, ranks): (_, &dyn Comm) = (problem.rows_here(side), &grid.holders(side.other()));
        let counts = ranks.agree(Ok([here.count as f64]))?;
        let lengths: Vec<usize> = counts.iter().map(|count| count[0] as usize * rank).collect();
        let mut all = vec![T::of(0.0); here.all * rank];
        ranks.all_gather(own.side(side), &lengths, &mut all)?;
        Ok(all)
    };
    let (u, v) = (whole(Side::U)?, whole(Side::V)?);
    Factors::new(u.len() / rank, v.len() / rank, rank, [u, v].concat())
}

impl<T: Real> Restart<T> {
    /// The same with other rows of the factors.
    pub(super) fn with_factors(&self, change: impl Fn(&Factors<T>) -> Result<Factors<T>, Error>) -> Result<Self, Error> {
        let mut memory = self.memory.clone();
        if let Some(Momentum { shadow, .. }) = &mut memory.momentum {
            *shadow = change(shadow)?;
        }
        Ok(Restart { factors: change(&self.factors)?, memory, history: self.history.clone(), ..*self })
    }
}
