//! Is the point stationary? From residuals, entry by entry.

use crate::comm::{Alone, Comm, Grid, equal_parts};
use crate::data::{BlocksInMemory, Csr, Matrix, Observed, RowBlocks};
use crate::linalg::{Mat, MatRef, fixed_order_sum, multiply, simd};
use crate::problem::{Constraints, FactorPenalty, RowSet, ScaledPenalty};
use crate::{Error, Factors, Side};
use rayon::prelude::*;

/// First-order optimality of U, V ≥ 0 for ½ Σ w (X − UVᵀ)², with a penalty or without.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stationarity {
    /// √(Σ_ik G_kk min(u_ik, g_ik / G_kk)²) / ‖X‖ over both factors, with g the gradient and G_kk = Σ_j w_ij v_jk² + λ₂: how far, relative
    /// to the data, the product would still move if each entry took its own exact step. 0 exactly at stationary points; unchanged by
    /// X → cX and, without a penalty, by (U, V) → (UD, VD⁻¹).
    pub kkt: f64,
    /// ½ Σ w (X − UVᵀ)² and the penalty.
    pub objective: f64,
    /// The penalty's part of it.
    pub penalty: f64,
    /// √(Σ w (X − UVᵀ)² / Σ w X²).
    pub relative_error: f64,
}

/// Rows whose residuals are formed together.
const BLOCK: usize = 64;

/// Entries of one row whose rows of the other factor are gathered together.
const TOGETHER: usize = 128;

/// The data term's gradient and curvature in each entry of some rows of a factor, and the weight of what is observed there.
///
/// Each is a sum over the rows of the other factor, so that blocks of these can be added one after the other.
struct Slopes {
    rank: usize,
    gradient: Vec<f64>,
    curvature: Vec<f64>,
    weight: Vec<f64>,
}

/// Recomputes objective and stationarity from the data.
///
/// Dense and observed-only data: from residuals, no Gram matrix. Sparse data: the zeros' part of the residual needs Gram matrices, formed
/// here anew; what is hidden is taken out entry by entry.
///
/// # Errors
/// [`Error::Shape`] if the factors do not fit, [`Error::NotFinite`] if one holds a NaN or an infinity.
pub fn stationarity(data: &Matrix<f64>, factors: &Factors<f64>) -> Result<Stationarity, Error> {
    penalised_stationarity(data, factors, &ScaledPenalty::default())
}

/// The same for an objective with a penalty, given in the units of the data.
///
/// # Errors
/// As [`stationarity`].
pub fn penalised_stationarity(data: &Matrix<f64>, factors: &Factors<f64>, penalty: &ScaledPenalty) -> Result<Stationarity, Error> {
    least_squares_stationarity(data, factors, &Constraints::default(), penalty)
}

/// The same under constraints that the factors satisfy, for a matrix of which a block of rows is in memory at a time: one pass over it.
///
/// # Errors
/// As [`stationarity`]; [`Error::Outside`] if a factor does not lie where it must; those of reading the blocks.
pub fn stationarity_in_blocks(
    blocks: &dyn RowBlocks<f64>,
    factors: &Factors<f64>,
    constraints: &Constraints,
    penalty: &ScaledPenalty,
) -> Result<Stationarity, Error> {
    stationarity_over_ranks(blocks, Grid::of_rows(&Alone), factors, constraints, penalty)
}

/// The same where each of several ranks has its own blocks, with U of their rows and V of their columns: to be called by all, and known to all.
///
/// # Errors
/// As [`stationarity_in_blocks`], and [`Error::Peer`] where it is another rank that has them.
pub fn stationarity_over_ranks(
    blocks: &dyn RowBlocks<f64>,
    grid: Grid<'_>,
    factors: &Factors<f64>,
    constraints: &Constraints,
    penalty: &ScaledPenalty,
) -> Result<Stationarity, Error> {
    let (comm, rank) = (grid.comm(), factors.rank());
    let (same_rows, same_cols): (&dyn Comm, &dyn Comm) = (&grid.holders(Side::U), &grid.holders(Side::V));
    let [rows, cols] = [Side::U, Side::V].map(|side| RowTerms::new(side, constraints, rank, penalty));
    let (own, seen) = match slopes_of_rank(blocks, factors, &rows, same_rows.size() == 1) {
        Ok(seen) => (Ok(seen.sums), seen),
        Err(error) => (Err(error), Seen::nothing(rank)),
    };
    let of_rows = comm.agree(own)?;
    if !constraints.is_plain() {
        let counts = (same_rows.all_count(seen.counts.0)?, same_cols.all_count(seen.counts.1)?);
        comm.agree(constraints.check_factors(&counts, factors, ["U", "V"]).map(|()| []))?;
    }
    let [steps_u, penalty_u] = seen.of_split_rows.steps_of_part(same_rows, factors.u(), &rows)?;
    let [steps_v, penalty_v] = seen.of_cols.steps_of_part(same_cols, factors.v(), &cols)?;
    let of_parts = comm.agree(Ok([steps_u + steps_v, penalty_u + penalty_v]))?;
    let [squares, norm, steps_u, penalty_u] = std::array::from_fn(|at| of_rows.iter().map(|one| one[at]).sum::<f64>());
    let [steps, penalty] = std::array::from_fn(|at| of_parts.iter().map(|one| one[at]).sum::<f64>());
    let (squares, penalty) = (squares.max(0.0), penalty_u + penalty);
    Ok(Stationarity {
        kkt: if norm > 0.0 { ((steps_u + steps) / norm).sqrt() } else { 0.0 },
        objective: 0.5 * squares + penalty,
        penalty,
        relative_error: if norm > 0.0 { (squares / norm).sqrt() } else { 0.0 },
    })
}

