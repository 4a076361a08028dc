//! Coordinates X = P1 X̃ P2ᵀ in which the objective is the nuclear norm of X̃, up to a factor that is bounded.
//!
//! In other coordinates, of Q = P (PᵀSP)^(−½) with S the second moment, it is that norm up to one number; ‖PᵀSP − I‖₂ ≤ τ bounds
//! Q = P(I + F) by ‖F‖₂ ≤ τ for τ ≤ 0.1. Either P is used and the factor allowed for, or Q and what F may do.

use super::bounds::{largest_eigenvalue_near, least_eigenvalue_near, norm, spectral_norm, up};
use super::measured::{Measured, Near};
use crate::linalg::{mul, mul_transpose, rounding, row_major, symmetric_eigenvectors};
use crate::problem::Norm;

/// One of the two factors.
#[derive(Clone)]
pub(super) struct Factor {
    /// P, d×d row-major.
    pub p: Vec<f64>,
    /// An approximate inverse, to find X̃; nothing is proved from it.
    pub inverse: Vec<f64>,
    /// √(‖P‖₁‖P‖_∞), rounded up: at least ‖P‖₂, and at least ‖|P|‖₂, by which the rounding errors of products with P grow.
    pub norm: f64,
    /// At least ‖P‖₂, and hardly more.
    pub spectral: f64,
    /// ‖P⁻¹‖₂ ≤ √(‖S‖/(1 − τ)), rounded up.
    pub inverse_norm: f64,
    /// τ with ‖PᵀSP − I‖₂ ≤ τ, S the exact second moment up to a scalar; 0 for the nuclear norm.
    pub deviation: f64,
    /// At least |m − 1|, m the mean of the eigenvalues of S^½ with S as in `deviation`: the exact D is S^½/m.
    pub mean_error: f64,
    pub d: usize,
}

/// Both factors.
pub(super) struct Coordinates {
    pub left: Factor,
    pub right: Factor,
    /// At least max ‖A(X)‖ / ‖X‖_*, where the second moments told it: ‖A(uvᵀ)‖² ≤ uᵀ(Σ AᵢAᵢᵀ)u for unit u, v.
    pub product_norm: Option<f64>,
}

impl Coordinates {
    /// None if a second moment is singular to working precision (and not merely for want of entries in a row or column).
    pub fn of(measured: &Measured, objective: Norm) -> Option<Self> {
        let (d1, d2) = measured.shape;
        match objective {
            Norm::Nuclear => Some(Coordinates { left: Factor::identity(d1), right: Factor::identity(d2), product_norm: None }),
            Norm::Flat => {
                let (left, right, diagonal) = measured.moments();
                let factor = |moment: &Near, d| if diagonal { Factor::diagonal(moment, d, measured.p) } else { Factor::full(moment, d) };
                let largest = |moment: &Near, d| if diagonal { norm(&moment.values) } else { spectral_norm(&moment.values, d) };
                let square = (largest(&left, d1) + left.error).min(largest(&right, d2) + right.error);
                let of_left = factor(&left, d1)?;
                let of_right = if left.values == right.values { of_left.clone() } else { factor(&right, d2)? };
                Some(Coordinates { left: of_left, right: of_right, product_norm: Some(up(square.sqrt())) })
            }
        }
    }

    /// μ − 1, where the ratio of ‖D1 X D2‖_* to ‖X̃‖_* varies by a factor of at most μ: √((1+τ1)(1+τ2)/((1−τ1)(1−τ2))) ≤ 1 + 1.5 (τ1+τ2) for
    /// τ ≤ 0.1.
    pub fn distortion(&self) -> f64 {
        let sum = self.left.deviation + self.right.deviation;
        if sum == 0.0 { 0.0 } else { up(1.5 * sum) }
    }

    /// At least ‖(I + F1)Z(I + F2)ᵀ − Z‖_F / ‖Z‖_F: τ1 + τ2 + τ1τ2.
    pub fn shift(&self) -> f64 {
        let sum = self.left.deviation + self.right.deviation;
        if sum == 0.0 { 0.0 } else { up(1.1 * sum) }
    }

    /// ζ with |‖D1 X D2‖_* / ‖X̃‖_* − 1| ≤ ζ in the coordinates of Q: the ratio is 1/(m1 m2), within 2(|m1 − 1| + |m2 − 1|) of 1 where that sum is at most 0.02. None
    /// beyond.
    pub fn doubt(&self) -> Option<f64> {
        let sum = if self.is_identity() { 0.0 } else { up(self.left.mean_error + self.right.mean_error) };
        (sum <= 0.02).then_some(2.0 * sum)
    }

    /// P1ᵀ G P2, with the error of G carried along.
    pub fn pulled_back(&self, g: &Near) -> Near {
        let (d1, d2) = (self.left.d, self.right.d);
        if self.is_identity() {
            return Near { values: g.values.clone(), error: g.error };
        }
        let (mut halfway, mut values) = (vec![0.0; d1 * d2], vec![0.0; d1 * d2]);
        mul_transpose(row_major(&self.left.p, d1, d1), row_major(&g.values, d1, d2), &mut halfway);
        mul(row_major(&halfway, d1, d2), row_major(&self.right.p, d2, d2), &mut values);
        let rounded = rounding(d1 + d2 + 4) * self.left.norm * self.right.norm * norm(&g.values);
        Near { values, error: up(rounded + self.left.norm * self.right.norm * g.error) }
    }

    /// Whether X̃ = X.
    pub fn is_identity(&self) -> bool {
        self.left.deviation == 0.0 && self.right.deviation == 0.0
    }
}

