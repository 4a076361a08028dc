//! The rescaling matrices D1 and D2 that turn flatness into a weighted nuclear norm.

use super::MeasurementMap;
use crate::linalg::{mul_transpose, row_major, symmetric_eigenvectors};

/// A symmetric positive semidefinite d×d matrix.
#[derive(Debug, Clone, PartialEq)]
pub enum Moment {
    /// Its diagonal; zero elsewhere.
    Diagonal(Vec<f64>),
    /// Row-major.
    Full(Vec<f64>),
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
}

impl Rescaling {
    /// Of a map; none if an eigenvalue iteration does not end, or the map is zero.
    pub fn of(map: &dyn MeasurementMap) -> Option<Self> {
        let (first, second) = map.second_moments();
        let (left, left_inverse, left_condition) = roots(&first)?;
        let (right, right_inverse, right_condition) = roots(&second)?;
        Some(Rescaling { left, right, left_inverse, right_inverse, condition: (left_condition, right_condition) })
    }

    /// Whether a direction of either side is seen by no Aᵢ.
    pub fn is_singular(&self) -> bool {
        self.condition.0.is_infinite() || self.condition.1.is_infinite()
    }
}

/// Square root with mean 1, its pseudo-inverse, and its condition number.
fn roots(moment: &Moment) -> Option<(Weight, Weight, f64)> {
    match moment {
        Moment::Diagonal(squares) => {
            let (roots, inverses, condition) = spectrum_roots(squares)?;
            Some((Weight::Diagonal(roots), Weight::Diagonal(inverses), condition))
        }
        Moment::Full(values) => {
            let d = values.len().isqrt();
            let (eigenvalues, vectors) = symmetric_eigenvectors(values, d)?;
            let (roots, inverses, condition) = spectrum_roots(&eigenvalues)?;
            Some((Weight::Full(d, recompose(&vectors, &roots)), Weight::Full(d, recompose(&vectors, &inverses)), condition))
        }
    }
}

/// √λ with mean 1 and 1/√λ; both 0 where λ is rounding error of the largest one.
fn spectrum_roots(eigenvalues: &[f64]) -> Option<(Vec<f64>, Vec<f64>, f64)> {
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
    Some((roots, inverses, condition))
}

/// Σ f(λₖ) qₖ qₖᵀ of eigenvectors one after the other.
fn recompose(vectors: &[f64], values: &[f64]) -> Vec<f64> {
    let d = values.len();
    let weighted: Vec<f64> = vectors.chunks_exact(d).zip(values).flat_map(|(q, &f)| q.iter().map(move |x| f * x)).collect();
    let mut out = vec![0.0; d * d];
    mul_transpose(row_major(&weighted, d, d), row_major(vectors, d, d), &mut out);
    (0..d * d).map(|at| 0.5 * (out[at] + out[at % d * d + at / d])).collect()
}
