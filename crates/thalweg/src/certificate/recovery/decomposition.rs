//! The matrix X̂ with exactly orthonormal singular vectors for which a certificate stands.

use super::bounds::{norm, up};
use super::coordinates::Coordinates;
use super::minimiser::Check;
use crate::Factors;
use crate::linalg::{DoubleDouble, exponent, largest_magnitude, mul, rounding, row_major, scale, scale_all, symmetric_eigenvectors, thin_svd};
use crate::problem::Domain;

/// X of rank r as factors of that width, each with half of the singular values: what a certificate keeps. None if a decomposition fails.
pub fn leading_factors(x: &[f64], (d1, d2): (usize, usize), rank: usize) -> Option<Factors> {
    let mut factors = Factors::zeros(d1, d2, rank);
    if rank == 0 {
        return Some(factors);
    }
    // the norm of x may be far from 1
    let exponent = exponent(largest_magnitude(x))?;
    let near = scale_all(x, -exponent);
    let svd = thin_svd(&near, d1, d2)?;
    let width = d1.min(d2);
    let (u, v) = factors.split_mut();
    for k in 0..rank {
        let root = svd.singular_values[k].sqrt();
        (0..d1).for_each(|i| u[i * rank + k] = scale(root * svd.u[i * width + k], exponent / 2));
        (0..d2).for_each(|j| v[j * rank + k] = scale(root * svd.v[j * width + k], exponent - exponent / 2));
    }
    Some(factors)
}

/// X̂ = U diag(σ) Vᵀ, with U and V orthonormal up to `defect`.
pub(super) struct Spectral {
    pub u: Vec<f64>,
    pub v: Vec<f64>,
    pub sigma: Vec<f64>,
    /// ω with ‖UᵀU − I‖_F, ‖VᵀV − I‖_F ≤ ω: the nearest orthonormal factors are within ω.
    pub defect: f64,
}

impl Spectral {
    /// Whether two eigenvalues of a symmetric X̂ have one sign: V = U diag(±1).
    pub fn has_same_sign(&self, a: usize, b: usize) -> bool {
        let rank = self.sigma.len();
        let sign = |k: usize| (0..self.u.len() / rank).map(|i| self.u[i * rank + k] * self.v[i * rank + k]).sum::<f64>() > 0.0;
        sign(a) == sign(b)
    }
}

impl Check<'_> {
    /// The singular value decomposition of X̃ ≈ P1⁻¹ X P2⁻ᵀ, cut to the rank claimed; of symmetric X the eigenvectors, V = U diag(±1).
    pub(super) fn decompose(&self) -> Option<Spectral> {
        let (d1, d2) = self.measured.shape;
        let mut x = self.x.clone();
        if !self.coordinates.is_identity() {
            let mut halfway = vec![0.0; d1 * d2];
            mul(row_major(&self.coordinates.left.inverse, d1, d1), row_major(&self.x, d1, d2), &mut halfway);
            mul(row_major(&halfway, d1, d2), row_major(&self.coordinates.right.inverse, d2, d2).transpose(), &mut x);
        }
        let rank = self.rank;
        let (u, v, sigma) = if self.problem.domain == Domain::General {
            let svd = thin_svd(&x, d1, d2)?;
            let width = d1.min(d2);
            let leading = |a: &[f64], rows: usize| (0..rows).flat_map(|i| a[i * width..][..rank].to_vec()).collect::<Vec<f64>>();
            (leading(&svd.u, d1), leading(&svd.v, d2), svd.singular_values[..rank].to_vec())
        } else {
            let symmetric: Vec<f64> = (0..d1 * d1).map(|at| 0.5 * (x[at] + x[at % d1 * d1 + at / d1])).collect();
            let (values, vectors) = symmetric_eigenvectors(&symmetric, d1)?;
            let mut order: Vec<usize> = (0..d1).collect();
            order.sort_by(|&a, &b| values[b].abs().total_cmp(&values[a].abs()));
            if self.problem.domain == Domain::PositiveSemidefinite && order[..rank].iter().any(|&k| values[k] < 0.0) {
                return None;
            }
            let u: Vec<f64> = (0..d1 * rank).map(|at| vectors[order[at % rank] * d1 + at / rank]).collect();
            let v = u.iter().enumerate().map(|(at, u)| u * values[order[at % rank]].signum()).collect();
            (u, v, order[..rank].iter().map(|&k| values[k].abs()).collect())
        };
        if sigma.iter().any(|s| s.is_nan() || *s <= 0.0) {
            return None;
        }
        let defect = |a: &[f64]| {
            // in twice the precision: what is left is the defect, not the rounding of the sum
            let exact = |k: usize, l: usize| {
                let products = a.chunks_exact(rank).map(|row| DoubleDouble::from(row[k]) * DoubleDouble::from(row[l]));
                products.fold(DoubleDouble::from(if k == l { -1.0 } else { 0.0 }), |sum, x| sum + x).f64()
            };
            let gram: Vec<f64> = (0..rank * rank).map(|at| exact(at / rank, at % rank)).collect();
            up(norm(&gram) + 1e-25)
        };
        let defect = defect(&u).max(defect(&v));
        (defect < 1e-3).then_some(Spectral { u, v, sigma, defect })
    }

    /// ‖X − P1 X̂ P2ᵀ‖_F, with X̂ made of exactly orthonormal factors.
    pub(super) fn distance(&self, at: &Spectral) -> f64 {
        let (d1, d2) = self.measured.shape;
        let rank = self.rank;
        let weighted: Vec<f64> = at.u.iter().enumerate().map(|(k, u)| u * at.sigma[k % rank]).collect();
        let mut x = vec![0.0; d1 * d2];
        mul(row_major(&weighted, d1, rank), row_major(&at.v, d2, rank).transpose(), &mut x);
        let Coordinates { left, right, .. } = &self.coordinates;
        if !self.coordinates.is_identity() {
            let (inner, mut halfway) = (x, vec![0.0; d1 * d2]);
            x = vec![0.0; d1 * d2];
            mul(row_major(&left.p, d1, d1), row_major(&inner, d1, d2), &mut halfway);
            mul(row_major(&halfway, d1, d2), row_major(&right.p, d2, d2).transpose(), &mut x);
        }
        let difference: Vec<f64> = self.x.iter().zip(&x).map(|(a, b)| a - b).collect();
        let sigma = norm(&at.sigma);
        let products = if self.coordinates.is_identity() { rank + 4 } else { rank + d1 + d2 + 8 };
        let rounded = rounding(products) * 2.0 * left.norm * right.norm * sigma * (rank as f64).sqrt();
        // X itself is the rounded product of its factors, and its symmetric part
        let stored = rounding(rank + 4) * (norm(&self.x) + sigma * left.norm * right.norm) * 2.0 * (rank as f64).sqrt();
        up(norm(&difference) + rounded + stored + 2.5 * at.defect * sigma * left.norm * right.norm)
    }
}
