//! Conjugate gradients with exact steps, in two metrics.

use super::{FactoredAbout, FactoredMethod, Step};
use crate::Error;
use crate::linalg::{Cholesky, dot, gram};
use crate::problem::{Factored, Objective};
use crate::solver::Ranks;

/// What length a change of the factors has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// ‖D‖² + ‖E‖².
    Euclidean,
    /// ‖DVᵀ‖² + ‖UEᵀ‖²: the gradient becomes (∇_U f (VᵀV)⁻¹, ∇_V f (UᵀU)⁻¹), and the rate does not depend on the condition of X.
    Scaled,
}

/// Conjugate gradients (Polak, Ribière) with the exact minimiser of the quartic on each line.
pub struct Descent {
    /// Of the gradient.
    pub metric: Metric,
}

impl FactoredMethod for Descent {
    fn about(&self) -> FactoredAbout {
        match self.metric {
            Metric::Euclidean => FactoredAbout {
                name: "gradient",
                summary: "conjugate gradients with exact steps",
                cost: "four applications of A or A*",
                source: "Polak, Ribière (1969)",
                semidefinite: true,
            },
            Metric::Scaled => FactoredAbout {
                name: "scaled-gradient",
                summary: "the same in the metric of UVᵀ: fast where X is ill-conditioned",
                cost: "four applications of A or A*",
                source: "Tong, Ma, Chi (2021), with conjugate directions and exact steps",
                semidefinite: true,
            },
        }
    }

    fn begin<'p>(&self, _: &Factored<'p>) -> Result<Box<dyn Step + 'p>, Error> {
        Ok(Box::new(Descending { metric: self.metric, last: None }))
    }
}

struct Descending {
    metric: Metric,
    /// The gradient, ⟨it, its preconditioned form⟩ and the direction of the step before.
    last: Option<(Vec<f64>, f64, Vec<f64>)>,
}

/// (VᵀV + δI)⁻¹ with δ this part of its trace: a zero factor has no metric.
const DAMPING: f64 = 1e-12;

impl Descending {
    /// The gradient in the metric.
    fn scaled(&self, problem: &Factored<'_>, x: &[f64], gradient: &[f64]) -> Vec<f64> {
        let mut out = gradient.to_vec();
        if self.metric == Metric::Euclidean {
            return out;
        }
        let r = problem.rank();
        let (left, right) = out.split_at_mut(problem.left_len());
        let (u, v) = x.split_at(problem.left_len());
        divide(left, if problem.is_semidefinite() { u } else { v }, r);
        divide(right, u, r);
        out
    }
}

/// G ← G (FᵀF)⁻¹.
fn divide(gradient: &mut [f64], factor: &[f64], r: usize) {
    let mut gram = gram(factor, r);
    let lift = DAMPING * (0..r).map(|k| gram[k * r + k]).sum::<f64>();
    (0..r).for_each(|k| gram[k * r + k] += lift);
    if let Some(factor) = Cholesky::of(&gram, r) {
        gradient.chunks_exact_mut(r).for_each(|row| factor.solve(row));
    }
}

impl Step for Descending {
    fn step(&mut self, problem: &Factored<'_>, _: &Ranks<'_>, x: &mut Vec<f64>, residual: &mut Vec<f64>) -> bool {
        let mut gradient = vec![0.0; problem.dim()];
        problem.transposed(x, residual, &mut gradient);
        let scaled = self.scaled(problem, x, &gradient);
        let square = dot(&gradient, &scaled);
        let mut direction: Vec<f64> = scaled.iter().map(|s| -s).collect();
        if let Some((last, last_square, old)) = &self.last {
            let beta = ((square - dot(last, &scaled)) / last_square).max(0.0);
            direction.iter_mut().zip(old).for_each(|(d, old)| *d += beta * old);
            if dot(&direction, &gradient) >= 0.0 {
                direction.iter_mut().zip(&scaled).for_each(|(d, s)| *d = -s);
            }
        }
        let (coefficients, r1, r2) = problem.quartic(x, residual, &direction);
        let t = minimiser(&coefficients);
        if t == 0.0 || square == 0.0 {
            self.last = None;
            return false;
        }
        x.iter_mut().zip(&direction).for_each(|(x, d)| *x += t * d);
        residual.iter_mut().zip(r1.iter().zip(&r2)).for_each(|(r, (r1, r2))| *r += t * (r1 + t * r2));
        self.last = Some((gradient, square, direction));
        true
    }
}

/// The smallest positive stationary point of a quartic that falls at 0: Newton's method on the cubic, kept inside a bracket.
fn minimiser(c: &[f64; 5]) -> f64 {
    let slope = |t: f64| c[1] + t * (2.0 * c[2] + t * (3.0 * c[3] + t * 4.0 * c[4]));
    let curvature = |t: f64| 2.0 * c[2] + t * (6.0 * c[3] + t * 12.0 * c[4]);
    if c[1].is_nan() || c[1] >= 0.0 {
        return 0.0;
    }
    let mut high = if c[2] > 0.0 { -c[1] / (2.0 * c[2]) } else { (-c[1] / (4.0 * c[4])).cbrt() };
    if !high.is_finite() {
        return 0.0;
    }
    while slope(high) < 0.0 {
        high *= 2.0;
        if !high.is_finite() {
            return 0.0;
        }
    }
    let mut low = 0.0;
    let mut t = high;
    for _ in 0..60 {
        if slope(t) < 0.0 {
            low = t
        } else {
            high = t
        }
        let newton = t - slope(t) / curvature(t);
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - t).abs() <= 4.0 * f64::EPSILON * t {
            return next;
        }
        t = next;
    }
    t
}