/// What one pass over the blocks of a rank tells.
struct Seen {
    /// Σ w (x − p)², Σ w x², and of rows that are whole here the squared steps of U and what they pay.
    sums: [f64; 4],
    /// What these blocks say of the rows of U of which other ranks hold entries too: all, or none.
    of_split_rows: Slopes,
    /// What they say of the rows of V.
    of_cols: Slopes,
    /// Observed entries in each row and each column.
    counts: (Vec<usize>, Vec<usize>),
}

impl Seen {
    fn nothing(rank: usize) -> Self {
        Seen { sums: [0.0; 4], of_split_rows: Slopes::zeros(0, rank), of_cols: Slopes::zeros(0, rank), counts: Default::default() }
    }
}

fn slopes_of_rank(blocks: &dyn RowBlocks<f64>, factors: &Factors<f64>, rows: &RowTerms<'_>, has_whole_rows: bool) -> Result<Seen, Error> {
    check_factors(blocks.shape(), factors)?;
    let (u, v) = (factors.u(), factors.v());
    let (mut of_data, mut of_rows) = (Vec::new(), Vec::new());
    let mut seen = Seen { of_cols: Slopes::zeros(factors.cols(), factors.rank()), ..Seen::nothing(factors.rank()) };
    seen.counts.1 = vec![0; factors.cols()];
    for (k, range) in blocks.ranges().iter().enumerate() {
        let block = blocks.block(k)?;
        let u = u.subrows(range.start, range.len());
        let mut slopes = Slopes::zeros(range.len(), factors.rank());
        of_data.push(slopes.add(&block, Side::U, u, v));
        if has_whole_rows {
            of_rows.push(slopes.steps(u, rows));
        } else {
            seen.of_split_rows.append(slopes);
        }
        seen.of_cols.add(&block, Side::V, v, u);
        let (in_rows, in_cols) = block.observed_counts();
        seen.counts.0.extend(in_rows);
        seen.counts.1.iter_mut().zip(in_cols).for_each(|(sum, count)| *sum += count);
    }
    let ([squares, norm], [steps, penalty]) = (sums(&of_data), sums(&of_rows));
    Ok(Seen { sums: [squares, norm, steps, penalty], ..seen })
}

/// The same for a matrix in memory.
pub(super) fn least_squares_stationarity(
    data: &Matrix<f64>,
    factors: &Factors<f64>,
    constraints: &Constraints,
    penalty: &ScaledPenalty,
) -> Result<Stationarity, Error> {
    stationarity_in_blocks(&BlocksInMemory::whole(data), factors, constraints, penalty)
}

/// Finite factors of the shape of the data.
pub(super) fn check_factors((m, n): (usize, usize), factors: &Factors<f64>) -> Result<(), Error> {
    if (factors.rows(), factors.cols()) != (m, n) {
        return Err(Error::Shape { what: "the factors' product", expected: (m, n), got: (factors.rows(), factors.cols()) });
    }
    if let Some((side, row, col)) = factors.first_not_finite() {
        let value = factors.side(side)[row * factors.rank() + col];
        return Err(Error::NotFinite { what: "a factor", row, col, value });
    }
    Ok(())
}

/// Each in a fixed order.
fn sums(parts: &[[f64; 2]]) -> [f64; 2] {
    [0, 1].map(|at| fixed_order_sum(&parts.iter().map(|part| part[at]).collect::<Vec<_>>()))
}

