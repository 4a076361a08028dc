//! Cyclic coordinate descent with Newton steps that never overshoot.

use super::{About, DivergenceMethod, Init, Order};
use crate::problem::{DivergenceUpdate, RowFit, Slope};
use std::ops::RangeInclusive;

/// One sweep over the entries of a row, each moved by a Newton step of its own, the fit being kept up to date.
///
/// For 1 ≤ β ≤ 2 the derivative φ′ along one entry is increasing and concave. So:
///
/// ```text
/// φ′(0) < 0:  t = −φ′(0)/φ″(0) stops short of the minimum
/// φ′(0) > 0:  t₁ = max(−u, −φ′(0)/φ″(0)) goes beyond it unless it ends at −u; the chord of φ′ between t₁ and 0 stops short of it,
///             and so does the multiplicative step u·(pull/push − 1): take the longer of the two
/// ```
///
/// A step that stops short of the minimum of a convex function lowers it: the objective never rises, and nothing is searched for. At β = 2
/// this is HALS. Unlike multiplicative updates, entries reach zero exactly and leave it again.
///
/// Source: Hsieh, Dhillon (2011) for the sweep and the Newton step, which alone may raise the objective; the chord is ours. Hien, Gillis
/// (2021) damp the step by a bound on φ‴ instead.
#[derive(Debug, Clone, Copy)]
pub struct ScalarNewton;

impl DivergenceMethod for ScalarNewton {
    fn about(&self) -> About {
        About {
            name: "scalar-newton",
            summary: "cyclic coordinate descent, each entry by a Newton step that stops short of its minimum",
            cost_per_row: "10-20r for each entry",
            source: "Hsieh, Dhillon (2011), made monotone",
            order: Order::Alternating,
            init: Init::Random,
            iterations: None,
            monotone: true,
        }
    }

    fn betas(&self) -> RangeInclusive<f64> {
        1.0..=2.0
    }
}

impl DivergenceUpdate for ScalarNewton {
    fn update(&self, fit: &mut RowFit<'_>) {
        fit.predict();
        for &k in fit.free {
            let u = fit.row[k];
            let at = fit.slope_along(k, 0.0);
            let step = step(u, at, |t| fit.slope_along(k, t).gradient());
            if step != 0.0 {
                fit.row[k] = u + step;
                fit.advance(k, step);
            }
        }
    }
}

/// How far to move an entry that stands at u, not beyond the minimum; exactly −u if that is at zero.
fn step(u: f64, at: Slope, gradient_at: impl Fn(f64) -> f64) -> f64 {
    let gradient = at.gradient();
    let newton = if at.curvature > 0.0 { -gradient / at.curvature } else { f64::NEG_INFINITY };
    if gradient < 0.0 {
        // a pull without curvature has underflowed: stay
        return if newton.is_finite() { newton } else { 0.0 };
    }
    if gradient == 0.0 || u == 0.0 {
        return 0.0;
    }
    let beyond = newton.max(-u);
    let there = gradient_at(beyond);
    if there >= 0.0 {
        return beyond;
    }
    let chord = beyond * (gradient / (gradient - there));
    let multiplicative = u * (at.pull / at.push - 1.0);
    chord.min(multiplicative)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// φ(t) = s (u+t) − Σ x ln(a + v (u+t)): every step lowers it and stays at or above −u.
    #[test]
    fn steps_lower_the_objective_from_either_side() {
        let (x, a, v) = ([3.0, 0.5, 7.0], [0.2, 1.0, 1e-6], [1.0, 0.3, 2.0]);
        for s in [0.1f64, 1.0, 5.0, 40.0, 1e4] {
            let value = |u: f64| s * u - (0..3).map(|e| x[e] * (a[e] + v[e] * u).ln()).sum::<f64>();
            let slope = |u: f64| {
                let p = |e: usize| a[e] + v[e] * u;
                let pull = (0..3).map(|e| x[e] * v[e] / p(e)).sum();
                Slope { pull, push: s, curvature: (0..3).map(|e| x[e] * v[e] * v[e] / (p(e) * p(e))).sum() }
            };
            for start in [0.0, 1e-9, 0.01, 1.0, 30.0, 1e6] {
                let mut u = start;
                for _ in 0..60 {
                    let t = step(u, slope(u), |t| slope(u + t).gradient());
                    assert!(u + t >= 0.0);
                    assert!(value(u + t) <= value(u) + 1e-12 * value(u).abs(), "s = {s}, u = {u}, t = {t}");
                    u += t;
                }
                let g = slope(u).gradient();
                assert!(g.abs() < 1e-6 * s || (u == 0.0 && g > 0.0), "s = {s} from {start}: {u}, {g}");
            }
        }
    }
}
