//! The curvature that lines from random starts to an answer have on average.

use crate::data::{Matrix, Observed};
use crate::linalg::{Polynomial, ROW_BLOCK, gram};
use crate::problem::check_inputs;
use crate::{Error, Factors, Side};
use rayon::prelude::*;

/// Mean and variance of the entries of a random start, all independent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StartMoments {
    /// a.
    pub mean: f64,
    /// S.
    pub variance: f64,
}

impl StartMoments {
    /// |g|·scale with g standard normal: a = scale·√(2/π), S = scale²·(1 − 2/π).
    pub fn half_normal(scale: f64) -> Self {
        let mean_squared = std::f64::consts::FRAC_2_PI;
        StartMoments { mean: scale * mean_squared.sqrt(), variance: scale * scale * (1.0 - mean_squared) }
    }
}

/// E ℓ″(λ) = q₀ + q₁ λ + q₂ λ² over random starts (λ = 0) for one end point (λ = 1), not divided by the number of entries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpectedCurvature {
    /// q₀, q₁, q₂.
    pub quadratic: [f64; 3],
    /// min over [0, 1]: an upper bound of E α (Jensen).
    pub least: f64,
    /// Where it is taken.
    pub least_at: f64,
}

/// The expected curvature on lines from iid random starts to `end`, without sampling.
///
/// With A = U* − aJ, B = V* − aJ (J all ones) and, at each observed entry, the rows Aᵢ, Bⱼ:
///
/// ```text
/// E W₂²    = (Aᵢ·Bⱼ)² + S(‖Aᵢ‖² + ‖Bⱼ‖²) + rS²
/// E W₁²    = a²(ΣAᵢ + ΣBⱼ)² + S(‖Aᵢ − a‖² + ‖Bⱼ − a‖²) + 4rS²
/// E W₁W₂   = a(ΣAᵢ + ΣBⱼ) Aᵢ·Bⱼ − S(⟨Aᵢ − a, Aᵢ⟩ + ⟨Bⱼ − a, Bⱼ⟩) − 2rS²
/// E W₀W₂   = (a²r − x) Aᵢ·Bⱼ − aS(ΣAᵢ + ΣBⱼ) + rS²
/// ```
///
/// and q = (E‖W₁‖² + 2E⟨W₀,W₂⟩, 6E⟨W₁,W₂⟩, 6E‖W₂‖²). O((m+n)r²) plus O(r) for each stored entry. Only the first two moments of the
/// start's law matter. Not in the paper.
///
/// # Errors
/// As [`segment`](crate::problem::segment).
pub fn expected_curvature(data: &Matrix<f64>, end: &Factors, start: StartMoments) -> Result<ExpectedCurvature, Error> {
    check_inputs(data, [end].into_iter())?;
    let centred = Centred::new(end, start.mean);
    let moments = match data.full_and_hidden() {
        (Matrix::Observed(x), _) => centred.observed_moments(x),
        (full, None) => centred.full_moments(full),
        (full, Some(hidden)) => centred.full_moments(full).less(centred.observed_moments(hidden)),
    };
    let quadratic = moments.quadratic(start, end.rank() as f64);
    let (least_at, least) = Polynomial { coefficients: quadratic.to_vec(), error: vec![0.0; 3], exponent: 0 }.least();
    Ok(ExpectedCurvature { quadratic, least, least_at })
}

/// CV² of the entries of a solution below which lines to it are convex for large sizes: the zero of [`limiting_curvature`].
pub const CONVEX_SPREAD: f64 = 1.8752;
/// The same for star-convexity in the sense of Definition 1 of Bjorck, Gomes, Weinberger (2020).
pub const STAR_SPREAD: f64 = 2.7661;

/// min over [0, 1] of E ℓ″ per entry of X = U*V*ᵀ with variance 1, in the limit of large sizes, from half-normal starts of the mean of U* and
/// V*, whose entries are independent with CV² = T/a² = `spread`, a their mean and T their variance.
///
/// Per rmn it is 2a²(T + S) − 2T(T − S), S being the variance of the start, and Var X = r(T² + 2Ta²). Not in the paper.
pub fn limiting_curvature(spread: f64) -> f64 {
    // S/a²
    let start = std::f64::consts::FRAC_PI_2 - 1.0;
    (2.0 * (spread + start) - 2.0 * spread * (spread - start)) / (spread * (spread + 2.0))
}