/// What the rows of one factor pay, and where they lie.
struct RowTerms<'a> {
    side: Side,
    penalty: &'a ScaledPenalty,
    /// By how much the penalty of each column is multiplied: see [`FactorPenalty::times`].
    ratios: Vec<f64>,
    set: RowSet,
    is_free: Vec<bool>,
}

impl<'a> RowTerms<'a> {
    fn new(side: Side, constraints: &Constraints, rank: usize, penalty: &'a ScaledPenalty) -> Self {
        let constraint = constraints.side(side);
        let is_free = (0..rank).map(|k| constraint.is_free(k)).collect();
        RowTerms { side, penalty, ratios: constraints.penalty_ratios(side, rank, penalty), set: constraint.rows, is_free }
    }

    /// Adds what row u brings to the squared steps and to the penalty, given the data term's gradient and curvature there and the weight
    /// of its entries.
    fn add_row(&self, sums: &mut [f64; 2], u: &[f64], gradient: &[f64], curvature: &[f64], weight: f64) {
        let of_row = self.penalty.of_row(self.side, weight);
        let of_column = |k: usize| self.ratios.get(k).map_or(of_row, |&ratio| of_row.times(ratio));
        let mut shares = Vec::new();
        for (k, &g) in gradient.iter().enumerate() {
            let FactorPenalty { l2, l1 } = of_column(k);
            let (u, g, h) = (u[k], g + l2 * u[k] + l1, curvature[k] + l2);
            sums[1] += 0.5 * l2 * u * u + l1 * u.abs();
            match self.set {
                _ if !self.is_free[k] => {}
                RowSet::NonNegative => sums[0] += squared_step(u.min(g / h), h),
                RowSet::Free => sums[0] += squared_step(g / h, h),
                RowSet::SumToOne => shares.push([u, g, h]),
            }
        }
        // a row of zeros is one without an entry
        if shares.iter().any(|&[u, ..]| u != 0.0) {
            sums[0] += step_of_shares(&shares);
        }
    }
}

/// G_kk d²: the squared step of one entry, in the data's units.
fn squared_step(step: f64, curvature: f64) -> f64 {
    if curvature > 0.0 { curvature * step * step } else { 0.0 }
}

/// Σ h d² of the step d that is least in Σ ½ h d² + g d among those that lead from the shares u (with gradient g and curvature h) to
/// shares again: d = max(−u, (ν − g)/h) with ν found by bisection. Entries with h = 0 take what is left over.
fn step_of_shares(shares: &[[f64; 3]]) -> f64 {
    let curved = || shares.iter().filter(|[.., h]| *h > 0.0);
    let step = |&[u, g, h]: &[f64; 3], nu: f64| ((nu - g) / h).max(-u);
    let total = |nu: f64| curved().map(|share| share[0] + step(share, nu)).sum::<f64>();
    let places = || curved().map(|[u, g, h]| g - h * u);
    let (mut low, mut high) =
        (places().fold(f64::INFINITY, f64::min), places().zip(curved()).map(|(at, s)| at + s[2]).fold(f64::NEG_INFINITY, f64::max));
    if low > high {
        return 0.0;
    }
    loop {
        let middle = low + 0.5 * (high - low);
        if middle <= low || middle >= high {
            break;
        }
        if total(middle) < 1.0 { low = middle } else { high = middle }
    }
    let nu = if curved().count() < shares.len() { high.min(0.0) } else { high };
    curved().map(|share| squared_step(step(share, nu), share[2])).sum()
}

/// Some of the rows, as they are worked on together.
struct Part<'s> {
    first: usize,
    gradient: &'s mut [f64],
    curvature: &'s mut [f64],
    weight: &'s mut [f64],
}

impl Slopes {
    fn zeros(rows: usize, rank: usize) -> Self {
        Slopes { rank, gradient: vec![0.0; rows * rank], curvature: vec![0.0; rows * rank], weight: vec![0.0; rows] }
    }

    /// Those of rows below these.
    fn append(&mut self, mut below: Slopes) {
        self.gradient.append(&mut below.gradient);
        self.curvature.append(&mut below.curvature);
        self.weight.append(&mut below.weight);
    }

    /// As [`Slopes::steps`] of this rank's part of the rows `u`, from the sums over the ranks that hold them.
    fn steps_of_part(self, holders: &dyn Comm, u: MatRef<'_, f64>, terms: &RowTerms<'_>) -> Result<[f64; 2], Error> {
        let (rank, parts) = (self.rank, equal_parts(self.weight.len(), holders.size()));
        let numbers = |width: usize| parts.iter().map(|part| part.len() * width).collect::<Vec<_>>();
        let (gradient, curvature) = (holders.reduce_scatter(self.gradient, &numbers(rank))?, holders.reduce_scatter(self.curvature, &numbers(rank))?);
        let own = &parts[holders.rank()];
        let mut of_part = Slopes { rank, gradient, curvature, weight: holders.reduce_scatter(self.weight, &numbers(1))? };
        Ok(of_part.steps(u.subrows(own.start, own.len()), terms))
    }

