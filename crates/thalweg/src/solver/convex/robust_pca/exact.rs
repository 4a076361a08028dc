//! The exact finish: a matrix of rank r that agrees with Y wherever Y is not corrupted, and its multiplier.

use super::table::Table;
use super::tangent::Tangent;
use crate::linalg::{ROW_BLOCK, TruncatedSvd, gram_between, mul, mul_transpose, multiply, orthonormalise, row_major, row_major_mut, simd, thin_svd};
use rayon::prelude::*;

/// Steps after which agreement is not expected any more.
const MAX_STEPS: usize = 80;
/// Residuals beyond so many times their median are taken for corruptions…
const OUTLIER: f64 = 50.0;
/// …but the threshold falls no faster than this: a row that lags behind must not be dropped for good.
const DECAY: f64 = 0.3;
/// Residuals beyond so many times rounding are corruptions in the end.
const FLOOR: f64 = 150.0;
/// Entries of which the median is taken.
const SAMPLE: usize = 4096;
/// The median residual must fall by this factor in each [`PATIENCE`] steps.
const PROGRESS: f64 = 0.6;
const PATIENCE: usize = 4;
/// The sum of residuals has settled when a step lowers it by no more than this factor.
const SETTLED: f64 = 0.9;

/// X = U C Vᵀ with orthonormal U, V and an r×r core.
struct Fitted<'a> {
    table: &'a Table<'a>,
    u: Vec<f64>,
    v: Vec<f64>,
    core: Vec<f64>,
    rank: usize,
}

/// X by alternating projections: drop what looks corrupted, project the rest on the tangent space of the rank-r matrices at X, return to
/// rank r. None unless the uncorrupted residuals fall to rounding.
///
/// `left`: rows×r and `v`: cols×r of the start X = left·vᵀ, `threshold`: what a corruption exceeds there. Converges linearly with the factor
/// ‖P_T P_Ω P_T‖.
///
/// Source: Cai, Cai, Wei (2019), accelerated alternating projections. We take the threshold from the median residual, start from a point
/// of the convex problem instead of from the spectrum, and return by X = (X+E)V (Uᵀ(X+E)V)⁻¹ Uᵀ(X+E), which needs no decomposition.
pub(super) fn fit_uncorrupted<'a>(table: &'a Table<'a>, left: &[f64], v: &[f64], rank: usize, threshold: f64) -> Option<(TruncatedSvd, f64)> {
    let noise = 2.0 * f64::EPSILON * (rank as f64).sqrt() * table.largest;
    let mut fitted = Fitted::from_product(table, left, v, rank)?;
    let mut medians: Vec<f64> = vec![];
    let (mut threshold, mut last) = (threshold, f64::INFINITY);
    for _ in 0..MAX_STEPS {
        let median = fitted.median_residual()?;
        medians.push(median);
        threshold = (OUTLIER * median.max(noise)).max(DECAY * threshold);
        let misfit = fitted.step(threshold)?;
        let is_fitted = median <= noise && threshold <= OUTLIER * noise;
        // at rounding the sum falls no further; a row that lags behind still lowers it
        if is_fitted && misfit > SETTLED * last {
            return fitted.decomposed(noise).map(|svd| (svd, FLOOR * noise));
        }
        last = if is_fitted { misfit } else { f64::INFINITY };
        if medians.len() > PATIENCE && median > noise && median > PROGRESS * medians[medians.len() - 1 - PATIENCE] {
            return None;
        }
    }
    None
}

impl<'a> Fitted<'a> {
    fn from_product(table: &'a Table<'a>, left: &[f64], v: &[f64], rank: usize) -> Option<Self> {
        let mut u = left.to_vec();
        table.ranks.orthonormalise(&mut u, rank)?;
        let core = table.ranks.sum(gram_between(&u, left, rank))?;
        debug_assert_eq!(table.rows * rank, left.len());
        Some(Fitted { table, u, v: v.to_vec(), core, rank })
    }

    /// U C, rows×r.
    fn left(&self) -> Vec<f64> {
        let r = self.rank;
        let mut left = vec![0.0; self.u.len()];
        mul(row_major(&self.u, self.u.len() / r, r), row_major(&self.core, r, r), &mut left);
        left
    }

