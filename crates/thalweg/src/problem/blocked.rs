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
use crate::comm::{Comm, Grid, equal_parts};
use crate::data::{Matrix, RowBlocks, Summary};
use crate::linalg::{Real, fixed_order_sum};
use crate::{Error, Side};
use std::ops::Range;
use std::sync::OnceLock;

/// The problem of [`Nmf`] where each of P ranks holds a block of X, of some rows and some columns, and goes through it by blocks of rows.
///
/// ```text
/// half-step on V: ranks that hold the same columns sum G = Σ w uᵢᵀuᵢ and C = XᵀU over their blocks; of the p ranks each moves the p-th part
///                 of these rows of V; all of them gather what the others moved
/// half-step on U: the same with rows and columns exchanged; where a rank holds whole rows of X, it moves their rows of U and sends nothing
/// ```
///
/// What is sent: [`grid_traffic`](crate::comm::grid_traffic). Where ranks hold whole rows, an iteration of
/// [`RowSeparable::both_half_steps`] goes through the data once, else twice.
///
/// The same bits for the same blocks and ranks; the numbers of the problem in memory but for the rounding of sums taken in another order.
///
/// Every method is to be called by all ranks alike. Source: Kannan, Ballard, Park (2016), where the rows that a rank moves are all that it keeps.
pub struct Blocked<'a, T: Real> {
    blocks: &'a dyn RowBlocks<T>,
    grid: Grid<'a>,
    terms: Terms,
    /// Of U and of V.
    here: [RowsHere; 2],
    /// Observed entries of X in the rows and columns that are here.
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
    /// Goes through the blocks once, to check that the data can be factored at this rank. `blocks`: the rows and columns of this place of the
    /// grid, places in the order of rows and columns.
    ///
    /// `constraints`: given columns of V are those of all of V.
    ///
    /// # Errors
    /// As [`Nmf::constrained`]; those of reading the blocks; [`Error::Peer`] if another rank has one of these; [`Error::Parameter`] for given
    /// columns of a factor that is spread over ranks.
    pub fn new(blocks: &'a dyn RowBlocks<T>, grid: Grid<'a>, rank: usize, constraints: Constraints) -> Result<Self, Error> {
        let (comm, (m, n)) = (grid.comm(), blocks.shape());
        for (side, ranks) in [(Side::U, grid.shape().0), (Side::V, grid.shape().1)] {
            if ranks > 1 && !constraints.side(side).given.components.is_empty() {
                let expected = "columns of a factor that every rank has all of: of V, where ranks hold whole rows".into();
                return Err(Error::Parameter { name: "given columns", expected, got: format!("columns of {side:?}") });
            }
        }
        let places = comm.agree(Ok([m as f64, n as f64]))?;
        let ((rows, columns), (i, j)) = (grid.shape(), grid.place());
        let of_u = (0..rows).map(|i| places[i * columns][0] as usize).collect::<Vec<_>>();
        let of_v = (0..columns).map(|j| places[j][1] as usize).collect::<Vec<_>>();
        let expected = (of_u[i], of_v[j]);
        comm.agree(if (m, n) == expected { Ok([]) } else { Err(Error::Shape { what: "the block of a rank", expected, got: (m, n) }) })?;
        let held = |parts: &[usize], at: usize| RowsHere { first: parts[..at].iter().sum(), count: parts[at], all: parts.iter().sum() };
        let here = [held(&of_u, i), held(&of_v, j)];
        let seen = seen_by_all(grid, see(blocks, (here[0].first, here[1].first), &constraints))?;
        let terms = Terms { rank, summary: seen.summary, constraints, penalty: None };
        terms.check_shape((here[0].all, here[1].all), (m, n))?;
        terms.check_content()?;
        let Seen { counts, weights, lacking, .. } = seen;
        Ok(Blocked { blocks, grid, terms, here, counts, weights, has_one_gram: lacking == 0.0, failure: OnceLock::new() })
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
        let (total, shares_of_rows) = (fixed_order_sum(of_rows), penalty.sum_of_shares(of_rows));
        // one rank for each part of the rows, and one for each part of the columns
        let (rows, columns): (&dyn Comm, &dyn Comm) = (&self.grid.holders(Side::V), &self.grid.holders(Side::U));
        let of_rows = rows.agree(Ok([total, shares_of_rows]))?;
        let of_cols = columns.agree(Ok([penalty.sum_of_shares(of_cols)]))?;
        let [total, rows] = [0, 1].map(|at| of_rows.iter().map(|one| one[at]).sum());
        let columns = of_cols.iter().map(|one| one[0]).sum();
        let scaled = penalty.in_units(&self.terms.summary, total, [rows, columns], self.terms.rank);
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
    pub fn grid(&self) -> Grid<'a> {
        self.grid
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

    /// Whether a rank holds whole rows of X, so that their rows of U can be moved block by block.
    fn has_whole_rows(&self) -> bool {
        self.grid.shape().1 == 1
    }

    /// The rows of the `side` factor that this rank moves for those that hold the same: it answers for them in sums over all ranks.
    fn own_rows(&self, side: Side) -> Range<usize> {
        let holders = self.grid.holders(side);
        equal_parts(self.rows_here(side).count, holders.size()).swap_remove(holders.rank())
    }

    fn no_statistics(&self, side: Side) -> Statistics<T> {
        let rows = self.rows_here(side).count;
        Statistics::none(rows, self.terms.rank, if self.has_one_gram { 1 } else { rows })
    }

    /// The equations of the rows of the `side` factor from the blocks that are here, as far as these can be read.
    fn equations(&self, side: Side, held: &[T]) -> (Statistics<T>, Result<(), Error>) {
        let (r, mut all) = (self.terms.rank, self.no_statistics(side));
        let read = self.each_block(|at, block| match side {
            Side::V => all.add(side, block, &held[at.start * r..at.end * r], r),
            Side::U => {
                // of a G that rows share, every block has the same
                let mut of_block = Statistics::none(at.len(), r, if self.has_one_gram { 1 } else { at.len() });
                of_block.add(side, block, held, r);
                all.cross[at.start * r..at.end * r].copy_from_slice(&of_block.cross);
                let gram = if self.has_one_gram { &mut all.gram[..] } else { &mut all.gram[at.start * r * r..at.end * r * r] };
                gram.copy_from_slice(&of_block.gram);
            }
        });
        (all, read)
    }

    /// Lets the rule move the rows of U of these rows of X, which are whole.
    fn move_block(&self, rows: &Range<usize>, block: &Matrix<T>, v: &[T], u: &mut [T], rule: &dyn RowUpdate<T>, when: When) -> Measure {
        let task = Task { first: 0, ..self.terms.task(Side::U, rows, rule, when) };
        move_rows(block, Side::U, &task, v, u)
    }

    /// Lets the rule move this rank's part of the rows of the `side` factor by the sums of its holders' equations, and gathers all parts; the
    /// measure is that of the part.
    fn move_part(&self, side: Side, equations: Statistics<T>, rows: &mut [T], rule: &dyn RowUpdate<T>, when: When) -> Result<Measure, Error> {
        let (holders, r): (&dyn Comm, _) = (&self.grid.holders(side), self.terms.rank);
        let parts = equal_parts(rows.len() / r, holders.size());
        let numbers = |width: usize| parts.iter().map(|part| part.len() * width).collect::<Vec<_>>();
        let Statistics { gram, cross } = equations;
        let cross = holders.reduce_scatter(cross, &numbers(r))?;
        let gram = if self.has_one_gram { holders.all_sum(gram)? } else { holders.reduce_scatter(gram, &numbers(r * r))? };
        let own = &parts[holders.rank()];
        let mut moved = rows[own.start * r..own.end * r].to_vec();
        let task = self.terms.task(side, own, rule, when);
        let measure = match (own.is_empty(), self.has_one_gram) {
            (true, _) => Measure::default(),
            (false, true) => task.shared_gram(&gram, &mut moved, |first, out| out.copy_from_slice(&cross[first * r..][..out.len()])),
            (false, false) => task.given_grams(&gram, &cross, &mut moved),
        };
        holders.all_gather(&moved, &numbers(r), rows)?;
        Ok(measure)
    }

    /// The sums over ranks; NaN on all of them from the moment that one fails.
    fn sum<const N: usize>(&self, own: Result<[f64; N], Error>) -> [f64; N] {
        match self.grid.comm().agree(own) {
            Ok(all) => std::array::from_fn(|at| all.iter().map(|one| one[at]).sum()),
            Err(error) => {
                self.failure.get_or_init(|| error);
                [f64::NAN; N]
            }
        }
    }

    /// What this rank's rows of a factor pay.
    fn penalty_of(&self, side: Side, rows: &[T]) -> f64 {
        let (own, r) = (self.own_rows(side), self.terms.rank);
        self.terms.penalty_of(side, own.start, &rows[own.start * r..own.end * r])
    }

    /// The same where it belongs to a measure.
    fn penalty_if(&self, when: When, side: Side, rows: &[T]) -> Measure {
        Measure { model: if when == When::Never { 0.0 } else { self.penalty_of(side, rows) }, residual: 0.0 }
    }
}

