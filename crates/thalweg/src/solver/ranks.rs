//! What the ranks that hold the rows of a problem do together. Alone, nothing is sent or copied.

use crate::Error;
use crate::comm::{Alone, Comm, equal_parts};
use crate::linalg::{Real, TruncatedSvd, among_workers, gram_between, mul, row_major, symmetric_eigenvalues, symmetric_eigenvectors, thin_svd};
use std::ops::Range;
use std::sync::OnceLock;

/// The ranks, each with some rows, in their order.
///
/// What every rank must decide alike is taken from sums, which have the same bits on all, and from decompositions of small matrices, which the
/// first rank tells the others: processors of different kinds round them differently. From the moment that a rank is lost every method
/// returns none.
pub struct Ranks<'a> {
    comm: &'a dyn Comm,
    counts: Vec<usize>,
    failure: OnceLock<Error>,
}

impl<'a> Ranks<'a> {
    /// `counts`: rows of each.
    pub(super) fn new(comm: &'a dyn Comm, counts: Vec<usize>) -> Self {
        Ranks { comm, counts, failure: OnceLock::new() }
    }

    /// This one with so many rows, alone.
    pub(super) fn alone(rows: usize) -> Ranks<'static> {
        Ranks::new(&Alone, vec![rows])
    }

    /// Those of which each has so many rows.
    ///
    /// # Errors
    /// [`Error::Peer`].
    pub(super) fn join(comm: &'a dyn Comm, rows: usize) -> Result<Self, Error> {
        let counts = comm.agree(Ok([rows as f64]))?.iter().map(|one| one[0] as usize).collect();
        Ok(Ranks::new(comm, counts))
    }

    /// Whether there is no other.
    pub(super) fn is_alone(&self) -> bool {
        self.comm.size() == 1
    }

    /// Rows of all.
    pub(super) fn all_rows(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The rows of a rank.
    fn rows_of(&self, rank: usize) -> Range<usize> {
        let first = self.counts[..rank].iter().sum();
        first..first + self.counts[rank]
    }

    /// Those that are here.
    pub(super) fn rows_here(&self) -> Range<usize> {
        self.rows_of(self.comm.rank())
    }

    /// Whether this is the first rank, which adds to a sum what is there once.
    pub(super) fn is_first(&self) -> bool {
        self.comm.rank() == 0
    }

    /// What has ended the work, if something has.
    pub(super) fn into_failure(self) -> Option<Error> {
        self.failure.into_inner()
    }

    fn kept<X>(&self, work: impl FnOnce() -> Result<X, Error>) -> Option<X> {
        if self.failure.get().is_some() {
            return None;
        }
        work().map_err(|error| self.failure.get_or_init(|| error)).ok()
    }

    /// Runs `f` on a thread of the pool, where that is safe: a rank that waits there for another keeps the other from the pool that they share.
    pub(super) fn among_workers<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        if self.is_alone() { among_workers(f) } else { f() }
    }

    /// Σ over ranks.
    pub(super) fn sum<T: Real>(&self, own: Vec<T>) -> Option<Vec<T>> {
        self.kept(|| self.comm.all_sum(own))
    }

    /// Σ over ranks of symmetric d×d matrices: a half of each is sent.
    pub(super) fn sum_symmetric(&self, mut own: Vec<f64>, d: usize) -> Option<Vec<f64>> {
        if self.is_alone() {
            return Some(own);
        }
        let half = (0..d).flat_map(|i| own[i * d..][..=i].iter().copied()).collect();
        let mut half = self.sum(half)?.into_iter();
        for i in 0..d {
            for j in 0..=i {
                let x = half.next()?;
                (own[i * d + j], own[j * d + i]) = (x, x);
            }
        }
        Some(own)
    }

    /// Σ over ranks of a few numbers, in one round of messages.
    pub(super) fn sums<const N: usize>(&self, own: [f64; N]) -> Option<[f64; N]> {
        let all = self.kept(|| self.comm.agree(Ok(own)))?;
        Some(std::array::from_fn(|at| all.iter().map(|one| one[at]).sum()))
    }

    /// max over ranks.
    pub(super) fn largest(&self, own: f64) -> Option<f64> {
        Some(self.kept(|| self.comm.agree(Ok([own])))?.iter().fold(own, |most, one| most.max(one[0])))
    }

    /// Whether the clock of the first has run out, and whether any is asked to stop.
    pub(super) fn wishes(&self, is_late: bool, is_stopped: bool) -> Option<(bool, bool)> {
        let all = self.kept(|| self.comm.agree(Ok([is_late, is_stopped].map(|wish| f64::from(u8::from(wish))))))?;
        Some((all[0][0] == 1.0, all.iter().any(|one| one[1] == 1.0)))
    }

    /// Of what `width` numbers of each of `count` things are summed over ranks, the part that is worked out here, by which things.
    pub(super) fn sum_parts(&self, own: Vec<f64>, count: usize, width: usize) -> Option<(Range<usize>, Vec<f64>)> {
        let mut parts = equal_parts(count, self.comm.size());
        let lengths: Vec<usize> = parts.iter().map(|part| part.len() * width).collect();
        let summed = self.kept(|| self.comm.reduce_scatter(own, &lengths))?;
        Some((parts.swap_remove(self.comm.rank()), summed))
    }

    /// The same parts of all, of `width` numbers each, into `all`.
    pub(super) fn gather_parts(&self, own: &[f64], count: usize, width: usize, all: &mut [f64]) -> Option<()> {
        let lengths: Vec<usize> = equal_parts(count, self.comm.size()).iter().map(|part| part.len() * width).collect();
        self.kept(|| self.comm.all_gather(own, &lengths, all))
    }

    /// `of` the places 0, `stride`, 2·`stride`, … among the entries of all rows, `cols` in each: `of(row here, column)`.
    pub(super) fn sampled(&self, stride: usize, cols: usize, of: impl Fn(usize, usize) -> f64) -> Option<Vec<f64>> {
        let places = |rank: usize| {
            let rows = self.rows_of(rank);
            ((rows.start * cols).next_multiple_of(stride)..rows.end * cols).step_by(stride)
        };
        let first = self.rows_here().start;
        let own: Vec<f64> = places(self.comm.rank()).map(|at| of(at / cols - first, at % cols)).collect();
        if self.is_alone() {
            return Some(own);
        }
        let lengths: Vec<usize> = (0..self.comm.size()).map(|rank| places(rank).count()).collect();
        let mut all = vec![0.0; lengths.iter().sum()];
        self.kept(|| self.comm.all_gather(&own, &lengths, &mut all))?;
        Some(all)
    }

    /// Columns of a tall matrix made orthonormal.
    pub(super) fn orthonormalise<T: Real>(&self, own: &mut [T], columns: usize) -> Option<()> {
        self.kept(|| self.comm.orthonormalise(own, columns, &self.counts))
    }

    /// What the first rank works out from what all have, `length` numbers of it.
    pub(super) fn by_first(&self, length: usize, work: impl FnOnce() -> Option<Vec<f64>>) -> Option<Vec<f64>> {
        if self.is_alone() {
            return work();
        }
        let mut own = vec![];
        if self.is_first() {
            let found = work();
            let is_found = f64::from(u8::from(found.is_some()));
            own = found.unwrap_or_else(|| vec![0.0; length]);
            own.push(is_found);
        }
        let mut told = self.kept(|| self.comm.tell_all(&own, length + 1))?;
        (told.pop() == Some(1.0)).then_some(told)
    }

    /// As [`symmetric_eigenvectors`].
    pub(super) fn eigenvectors(&self, a: &[f64], d: usize) -> Option<(Vec<f64>, Vec<f64>)> {
        let mut values = self.by_first(d + d * d, || symmetric_eigenvectors(a, d).map(|(values, vectors)| [values, vectors].concat()))?;
        let vectors = values.split_off(d);
        Some((values, vectors))
    }

    /// As [`symmetric_eigenvalues`].
    pub(super) fn eigenvalues(&self, a: &[f64], d: usize) -> Option<Vec<f64>> {
        self.by_first(d, || symmetric_eigenvalues(a, d))
    }

    /// As [`thin_svd`], of a small square matrix.
    pub(super) fn small_svd(&self, a: &[f64], r: usize) -> Option<TruncatedSvd> {
        let found = self.by_first(2 * r * r + r, || thin_svd(a, r, r).map(|svd| [svd.u, svd.singular_values, svd.v].concat()))?;
        let (u, rest) = found.split_at(r * r);
        Some(TruncatedSvd { u: u.to_vec(), singular_values: rest[..r].to_vec(), v: rest[r..].to_vec() })
    }

    /// As [`thin_svd`], of a tall matrix with `k` columns: the rows of U that are here.
    pub(super) fn tall_svd(&self, own: &[f64], k: usize) -> Option<TruncatedSvd> {
        if self.is_alone() {
            return thin_svd(own, own.len() / k, k);
        }
        let mut basis = own.to_vec();
        self.orthonormalise(&mut basis, k)?;
        let svd = self.small_svd(&self.sum(gram_between(&basis, own, k))?, k)?;
        let mut u = vec![0.0; own.len()];
        mul(row_major(&basis, own.len() / k, k), row_major(&svd.u, k, k), &mut u);
        Some(TruncatedSvd { u, ..svd })
    }
}
