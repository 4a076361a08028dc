//! Is the point stationary? From residuals, entry by entry.

use crate::data::{Csr, Matrix, Observed};
use crate::linalg::{Mat, MatRef, fixed_order_sum, multiply};
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

/// Σ over some rows: the residual's squares, the squared steps, the data's squares, and the penalty, in that order.
pub(super) type Sums = [f64; 4];

/// What was summed over a block of rows.
#[derive(Default)]
pub(super) struct Part {
    pub sums: Sums,
    /// What is kept of each row, one after another.
    pub kept: Vec<f64>,
}

/// The data term at one row of a factor.
pub(super) struct RowSlope<'a> {
    /// The number of the row.
    pub number: usize,
    pub gradient: &'a [f64],
    pub curvature: &'a [f64],
    /// Of its entries.
    pub weight: f64,
}

/// What is done with each row, in the order of rows within a block.
pub(super) type Visit<'v> = &'v (dyn Fn(&mut Part, RowSlope<'_>) + Sync);

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

/// The same under constraints that the factors satisfy.
pub(super) fn least_squares_stationarity(
    data: &Matrix<f64>,
    factors: &Factors<f64>,
    constraints: &Constraints,
    penalty: &ScaledPenalty,
) -> Result<Stationarity, Error> {
    check_factors(data, factors)?;
    let (u, v) = (factors.u(), factors.v());
    let of_side = |side: Side| {
        let (own, other) = if side == Side::U { (u, v) } else { (v, u) };
        let terms = RowTerms::new(side, constraints, factors.rank(), penalty);
        sums_of(&of_rows(data, side, own, other, &|part, row| terms.add_row(&mut part.sums, |k| own[(row.number, k)], &row)))
    };
    Ok(settled(of_side(Side::U), of_side(Side::V)))
}

/// From the sums of both sides; squares and norm are those of U's.
pub(super) fn settled(of_u: Sums, of_v: Sums) -> Stationarity {
    let [squares, steps, norm, penalty_u] = of_u;
    let squares = squares.max(0.0);
    let penalty = penalty_u + of_v[3];
    Stationarity {
        kkt: if norm > 0.0 { ((steps + of_v[1]) / norm).sqrt() } else { 0.0 },
        objective: 0.5 * squares + penalty,
        penalty,
        relative_error: if norm > 0.0 { (squares / norm).sqrt() } else { 0.0 },
    }
}

/// Finite factors of the shape of the data.
pub(super) fn check_factors(data: &Matrix<f64>, factors: &Factors<f64>) -> Result<(), Error> {
    let (m, n) = data.shape();
    if (factors.rows(), factors.cols()) != (m, n) {
        return Err(Error::Shape { what: "the factors' product", expected: (m, n), got: (factors.rows(), factors.cols()) });
    }
    if let Some((side, row, col)) = factors.first_not_finite() {
        let value = factors.side(side)[row * factors.rank() + col];
        return Err(Error::NotFinite { what: "a factor", row, col, value });
    }
    Ok(())
}

/// The blocks of rows of one factor, each with the sums of squares of its residuals and data, and what `visit` made of its rows.
pub(super) fn of_rows(data: &Matrix<f64>, side: Side, own: MatRef<'_, f64>, other: MatRef<'_, f64>, visit: Visit<'_>) -> Vec<Part> {
    let (full, hidden) = data.full_and_hidden();
    let hidden = |i: usize| hidden.map_or(&[][..], |h| h.entries.rows_of(side).row(i).0);
    match full {
        Matrix::Dense(x) if side == Side::U => dense_side(x.view(), hidden, own, other, visit),
        Matrix::Dense(x) => dense_side(x.view().transpose(), hidden, own, other, visit),
        Matrix::Sparse(x) => sparse_side(x.rows_of(side), hidden, own, other, visit),
        Matrix::Observed(Observed { entries, weights }) => {
            observed_side(entries.rows_of(side), weights.as_ref().map(|w| w.rows_of(side)), own, other, visit)
        }
        Matrix::AllBut(_) => unreachable!("a full matrix hides nothing"),
    }
}

fn over_blocks(rows: usize, of_block: impl Fn(&mut Part, usize, usize) + Sync) -> Vec<Part> {
    let starts: Vec<usize> = (0..rows).step_by(BLOCK).collect();
    let part = |&start: &usize| {
        let mut part = Part::default();
        of_block(&mut part, start, BLOCK.min(rows - start));
        part
    };
    starts.par_iter().map(part).collect()
}

/// In a fixed order.
pub(super) fn sums_of(parts: &[Part]) -> Sums {
    [0, 1, 2, 3].map(|at| fixed_order_sum(&parts.iter().map(|part| part.sums[at]).collect::<Vec<_>>()))
}

/// What the rows of one factor pay, and where they lie.
pub(super) struct RowTerms<'a> {
    side: Side,
    penalty: &'a ScaledPenalty,
    /// By how much the penalty of each column is multiplied: see [`FactorPenalty::times`].
    ratios: Vec<f64>,
    set: RowSet,
    is_free: Vec<bool>,
}

impl<'a> RowTerms<'a> {
    pub fn new(side: Side, constraints: &Constraints, rank: usize, penalty: &'a ScaledPenalty) -> Self {
        let constraint = constraints.side(side);
        let is_free = (0..rank).map(|k| constraint.is_free(k)).collect();
        RowTerms { side, penalty, ratios: constraints.penalty_ratios(side, rank, penalty), set: constraint.rows, is_free }
    }

    /// Adds what row u brings to the squared steps and to the penalty.
    pub fn add_row(&self, sums: &mut Sums, u: impl Fn(usize) -> f64, row: &RowSlope<'_>) {
        let of_row = self.penalty.of_row(self.side, row.weight);
        let of_column = |k: usize| self.ratios.get(k).map_or(of_row, |&ratio| of_row.times(ratio));
        let mut shares = Vec::new();
        for (k, &g) in row.gradient.iter().enumerate() {
            let FactorPenalty { l2, l1 } = of_column(k);
            let (u, g, h) = (u(k), g + l2 * u(k) + l1, row.curvature[k] + l2);
            sums[3] += 0.5 * l2 * u * u + l1 * u.abs();
            match self.set {
                _ if !self.is_free[k] => {}
                RowSet::NonNegative => sums[1] += squared_step(u.min(g / h), h),
                RowSet::Free => sums[1] += squared_step(g / h, h),
                RowSet::SumToOne => shares.push([u, g, h]),
            }
        }
        // a row of zeros is one without an entry
        if shares.iter().any(|&[u, ..]| u != 0.0) {
            sums[1] += step_of_shares(&shares);
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

fn column_squares(v: MatRef<'_, f64>) -> Vec<f64> {
    (0..v.ncols()).map(|k| (0..v.nrows()).map(|j| v[(j, k)] * v[(j, k)]).sum()).collect()
}

fn dense_side<'h>(
    x: MatRef<'_, f64>,
    hidden: impl Fn(usize) -> &'h [u32] + Sync,
    u: MatRef<'_, f64>,
    v: MatRef<'_, f64>,
    visit: Visit<'_>,
) -> Vec<Part> {
    let curvature = column_squares(v);
    over_blocks(x.nrows(), |part, start, count| {
        let (x, u) = (x.subrows(start, count), u.subrows(start, count));
        let mut residual = Mat::zeros(count, x.ncols());
        multiply(u, v.transpose(), residual.as_mut());
        for i in 0..count {
            // data that are hidden are 0 here
            hidden(start + i).iter().for_each(|&j| residual[(i, j as usize)] = 0.0);
            for j in 0..x.ncols() {
                residual[(i, j)] -= x[(i, j)];
                part.sums[0] += residual[(i, j)] * residual[(i, j)];
                part.sums[2] += x[(i, j)] * x[(i, j)];
            }
        }
        let mut gradient = Mat::zeros(count, v.ncols());
        multiply(residual.as_ref(), v, gradient.as_mut());
        for i in 0..count {
            let hidden = hidden(start + i);
            let of_row = squares_left(v, hidden);
            let curvature = if hidden.is_empty() { &curvature } else { &of_row };
            let gradient: Vec<f64> = (0..v.ncols()).map(|k| gradient[(i, k)]).collect();
            let weight = (x.ncols() - hidden.len()) as f64;
            visit(part, RowSlope { number: start + i, gradient: &gradient, curvature, weight });
        }
    })
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

fn product_entry(u: MatRef<'_, f64>, i: usize, v: MatRef<'_, f64>, j: usize) -> f64 {
    (0..u.ncols()).map(|k| u[(i, k)] * v[(j, k)]).sum()
}

fn sparse_side<'h>(x: &Csr<f64>, hidden: impl Fn(usize) -> &'h [u32] + Sync, u: MatRef<'_, f64>, v: MatRef<'_, f64>, visit: Visit<'_>) -> Vec<Part> {
    let r = v.ncols();
    let mut gram = Mat::zeros(r, r);
    multiply(v.transpose(), v, gram.as_mut());
    let diagonal: Vec<f64> = (0..r).map(|k| gram[(k, k)]).collect();
    over_blocks(x.rows(), |part, start, count| {
        for i in start..start + count {
            let ((columns, values), hidden) = (x.row(i), hidden(i));
            let mut gradient: Vec<f64> = (0..r).map(|k| (0..r).map(|l| gram[(k, l)] * u[(i, l)]).sum()).collect();
            let of_row = squares_left(v, hidden);
            // Σ over all of p² from the Gram matrix, then (x − p)² − p² at the stored entries and −p² at the hidden ones
            part.sums[0] += (0..r).map(|k| u[(i, k)] * gradient[k]).sum::<f64>();
            for (&j, &x) in columns.iter().zip(values) {
                part.sums[0] += x * (x - 2.0 * product_entry(u, i, v, j as usize));
                part.sums[2] += x * x;
                for k in 0..r {
                    gradient[k] -= x * v[(j as usize, k)];
                }
            }
            for &j in hidden {
                let product = product_entry(u, i, v, j as usize);
                part.sums[0] -= product * product;
                for k in 0..r {
                    gradient[k] -= product * v[(j as usize, k)];
                }
            }
            let curvature = if hidden.is_empty() { &diagonal } else { &of_row };
            visit(part, RowSlope { number: i, gradient: &gradient, curvature, weight: (x.cols() - hidden.len()) as f64 });
        }
    })
}

fn observed_side(x: &Csr<f64>, weights: Option<&Csr<f64>>, u: MatRef<'_, f64>, v: MatRef<'_, f64>, visit: Visit<'_>) -> Vec<Part> {
    let r = v.ncols();
    over_blocks(x.rows(), |part, start, count| {
        for i in start..start + count {
            let (columns, values) = x.row(i);
            let (mut gradient, mut curvature, mut total) = (vec![0.0; r], vec![0.0; r], 0.0);
            for (e, (&j, &x)) in columns.iter().zip(values).enumerate() {
                let weight = weights.map_or(1.0, |w| w.row(i).1[e]);
                let residual = product_entry(u, i, v, j as usize) - x;
                total += weight;
                part.sums[0] += weight * residual * residual;
                part.sums[2] += weight * x * x;
                for k in 0..r {
                    let vk = v[(j as usize, k)];
                    gradient[k] += weight * residual * vk;
                    curvature[k] += weight * vk * vk;
                }
            }
            visit(part, RowSlope { number: i, gradient: &gradient, curvature: &curvature, weight: total });
        }
    })
}
