//! Figure 1: of two solutions that fit alike, the flat one and a sharp one.

use super::PAPER;
use super::planted::{Planted, distance};
use crate::experiment::{About, Bench, Check, Experiment, Findings, Moments, Scale, seed_of};
use crate::figure::{Axis, Curve, CurveGroup, Curves, Dot, DotGroup, Fact, Figure, Kind, Scatter, Tone};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use thalweg::data::stream;
use thalweg::geometry::{flatness, flattest_factors};
use thalweg::linalg::{mul, row_major};
use thalweg::map::Ensemble;
use thalweg::problem::{Factored, Norm, Objective};
use thalweg::solver::factored::{FACTORED_METHODS, FactoredRun};
use thalweg::solver::{Stop, run};
use thalweg::{Error, Factors};

/// The experiment.
pub struct Interpolation;

const SIDE: usize = 12;
const RATE: f64 = 9.0;
const RANK: usize = 2;
/// Directions in which the curvature is measured at each solution.
const DIRECTIONS: u64 = 200;
const REACH: f64 = 0.5;

/// One matrix with one map.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trial {
    number: u64,
}

/// One solution of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Solution {
    /// ‖A(UVᵀ) − b‖ / ‖b‖.
    misfit: f64,
    /// ‖UVᵀ − M‖_F, M of norm 1.
    error: f64,
    scaled_trace: f64,
    /// tr ∇²f over the number of variables.
    mean_curvature: f64,
    /// dᵀ∇²f d over random unit directions d.
    curvature: Moments,
    /// f along the first direction, constant first.
    line: Vec<f64>,
}

/// The flat solution, and one that Gauss–Newton steps find from a random start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    flat: Solution,
    sharp: Solution,
}

impl Experiment for Interpolation {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "fig1",
            title: "A flat and a sharp solution of the same measurements (figure 1)",
            claim: "Among all factors that fit the measurements, the flat ones, with the smallest scaled trace of the Hessian, are close to the ground truth; \
                    sharp ones need not be (figure 1 is a sketch; theorem 4.3).",
            version: 1,
        }
    }

    fn trials(&self, scale: Scale, _: &Bench) -> Vec<Trial> {
        let count = match scale {
            Scale::Smoke => 2,
            Scale::Reduced => 20,
            Scale::Full => 100,
        };
        (0..count).map(|number| Trial { number }).collect()
    }

    fn run(&self, trial: &Trial, _: &Bench) -> Result<Outcome, Error> {
        let (shape, seed) = ((SIDE, SIDE), seed_of(trial));
        let planted = Planted::draw(Ensemble::Sensing, shape, RANK, RATE, (seed, 0))?.expect("measurements are Gaussian");
        let problem = Factored::new(&*planted.map, &planted.b, SIDE, false)?;
        let x = planted.minimiser(Norm::Flat)?.x;
        let flat = flattest_factors(&*planted.map, &x, SIDE)?.expect("Gaussian maps see every direction").factors;
        let mut rng = stream(seed, 1);
        let start = (0..2 * SIDE * SIDE).map(|_| StandardNormal.sample(&mut rng)).map(|z: f64| z / (SIDE as f64).sqrt()).collect();
        let mut descent = FactoredRun::start(&problem, FACTORED_METHODS[0], &Factors::new(SIDE, SIDE, SIDE, start)?)?;
        let fit = Stop { max_iters: 200, max_time: None, tol: 1e-13 };
        let sharp = run(&mut descent, &fit, &mut |_: &FactoredRun<'_>, _| ControlFlow::Continue(())).point;
        Ok(Outcome { flat: solution(&problem, &flat, &planted.truth, seed), sharp: solution(&problem, &sharp, &planted.truth, seed) })
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let largest = |value: &dyn Fn(&Outcome) -> f64| done.iter().map(|(_, o)| value(o)).fold(0.0, f64::max);
        findings.checks = vec![
            Check::within("largest misfit of the flat solutions", "they fit", 0.0, largest(&|o| o.flat.misfit), 1e-9),
            Check::within("largest misfit of the sharp solutions", "they fit", 0.0, largest(&|o| o.sharp.misfit), 1e-9),
            Check::within("largest error of the flat solutions", "the paper: the ground truth", 0.0, largest(&|o| o.flat.error), 1e-6),
            Check::at_least(
                "least error of the sharp solutions over that of the flat ones, less 1",
                "figure 1",
                0.0,
                done.iter().map(|(_, o)| o.sharp.error / o.flat.error.max(1e-16) - 1.0).fold(f64::INFINITY, f64::min),
                0.0,
            ),
        ];
        for (name, of) in [("flat", (|o| &o.flat) as fn(&Outcome) -> &Solution), ("sharp", |o| &o.sharp)] {
            let scores = done.iter().map(|(_, o)| of(o)).map(|s| (s.curvature.mean - s.mean_curvature) / s.curvature.standard_error());
            let chi: f64 = scores.map(|z| z * z).sum::<f64>() / done.len() as f64;
            findings.checks.push(Check::within(
                format!("{name}: mean square z-score of the curvature in random directions against the exact trace"),
                "lemma 3.1",
                1.0,
                chi,
                4.0 * (2.0 / done.len() as f64).sqrt(),
            ));
        }
        let ratio = Moments::of(done.iter().map(|(_, o)| o.sharp.scaled_trace / o.flat.scaled_trace));
        let error = Moments::of(done.iter().map(|(_, o)| o.sharp.error));
        findings.verdict = vec![
            format!(
                "Both kinds fit to rounding. The sharp solutions have {:.1} times the scaled trace, on average, and miss a matrix of norm 1 by {:.2}; the \
                 flat ones miss it by at most {:.0e}.",
                ratio.mean,
                error.mean,
                largest(&|o| o.flat.error)
            ),
            "The paper's figure 1 is a sketch; here are the loss on random lines through both kinds of solutions, and how far each is from the truth.".into(),
        ];
        findings.figures = vec![lines(done), errors(done)];
        findings
    }
}

