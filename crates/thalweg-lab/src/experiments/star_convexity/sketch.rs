//! Figure 1: the loss along three kinds of segments of a planted problem.

use super::PAPER;
use super::planted_line::{LineEnd, Planting, directions, product, products};
use crate::experiment::{About, Bench, Check, Experiment, Findings, Scale, seed_of};
use crate::figure::{Axis, Curve, CurveGroup, Curves, Fact, Figure, Kind, Tone};
use serde::{Deserialize, Serialize};
use thalweg::Error;
use thalweg::data::{Law, planted_factors};

/// The experiment.
pub struct Sketch;

const PLANTING: Planting = Planting { law: Law::HalfNormal, rows: 100, cols: 100, rank: 10 };
const POINTS: usize = 101;

/// One line.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Trial {
    end: LineEnd,
    number: u64,
}

/// The loss per entry of X scaled to variance 1, λ from 0 to 1, and the least curvature.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    loss: Vec<f64>,
    alpha: f64,
}

impl Experiment for Sketch {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "fig1",
            title: "The loss on segments of a planted problem (figure 1)",
            claim: "For planted half-normal factors (100×100, rank 10) the loss looks convex from a random point to the planted solution, and \
                    between two random points.",
            version: 1,
        }
    }

    fn trials(&self, scale: Scale, _: &Bench) -> Vec<Trial> {
        let lines = if scale == Scale::Smoke { 3 } else { 20 };
        [LineEnd::Planted, LineEnd::Random].into_iter().flat_map(|end| (0..lines).map(move |number| Trial { end, number })).collect()
    }

    fn run(&self, trial: &Trial, _: &Bench) -> Result<Outcome, Error> {
        let seed = seed_of(trial);
        let draw = |which| planted_factors(PLANTING.law, (PLANTING.rows, PLANTING.cols), PLANTING.rank, seed, which);
        let (start, random, planted) = (draw(0)?, draw(1)?, draw(2)?);
        let end = if trial.end == LineEnd::Planted { &planted } else { &random };
        let w0: Vec<f64> = product(&start).iter().zip(product(&planted)).map(|(p, x)| p - x).collect();
        let directions = directions(&start, end);
        let residual = |t: f64| w0.iter().zip(&directions[0]).zip(&directions[1]).map(move |((w0, w1), w2)| w0 + t * (w1 + t * w2));
        let loss = |i: usize| residual(i as f64 / (POINTS - 1) as f64).map(|w| 0.5 * w * w).sum::<f64>() / PLANTING.unit();
        let alpha = products(&w0, &directions, None).least().0 / PLANTING.unit();
        Ok(Outcome { loss: (0..POINTS).map(loss).collect(), alpha })
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut checks = Vec::new();
        let mut groups = Vec::new();
        for (end, tone) in [(LineEnd::Random, Tone::Quiet), (LineEnd::Planted, Tone::Lead)] {
            let lines: Vec<_> = done.iter().filter(|(trial, _)| trial.end == end).collect();
            let convex = lines.iter().filter(|(_, outcome)| outcome.alpha >= 0.0).count();
            checks.push(Check::within(format!("lines {} that are convex", end.name()), "the paper", lines.len() as f64, convex as f64, 0.0));
            let curve = |(trial, outcome): &&(Trial, Outcome)| Curve {
                facts: vec![Fact::new("α", outcome.alpha)],
                ..Curve::new(
                    format!("{}, line {}", end.name(), trial.number),
                    outcome.loss.iter().enumerate().map(|(i, &l)| (i as f64 / (POINTS - 1) as f64, l)).collect(),
                )
            };
            groups.push(CurveGroup { label: end.name().into(), tone, curves: lines.iter().map(curve).collect() });
        }
        let figure = Figure {
            id: "lines".into(),
            title: "Loss on segments, planted 100×100, rank 10".into(),
            caption: "Loss per entry, X scaled to variance 1; λ = 0 is the random start.".into(),
            alt: "Line chart of losses on segments to random points and to the planted solution; all are convex.".into(),
            kind: Kind::Curves(Curves { x: Axis::linear("λ"), y: Axis::linear("loss per entry"), groups, levels: Vec::new() }),
        };
        let all_convex = done.iter().all(|(_, outcome)| outcome.alpha >= 0.0);
        let verdict = if all_convex {
            "Every line is convex, as the paper draws it. How unlikely the opposite is at this size, theorem1 tells."
        } else {
            "Not every line is convex."
        };
        Findings { verdict: vec![verdict.into()], checks, figures: vec![figure] }
    }
}
