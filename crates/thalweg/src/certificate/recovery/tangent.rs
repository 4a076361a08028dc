//! The multiplier and the measurements against the tangent space T at X̂: θ, η and α of the theorem.

use super::bounds::{ROOM, floor_of_gram, gram_of, largest_eigenvalue, largest_singular_value, norm, up};
use super::coordinates::Coordinates;
use super::decomposition::Spectral;
use super::measured::Near;
use super::minimiser::Check;
use crate::linalg::{mul, mul_transpose, rounding, row_major};
use crate::problem::Domain;

impl Check<'_> {
    /// θ ≥ ‖P_T⊥ Y‖ (over semidefinite X its largest eigenvalue).
    pub(super) fn off_tangent(&self, dual: &Near, at: &Spectral) -> Option<f64> {
        let (d1, d2) = self.measured.shape;
        let rank = self.rank;
        let size = norm(&dual.values);
        let (u, v) = (row_major(&at.u, d1, rank), row_major(&at.v, d2, rank));
        let mut w = dual.values.clone();
        let mut inner = vec![0.0; rank * d2];
        mul_transpose(u, row_major(&w, d1, d2), &mut inner);
        let mut part = vec![0.0; d1 * d2];
        mul(u, row_major(&inner, rank, d2), &mut part);
        w.iter_mut().zip(&part).for_each(|(w, p)| *w -= p);
        let mut outer = vec![0.0; d1 * rank];
        mul(row_major(&w, d1, d2), v, &mut outer);
        mul(row_major(&outer, d1, rank), v.transpose(), &mut part);
        w.iter_mut().zip(&part).for_each(|(w, p)| *w -= p);
        // projectors of orthonormal factors within `defect` of these differ by at most 2.1 of it; four products of width d or r
        let error = up(dual.error * 1.01 + size * (5.0 * at.defect + 4.0 * rounding(d1 + d2 + 2 * rank + 8) * rank as f64));
        let theta = match self.problem.domain {
            Domain::PositiveSemidefinite => largest_eigenvalue_of(&w, d1)?,
            _ => largest_singular_value(&w, d2)?,
        };
        Some(up(theta + error))
    }

    /// At least the dual norm of Y near a minimiser, where ‖Y‖ ≤ ‖UVᵀ + P_T⊥Y‖ + η ≤ max(1, θ) + η is sharp; [`Self::whole_norm`] elsewhere.
    pub(super) fn dual_norm(&self, dual: &Near, theta: f64, eta: f64) -> Option<f64> {
        const SHARP: f64 = 1e-9;
        if eta < SHARP { Some(up(theta.max(1.0) + eta)) } else { self.whole_norm(dual) }
    }

    /// At least the dual norm of Y: over semidefinite X its largest eigenvalue, or 0.
    pub(super) fn whole_norm(&self, dual: &Near) -> Option<f64> {
        let (d1, d2) = self.measured.shape;
        let whole = match self.problem.domain {
            Domain::PositiveSemidefinite => largest_eigenvalue_of(&dual.values, d1)?,
            _ => largest_singular_value(&dual.values, d2)?,
        };
        Some(up(whole + dual.error + rounding(4) * norm(&dual.values)))
    }

    /// η ≥ ‖P_T Y − UVᵀ‖_F ≤ ‖UᵀY − Vᵀ‖_F + ‖YV − U‖_F.
    pub(super) fn tangent_defect(&self, dual: &Near, at: &Spectral) -> f64 {
        let (d1, d2) = self.measured.shape;
        let rank = self.rank;
        let y = row_major(&dual.values, d1, d2);
        let (mut rows, mut columns) = (vec![0.0; d2 * rank], vec![0.0; d1 * rank]);
        mul_transpose(y, row_major(&at.u, d1, rank), &mut rows);
        mul(y, row_major(&at.v, d2, rank), &mut columns);
        rows.iter_mut().zip(&at.v).for_each(|(a, v)| *a -= v);
        columns.iter_mut().zip(&at.u).for_each(|(a, u)| *a -= u);
        let size = norm(&dual.values);
        let rounded = rounding(d1 + d2 + 4) * (size + 1.0) * 2.0 * (rank as f64).sqrt();
        up(norm(&rows) + norm(&columns) + rounded + 2.0 * dual.error + 2.5 * at.defect * (size + 2.0))
    }

    /// α with ‖A(P1 Z P2ᵀ)‖ ≥ α‖Z‖_F for Z in T.
    pub(super) fn injectivity(&self, at: &Spectral) -> Option<f64> {
        let (d1, d2) = self.measured.shape;
        let rank = self.rank;
        let Coordinates { left, right, .. } = &self.coordinates;
        let symmetric = self.problem.domain != Domain::General;
        let width = if symmetric { d1 * rank } else { (d1 + d2) * rank };
        let diagonal = |p: &[f64], d: usize| (0..d).map(|k| p[k * d + k]).collect::<Vec<f64>>();
        let by = (&diagonal(&left.p, d1)[..], &diagonal(&right.p, d2)[..]);
        let correction = |weight: f64| up(weight * (3.0 * at.defect + rounding(4 * rank + 8) * rank as f64));
        let (mut gram, is_of_entries) = match self.measured.gram_of_entries(by, &at.u, &at.v, rank) {
            Some(gram) => (gram, true),
            None => (gram_of(row_major(&self.tangent_rows(at, symmetric), self.measured.p, width)), false),
        };
        let weight = (0..width).map(|k| gram[k * width + k]).sum::<f64>() / width as f64;
        if symmetric && !is_of_entries {
            add_skew_gauge(&mut gram, &at.v, rank, weight);
        } else {
            // rows are not projected: on coordinates (P, Q) with QᵀV = 0 that is the same
            add_inside_gauge(&mut gram, &at.v, d1, rank, weight);
        }
        let bound = floor_of_gram(&gram, width, self.measured.p)? - correction(weight);
        if bound <= 0.0 {
            return None;
        }
        let sizes = left.norm * right.norm * self.measured.size * (rank as f64).sqrt();
        // ‖|2I − VVᵀ|‖₂ ≤ 2 + r
        let growth = if symmetric { 8.0f64.max(2.0 + rank as f64) } else { 8.0 };
        let error = up((growth * rounding(2 * (d1 + d2) + 4 * rank + 16) + 8.0 * at.defect) * sizes);
        // over symmetric Z = sym(PUᵀ), ‖Z‖² ≤ 2‖P‖²
        let alpha = (bound.sqrt() * (1.0 - ROOM) - error) * if symmetric { 0.5f64.sqrt() } else { 1.0 };
        let shifted = up(self.shift() * self.size());
        (alpha > shifted).then_some((alpha - shifted) * (1.0 - ROOM))
    }

    /// Row i: the coordinates of P1ᵀ Aᵢ P2 as a form on T.
    fn tangent_rows(&self, at: &Spectral, symmetric: bool) -> Vec<f64> {
        let ((d1, d2), rank, p) = (self.measured.shape, self.rank, self.measured.p);
        let Coordinates { left, right, .. } = &self.coordinates;
        let is_identity = self.coordinates.is_identity();
        let (of_v, of_u) = (product(&right.p, &at.v, rank), product(&left.p, &at.u, rank));
        let reflection = if symmetric { reflection(&at.v, rank) } else { Vec::new() };
        let mut rows = Vec::with_capacity(p * if symmetric { d1 } else { d1 + d2 } * rank);
        // few at a time: what is read for one side is still close by for the other
        for some in (0..p).step_by(TOGETHER).map(|start| start..p.min(start + TOGETHER)) {
            let along = pulled(self.measured.along(some.clone(), &of_v, rank), &left.p, rank, is_identity);
            if symmetric {
                // (2 I − UUᵀ) ÃᵢU for Z = sym(P Uᵀ); V = U diag(±1) differs from U by signs that change no norm
                rows.extend(pulled(along, &reflection, rank, false));
                continue;
            }
            let across = pulled(self.measured.across(some, &of_u, rank), &right.p, rank, is_identity);
            for (along, across) in along.chunks_exact(d1 * rank).zip(across.chunks_exact(d2 * rank)) {
                rows.extend_from_slice(along);
                rows.extend_from_slice(across);
            }
        }
        rows
    }
}