fn solution(problem: &Factored<'_>, at: &Factors, truth: &[f64], seed: u64) -> Solution {
    let x = at.as_slice();
    let unit = |which: u64| {
        let mut rng = stream(seed, 100 + which);
        let d: Vec<f64> = (0..x.len()).map(|_| StandardNormal.sample(&mut rng)).collect();
        let length = d.iter().map(|d| d * d).sum::<f64>().sqrt();
        d.iter().map(|d| d / length).collect::<Vec<f64>>()
    };
    let form = |d: &[f64]| {
        let mut image = vec![0.0; d.len()];
        problem.hessian_vec(x, d, &mut image);
        d.iter().zip(&image).map(|(d, h)| d * h).sum::<f64>()
    };
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    let mut product = vec![0.0; truth.len()];
    mul(row_major(at.split().0, at.rows(), at.rank()), row_major(at.split().1, at.cols(), at.rank()).transpose(), &mut product);
    let flat = flatness(problem, x).expect("recovery has a closed form");
    let residual = problem.residual(x);
    Solution {
        misfit: norm(&mut residual.iter().copied()) / norm(&mut problem.b().iter().copied()),
        error: distance(&product, truth),
        scaled_trace: flat.scaled_trace,
        mean_curvature: flat.trace / x.len() as f64,
        curvature: Moments::of((0..DIRECTIONS).map(|which| form(&unit(which)))),
        line: problem.quartic(x, &residual, &unit(0)).0.to_vec(),
    }
}

fn lines(done: &[(Trial, Outcome)]) -> Figure {
    let group = |label: &str, tone, of: fn(&Outcome) -> &Solution| {
        let curve = |(trial, outcome): &(Trial, Outcome)| {
            let solution = of(outcome);
            let value = |t: f64| solution.line.iter().rev().fold(0.0, |sum, c| sum * t + c);
            let points = (-25..=25).map(|i| f64::from(i) / 25.0 * REACH).map(|t| (t, value(t))).collect();
            let facts = vec![Fact::new("scaled trace", solution.scaled_trace), Fact::new("error", solution.error)];
            Curve { facts, ..Curve::new(format!("{label}, instance {}", trial.number), points) }
        };
        CurveGroup { label: label.into(), tone, curves: done.iter().map(curve).collect() }
    };
    Figure {
        id: "lines".into(),
        title: "The loss through a sharp and through a flat solution".into(),
        caption: "½‖A(UVᵀ) − b‖² on one random line through each solution, the same direction for both.".into(),
        alt: "Steep parabolas through sharp solutions, shallow ones through flat solutions.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::linear("distance from the solution"),
            y: Axis::linear("loss").including([0.0]),
            groups: vec![group("sharp", Tone::Against, |o| &o.sharp), group("flat", Tone::Lead, |o| &o.flat)],
            levels: Vec::new(),
        }),
    }
}

fn errors(done: &[(Trial, Outcome)]) -> Figure {
    let group = |label: &str, tone, of: fn(&Outcome) -> &Solution| {
        let dot = |(trial, outcome): &(Trial, Outcome)| Dot {
            label: format!("{label}, instance {}", trial.number),
            facts: vec![Fact::new("misfit", of(outcome).misfit)],
            x: of(outcome).scaled_trace,
            y: of(outcome).error.max(1e-16),
        };
        DotGroup { label: label.into(), tone, dots: done.iter().map(dot).collect() }
    };
    Figure {
        id: "errors".into(),
        title: "Flat solutions are near the truth".into(),
        caption: "Distance of UVᵀ from the measured matrix (norm 1) over the scaled trace; all solutions fit the measurements to rounding.".into(),
        alt: "Dot plot: flat solutions at rounding error, sharp ones near 1 or above.".into(),
        kind: Kind::Scatter(Scatter {
            x: Axis::log("scaled trace"),
            y: Axis::log("error"),
            groups: vec![group("sharp", Tone::Against, |o| &o.sharp), group("flat", Tone::Lead, |o| &o.flat)],
            levels: Vec::new(),
        }),
    }
}
