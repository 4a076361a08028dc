//! Random maps, and random matrices for them to measure: the models in which recovery is studied.

use super::{Gaussian, MeasurementMap, OuterProducts, Sampling};
use crate::Error;
use crate::data::stream;
use crate::linalg::{mul, row_major};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// A law of measurement maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ensemble {
    /// Aᵢ with independent standard normal entries.
    Sensing,
    /// aᵢ cᵢᵀ with independent standard normal a, c.
    Bilinear,
    /// xᵢ xᵢᵀ with independent standard normal x, X symmetric: networks with quadratic activation.
    Quadratic,
    /// Each entry of X is seen or not, independently of the others.
    Completion,
}

/// Every law, with its name.
pub const ENSEMBLES: &[(Ensemble, &str)] =
    &[(Ensemble::Sensing, "sensing"), (Ensemble::Bilinear, "bilinear"), (Ensemble::Quadratic, "quadratic"), (Ensemble::Completion, "completion")];

/// Streams under one seed: maps take the even trials, matrices the odd ones.
const OF_MAP: u64 = 0;
const OF_MATRIX: u64 = 1;

impl Ensemble {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        ENSEMBLES.iter().find(|(ensemble, _)| *ensemble == self).expect("every law is listed").1
    }

    /// Whether X is symmetric.
    pub fn is_symmetric(self) -> bool {
        self == Ensemble::Quadratic
    }

    /// Numbers that determine X.
    pub fn unknowns(self, (d1, d2): (usize, usize)) -> usize {
        if self.is_symmetric() { d1 * (d1 + 1) / 2 } else { d1 * d2 }
    }

    /// Numbers that determine X of rank r: r(d1 + d2 − r), or rd − r(r − 1)/2 for symmetric X.
    pub fn degrees_of_freedom(self, (d1, d2): (usize, usize), rank: usize) -> usize {
        if self.is_symmetric() { rank * d1 - rank * rank.saturating_sub(1) / 2 } else { rank * (d1 + d2 - rank) }
    }

    /// How many measurements a rate of 1 stands for: max(d1, d2), or in completion every entry.
    pub fn unit(self, (d1, d2): (usize, usize)) -> f64 {
        if self == Ensemble::Completion { (d1 * d2) as f64 } else { d1.max(d2) as f64 }
    }

    /// A map of `rate`·[`unit`](Self::unit) measurements. In completion the rate is the expected share of entries seen; with `skew` s, entry
    /// (i, j) is seen with probability min(1, c·(i+1)^−s (j+1)^−s), c such that the mean is the rate. None if no entry is seen.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a rate that gives no measurement (in completion, outside (0, 1]) or a negative skew, [`Error::Empty`].
    pub fn draw(self, shape: (usize, usize), rate: f64, skew: f64, seed: u64, trial: u64) -> Result<Option<Box<dyn MeasurementMap>>, Error> {
        let (d1, d2) = shape;
        let mut rng = stream(seed, 2 * trial + OF_MAP);
        let p = (rate * self.unit(shape)).round();
        let fits = if self == Ensemble::Completion { rate > 0.0 && rate <= 1.0 } else { (1.0..1e9).contains(&p) };
        if !fits {
            return Err(Error::Parameter { name: "rate", expected: "1 measurement or more, of entries a share".into(), got: rate.to_string() });
        }
        if !(skew >= 0.0 && skew.is_finite()) {
            return Err(Error::Parameter { name: "skew", expected: "a number, not negative".into(), got: skew.to_string() });
        }
        let p = p as usize;
        let mut normals = |count: usize| (0..count).map(|_| StandardNormal.sample(&mut rng)).collect::<Vec<f64>>();
        Ok(Some(match self {
            Ensemble::Sensing => Box::new(Gaussian::new(p, shape, normals(p * d1 * d2))?),
            Ensemble::Bilinear => Box::new(OuterProducts::bilinear(p, shape, normals(p * d1), normals(p * d2))?),
            Ensemble::Quadratic => Box::new(OuterProducts::quadratic(p, d1, normals(p * d1))?),
            Ensemble::Completion => {
                let (rows, cols) = seen(shape, rate, skew, &mut rng);
                if rows.is_empty() {
                    return Ok(None);
                }
                let weights = vec![1.0; rows.len()];
                Box::new(Sampling::new(shape, rows, cols, weights)?)
            }
        }))
    }
}

/// Which entries are seen.
fn seen((d1, d2): (usize, usize), rate: f64, skew: f64, rng: &mut impl Rng) -> (Vec<u32>, Vec<u32>) {
    let weight = |i: usize| (i as f64 + 1.0).powf(-skew);
    let probability = |scale: f64, i: usize, j: usize| (scale * weight(i) * weight(j)).min(1.0);
    let positions = || (0..d1).flat_map(|i| (0..d2).map(move |j| (i, j)));
    let mean = |scale: f64| positions().map(|(i, j)| probability(scale, i, j)).sum::<f64>() / (d1 * d2) as f64;
    // the mean grows with the scale, from 0 to 1
    let (mut low, mut high) = (0.0, 1.0 / (weight(d1) * weight(d2)));
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if mean(middle) < rate { low = middle } else { high = middle }
    }
    let scale = if skew == 0.0 { rate } else { high };
    positions().filter(|&(i, j)| rng.random::<f64>() < probability(scale, i, j)).map(|(i, j)| (i as u32, j as u32)).unzip()
}

/// G₁G₂ᵀ, or for symmetric X G diag(±1) Gᵀ with a third of the signs (rounded down) negative, divided by its Frobenius norm; G standard
/// normal. Row-major.
pub fn planted_matrix(ensemble: Ensemble, (d1, d2): (usize, usize), rank: usize, seed: u64, trial: u64) -> Vec<f64> {
    let mut rng = stream(seed, 2 * trial + OF_MATRIX);
    let left: Vec<f64> = (0..d1 * rank).map(|_| StandardNormal.sample(&mut rng)).collect();
    let right: Vec<f64> = if ensemble.is_symmetric() {
        let negative = rank - rank / 3;
        left.iter().enumerate().map(|(at, x)| if at % rank < negative { *x } else { -x }).collect()
    } else {
        (0..d2 * rank).map(|_| StandardNormal.sample(&mut rng)).collect()
    };
    let mut x = vec![0.0; d1 * d2];
    mul(row_major(&left, d1, rank), row_major(&right, d2, rank).transpose(), &mut x);
    if ensemble.is_symmetric() {
        x = (0..d1 * d2).map(|at| 0.5 * (x[at] + x[at % d2 * d2 + at / d2])).collect();
    }
    let size = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    x.iter().map(|x| x / size).collect()
}
