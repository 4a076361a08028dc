//! Planted factors, independent entries of a known law, and ratings made from them.

use super::random::stream;
use super::{Dense, Duplicates, Observed, Sparse, Triplet};
use crate::{Error, Factors};
use rand::RngExt;
use rand::seq::SliceRandom;
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

    /// CV² = σ²/μ²; infinite for mean 0.
    pub fn spread(self) -> f64 {
        self.variance() / self.mean().powi(2)
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

/// max(0, UVᵀ + s ε) entry by entry, ε standard normal from a stream of its own; s is `noise` times the root mean square of UVᵀ.
///
/// # Errors
/// [`Error::Parameter`] unless `noise` is finite and not negative.
pub fn with_noise(factors: &Factors, noise: f64, seed: u64, trial: u64) -> Result<Dense, Error> {
    if !(noise >= 0.0 && noise.is_finite()) {
        return Err(Error::Parameter { name: "noise", expected: "a finite number, not negative".into(), got: noise.to_string() });
    }
    let mut x = factors.product();
    let mean_square = x.iter().map(|x| x * x).sum::<f64>() / x.len().max(1) as f64;
    let scale = noise * mean_square.sqrt();
    let normals = StandardNormal.sample_iter(stream(seed, trial));
    x.iter_mut().zip(normals).for_each(|(x, z): (_, f64)| *x = (*x + scale * z).max(0.0));
    Dense::new(factors.rows(), factors.cols(), x)
}

/// `observed` ratings from 1 to 5 in halves. Row i and column j are seen with probabilities ∝ i^(−½) and j^(−½), each pair at most once; the
/// rating is 3.5 + z + 0.8 ε, rounded and clipped, with z an entry of a product of half-normal factors of rank `rank`, brought to mean 0 and
/// variance 1 over what is observed, and ε standard normal.
///
/// # Errors
/// [`Error::Rank`] for rank 0, [`Error::Parameter`] if more than half of all pairs are asked for.
pub fn planted_ratings((rows, cols): (usize, usize), observed: usize, rank: usize, seed: u64) -> Result<Observed<f64>, Error> {
    if observed > rows * cols / 2 {
        let expected = format!("at most half of {rows}x{cols}");
        return Err(Error::Parameter { name: "observed", expected, got: observed.to_string() });
    }
    let truth = planted_factors(Law::HalfNormal, (rows, cols), rank, seed, 0)?;
    let places = popular_places((rows, cols), observed, seed);
    let products: Vec<f64> = places
        .iter()
        .map(|&(i, j)| {
            let (u, v) = truth.row_pair(i, j);
            u.iter().zip(v).map(|(u, v)| u * v).sum()
        })
        .collect();
    let count = products.len().max(1) as f64;
    let mean = products.iter().sum::<f64>() / count;
    let sd = (products.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / count).sqrt().max(f64::MIN_POSITIVE);
    let mut rng = stream(seed, 2);
    let rate = |z: f64, noise: f64| (2.0 * (3.5 + (z - mean) / sd + 0.8 * noise)).round().clamp(2.0, 10.0) / 2.0;
    let rated =
        places.iter().zip(&products).map(|(&(i, j), &z)| Triplet { row: i as u32, col: j as u32, value: rate(z, StandardNormal.sample(&mut rng)) });
    let (entries, _) = Sparse::from_triplets(rows, cols, rated.collect(), Duplicates::Sum)?;
    Ok(Observed { entries, weights: None })
}

/// Distinct pairs, row by row. The square of a uniform number has the density ∝ x^(−½).
fn popular_places((rows, cols): (usize, usize), count: usize, seed: u64) -> Vec<(usize, usize)> {
    let mut rng = stream(seed, 1);
    let mut places: Vec<(usize, usize)> = Vec::new();
    while places.len() < count {
        let missing = count - places.len();
        let mut popular = |size: usize| (rng.random::<f64>().powi(2) * size as f64) as usize;
        places.extend((0..missing + missing / 4 + 1).map(|_| (popular(rows), popular(cols))));
        places.sort_unstable();
        places.dedup();
    }
    // which ones are too many is a matter of chance, not of their place
    let (kept, _) = places.partial_shuffle(&mut rng, count);
    let mut kept = kept.to_vec();
    kept.sort_unstable();
    kept
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

    #[test]
    fn noise_is_relative_and_leaves_nothing_negative() -> Result<(), Error> {
        let truth = planted_factors(Law::Exponential, (200, 150), 6, 1, 0)?;
        assert_eq!(with_noise(&truth, 0.0, 1, 1)?.values(), truth.product());
        let (exact, noisy) = (truth.product(), with_noise(&truth, 0.1, 1, 1)?);
        let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
        let relative = norm(&mut noisy.values().iter().zip(&exact).map(|(a, b)| a - b)) / norm(&mut exact.iter().copied());
        assert!((relative - 0.1).abs() < 0.002, "{relative}");
        assert!(with_noise(&truth, 3.0, 1, 1)?.values().iter().all(|&x| x >= 0.0));
        assert!(matches!(with_noise(&truth, f64::NAN, 1, 1), Err(Error::Parameter { .. })));
        Ok(())
    }

    #[test]
    fn ratings_are_as_many_as_asked_and_popular_first() {
        let ratings = planted_ratings((400, 300), 12_000, 5, 1).expect("ratings");
        let rows = &ratings.entries.by_row;
        let counts: Vec<usize> = (0..400).map(|i| rows.row(i).0.len()).collect();
        let values: Vec<f64> = (0..400).flat_map(|i| rows.row(i).1.to_vec()).collect();
        assert_eq!(values.len(), 12_000);
        assert!(values.iter().all(|v| (2.0 * v).fract() == 0.0 && (1.0..=5.0).contains(v)));
        // clipping takes more from above than from below
        assert!((values.iter().sum::<f64>() / 12_000.0 - 3.5).abs() < 0.2);
        assert!(counts[..100].iter().sum::<usize>() > counts[300..].iter().sum::<usize>() * 2);
        assert!(matches!(planted_ratings((4, 5), 11, 1, 0), Err(Error::Parameter { .. })));
    }
}
