//! Figures 6, 9 and 10: along gradient descent, where the gradient points and how the loss curves towards the end.

use super::PAPER;
use super::data_set::{END_POINTS, Effort, EndPoint, Field, OPTIMA, Part, missing, sets};
use crate::experiment::{About, Agreement, Bench, Check, Experiment, Findings, Moments, Scale};
use crate::figure::{Axis, Curve, CurveGroup, Curves, Figure, Kind, Tone};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::time::Duration;
use thalweg::geometry::{gradient_cosine, line};
use thalweg::solver::nmf::{Alternating, Gradient, Order};
use thalweg::solver::{Iteration, Stop, run};
use thalweg::{Error, Factors};

/// The experiment.
pub struct Training;

/// One run of gradient descent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    part: Part,
    steps: EndPoint,
    iterations: usize,
    effort: Effort,
    number: u64,
}

/// What was seen after some of the steps.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    points: Vec<Seen>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Seen {
    /// Iterations of all iterations.
    share: f64,
    loss: f64,
    /// cos(−∇f(x_t), x* − x₀), raw; and cos(−∇f(x_t), x* − x_t), raw and projected.
    chord: Option<f64>,
    remaining: Option<f64>,
    projected: Option<f64>,
    /// α from x_t to the end of the run, and to an independent optimum, per entry of variance 1.
    alpha: f64,
    alpha_elsewhere: f64,
    /// The first over ‖x* − x_t‖² (in units of the data), which does not vanish as the line shortens.
    alpha_per_length: f64,
}

/// What is drawn of a point.
type Quantity = fn(&Seen) -> Option<f64>;
/// Points of a curve, or its band.
type Pairs = Vec<(f64, f64)>;

/// Points of a run that are looked at.
const POINTS: usize = 20;