/// An upper bound on the largest eigenvalue of the symmetric part, at least 0.
fn largest_eigenvalue_of(g: &[f64], d: usize) -> Option<f64> {
    let symmetric: Vec<f64> = (0..d * d).map(|k| 0.5 * (g[k] + g[k % d * d + k / d])).collect();
    largest_eigenvalue(&symmetric, d, up(norm(g) * (d as f64).sqrt()))
}

/// P·C of a d×d matrix and a row-major d×r one.
pub(super) fn product(p: &[f64], c: &[f64], rank: usize) -> Vec<f64> {
    let d = c.len() / rank;
    let mut out = vec![0.0; c.len()];
    mul(row_major(p, d, d), row_major(c, d, rank), &mut out);
    out
}

/// Measurements whose products with a factor are formed at once.
const TOGETHER: usize = 32;

/// PᵀB of each row B (d×r) of `rows`.
pub(super) fn pulled(mut rows: Vec<f64>, p: &[f64], rank: usize, is_identity: bool) -> Vec<f64> {
    if is_identity {
        return rows;
    }
    let d = p.len().isqrt();
    let (mut beside, mut out) = (vec![0.0; TOGETHER * d * rank], vec![0.0; TOGETHER * d * rank]);
    for some in rows.chunks_mut(TOGETHER * d * rank) {
        let width = some.len() / d;
        let place = |at: usize| at % d * width + at / d * rank;
        some.chunks_exact(rank).enumerate().for_each(|(at, row)| beside[place(at)..][..rank].copy_from_slice(row));
        mul_transpose(row_major(p, d, d), row_major(&beside[..some.len()], d, width), &mut out[..some.len()]);
        some.chunks_exact_mut(rank).enumerate().for_each(|(at, row)| row.copy_from_slice(&out[place(at)..][..rank]));
    }
    rows
}

