//! From any solution to the flat one along the solutions: the factored problem against its convex form (theorem 3.1), and how fast.

use super::PAPER;
use super::manifold::{Descent, Solutions};
use crate::experiment::{About, Bench, Check, Experiment, Findings, Moments, Scale, seed_of};
use crate::figure::{Axis, Curve, CurveGroup, Curves, Fact, Figure, Kind, Tone};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use thalweg::Error;
use thalweg::geometry::flattest_factors;
use thalweg::map::{Ensemble, planted_matrix};
use thalweg::problem::{Factored, Norm, Recovery};
use thalweg::solver::Stop;
use thalweg::solver::convex::{RECOVERY_TOLERANCE, recover};

/// The experiment.
pub struct AlongSolutions;

const SIDE: usize = 15;
const RANK: usize = 2;
const STEPS: usize = 400;
/// Relative gap at which a descent has reached the flat solution.
const REACHED: f64 = 1e-6;

/// One start on the solutions of one instance, in factors of so many columns.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trial {
    measurements: usize,
    width: usize,
    number: u64,
}

/// How it went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// Scaled trace over the least one, less 1, after each recorded step.
    gap: Vec<(usize, f64)>,
    /// Distance of the last product from the convex flat solution, and of that from the truth (norm 1).
    distance: f64,
    error: f64,
    /// Rank of the convex flat solution.
    rank: usize,
    /// Whether factors of this width that fit were found at all.
    is_feasible: bool,
}

impl Outcome {
    fn last(&self) -> f64 {
        self.gap.last().map_or(f64::NAN, |last| last.1)
    }
}

impl Experiment for AlongSolutions {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "descent",
            title: "Down the scaled trace along the solutions (theorem 3.1, and beyond)",
            claim: "The flat minima of the factored problem (3.5) are the solutions of a convex one (3.6), if factors are wide enough (theorem 3.1). The paper does \
                    not say whether descending the scaled trace among the solutions leads there.",
            version: 1,
        }
    }

    fn trials(&self, scale: Scale, _: &Bench) -> Vec<Trial> {
        let (counts, widths, starts): (&[usize], &[usize], u64) = match scale {
            Scale::Smoke => (&[120], &[15], 1),
            Scale::Reduced => (&[75, 120], &[3, 8, 15], 4),
            Scale::Full => (&[60, 75, 90, 120, 150], &[3, 5, 8, 12, 15], 10),
        };
        let of_count = |measurements| widths.iter().flat_map(move |&width| (0..starts).map(move |number| Trial { measurements, width, number }));
        counts.iter().flat_map(|&measurements| of_count(measurements)).collect()
    }

    fn run(&self, trial: &Trial, _: &Bench) -> Result<Outcome, Error> {
        let shape = (SIDE, SIDE);
        let seed = seed_of(&(trial.measurements, trial.number));
        let truth = planted_matrix(Ensemble::Sensing, shape, RANK, seed, 0);
        let map = Ensemble::Sensing.draw(shape, trial.measurements as f64 / SIDE as f64, 0.0, seed, 0)?.expect("measurements are Gaussian");
        let mut b = vec![0.0; map.len()];
        map.apply(&truth, &mut b);
        let stop = Stop { max_iters: 20_000, max_time: None, tol: RECOVERY_TOLERANCE };
        let flat = recover(&Recovery::new(&*map, &b, Norm::Flat)?, &stop, &mut |_, _| ControlFlow::Continue(()))?;
        let least = flattest_factors(&*map, &flat.x, SIDE)?.expect("Gaussian maps see every direction").scaled_trace;
        let away = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
        let problem = Factored::new(&*map, &b, trial.width, false)?;
        let mut outcome = Outcome { gap: Vec::new(), distance: f64::NAN, error: away(&flat.x, &truth), rank: flat.rank, is_feasible: false };
        let solutions = Solutions::of(&problem);
        let Some(start) = solutions.random(seed_of(trial)) else { return Ok(outcome) };
        outcome.is_feasible = true;
        let mut descent = Descent::from(&solutions, start);
        for step in 0..STEPS {
            if step < 20 || step % 10 == 0 {
                outcome.gap.push((step, descent.scaled_trace() / least - 1.0));
            }
            if !descent.step() {
                break;
            }
        }
        outcome.gap.push((STEPS, descent.scaled_trace() / least - 1.0));
        outcome.distance = away(&descent.product(), &flat.x);
        Ok(outcome)
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let wide = |(trial, outcome): &&(Trial, Outcome)| outcome.is_feasible && trial.width >= outcome.rank;
        let reached = |(_, outcome): &&(Trial, Outcome)| outcome.last() <= REACHED;
        let enough: Vec<&(Trial, Outcome)> = done.iter().filter(wide).collect();
        let narrow: Vec<&(Trial, Outcome)> = done.iter().filter(|d| d.1.is_feasible && !wide(d)).collect();
        let least = |all: &[&(Trial, Outcome)]| {
            all.iter().map(|(_, o)| o.gap.iter().map(|g| g.1).fold(f64::INFINITY, f64::min)).fold(f64::INFINITY, f64::min)
        };
        if !enough.is_empty() {
            let count = enough.iter().copied().filter(|d| reached(d)).count();
            findings.checks.push(Check::within(
                "descents in factors as wide as the flat solution's rank that reach its scaled trace",
                "theorem 3.1 and an earlier implementation: all",
                enough.len() as f64,
                count as f64,
                0.1 * enough.len() as f64,
            ));
            findings.verdict.push(format!(
                "{count} of {} descents from random solutions, in factors at least as wide as the rank of the convex flat solution, end at its scaled trace to \
                 {REACHED:.0e}; they began at {:.1} times it, on average.",
                enough.len(),
                1.0 + Moments::of(enough.iter().map(|(_, o)| o.gap[0].1)).mean
            ));
        }
        let all: Vec<&(Trial, Outcome)> = done.iter().filter(|d| d.1.is_feasible).collect();
        if !all.is_empty() {
            findings.checks.push(Check::at_least(
                "least gap of any solution met on the way",
                "theorem 3.1: none is below the convex value",
                0.0,
                least(&all),
                -1e-7,
            ));
        }
        if !narrow.is_empty() {
            let count = narrow.iter().copied().filter(|d| reached(d)).count();
            findings.verdict.push(format!(
                "In narrower factors {count} of {} do: there the rank bound of (3.6) is felt, and the convex problem is a relaxation.",
                narrow.len()
            ));
        }
        let infeasible = done.len() - all.len();
        if infeasible > 0 {
            findings.verdict.push(format!("{infeasible} starts found no factors of their width that fit, and were left out."));
        }
        findings.figures = vec![picture(done)];
        findings
    }
}

