//! Does the negative gradient point to the answer?

use crate::problem::Objective;

/// Cosines between −∇f(x) and a direction; none where either is zero.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct GradientCosine {
    /// Of the gradient itself.
    pub raw: Option<f64>,
    /// Of the gradient without the components that the bound x ≥ 0 blocks: those with xᵢ = 0 and ∂f/∂xᵢ > 0.
    pub projected: Option<f64>,
}

/// cos(−∇f(x), d), the direction d being x* − x₀ for the fixed chord or x* − x for the way left.
///
/// Source: Bjorck, Gomes, Weinberger (2020), figures 6 and 10, where the raw gradient and the fixed chord are drawn.
///
/// # Panics
/// Unless `x` and `direction` have the objective's dimension.
pub fn gradient_cosine(objective: &dyn Objective, x: &[f64], direction: &[f64]) -> GradientCosine {
    let mut gradient = vec![0.0; objective.dim()];
    objective.gradient(x, &mut gradient);
    let cosine = |gradient: &[f64]| Some(-dot(gradient, direction) / norm(gradient)? / norm(direction)?);
    let raw = cosine(&gradient);
    for (g, &x) in gradient.iter_mut().zip(x) {
        if x == 0.0 && *g > 0.0 {
            *g = 0.0;
        }
    }
    GradientCosine { raw, projected: cosine(&gradient) }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "one direction component for each variable");
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> Option<f64> {
    Some(dot(a, a).sqrt()).filter(|&n| n > 0.0)
}
