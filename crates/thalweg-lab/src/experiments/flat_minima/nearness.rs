//! How near the truth a nearly flat solution is.

use crate::experiment::{Check, Moments};
use thalweg::geometry::student_quantile;

/// Gaps between which nearness to the truth is measured: below, the distance is that of rounding.
const NEARLY_FLAT: (f64, f64) = (1e-5, 0.1);

/// How the distance to the truth falls with the excess of the scaled trace, where the flat solution is the truth.
pub struct Nearness {
    /// q of distance ∝ gap^q, over all descents.
    exponent: Moments,
    /// The largest distance over the gap.
    most: f64,
}

impl Nearness {
    /// Of (gap, distance) along each descent; none of fewer than two that come near.
    pub fn of(descents: &[Vec<(f64, f64)>]) -> Option<Nearness> {
        let is_nearly = |point: &(f64, f64)| (NEARLY_FLAT.0..NEARLY_FLAT.1).contains(&point.0);
        let nearly = descents.iter().map(|points| points.iter().copied().filter(is_nearly).collect::<Vec<_>>());
        let all: Vec<Vec<(f64, f64)>> = nearly.filter(|points| points.len() > 2).collect();
        let most = all.iter().flatten().map(|(gap, distance)| distance / gap).fold(0.0, f64::max);
        let exponent = Moments::of(all.iter().map(|points| log_slope(points)));
        (exponent.count > 1.0).then_some(Nearness { exponent, most })
    }

    fn half_width(&self) -> f64 {
        student_quantile(self.exponent.count as usize - 1) * self.exponent.standard_error()
    }

    /// The flat norm has a sharp minimum at a truth that it recovers: it grows at least linearly with the distance.
    pub fn check(&self) -> Check {
        let what = "q of distance ∝ (excess of the scaled trace)^q where the flat solution is the truth";
        Check::at_least(what, "strict complementarity: a sharp minimum has q = 1", 0.0, self.exponent.mean - 0.8, -self.half_width())
    }

    /// In words.
    pub fn sentence(&self) -> String {
        format!(
            "Nearly flat is near the truth: where the flat solution is the truth, a solution with {:.0e} to {} more scaled trace than the least lies within {:.1} times that \
             excess of it, the distance falling like its power {:.2} ± {:.2} ({} descents).",
            NEARLY_FLAT.0,
            NEARLY_FLAT.1,
            self.most,
            self.exponent.mean,
            self.half_width(),
            self.exponent.count
        )
    }
}

/// Of y ∝ x^q, by least squares of the logarithms.
fn log_slope(points: &[(f64, f64)]) -> f64 {
    let logs = || points.iter().map(|(x, y)| (x.ln(), y.ln()));
    let [x, y] = [Moments::of(logs().map(|p| p.0)).mean, Moments::of(logs().map(|p| p.1)).mean];
    logs().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / logs().map(|p| (p.0 - x).powi(2)).sum::<f64>()
}
