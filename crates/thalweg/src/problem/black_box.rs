//! An objective of which nothing is known but what it answers.

use super::Objective;

/// f alone, or f with its gradient, as functions; what is missing is made of central differences.
///
/// With ε the unit of rounding and s = max(1, ‖x‖_∞): gradients from values use steps ε^(1/3) s, second derivatives from values ε^(1/4) s, from
/// gradients ε^(1/3) s. Their errors are of the order of the squares of the steps, and of what rounding in f leaves: at a kink they see
/// the curvature of the kinks that a step crosses, which no Hessian has.
pub struct BlackBox<'a> {
    dim: usize,
    value: &'a (dyn Fn(&[f64]) -> f64 + Sync),
    gradient: Option<&'a Gradient<'a>>,
}

/// Writes the gradient, returns the value.
pub type Gradient<'a> = dyn Fn(&[f64], &mut [f64]) -> f64 + Sync + 'a;

impl<'a> BlackBox<'a> {
    /// f: Rᵖ → R with p = `dim`, and its gradient where that is known.
    pub fn new(dim: usize, value: &'a (dyn Fn(&[f64]) -> f64 + Sync), gradient: Option<&'a Gradient<'a>>) -> Self {
        BlackBox { dim, value, gradient }
    }

    /// The step along a direction: this power of ε, in units of x.
    fn step(x: &[f64], direction: &[f64], power: f64) -> f64 {
        let largest = |x: &[f64]| x.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        f64::EPSILON.powf(power) * largest(x).max(1.0) / largest(direction).max(f64::MIN_POSITIVE)
    }
}

fn moved(x: &[f64], by: f64, direction: &[f64]) -> Vec<f64> {
    x.iter().zip(direction).map(|(x, d)| x + by * d).collect()
}

impl Objective for BlackBox<'_> {
    fn dim(&self) -> usize {
        self.dim
    }

    fn value(&self, x: &[f64]) -> f64 {
        (self.value)(x)
    }

    fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        if let Some(known) = self.gradient {
            return known(x, gradient);
        }
        let mut at = x.to_vec();
        let step = Self::step(x, &[1.0], 1.0 / 3.0);
        for (i, slope) in gradient.iter_mut().enumerate() {
            at[i] = x[i] + step;
            let above = (self.value)(&at);
            at[i] = x[i] - step;
            *slope = (above - (self.value)(&at)) / (2.0 * step);
            at[i] = x[i];
        }
        (self.value)(x)
    }

    fn hessian_vec(&self, x: &[f64], d: &[f64], out: &mut [f64]) {
        // differences of differences need the larger step
        let step = Self::step(x, d, if self.gradient.is_some() { 1.0 / 3.0 } else { 0.25 });
        let mut below = vec![0.0; self.dim];
        self.gradient(&moved(x, step, d), out);
        self.gradient(&moved(x, -step, d), &mut below);
        out.iter_mut().zip(&below).for_each(|(above, below)| *above = (*above - below) / (2.0 * step));
    }

    fn curvature(&self, x: &[f64], d: &[f64]) -> f64 {
        if self.gradient.is_some() {
            let mut product = vec![0.0; self.dim];
            self.hessian_vec(x, d, &mut product);
            return product.iter().zip(d).map(|(h, d)| h * d).sum();
        }
        let step = Self::step(x, d, 0.25);
        let values = [step, -step].map(|step| (self.value)(&moved(x, step, d)));
        (values[0] - 2.0 * (self.value)(x) + values[1]) / (step * step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ¼ Σ xᵢ⁴ + x₀ x₁.
    fn quartic(x: &[f64]) -> f64 {
        x.iter().map(|x| 0.25 * x.powi(4)).sum::<f64>() + x[0] * x[1]
    }

    fn slope(x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.iter_mut().zip(x).for_each(|(g, x)| *g = x.powi(3));
        gradient[0] += x[1];
        gradient[1] += x[0];
        quartic(x)
    }

    #[test]
    fn differences_are_derivatives() {
        let (x, d) = ([0.7, -1.2, 2.0], [1.0, 0.5, -2.0]);
        let hessian = [3.0 * x[0] * x[0] * d[0] + d[1], 3.0 * x[1] * x[1] * d[1] + d[0], 3.0 * x[2] * x[2] * d[2]];
        let along: f64 = hessian.iter().zip(&d).map(|(h, d)| h * d).sum();
        for (gradient, tol) in [(None, 1e-4), (Some(&slope as &Gradient<'_>), 1e-8)] {
            let objective = BlackBox::new(3, &quartic, gradient);
            let (mut g, mut exact, mut product) = ([0.0; 3], [0.0; 3], [0.0; 3]);
            assert_eq!(objective.gradient(&x, &mut g), quartic(&x));
            slope(&x, &mut exact);
            objective.hessian_vec(&x, &d, &mut product);
            assert!(g.iter().zip(exact).all(|(a, b)| (a - b).abs() < 1e-8));
            assert!(product.iter().zip(hessian).all(|(a, b)| (a - b).abs() < tol * 30.0), "{product:?} against {hessian:?}");
            assert!((objective.curvature(&x, &d) - along).abs() < tol * along);
        }
    }
}
