//! Least squares over a matrix that is held as blocks of rows, by one rank or several.

use super::Nmf;
use super::constraint::Constraints;
use super::half_step::Task;
use super::least_squares::{LeastSquares, RowsHere};
use super::nmf::{move_rows, squares};
use super::penalty::{Penalty, RowPenalties, ScaledPenalty, row_weights};
use super::row_separable::{Measure, RowSeparable, RowUpdate, When};
use super::statistics::Statistics;
use super::terms::{Terms, check_entries};
use crate::comm::{Comm, equal_parts};
use crate::data::{Matrix, RowBlocks, Summary};
use crate::linalg::{Real, fixed_order_sum};
use crate::{Error, Side};
use std::ops::Range;
use std::sync::OnceLock;

/// The problem of [`Nmf`] where each of P ranks holds some rows of X, ranks in the order of rows, and goes through them block by block.
///
/// ```text
/// U half-step: rank p moves the rows of U that belong to its rows of X: nothing is sent
/// V half-step: G = Σ w uᵢᵀuᵢ and C = XᵀU are summed over blocks and ranks; rank p moves the p-th part of the rows of V; all gather V
/// ```
///
/// Each rank sends (P − 1)/P of the n·r numbers of C, and of V; and with a G for each column, as observed-only data have, of n·r² numbers
/// more, else of 2r². One iteration of [`RowSeparable::both_half_steps`] goes through the data once.
///
/// The same bits for the same blocks and ranks; the numbers of the problem in memory but for the rounding of sums taken in another order.
///
/// Every method is to be called by all ranks alike. Source: Kannan, Ballard, Park (2016), the one-dimensional distribution.
pub struct Blocked<'a, T: Real> {
    blocks: &'a dyn RowBlocks<T>,
    comm: &'a dyn Comm,
    terms: Terms,
    here: RowsHere,
    /// Observed entries in the rows that are here and in the columns of all ranks.
    counts: (Vec<usize>, Vec<usize>),
    /// The sums of their weights.
    weights: [Vec<f64>; 2],
    has_one_gram: bool,
    failure: OnceLock<Error>,
}

/// What one pass over the blocks of a rank tells.
struct Seen {
    summary: Summary,
    counts: (Vec<usize>, Vec<usize>),
    weights: [Vec<f64>; 2],
    /// Blocks in which entries are missing.
    lacking: f64,
}

impl<'a, T: Real> Blocked<'a, T> {
    /// Goes through the blocks once, to check that the data can be factored at this rank.
    ///
    /// `constraints`: given columns of U are those of the rows that are here.
    ///
    /// # Errors
    /// As [`Nmf::constrained`]; those of reading the blocks; [`Error::Peer`] if another rank has one of these; [`Error::Parameter`] for given
    /// columns of U on several ranks.
    pub fn new(blocks: &'a dyn RowBlocks<T>, comm: &'a dyn Comm, rank: usize, constraints: Constraints) -> Result<Self, Error> {
        let (count, cols) = blocks.shape();
        if comm.size() > 1 && !constraints.u.given.components.is_empty() {
            let expected = "columns of V alone where the rows are spread over ranks".into();
            return Err(Error::Parameter { name: "given columns", expected, got: "columns of U".into() });
        }
        let places = comm.agree(Ok([count as f64, cols as f64]))?;
        let rows = |ranks: &[[f64; 2]]| ranks.iter().map(|place| place[0] as usize).sum();
        let here = RowsHere { first: rows(&places[..comm.rank()]), count, all: rows(&places) };
        let widest = places.iter().map(|place| place[1] as usize).max().unwrap_or(cols);
        comm.agree(if cols == widest {
            Ok([])
        } else {
            Err(Error::Shape { what: "the rows of a rank", expected: (count, widest), got: (count, cols) })
        })?;
        let seen = seen_by_all(comm, see(blocks, here.first, &constraints))?;
        let terms = Terms { rank, summary: seen.summary, constraints, penalty: None };
        terms.check_shape((here.all, cols), count)?;
        terms.check_content()?;
        let Seen { counts, weights, lacking, .. } = seen;
        Ok(Blocked { blocks, comm, terms, here, counts, weights, has_one_gram: lacking == 0.0, failure: OnceLock::new() })
    }

