//! Figure 2: a function that is star-convex and not convex.

use super::PAPER;
use crate::experiment::{About, Bench, Check, Experiment, Findings, Scale};
use crate::figure::{Axis, Curve, CurveGroup, Curves, Figure, Kind, Tone};
use serde::{Deserialize, Serialize};
use thalweg::Error;

/// The experiment.
pub struct PowerCone;

/// One exponent.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Trial {
    p: f64,
}

/// (|x|ᵖ + |y|ᵖ)^(1/p) along two segments, λ from 0 to 1.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// From (1, 1) to 0: the ray.
    ray: Vec<f64>,
    /// From (1, 0) to (0, 1).
    across: Vec<f64>,
}

const POINTS: usize = 101;

fn height(p: f64, x: f64, y: f64) -> f64 {
    (x.abs().powf(p) + y.abs().powf(p)).powf(1.0 / p)
}

fn curve(label: &str, values: &[f64]) -> Curve {
    Curve::new(label, values.iter().enumerate().map(|(i, &v)| (i as f64 / (POINTS - 1) as f64, v)).collect())
}

impl Experiment for PowerCone {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "fig2",
            title: "A star-convex function that is not convex (figure 2)",
            claim: "(|x|ᵖ + |y|ᵖ)^(1/p) with 0 < p < 1 is linear on every ray to its minimum 0, and not convex between rays.",
            version: 1,
        }
    }

    fn trials(&self, _: Scale, _: &Bench) -> Vec<Trial> {
        [0.25, 0.5, 0.75].map(|p| Trial { p }).into()
    }

    fn run(&self, trial: &Trial, _: &Bench) -> Result<Outcome, Error> {
        let along = |f: &dyn Fn(f64) -> (f64, f64)| {
            let at = |i: usize| f(i as f64 / (POINTS - 1) as f64);
            (0..POINTS).map(at).map(|(x, y)| height(trial.p, x, y)).collect()
        };
        Ok(Outcome { ray: along(&|t| (1.0 - t, 1.0 - t)), across: along(&|t| (1.0 - t, t)) })
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut checks = Vec::new();
        let (mut rays, mut across) = (Vec::new(), Vec::new());
        for (Trial { p }, outcome) in done {
            let chord = |values: &[f64], i: usize| values[0] + (values[POINTS - 1] - values[0]) * i as f64 / (POINTS - 1) as f64;
            let excess = |values: &[f64]| (0..POINTS).map(|i| values[i] - chord(values, i)).fold(f64::NEG_INFINITY, f64::max);
            checks.push(Check::within(format!("p = {p}: largest height above the chord on a ray"), "the paper", 0.0, excess(&outcome.ray), 1e-12));
            // halfway between (1, 0) and (0, 1)
            let middle = 2f64.powf(1.0 / p - 1.0) - 1.0;
            checks.push(Check::within(
                format!("p = {p}: the same from (1, 0) to (0, 1)"),
                "2^(1/p − 1) − 1",
                middle,
                excess(&outcome.across),
                1e-12 * middle,
            ));
            rays.push(curve(&format!("p = {p}, to the minimum"), &outcome.ray));
            across.push(curve(&format!("p = {p}, from (1, 0) to (0, 1)"), &outcome.across));
        }
        let figure = Figure {
            id: "segments".into(),
            title: "Star-convex, not convex".into(),
            caption: "(|x|ᵖ + |y|ᵖ)^(1/p) on two segments for three exponents: straight towards the minimum, arched between axes.".into(),
            alt: "Line chart: straight lines on rays, arches between axes.".into(),
            kind: Kind::Curves(Curves {
                x: Axis::linear("λ"),
                y: Axis::linear("height"),
                groups: vec![
                    CurveGroup { label: "between axes".into(), tone: Tone::Against, curves: across },
                    CurveGroup { label: "to the minimum".into(), tone: Tone::Lead, curves: rays },
                ],
                levels: Vec::new(),
            }),
        };
        let verdict = vec!["Linear on every ray to the minimum, and above the chord between axes: star-convexity does not need convexity.".into()];
        Findings { verdict, checks, figures: vec![figure] }
    }
}