impl Experiment for Training {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "fig6",
            title: "Gradient and curvature during training (figures 6, 9 and 10)",
            claim: "While gradient descent runs, the negative gradient has a positive cosine with the way to where it ends, and the loss is convex on that way.",
            version: 1,
        }
    }

    fn trials(&self, scale: Scale, bench: &Bench) -> Vec<Trial> {
        let (runs, iterations) = match scale {
            Scale::Smoke => (1, 40),
            Scale::Reduced => (3, 400),
            Scale::Full => (5, 3000),
        };
        let trial = |part: Part, steps: EndPoint, number: u64| Trial { effort: Effort::of(scale, &part), part, steps, iterations, number };
        let parts = sets(bench).into_iter().filter_map(|set| Part::of(&set, scale, if scale == Scale::Full { 1.0 } else { 0.6 }));
        parts
            .flat_map(|part| {
                END_POINTS.into_iter().flat_map(move |steps| {
                    (0..runs).map({
                        let part = part.clone();
                        move |number| trial(part.clone(), steps, number)
                    })
                })
            })
            .collect()
    }

    fn run(&self, trial: &Trial, bench: &Bench) -> Result<Outcome, Error> {
        let matrix = trial.part.matrix(bench)?;
        let field = Field::new(&trial.part, &matrix, trial.effort)?;
        let start = field.start(trial.number)?;
        let path = match trial.steps {
            EndPoint::Literal => {
                let rule = field.literal_steps();
                let mut path = Alternating::with_rule(&field.problem, &rule, Order::Simultaneous, start.clone())?;
                walk(&mut path, rule.iterations)
            }
            EndPoint::Converged => walk(&mut Alternating::start(&field.problem, &Gradient, start.clone())?, trial.iterations),
        };
        let elsewhere = field.optimum(trial.steps, OPTIMA + trial.number)?;
        let (_, end) = path.last().expect("a run has an end");
        let way = |from: &Factors| -> Vec<f64> { end.as_slice().iter().zip(from.as_slice()).map(|(e, x)| e - x).collect() };
        let chord = way(&start);
        let alpha = |from: &Factors, to: &Factors| -> Result<f64, Error> {
            let line = line(&matrix, from, to)?;
            Ok(line.alpha * 2f64.powi(line.exponent) / field.unit())
        };
        let seen = |(share, x): &(f64, Factors)| -> Result<Seen, Error> {
            let left = way(x);
            let remaining = gradient_cosine(&field.problem, x.as_slice(), &left);
            let to_end = alpha(x, end)?;
            let length: f64 = left.iter().map(|d| d * d).sum::<f64>() / field.problem.summary().sd;
            Ok(Seen {
                share: *share,
                loss: field.problem.objective(x) / field.unit(),
                chord: gradient_cosine(&field.problem, x.as_slice(), &chord).raw,
                remaining: remaining.raw,
                projected: remaining.projected,
                alpha: to_end,
                alpha_elsewhere: alpha(x, &elsewhere)?,
                alpha_per_length: to_end / length,
            })
        };
        // at the end itself there is no way left
        Ok(Outcome { points: path[..path.len() - 1].iter().map(seen).collect::<Result<_, _>>()? })
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let mut names: Vec<&str> = done.iter().map(|(trial, _)| trial.part.set.name.as_str()).collect();
        names.dedup();
        let quantities: [(&str, &str, &str, Quantity); 5] = [
            ("cosine", "Cosine between −∇f and the way left", "cosine", |s| s.remaining),
            ("projected", "The same for the projected gradient", "cosine", |s| s.projected),
            ("chord", "Cosine between −∇f and the way from the start, as in the paper", "cosine", |s| s.chord),
            ("alpha", "α towards the end of the run", "α", |s| Some(s.alpha)),
            ("alpha-elsewhere", "α towards an independent optimum", "α", |s| Some(s.alpha_elsewhere)),
        ];
        for (id, title, y, value) in quantities {
            let curve = |name: &&str, steps: EndPoint| {
                let runs: Vec<&Outcome> = done.iter().filter(|(t, _)| t.part.set.name == *name && t.steps == steps).map(|(_, o)| o).collect();
                let (points, band) = banded(&runs, value);
                Curve { band, ..Curve::new(format!("{name}, {}", steps.name()), points) }
            };
            let group = |label: &str, tone: Tone, steps: EndPoint| CurveGroup {
                label: label.into(),
                tone,
                curves: names.iter().map(|name| curve(name, steps)).filter(|curve| !curve.points.is_empty()).collect(),
            };
            findings.figures.push(Figure {
                id: id.into(),
                title: title.into(),
                caption: "Against the share of the iterations done; bands are ± two standard errors over the runs.".into(),
                alt: format!("Line chart of {y} during training for each data set."),
                kind: Kind::Curves(Curves {
                    x: Axis::log("share of the iterations done"),
                    y: Axis::linear(y).including([0.0]),
                    groups: vec![
                        group("literal: 10⁴ steps of 10⁻⁷", Tone::Quiet, EndPoint::Literal),
                        group("gradient descent with steps that work", Tone::Lead, EndPoint::Converged),
                    ],
                    levels: Vec::new(),
                }),
            });
        }
        for (trial, outcome) in done {
            let place = format!("{}, {}, run {}", trial.part.set.name, trial.steps.name(), trial.number);
            let least = |value: Quantity| outcome.points.iter().filter_map(value).fold(f64::INFINITY, f64::min);
            findings.checks.push(Check::at_least(format!("least cosine with the way left, {place}"), "the paper", 0.0, least(|s| s.remaining), 0.0));
            findings.checks.push(Check::at_least(format!("least α towards the end, {place}"), "the paper", 0.0, least(|s| Some(s.alpha)), 0.0));
        }
        let failing = |what: &str| findings.checks.iter().filter(|c| c.what.starts_with(what) && c.agreement == Agreement::Fails).count();
        findings.verdict = vec![
            match failing("least cosine") {
                0 => "The negative gradient points towards the end all the way, on every run.".into(),
                runs => format!("On {runs} runs the gradient points away from the end at some time."),
            },
            match failing("least α") {
                0 => "The loss stays convex towards the end on every run.".into(),
                runs => format!("The loss is not convex towards the end at some time on {runs} of {} runs.", done.len()),
            },
        ];
        findings.verdict.extend(missing(done.iter().map(|(trial, _)| &trial.part.set)));
        findings
    }
}

/// Points of a run, logarithmically spaced, the last one included.
fn walk(path: &mut Alternating<'_, f64>, iterations: usize) -> Vec<(f64, Factors)> {
    let mut wanted: Vec<usize> = (0..POINTS).map(|i| (iterations as f64).powf(i as f64 / (POINTS - 1) as f64).round() as usize).collect();
    wanted.dedup();
    let mut kept = Vec::new();
    let mut observer = |at: &Alternating<'_, f64>, _: Duration| {
        let iteration = at.progress().iteration;
        if wanted.contains(&iteration) {
            kept.push((iteration as f64 / iterations as f64, at.point().clone()));
        }
        ControlFlow::Continue(())
    };
    run(path, &Stop { max_iters: iterations, max_time: None, tol: 0.0 }, &mut observer);
    kept
}

/// Mean over runs at each point that all of them have, with two standard errors.
fn banded(runs: &[&Outcome], value: Quantity) -> (Pairs, Pairs) {
    let shortest = runs.iter().map(|run| run.points.len()).min().unwrap_or(0);
    let at = |i: usize| {
        let seen: Vec<f64> = runs.iter().filter_map(|run| value(&run.points[i])).collect();
        let moments = Moments::of(seen.iter().copied());
        let half = if moments.count > 1.0 { 2.0 * moments.standard_error() } else { 0.0 };
        (moments.count > 0.0).then(|| ((runs[0].points[i].share, moments.mean), (moments.mean - half, moments.mean + half)))
    };
    (0..shortest).filter_map(at).unzip()
}
