//! Lines in a planted problem: X = U*V*ᵀ with independent entries of one law, no noise.

use serde::{Deserialize, Serialize};
use thalweg::Factors;
use thalweg::data::Law;
use thalweg::linalg::{Polynomial, mul, row_major};

/// Where a line from a random start ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineEnd {
    /// Another random point: Theorem 2.
    Random,
    /// The planted solution: Theorem 3.
    Planted,
}

impl LineEnd {
    pub fn name(self) -> &'static str {
        match self {
            LineEnd::Random => "random to random",
            LineEnd::Planted => "random to planted",
        }
    }
}

/// How many rows and columns, which rank, which law.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Planting {
    pub law: Law,
    pub rows: usize,
    pub cols: usize,
    pub rank: usize,
}

impl Planting {
    /// The variance of the entries of X times their number: what curvature is divided by, as the paper scales its data to variance 1.
    pub fn unit(&self) -> f64 {
        let (mean, variance) = (self.law.mean(), self.law.variance());
        (self.rows * self.cols * self.rank) as f64 * (variance * variance + 2.0 * variance * mean * mean)
    }

    /// rmn.
    pub fn count(&self) -> f64 {
        (self.rows * self.cols * self.rank) as f64
    }

    /// Normals that a pair of factors takes.
    pub fn normals(&self) -> usize {
        (self.rows + self.cols) * self.rank
    }

    /// Factors from so many standard normals.
    pub fn factors(&self, normals: &[f64]) -> Factors {
        let entries = normals.iter().map(|&z| self.law.of(z)).collect();
        Factors::new(self.rows, self.cols, self.rank, entries).expect("as many entries as the factors have")
    }
}

/// ⟨Wᵢ, Wⱼ⟩ of the residual W₀ + λW₁ + λ²W₂ from a start (λ = 0) to an end (λ = 1).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Products {
    pub w11: f64,
    pub w02: f64,
    pub w12: f64,
    pub w22: f64,
}

impl Products {
    /// ℓ″ = q₀ + q₁λ + q₂λ².
    pub fn curvature(&self) -> [f64; 3] {
        [self.w11 + 2.0 * self.w02, 6.0 * self.w12, 6.0 * self.w22]
    }

    /// ℓ on a line that ends at the planted solution: W₀ = −W₁ − W₂.
    pub fn planted_quartic(&self) -> Polynomial {
        let Products { w11, w12, w22, w02 } = *self;
        let (w00, w01) = (w11 + 2.0 * w12 + w22, -w11 - w12);
        let coefficients = vec![0.5 * w00, w01, 0.5 * w11 + w02, w12, 0.5 * w22];
        // sums of as many terms as there are entries, pairwise at worst one after the other
        let error = coefficients.iter().map(|c| 1e-12 * (c.abs() + w11 + w22)).collect();
        Polynomial { coefficients, error, exponent: 0 }
    }

    /// min over [0, 1] of ℓ″, and over all of R.
    pub fn least(&self) -> (f64, f64) {
        let [q0, q1, q2] = self.curvature();
        if q2 == 0.0 {
            return (q0, q0);
        }
        let at = -q1 / (2.0 * q2);
        let everywhere = q0 + 0.5 * q1 * at;
        let on_segment = if at > 0.0 && at < 1.0 { everywhere } else { q0.min(q0 + q1 + q2) };
        (on_segment, everywhere)
    }
}

/// UVᵀ, row by row.
pub fn product(factors: &Factors) -> Vec<f64> {
    let mut out = vec![0.0; factors.rows() * factors.cols()];
    mul(factors.u(), factors.v().transpose(), &mut out);
    out
}

/// W₁ and W₂ of the line from `start` to `end`.
pub fn directions(start: &Factors, end: &Factors) -> [Vec<f64>; 2] {
    let (m, n, r) = (start.rows(), start.cols(), start.rank());
    let step: Vec<f64> = end.as_slice().iter().zip(start.as_slice()).map(|(e, s)| e - s).collect();
    let (d, e) = step.split_at(m * r);
    let (u, v) = start.split();
    let [mut first, mut rest, mut second] = [vec![0.0; m * n], vec![0.0; m * n], vec![0.0; m * n]];
    mul(row_major(d, m, r), row_major(v, n, r).transpose(), &mut first);
    mul(row_major(u, m, r), row_major(e, n, r).transpose(), &mut rest);
    mul(row_major(d, m, r), row_major(e, n, r).transpose(), &mut second);
    first.iter_mut().zip(&rest).for_each(|(w, rest)| *w += rest);
    [first, second]
}

/// The products over the observed entries, all of them without a mask.
pub fn products(w0: &[f64], [w1, w2]: &[Vec<f64>; 2], mask: Option<&[bool]>) -> Products {
    let mut sums = Products::default();
    for (at, ((w0, w1), w2)) in w0.iter().zip(w1).zip(w2).enumerate() {
        if mask.is_none_or(|mask| mask[at]) {
            sums.w11 += w1 * w1;
            sums.w02 += w0 * w2;
            sums.w12 += w1 * w2;
            sums.w22 += w2 * w2;
        }
    }
    sums
}

/// The products of the line from `start` to `end` when X = end·endᵀ (planted), or of an independent target.
pub fn line(start: &Factors, end: &Factors, target: Option<&Factors>, mask: Option<&[bool]>) -> Products {
    let directions = directions(start, end);
    let w0: Vec<f64> = match target {
        Some(target) => product(start).iter().zip(product(target)).map(|(p, x)| p - x).collect(),
        // at the end the residual is 0: W₀ = −W₁ − W₂
        None => directions[0].iter().zip(&directions[1]).map(|(w1, w2)| -w1 - w2).collect(),
    };
    products(&w0, &directions, mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalweg::data::{Dense, Matrix, planted_factors};

    #[test]
    fn they_are_those_of_the_exact_quartic() {
        let planting = Planting { law: Law::HalfNormal, rows: 9, cols: 7, rank: 3 };
        let [start, end, other] = [0, 1, 2].map(|trial| planted_factors(planting.law, (9, 7), 3, 5, trial).expect("factors"));
        for target in [None, Some(&other)] {
            let x = Matrix::Dense(Dense::new(9, 7, product(target.unwrap_or(&end))).expect("a matrix"));
            let exact = thalweg::geometry::line(&x, &start, &end).expect("a line");
            let found = line(&start, &end, target, None);
            let [_, _, c2, c3, c4] = exact.coefficients;
            for (a, b) in [(0.5 * found.w11 + found.w02, c2), (found.w12, c3), (0.5 * found.w22, c4), (found.least().0, exact.alpha)] {
                assert!((a - b).abs() < 1e-12 * planting.unit(), "{a} {b}");
            }
        }
    }
}
