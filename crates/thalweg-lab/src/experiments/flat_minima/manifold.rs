//! The solutions of A(UVᵀ) = b as a surface, and steepest descent of the scaled trace on it.

use rand_distr::{Distribution, StandardNormal};
use thalweg::data::stream;
use thalweg::geometry::flatness;
use thalweg::linalg::{Cholesky, dot, gram_of_rows, mul, multiply_transposed_vector, multiply_vector};
use thalweg::map::Rescaling;
use thalweg::problem::{Factored, Objective};
use thalweg::{Factors, Side};

/// ‖A(UVᵀ) − b‖ / ‖b‖ of a point of the surface.
const FITS: f64 = 1e-11;
/// Newton steps back to it.
const RETURNS: usize = 30;
/// Part of the mean diagonal of JJᵀ that is added: the surface is singular at the planted point where m > r(2d − r).
const SHIFT: f64 = 1e-13;
/// Halvings of a step.
const SEARCH: usize = 20;

/// {x = (U, V) : A(UVᵀ) = b}.
pub struct Solutions<'a> {
    problem: &'a Factored<'a>,
    weights: Rescaling,
}

/// The Jacobian of A(UVᵀ) at a point with the factor of JJᵀ.
struct Jacobian {
    rows: Vec<f64>,
    gram: Cholesky,
}

impl<'a> Solutions<'a> {
    /// Of a problem whose map is not zero.
    pub fn of(problem: &'a Factored<'a>) -> Self {
        Solutions { problem, weights: Rescaling::of(problem.map()).expect("the map is not zero") }
    }

    /// A random point: Newton steps from factors with normal entries. None if they do not reach the surface.
    pub fn random(&self, seed: u64) -> Option<Vec<f64>> {
        let mut rng = stream(seed, 7);
        let scale = 1.0 / (self.problem.rank() as f64).sqrt();
        let start = (0..self.problem.dim()).map(|_| StandardNormal.sample(&mut rng)).map(|z: f64| scale * z).collect();
        self.returned(start, 10 * RETURNS)
    }

    fn jacobian(&self, x: &[f64]) -> Option<Jacobian> {
        let (map, rank) = (self.problem.map(), self.problem.rank());
        let factors = self.problem.factors(x);
        let p = map.len();
        let [of_u, of_v] = [Side::U, Side::V].map(|side| {
            let mut out = vec![0.0; p * factors.side_rows(side) * rank];
            map.jacobian(side, factors.side(side.other()), rank, &mut out);
            out
        });
        let (wide_u, wide_v) = (of_u.len() / p, of_v.len() / p);
        let rows: Vec<f64> = of_u.chunks_exact(wide_u).zip(of_v.chunks_exact(wide_v)).flat_map(|(u, v)| u.iter().chain(v).copied()).collect();
        let mut gram = vec![0.0; p * p];
        gram_of_rows(&rows, p, &mut gram);
        let shift = SHIFT * gram.iter().step_by(p + 1).sum::<f64>() / p as f64;
        gram.iter_mut().step_by(p + 1).for_each(|x| *x += shift);
        Some(Jacobian { rows, gram: Cholesky::of(&gram, p)? })
    }

    /// The nearest point of the surface, by Newton steps of least length.
    fn returned(&self, mut x: Vec<f64>, steps: usize) -> Option<Vec<f64>> {
        let size = dot(self.problem.b(), self.problem.b()).sqrt();
        for _ in 0..steps {
            let mut residual = self.problem.residual(&x);
            let misfit = dot(&residual, &residual).sqrt() / size;
            if misfit <= FITS {
                return Some(x);
            }
            if misfit.is_nan() || misfit > 1e6 {
                return None;
            }
            let jacobian = self.jacobian(&x)?;
            jacobian.gram.solve(&mut residual);
            let mut step = vec![0.0; x.len()];
            multiply_transposed_vector(&jacobian.rows, &residual, &mut step);
            x.iter_mut().zip(step).for_each(|(x, s)| *x -= s);
        }
        None
    }

