//! Douglas–Rachford splitting of the nuclear norm from the ℓ₁ norm: the multiplier method with one state.

use super::shrink::{Basis, Shrunk};
use crate::linalg::{ROW_BLOCK, fixed_order_sum, multiply, row_major, row_major_mut, simd};
use crate::problem::RobustPca;
use rayon::prelude::*;

/// Over-relaxation: X̂ = αX + (1 − α)(Y − S).
const RELAXATION: f64 = 1.6;

/// Where the iteration stands, the long side of Y being its rows.
///
/// With the multiplier Λ of X + S = Y and the penalty μ, S and Λ/μ are the soft-thresholded and the clipped part of one matrix P at
/// λ/μ. A step is
///
/// ```text
/// X = shrink(Y − S + Λ/μ, 1/μ),  P = Y − X̂ + Λ/μ,  S = soft(P, λ/μ),  Λ/μ = clip(P, λ/μ)
/// ```
///
/// An entry that was not observed has λ = 0 and y = 0: its S takes whatever X is not.
pub(super) struct Splitting<'a> {
    problem: &'a RobustPca,
    pub rows: usize,
    pub cols: usize,
    /// Y with the long side as rows; NaN where not observed.
    pub y: Vec<f64>,
    pub p: Vec<f64>,
    /// Y − S + Λ/μ, of which the next X is made.
    a: Vec<f64>,
    pub mu: f64,
    basis: Basis,
    pub shrunk: Shrunk,
    /// ‖Y − X − S‖ and ‖S − last S‖.
    pub primal: f64,
    pub dual: f64,
    /// ‖X‖_* + λ‖Y − X‖₁ at the last X.
    pub objective: f64,
}

impl<'a> Splitting<'a> {
    /// From X = 0 and the multiplier Y / max(‖Y‖, ‖Y‖_∞/λ), as the inexact augmented Lagrangian method starts (Lin, Chen, Ma 2010).
    /// None if Y = 0 or a decomposition does not end.
    pub fn new(problem: &'a RobustPca) -> Option<Self> {
        let (m, n) = problem.shape();
        let y = if m >= n { problem.data().to_vec() } else { transposed(problem.data(), m, n) };
        let (rows, cols) = (m.max(n), m.min(n));
        let a: Vec<f64> = y.iter().map(|&y| if y.is_nan() { 0.0 } else { y }).collect();
        let mut basis = Basis::new(cols);
        let norm = basis.norm(&a, rows)?;
        if norm == 0.0 {
            return None;
        }
        let largest = a.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
        let mu = FIRST_PENALTY / norm;
        let start = 1.0 / (norm.max(largest / problem.lambda()) * mu);
        let mut splitting = Splitting {
            problem,
            rows,
            cols,
            p: a.iter().map(|x| x * start).collect(),
            a,
            y,
            mu,
            basis,
            shrunk: Shrunk::default(),
            primal: f64::INFINITY,
            dual: f64::INFINITY,
            objective: f64::INFINITY,
        };
        splitting.a.iter_mut().for_each(|a| *a *= 1.0 + start);
        Some(splitting)
    }

    /// One step, after which the penalty is `growth` times what it was. None if a decomposition does not end.
    pub fn step(&mut self, growth: f64) -> Option<()> {
        self.shrunk = self.basis.shrink(&self.a, self.rows, 1.0 / self.mu)?;
        let (cols, lambda) = (self.cols, self.problem.lambda());
        let constants = Pass { cap: lambda / self.mu, growth };
        let shrunk = &self.shrunk;
        let k = shrunk.rank();
        let sums: Vec<[f64; 3]> = self
            .a
            .par_chunks_mut(ROW_BLOCK * cols)
            .zip(self.p.par_chunks_mut(ROW_BLOCK * cols))
            .zip(self.y.par_chunks(ROW_BLOCK * cols))
            .map(|((a, p), y)| {
                let rows = a.len() / cols;
                let (mut left, mut x) = (vec![0.0; rows * k], vec![0.0; a.len()]);
                if k > 0 {
                    multiply(row_major(a, rows, cols), row_major(&shrunk.scaled, cols, k), row_major_mut(&mut left, rows, k));
                    multiply(row_major(&left, rows, k), row_major(&shrunk.v, cols, k).transpose(), row_major_mut(&mut x, rows, cols));
                }
                constants.run(&x, y, p, a)
            })
            .collect();
        let [primal, dual, deviation] = [0, 1, 2].map(|at| fixed_order_sum(&sums.iter().map(|s| s[at]).collect::<Vec<_>>()));
        (self.primal, self.dual) = (primal.sqrt(), dual.sqrt());
        self.objective = shrunk.nuclear_norm() + lambda * deviation;
        self.mu *= growth;
        Some(())
    }