    /// The same problem with a penalty, in units of the data.
    ///
    /// # Errors
    /// As [`Nmf::with_penalty`], and [`Error::Peer`].
    pub fn with_penalty(self, penalty: &Penalty) -> Result<Self, Error> {
        self.terms.check_penalty(penalty)?;
        if penalty.is_none() {
            return Ok(self);
        }
        let [of_rows, of_cols] = &self.weights;
        let own = [fixed_order_sum(of_rows), penalty.sum_of_shares(of_rows)];
        let all = self.comm.agree(Ok(own))?;
        let [total, rows] = [0, 1].map(|at| all.iter().map(|one| one[at]).sum());
        let scaled = penalty.in_units(&self.terms.summary, total, [rows, penalty.sum_of_shares(of_cols)], self.terms.rank);
        Ok(self.with_scaled_penalty(scaled))
    }

    /// The same with a penalty in the units of other data.
    pub fn with_scaled_penalty(self, scaled: ScaledPenalty) -> Self {
        let penalty = RowPenalties::new(&self.weights, scaled, &self.terms.constraints, self.terms.rank);
        Blocked { terms: Terms { penalty, ..self.terms }, ..self }
    }

    /// The penalty in the units of the data.
    pub fn penalty(&self) -> ScaledPenalty {
        self.terms.penalty.as_ref().map_or(ScaledPenalty::default(), |p| p.scaled)
    }

    /// The ranks that hold the matrix.
    pub fn comm(&self) -> &'a dyn Comm {
        self.comm
    }

    /// What has ended the work on the data, if something has.
    pub fn into_failure(self) -> Option<Error> {
        self.failure.into_inner()
    }

    /// `visit` with the rows of each block, counted from the first that is here.
    fn each_block(&self, mut visit: impl FnMut(&Range<usize>, &Matrix<T>)) -> Result<(), Error> {
        each_block(self.blocks, |rows, block| {
            visit(rows, block);
            Ok(())
        })
    }

    fn no_statistics(&self) -> Statistics<T> {
        let n = self.blocks.shape().1;
        Statistics::none(n, self.terms.rank, if self.has_one_gram { 1 } else { n })
    }

    fn move_block(&self, rows: &Range<usize>, block: &Matrix<T>, v: &[T], u: &mut [T], rule: &dyn RowUpdate<T>, when: When) -> Measure {
        let task = Task { first: 0, ..self.terms.task(Side::U, rows, rule, when) };
        move_rows(block, Side::U, &task, v, u)
    }

    /// Lets the rule move this rank's part of V by the sums of all ranks' equations, and gathers all parts; the measure is that of the part.
    fn move_v(&self, statistics: Statistics<T>, v: &mut [T], rule: &dyn RowUpdate<T>, when: When) -> Result<Measure, Error> {
        let (n, r) = (self.blocks.shape().1, self.terms.rank);
        let parts = equal_parts(n, self.comm.size());
        let numbers = |width: usize| parts.iter().map(|part| part.len() * width).collect::<Vec<_>>();
        let Statistics { gram, cross } = statistics;
        let cross = self.comm.reduce_scatter(cross, &numbers(r))?;
        let gram = if self.has_one_gram { self.comm.all_sum(gram)? } else { self.comm.reduce_scatter(gram, &numbers(r * r))? };
        let own = &parts[self.comm.rank()];
        let mut rows = v[own.start * r..own.end * r].to_vec();
        let task = self.terms.task(Side::V, own, rule, when);
        let measure = match (own.is_empty(), self.has_one_gram) {
            (true, _) => Measure::default(),
            (false, true) => task.shared_gram(&gram, &mut rows, |first, out| out.copy_from_slice(&cross[first * r..][..out.len()])),
            (false, false) => task.given_grams(&gram, &cross, &mut rows),
        };
        self.comm.all_gather(&rows, &numbers(r), v)?;
        Ok(measure)
    }

    /// The sums over ranks; NaN on all of them from the moment that one fails.
    fn sum<const N: usize>(&self, own: Result<[f64; N], Error>) -> [f64; N] {
        match self.comm.agree(own) {
            Ok(all) => std::array::from_fn(|at| all.iter().map(|one| one[at]).sum()),
            Err(error) => {
                self.failure.get_or_init(|| error);
                [f64::NAN; N]
            }
        }
    }

    fn sum_measures(&self, own: Result<[Measure; 2], Error>) -> [Measure; 2] {
        let [a, b, c, d] = self.sum(own.map(|[u, v]| [u.model, u.residual, v.model, v.residual]));
        [Measure { model: a, residual: b }, Measure { model: c, residual: d }]
    }

    /// The penalty on a factor, where it belongs to a measure.
    fn penalty_if(&self, when: When, side: Side, rows: &[T]) -> f64 {
        if when == When::Never { 0.0 } else { self.terms.penalty_of(side, rows) }
    }
}