    fn scaled_trace(&self, x: &[f64]) -> f64 {
        flatness(self.problem, x).expect("recovery has a closed form").scaled_trace
    }

    /// The gradient of the scaled trace a²‖D1U‖² + c²‖D2V‖², projected on the tangent space.
    fn projected_gradient(&self, x: &[f64]) -> Option<Vec<f64>> {
        let ((d1, d2), rank, w) = (self.problem.map().shape(), self.problem.rank(), &self.weights);
        let (u, v) = x.split_at(d1 * rank);
        let of = |weight: &thalweg::map::Weight, factor: &[f64], square: f64| -> Vec<f64> {
            weight.times(&weight.times(factor, rank), rank).iter().map(|g| 2.0 * square * g).collect()
        };
        let mut gradient = of(&w.left, u, w.means.0 * w.means.0 / d2 as f64);
        gradient.extend(of(&w.right, v, w.means.1 * w.means.1 / d1 as f64));
        let jacobian = self.jacobian(x)?;
        let mut image = vec![0.0; self.problem.b().len()];
        multiply_vector(&jacobian.rows, &gradient, &mut image);
        jacobian.gram.solve(&mut image);
        let mut normal = vec![0.0; x.len()];
        multiply_transposed_vector(&jacobian.rows, &image, &mut normal);
        gradient.iter_mut().zip(normal).for_each(|(g, n)| *g -= n);
        Some(gradient)
    }
}

/// Descent on the surface: steps of Barzilai and Borwein, halved until the scaled trace falls.
pub struct Descent<'a> {
    solutions: &'a Solutions<'a>,
    x: Vec<f64>,
    value: f64,
    gradient: Option<Vec<f64>>,
    length: f64,
}

impl<'a> Descent<'a> {
    /// From a point of the surface.
    pub fn from(solutions: &'a Solutions<'a>, x: Vec<f64>) -> Self {
        let (value, gradient) = (solutions.scaled_trace(&x), solutions.projected_gradient(&x));
        // the scaled trace is quadratic: this would take half of its unconstrained step
        let length = 0.25 * dot(&x, &x) / value;
        Descent { solutions, x, value, gradient, length }
    }

    /// Of the present point.
    pub fn scaled_trace(&self) -> f64 {
        self.value
    }

    /// UVᵀ of the present point.
    pub fn product(&self) -> Vec<f64> {
        let factors: Factors = self.solutions.problem.factors(&self.x);
        let mut out = vec![0.0; factors.rows() * factors.cols()];
        mul(factors.u(), factors.v().transpose(), &mut out);
        out
    }

    /// One step; false where none lowers the scaled trace.
    pub fn step(&mut self) -> bool {
        let Some(gradient) = self.gradient.take() else { return false };
        let square = dot(&gradient, &gradient);
        for _ in 0..SEARCH {
            let moved = self.x.iter().zip(&gradient).map(|(x, g)| x - self.length * g).collect();
            if let Some(next) = self.solutions.returned(moved, RETURNS) {
                let value = self.solutions.scaled_trace(&next);
                if value < self.value - 1e-4 * self.length * square {
                    self.take(next, value, &gradient);
                    return true;
                }
            }
            self.length *= 0.4;
        }
        self.gradient = Some(gradient);
        false
    }

    fn take(&mut self, next: Vec<f64>, value: f64, before: &[f64]) {
        let gradient = self.solutions.projected_gradient(&next);
        if let Some(after) = &gradient {
            let step: Vec<f64> = next.iter().zip(&self.x).map(|(n, x)| n - x).collect();
            let change: Vec<f64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
            let along = dot(&step, &change);
            self.length = if along > 0.0 { dot(&step, &step) / along } else { 2.0 * self.length };
        }
        (self.x, self.value, self.gradient) = (next, value, gradient);
    }
}
