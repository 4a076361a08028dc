//! Theorem 7.2: flat networks with quadratic activation are the solutions of a convex problem.

use super::super::manifold::{Descent, Solutions};
use super::super::planted::Planted;
use super::super::surface::NetworkSurface;
use super::{Outcome, Trial};
use crate::experiment::Moments;
use thalweg::Error;
use thalweg::linalg::singular_values;
use thalweg::map::{Ensemble, Rescaling};
use thalweg::problem::Norm;

const SIDE: usize = 8;
const RANK: usize = 3;
const STEPS: usize = 600;

/// Descents of ‖DU‖² over A(USUᵀ) = b from random solutions, d hidden units of either sign: the excess over the convex minimum ‖DXD‖_* where
/// each starts and ends, and the least of all on the way. Starts that reach no solution are left out.
pub fn network_descents(rate: f64, starts: u64, seed: u64) -> Result<Vec<[f64; 3]>, Error> {
    let shape = (SIDE, SIDE);
    let planted = Planted::draw(Ensemble::Quadratic, shape, RANK, rate, (seed, 0))?.expect("measurements are Gaussian");
    let flat = planted.minimiser(Norm::Flat)?;
    let weights = Rescaling::of(&*planted.map).expect("the map is not zero");
    let weighted = weights.right.after(&weights.left.times(&flat.x, SIDE));
    let least: f64 = singular_values(&weighted, SIDE, SIDE).map_or(f64::NAN, |values| values.iter().sum());
    let surface = NetworkSurface::new(&*planted.map, &planted.b, (SIDE, SIDE));
    let solutions = Solutions::of(&surface);
    let descend = |start: Vec<f64>| {
        let mut descent = Descent::from(&solutions, start);
        let excess = |descent: &Descent<'_>| descent.scaled_trace() / least - 1.0;
        let first = excess(&descent);
        let mut lowest = first;
        for _ in 0..STEPS {
            if !descent.step() {
                break;
            }
            lowest = lowest.min(excess(&descent));
        }
        [first, excess(&descent), lowest]
    };
    Ok((0..starts).filter_map(|number| solutions.random(seed.wrapping_add(number))).map(descend).collect())
}

pub fn relaxed(done: &[(Trial, Outcome)]) -> Option<String> {
    let of = |(trial, outcome): &(Trial, Outcome)| matches!(trial, Trial::NetworkRelaxation { .. }).then(|| outcome.numbers.clone());
    let all: Vec<f64> = done.iter().filter_map(of).flatten().collect();
    let (count, reached) = (all.len() / 3, all.chunks_exact(3).filter(|d| d[1] <= 1e-6).count());
    let first = Moments::of(all.chunks_exact(3).map(|d| d[0])).mean;
    (count > 0).then(|| {
        format!(
            "Networks (theorem 7.2): {reached} of {count} descents of ‖DU‖² over the networks that fit, from {:.1} times the least, end at the convex minimum to 1e-6.",
            1.0 + first
        )
    })
}