    /// The median of |Y − X| over a fixed sample of observed entries.
    fn median_residual(&self) -> Option<f64> {
        let (table, r) = (self.table, self.rank);
        // a stride without common factors with the sides visits all rows and columns
        let stride = (table.all_entries() / SAMPLE).max(1) | 1;
        let left = self.left();
        let of = |i: usize, j: usize| {
            let x: f64 = left[i * r..][..r].iter().zip(&self.v[j * r..][..r]).map(|(a, b)| a * b).sum();
            (table.y[i * table.cols + j] - x).abs()
        };
        let mut residuals = table.ranks.sampled(stride, table.cols, of)?;
        residuals.retain(|d| !d.is_nan());
        if residuals.is_empty() {
            return Some(f64::INFINITY);
        }
        let middle = residuals.len() / 2;
        Some(*residuals.select_nth_unstable_by(middle, f64::total_cmp).1)
    }

    /// One step with the residuals up to `threshold`; returns the sum of those before it. None if the core becomes singular.
    fn step(&mut self, threshold: f64) -> Option<f64> {
        let (ranks, r, cols) = (&self.table.ranks, self.rank, self.table.cols);
        let mut left = self.left();
        let v = row_major(&self.v, cols, r);
        let parts: Vec<(Vec<f64>, Vec<f64>, f64)> = self
            .table
            .y
            .par_chunks(ROW_BLOCK * cols)
            .enumerate()
            .map(|(block, y)| {
                let rows = y.len() / cols;
                let here = block * ROW_BLOCK * r..(block * ROW_BLOCK + rows) * r;
                let mut e = vec![0.0; y.len()];
                multiply(row_major(&left[here.clone()], rows, r), v.transpose(), row_major_mut(&mut e, rows, cols));
                let misfit = residuals_within(threshold, y, &mut e);
                let (mut ev, mut etu) = (vec![0.0; rows * r], vec![0.0; cols * r]);
                multiply(row_major(&e, rows, cols), v, row_major_mut(&mut ev, rows, r));
                multiply(row_major(&e, rows, cols).transpose(), row_major(&self.u[here], rows, r), row_major_mut(&mut etu, cols, r));
                (ev, etu, misfit)
            })
            .collect();
        let ev: Vec<f64> = parts.iter().flat_map(|(ev, ..)| ev.iter().copied()).collect();
        let mut right = vec![0.0; cols * r];
        if ranks.is_first() {
            mul(v, row_major(&self.core, r, r).transpose(), &mut right);
        }
        parts.iter().for_each(|(_, etu, _)| add(&mut right, etu));
        // three sums in one
        right.extend(gram_between(&self.u, &ev, r));
        right.push(parts.iter().map(|(.., misfit)| misfit).sum());
        let mut right = ranks.sum(right)?;
        let misfit = right.pop()?;
        let mut core = right.split_off(cols * r);
        add(&mut core, &self.core);
        add(&mut left, &ev);
        (self.u, self.v) = (left.clone(), right.clone());
        ranks.orthonormalise(&mut self.u, r)?;
        orthonormalise(&mut self.v, r);
        let inverse = ranks.by_first(r * r, || inverse(&core, r))?;
        let (of_u, of_v) = (ranks.sum(gram_between(&self.u, &left, r))?, gram_between(&self.v, &right, r));
        let mut half = vec![0.0; r * r];
        mul(row_major(&of_u, r, r), row_major(&inverse, r, r), &mut half);
        mul(row_major(&half, r, r), row_major(&of_v, r, r).transpose(), &mut self.core);
        Some(misfit)
    }

    /// U diag(σ) Vᵀ without the singular values at rounding.
    fn decomposed(&self, noise: f64) -> Option<TruncatedSvd> {
        let r = self.rank;
        let core = self.table.ranks.small_svd(&self.core, r)?;
        let floor = noise * (self.table.ranks.all_rows() as f64 * self.table.cols as f64).sqrt();
        let k = core.singular_values.iter().take_while(|&&s| s > floor).count();
        let rotate = |basis: &[f64], rotation: &[f64]| {
            let kept: Vec<f64> = rotation.chunks_exact(r).flat_map(|row| row[..k].iter().copied()).collect();
            let mut out = vec![0.0; basis.len() / r * k];
            mul(row_major(basis, basis.len() / r, r), row_major(&kept, r, k), &mut out);
            out
        };
        Some(TruncatedSvd { u: rotate(&self.u, &core.u), v: rotate(&self.v, &core.v), singular_values: core.singular_values[..k].to_vec() })
    }
}