const FAILED: Measure = Measure { model: f64::NAN, residual: f64::NAN };

impl<T: Real> RowSeparable<T> for Blocked<'_, T> {
    /// m and n are those of the rows and columns that are here.
    fn shape(&self) -> (usize, usize, usize) {
        let (m, n) = self.blocks.shape();
        (m, n, self.terms.rank)
    }

    fn half_step(&self, side: Side, held: &[T], rows: &mut [T], rule: &dyn RowUpdate<T>, when: When) -> Measure {
        if self.failure.get().is_some() {
            return FAILED;
        }
        let r = self.terms.rank;
        let mut measure = self.penalty_if(when, side.other(), held);
        let done = if side == Side::U && self.has_whole_rows() {
            self.each_block(|at, block| measure = measure + self.move_block(at, block, held, &mut rows[at.start * r..at.end * r], rule, when))
        } else {
            let (equations, read) = self.equations(side, held);
            // all take part in what is sent, also where one could not read
            let moved = self.move_part(side, equations, rows, rule, when);
            read.and(moved).map(|of_part| measure = measure + of_part)
        };
        let [model, residual] = self.sum(done.map(|()| [measure.model, measure.residual]));
        Measure { model, residual }
    }

    fn both_half_steps(
        &self,
        (u, v): (&mut [T], &mut [T]),
        rule: &dyn RowUpdate<T>,
        [when_u, when_v]: [When; 2],
        between: &mut dyn FnMut(usize, &mut [T]),
    ) -> [Measure; 2] {
        if self.failure.get().is_some() {
            return [FAILED; 2];
        }
        let r = self.terms.rank;
        let mut of_u = self.penalty_if(when_u, Side::V, v);
        let (equations, done) = if self.has_whole_rows() {
            let mut equations = self.no_statistics(Side::V);
            let done = self.each_block(|at, block| {
                let rows = &mut u[at.start * r..at.end * r];
                of_u = of_u + self.move_block(at, block, v, rows, rule, when_u);
                between(at.start, rows);
                equations.add(Side::V, block, rows, r);
            });
            (equations, done)
        } else {
            let (equations, read) = self.equations(Side::U, v);
            let moved = self.move_part(Side::U, equations, u, rule, when_u).map(|of_part| of_u = of_u + of_part);
            between(0, u);
            let (equations, read_again) = self.equations(Side::V, u);
            (equations, read.and(moved).and(read_again))
        };
        let moved = self.move_part(Side::V, equations, v, rule, when_v);
        let of_held = self.penalty_if(when_v, Side::U, u);
        let own = done.and(moved).map(|of_v| [of_u, of_v + of_held]);
        let [a, b, c, d] = self.sum(own.map(|[u, v]| [u.model, u.residual, v.model, v.residual]));
        [Measure { model: a, residual: b }, Measure { model: c, residual: d }]
    }

    fn constant(&self) -> f64 {
        0.5 * self.terms.summary.norm_squared
    }

    fn value(&self, u: &[T], v: &[T]) -> f64 {
        if self.failure.get().is_some() {
            return f64::NAN;
        }
        let r = self.terms.rank;
        let mut sum = self.penalty_of(Side::U, u) + self.penalty_of(Side::V, v);
        let done = self.each_block(|at, block| sum += 0.5 * squares(block, &u[at.start * r..at.end * r], v, r));
        let [sum] = self.sum(done.map(|()| [sum]));
        sum
    }
}

