//! Starts from the leading singular vectors.

use super::drawn::scaled_by_powers_of_two;
use crate::data::stream;
use crate::linalg::{Real, TruncatedSvd, gram_between, multiply, nearest_orthogonal, row_major, row_major_mut, sketch_width, truncated_svd};
use crate::problem::Nmf;
use crate::{Factors, Side};
use rand_distr::{Distribution, StandardNormal};

/// The stream that sketches the spectrum: the same for every trial.
const SKETCH_STREAM: u64 = 1 << 61;
/// The share of the mean of X that replaces zeros, for each component.
const ZERO_SHARE: f64 = 0.1;
/// Rotations at most; each costs O((m + n) r²).
const MAX_ROTATIONS: usize = 500;

fn leading<T: Real>(problem: &Nmf<'_, T>, seed: u64) -> Option<TruncatedSvd> {
    let data = problem.data();
    let (m, n) = data.shape();
    let r = problem.rank();
    let mut rng = stream(seed, SKETCH_STREAM);
    let sketch = (0..n * sketch_width(m, n, r)).map(|_| StandardNormal.sample(&mut rng)).collect();
    let product = |side: Side, b: &[f64], width: usize, out: &mut [f64]| {
        let b: Vec<T> = b.iter().map(|&x| T::of(x)).collect();
        let mut narrow = vec![T::of(0.0); out.len()];
        data.multiply(side, &b, width, &mut narrow);
        out.iter_mut().zip(narrow).for_each(|(o, x)| *o = x.f64());
    };
    truncated_svd((m, n), r, sketch, |b, w, out| product(Side::U, b, w, out), |b, w, out| product(Side::V, b, w, out))
}

/// Positive and negative parts of each singular pair; the pair with the larger product of norms is kept.
///
/// If the decomposition does not end, the random start of trial 0 takes its place.
///
/// Source: Boutsidis, Gallopoulos (2008), Pattern Recognition 41(4). The first pair of a non-negative matrix has one sign.
pub(super) fn nndsvd<T: Real>(problem: &Nmf<'_, T>, seed: u64, fill_zeros: bool) -> Factors<T> {
    let Some(svd) = leading(problem, seed) else { return scaled_by_powers_of_two(problem, seed, 0) };
    let (m, n) = problem.data().shape();
    let r = problem.rank();
    let mut factors = Factors::<f64>::zeros(m, n, r);
    for k in 0..r {
        let column = |x: &[f64], sign: f64| -> Vec<f64> { x.iter().skip(k).step_by(r).map(|x| (sign * x).max(0.0)).collect() };
        let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let pairs = [1.0, -1.0].map(|sign| (column(&svd.u, sign), column(&svd.v, sign)));
        let sizes = pairs.each_ref().map(|(u, v)| norm(u) * norm(v));
        let kept = usize::from(sizes[1] > sizes[0]);
        let (u, v) = &pairs[kept];
        let scale = (svd.singular_values[k] * sizes[kept]).sqrt();
        let (to_u, to_v) = factors.split_mut();
        for (to, from) in [(to_u, u), (to_v, v)] {
            let size = norm(from);
            to.iter_mut().skip(k).step_by(r).zip(from).for_each(|(to, x)| *to = if size > 0.0 { scale * x / size } else { 0.0 });
        }
    }
    if fill_zeros {
        let floor = (problem.summary().mean * ZERO_SHARE / r as f64).sqrt();
        factors.as_mut_slice().iter_mut().filter(|x| **x == 0.0).for_each(|x| *x = floor);
    }
    factors.cast()
}

/// The leading singular pairs, their size shared evenly: U = P√Σ, V = Q√Σ.
///
/// If the decomposition does not end, the random start of trial 0 takes its place.
pub(super) fn svd<T: Real>(problem: &Nmf<'_, T>, seed: u64) -> Factors<T> {
    let (m, n) = problem.data().shape();
    match leading(problem, seed).map(shared_evenly) {
        Some(buffer) => Factors::new(m, n, problem.rank(), buffer).expect("the buffer holds U and V").cast(),
        None => scaled_by_powers_of_two(problem, seed, 0),
    }
}

/// P√Σ, then Q√Σ.
fn shared_evenly(svd: TruncatedSvd) -> Vec<f64> {
    let mut rows = svd.u;
    rows.extend(&svd.v);
    for row in rows.chunks_exact_mut(svd.singular_values.len()) {
        row.iter_mut().zip(&svd.singular_values).for_each(|(x, s)| *x *= s.sqrt());
    }
    rows
}

/// min over rotations R of ‖min(AR, 0)‖² + ‖min(BR, 0)‖² with A = P√Σ, B = Q√Σ, by alternating the nearest non-negative factors and the
/// nearest rotation (Procrustes), from a random R; then AR and BR without their negative entries.
///
/// If a decomposition does not end, the random start of the trial takes its place.
pub(super) fn exterior<T: Real>(problem: &Nmf<'_, T>, seed: u64, trial: u64) -> Factors<T> {
    let (m, n) = problem.data().shape();
    let r = problem.rank();
    let rotated = leading(problem, seed).and_then(|svd| {
        let outside = shared_evenly(svd);
        let mut rng = stream(seed, trial);
        let draw: Vec<f64> = (0..r * r).map(|_| StandardNormal.sample(&mut rng)).collect();
        let mut rotation = nearest_orthogonal(&draw, r)?;
        let mut inside = vec![0.0; outside.len()];
        let mut last = f64::INFINITY;
        for _ in 0..MAX_ROTATIONS {
            multiply(row_major(&outside, m + n, r), row_major(&rotation, r, r), row_major_mut(&mut inside, m + n, r));
            let outside_by: f64 = inside.iter().map(|x| x.min(0.0).powi(2)).sum();
            inside.iter_mut().for_each(|x| *x = x.max(0.0));
            if outside_by > last * (1.0 - 1e-4) {
                break;
            }
            last = outside_by;
            rotation = nearest_orthogonal(&gram_between(&outside, &inside, r), r)?;
        }
        Some(inside)
    });
    match rotated {
        Some(buffer) => Factors::new(m, n, r, buffer).expect("the buffer holds U and V").cast(),
        None => scaled_by_powers_of_two(problem, seed, trial),
    }
}
