//! Figures 5 and 11: the spread of α against the size of the problem, 100 optima × 50 starts.

use super::PAPER;
use super::data_set::{END_POINTS, Effort, EndPoint, Field, OPTIMA, Part, missing, planted_sets, sets, spreads};
use crate::experiment::{About, Bench, Check, Experiment, Findings, Moments, Scale, crossed_interval};
use crate::figure::{Axis, Curve, CurveGroup, Curves, Fact, Figure, Kind, Tone};
use serde::{Deserialize, Serialize};
use thalweg::certificate::stationarity;
use thalweg::geometry::{Line, Verdict, lines};
use thalweg::{Error, Factors};

/// The experiment.
pub struct Subsampling;

/// Starts that are in memory at the same time.
const STARTS_TOGETHER: u64 = 16;

/// One optimum, and lines to it from all starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    part: Part,
    /// The share that the figure shows; `part` holds it times what the scale affords.
    rate: f64,
    end: EndPoint,
    effort: Effort,
    optimum: u64,
    starts: u64,
}

/// What came of it, per entry of X scaled to variance 1.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// One for each start.
    alpha: Vec<f64>,
    /// Shares of the lines.
    convex: f64,
    star: f64,
    gradient: f64,
    /// Of the optimum.
    loss: f64,
    /// Its KKT residual; far from 0 for a literal end point.
    kkt: f64,
    /// min over [0, 1] of E ℓ″: an upper bound of E α.
    score: f64,
    /// variance / mean² of the entries of U and V.
    spreads: [f64; 2],
}

impl Experiment for Subsampling {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "fig5",
            title: "Curvature towards optima against the size of the problem (figures 5 and 11)",
            claim: "On lines from random points to optima α is positive, and its relative spread σ/μ falls as more rows and columns are used; for Netflix \
                    and Goodbooks this was computationally infeasible.",
            version: 2,
        }
    }

    fn trials(&self, scale: Scale, bench: &Bench) -> Vec<Trial> {
        let (rates, optima, starts): (&[f64], u64, u64) = match scale {
            Scale::Smoke => (&[1.0], 2, 3),
            Scale::Reduced => (&[0.25, 0.5, 1.0], 4, 12),
            Scale::Full => (&[1.0 / 16.0, 0.125, 0.25, 0.5, 0.75, 1.0], 100, 50),
        };
        let mut trials = Vec::new();
        for set in sets(bench).into_iter().chain(planted_sets()) {
            for (&rate, end) in rates.iter().flat_map(|rate| END_POINTS.map(|end| (rate, end))) {
                if let Some(part) = Part::of(&set, scale, rate) {
                    let effort = Effort::of(scale, &part);
                    trials.extend((0..optima).map(|optimum| Trial { part: part.clone(), rate, end, effort, optimum, starts }));
                }
            }
        }
        trials
    }

    fn run(&self, trial: &Trial, bench: &Bench) -> Result<Outcome, Error> {
        let matrix = trial.part.matrix(bench)?;
        let field = Field::new(&trial.part, &matrix, trial.effort)?;
        let optimum = field.optimum(trial.end, OPTIMA + trial.optimum)?;
        let mut found = Vec::new();
        for first in (0..trial.starts).step_by(STARTS_TOGETHER as usize) {
            let numbers = first..trial.starts.min(first + STARTS_TOGETHER);
            let starts: Vec<Factors> = numbers.map(|number| field.start(number)).collect::<Result<_, _>>()?;
            found.extend(lines(&matrix, &starts, std::slice::from_ref(&optimum))?);
        }
        let lines = found;
        let share = |holds: fn(&Line) -> Verdict| lines.iter().filter(|l| holds(l) == Verdict::Yes).count() as f64 / lines.len() as f64;
        Ok(Outcome {
            alpha: lines.iter().map(|line| line.alpha * 2f64.powi(line.exponent) / field.unit()).collect(),
            convex: share(|l| l.convex_on_segment),
            star: share(|l| l.star_towards_b),
            gradient: share(|l| l.gradient_towards_b),
            loss: field.problem.objective(&optimum) / field.unit(),
            kkt: stationarity(&matrix, &optimum)?.kkt,
            score: field.score(&optimum)?,
            spreads: spreads(&optimum),
        })
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let mut curves: [Vec<Curve>; 2] = Default::default();
        let mut means: [Vec<Curve>; 2] = Default::default();
        let mut negative = Vec::new();
        let (mut falling, mut compared) = (0, 0);
        let mut names: Vec<&str> = done.iter().map(|(trial, _)| trial.part.set.name.as_str()).collect();
        names.dedup();
        for (name, end) in names.iter().flat_map(|&name| END_POINTS.map(|end| (name, end))) {
            let cells = cells(done, name, end);
            let Some(largest) = cells.last() else { continue };
            if cells.len() > 1 {
                compared += 1;
                falling += usize::from(largest.relative_spread < cells[0].relative_spread);
            }
            let which = usize::from(end == EndPoint::Converged);
            let label = format!("{name}, {}", end.name());
            let curve = |value: fn(&Cell) -> (f64, (f64, f64))| {
                let points = cells.iter().map(|cell| (cell.rate, value(cell).0)).collect();
                let band = cells.iter().map(|cell| value(cell).1).collect();
                Curve { facts: largest.facts(), band, ..Curve::new(label.clone(), points) }
            };
            curves[which].push(curve(|cell| (cell.relative_spread, cell.relative_interval)));
            means[which].push(curve(|cell| (cell.mean, cell.mean_interval)));
            findings.checks.push(Check::at_least(format!("mean of α, {label}"), "the paper", 0.0, largest.mean, 0.0));
            if which == 1 && largest.mean < 0.0 {
                negative.push(name);
            }
            findings.checks.push(Check::at_least(
                format!("expected curvature less the mean of α, {label}"),
                "Jensen: E min ≤ min E",
                0.0,
                largest.score - largest.mean,
                -3.0 * (largest.mean_interval.1 - largest.mean_interval.0).abs().max(1e-9),
            ));
        }
        let groups = |curves: [Vec<Curve>; 2]| {
            let tones = [("literal: 10⁴ steps of 10⁻⁷", Tone::Quiet), ("converged", Tone::Lead)];
            tones.into_iter().zip(curves).map(|((label, tone), curves)| CurveGroup { label: label.into(), tone, curves }).collect()
        };
        let figure = |id: &str, title: &str, caption: &str, y: Axis, curves: [Vec<Curve>; 2]| Figure {
            id: id.into(),
            title: title.into(),
            caption: caption.into(),
            alt: format!("Line chart: {title} against the share of rows and columns."),
            kind: Kind::Curves(Curves { x: Axis::log("share of rows and columns"), y, groups: groups(curves), levels: Vec::new() }),
        };
        findings.figures = vec![
            figure(
                "mean",
                "Mean of α",
                "Per entry, X scaled to variance 1; 95 % intervals from drawing optima and starts anew, separately.",
                Axis::linear("mean of α").including([0.0]),
                means,
            ),
            figure("spread", "Relative spread σ/|μ| of α", "95 % intervals as above.", Axis::log("σ/|μ|"), curves),
        ];
        findings.verdict = vec![
            match negative.is_empty() {
                true => "The mean curvature towards converged optima is positive on every set that was drawn.".into(),
                false => format!("Towards converged optima the mean curvature is negative: {}.", negative.join(", ")),
            },
            format!(
                "The relative spread is smaller at the largest size than at the smallest in {falling} of {compared} cases, whichever sign the mean has."
            ),
        ];
        findings.verdict.extend(missing(done.iter().map(|(trial, _)| &trial.part.set)));
        findings
    }
}