impl<T: Real> RowSeparable<T> for Blocked<'_, T> {
    /// m is that of the rows that are here.
    fn shape(&self) -> (usize, usize, usize) {
        let (m, n) = self.blocks.shape();
        (m, n, self.terms.rank)
    }

    fn half_step(&self, side: Side, held: &[T], rows: &mut [T], rule: &dyn RowUpdate<T>, when: When) -> Measure {
        if self.failure.get().is_some() {
            return Measure { model: f64::NAN, residual: f64::NAN };
        }
        let r = self.terms.rank;
        let [of_u, of_v] = match side {
            Side::U => {
                let mut sum = Measure::default();
                let done = self.each_block(|at, block| {
                    sum = sum + self.move_block(at, block, held, &mut rows[at.start * r..at.end * r], rule, when);
                });
                self.sum_measures(done.map(|()| [sum, Measure::default()]))
            }
            Side::V => {
                let mut statistics = self.no_statistics();
                let done = self.each_block(|at, block| statistics.add(block, &held[at.start * r..at.end * r], r));
                let moved = self.move_v(statistics, rows, rule, when);
                let of_u = Measure { model: self.penalty_if(when, Side::U, held), residual: 0.0 };
                self.sum_measures(done.and(moved).map(|of_v| [of_u, of_v]))
            }
        };
        // every rank has all of V, so that what V pays is not summed over them
        let of_held = if side == Side::U { self.penalty_if(when, Side::V, held) } else { 0.0 };
        of_u + of_v + Measure { model: of_held, residual: 0.0 }
    }

    fn both_half_steps(
        &self,
        (u, v): (&mut [T], &mut [T]),
        rule: &dyn RowUpdate<T>,
        [when_u, when_v]: [When; 2],
        between: &mut dyn FnMut(usize, &mut [T]),
    ) -> [Measure; 2] {
        if self.failure.get().is_some() {
            return [Measure { model: f64::NAN, residual: f64::NAN }; 2];
        }
        let r = self.terms.rank;
        let of_held = Measure { model: self.penalty_if(when_u, Side::V, v), residual: 0.0 };
        let (mut of_u, mut statistics) = (Measure::default(), self.no_statistics());
        let done = self.each_block(|at, block| {
            let rows = &mut u[at.start * r..at.end * r];
            of_u = of_u + self.move_block(at, block, v, rows, rule, when_u);
            between(at.start, rows);
            statistics.add(block, rows, r);
        });
        let moved = self.move_v(statistics, v, rule, when_v);
        let of_moved = Measure { model: self.penalty_if(when_v, Side::U, u), residual: 0.0 };
        let [of_u, of_v] = self.sum_measures(done.and(moved).map(|of_v| [of_u, of_v + of_moved]));
        [of_u + of_held, of_v]
    }

    fn constant(&self) -> f64 {
        0.5 * self.terms.summary.norm_squared
    }

    fn value(&self, u: &[T], v: &[T]) -> f64 {
        if self.failure.get().is_some() {
            return f64::NAN;
        }
        let r = self.terms.rank;
        let mut sum = self.terms.penalty_of(Side::U, u);
        let done = self.each_block(|at, block| sum += 0.5 * squares(block, &u[at.start * r..at.end * r], v, r));
        let [sum] = self.sum(done.map(|()| [sum]));
        sum + self.terms.penalty_of(Side::V, v)
    }
}

