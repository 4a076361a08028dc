//! Ways in which training moves among solutions: label noise, sharpness-aware steps, and small starts.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal, Uniform};
use serde::{Deserialize, Serialize};
use thalweg::data::stream;
use thalweg::linalg::{dot, mul, row_major};
use thalweg::map::Definition;
use thalweg::problem::{Factored, Objective};

/// How a point is moved, on f = ‖A(UVᵀ) − b‖² / 2m.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// Gradient steps with fresh normal noise of variance 1 on b.
    LabelNoise,
    /// Sharpness-aware steps on one measurement at a time: the gradient of its loss at x + ρg/‖g‖, g its gradient at x.
    SharpnessOfOne,
    /// Sharpness-aware steps on all measurements at once.
    SharpnessOfAll,
    /// Gradient steps from factors near 0.
    SmallStart,
}

pub const ROUTES: [Route; 4] = [Route::LabelNoise, Route::SharpnessOfOne, Route::SharpnessOfAll, Route::SmallStart];

/// ρ.
const RADIUS: f64 = 0.1;
/// Entries of a small start.
const SMALL: f64 = 1e-3;
/// Step times the largest curvature that it may meet at the start, all measurements at once.
const CAUTION: f64 = 0.5;
/// For the largest curvature.
const POWER_STEPS: usize = 30;

impl Route {
    /// As said in figures.
    pub fn name(self) -> &'static str {
        match self {
            Route::LabelNoise => "label noise",
            Route::SharpnessOfOne => "sharpness-aware, one measurement",
            Route::SharpnessOfAll => "sharpness-aware, all measurements",
            Route::SmallStart => "small start",
        }
    }
}

/// A run on its way.
pub struct Travel<'a> {
    problem: &'a Factored<'a>,
    /// Aᵢ, row-major, one after the other.
    matrices: &'a [f64],
    route: Route,
    x: Vec<f64>,
    step: f64,
    rng: ChaCha8Rng,
}

impl<'a> Travel<'a> {
    /// From x, or from near 0 for a small start. The step is set by the curvature at x. None unless the measurements are dense matrices.
    pub fn from(problem: &'a Factored<'a>, route: Route, x: Vec<f64>, seed: u64) -> Option<Self> {
        let Definition::Dense(matrices) = problem.map().definition() else { return None };
        let mut rng = stream(seed, 11);
        let m = problem.b().len() as f64;
        let step = match route {
            // each step sees one row of the Jacobian alone
            Route::SharpnessOfOne => 0.5 * CAUTION * m / problem.block_traces(&x)?.iter().map(|block| block.trace).sum::<f64>(),
            _ => CAUTION * m / largest_curvature(problem, &x, &mut rng),
        };
        let x = match route {
            Route::SmallStart => x.iter().map(|_| StandardNormal.sample(&mut rng)).map(|z: f64| SMALL * z).collect(),
            _ => x,
        };
        Some(Travel { problem, matrices, route, x, step, rng })
    }

    /// The present point.
    pub fn point(&self) -> &[f64] {
        &self.x
    }

    /// One step.
    pub fn advance(&mut self) {
        let gradient = match self.route {
            Route::LabelNoise => {
                let mut residual = self.problem.residual(&self.x);
                let rng = &mut self.rng;
                residual.iter_mut().for_each(|r| {
                    *r += {
                        let z: f64 = StandardNormal.sample(rng);
                        z
                    }
                });
                self.mean_gradient(&self.x, &residual)
            }
            Route::SmallStart => self.mean_gradient(&self.x, &self.problem.residual(&self.x)),
            Route::SharpnessOfAll => {
                let ascent = self.mean_gradient(&self.x, &self.problem.residual(&self.x));
                let moved = self.moved_up(&ascent);
                self.mean_gradient(&moved, &self.problem.residual(&moved))
            }
            Route::SharpnessOfOne => {
                let which = Uniform::new(0, self.problem.b().len()).expect("there are measurements").sample(&mut self.rng);
                let ascent = self.gradient_of_one(&self.x, which);
                self.gradient_of_one(&self.moved_up(&ascent), which)
            }
        };
        self.x.iter_mut().zip(gradient).for_each(|(x, g)| *x -= self.step * g);
    }

    /// Jᵀ residual / m.
    fn mean_gradient(&self, x: &[f64], residual: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; x.len()];
        self.problem.transposed(x, residual, &mut out);
        out.iter_mut().for_each(|g| *g /= residual.len() as f64);
        out
    }

    /// Of ½(⟨Aᵢ, UVᵀ⟩ − bᵢ)²: rᵢ(AᵢV, AᵢᵀU).
    fn gradient_of_one(&self, x: &[f64], which: usize) -> Vec<f64> {
        let ((d1, d2), rank) = (self.problem.map().shape(), self.problem.rank());
        let matrix = row_major(&self.matrices[which * d1 * d2..][..d1 * d2], d1, d2);
        let (u, v) = x.split_at(d1 * rank);
        let mut out = vec![0.0; x.len()];
        let (of_u, of_v) = out.split_at_mut(d1 * rank);
        mul(matrix, row_major(v, d2, rank), of_u);
        mul(matrix.transpose(), row_major(u, d1, rank), of_v);
        let residual = dot(of_u, u) - self.problem.b()[which];
        out.iter_mut().for_each(|g| *g *= residual);
        out
    }

    /// x + ρg/‖g‖.
    fn moved_up(&self, g: &[f64]) -> Vec<f64> {
        let length = dot(g, g).sqrt();
        let scale = if length > 0.0 { RADIUS / length } else { 0.0 };
        self.x.iter().zip(g).map(|(x, g)| x + scale * g).collect()
    }
}

/// Of ∇²f at x without the 1/m, by power steps.
fn largest_curvature(problem: &Factored<'_>, x: &[f64], rng: &mut ChaCha8Rng) -> f64 {
    let mut direction: Vec<f64> = x.iter().map(|_| StandardNormal.sample(rng)).collect();
    let mut curvature = 0.0;
    for _ in 0..POWER_STEPS {
        let mut image = vec![0.0; x.len()];
        problem.hessian_vec(x, &direction, &mut image);
        curvature = dot(&image, &image).sqrt() / dot(&direction, &direction).sqrt();
        direction = image;
    }
    curvature
}
