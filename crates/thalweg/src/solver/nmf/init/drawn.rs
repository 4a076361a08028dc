//! Half-normal starts.

use crate::data::stream;
use crate::linalg::Real;
use crate::problem::{LeastSquares, RowSet};
use crate::{Factors, Side};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// s² = π·mean / 2r; for factors with entries of either sign q/√r, with q² the mean of x², which the mean of (UVᵀ)² is to be.
fn squared_scale<T: Real>(problem: &dyn LeastSquares<T>) -> f64 {
    let (summary, rank) = (problem.summary(), problem.shape().2 as f64);
    if problem.constraints().allows_negatives() {
        (summary.mean * summary.mean + summary.sd * summary.sd).sqrt() / rank.sqrt()
    } else {
        std::f64::consts::PI * summary.mean / (2.0 * rank)
    }
}

/// s = √(π·mean / 2r), the scale of the half-normal start: E[(UVᵀ)ᵢⱼ] = r·s²·2/π is the mean of X.
///
/// Source: Bjorck, Gomes, Weinberger (2020), section 4.1; the mean is that of UVᵀ, not of U.
pub fn half_normal_scale<T: Real>(problem: &dyn LeastSquares<T>) -> f64 {
    squared_scale(problem).sqrt()
}

pub(super) fn symmetric<T: Real>(problem: &dyn LeastSquares<T>, seed: u64, trial: u64) -> Factors<T> {
    let scale = half_normal_scale(problem);
    draw(problem, [scale, scale], seed, trial)
}

pub(super) fn scaled_by_powers_of_two<T: Real>(problem: &dyn LeastSquares<T>, seed: u64, trial: u64) -> Factors<T> {
    let squared = squared_scale(problem);
    let shares = [Side::U, Side::V].map(|side| problem.constraints().side(side).rows == RowSet::SumToOne);
    // where the rows of one factor sum to one, the other has the scale of the data
    match shares {
        [false, false] => {}
        [is_u, _] => {
            let whole = squared * problem.shape().2 as f64;
            return draw(problem, if is_u { [1.0, whole] } else { [whole, 1.0] }, seed, trial);
        }
    }
    let scale_v = squared.sqrt().log2().floor().exp2();
    draw(problem, [squared / scale_v, scale_v], seed, trial)
}

fn draw<T: Real>(problem: &dyn LeastSquares<T>, [scale_u, scale_v]: [f64; 2], seed: u64, trial: u64) -> Factors<T> {
    let (m, n, r) = problem.shape();
    let mut rng = stream(seed, trial);
    let mut factors = Factors::zeros(m, n, r);
    let (row_counts, col_counts) = problem.observed_counts();
    let (u, v) = factors.split_mut();
    for (rows, counts, scale, side) in [(u, row_counts, scale_u, Side::U), (v, col_counts, scale_v, Side::V)] {
        // the numbers of rows that others hold are drawn as well
        let here = problem.rows_here(side);
        skip(&mut rng, here.first * r);
        let is_signed = problem.constraints().side(side).rows == RowSet::Free;
        // a half whose other half is given makes up for the size of that
        let other = problem.constraints().side(side.other());
        let of_column = |k: usize| other.size(k).filter(|&s| s > 0.0).map_or(scale, |size| scale_u * scale_v / size);
        let scales: Vec<f64> = (0..r).map(of_column).collect();
        for (row, count) in rows.chunks_exact_mut(r).zip(counts) {
            // draw for every row, so that a mask does not shift the others' numbers
            for (x, scale) in row.iter_mut().zip(&scales) {
                let g: f64 = StandardNormal.sample(&mut rng);
                *x = T::of(scale * if is_signed { g } else { g.abs() });
            }
            if count == 0 {
                row.fill(T::of(0.0));
            }
        }
        skip(&mut rng, (here.all - here.first - here.count) * r);
    }
    factors
}

fn skip(rng: &mut impl Rng, count: usize) {
    for _ in 0..count {
        let _: f64 = StandardNormal.sample(rng);
    }
}