/// Sums over the observed entries, w included, with pᵢⱼ = Aᵢ·Bⱼ and sᵢⱼ = ΣAᵢ + ΣBⱼ.
#[derive(Clone, Copy, Default)]
struct Moments {
    /// Σ 1.
    count: f64,
    /// Σ p.
    p: f64,
    /// Σ x p.
    xp: f64,
    /// Σ p².
    pp: f64,
    /// Σ s.
    s: f64,
    /// Σ s².
    ss: f64,
    /// Σ s p.
    sp: f64,
    /// Σ ‖Aᵢ‖² + ‖Bⱼ‖².
    norms: f64,
}

impl Moments {
    /// Without what some of the entries bring.
    fn less(self, part: Moments) -> Moments {
        Moments {
            count: self.count - part.count,
            p: self.p - part.p,
            xp: self.xp - part.xp,
            pp: self.pp - part.pp,
            s: self.s - part.s,
            ss: self.ss - part.ss,
            sp: self.sp - part.sp,
            norms: self.norms - part.norms,
        }
    }

    fn quadratic(&self, StartMoments { mean: a, variance: v }: StartMoments, rank: f64) -> [f64; 3] {
        let noise = rank * v * v * self.count;
        let w22 = self.pp + v * self.norms + noise;
        let w11 = a * a * self.ss + v * (self.norms - 2.0 * a * self.s + 2.0 * rank * a * a * self.count) + 4.0 * noise;
        let w12 = a * self.sp - v * (self.norms - a * self.s) - 2.0 * noise;
        let w02 = a * a * rank * self.p - self.xp - a * v * self.s + noise;
        [w11 + 2.0 * w02, 6.0 * w12, 6.0 * w22]
    }
}

