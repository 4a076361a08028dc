//! How flat is the loss here? Traces of the Hessian, and the flattest factors of a matrix.

use crate::data::stream;
use crate::linalg::{dot, fixed_order_sum, thin_svd};
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
    /// The mean of zᵀ∇²f z.
    pub trace: f64,
    /// Both ends of the interval that holds the trace with probability 0.95.
    pub interval: (f64, f64),
    /// Probes.
    pub probes: usize,
    /// Of the probes.
    pub seed: u64,
}

/// tr ∇²f(x) by Hutchinson's estimator: the mean of zᵀ∇²f(x)z over vectors z of random signs, one Hessian-vector product each.
///
/// The interval is Student's for the mean, its centre moved for the skewness of the sample (Johnson 1978): where few eigenvalues
/// dominate, zᵀHz is nearly χ², and the plain interval holds too rarely.
///
/// # Errors
/// [`Error::Parameter`] for fewer than 8 probes.
pub fn estimate_trace(objective: &dyn Objective, x: &[f64], probes: usize, seed: u64) -> Result<TraceEstimate, Error> {
    if probes < 8 {
        return Err(Error::Parameter { name: "probes", expected: "8 or more".into(), got: probes.to_string() });
    }
    let form = |probe: usize| {
        let mut rng = stream(seed, probe as u64);
        let z: Vec<f64> = (0..objective.dim()).map(|_| if rng.random::<bool>() { 1.0 } else { -1.0 }).collect();
        let mut image = vec![0.0; z.len()];
        objective.hessian_vec(x, &z, &mut image);
        dot(&z, &image)
    };
    let values: Vec<f64> = (0..probes).map(form).collect();
    let n = probes as f64;
    let trace = fixed_order_sum(&values) / n;
    let central = |power: i32| values.iter().map(|v| (v - trace).powi(power)).sum::<f64>() / n;
    let variance = central(2) * n / (n - 1.0);
    let shift = if variance > 0.0 { central(3) / (6.0 * variance * n) } else { 0.0 };
    let half = student_quantile(n - 1.0) * (variance / n).sqrt();
    Ok(TraceEstimate { trace, interval: (trace + shift - half, trace + shift + half), probes, seed })
}

/// The 0.975 quantile of Student's t, from that of the normal law (Abramowitz, Stegun, 26.7.5); to four digits from 7 degrees of freedom on.
fn student_quantile(freedom: f64) -> f64 {
    let z = 1.959_963_984_540_054f64;
    let terms = [(z.powi(3) + z) / 4.0, (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0, (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0];
    z + terms[0] / freedom + terms[1] / freedom.powi(2) + terms[2] / freedom.powi(3)
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