/// All optima and starts of one set, end point and rate.
struct Cell {
    rate: f64,
    mean: f64,
    mean_interval: (f64, f64),
    relative_spread: f64,
    relative_interval: (f64, f64),
    score: f64,
    loss: f64,
    kkt: f64,
    convex: f64,
    star: f64,
    gradient: f64,
    spreads: [f64; 2],
}

impl Cell {
    fn facts(&self) -> Vec<Fact> {
        let named = [
            ("loss per entry", self.loss),
            ("KKT residual of the optima", self.kkt),
            ("expected curvature", self.score),
            ("convex", self.convex),
            ("star-convex", self.star),
            ("gradient points there", self.gradient),
            ("CV² of U", self.spreads[0]),
            ("CV² of V", self.spreads[1]),
        ];
        named.map(|(name, value)| Fact::new(name, value)).into()
    }
}

fn cells(done: &[(Trial, Outcome)], name: &str, end: EndPoint) -> Vec<Cell> {
    let here: Vec<&(Trial, Outcome)> = done.iter().filter(|(trial, _)| trial.part.set.name == name && trial.end == end).collect();
    let mut rates: Vec<f64> = here.iter().map(|(trial, _)| trial.rate).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    let cell = |rate: f64| {
        let of_rate: Vec<&Outcome> = here.iter().filter(|(trial, _)| trial.rate == rate).map(|(_, outcome)| outcome).collect();
        let table: Vec<Vec<f64>> = of_rate.iter().map(|outcome| outcome.alpha.clone()).collect();
        let all = Moments::of(table.iter().flatten().copied());
        let unknown = (f64::NAN, f64::NAN);
        let relative = |m: &Moments| m.sd() / m.mean.abs();
        let average = |value: fn(&Outcome) -> f64| of_rate.iter().map(|outcome| value(outcome)).sum::<f64>() / of_rate.len() as f64;
        Cell {
            rate,
            mean: all.mean,
            mean_interval: crossed_interval(&table, |v| Moments::of(v.iter().copied()).mean).unwrap_or(unknown),
            relative_spread: relative(&all),
            relative_interval: crossed_interval(&table, |v| relative(&Moments::of(v.iter().copied()))).unwrap_or(unknown),
            score: average(|o| o.score),
            loss: average(|o| o.loss),
            kkt: average(|o| o.kkt),
            convex: average(|o| o.convex),
            star: average(|o| o.star),
            gradient: average(|o| o.gradient),
            spreads: [average(|o| o.spreads[0]), average(|o| o.spreads[1])],
        }
    };
    rates.into_iter().map(cell).collect()
}
