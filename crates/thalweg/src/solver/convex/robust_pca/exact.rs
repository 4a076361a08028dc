//! The exact finish: a matrix of rank r that agrees with Y wherever Y is not corrupted, and its multiplier.

use super::tangent::Tangent;
use crate::linalg::{
    ROW_BLOCK, TruncatedSvd, gram_between, largest_magnitude, mul, mul_transpose, multiply, orthonormalise, row_major, row_major_mut, simd, thin_svd,
};
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
pub(super) struct Fitted {
    u: Vec<f64>,
    v: Vec<f64>,
    core: Vec<f64>,
    rank: usize,
    cols: usize,
}

/// X by alternating projections: drop what looks corrupted, project the rest on the tangent space of the rank-r matrices at X, return to
/// rank r. None unless the uncorrupted residuals fall to rounding.
///
/// `y`: row-major, NaN where not observed; `left`: rows×r and `v`: cols×r of the start X = left·vᵀ, `threshold`: what a
/// corruption exceeds there. Converges linearly with the factor
/// ‖P_T P_Ω P_T‖.
///
/// Source: Cai, Cai, Wei (2019), accelerated alternating projections. We take the threshold from the median residual, start from a point
/// of the convex problem instead of from the spectrum, and return by X = (X+E)V (Uᵀ(X+E)V)⁻¹ Uᵀ(X+E), which needs no decomposition.
pub(super) fn fit_uncorrupted(y: &[f64], cols: usize, left: &[f64], v: &[f64], rank: usize, threshold: f64) -> Option<(TruncatedSvd, f64)> {
    let rows = y.len() / cols;
    let noise = 2.0 * f64::EPSILON * (rank as f64).sqrt() * largest_magnitude(y);
    let mut fitted = Fitted::from_product(left, v, rows, cols, rank);
    let mut medians: Vec<f64> = vec![];
    let (mut threshold, mut last) = (threshold, f64::INFINITY);
    for _ in 0..MAX_STEPS {
        let median = fitted.median_residual(y);
        medians.push(median);
        threshold = (OUTLIER * median.max(noise)).max(DECAY * threshold);
        let misfit = fitted.step(y, threshold)?;
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

impl Fitted {
    fn from_product(left: &[f64], v: &[f64], rows: usize, cols: usize, rank: usize) -> Self {
        let mut u = left.to_vec();
        orthonormalise(&mut u, rank);
        let core = gram_between(&u, left, rank);
        debug_assert_eq!(rows * rank, left.len());
        Fitted { u, v: v.to_vec(), core, rank, cols }
    }

    /// U C, rows×r.
    fn left(&self) -> Vec<f64> {
        let r = self.rank;
        let mut left = vec![0.0; self.u.len()];
        mul(row_major(&self.u, self.u.len() / r, r), row_major(&self.core, r, r), &mut left);
        left
    }

    /// The median of |Y − X| over a fixed sample of observed entries.
    fn median_residual(&self, y: &[f64]) -> f64 {
        let r = self.rank;
        // a stride without common factors with the sides visits all rows and columns
        let stride = (y.len() / SAMPLE).max(1) | 1;
        let left = self.left();
        let of = |at: usize| {
            let (i, j) = (at / self.cols, at % self.cols);
            let x: f64 = left[i * r..][..r].iter().zip(&self.v[j * r..][..r]).map(|(a, b)| a * b).sum();
            (y[at] - x).abs()
        };
        let mut residuals: Vec<f64> = (0..y.len()).step_by(stride).map(of).filter(|d| !d.is_nan()).collect();
        if residuals.is_empty() {
            return f64::INFINITY;
        }
        let middle = residuals.len() / 2;
        *residuals.select_nth_unstable_by(middle, f64::total_cmp).1
    }

    /// One step with the residuals up to `threshold`; returns the sum of those before it. None if the core becomes singular.
    fn step(&mut self, y: &[f64], threshold: f64) -> Option<f64> {
        let (r, cols) = (self.rank, self.cols);
        let mut left = self.left();
        let v = row_major(&self.v, cols, r);
        let parts: Vec<(Vec<f64>, Vec<f64>, f64)> = y
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
        mul(v, row_major(&self.core, r, r).transpose(), &mut right);
        parts.iter().for_each(|(_, etu, _)| add(&mut right, etu));
        let mut core = gram_between(&self.u, &ev, r);
        add(&mut core, &self.core);
        add(&mut left, &ev);
        (self.u, self.v) = (left.clone(), right.clone());
        orthonormalise(&mut self.u, r);
        orthonormalise(&mut self.v, r);
        let inverse = inverse(&core, r)?;
        let (of_u, of_v) = (gram_between(&self.u, &left, r), gram_between(&self.v, &right, r));
        let mut half = vec![0.0; r * r];
        mul(row_major(&of_u, r, r), row_major(&inverse, r, r), &mut half);
        mul(row_major(&half, r, r), row_major(&of_v, r, r).transpose(), &mut self.core);
        Some(parts.iter().map(|(.., misfit)| misfit).sum())
    }

    /// U diag(σ) Vᵀ without the singular values at rounding.
    fn decomposed(&self, noise: f64) -> Option<TruncatedSvd> {
        let r = self.rank;
        let core = thin_svd(&self.core, r, r)?;
        let rows = self.u.len() / r;
        let floor = noise * (rows as f64 * self.cols as f64).sqrt();
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
pub(super) fn multiplier(y: &[f64], low_rank: &TruncatedSvd, sparse: &[f64], lambda: f64, start: &[f64]) -> Option<Vec<f64>> {
    let free: Vec<bool> = sparse.iter().zip(y).map(|(s, y)| *s == 0.0 && !y.is_nan()).collect();
    let mut w: Vec<f64> = (0..y.len())
        .map(|at| {
            if free[at] {
                start[at]
            } else if y[at].is_nan() {
                0.0
            } else {
                lambda.copysign(sparse[at])
            }
        })
        .collect();
    let tangent = Tangent::new(low_rank);
    let right = tangent.sign_minus(&w);
    let h = tangent.solve_on(&free, right)?;
    tangent.add_on(&free, &h, &mut w);
    Some(w)
}

/// Whether W, a [`multiplier`] of X, looks like one of the convex problem: below λ off the support, and below 1 in norm off T. An
/// estimate by power iteration, for the solver's own use; the verdict is the certificate's.
pub(super) fn looks_dual(low_rank: &TruncatedSvd, sparse: &[f64], lambda: f64, w: &[f64]) -> bool {
    let largest = w.par_iter().zip(sparse).map(|(w, s)| if *s == 0.0 { w.abs() } else { 0.0 }).reduce(|| 0.0, f64::max);
    largest < lambda && Tangent::new(low_rank).norm_off_tangent(w) < 1.0
}

/// AᵀB of tall row-major matrices of different widths.
pub(super) fn cross(a: &[f64], p: usize, b: &[f64], q: usize) -> Vec<f64> {
    let rows = a.len() / p;
    let mut out = vec![0.0; p * q];
    mul_transpose(row_major(a, rows, p), row_major(b, rows, q), &mut out);
    out
}
