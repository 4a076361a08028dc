//! How many singular values stand above noise of the same size?

use crate::data::{Matrix, stream};
use crate::linalg::{gram_of_columns, row_major, symmetric_eigenvalues, symmetric_eigenvectors};
use rand::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Singular values of the data, and what noise alone would give in their place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpectrumAgainstNoise {
    /// σ₁ ≥ σ₂ ≥ …, the leading ones.
    pub singular_values: Vec<f64>,
    /// For each k that was tested, the largest σ₁ among the sign-flipped copies of X less its first k − 1 components.
    pub noise: Vec<f64>,
    /// How many singular values, from the first on, stand above it: at each, p ≤ 1/(copies + 1).
    pub above_noise: usize,
    /// Sign-flipped copies for each k.
    pub copies: usize,
    /// Whether the next singular value is zero to rounding: the data have this very rank.
    pub is_exact: bool,
}

/// Copies for each k: one value among 20 that is the largest has p = 0.05.
const COPIES: u64 = 19;
/// Larger data are not tried: the test takes up to COPIES Gram matrices for each rank.
const LARGEST_SIDE: usize = 1024;
const LARGEST_SIZE: usize = 1 << 25;
/// The streams of the signs: far from those of starts and masks.
const SIGN_STREAM: u64 = 3 << 61;
/// Singular values kept for figures beyond those that were tested.
const SHOWN: usize = 16;

/// Tests σ₁, σ₂, … in turn, at most `most` of them: X less its leading k − 1 components, E, is compared with copies of E whose entries
/// had their signs drawn at random, which keeps the size of each entry and destroys what they have in common. What the components took
/// out of the noise is put back by a factor: E is noise on (m−k+1)×(n−k+1) dimensions, its copies on m×n.
///
/// None unless every entry is given and the smaller side is at most 1024.
///
/// Source: sign flips from Hong, Sheng, Dobriban (2020), "Selecting the number of components in PCA via random signflips"; component by
/// component as in Dobriban, Owen (2019), "Deterministic parallel analysis".
pub(super) fn spectrum_against_noise(data: &Matrix<f64>, most: usize, seed: u64) -> Option<SpectrumAgainstNoise> {
    let (m, n) = data.shape();
    let (short, long) = (m.min(n), m.max(n));
    if !matches!(data, Matrix::Dense(_) | Matrix::Sparse(_)) || short > LARGEST_SIDE || m * n > LARGEST_SIZE {
        return None;
    }
    // the long side down, the short side across
    let mut left = vec![0.0; m * n];
    for i in 0..m {
        for (j, x, _) in data.row_entries(i) {
            left[if m >= n { i * n + j } else { j * m + i }] = x;
        }
    }
    let (squares, vectors) = symmetric_eigenvectors(&gram_of_columns(row_major(&left, long, short)), short)?;
    let singular_values: Vec<f64> = squares.iter().map(|s| s.max(0.0).sqrt()).collect();
    // an eigenvalue of the Gram matrix is known to rounding of the largest one
    let zero = singular_values[0] * ((long + 16 * short) as f64 * f64::EPSILON).sqrt();
    let mut found = SpectrumAgainstNoise { singular_values, noise: Vec::new(), above_noise: 0, copies: COPIES as usize, is_exact: false };
    for k in 0..most.min(short) {
        let sigma = found.singular_values[k];
        if sigma <= zero {
            found.is_exact = true;
            break;
        }
        let (freed, whole) = (((long - k) as f64).sqrt() + ((short - k) as f64).sqrt(), (long as f64).sqrt() + (short as f64).sqrt());
        let energy = (((long - k) * (short - k)) as f64 / (long * short) as f64).sqrt();
        let noise = largest_of_copies(&left, short, seed, k as u64)? * freed / (whole * energy);
        found.noise.push(noise);
        if sigma <= noise {
            break;
        }
        found.above_noise += 1;
        remove_component(&mut left, &vectors[k * short..][..short]);
    }
    found.is_exact |= found.above_noise == short;
    found.singular_values.truncate(most + SHOWN);
    Some(found)
}

/// E ← E − (E w) wᵀ.
fn remove_component(e: &mut [f64], w: &[f64]) {
    e.par_chunks_exact_mut(w.len()).for_each(|row| {
        let share: f64 = row.iter().zip(w).map(|(x, w)| x * w).sum();
        row.iter_mut().zip(w).for_each(|(x, w)| *x -= share * w);
    });
}

/// The largest σ₁ among copies with random signs.
fn largest_of_copies(e: &[f64], width: usize, seed: u64, k: u64) -> Option<f64> {
    let of_copy = |copy: u64| {
        let mut rng = stream(seed, SIGN_STREAM + k * COPIES + copy);
        let mut flipped = e.to_vec();
        for chunk in flipped.chunks_mut(64) {
            let mut bits = rng.next_u64();
            for x in chunk {
                *x = if bits & 1 == 1 { -*x } else { *x };
                bits >>= 1;
            }
        }
        let values = symmetric_eigenvalues(&gram_of_columns(row_major(&flipped, flipped.len() / width, width)), width)?;
        Some(values[0].max(0.0).sqrt())
    };
    let all: Option<Vec<f64>> = (0..COPIES).into_par_iter().map(of_copy).collect();
    Some(all?.into_iter().fold(0.0, f64::max))
}
