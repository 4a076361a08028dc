//! A random matrix of low rank with its measurements by a random map.

use std::ops::ControlFlow;
use thalweg::Error;
use thalweg::map::{Ensemble, MeasurementMap, planted_matrix};
use thalweg::problem::{Norm, Recovered, Recovery};
use thalweg::solver::Stop;
use thalweg::solver::convex::{RECOVERY_TOLERANCE, recover};

/// M of Frobenius norm 1, A, and b = A(M).
pub struct Planted {
    pub truth: Vec<f64>,
    pub map: Box<dyn MeasurementMap>,
    pub b: Vec<f64>,
}

/// More steps than any of these problems takes.
const MAX_ITERS: usize = 20_000;

impl Planted {
    /// Map number `trial` of the matrix of this seed. None if no entry is seen.
    pub fn draw(model: Ensemble, shape: (usize, usize), rank: usize, rate: f64, (seed, trial): (u64, u64)) -> Result<Option<Planted>, Error> {
        let truth = planted_matrix(model, shape, rank, seed, 0);
        let Some(map) = model.draw(shape, rate, 0.0, seed, trial)? else { return Ok(None) };
        let mut b = vec![0.0; map.len()];
        map.apply(&truth, &mut b);
        Ok(Some(Planted { truth, map, b }))
    }

    /// The matrix of least norm that fits.
    pub fn minimiser(&self, norm: Norm) -> Result<Recovered, Error> {
        let stop = Stop { max_iters: MAX_ITERS, max_time: None, tol: RECOVERY_TOLERANCE };
        recover(&Recovery::new(&*self.map, &self.b, norm)?, &stop, &mut |_, _| ControlFlow::Continue(()))
    }
}

/// ‖X − Y‖_F.
pub fn distance(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}