impl<T: Real> LeastSquares<T> for Blocked<'_, T> {
    fn summary(&self) -> &Summary {
        &self.terms.summary
    }

    fn constraints(&self) -> &Constraints {
        &self.terms.constraints
    }

    fn rows_here(&self, side: Side) -> RowsHere {
        self.here[usize::from(side == Side::V)]
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

fn see<T: Real>(blocks: &dyn RowBlocks<T>, first: (usize, usize), constraints: &Constraints) -> Result<Seen, Error> {
    let n = blocks.shape().1;
    let mut parts = Vec::new();
    let mut seen = Seen { summary: Summary::of_parts(&[]), counts: (Vec::new(), vec![0; n]), weights: [Vec::new(), vec![0.0; n]], lacking: 0.0 };
    each_block(blocks, |rows, block| {
        let summary = block.summary();
        check_entries(block, &summary, constraints, (first.0 + rows.start, first.1))?;
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

/// What was seen by all ranks; each keeps what belongs to its rows and columns.
fn seen_by_all(grid: Grid<'_>, own: Result<Seen, Error>) -> Result<Seen, Error> {
    let (numbers, seen) = match own {
        Ok(seen) => (Ok(in_numbers(&seen)), Some(seen)),
        Err(error) => (Err(error), None),
    };
    let all = grid.comm().agree(numbers)?;
    let Seen { counts: (in_rows, in_cols), weights: [of_rows, of_cols], .. } = seen.expect("a rank that has not seen its block does not get here");
    let parts: Vec<Summary> = all.iter().map(from_numbers).collect();
    let (same_rows, same_cols): (&dyn Comm, &dyn Comm) = (&grid.holders(Side::U), &grid.holders(Side::V));
    Ok(Seen {
        summary: Summary::of_parts(&parts),
        counts: (same_rows.all_count(in_rows)?, same_cols.all_count(in_cols)?),
        weights: [same_rows.all_sum(of_rows)?, same_cols.all_sum(of_cols)?],
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