    /// Adds what the data say, with `u` the rows of `side` and `v` those of the other; Σ w (x − p)² and Σ w x².
    fn add(&mut self, data: &Matrix<f64>, side: Side, u: MatRef<'_, f64>, v: MatRef<'_, f64>) -> [f64; 2] {
        let (full, hidden) = data.full_and_hidden();
        let hidden = |i: usize| hidden.map_or(&[][..], |h| h.entries.rows_of(side).row(i).0);
        match full {
            Matrix::Dense(x) if side == Side::U => self.add_dense(x.view(), hidden, u, v),
            Matrix::Dense(x) => self.add_dense(x.view().transpose(), hidden, u, v),
            Matrix::Sparse(x) => self.add_sparse(x.rows_of(side), hidden, u, v),
            Matrix::Observed(Observed { entries, weights }) => {
                self.add_observed(entries.rows_of(side), weights.as_ref().map(|w| w.rows_of(side)), u, v)
            }
            Matrix::AllBut(_) => unreachable!("a full matrix hides nothing"),
        }
    }

    /// Σ over parts of the rows, in a fixed order.
    fn over_parts(&mut self, of_part: impl Fn(Part<'_>) -> [f64; 2] + Sync) -> [f64; 2] {
        let width = BLOCK * self.rank;
        let parts = (self.gradient.par_chunks_mut(width), self.curvature.par_chunks_mut(width), self.weight.par_chunks_mut(BLOCK));
        let part = |(at, (gradient, curvature, weight))| of_part(Part { first: at * BLOCK, gradient, curvature, weight });
        sums(&parts.into_par_iter().enumerate().map(part).collect::<Vec<_>>())
    }

    fn add_dense<'h>(&mut self, x: MatRef<'_, f64>, hidden: impl Fn(usize) -> &'h [u32] + Sync, u: MatRef<'_, f64>, v: MatRef<'_, f64>) -> [f64; 2] {
        let (r, squares) = (self.rank, column_squares(v));
        self.over_parts(|part| {
            let (start, count) = (part.first, part.weight.len());
            let (x, u) = (x.subrows(start, count), u.subrows(start, count));
            let mut residual = Mat::zeros(count, x.ncols());
            multiply(u, v.transpose(), residual.as_mut());
            let mut sums = [0.0; 2];
            for i in 0..count {
                // data that are hidden are 0 here
                hidden(start + i).iter().for_each(|&j| residual[(i, j as usize)] = 0.0);
                for j in 0..x.ncols() {
                    residual[(i, j)] -= x[(i, j)];
                    sums[0] += residual[(i, j)] * residual[(i, j)];
                    sums[1] += x[(i, j)] * x[(i, j)];
                }
            }
            let mut gradient = Mat::zeros(count, r);
            multiply(residual.as_ref(), v, gradient.as_mut());
            for i in 0..count {
                let hidden = hidden(start + i);
                let of_row = squares_left(v, hidden);
                let curvature = if hidden.is_empty() { &squares } else { &of_row };
                for k in 0..r {
                    part.gradient[i * r + k] += gradient[(i, k)];
                    part.curvature[i * r + k] += curvature[k];
                }
                part.weight[i] += (x.ncols() - hidden.len()) as f64;
            }
            sums
        })
    }