/// 2I − VVᵀ.
fn reflection(v: &[f64], rank: usize) -> Vec<f64> {
    let d = v.len() / rank;
    let mut out = vec![0.0; d * d];
    mul(row_major(v, d, rank), row_major(v, d, rank).transpose(), &mut out);
    out.iter_mut().enumerate().for_each(|(at, x)| *x = if at / d == at % d { 2.0 - *x } else { -*x });
    out
}

/// V·C of a row-major d×r matrix and a small r×r one.
pub(super) fn times(v: &[f64], small: &[f64], rank: usize) -> Vec<f64> {
    let mut out = vec![0.0; v.len()];
    mul(row_major(v, v.len() / rank, rank), row_major(small, rank, rank), &mut out);
    out
}

/// M + weight · (0 ⊕ VVᵀ ⊗ I): added is zero on the coordinates (P, Q) with QᵀV = 0 of T, and positive on the others.
fn add_inside_gauge(gram: &mut [f64], v: &[f64], d1: usize, rank: usize, weight: f64) {
    let d2 = v.len() / rank;
    let (n, start) = ((d1 + d2) * rank, d1 * rank);
    for i in 0..d2 {
        for j in 0..d2 {
            let inner: f64 = (0..rank).map(|k| v[i * rank + k] * v[j * rank + k]).sum();
            (0..rank).for_each(|k| gram[(start + i * rank + k) * n + start + j * rank + k] += weight * inner);
        }
    }
}

/// M + weight · CᵀC, C the skew part of VᵀP: added is zero on the coordinates P of symmetric matrices.
fn add_skew_gauge(gram: &mut [f64], v: &[f64], rank: usize, weight: f64) {
    let n = v.len();
    for a in 0..rank {
        for b in a + 1..rank {
            let mut form = vec![0.0; n];
            for i in 0..n / rank {
                form[i * rank + b] = v[i * rank + a] * 0.5f64.sqrt();
                form[i * rank + a] = -v[i * rank + b] * 0.5f64.sqrt();
            }
            for (at, &f) in form.iter().enumerate().filter(|(_, f)| **f != 0.0) {
                gram[at * n..][..n].iter_mut().zip(&form).for_each(|(g, other)| *g += weight * f * other);
            }
        }
    }
}
