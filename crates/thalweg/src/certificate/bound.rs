//! No factorisation of this rank can do better: a lower bound from the singular values.

use crate::data::{Csr, Matrix};
use crate::linalg::{gram_of_columns, symmetric_eigenvalues};

/// Largest smaller side of X for which the bound is computed: its cost grows with the cube.
pub const BOUND_LIMIT: usize = 4096;

/// The spectrum of the data and what it proves.
#[derive(Debug, Clone, PartialEq)]
pub struct SpectralBound {
    /// σ₁ ≥ σ₂ ≥ … of X, all min(m, n) of them.
    pub singular_values: Vec<f64>,
    /// A bound on the rounding error of any sum of σₖ² over the tail, for each rank: see [`SpectralBound::lower_bound`].
    error_per_rank: f64,
}

impl SpectralBound {
    /// ½ Σ_{k>r} σₖ² ≤ ½ ‖X − UVᵀ‖² for every U, V of rank r, non-negative or not (Eckart, Young 1936), less what rounding may have added.
    ///
    /// The margin bounds the error of forming XXᵀ (γ_n ‖X‖² in the 2-norm) and a backward error of 16·d·ε·‖X‖² of the eigenvalue
    /// solver, each times r + 1 because the tail is the trace less r eigenvalues.
    pub fn lower_bound(&self, rank: usize) -> f64 {
        let tail: f64 = self.singular_values.iter().skip(rank).rev().map(|s| s * s).sum();
        (0.5 * (tail - (rank as f64 + 1.0) * self.error_per_rank)).max(0.0)
    }
}

/// The singular values of X where every entry is given and min(m, n) ≤ [`BOUND_LIMIT`]; none otherwise.
pub fn spectral_bound(data: &Matrix<f64>) -> Option<SpectralBound> {
    let (m, n) = data.shape();
    let (short, long) = (m.min(n), m.max(n));
    if short == 0 || short > BOUND_LIMIT {
        return None;
    }
    let gram = match data {
        Matrix::Observed(_) | Matrix::AllBut(_) => return None,
        Matrix::Dense(x) if m <= n => gram_of_columns(x.view().transpose()),
        Matrix::Dense(x) => gram_of_columns(x.view()),
        Matrix::Sparse(x) if m <= n => sparse_gram(&x.by_col, m),
        Matrix::Sparse(x) => sparse_gram(&x.by_row, n),
    };
    let norm_squared: f64 = (0..short).map(|k| gram[k * short + k]).sum();
    let eigenvalues = symmetric_eigenvalues(&gram, short)?;
    let singular_values = eigenvalues.iter().map(|l| l.max(0.0).sqrt()).collect();
    let error_per_rank = (long as f64 + 16.0 * short as f64) * f64::EPSILON * norm_squared;
    Some(SpectralBound { singular_values, error_per_rank })
}

/// Σ over rows of the outer products of their entries: d×d, row-major.
fn sparse_gram(x: &Csr<f64>, d: usize) -> Vec<f64> {
    let mut gram = vec![0.0; d * d];
    for i in 0..x.rows() {
        let (columns, values) = x.row(i);
        for (&j, &a) in columns.iter().zip(values) {
            let row = &mut gram[j as usize * d..][..d];
            for (&k, &b) in columns.iter().zip(values) {
                row[k as usize] += a * b;
            }
        }
    }
    gram
}
