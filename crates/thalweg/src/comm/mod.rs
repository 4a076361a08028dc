//! Ranks: processes, or threads, that work on one problem together, each on its part of the data.

mod counted;
mod grid;
mod tall;
mod threads;

pub use counted::{Counted, Traffic};
pub use grid::{Grid, GridTraffic, Group, cheapest_grid, grid_traffic};
pub use threads::{ThreadRank, thread_ranks};

use crate::Error;
use crate::linalg::{Real, bytes, bytes_mut};
use std::ops::Range;

/// One rank's connection to the others.
///
/// Everything that ranks do together is made of one operation, [`Comm::exchange`], by the methods of `dyn Comm`: in ⌈log₂ P⌉ rounds, the
/// fewest in which P ranks can hear of one another, and with (P − 1)/P of the numbers sent by each, the fewest that reach all. Sums are taken
/// in an order that P alone decides, so the same ranks find the same bits over any network.
pub trait Comm: Sync {
    /// The number of this one, from 0.
    fn rank(&self) -> usize;

    /// P, how many there are.
    fn size(&self) -> usize;

    /// Sends to one rank and receives from another, at the same time.
    ///
    /// # Errors
    /// [`Error::Peer`] if one of the two is gone.
    fn exchange(&self, to: usize, sent: &[u8], from: usize, received: &mut [u8]) -> Result<(), Error>;
}

/// The only rank.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Comm for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn exchange(&self, _: usize, sent: &[u8], _: usize, received: &mut [u8]) -> Result<(), Error> {
        received.copy_from_slice(sent);
        Ok(())
    }
}

/// `count` things in P parts of nearly equal size.
pub fn equal_parts(count: usize, size: usize) -> Vec<Range<usize>> {
    // 128 bits: a product of two counts
    let at = |k: usize| (count as u128 * k as u128 / size as u128) as usize;
    (0..size).map(|k| at(k)..at(k + 1)).collect()
}

/// Things in their order in P parts of nearly equal weight.
pub fn balanced_parts(weights: &[u64], size: usize) -> Vec<Range<usize>> {
    let total: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
    let (mut parts, mut at, mut sum) = (Vec::new(), 0, 0);
    for k in 1..=size {
        let first = at;
        // a thing belongs to the part in which its middle lies
        while at < weights.len() && (k == size || (2 * sum + u128::from(weights[at])) * size as u128 <= 2 * total * k as u128) {
            sum += u128::from(weights[at]);
            at += 1;
        }
        parts.push(first..at);
    }
    parts
}

/// (d, c): with the c nearest of the d parts that a rank has, it helps the rank d before it, and so do the others in turn.
fn rounds(size: usize) -> Vec<(usize, usize)> {
    std::iter::successors(Some(1), |d| Some(2 * d)).take_while(|&d| d < size).map(|d| (d, d.min(size - d))).collect()
}

