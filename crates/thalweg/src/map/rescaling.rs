//! The rescaling matrices D1 and D2 that turn flatness into a weighted nuclear norm.

use super::MeasurementMap;
use crate::linalg::{dot, fixed_order_sum, mul, mul_transpose, row_major, symmetric_eigenvalues, symmetric_eigenvectors};

/// A symmetric positive semidefinite d×d matrix.
#[derive(Debug, Clone, PartialEq)]
pub enum Moment {
    /// Its diagonal; zero elsewhere.
    Diagonal(Vec<f64>),
    /// Row-major.
    Full(Vec<f64>),
}

impl Moment {
    /// tr(FᵀMF) of a row-major d×r factor.
    pub fn form(&self, factor: &[f64], rank: usize) -> f64 {
        match self {
            Moment::Diagonal(diagonal) => {
                let rows = diagonal.iter().zip(factor.chunks_exact(rank.max(1)));
                fixed_order_sum(&rows.map(|(m, row)| m * dot(row, row)).collect::<Vec<f64>>())
            }
            Moment::Full(values) => {
                let d = values.len().isqrt();
                let mut image = vec![0.0; factor.len()];
                mul(row_major(values, d, d), row_major(factor, d, rank), &mut image);
                dot(factor, &image)
            }
        }
    }
}

/// A power of a moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Weight {
    /// Its diagonal; zero elsewhere.
    Diagonal(Vec<f64>),
    /// d and the row-major matrix.
    Full(usize, Vec<f64>),
}

impl Weight {
    /// Row-major d×d.
    pub fn dense(&self) -> Vec<f64> {
        match self {
            Weight::Full(_, values) => values.clone(),
            Weight::Diagonal(diagonal) => {
                let d = diagonal.len();
                let mut values = vec![0.0; d * d];
                diagonal.iter().enumerate().for_each(|(i, &x)| values[i * d + i] = x);
                values
            }
        }
    }

    /// Smallest and largest eigenvalue. None if the eigenvalue iteration does not end.
    pub fn extremes(&self) -> Option<(f64, f64)> {
        let values = match self {
            Weight::Diagonal(diagonal) => diagonal.clone(),
            Weight::Full(d, values) => symmetric_eigenvalues(values, *d)?,
        };
        Some(values.iter().fold((f64::INFINITY, 0.0), |(least, most), &x| (f64::min(least, x), f64::max(most, x))))
    }

    /// This times X, row-major with `cols` columns.
    pub fn times(&self, x: &[f64], cols: usize) -> Vec<f64> {
        match self {
            Weight::Diagonal(diagonal) => diagonal.iter().zip(x.chunks_exact(cols)).flat_map(|(w, row)| row.iter().map(move |x| w * x)).collect(),
            Weight::Full(d, values) => {
                let mut out = vec![0.0; x.len()];
                mul(row_major(values, *d, *d), row_major(x, *d, cols), &mut out);
                out
            }
        }
    }

    /// X times this, X row-major with as many columns as this has rows.
    pub fn after(&self, x: &[f64]) -> Vec<f64> {
        match self {
            Weight::Diagonal(diagonal) => x.chunks_exact(diagonal.len()).flat_map(|row| row.iter().zip(diagonal).map(|(x, w)| x * w)).collect(),
            Weight::Full(d, values) => {
                let mut out = vec![0.0; x.len()];
                mul(row_major(x, x.len() / d, *d), row_major(values, *d, *d), &mut out);
                out
            }
        }
    }

    /// Its diagonal.
    pub fn diagonal(&self) -> Vec<f64> {
        match self {
            Weight::Diagonal(diagonal) => diagonal.clone(),
            Weight::Full(d, values) => (0..*d).map(|i| values[i * d + i]).collect(),
        }
    }
}