/// Sums run side by side.
const LANES: usize = 16;

/// E ← Y − E where that is at most the threshold, 0 elsewhere; returns ‖E‖₁.
fn residuals_within(threshold: f64, y: &[f64], e: &mut [f64]) -> f64 {
    simd(
        #[inline(always)]
        || {
            let mut sums = [0.0; LANES];
            for (e, y) in e.chunks_mut(LANES).zip(y.chunks(LANES)) {
                for ((e, y), sum) in e.iter_mut().zip(y).zip(&mut sums) {
                    let residual = y - *e;
                    // NaN compares false: what was not observed has no residual
                    *e = if residual.abs() <= threshold { residual } else { 0.0 };
                    *sum += e.abs();
                }
            }
            sums.iter().sum()
        },
    )
}

fn add(out: &mut [f64], x: &[f64]) {
    out.iter_mut().zip(x).for_each(|(o, x)| *o += x);
}

/// K⁻¹ of a small matrix; none if it is singular.
fn inverse(k: &[f64], r: usize) -> Option<Vec<f64>> {
    let svd = thin_svd(k, r, r)?;
    if svd.singular_values.iter().any(|s| !(s.is_finite() && *s > 0.0)) {
        return None;
    }
    let mut scaled = svd.v.clone();
    scaled.chunks_exact_mut(r).for_each(|row| row.iter_mut().zip(&svd.singular_values).for_each(|(x, s)| *x /= s));
    let mut out = vec![0.0; r * r];
    mul(row_major(&scaled, r, r), row_major(&svd.u, r, r).transpose(), &mut out);
    Some(out)
}

/// A multiplier of X: W with P_T W = UVᵀ, W = λ sign(S) on the support of S, 0 where nothing was observed, near `start` elsewhere.
///
/// `sparse`: S, row-major, 0 off its support. W = B + P_free(H) with H in T, B the given values and `start` off them, and
/// P_T P_free H = UVᵀ − P_T B, by conjugate gradients. None if T and the support are not transversal enough for those to end.
pub(super) fn multiplier(table: &Table<'_>, low_rank: &TruncatedSvd, sparse: &[f64], start: &[f64]) -> Option<Vec<f64>> {
    let y = &table.y;
    let free: Vec<bool> = sparse.iter().zip(y).map(|(s, y)| *s == 0.0 && !y.is_nan()).collect();
    let mut w: Vec<f64> = (0..y.len())
        .map(|at| {
            if free[at] {
                start[at]
            } else if y[at].is_nan() {
                0.0
            } else {
                table.lambda.copysign(sparse[at])
            }
        })
        .collect();
    let tangent = Tangent::new(table, low_rank);
    let right = tangent.sign_minus(&w)?;
    let h = tangent.solve_on(&free, right)?;
    tangent.add_on(&free, &h, &mut w);
    Some(w)
}

/// Whether W, a [`multiplier`] of X, looks like one of the convex problem: below λ off the support, and below 1 in norm off T. An
/// estimate by power iteration, for the solver's own use; the verdict is the certificate's.
pub(super) fn looks_dual(table: &Table<'_>, low_rank: &TruncatedSvd, sparse: &[f64], w: &[f64]) -> bool {
    let here = w.par_iter().zip(sparse).map(|(w, s)| if *s == 0.0 { w.abs() } else { 0.0 }).reduce(|| 0.0, f64::max);
    let is_below = table.ranks.largest(here).is_some_and(|largest| largest < table.lambda);
    is_below && Tangent::new(table, low_rank).norm_off_tangent(w).is_some_and(|norm| norm < 1.0)
}

/// AᵀB of tall row-major matrices of different widths.
pub(super) fn cross(a: &[f64], p: usize, b: &[f64], q: usize) -> Vec<f64> {
    let rows = a.len() / p;
    let mut out = vec![0.0; p * q];
    mul_transpose(row_major(a, rows, p), row_major(b, rows, q), &mut out);
    out
}