fn picture(done: &[(Trial, Outcome)]) -> Figure {
    let group = |label: &str, tone, wanted: &dyn Fn(&Trial, &Outcome) -> bool| {
        let curve = |(trial, outcome): &(Trial, Outcome)| {
            let facts = vec![
                Fact::new("measurements", trial.measurements),
                Fact::new("columns", trial.width),
                Fact::new("rank of the flat solution", outcome.rank),
                Fact::new("distance to the flat solution", outcome.distance),
                Fact::new("its distance to the truth", outcome.error),
            ];
            let points = outcome.gap.iter().map(|&(step, gap)| (step as f64, gap.max(1e-14))).collect();
            Curve { facts, ..Curve::new(format!("m = {}, k = {}, start {}", trial.measurements, trial.width, trial.number), points) }
        };
        let curves = done.iter().filter(|(t, o)| o.is_feasible && wanted(t, o)).map(curve).collect();
        CurveGroup { label: label.into(), tone, curves }
    };
    Figure {
        id: "gap".into(),
        title: "Scaled trace above the least, along the solutions".into(),
        caption: "Riemannian gradient steps of the scaled trace on {A(UVᵀ) = b} from random solutions: (scaled trace of the point) / (that of the convex flat \
                  solution) − 1."
            .into(),
        alt: "Curves that fall to rounding for wide factors, and stop above it for narrow ones.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::linear("step"),
            y: Axis::log("gap"),
            groups: vec![
                group("narrower than the flat solution", Tone::Against, &|t, o| t.width < o.rank),
                group("wide enough", Tone::Lead, &|t, o| t.width >= o.rank),
            ],
            levels: Vec::new(),
        }),
    }
}
