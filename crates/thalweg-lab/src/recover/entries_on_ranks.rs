//! A completion of a matrix whose rows are spread over ranks.

use crate::RanksRecord;
use std::ops::Range;
use thalweg::comm::{Comm, Counted, Traffic, balanced_parts};
use thalweg::data::{Instance, Measurements};
use thalweg::map::Sampling;
use thalweg::{Error, Factors, Side};

/// What one rank holds of the entries of a matrix, and the way to the others.
pub struct EntriesOnRanks<'a> {
    /// Counts what is sent.
    pub comm: &'a Counted<'a>,
    /// The entries in the rows of this rank, the rows counted from the first of them.
    pub(super) map: Sampling,
    pub(super) b: Vec<f64>,
    /// (d1, d2) of the whole.
    pub(super) shape: (usize, usize),
    /// Rows of each rank.
    counts: Vec<usize>,
}

impl<'a> EntriesOnRanks<'a> {
    /// Keeps the entries in this rank's rows: of neighbouring rows, nearly an equal number on each rank.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless single entries were measured; as [`Sampling::new`].
    pub fn of(instance: &Instance, comm: &'a Counted<'a>) -> Result<Self, Error> {
        let Measurements::Entries(rows, cols) = &instance.measurements else {
            return Err(Error::Parameter { name: "kind", expected: "completion on several ranks".into(), got: "other measurements".into() });
        };
        let mut held = vec![1; instance.shape.0];
        rows.iter().for_each(|&row| held[row as usize] += 1);
        let parts = balanced_parts(&held, comm.size());
        let whole = Sampling::new(instance.shape, rows.clone(), cols.clone(), vec![1.0; rows.len()])?;
        let (map, here) = whole.in_rows(parts[comm.rank()].clone());
        let b = here.iter().map(|&k| instance.b[k]).collect();
        Ok(EntriesOnRanks { comm, map, b, shape: instance.shape, counts: parts.iter().map(Range::len).collect() })
    }

    /// On the first rank U of all, and V; none on the others.
    pub(super) fn gathered(&self, own: &Factors<f64>) -> Result<Option<Factors<f64>>, Error> {
        let rank = own.rank();
        let lengths: Vec<usize> = self.counts.iter().map(|count| count * rank).collect();
        let whole = (self.comm as &dyn Comm).gather_to_first(own.side(Side::U), &lengths)?;
        whole.map(|u| Factors::new(self.shape.0, self.shape.1, rank, [&u, own.side(Side::V)].concat())).transpose()
    }
}

/// What so many iterations took, of all that was sent since `before`.
pub(super) fn record(comm: &Counted<'_>, before: Traffic, iterations: usize) -> RanksRecord {
    let now = comm.traffic();
    let each = |count: u64| count as f64 / iterations.max(1) as f64;
    let (messages, bytes) = (now.messages - before.messages, now.bytes - before.bytes);
    RanksRecord { ranks: comm.size(), grid: None, messages_per_iteration: each(messages), bytes_per_iteration: each(bytes) }
}
