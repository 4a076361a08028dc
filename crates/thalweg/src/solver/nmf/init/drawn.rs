//! Half-normal starts.

use crate::Factors;
use crate::data::stream;
use crate::linalg::Real;
use crate::problem::Nmf;
use rand_distr::{Distribution, StandardNormal};

/// s² = π·mean / 2r.
fn squared_scale<T: Real>(problem: &Nmf<'_, T>) -> f64 {
    std::f64::consts::PI * problem.summary().mean / (2.0 * problem.rank() as f64)
}

/// s = √(π·mean / 2r), the scale of the half-normal start: E[(UVᵀ)ᵢⱼ] = r·s²·2/π is the mean of X.
///
/// Source: Bjorck, Gomes, Weinberger (2020), section 4.1; the mean is that of UVᵀ, not of U.
pub fn half_normal_scale<T: Real>(problem: &Nmf<'_, T>) -> f64 {
    squared_scale(problem).sqrt()
}

pub(super) fn symmetric<T: Real>(problem: &Nmf<'_, T>, seed: u64, trial: u64) -> Factors<T> {
    let scale = half_normal_scale(problem);
    draw(problem, [scale, scale], seed, trial)
}

pub(super) fn scaled_by_powers_of_two<T: Real>(problem: &Nmf<'_, T>, seed: u64, trial: u64) -> Factors<T> {
    let scale_v = half_normal_scale(problem).log2().floor().exp2();
    draw(problem, [squared_scale(problem) / scale_v, scale_v], seed, trial)
}

fn draw<T: Real>(problem: &Nmf<'_, T>, [scale_u, scale_v]: [f64; 2], seed: u64, trial: u64) -> Factors<T> {
    let (m, n) = problem.data().shape();
    let r = problem.rank();
    let mut rng = stream(seed, trial);
    let mut factors = Factors::zeros(m, n, r);
    let (row_counts, col_counts) = problem.data().observed_counts();
    let (u, v) = factors.split_mut();
    for (rows, counts, scale) in [(u, row_counts, scale_u), (v, col_counts, scale_v)] {
        for (row, count) in rows.chunks_exact_mut(r).zip(counts) {
            // draw for every row, so that a mask does not shift the others' numbers
            row.fill_with(|| {
                let g: f64 = StandardNormal.sample(&mut rng);
                T::of(scale * g.abs())
            });
            if count == 0 {
                row.fill(T::of(0.0));
            }
        }
    }
    factors
}
