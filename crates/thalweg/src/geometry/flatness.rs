//! How flat is the loss here? Traces of the Hessian, and the flattest factors of a matrix.

use crate::data::stream;
use crate::linalg::{dot, fixed_order_sum, orthonormalise, thin_svd};
use crate::map::{MeasurementMap, Rescaling};
use crate::problem::{BlockTrace, Objective};
use crate::{Error, Factors};
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// Exact traces of a Hessian.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flatness {
    /// tr ∇²f.
    pub trace: f64,
    /// Σ over the factors of the trace in their entries over their number of rows: (1/d1) tr_U + (1/d2) tr_V.
    pub scaled_trace: f64,
    /// What both are made of.
    pub blocks: Vec<BlockTrace>,
}

/// Trace and scaled trace of ∇²f(x) where the problem knows a closed form, at any x.
///
/// Source: FM, eq. (1.2) and lemma 3.1.
pub fn flatness(objective: &dyn Objective, x: &[f64]) -> Option<Flatness> {
    let blocks = objective.block_traces(x)?;
    let trace = blocks.iter().map(|block| block.trace).sum();
    let scaled_trace = blocks.iter().map(|block| block.trace / block.side as f64).sum();
    Some(Flatness { trace, scaled_trace, blocks })
}

/// A trace estimated from random probes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TraceEstimate {
    /// The estimate.
    pub trace: f64,
    /// Both ends of the interval that holds the trace with probability 0.95.
    pub interval: (f64, f64),
    /// Hessian-vector products.
    pub products: usize,
    /// Of the probes.
    pub seed: u64,
}

/// tr ∇²f(x) from Hessian-vector products: exactly on a random subspace that H = ∇²f(x) has turned towards its large eigenvalues, by
/// Hutchinson's estimator beside it.
///
/// ```text
/// Q = orth(HS),  tr H = tr QᵀHQ + tr (I − QQᵀ)H(I − QQᵀ),  the second from zᵀ(I − QQᵀ)H(I − QQᵀ)z with random signs z
/// ```
///
/// S and z take a third of the products each. The interval is Student's for the mean over z. Without Q it would hold too rarely where few
/// eigenvalues dominate: zᵀHz is then nearly χ².
///
/// # Errors
/// [`Error::Parameter`] for fewer than 24 products.
///
/// Source: Meyer, Musco, Musco, Woodruff (2021), algorithm 1.
pub fn estimate_trace(objective: &dyn Objective, x: &[f64], products: usize, seed: u64) -> Result<TraceEstimate, Error> {
    if products < 24 {
        return Err(Error::Parameter { name: "products", expected: "24 or more".into(), got: products.to_string() });
    }
    let n = objective.dim();
    let signs = |probe: usize| {
        let mut rng = stream(seed, probe as u64);
        (0..n).map(|_| if rng.random::<bool>() { 1.0 } else { -1.0 }).collect::<Vec<f64>>()
    };
    let times = |z: &[f64]| {
        let mut image = vec![0.0; n];
        objective.hessian_vec(x, z, &mut image);
        image
    };
    let width = (products / 3).min(n);
    let images: Vec<Vec<f64>> = (0..width).map(|probe| times(&signs(probe))).collect();
    let mut columns: Vec<f64> = (0..n * width).map(|at| images[at % width][at / width]).collect();
    orthonormalise(&mut columns, width);
    let basis: Vec<Vec<f64>> = (0..width).map(|k| columns.iter().skip(k).step_by(width).copied().collect()).collect();
    let known: Vec<f64> = basis.iter().map(|q| dot(q, &times(q))).collect();
    let form = |probe: usize| {
        let mut z = signs(probe);
        for q in &basis {
            let part = dot(q, &z);
            z.iter_mut().zip(q).for_each(|(z, q)| *z -= part * q);
        }
        dot(&z, &times(&z))
    };
    let rest: Vec<f64> = (products / 3..products / 3 + (products - 2 * (products / 3))).map(form).collect();
    let count = rest.len() as f64;
    let mean = fixed_order_sum(&rest) / count;
    let variance = rest.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let trace = fixed_order_sum(&known) + mean;
    let rounding = 1e-12 * known.iter().map(|k| k.abs()).sum::<f64>() + 1e-12 * mean.abs();
    let half = student_quantile(rest.len() - 1) * (variance / count).sqrt() + rounding;
    Ok(TraceEstimate { trace, interval: (trace - half, trace + half), products: 2 * width + rest.len(), seed })
}

