//! Is the point stationary? Of data that are held as blocks of rows, by one rank or several.

use super::Stationarity;
use super::kkt::{RowSlope, RowTerms, Sums, of_rows, settled, sums_of};
use crate::comm::{Comm, equal_parts};
use crate::data::RowBlocks;
use crate::linalg::row_major;
use crate::problem::{Constraints, RowSet, ScaledPenalty};
use crate::{Error, Factors, Side};

/// What [`constrained_stationarity`](super::constrained_stationarity) says of all rows of all ranks, under least squares: one pass over the
/// blocks, each read and looked at anew.
///
/// The gradient at a row of V is the sum of those that each block of rows of X has there.
///
/// `factors`: U of the rows that this rank holds, V of all columns. To be called by all ranks alike; the same on each.
///
/// # Errors
/// [`Error::Shape`] if the factors do not fit, [`Error::NotFinite`], [`Error::Outside`]; those of reading; [`Error::Peer`].
pub fn blocked_stationarity(
    blocks: &dyn RowBlocks<f64>,
    comm: &dyn Comm,
    factors: &Factors<f64>,
    constraints: &Constraints,
    penalty: &ScaledPenalty,
) -> Result<Stationarity, Error> {
    let rank = factors.rank();
    let before = comm.agree(Ok([blocks.shape().0 as f64]))?[..comm.rank()].iter().map(|count| count[0] as usize).sum();
    let own = rows_of_rank(blocks, before, factors, constraints, penalty);
    let (of_u, shares) = match own {
        Ok((of_u, shares)) => (Ok(of_u), shares),
        Err(error) => (Err(error), Vec::new()),
    };
    let of_u = comm.agree(of_u)?;
    let (width, parts) = (2 * rank + 1, equal_parts(factors.cols(), comm.size()));
    let shares = comm.reduce_scatter(shares, &parts.iter().map(|part| part.len() * width).collect::<Vec<_>>())?;
    let (terms, v) = (RowTerms::new(Side::V, constraints, rank, penalty), factors.v());
    let (mut of_v, mut is_in_set) = (Sums::default(), Ok(()));
    for (number, share) in parts[comm.rank()].clone().zip(shares.chunks_exact(width)) {
        let (gradient, rest) = share.split_at(rank);
        let slope = RowSlope { number, gradient, curvature: &rest[..rank], weight: rest[rank] };
        is_in_set = is_in_set.and_then(|()| check_shares(constraints, factors, Side::V, (number, number), slope.weight));
        terms.add_row(&mut of_v, |k| v[(number, k)], &slope);
    }
    let of_v = comm.agree(is_in_set.map(|()| of_v))?;
    let sum = |all: &[Sums]| [0, 1, 2, 3].map(|at| all.iter().map(|one| one[at]).sum());
    Ok(settled(sum(&of_u), sum(&of_v)))
}

/// The sums of the rows of U that this rank holds, the first of which has the number `first`, and what its rows of X bring to each row of V: gradient, curvature and weight.
fn rows_of_rank(
    blocks: &dyn RowBlocks<f64>,
    first: usize,
    factors: &Factors<f64>,
    constraints: &Constraints,
    penalty: &ScaledPenalty,
) -> Result<(Sums, Vec<f64>), Error> {
    let ((m, n), rank) = (blocks.shape(), factors.rank());
    if (factors.rows(), factors.cols()) != (m, n) {
        return Err(Error::Shape { what: "the factors' product", expected: (m, n), got: (factors.rows(), factors.cols()) });
    }
    for (side, what) in [(Side::U, "U"), (Side::V, "V")] {
        constraints.check_side(side, factors.side(side), rank, what)?;
    }
    let terms = RowTerms::new(Side::U, constraints, rank, penalty);
    let (mut sums, mut shares) = (Sums::default(), vec![0.0; n * (2 * rank + 1)]);
    for (k, rows) in blocks.ranges().iter().enumerate() {
        let block = blocks.block(k)?;
        if block.shape() != (rows.len(), n) {
            return Err(Error::Shape { what: "a block of rows", expected: (rows.len(), n), got: block.shape() });
        }
        let (u, v) = (row_major(&factors.side(Side::U)[rows.start * rank..rows.end * rank], rows.len(), rank), factors.v());
        for (i, count) in block.observed_counts().0.into_iter().enumerate() {
            check_shares(constraints, factors, Side::U, (rows.start + i, first + rows.start + i), count as f64)?;
        }
        let of_u = sums_of(&of_rows(&block, Side::U, u, v, &|part, row| terms.add_row(&mut part.sums, |k| u[(row.number, k)], &row)));
        sums.iter_mut().zip(of_u).for_each(|(sum, of_block)| *sum += of_block);
        let of_v = of_rows(&block, Side::V, v, u, &|part, row| {
            part.kept.extend_from_slice(row.gradient);
            part.kept.extend_from_slice(row.curvature);
            part.kept.push(row.weight);
        });
        shares.iter_mut().zip(of_v.iter().flat_map(|part| &part.kept)).for_each(|(sum, of_block)| *sum += of_block);
    }
    Ok((sums, shares))
}

/// A row that is to sum to one may be zero only where it has no entries. `numbers`: that of the row here, and in all of the factor.
fn check_shares(constraints: &Constraints, factors: &Factors<f64>, side: Side, numbers: (usize, usize), weight: f64) -> Result<(), Error> {
    let rank = factors.rank();
    let (here, row) = numbers;
    let is_zero = factors.side(side)[here * rank..][..rank].iter().all(|&x| x == 0.0);
    if constraints.side(side).rows == RowSet::SumToOne && weight > 0.0 && is_zero {
        let what = if side == Side::U { "U" } else { "V" };
        return Err(Error::Outside { what, row, col: 0, value: 0.0, expected: "the entries of this row are to sum to one" });
    }
    Ok(())
}
