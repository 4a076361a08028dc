//! The matrix X̂ with exactly orthonormal singular vectors for which a certificate stands.

use super::bounds::{norm, up};
use super::coordinates::Coordinates;
use super::minimiser::Check;
use super::tangent::{product, times};
use crate::Factors;
use crate::linalg::{
    DoubleDouble, exponent, gram_between, largest_magnitude, mul, rounding, row_major, scale, scale_all, svd_of_rank, symmetric_eigenvectors,
    thin_qr, thin_svd,
};
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
    let svd = match svd_of_rank(&near, d1, d2, rank) {
        Some(svd) => svd,
        None => thin_svd(&near, d1, d2)?,
    };
    let width = svd.singular_values.len();
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
    /// The singular value decomposition of X̃ = (P1⁻¹U)(P2⁻¹V)ᵀ from the factors; of symmetric X the eigenvectors, V = U diag(±1).
    pub(super) fn decompose(&self) -> Option<Spectral> {
        let ((d1, d2), rank) = (self.measured.shape, self.rank);
        let Coordinates { left, right, .. } = &self.coordinates;
        let moved = |inverse: &[f64], factor: &[f64]| if self.coordinates.is_identity() { factor.to_vec() } else { product(inverse, factor, rank) };
        let (first, second) = (moved(&left.inverse, &self.factors.0), moved(&right.inverse, &self.factors.1));
        let (q, r) = thin_qr(&first, d1, rank);
        let (u, v, sigma) = if self.problem.domain == Domain::General {
            let (other, s) = thin_qr(&second, d2, rank);
            let mut inner = vec![0.0; rank * rank];
            mul(row_major(&r, rank, rank), row_major(&s, rank, rank).transpose(), &mut inner);
            let svd = thin_svd(&inner, rank, rank)?;
            (times(&q, &svd.u, rank), times(&other, &svd.v, rank), svd.singular_values)
        } else {
            // QᵀX̃Q of X̃ = sym(QR·(P⁻¹V)ᵀ)
            let (mut inner, beside) = (vec![0.0; rank * rank], gram_between(&second, &q, rank));
            mul(row_major(&r, rank, rank), row_major(&beside, rank, rank), &mut inner);
            let symmetric: Vec<f64> = (0..rank * rank).map(|at| 0.5 * (inner[at] + inner[at % rank * rank + at / rank])).collect();
            let (values, vectors) = symmetric_eigenvectors(&symmetric, rank)?;
            let mut order: Vec<usize> = (0..rank).collect();
            order.sort_by(|&a, &b| values[b].abs().total_cmp(&values[a].abs()));
            if self.problem.domain == Domain::PositiveSemidefinite && values.iter().any(|&value| value < 0.0) {
                return None;
            }
            let rotation: Vec<f64> = (0..rank * rank).map(|at| vectors[order[at % rank] * rank + at / rank]).collect();
            let u = times(&q, &rotation, rank);
            let v = u.iter().enumerate().map(|(at, u)| u * values[order[at % rank]].signum()).collect();
            (u, v, order.iter().map(|&k| values[k].abs()).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Σ σₖ cₖcₖᵀ with cosines c₁, c₂, …, which are orthonormal.
    fn with_singular_values(d: usize, sigma: &[f64]) -> Vec<f64> {
        let cosine = |k: usize, i: usize| (2.0 / d as f64).sqrt() * (std::f64::consts::PI * (k + 1) as f64 * (i as f64 + 0.5) / d as f64).cos();
        let entry = |i: usize, j: usize| sigma.iter().enumerate().map(|(k, s)| s * cosine(k, i) * cosine(k, j)).sum();
        (0..d * d).map(|at| entry(at / d, at % d)).collect()
    }

    #[test]
    fn leading_factors_of_matrices_with_and_without_a_remainder() {
        let d = 12;
        for (sigma, left) in [(vec![3.0, 1e-8], 0.0), (vec![3.0, 1.0, 1e-6], 1e-6), (vec![1.0; 5], 3f64.sqrt())] {
            let x = with_singular_values(d, &sigma);
            let factors = leading_factors(&x, (d, d), 2).unwrap();
            let mut product = vec![0.0; d * d];
            mul(row_major(factors.split().0, d, 2), row_major(factors.split().1, d, 2).transpose(), &mut product);
            let apart = x.iter().zip(&product).map(|(x, p)| (x - p).powi(2)).sum::<f64>().sqrt();
            assert!((apart - left).abs() < 1e-14 * sigma[0], "{sigma:?}: {apart}");
            for k in 0..2 {
                let length = |side: &[f64]| side.iter().skip(k).step_by(2).map(|x| x * x).sum::<f64>().sqrt();
                let value = length(factors.split().0) * length(factors.split().1);
                assert!((value - sigma[k]).abs() < 1e-14 * sigma[0], "{sigma:?}: {value}");
            }
        }
    }
}
