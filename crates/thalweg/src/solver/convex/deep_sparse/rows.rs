//! A and b as the solvers want them: columns with weight 1, independent rows, b of size one.

use super::DeepSparseSolution;
use crate::linalg::{Cholesky, dot, exponent, gram_of_rows, multiply_transposed_vector, multiply_vector, scale, symmetric_eigenvectors};
use crate::problem::{DeepSparse, RecoveryStatus, Witness};

/// Ax = b in z = Dx^(1/q), with rows that are independent, and b scaled by a power of two.
pub(super) struct Rows<'a> {
    problem: &'a DeepSparse,
    /// Dⱼ^(−1/q), 0 for columns of zeros; 1 for k = 1.
    unscale: Vec<f64>,
    /// r×d, row-major: A diag(unscale), its rows replaced by an orthonormal basis of combinations where they are dependent.
    pub a: Vec<f64>,
    pub b: Vec<f64>,
    /// r×p, if rows were combined.
    combination: Option<Vec<f64>>,
    /// The factor of A Aᵀ.
    pub factor: Cholesky,
    /// b was multiplied by 2^−exponent.
    pub exponent: i32,
    pub count: usize,
}

/// Whether b is in the range of A.
pub(super) enum Consistency<'a> {
    Consistent(Rows<'a>),
    Inconsistent {
        /// The least-squares solution of least norm.
        nearest: Vec<f64>,
        /// b less its part in the range.
        contradiction: Vec<f64>,
    },
    Breakdown,
}

/// Eigenvalues of AAᵀ below this part of the largest count as zero.
const DEPENDENT: f64 = 1e-13;
/// Part of b outside the range that rounding explains, relative to ‖b‖.
const OUTSIDE: f64 = 1e-9;
/// A Cholesky factor that answers for all of b to this accuracy shows independent rows.
const SOLVED: f64 = 1e-10;

impl<'a> Rows<'a> {
    pub fn of(problem: &'a DeepSparse) -> Consistency<'a> {
        let (p, d) = problem.shape();
        let q = problem.exponent();
        let unscale: Vec<f64> = problem
            .weights()
            .iter()
            .map(|&w| {
                if w == 0.0 {
                    0.0
                } else if q == 0.0 {
                    1.0
                } else {
                    w.powf(-1.0 / q)
                }
            })
            .collect();
        let mut a = problem.a().to_vec();
        a.chunks_exact_mut(d).for_each(|row| row.iter_mut().zip(&unscale).for_each(|(a, u)| *a *= u));
        let exponent = problem.b().iter().filter_map(|&b| exponent(b)).max().unwrap_or(0);
        let b: Vec<f64> = problem.b().iter().map(|&b| scale(b, -exponent)).collect();
        let gram = gram(&a, p);
        let independent = |factor: &Cholesky| {
            let mut y = b.clone();
            factor.solve(&mut y);
            let (mut x, mut again) = (vec![0.0; d], vec![0.0; p]);
            multiply_transposed_vector(&a, &y, &mut x);
            multiply_vector(&a, &x, &mut again);
            again.iter().zip(&b).all(|(again, b)| (again - b).abs() <= SOLVED)
        };
        if p <= d
            && let Some(factor) = Cholesky::of(&gram, p).filter(independent)
        {
            return Consistency::Consistent(Rows { problem, unscale, a, b, combination: None, factor, exponent, count: p });
        }
        Rows::combined(problem, unscale, a, b, &gram, exponent)
    }

    /// The eigenvectors of AAᵀ tell the range of A from what contradicts.
    fn combined(problem: &'a DeepSparse, unscale: Vec<f64>, a: Vec<f64>, b: Vec<f64>, gram: &[f64], exponent: i32) -> Consistency<'a> {
        let (p, d) = problem.shape();
        let Some((values, vectors)) = symmetric_eigenvectors(gram, p) else { return Consistency::Breakdown };
        let count = values.iter().take_while(|&&l| l > DEPENDENT * values[0] && l > 0.0).count();
        let combination = vectors[..count * p].to_vec();
        let (mut inside, mut part) = (vec![0.0; count], vec![0.0; p]);
        multiply_vector(&combination, &b, &mut inside);
        multiply_transposed_vector(&combination, &inside, &mut part);
        let outside: Vec<f64> = b.iter().zip(&part).map(|(b, part)| b - part).collect();
        let mut combined = vec![0.0; count * d];
        for (row, out) in combination.chunks_exact(p).zip(combined.chunks_exact_mut(d)) {
            multiply_transposed_vector(&a, row, out);
        }
        let gram = self::gram(&combined, count);
        let factor = match Cholesky::of(&gram, count) {
            Some(factor) => factor,
            None if count == 0 => match Cholesky::of(&[1.0], 1) {
                Some(factor) => factor,
                None => return Consistency::Breakdown,
            },
            None => return Consistency::Breakdown,
        };
        let contradicts = dot(&outside, &outside).sqrt() > OUTSIDE * dot(&b, &b).sqrt();
        let rows = Rows { problem, unscale, a: combined, b: inside, combination: Some(combination), factor, exponent, count };
        if contradicts {
            let nearest = if count == 0 { vec![0.0; d] } else { rows.least_norm() };
            let nearest = nearest.iter().zip(&rows.unscale).map(|(x, u)| scale(x * u, exponent)).collect();
            return Consistency::Inconsistent { nearest, contradiction: outside };
        }
        Consistency::Consistent(rows)
    }

    pub fn b_is_zero(&self) -> bool {
        self.b.iter().all(|&b| b == 0.0)
    }

    pub fn dim(&self) -> usize {
        self.unscale.len()
    }

    /// Az.
    pub fn apply(&self, z: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.count];
        multiply_vector(&self.a, z, &mut out);
        out
    }

    /// Aᵀy.
    pub fn transposed(&self, y: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.dim()];
        multiply_transposed_vector(&self.a, y, &mut out);
        out
    }

