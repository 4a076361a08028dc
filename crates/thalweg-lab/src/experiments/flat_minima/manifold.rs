//! The surface of solutions of A(X) = b, and steepest descent of the scaled trace on it.

use super::surface::Surface;
use rand_distr::{Distribution, StandardNormal};
use thalweg::data::stream;
use thalweg::linalg::{Cholesky, dot, gram_of_rows, multiply_transposed_vector, multiply_vector};

/// ‖A(UVᵀ) − b‖ / ‖b‖ of a point of the surface.
const FITS: f64 = 1e-11;
/// Newton steps back to it.
const RETURNS: usize = 30;
/// Part of the mean diagonal of JJᵀ that is added at the least: the surface is singular at the planted point where m > r(2d − r).
const SHIFT: f64 = 1e-13;
/// Halvings of a step.
const SEARCH: usize = 20;

/// {x : A(X) = b}.
pub struct Solutions<'a> {
    surface: &'a dyn Surface,
}

/// The Jacobian of A(X) at a point with the factor of JJᵀ.
struct Jacobian {
    rows: Vec<f64>,
    gram: Cholesky,
}

impl<'a> Solutions<'a> {
    /// Of a surface.
    pub fn of(surface: &'a dyn Surface) -> Self {
        Solutions { surface }
    }

    /// A random point: Newton steps from factors with normal entries. None if they do not reach the surface.
    pub fn random(&self, seed: u64) -> Option<Vec<f64>> {
        let mut rng = stream(seed, 7);
        let scale = 1.0 / (self.surface.width() as f64).sqrt();
        let start = (0..self.surface.dim()).map(|_| StandardNormal.sample(&mut rng)).map(|z: f64| scale * z).collect();
        self.returned(start, 10 * RETURNS)
    }

    /// `shift`: the part of the mean diagonal of JJᵀ that is added to it.
    fn jacobian(&self, x: &[f64], shift: f64) -> Option<Jacobian> {
        let (rows, p) = (self.surface.jacobian(x), self.surface.b().len());
        let mut gram = vec![0.0; p * p];
        gram_of_rows(&rows, p, &mut gram);
        let shift = shift * gram.iter().step_by(p + 1).sum::<f64>() / p as f64;
        gram.iter_mut().step_by(p + 1).for_each(|x| *x += shift);
        Some(Jacobian { rows, gram: Cholesky::of(&gram, p)? })
    }

    /// A point of the surface nearby, by Newton steps of least length, damped by the misfit (Levenberg, Marquardt): near a singular point an
    /// undamped step of least length may be long. None if they do not reach it.
    pub fn near(&self, x: Vec<f64>) -> Option<Vec<f64>> {
        self.returned(x, RETURNS)
    }

    fn returned(&self, mut x: Vec<f64>, steps: usize) -> Option<Vec<f64>> {
        let size = dot(self.surface.b(), self.surface.b()).sqrt();
        for _ in 0..steps {
            let mut residual = self.surface.residual(&x);
            let misfit = dot(&residual, &residual).sqrt() / size;
            if misfit <= FITS {
                return Some(x);
            }
            if misfit.is_nan() || misfit > 1e6 {
                return None;
            }
            let jacobian = self.jacobian(&x, SHIFT + misfit.min(1.0))?;
            jacobian.gram.solve(&mut residual);
            let mut step = vec![0.0; x.len()];
            multiply_transposed_vector(&jacobian.rows, &residual, &mut step);
            x.iter_mut().zip(step).for_each(|(x, s)| *x -= s);
        }
        None
    }

    /// The gradient of the scaled trace, projected on the tangent space.
    fn projected_gradient(&self, x: &[f64]) -> Option<Vec<f64>> {
        let mut gradient = self.surface.trace_gradient(x);
        let jacobian = self.jacobian(x, SHIFT)?;
        let mut image = vec![0.0; self.surface.b().len()];
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
        let (value, gradient) = (solutions.surface.scaled_trace(&x), solutions.projected_gradient(&x));
        // the scaled trace is quadratic: this would take half of its unconstrained step
        let length = 0.25 * dot(&x, &x) / value;
        Descent { solutions, x, value, gradient, length }
    }

    /// Of the present point.
    pub fn scaled_trace(&self) -> f64 {
        self.value
    }

    /// ‖∇‖‖x‖ over the scaled trace, ∇ its gradient along the surface: 0 where it is stationary. None where the surface has no tangent space.
    pub fn slope(&self) -> Option<f64> {
        let gradient = self.gradient.as_ref()?;
        Some((dot(gradient, gradient) * dot(&self.x, &self.x)).sqrt() / self.value)
    }

    /// X of the present point.
    pub fn product(&self) -> Vec<f64> {
        self.solutions.surface.product(&self.x)
    }

    /// One step; false where none lowers the scaled trace.
    pub fn step(&mut self) -> bool {
        let Some(gradient) = self.gradient.take() else { return false };
        let square = dot(&gradient, &gradient);
        for _ in 0..SEARCH {
            let moved = self.x.iter().zip(&gradient).map(|(x, g)| x - self.length * g).collect();
            if let Some(next) = self.solutions.near(moved) {
                let value = self.solutions.surface.scaled_trace(&next);
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
