//! Figures 3 and 4: the loss on lines between random starts, and from random starts to optima.

use super::PAPER;
use super::data_set::{Effort, EndPoint, Field, OPTIMA, Part, Set, missing, sets};
use crate::experiment::{About, Bench, Check, Experiment, Findings, Moments, Scale};
use crate::figure::{Axis, Curve, CurveGroup, Curves, Fact, Figure, Kind, Tone};
use serde::{Deserialize, Serialize};
use thalweg::Error;
use thalweg::geometry::{Verdict, lines};

/// Figure 3.
pub struct BetweenStarts;

/// Figure 4.
pub struct TowardsOptima;

/// Lines of one set to one end; none for another random start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    part: Part,
    end: Option<EndPoint>,
    effort: Effort,
    lines: u64,
}

/// One line, per entry of X scaled to variance 1.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Drawn {
    coefficients: [f64; 5],
    alpha: f64,
    convex: Option<bool>,
    star: Option<bool>,
    gradient: Option<bool>,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    lines: Vec<Drawn>,
    /// 2.935 x̄²/r for lines between starts; for optima the expected curvature of each.
    expected: Vec<f64>,
}

fn trials(scale: Scale, bench: &Bench, ends: &[Option<EndPoint>]) -> Vec<Trial> {
    let lines = if scale == Scale::Smoke { 2 } else { 5 };
    let trial = |set: &Set, end: Option<EndPoint>| {
        let part = Part::of(set, scale, 1.0)?;
        Some(Trial { effort: Effort::of(scale, &part), part, end, lines })
    };
    sets(bench).iter().flat_map(|set| ends.iter().filter_map(|&end| trial(set, end)).collect::<Vec<_>>()).collect()
}

fn told(verdict: Verdict) -> Option<bool> {
    match verdict {
        Verdict::Yes => Some(true),
        Verdict::No => Some(false),
        Verdict::Undecided => None,
    }
}

fn run(trial: &Trial, bench: &Bench) -> Result<Outcome, Error> {
    let matrix = trial.part.matrix(bench)?;
    let field = Field::new(&trial.part, &matrix, trial.effort)?;
    let mut outcome = Outcome { lines: Vec::new(), expected: Vec::new() };
    for number in 0..trial.lines {
        let start = field.start(2 * number)?;
        let end = match trial.end {
            None => field.start(2 * number + 1)?,
            Some(end) => field.optimum(end, OPTIMA + number)?,
        };
        let line = &lines(&matrix, std::slice::from_ref(&start), std::slice::from_ref(&end))?[0];
        let unit = field.unit() * 2f64.powi(-line.exponent);
        outcome.lines.push(Drawn {
            coefficients: line.coefficients.map(|c| c / unit),
            alpha: line.alpha / unit,
            convex: told(line.convex_on_segment),
            star: told(line.star_towards_b),
            gradient: told(line.gradient_towards_b),
        });
        outcome.expected.push(match trial.end {
            None => between_starts(&field),
            Some(_) => field.score(&end)?,
        });
    }
    Ok(outcome)
}

/// E α between two half-normal starts: 2 x̄²/r ((π/2 − 1)² + 2(π/2 − 1)), x̄ = mean/sd. It depends on the data through x̄ alone.
fn between_starts(field: &Field<'_>) -> f64 {
    let summary = field.problem.summary();
    let (mean, excess) = (summary.mean / summary.sd, std::f64::consts::FRAC_PI_2 - 1.0);
    2.0 * mean * mean / field.problem.rank() as f64 * (excess * excess + 2.0 * excess)
}

const POINTS: usize = 51;

fn curves(trial: &Trial, outcome: &Outcome) -> Vec<Curve> {
    let value = |c: &[f64; 5], t: f64| c.iter().rev().fold(0.0, |sum, c| sum * t + c);
    let curve = |(number, line): (usize, &Drawn)| {
        let points = (0..POINTS).map(|i| i as f64 / (POINTS - 1) as f64).map(|t| (t, value(&line.coefficients, t))).collect();
        Curve { facts: vec![Fact::new("α", line.alpha)], ..Curve::new(format!("{}, line {}", trial.part.set.name, number + 1), points) }
    };
    outcome.lines.iter().enumerate().map(curve).collect()
}

fn figure(id: &str, title: &str, caption: String, groups: Vec<CurveGroup>) -> Figure {
    Figure {
        id: id.into(),
        title: title.into(),
        alt: format!("Line chart of the loss on segments: {title}."),
        caption,
        kind: Kind::Curves(Curves { x: Axis::linear("λ"), y: Axis::linear("loss per entry"), groups, levels: Vec::new() }),
    }
}