impl dyn Comm + '_ {
    /// Where the parts of these lengths begin if they are counted around the circle of ranks from this one on.
    fn around(&self, lengths: &[usize]) -> Vec<usize> {
        let mut starts = vec![0];
        for k in 0..self.size() {
            starts.push(starts[k] + lengths[(self.rank() + k) % self.size()]);
        }
        starts
    }

    /// Puts the parts of all ranks into `all`, in the order of ranks; that of rank k has `lengths[k]` numbers.
    ///
    /// # Errors
    /// [`Error::Peer`].
    ///
    /// Source: Bruck, Ho, Kipnis, Upfal, Weathersby (1997), the concatenation algorithm.
    pub fn all_gather<T: Real>(&self, own: &[T], lengths: &[usize], all: &mut [T]) -> Result<(), Error> {
        let (rank, size, starts) = (self.rank(), self.size(), self.around(lengths));
        let mut circle = own.to_vec();
        circle.resize(all.len(), T::of(0.0));
        for (distance, count) in rounds(size) {
            let (known, unknown) = circle.split_at_mut(starts[distance]);
            let (sent, received) = (&known[..starts[count]], &mut unknown[..starts[distance + count] - starts[distance]]);
            self.exchange((rank + size - distance) % size, bytes(sent), (rank + distance) % size, bytes_mut(received))?;
        }
        circle.rotate_right(lengths[..rank].iter().sum());
        all.copy_from_slice(&circle);
        Ok(())
    }

    /// This rank's part of the sum over ranks: `parts` are one after another in the order of ranks, that of rank k with `lengths[k]` numbers.
    ///
    /// # Errors
    /// [`Error::Peer`].
    ///
    /// The rounds of `all_gather` backwards: what was copied there is added here.
    pub fn reduce_scatter<T: Real>(&self, mut parts: Vec<T>, lengths: &[usize]) -> Result<Vec<T>, Error> {
        let (rank, size, starts) = (self.rank(), self.size(), self.around(lengths));
        parts.rotate_left(lengths[..rank].iter().sum());
        for (distance, count) in rounds(size).into_iter().rev() {
            let mut received = vec![T::of(0.0); starts[count]];
            let sent = &parts[starts[distance]..starts[distance + count]];
            self.exchange((rank + distance) % size, bytes(sent), (rank + size - distance) % size, bytes_mut(&mut received))?;
            parts.iter_mut().zip(&received).for_each(|(sum, x)| *sum += *x);
        }
        parts.truncate(lengths[rank]);
        Ok(parts)
    }

    /// The sum over ranks, on all of them.
    ///
    /// # Errors
    /// [`Error::Peer`].
    pub fn all_sum<T: Real>(&self, values: Vec<T>) -> Result<Vec<T>, Error> {
        if self.size() == 1 {
            return Ok(values);
        }
        let mut all = vec![T::of(0.0); values.len()];
        let lengths: Vec<usize> = equal_parts(values.len(), self.size()).iter().map(|part| part.len()).collect();
        let own = self.reduce_scatter(values, &lengths)?;
        self.all_gather(&own, &lengths, &mut all)?;
        Ok(all)
    }

    /// The sum over ranks of counts, exact up to 2⁵³, on all of them.
    ///
    /// # Errors
    /// [`Error::Peer`].
    pub fn all_count(&self, counts: Vec<usize>) -> Result<Vec<usize>, Error> {
        let sums = self.all_sum(counts.into_iter().map(|count| count as f64).collect())?;
        Ok(sums.into_iter().map(|sum| sum as usize).collect())
    }

    /// To one rank, which has to `receive` as many numbers from this one.
    ///
    /// # Errors
    /// [`Error::Peer`].
    pub fn send<T: Real>(&self, to: usize, values: &[T]) -> Result<(), Error> {
        self.exchange(to, bytes(values), to, &mut [])
    }

    /// What one rank sends to this one.
    ///
    /// # Errors
    /// [`Error::Peer`].
    pub fn receive<T: Real>(&self, from: usize, values: &mut [T]) -> Result<(), Error> {
        self.exchange(from, &[], from, bytes_mut(values))
    }

    /// The parts of all ranks, in their order, on the first: none on the others. That of rank k has `lengths[k]` numbers.
    ///
    /// # Errors
    /// [`Error::Peer`].
    pub fn gather_to_first<T: Real>(&self, own: &[T], lengths: &[usize]) -> Result<Option<Vec<T>>, Error> {
        if self.rank() > 0 {
            return self.send(0, own).map(|()| None);
        }
        let mut all = own.to_vec();
        all.resize(lengths.iter().sum(), T::of(0.0));
        let mut rest = &mut all[own.len()..];
        for (from, &length) in lengths.iter().enumerate().skip(1) {
            let (part, after) = rest.split_at_mut(length);
            self.receive(from, part)?;
            rest = after;
        }
        Ok(Some(all))
    }

    /// What the first rank has, on all.
    ///
    /// # Errors
    /// [`Error::Peer`].
    pub fn tell_all<T: Real>(&self, of_first: &[T], length: usize) -> Result<Vec<T>, Error> {
        let lengths: Vec<usize> = (0..self.size()).map(|rank| if rank == 0 { length } else { 0 }).collect();
        let mut told = vec![T::of(0.0); length];
        self.all_gather(of_first, &lengths, &mut told)?;
        Ok(told)
    }

    /// What this rank has, if all have something.
    ///
    /// # Errors
    /// As `agree`.
    pub fn all_have<X, E: From<Error>>(&self, own: Result<X, E>) -> Result<X, E> {
        let told = self.agree(if own.is_ok() { Ok([]) } else { Err(Error::Peer { rank: self.rank() }) });
        match (own, told) {
            (Err(own), Err(Error::Peer { rank })) if rank == self.rank() => Err(own),
            (_, Err(error)) => Err(error.into()),
            (own, Ok(_)) => own,
        }
    }

    /// What each rank has, in the order of ranks, if all have something: then, too, all know that one has failed.
    ///
    /// # Errors
    /// That of the first rank that has one, there; [`Error::Peer`] on the others.
    pub fn agree<const N: usize>(&self, own: Result<[f64; N], Error>) -> Result<Vec<[f64; N]>, Error> {
        let (width, size) = (N + 1, self.size());
        let mut sent = vec![0.0; width];
        match &own {
            Ok(values) => sent[..N].copy_from_slice(values),
            Err(_) => sent[N] = 1.0,
        }
        let mut all = vec![0.0; width * size];
        let gathered = self.all_gather(&sent, &vec![width; size], &mut all);
        match (gathered, own, all.chunks_exact(width).position(|one| one[N] != 0.0)) {
            (Ok(()), Ok(_), None) => Ok(all.chunks_exact(width).map(|one| std::array::from_fn(|at| one[at])).collect()),
            (Ok(()), _, Some(rank)) if rank != self.rank() => Err(Error::Peer { rank }),
            (_, Err(error), _) | (Err(error), ..) => Err(error),
            (Ok(()), Ok(_), Some(rank)) => Err(Error::Peer { rank }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rank_has_the_parts_and_the_sums_of_all() {
        for size in 1..=9 {
            let lengths: Vec<usize> = (0..size).map(|k| (3 * k + 1) % 4).collect();
            let total: usize = lengths.iter().sum();
            let found = thread_ranks(size, |comm| {
                let rank = comm.rank();
                let mut all = vec![0.0f32; total];
                comm.all_gather(&vec![rank as f32; lengths[rank]], &lengths, &mut all)?;
                let part = comm.reduce_scatter((0..total).map(|at| (at * (rank + 1)) as f64).collect(), &lengths)?;
                let sum = comm.all_sum(vec![rank as f64, 1.0, 0.5])?;
                let gathered = comm.gather_to_first(&vec![rank as f32; lengths[rank]], &lengths)?;
                assert_eq!(gathered, (rank == 0).then(|| all.clone()));
                assert_eq!(comm.all_count(vec![rank, 2])?, [size * (size - 1) / 2, 2 * size]);
                let of_first: &[f64] = if rank == 0 { &[3.0, 4.0] } else { &[] };
                assert_eq!(comm.tell_all(of_first, 2)?, [3.0, 4.0]);
                Ok::<_, Error>((all, part, sum, comm.agree(Ok([rank as f64]))?))
            });
            let expected: Vec<f32> = (0..size).flat_map(|k| vec![k as f32; lengths[k]]).collect();
            let factor = (size * (size + 1) / 2) as f64;
            let mut first = 0;
            for (rank, found) in found.into_iter().enumerate() {
                let (all, part, sum, agreed) = found.expect("all are there");
                assert_eq!(all, expected);
                assert_eq!(part, (first..first + lengths[rank]).map(|at| at as f64 * factor).collect::<Vec<_>>());
                assert_eq!(sum, [(size * (size - 1) / 2) as f64, size as f64, 0.5 * size as f64]);
                assert_eq!(agreed, (0..size).map(|k| [k as f64]).collect::<Vec<_>>());
                first += lengths[rank];
            }
        }
    }

    #[test]
    fn parts_are_all_and_of_nearly_equal_weight() {
        let weights: Vec<u64> = (0..50).map(|k| k * k % 17 + 1).collect();
        let (total, most) = (weights.iter().sum::<u64>() as f64, 17.0);
        for size in [1, 2, 3, 7] {
            let parts = balanced_parts(&weights, size);
            assert!(parts.iter().map(|part| part.start).eq([0].into_iter().chain(parts.iter().map(|part| part.end)).take(size)));
            for part in &parts {
                let weight = weights[part.clone()].iter().sum::<u64>() as f64;
                assert!((weight - total / size as f64).abs() <= most, "{weight} of {total} in {size} parts");
            }
            assert_eq!(parts[size - 1].end, 50);
        }
        assert_eq!(balanced_parts(&[], 2), [0..0, 0..0]);
    }

    #[test]
    fn one_that_fails_is_known_to_all_and_one_that_is_gone_keeps_nobody_waiting() {
        let bad = || Error::Empty { what: "a part", why: "for a test" };
        let told = thread_ranks(5, |comm| comm.agree(if comm.rank() == 3 { Err(bad()) } else { Ok([1.0]) }));
        for (rank, told) in told.iter().enumerate() {
            assert!(matches!((rank, told), (3, Err(Error::Empty { .. })) | (0..3 | 4, Err(Error::Peer { rank: 3 }))), "{rank}: {told:?}");
        }
        let left = thread_ranks(5, |comm| if comm.rank() == 2 { Err(bad()) } else { comm.all_sum(vec![1.0; 7]) });
        assert!(left.iter().all(|found| found.is_err()));
    }
}