/// D1 = (Σ AᵢAᵢᵀ / (p d2))^½ and D2 = (Σ AᵢᵀAᵢ / (p d1))^½, each divided by the mean of its eigenvalues, and their pseudo-inverses.
///
/// Flat minimisers of ‖A(UVᵀ) − b‖² are the minimisers of ½(‖D1 U‖² + ‖D2 V‖²) over its solutions, and U Vᵀ minimises ‖D1 X D2‖_*; nothing
/// changes when D1 or D2 is multiplied by a number, and with mean 1 the objective has the size of ‖X‖_*.
///
/// Source: FM, eqs. (1.3), (3.2), (3.6). The paper does not divide by the mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Rescaling {
    /// D1.
    pub left: Weight,
    /// D2.
    pub right: Weight,
    /// D1⁺: zero on directions that no Aᵢ sees.
    pub left_inverse: Weight,
    /// D2⁺.
    pub right_inverse: Weight,
    /// Largest over smallest eigenvalue of D1 and of D2; infinite where singular.
    pub condition: (f64, f64),
    /// The means that were divided by: (Σ AᵢAᵢᵀ)^½ and (Σ AᵢᵀAᵢ)^½ are these times D1 and D2.
    pub means: (f64, f64),
}

impl Rescaling {
    /// Of a map; none if an eigenvalue iteration does not end, or the map is zero.
    pub fn of(map: &dyn MeasurementMap) -> Option<Self> {
        let (first, second) = map.second_moments();
        let (left, right) = (Root::of(&first)?, Root::of(&second)?);
        Some(Rescaling {
            left: left.root,
            right: right.root,
            left_inverse: left.inverse,
            right_inverse: right.inverse,
            condition: (left.condition, right.condition),
            means: (left.mean, right.mean),
        })
    }

    /// Whether a direction of either side is seen by no Aᵢ.
    pub fn is_singular(&self) -> bool {
        self.condition.0.is_infinite() || self.condition.1.is_infinite()
    }
}

/// Square root divided by the mean of its eigenvalues.
struct Root {
    root: Weight,
    inverse: Weight,
    condition: f64,
    mean: f64,
}

impl Root {
    fn of(moment: &Moment) -> Option<Root> {
        match moment {
            Moment::Diagonal(squares) => {
                let Roots { roots, inverses, condition, mean } = Roots::of(squares)?;
                Some(Root { root: Weight::Diagonal(roots), inverse: Weight::Diagonal(inverses), condition, mean })
            }
            Moment::Full(values) => {
                let d = values.len().isqrt();
                let (eigenvalues, vectors) = symmetric_eigenvectors(values, d)?;
                let Roots { roots, inverses, condition, mean } = Roots::of(&eigenvalues)?;
                let with = |values: &[f64]| Weight::Full(d, recompose(&vectors, values));
                Some(Root { root: with(&roots), inverse: with(&inverses), condition, mean })
            }
        }
    }
}

/// √λ with mean 1 and 1/√λ; both 0 where λ is rounding error of the largest one.
struct Roots {
    roots: Vec<f64>,
    inverses: Vec<f64>,
    condition: f64,
    mean: f64,
}

impl Roots {
    fn of(eigenvalues: &[f64]) -> Option<Roots> {
        let largest = eigenvalues.iter().copied().fold(0.0, f64::max);
        if largest <= 0.0 || !largest.is_finite() {
            return None;
        }
        let floor = 10.0 * f64::EPSILON * eigenvalues.len() as f64 * largest;
        let roots: Vec<f64> = eigenvalues.iter().map(|&l| if l > floor { l.sqrt() } else { 0.0 }).collect();
        let mean = roots.iter().sum::<f64>() / roots.len() as f64;
        let roots: Vec<f64> = roots.iter().map(|s| s / mean).collect();
        let smallest = roots.iter().copied().fold(f64::INFINITY, f64::min);
        let condition = roots.iter().copied().fold(0.0, f64::max) / smallest;
        let inverses = roots.iter().map(|&s| if s > 0.0 { 1.0 / s } else { 0.0 }).collect();
        Some(Roots { roots, inverses, condition, mean })
    }
}

/// Σ f(λₖ) qₖ qₖᵀ of eigenvectors one after the other.
fn recompose(vectors: &[f64], values: &[f64]) -> Vec<f64> {
    let d = values.len();
    let weighted: Vec<f64> = vectors.chunks_exact(d).zip(values).flat_map(|(q, &f)| q.iter().map(move |x| f * x)).collect();
    let mut out = vec![0.0; d * d];
    mul_transpose(row_major(&weighted, d, d), row_major(vectors, d, d), &mut out);
    (0..d * d).map(|at| 0.5 * (out[at] + out[at % d * d + at / d])).collect()
}