impl<T: Real> LeastSquares<T> for Blocked<'_, T> {
    fn summary(&self) -> &Summary {
        &self.terms.summary
    }

    fn constraints(&self) -> &Constraints {
        &self.terms.constraints
    }

    fn rows_here(&self) -> RowsHere {
        self.here
    }

    fn observed_counts(&self) -> (Vec<usize>, Vec<usize>) {
        self.counts.clone()
    }

    fn in_memory(&self) -> Option<&Nmf<'_, T>> {
        None
    }

    fn failure(&self) -> Option<&Error> {
        self.failure.get()
    }
}

/// `visit` with the rows of each block and with the block.
fn each_block<T: Real>(blocks: &dyn RowBlocks<T>, mut visit: impl FnMut(&Range<usize>, &Matrix<T>) -> Result<(), Error>) -> Result<(), Error> {
    for (k, rows) in blocks.ranges().iter().enumerate() {
        let block = blocks.block(k)?;
        let expected = (rows.len(), blocks.shape().1);
        if block.shape() != expected {
            return Err(Error::Shape { what: "a block of rows", expected, got: block.shape() });
        }
        visit(rows, &block)?;
    }
    Ok(())
}

fn see<T: Real>(blocks: &dyn RowBlocks<T>, first: usize, constraints: &Constraints) -> Result<Seen, Error> {
    let n = blocks.shape().1;
    let mut parts = Vec::new();
    let mut seen = Seen { summary: Summary::of_parts(&[]), counts: (Vec::new(), vec![0; n]), weights: [Vec::new(), vec![0.0; n]], lacking: 0.0 };
    each_block(blocks, |rows, block| {
        let summary = block.summary();
        check_entries(block, &summary, constraints, first + rows.start)?;
        parts.push(summary);
        let (in_rows, in_cols) = block.observed_counts();
        seen.counts.0.extend(in_rows);
        seen.counts.1.iter_mut().zip(in_cols).for_each(|(sum, count)| *sum += count);
        seen.weights[0].extend(row_weights(block, Side::U));
        seen.weights[1].iter_mut().zip(row_weights(block, Side::V)).for_each(|(sum, weight)| *sum += weight);
        seen.lacking += f64::from(!matches!(block, Matrix::Dense(_) | Matrix::Sparse(_)));
        Ok(())
    })?;
    Ok(Seen { summary: Summary::of_parts(&parts), ..seen })
}

/// What was seen by all ranks; each keeps what belongs to its rows.
fn seen_by_all(comm: &dyn Comm, own: Result<Seen, Error>) -> Result<Seen, Error> {
    let (numbers, seen) = match own {
        Ok(seen) => (Ok(in_numbers(&seen)), Some(seen)),
        Err(error) => (Err(error), None),
    };
    let all = comm.agree(numbers)?;
    let seen = seen.expect("a rank that has not seen its rows does not get here");
    let parts: Vec<Summary> = all.iter().map(from_numbers).collect();
    let counts = comm.all_sum(seen.counts.1.iter().map(|&count| count as f64).collect())?;
    let weights = comm.all_sum(seen.weights[1].clone())?;
    Ok(Seen {
        summary: Summary::of_parts(&parts),
        counts: (seen.counts.0, counts.into_iter().map(|count| count as usize).collect()),
        weights: [seen.weights.into_iter().next().unwrap_or_default(), weights],
        lacking: all.iter().map(|one| one[9]).sum(),
    })
}

/// A summary, and the number of blocks that lack entries, as numbers; counts are exact up to 2⁵³.
fn in_numbers(seen: &Seen) -> [f64; 10] {
    let s = &seen.summary;
    let [observed, stored, negatives, zeros] = [s.observed, s.stored, s.negatives, s.stored_zeros].map(|count| count as f64);
    [observed, stored, s.norm_squared, s.mean, s.sd, s.min, s.max, negatives, zeros, seen.lacking]
}

fn from_numbers(&[observed, stored, norm_squared, mean, sd, min, max, negatives, zeros, _]: &[f64; 10]) -> Summary {
    let [observed, stored, negatives, stored_zeros] = [observed, stored, negatives, zeros].map(|count| count as u64);
    Summary { observed, stored, norm_squared, mean, sd, min, max, negatives, stored_zeros }
}