/// The 0.975 quantile of Student's t, from that of the normal law (Abramowitz, Stegun, 26.7.5); 0.1 % off at 3 degrees of freedom, less above.
pub fn student_quantile(freedom: usize) -> f64 {
    let z = 1.959_963_984_540_054f64;
    let terms = [
        (z.powi(3) + z) / 4.0,
        (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0,
        (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0,
        (79.0 * z.powi(9) + 776.0 * z.powi(7) + 1482.0 * z.powi(5) - 1920.0 * z.powi(3) - 945.0 * z) / 92_160.0,
    ];
    terms.iter().zip(1..).fold(z, |sum, (term, power)| sum + term / (freedom as f64).powi(power))
}

/// The flattest factors of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Flattest {
    /// Factors of X with the least scaled trace that any factorisation of X has.
    pub factors: Factors,
    /// That trace under f = ½‖A(UVᵀ) − b‖²: 2‖M₁^½ X M₂^½‖_* / √(d1 d2), with M₁ = ΣAᵢAᵢᵀ, M₂ = ΣAᵢᵀAᵢ.
    pub scaled_trace: f64,
}

/// The flattest factors of X in the metric of a map: with D1 X D2 = PΣQᵀ, U = s D1⁺PΣ^½ and V = s⁻¹ D2⁺QΣ^½, `rank` columns each; s makes the
/// scaled traces in U and in V equal, and is 1 but for the means that D1 and D2 are divided by.
///
/// What lies in the kernel of D1 or D2 is lost: no measurement sees it. None if the map is zero or a decomposition fails.
///
/// # Errors
/// [`Error::Shape`] unless X fits the map, [`Error::Rank`].
///
/// Source: FM, theorem 3.1, item 3.
pub fn flattest_factors(map: &dyn MeasurementMap, x: &[f64], rank: usize) -> Result<Option<Flattest>, Error> {
    let (d1, d2) = map.shape();
    if x.len() != d1 * d2 {
        return Err(Error::Shape { what: "X", expected: (d1, d2), got: (x.len() / d2, d2) });
    }
    if rank == 0 || rank > d1.min(d2) {
        return Err(Error::Rank { rank, rows: d1, cols: d2 });
    }
    let Some(rescaling) = Rescaling::of(map) else { return Ok(None) };
    let weighted = rescaling.right.after(&rescaling.left.times(x, d2));
    let Some(svd) = thin_svd(&weighted, d1, d2) else { return Ok(None) };
    // the scaled trace is a²‖D1U‖² + c²‖D2V‖²
    let (a, c) = (rescaling.means.0 / (d2 as f64).sqrt(), rescaling.means.1 / (d1 as f64).sqrt());
    let width = d1.min(d2);
    let columns = |vectors: &[f64], rows: usize, scale: f64| -> Vec<f64> {
        (0..rows * rank).map(|at| scale * vectors[at / rank * width + at % rank] * svd.singular_values[at % rank].max(0.0).sqrt()).collect()
    };
    let u = rescaling.left_inverse.times(&columns(&svd.u, d1, (c / a).sqrt()), rank);
    let v = rescaling.right_inverse.times(&columns(&svd.v, d2, (a / c).sqrt()), rank);
    let factors = Factors::new(d1, d2, rank, [u, v].concat())?;
    let norm: f64 = svd.singular_values.iter().rev().sum();
    Ok(Some(Flattest { factors, scaled_trace: 2.0 * a * c * norm }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn student_quantiles() {
        for (freedom, quantile) in [(3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042)] {
            assert!((student_quantile(freedom) - quantile).abs() < 4e-3);
        }
    }
}