    /// The solution of Az = b of least norm.
    pub fn least_norm(&self) -> Vec<f64> {
        let mut y = self.b.clone();
        self.factor.solve(&mut y);
        self.transposed(&y)
    }

    /// Another solution of Ax = b than x, scaled back, if there is one.
    pub fn other_solution(&self, x: &[f64]) -> (RecoveryStatus, Option<Witness>) {
        let d = self.dim();
        if self.count >= d {
            return (RecoveryStatus::Converged, None);
        }
        // the part of a unit vector in the kernel is largest for some coordinate; the kernel's dimension is at least 1
        let kernel_part = |j: usize| {
            let mut unit = vec![0.0; d];
            unit[j] = 1.0;
            let mut y = self.apply(&unit);
            self.factor.solve(&mut y);
            let part = self.transposed(&y);
            unit.iter().zip(&part).map(|(e, p)| e - p).collect::<Vec<f64>>()
        };
        let best = (0..d).map(kernel_part).max_by(|a, b| dot(a, a).total_cmp(&dot(b, b))).unwrap_or_default();
        let size = x.iter().fold(0.0f64, |size, x| size.max(x.abs())).max(1.0);
        let other = x.iter().zip(&best).map(|(x, k)| scale(x + size * k, self.exponent)).collect();
        (RecoveryStatus::UnderDetermined, Some(Witness::SecondSolution(other)))
    }

    /// x and y of the problem as given, from z and the multiplier of Az = b, for an objective of degree q.
    pub fn solution(&self, z: &[f64], y: &[f64], q: f64, status: RecoveryStatus, iterations: usize) -> DeepSparseSolution {
        let x = z.iter().zip(&self.unscale).map(|(z, u)| scale(z * u, self.exponent)).collect();
        let y = match &self.combination {
            None => y.to_vec(),
            Some(combination) => {
                let mut out = vec![0.0; self.problem.shape().0];
                multiply_transposed_vector(combination, y, &mut out);
                out
            }
        };
        // the gradient of a function of degree q scales as the power q − 1
        let factor = f64::powf(2.0, (q - 1.0) * f64::from(self.exponent));
        let multiplier = y.iter().map(|y| y * factor).collect();
        DeepSparseSolution { x, multiplier, status, iterations, witness: None }
    }
}

/// A Aᵀ.
fn gram(a: &[f64], p: usize) -> Vec<f64> {
    let mut out = vec![0.0; p * p];
    if p > 0 {
        gram_of_rows(a, p, &mut out);
    }
    out
}