    fn add_sparse<'h>(&mut self, x: &Csr<f64>, hidden: impl Fn(usize) -> &'h [u32] + Sync, u: MatRef<'_, f64>, v: MatRef<'_, f64>) -> [f64; 2] {
        let r = self.rank;
        let mut gram = Mat::zeros(r, r);
        multiply(v.transpose(), v, gram.as_mut());
        self.over_parts(|part| {
            let mut sums = [0.0; 2];
            for at in 0..part.weight.len() {
                let i = part.first + at;
                let ((columns, values), hidden) = (x.row(i), hidden(i));
                let u = row(u, i);
                let mut gradient: Vec<f64> = (0..r).map(|k| (0..r).map(|l| gram[(k, l)] * u[l]).sum()).collect();
                let of_row = squares_left(v, hidden);
                // Σ over all of p² from the Gram matrix, then (x − p)² − p² at the stored entries and −p² at the hidden ones
                sums[0] += inner(u, &gradient);
                for (&j, &x) in columns.iter().zip(values) {
                    let v = row(v, j as usize);
                    sums[0] += x * (x - 2.0 * inner(u, v));
                    sums[1] += x * x;
                    gradient.iter_mut().zip(v).for_each(|(g, v)| *g -= x * v);
                }
                for &j in hidden {
                    let v = row(v, j as usize);
                    let product = inner(u, v);
                    sums[0] -= product * product;
                    gradient.iter_mut().zip(v).for_each(|(g, v)| *g -= product * v);
                }
                for k in 0..r {
                    part.gradient[at * r + k] += gradient[k];
                    part.curvature[at * r + k] += if hidden.is_empty() { gram[(k, k)] } else { of_row[k] };
                }
                part.weight[at] += (x.cols() - hidden.len()) as f64;
            }
            sums
        })
    }

    fn add_observed(&mut self, x: &Csr<f64>, weights: Option<&Csr<f64>>, u: MatRef<'_, f64>, v: MatRef<'_, f64>) -> [f64; 2] {
        let r = self.rank;
        self.over_parts(|part| {
            let (mut sums, mut gathered) = ([0.0; 2], Vec::with_capacity(TOGETHER * r));
            for at in 0..part.weight.len() {
                let i = part.first + at;
                let ((columns, values), u) = (x.row(i), row(u, i));
                let (gradient, curvature) = (&mut part.gradient[at * r..][..r], &mut part.curvature[at * r..][..r]);
                let mut first = 0;
                for (columns, values) in columns.chunks(TOGETHER).zip(values.chunks(TOGETHER)) {
                    // gathered before they are summed: copies wait for memory side by side, sums one after another
                    gathered.clear();
                    columns.iter().for_each(|&j| gathered.extend_from_slice(row(v, j as usize)));
                    let weights = weights.map(|w| &w.row(i).1[first..]);
                    first += columns.len();
                    simd(
                        #[inline(always)]
                        || {
                            for (e, (v, &x)) in gathered.chunks_exact(r).zip(values).enumerate() {
                                let weight = weights.map_or(1.0, |w| w[e]);
                                let residual = inner(u, v) - x;
                                part.weight[at] += weight;
                                sums[0] += weight * residual * residual;
                                sums[1] += weight * x * x;
                                for ((g, h), v) in gradient.iter_mut().zip(&mut *curvature).zip(v) {
                                    *g += weight * residual * v;
                                    *h += weight * v * v;
                                }
                            }
                        },
                    );
                }
            }
            sums
        })
    }

    /// The squared steps that are left of these rows, and what they pay.
    fn steps(&mut self, u: MatRef<'_, f64>, terms: &RowTerms<'_>) -> [f64; 2] {
        let r = self.rank;
        self.over_parts(|part| {
            let mut sums = [0.0; 2];
            for at in 0..part.weight.len() {
                let row: Vec<f64> = (0..r).map(|k| u[(part.first + at, k)]).collect();
                let [gradient, curvature] = [&*part.gradient, &*part.curvature].map(|of| &of[at * r..][..r]);
                terms.add_row(&mut sums, &row, gradient, curvature, part.weight[at]);
            }
            sums
        })
    }
}

fn column_squares(v: MatRef<'_, f64>) -> Vec<f64> {
    (0..v.ncols()).map(|k| (0..v.nrows()).map(|j| v[(j, k)] * v[(j, k)]).sum()).collect()
}

/// Σ v² of each column over the rows that are not hidden: summed, not subtracted, so that what is small keeps its digits.
fn squares_left(v: MatRef<'_, f64>, hidden: &[u32]) -> Vec<f64> {
    let mut squares = vec![0.0; if hidden.is_empty() { 0 } else { v.ncols() }];
    let mut hidden = hidden.iter().copied().peekable();
    for j in 0..if squares.is_empty() { 0 } else { v.nrows() } {
        if hidden.next_if_eq(&(j as u32)).is_none() {
            squares.iter_mut().enumerate().for_each(|(k, s)| *s += v[(j, k)] * v[(j, k)]);
        }
    }
    squares
}

fn row(x: MatRef<'_, f64>, i: usize) -> &[f64] {
    x.row(i).try_as_row_major().expect("factors are stored row by row").as_slice()
}

#[inline(always)]
fn inner(u: &[f64], v: &[f64]) -> f64 {
    // four sums: one would wait for each addition
    let mut sums = [0.0; 4];
    for (u, v) in u.chunks(4).zip(v.chunks(4)) {
        sums.iter_mut().zip(u).zip(v).for_each(|((sum, u), v)| *sum += u * v);
    }
    sums[0] + sums[1] + (sums[2] + sums[3])
}
