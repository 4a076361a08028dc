//! A fit spread over ranks: each holds some rows of the data and of U.

use super::{FitError, FitJob, Fitted, fit_blocks, refuse_without_all};
use crate::{FitSettings, Labels, Restart};
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};
use thalweg::comm::{Comm, Counted, Traffic};
use thalweg::data::{BlocksInMemory, Precision};
use thalweg::linalg::Real;
use thalweg::problem::LeastSquares;
use thalweg::solver::nmf::Momentum;
use thalweg::{Error, Factors, Side};

/// What one rank holds of the data, and the way to the others.
pub struct RankRows<'a> {
    /// Counts what is sent.
    pub comm: &'a Counted<'a>,
    /// Ranks hold the rows in their order.
    pub rows: BlocksInMemory<'static, f64>,
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
    /// Messages that rank 0 sends in an iteration.
    pub messages_per_iteration: f64,
    /// Their bytes.
    pub bytes_per_iteration: f64,
}

impl<'a> RankRows<'a> {
    /// Nothing is sent yet.
    pub fn new(comm: &'a Counted<'a>, rows: BlocksInMemory<'static, f64>, kind: &'static str, precision: Precision, labels: Labels) -> Self {
        RankRows { comm, rows, kind, precision, labels, sent: Mutex::default() }
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
        RanksRecord { ranks: self.comm.size(), messages_per_iteration: each(sent.messages), bytes_per_iteration: each(sent.bytes) }
    }
}

/// The same restarts as in memory, one after the other.
pub(super) fn fit_on_ranks(job: FitJob<'_>, held: &RankRows<'_>) -> Result<Fitted, FitError> {
    check_settings(&job.manifest.settings)?;
    match job.manifest.settings.precision {
        Precision::F32 => fit_blocks(job, &held.rows.cast::<f32>(), &held.rows, None, held.comm),
        Precision::F64 => fit_blocks(job, &held.rows, &held.rows, None, held.comm),
    }
}

/// What is not made for several ranks.
fn check_settings(settings: &FitSettings) -> Result<(), Error> {
    refuse_without_all(settings, "on several ranks")?;
    let refused = |name: &'static str, expected: &str, got: String| Err(Error::Parameter { name, expected: expected.into(), got });
    match settings.holdout {
        Some(share) => refused("holdout", "none on several ranks: no rank sees all entries", share.to_string()),
        None if settings.fix_u.is_some() => refused("fix-u", "none on several ranks (columns of V may be given)", "given".into()),
        None => Ok(()),
    }
}

/// The rows of U that belong to this rank, and all of V.
pub(super) fn own_part<T: Real>(problem: &dyn LeastSquares<T>, whole: &Factors<T>) -> Result<Factors<T>, Error> {
    let (here, rank) = (problem.rows_here(), whole.rank());
    if whole.rows() != here.all {
        return Err(Error::Shape { what: "the start of U", expected: (here.all, rank), got: (whole.rows(), rank) });
    }
    let (u, v) = whole.split();
    let own = &u[here.first * rank..][..here.count * rank];
    Factors::new(here.count, whole.cols(), rank, [own, v].concat())
}

/// U of all ranks, and V.
pub(super) fn of_all<T: Real>(problem: &dyn LeastSquares<T>, comm: &dyn Comm, own: &Factors<T>) -> Result<Factors<T>, Error> {
    let (here, rank) = (problem.rows_here(), own.rank());
    let counts = comm.agree(Ok([here.count as f64]))?;
    let lengths: Vec<usize> = counts.iter().map(|count| count[0] as usize * rank).collect();
    let mut u = vec![T::of(0.0); here.all * rank];
    comm.all_gather(own.side(Side::U), &lengths, &mut u)?;
    u.extend_from_slice(own.side(Side::V));
    Factors::new(here.all, own.cols(), rank, u)
}

impl<T: Real> Restart<T> {
    /// The same with other rows of U.
    pub(super) fn with_factors(&self, change: impl Fn(&Factors<T>) -> Result<Factors<T>, Error>) -> Result<Self, Error> {
        let mut memory = self.memory.clone();
        if let Some(Momentum { shadow, .. }) = &mut memory.momentum {
            *shadow = change(shadow)?;
        }
        Ok(Restart { factors: change(&self.factors)?, memory, history: self.history.clone(), ..*self })
    }
}