fn caption(part: &Part) -> String {
    let (m, n) = part.set.entry().shape;
    let size = |k: usize| (part.rate * k as f64).round() as usize;
    let reduced = if part.rate < 1.0 { format!(", a part of its {m}×{n}") } else { String::new() };
    format!("{}: {}×{}{reduced}, rank {}. λ = 0 is a half-normal start.", part.set.entry().about, size(m), size(n), part.set.rank())
}

impl Experiment for BetweenStarts {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "fig3",
            title: "The loss between two random starts, on data (figure 3)",
            claim: "On eight data sets the loss between two random points looks convex.",
            version: 1,
        }
    }

    fn trials(&self, scale: Scale, bench: &Bench) -> Vec<Trial> {
        trials(scale, bench, &[None])
    }

    fn run(&self, trial: &Trial, bench: &Bench) -> Result<Outcome, Error> {
        run(trial, bench)
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let (mut convex, mut all) = (0, 0);
        for (trial, outcome) in done {
            let name = &trial.part.set.name;
            let alpha = Moments::of(outcome.lines.iter().map(|line| line.alpha));
            convex += outcome.lines.iter().filter(|line| line.convex == Some(true)).count();
            all += outcome.lines.len();
            findings.checks.push(Check::within(
                format!("mean of α between random starts, {name}"),
                "2.935 x̄²/r",
                outcome.expected[0],
                alpha.mean,
                4.0 * alpha.standard_error() + 0.2 * outcome.expected[0],
            ));
            let group = CurveGroup { label: "random to random".into(), tone: Tone::Lead, curves: curves(trial, outcome) };
            findings.figures.push(figure(name, &format!("{name}: between random starts"), caption(&trial.part), vec![group]));
        }
        findings.verdict = vec![
            format!("{convex} of {all} lines between random starts are convex."),
            "That says little of the data: the expected curvature is 2.935 x̄²/r, which knows of them only x̄ = mean / standard deviation. Figure 3 is a \
             property of the initialisation."
                .into(),
        ];
        findings.verdict.extend(missing(done.iter().map(|(trial, _)| &trial.part.set)));
        findings
    }
}

impl Experiment for TowardsOptima {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "fig4",
            title: "The loss from random starts to optima, on data (figure 4)",
            claim: "On eight data sets the loss is convex on lines from random points to optima found by gradient descent.",
            version: 1,
        }
    }

    fn trials(&self, scale: Scale, bench: &Bench) -> Vec<Trial> {
        trials(scale, bench, &[Some(EndPoint::Literal), Some(EndPoint::Converged)])
    }

    fn run(&self, trial: &Trial, bench: &Bench) -> Result<Outcome, Error> {
        run(trial, bench)
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let mut not_convex = Vec::new();
        for (trial, outcome) in done.iter().filter(|(trial, _)| trial.end == Some(EndPoint::Converged)) {
            let name = &trial.part.set.name;
            let literal = done.iter().find(|(other, _)| other.part.set == trial.part.set && other.end == Some(EndPoint::Literal));
            let mut groups = Vec::new();
            for (label, tone, found) in [("literal", Tone::Quiet, literal.map(|(_, o)| o)), ("converged", Tone::Lead, Some(outcome))] {
                let Some(found) = found else { continue };
                let share = |holds: &dyn Fn(&Drawn) -> Option<bool>| found.lines.iter().filter(|l| holds(l) == Some(true)).count() as f64;
                let lines = found.lines.len() as f64;
                findings.checks.push(Check::within(format!("convex lines, {name}, {label}"), "the paper", lines, share(&|l| l.convex), 0.0));
                findings.checks.push(Check::within(
                    format!("lines whose gradient points to the optimum, {name}, {label}"),
                    "closed form for independent entries",
                    lines,
                    share(&|l| l.gradient),
                    0.0,
                ));
                groups.push(CurveGroup { label: label.into(), tone, curves: curves(trial, found) });
            }
            let convex = outcome.lines.iter().filter(|line| line.convex == Some(true)).count();
            if convex < outcome.lines.len() {
                not_convex.push(format!("{name} ({convex} of {} lines convex)", outcome.lines.len()));
            }
            findings.figures.push(figure(name, &format!("{name}: to optima"), caption(&trial.part), groups));
        }
        findings.verdict = vec![
            if not_convex.is_empty() {
                "Towards converged optima every line is convex.".into()
            } else {
                format!("Towards converged optima the loss is not convex on every line: {}.", not_convex.join(", "))
            },
            "The paper's 10⁴ steps of 10⁻⁷ fit the mean and stop; what is convex there is the way to a point that is no optimum. Both end points are \
             drawn."
                .into(),
        ];
        findings.verdict.extend(missing(done.iter().map(|(trial, _)| &trial.part.set)));
        findings
    }
}