    /// The multiplier Λ: ‖Λ‖_∞ ≤ λ, and 0 where nothing was observed.
    pub fn multiplier(&self) -> Vec<f64> {
        let (lambda, mu) = (self.problem.lambda(), self.mu);
        let of = |(p, y): (&f64, &f64)| if y.is_nan() { 0.0 } else { (p * mu).clamp(-lambda, lambda) };
        self.p.par_iter().zip(&self.y).map(of).collect()
    }

    /// The X that the next step would start from, in factors: its left part and right basis.
    pub fn low_rank(&mut self) -> Option<Shrunk> {
        self.basis.shrink(&self.a, self.rows, 1.0 / self.mu)
    }

    /// A·V diag(1 − 1/(μσ)), the left factor of X = shrink(A).
    pub fn left_factor(&self, shrunk: &Shrunk) -> Vec<f64> {
        let k = shrunk.rank();
        let mut left = vec![0.0; self.rows * k];
        if k > 0 {
            crate::linalg::mul(row_major(&self.a, self.rows, self.cols), row_major(&shrunk.scaled, self.cols, k), &mut left);
        }
        left
    }
}

/// μ‖Y‖ at the start.
const FIRST_PENALTY: f64 = 1.25;

/// Row-major Aᵀ of a row-major m×n matrix.
pub(super) fn transposed(a: &[f64], m: usize, n: usize) -> Vec<f64> {
    let mut out = vec![0.0; a.len()];
    out.par_chunks_mut(m.max(1)).enumerate().for_each(|(j, column)| column.iter_mut().enumerate().for_each(|(i, x)| *x = a[i * n + j]));
    out
}

/// One sweep over entries: new P and A, in place, from X and Y.
#[derive(Clone, Copy)]
struct Pass {
    /// λ/μ.
    cap: f64,
    growth: f64,
}

/// Sums run side by side.
const LANES: usize = 16;

impl Pass {
    /// Returns Σ (y − x − s)², Σ (s − last s)² and Σ |y − x|, the last over observed entries.
    fn run(self, x: &[f64], y: &[f64], p: &mut [f64], a: &mut [f64]) -> [f64; 3] {
        simd(
            #[inline(always)]
            || {
                let mut sums = [[0.0; LANES]; 3];
                let heads = x.len() / LANES * LANES;
                for at in (0..heads).step_by(LANES) {
                    let (x, y): (&[f64; LANES], &[f64; LANES]) = (x[at..].first_chunk().expect("whole"), y[at..].first_chunk().expect("whole"));
                    let p: &mut [f64; LANES] = p[at..].first_chunk_mut().expect("whole");
                    let a: &mut [f64; LANES] = a[at..].first_chunk_mut().expect("whole");
                    for l in 0..LANES {
                        self.entry(x[l], y[l], &mut p[l], &mut a[l], [0, 1, 2].map(|s| sums[s][l]))
                            .into_iter()
                            .enumerate()
                            .for_each(|(s, v)| sums[s][l] = v);
                    }
                }
                let mut totals = sums.map(|lanes| lanes.iter().sum::<f64>());
                for at in heads..x.len() {
                    totals = self.entry(x[at], y[at], &mut p[at], &mut a[at], totals);
                }
                totals
            },
        )
    }

    #[inline(always)]
    fn entry(self, x: f64, y: f64, p: &mut f64, a: &mut f64, [primal, dual, deviation]: [f64; 3]) -> [f64; 3] {
        let unknown = y.is_nan();
        let cap = if unknown { 0.0 } else { self.cap };
        let y = if unknown { 0.0 } else { y };
        let clip = p.min(cap).max(-cap);
        let last = *p - clip;
        let relaxed = RELAXATION * x + (1.0 - RELAXATION) * (y - last);
        let next = y - relaxed + clip;
        let clip = next.min(cap).max(-cap);
        let s = next - clip;
        let clip = clip / self.growth;
        *p = s + clip;
        *a = y - s + clip;
        let residual = y - x - s;
        let gap = if unknown { 0.0 } else { (y - x).abs() };
        [primal + residual * residual, dual + (s - last) * (s - last), deviation + gap]
    }
}
