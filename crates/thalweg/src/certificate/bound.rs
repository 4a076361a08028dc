//! No factorisation of this rank can do better: a lower bound from the singular values.

use super::bounds::{proved_above, spectral_norm, up};
use crate::data::{Csr, Matrix, stream};
use crate::linalg::{TruncatedSvd, gram, gram_of_columns, lanczos, mul, multiply_vector, rounding, row_major, symmetric_eigenvalues, truncated_svd};
use rand_distr::{Distribution, StandardNormal};

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
    ShortGram::of(data)?.spectral_bound()
}

/// [`SpectralBound::lower_bound`] of one rank, for less than all singular values cost where these are many: below it by what its proof leaves open.
///
/// Whatever Q is, G = XXᵀ ⪯ t·I + Q diag(d) Qᵀ with d₁ ≥ d₂ ≥ … ≥ 0 bounds the sum of the r largest σₖ² by r·t + ‖QᵀQ‖ (d₁ + … + d_r) (Ky Fan 1949,
/// Ostrowski 1959). Q are Ritz vectors, dₖ = θₖ − c of those above a c below θ_r, and t ≥ c is stepped up until a Cholesky factorisation proves the inequality.
pub fn rank_bound(data: &Matrix<f64>, rank: usize) -> Option<f64> {
    let gram = ShortGram::of(data)?;
    if gram.side <= ALL_VALUES {
        return Some(gram.spectral_bound()?.lower_bound(rank));
    }
    gram.rank_bound(rank).or_else(|| Some(spectral_bound(data)?.lower_bound(rank)))
}

/// Largest side of which all eigenvalues are taken: within half a second or so they bound more closely.
const ALL_VALUES: usize = 2048;
/// Times that the Ritz vectors are improved.
const ROUNDS: usize = 3;
/// Steps of Lanczos' method that guess t.
const STEPS: usize = 24;

/// XXᵀ or XᵀX, the smaller.
struct ShortGram {
    gram: Vec<f64>,
    side: usize,
    /// Terms of each sum.
    terms: usize,
    /// ‖X‖², the trace.
    size: f64,
}

impl ShortGram {
    fn of(data: &Matrix<f64>) -> Option<Self> {
        let (m, n) = data.shape();
        let (side, terms) = (m.min(n), m.max(n));
        if side == 0 || side > BOUND_LIMIT {
            return None;
        }
        let gram = match data {
            Matrix::Observed(_) | Matrix::AllBut(_) => return None,
            Matrix::Dense(x) if m <= n => gram_of_columns(x.view().transpose()),
            Matrix::Dense(x) => gram_of_columns(x.view()),
            Matrix::Sparse(x) if m <= n => sparse_gram(&x.by_col, m),
            Matrix::Sparse(x) => sparse_gram(&x.by_row, n),
        };
        let size = (0..side).map(|k| gram[k * side + k]).sum();
        Some(ShortGram { gram, side, terms, size })
    }

    fn spectral_bound(self) -> Option<SpectralBound> {
        let eigenvalues = symmetric_eigenvalues(&self.gram, self.side)?;
        let singular_values = eigenvalues.iter().map(|l| l.max(0.0).sqrt()).collect();
        let error_per_rank = (self.terms as f64 + 16.0 * self.side as f64) * f64::EPSILON * self.size;
        Some(SpectralBound { singular_values, error_per_rank })
    }

    /// None where the rank is not small beside the side, or nothing is proved.
    fn rank_bound(mut self, rank: usize) -> Option<f64> {
        let (d, width) = (self.side, rank + rank / 2 + 10);
        if 4 * width > d || !self.size.is_finite() {
            return None;
        }
        let TruncatedSvd { u: vectors, singular_values: ritz, .. } = self.leading(width)?;
        let (last, least) = (ritz[rank - 1], ritz[width - 1]);
        let c = (0.5 * (last + least)).min(2.0 * least);
        let above: Vec<f64> = ritz.iter().map(|value| (value - c).max(0.0)).collect();
        let stretch = spectral_norm(&gram(&vectors, width), width) + 2.0 * rounding(d + 4) * width as f64;
        let scaled: Vec<f64> = vectors.chunks_exact(width).flat_map(|row| row.iter().zip(&above).map(|(q, a)| q * a)).collect();
        self.less(&scaled, &vectors, width);

        // Σ |λ| of what is left, and what rounding has done to it
        let left = up(self.size + stretch * above.iter().sum::<f64>());
        let formed = up(2.0 * rounding(self.terms + width + 8) * left);
        let start: Vec<f64> = vectors.chunks_exact(width).map(|row| row.iter().sum::<f64>() + 1.0 / d as f64).collect();
        let found = lanczos(&start, STEPS, |x, out| multiply_vector(&self.gram, x, out))?.values[0];
        let guess = found.max(c) + formed;
        let t = [1e-8, 1e-4, 1e-3, 1e-2, 1e-1].iter().find_map(|part| proved_above(&self.gram, d, guess * (1.0 + part), left))? + formed;
        let most = up(rank as f64 * t + stretch * above[..rank].iter().sum::<f64>());
        Some((0.5 * (self.size * (1.0 - 2.0 * rounding(self.terms + d + 4)) - most)).max(0.0))
    }

