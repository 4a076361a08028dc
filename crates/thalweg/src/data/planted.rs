//! Planted factors: independent entries of a known law.

use super::random::stream;
use crate::{Error, Factors};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use std::f64::consts::{E, FRAC_1_SQRT_2, FRAC_2_PI};

/// The law of the entries of a factor, each a function of one standard normal z.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Law {
    /// |z|.
    HalfNormal,
    /// Uniform on [0, 1]: Φ(z).
    Uniform,
    /// |1 + z|.
    FoldedNormal,
    /// Exponential of mean 1: −ln Φ(−z).
    Exponential,
    /// 1 with this probability, else 0.
    Bernoulli(f64),
    /// eᶻ.
    LogNormal,
    /// Lomax with exponent 3: Φ(−z)^(−1/3) − 1. Its variance is finite, its third moment is not.
    Pareto,
    /// z, of either sign: outside of what the theorems assume.
    Gaussian,
}

/// One of each.
pub const LAWS: &[Law] =
    &[Law::HalfNormal, Law::Uniform, Law::FoldedNormal, Law::Exponential, Law::Bernoulli(0.2), Law::LogNormal, Law::Pareto, Law::Gaussian];

/// Φ.
fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

impl Law {
    /// In words and tables.
    pub fn name(self) -> String {
        match self {
            Law::HalfNormal => "half-normal".into(),
            Law::Uniform => "uniform".into(),
            Law::FoldedNormal => "|N(1, 1)|".into(),
            Law::Exponential => "exponential".into(),
            Law::Bernoulli(p) => format!("Bernoulli({p})"),
            Law::LogNormal => "lognormal".into(),
            Law::Pareto => "Pareto(3)".into(),
            Law::Gaussian => "Gaussian (signed)".into(),
        }
    }

    /// The entry that a standard normal z becomes.
    pub fn of(self, z: f64) -> f64 {
        match self {
            Law::HalfNormal => z.abs(),
            Law::Uniform => normal_cdf(z),
            Law::FoldedNormal => (1.0 + z).abs(),
            Law::Exponential => -normal_cdf(-z).ln(),
            Law::Bernoulli(p) => f64::from(normal_cdf(z) < p),
            Law::LogNormal => z.exp(),
            Law::Pareto => normal_cdf(-z).powf(-1.0 / 3.0) - 1.0,
            Law::Gaussian => z,
        }
    }

    /// μ.
    pub fn mean(self) -> f64 {
        match self {
            Law::HalfNormal => FRAC_2_PI.sqrt(),
            Law::Uniform | Law::Pareto => 0.5,
            Law::FoldedNormal => FRAC_2_PI.sqrt() * (-0.5f64).exp() + libm::erf(FRAC_1_SQRT_2),
            Law::Exponential => 1.0,
            Law::Bernoulli(p) => p,
            Law::LogNormal => 0.5f64.exp(),
            Law::Gaussian => 0.0,
        }
    }

    /// σ².
    pub fn variance(self) -> f64 {
        match self {
            Law::HalfNormal => 1.0 - FRAC_2_PI,
            Law::Uniform => 1.0 / 12.0,
            Law::FoldedNormal => 2.0 - self.mean().powi(2),
            Law::Exponential | Law::Gaussian => 1.0,
            Law::Bernoulli(p) => p * (1.0 - p),
            Law::LogNormal => (E - 1.0) * E,
            Law::Pareto => 0.75,
        }
    }
}

/// U (m×r) and V (n×r) with independent entries of this law, drawn from a stream of their own.
///
/// # Errors
/// [`Error::Rank`] for rank 0.
pub fn planted_factors(law: Law, (rows, cols): (usize, usize), rank: usize, seed: u64, trial: u64) -> Result<Factors, Error> {
    let mut rng = stream(seed, trial);
    let normals = StandardNormal.sample_iter(&mut rng);
    let entries = normals.map(|z: f64| law.of(z)).take((rows + cols) * rank).collect();
    Factors::new(rows, cols, rank, entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_draws() {
        for &law in LAWS {
            let drawn = planted_factors(law, (30_000, 10_000), 5, 3, 0).expect("factors");
            let entries = drawn.as_slice();
            let count = entries.len() as f64;
            let mean = entries.iter().sum::<f64>() / count;
            let variance = entries.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
            let error = (law.variance() / count).sqrt();
            assert!((mean - law.mean()).abs() < 5.0 * error, "{}: {mean} and {}", law.name(), law.mean());
            // where the fourth moment is finite or nearly so
            let slack = if matches!(law, Law::Pareto | Law::LogNormal) { 0.2 } else { 0.02 };
            assert!((variance / law.variance() - 1.0).abs() < slack, "{}: {variance} and {}", law.name(), law.variance());
        }
    }
}