/// One factor minus the start's mean; for each row its sum and its squared norm.
struct CentredSide {
    rank: usize,
    rows: Vec<f64>,
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl CentredSide {
    fn new(end: &Factors, side: Side, mean: f64) -> CentredSide {
        let rank = end.rank();
        let rows: Vec<f64> = end.side(side).iter().map(|x| x - mean).collect();
        let sums = rows.chunks_exact(rank).map(|row| row.iter().sum()).collect();
        let squares = rows.chunks_exact(rank).map(|row| dot(row, row)).collect();
        CentredSide { rank, rows, sums, squares }
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.rows[i * self.rank..][..self.rank]
    }

    /// Σᵢ weightᵢ · row i.
    fn combine(&self, weight: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut total = vec![0.0; self.rank];
        for (i, row) in self.rows.chunks_exact(self.rank).enumerate() {
            total.iter_mut().zip(row).for_each(|(t, x)| *t += weight(i) * x);
        }
        total
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A = U* − aJ and B = V* − aJ.
struct Centred {
    a: CentredSide,
    b: CentredSide,
}

impl Centred {
    fn new(end: &Factors, mean: f64) -> Centred {
        Centred { a: CentredSide::new(end, Side::U, mean), b: CentredSide::new(end, Side::V, mean) }
    }

    fn observed_moments(&self, data: &Observed) -> Moments {
        let add = |i: usize, sums: &mut [f64; 8]| {
            for (j, x, w) in data.row_entries(i) {
                let p = dot(self.a.row(i), self.b.row(j));
                let s = self.a.sums[i] + self.b.sums[j];
                let terms = [1.0, p, x * p, p * p, s, s * s, s * p, self.a.squares[i] + self.b.squares[j]];
                sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += w * term);
            }
        };
        let [count, p, xp, pp, s, ss, sp, norms] = sum_over_rows(data.entries.by_row.rows(), add);
        Moments { count, p, xp, pp, s, ss, sp, norms }
    }

    /// Sums over all i and j split into sums over each; only Σ x p goes over the stored entries.
    fn full_moments(&self, data: &Matrix<f64>) -> Moments {
        let (a, b) = (&self.a, &self.b);
        let (m, n) = (a.sums.len() as f64, b.sums.len() as f64);
        let total = |x: &[f64]| x.iter().sum::<f64>();
        let (a_total, b_total) = (a.combine(|_| 1.0), b.combine(|_| 1.0));
        let [xp] = sum_over_rows(data.shape().0, |i, [sum]: &mut [f64; 1]| {
            *sum += data.row_entries(i).map(|(j, x, _)| x * dot(a.row(i), b.row(j))).sum::<f64>();
        });
        Moments {
            count: m * n,
            p: dot(&a_total, &b_total),
            xp,
            pp: dot(&gram(&a.rows, a.rank), &gram(&b.rows, b.rank)),
            s: n * total(&a.sums) + m * total(&b.sums),
            ss: n * dot(&a.sums, &a.sums) + m * dot(&b.sums, &b.sums) + 2.0 * total(&a.sums) * total(&b.sums),
            sp: dot(&a.combine(|i| a.sums[i]), &b_total) + dot(&b.combine(|j| b.sums[j]), &a_total),
            norms: n * total(&a.squares) + m * total(&b.squares),
        }
    }
}

/// Σ over rows of what `add` adds up, rows in blocks and blocks in order.
fn sum_over_rows<const N: usize>(rows: usize, add: impl Fn(usize, &mut [f64; N]) + Sync) -> [f64; N] {
    let starts: Vec<usize> = (0..rows).step_by(ROW_BLOCK).collect();
    let block = |&start: &usize| {
        let mut sums = [0.0; N];
        (start..rows.min(start + ROW_BLOCK)).for_each(|i| add(i, &mut sums));
        sums
    };
    let mut total = [0.0; N];
    for sums in starts.par_iter().map(block).collect::<Vec<_>>() {
        total.iter_mut().zip(sums).for_each(|(t, s)| *t += s);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dense, Duplicates, Sparse, Triplet};
    use crate::problem::segment;

    const START: StartMoments = StartMoments { mean: 0.7, variance: 0.09 };

    fn end() -> Factors {
        Factors::new(2, 2, 2, vec![0.2, 1.5, 0.9, 0.0, 2.0, 0.3, 0.4, 1.1]).expect("eight numbers")
    }

    /// Every start whose entries are a ± √S: 2⁸ equally likely points with the right moments.
    fn mean_over_two_point_starts(data: &Matrix<f64>) -> [f64; 3] {
        let mut mean = [0.0; 3];
        for signs in 0..256 {
            let entries = (0..8).map(|bit| if signs >> bit & 1 == 1 { 0.7 + 0.3 } else { 0.7 - 0.3 });
            let start = Factors::new(2, 2, 2, entries.collect()).expect("eight numbers");
            let curvature = segment(data, &start, &end()).expect("good input").curvature();
            mean.iter_mut().zip(curvature.coefficients).for_each(|(m, q)| *m += q / 256.0);
        }
        mean
    }

    #[test]
    fn the_boundary_is_where_the_limit_changes_sign() {
        assert!(limiting_curvature(CONVEX_SPREAD - 1e-3) > 0.0 && limiting_curvature(CONVEX_SPREAD + 1e-3) < 0.0);
    }

    fn observed(entries: &[(u32, u32, f64)], weights: Option<&[f64]>) -> Matrix<f64> {
        let triplets = |value: &dyn Fn(usize) -> f64| {
            let list = entries.iter().enumerate().map(|(at, e)| Triplet { row: e.0, col: e.1, value: value(at) }).collect();
            Sparse::from_triplets(2, 2, list, Duplicates::Sum).expect("inside").0
        };
        let weights = weights.map(|w| triplets(&|at| w[at]));
        Matrix::Observed(Observed { entries: triplets(&|at| entries[at].2), weights })
    }

    #[test]
    fn is_the_mean_over_all_starts() -> Result<(), Error> {
        let dense = Matrix::Dense(Dense::new(2, 2, vec![1.0, 0.5, 0.0, 2.0])?);
        let entries = [(0, 0, 1.0), (0, 1, 0.5), (1, 1, 2.0)];
        let (zeros, _) = Sparse::from_triplets(2, 2, entries.map(|(row, col, value)| Triplet { row, col, value }).to_vec(), Duplicates::Sum)?;
        let zeros = Matrix::Sparse(zeros);
        let hidden = [Triplet { row: 1, col: 0, value: 0.0 }];
        let all_but = [dense.clone().hiding(&hidden)?, zeros.clone().hiding(&hidden)?];
        let all = [dense, zeros, observed(&entries, None), observed(&entries, Some(&[2.0, 0.0, 0.25]))];
        for data in all.iter().chain(&all_but) {
            let expected = mean_over_two_point_starts(data);
            let found = expected_curvature(data, &end(), START)?;
            for (a, b) in found.quadratic.iter().zip(expected) {
                assert!((a - b).abs() < 1e-12 * (1.0 + b.abs()), "{:?} {a} {b}", data.kind());
            }
            let value = |t: f64| found.quadratic[0] + t * (found.quadratic[1] + t * found.quadratic[2]);
            assert!((0..=100).all(|t| value(f64::from(t) / 100.0) >= found.least - 1e-12));
            assert!((value(found.least_at) - found.least).abs() < 1e-12);
        }
        Ok(())
    }
}