    /// Leading eigenvalues, largest first, and their vectors.
    fn leading(&self, width: usize) -> Option<TruncatedSvd> {
        let d = self.side;
        let product = |b: &[f64], w: usize, out: &mut [f64]| mul(row_major(&self.gram, d, d), row_major(b, d, w), out);
        let mut rng = stream(0, 0);
        let sketch = (0..d * width).map(|_| StandardNormal.sample(&mut rng)).collect();
        let mut found = truncated_svd((d, d), width, sketch, product, product)?;
        for _ in 1..ROUNDS {
            found = truncated_svd((d, d), width, found.u, product, product)?;
        }
        Some(found)
    }

    /// Less A·Bᵀ.
    fn less(&mut self, a: &[f64], b: &[f64], width: usize) {
        let d = self.side;
        let mut product = vec![0.0; d * d];
        mul(row_major(a, d, width), row_major(b, d, width).transpose(), &mut product);
        self.gram.iter_mut().zip(product).for_each(|(g, p)| *g -= p);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dense;

    /// Rank three of falling size, and normal numbers of this size.
    fn data(m: usize, n: usize, noise: f64) -> Matrix<f64> {
        let mut rng = stream(8, 0);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let (u, v): (Vec<f64>, Vec<f64>) = ((0..3 * m).map(|_| normal()).collect(), (0..3 * n).map(|_| normal()).collect());
        let entry = |at: usize| (0..3).map(|k| u[3 * (at / n) + k] * v[3 * (at % n) + k] / (k + 1) as f64).sum::<f64>();
        Matrix::Dense(Dense::new(m, n, (0..m * n).map(|at| entry(at) + noise * normal()).collect()).unwrap())
    }

    #[test]
    fn the_bound_of_one_rank_is_little_below_that_of_all_singular_values() {
        for (m, n) in [(160, 120), (120, 160)] {
            for (noise, short) in [(0.3, 1e-2), (1e-3, 1e-4), (1.0, 2e-2)] {
                let data = data(m, n, noise);
                let all = spectral_bound(&data).unwrap();
                for rank in [1, 2, 3, 5, 10] {
                    let tail: f64 = 0.5 * all.singular_values[rank..].iter().map(|s| s * s).sum::<f64>();
                    let bound = ShortGram::of(&data).unwrap().rank_bound(rank).unwrap();
                    assert!(bound <= tail * (1.0 + 1e-9) && bound >= tail * (1.0 - short), "{m}x{n}, noise {noise}, rank {rank}: {bound} of {tail}");
                }
            }
        }
    }

    #[test]
    fn where_nothing_is_left_the_bound_is_nothing() {
        for rank in [3, 4] {
            let bound = ShortGram::of(&data(150, 120, 0.0)).unwrap().rank_bound(rank).unwrap();
            assert!((0.0..1e-9).contains(&bound), "rank {rank}: {bound}");
        }
        let zeros = Matrix::Dense(Dense::new(130, 120, vec![0.0; 130 * 120]).unwrap());
        assert_eq!(ShortGram::of(&zeros).unwrap().rank_bound(2).unwrap_or(0.0), 0.0);
        assert_eq!(rank_bound(&zeros, 2), Some(0.0));
        // too large beside the side for Ritz vectors: all singular values
        assert!(ShortGram::of(&data(60, 50, 0.1)).unwrap().rank_bound(10).is_none());
        assert!(rank_bound(&data(60, 50, 0.1), 10).is_some_and(|bound| bound > 0.0));
    }
}
