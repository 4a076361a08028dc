//! Are the two factors of equal size?

use crate::Factors;
use crate::linalg::{dot, exponent, gram, gram_between, mul, orthonormalise, row_major, scale, scale_all, singular_values, symmetric_eigenvalues};
use serde::{Deserialize, Serialize};

/// How far apart the two factors are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Balance {
    /// ‖UᵀU − VᵀV‖_* / ‖UVᵀ‖_*: 0 for balanced factors.
    pub imbalance: f64,
    /// (‖U‖² + ‖V‖²) / (2‖UVᵀ‖_*) − 1, never negative: 0 for balanced factors, and only for them.
    pub norm_excess: f64,
    /// ‖UVᵀ‖_*.
    pub nuclear_norm: f64,
}

/// Balancedness and norm excess of U and V. None if the product is 0, or a decomposition fails.
///
/// Source: FM, section 2 and figure 4.
pub fn balancedness(factors: &Factors) -> Option<Balance> {
    let r = factors.rank();
    // near 1 by a power of two, so that squares stay in range
    let largest = factors.as_slice().iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let power = exponent(largest)?;
    let scaled = scale_all(factors.as_slice(), -power);
    let (u, v) = scaled.split_at(factors.rows() * r);
    let (of_u, of_v) = (gram(u, r), gram(v, r));
    let difference: Vec<f64> = of_u.iter().zip(&of_v).map(|(a, b)| a - b).collect();
    let imbalance: f64 = symmetric_eigenvalues(&difference, r)?.iter().map(|l| l.abs()).sum();
    // singular values of UVᵀ: those of (PᵀU)(QᵀV)ᵀ with orthonormal bases P, Q of the columns, if there are fewer columns than rows
    let reduced = |factor: &[f64], rows: usize| -> (Vec<f64>, usize) {
        if rows <= r {
            return (factor.to_vec(), rows);
        }
        let mut basis = factor.to_vec();
        orthonormalise(&mut basis, r);
        (gram_between(&basis, factor, r), r)
    };
    let ((left, rows), (right, cols)) = (reduced(u, factors.rows()), reduced(v, factors.cols()));
    let mut middle = vec![0.0; rows * cols];
    mul(row_major(&left, rows, r), row_major(&right, cols, r).transpose(), &mut middle);
    let norm: f64 = singular_values(&middle, rows, cols)?.iter().rev().sum();
    let squares = dot(u, u) + dot(v, v);
    (norm > 0.0).then(|| Balance {
        imbalance: imbalance / norm,
        norm_excess: (squares / (2.0 * norm) - 1.0).max(0.0),
        nuclear_norm: scale(norm, 2 * power),
    })
}
