//! The density of a Hessian's spectrum.

use super::Estimate;
use super::probe::{check_all, mean_of, random_directions};
use crate::Error;
use crate::linalg::lanczos;
use crate::problem::Objective;
use serde::{Deserialize, Serialize};

/// An eigenvalue of a Krylov space and its share of the start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The Ritz value.
    pub value: f64,
    /// The square of its vector's part in the start; those of one start sum to 1.
    pub weight: f64,
}

/// The spectrum of a Hessian as seen from random starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpectralDensity {
    /// Gauss quadrature of the spectral measure of each start.
    pub starts: Vec<Vec<Node>>,
    /// Hessian-vector products in all.
    pub products: usize,
    /// Of the starts.
    pub seed: u64,
}

impl SpectralDensity {
    /// (1/n) Σ g(λᵢ) over the eigenvalues, with the interval that the starts give; exact where g is a polynomial of degree below twice the
    /// products of a start, but for the spread of the starts.
    pub fn mean_of(&self, g: impl Fn(f64) -> f64) -> Estimate {
        let values: Vec<f64> = self.starts.iter().map(|nodes| nodes.iter().map(|node| node.weight * g(node.value)).sum()).collect();
        mean_of(&values, self.seed)
    }

    /// The density at a point, smoothed by a normal law of this width.
    pub fn at(&self, point: f64, width: f64) -> Estimate {
        let peak = 1.0 / (width * std::f64::consts::TAU.sqrt());
        self.mean_of(|value| peak * (-0.5 * ((value - point) / width).powi(2)).exp())
    }
}

/// The spectral density of ∇²f(x) by `steps` products of Lanczos' method from each of `starts` random starts.
///
/// Source: Ubaru, Chen, Saad (2017), stochastic Lanczos quadrature; here with full reorthogonalisation.
///
/// # Errors
/// [`Error::Shape`] unless x is a point of the objective, [`Error::Parameter`] for fewer than two starts or one step, [`Error::NotFinite`]
/// where Hessian-vector products are not.
pub fn spectral_density(objective: &dyn Objective, x: &[f64], starts: usize, steps: usize, seed: u64) -> Result<SpectralDensity, Error> {
    check_all(objective, &[x])?;
    super::probe::at_least("starts", starts, 2)?;
    super::probe::at_least("steps", steps, 1)?;
    let from = |start: Vec<f64>| {
        let Some(ritz) = lanczos(&start, steps, |d, out| objective.hessian_vec(x, d, out)) else {
            return Err(Error::NotFinite { what: "a Hessian-vector product", row: 0, col: 0, value: f64::NAN });
        };
        Ok((0..ritz.values.len()).map(|k| Node { value: ritz.values[k], weight: ritz.share(k) }).collect())
    };
    let starts = random_directions(x.len(), starts, seed).into_iter().map(from).collect::<Result<Vec<Vec<Node>>, Error>>()?;
    let products = starts.iter().map(Vec::len).sum();
    Ok(SpectralDensity { starts, products, seed })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ½ Σ k xₖ² with k = 1 … dim.
    struct Diagonal(usize);

    impl Objective for Diagonal {
        fn dim(&self) -> usize {
            self.0
        }
        fn value(&self, x: &[f64]) -> f64 {
            0.5 * x.iter().zip(1..).map(|(x, k)| f64::from(k) * x * x).sum::<f64>()
        }
        fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
            self.hessian_vec(x, x, gradient);
            self.value(x)
        }
        fn hessian_vec(&self, _: &[f64], d: &[f64], out: &mut [f64]) {
            out.iter_mut().zip(d).zip(1..).for_each(|((h, d), k)| *h = f64::from(k) * d);
        }
    }

    #[test]
    fn moments_are_those_of_the_spectrum() -> Result<(), Error> {
        let n = 60;
        let density = spectral_density(&Diagonal(n), &vec![0.3; n], 30, 12, 4)?;
        for nodes in &density.starts {
            assert!((nodes.iter().map(|n| n.weight).sum::<f64>() - 1.0).abs() < 1e-12);
        }
        let truth = |g: &dyn Fn(f64) -> f64| (1..=n).map(|k| g(k as f64)).sum::<f64>() / n as f64;
        for g in [&(|x: f64| x) as &dyn Fn(f64) -> f64, &|x| x * x, &|x| x.powi(3)] {
            let (found, expected) = (density.mean_of(g), truth(g));
            assert!((found.value - expected).abs() <= 1.5 * found.half_width, "{found:?} {expected}");
        }
        let (inside, outside) = (density.at(30.0, 5.0), density.at(120.0, 5.0));
        assert!((inside.value - 1.0 / 60.0).abs() < 0.004 && outside.value < 1e-10, "{inside:?}");
        Ok(())
    }
}
