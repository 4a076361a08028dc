//! Random directions, filter by filter as long as the weights.

use crate::network::{Network, Role};
use rand_distr::{Distribution, StandardNormal};
use thalweg::data::stream;
use thalweg::linalg::dot;

const DIRECTION_STREAM: u64 = 14 << 56;

/// r_f ← r_f ‖w_f‖/(‖r_f‖ + 10⁻¹⁰) for each filter of a convolution and each row of a matrix; 0 for scales and shifts.
///
/// Source: Li et al. (2018), section 4.
pub fn filter_normalised(network: &Network, weights: &[f64], direction: &mut [f64]) {
    for group in &network.groups {
        let (w, r) = (&weights[group.range.clone()], &mut direction[group.range.clone()]);
        let Role::Filters { shape, .. } = group.role else {
            r.fill(0.0);
            continue;
        };
        for (w, r) in w.chunks_exact(shape.len()).zip(r.chunks_exact_mut(shape.len())) {
            let share = dot(w, w).sqrt() / (dot(r, r).sqrt() + 1e-10);
            r.iter_mut().for_each(|r| *r *= share);
        }
    }
}

/// Normal directions of a seed, normalised so.
pub fn filter_normalised_directions(network: &Network, weights: &[f64], count: usize, seed: u64) -> Vec<Vec<f64>> {
    let draw = |k: usize| {
        let mut r: Vec<f64> = StandardNormal.sample_iter(stream(seed, DIRECTION_STREAM + k as u64)).take(network.dim()).collect();
        filter_normalised(network, weights, &mut r);
        r
    };
    (0..count).map(draw).collect()
}