impl Factor {
    fn identity(d: usize) -> Self {
        let p: Vec<f64> = (0..d * d).map(|at| if at / d == at % d { 1.0 } else { 0.0 }).collect();
        Factor { inverse: p.clone(), norm: 1.0, spectral: 1.0, inverse_norm: 1.0, deviation: 0.0, mean_error: 0.0, d, p }
    }

    /// 1/√s; 1 where nothing was measured: such a row is bound by nothing, and 0 in every minimiser that keeps to the range of D.
    fn diagonal(moment: &Near, d: usize, terms: usize) -> Option<Self> {
        // D has mean 1, as the solvers' has
        let mean = moment.values.iter().map(|s| s.sqrt()).sum::<f64>() / d as f64;
        let root = |s: f64| s.sqrt() / mean;
        let fill = |f: &dyn Fn(f64) -> f64| {
            let mut out = vec![0.0; d * d];
            (0..d).for_each(|i| out[i * d + i] = if moment.values[i] > 0.0 { f(moment.values[i]) } else { 1.0 });
            out
        };
        let (p, inverse) = (fill(&|s| 1.0 / root(s)), fill(&root));
        // S is a sum of squares, a square root, a division: each relatively accurate
        let deviation = up(4.0 * rounding(terms + 8));
        let largest = inverse.iter().fold(1.0f64, |m, &x| m.max(x));
        let mean_error = up(4.0 * rounding(terms + d + 16));
        let norm = spectral_norm(&p, d);
        Some(Factor { norm, spectral: norm, inverse_norm: up(largest * (1.0 + deviation)), deviation, mean_error, d, inverse, p })
    }

    fn full(moment: &Near, d: usize) -> Option<Self> {
        let (eigenvalues, vectors) = symmetric_eigenvectors(&moment.values, d)?;
        // D has mean 1, as the solvers' has
        let mean = (eigenvalues.iter().map(|l| l.max(0.0).sqrt()).sum::<f64>() / d as f64).powi(2);
        let unit: Vec<f64> = moment.values.iter().map(|s| s / mean).collect();
        let eigenvalues: Vec<f64> = eigenvalues.iter().map(|l| l / mean).collect();
        if *eigenvalues.last()? <= 1e-10 * eigenvalues[0] {
            return None;
        }
        let power = |f: &dyn Fn(f64) -> f64| {
            let weighted: Vec<f64> = vectors.chunks_exact(d).zip(&eigenvalues).flat_map(|(q, &l)| q.iter().map(move |q| f(l) * q)).collect();
            let mut out = vec![0.0; d * d];
            mul_transpose(row_major(&weighted, d, d), row_major(&vectors, d, d), &mut out);
            out
        };
        let (p, inverse) = (power(&|l| 1.0 / l.sqrt()), power(&f64::sqrt));
        let (mut halfway, mut product) = (vec![0.0; d * d], vec![0.0; d * d]);
        mul(row_major(&unit, d, d), row_major(&p, d, d), &mut halfway);
        mul_transpose(row_major(&p, d, d), row_major(&halfway, d, d), &mut product);
        (0..d).for_each(|i| product[i * d + i] -= 1.0);
        let norm_p = spectral_norm(&p, d);
        let formed = norm_p * norm_p * (moment.error / mean + rounding(2) * norm(&unit));
        let deviation = up(norm(&product) + rounding(2 * d + 6) * norm_p * norm_p * norm(&unit) + formed);
        let (trace, moved) = (up((0..d).map(|k| unit[k * d + k]).sum()), up(moment.error / mean + rounding(2) * norm(&unit)));
        let largest = largest_eigenvalue_near(&unit, d, trace, eigenvalues[0], 1e-12)? + moved;
        let inverse_norm = up((largest / (1.0 - deviation)).max(0.0).sqrt());
        // ‖Pz‖² λ_min(S) ≤ zᵀPᵀSPz ≤ (1 + τ)‖z‖²
        let least = least_eigenvalue_near(&unit, d, trace, 0.999 * eigenvalues[d - 1])? - moved;
        let spectral = if least > 0.0 { up(((1.0 + deviation) / least).sqrt()).min(norm_p) } else { norm_p };
        let mean_error = mean_error(&inverse, &unit, moved, 0.999 * eigenvalues[d - 1].sqrt()).unwrap_or(f64::INFINITY);
        (deviation < 0.1).then_some(Factor { norm: norm_p, spectral, inverse_norm, deviation, mean_error, d, inverse, p })
    }
}

/// At least |tr(S^½)/d − 1| for ‖S − `unit`‖₂ ≤ `formed`, from B ≈ S^½: ‖S^½ − B‖₂ ≤ ‖S − B²‖₂ / λ_min(B) for symmetric positive definite B, the
/// eigenvalues of which are at least about `least`.
fn mean_error(root: &[f64], unit: &[f64], formed: f64, least: f64) -> Option<f64> {
    let d = unit.len().isqrt();
    let b: Vec<f64> = (0..d * d).map(|at| 0.5 * (root[at] + root[at % d * d + at / d])).collect();
    let mut square = vec![0.0; d * d];
    mul(row_major(&b, d, d), row_major(&b, d, d), &mut square);
    square.iter_mut().zip(unit).for_each(|(square, s)| *square -= s);
    let apart = up(norm(&square) + rounding(d + 4) * (norm(&b) * norm(&b) + norm(unit)) + formed);
    let trace: f64 = (0..d).map(|k| b[k * d + k]).sum();
    let mean = trace / d as f64;
    Some(up((mean - 1.0).abs() + rounding(d + 4) * mean.abs() + apart / least_eigenvalue_near(&b, d, up(trace), least)?))
}
