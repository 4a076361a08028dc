//! Figure 4: how nearly flat minima are norm-minimal and balanced.

use super::PAPER;
use super::earlier::{EARLIER, Measures, entry};
use crate::experiment::{About, Bench, Check, Experiment, Findings, Scale, seed_of};
use crate::figure::{Axis, Figure, Grid, Kind};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use thalweg::Error;
use thalweg::geometry::{balancedness, flattest_factors};
use thalweg::linalg::singular_values;
use thalweg::map::{Ensemble, MeasurementMap, Rescaling, planted_matrix};
use thalweg::problem::{Norm, Recovery, RecoveryStatus};
use thalweg::solver::Stop;
use thalweg::solver::convex::recover;

/// The experiment.
pub struct Regularity;

/// The paper's text names the first three; networks have no L and R to balance.
const MODELS: [Ensemble; 3] = [Ensemble::Sensing, Ensemble::Bilinear, Ensemble::Completion];
const RANK: usize = 2;
/// Duality gap and misfit that measures of 10⁻⁴ ask for.
const TOLERANCE: f64 = 1e-7;
const MAX_ITERS: usize = 3000;

/// A matrix, measured by so many maps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trial {
    model: Ensemble,
    side: usize,
    rate: f64,
    maps: u64,
}

/// Of one map.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Measured {
    /// (‖L‖² + ‖R‖²) / (2‖X_nuc‖_*) − 1.
    norm_excess: f64,
    /// ‖LᵀL − RᵀR‖_* / ‖M‖_*.
    imbalance: f64,
    /// Largest over smallest eigenvalue of D1 and D2 together.
    condition: f64,
    /// Whether both solutions were found to the tolerance.
    is_solved: bool,
}

/// Of each map; none where D1 or D2 is singular.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    measured: Vec<Option<Measured>>,
}

impl Outcome {
    fn mean(&self, value: Value) -> Option<f64> {
        let all: Option<Vec<f64>> = self.measured.iter().map(|m| m.as_ref().filter(|m| m.is_solved).map(value)).collect();
        all.filter(|all| !all.is_empty()).map(|all| all.iter().sum::<f64>() / all.len() as f64)
    }
}

fn table(model: Ensemble) -> &'static Measures {
    EARLIER.regularity.iter().find(|table| table.model == model).expect("every model of figure 4 has numbers")
}

/// A number that a measurement holds.
type Value = fn(&Measured) -> f64;
/// What is drawn: a name, its value, and the numbers that the earlier implementation found.
type Measure = (&'static str, Value, fn(&Measures) -> &Vec<Vec<Option<f64>>>);
const MEASURES: [Measure; 2] = [("norm excess", |m| m.norm_excess, |t| &t.norm_excess), ("imbalance", |m| m.imbalance, |t| &t.imbalance)];

impl Experiment for Regularity {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "fig4",
            title: "How nearly flat minima are norm-minimal and balanced (figure 4)",
            claim: "Flat minima are nearly norm-minimal and nearly balanced, the more so the more measurements there are: ‖L‖² + ‖R‖² ≤ κ² times the least (3.8), \
                    ‖LᵀL − RᵀR‖_* ≤ 2(κ² − 1)‖M‖_* (3.9), with κ the condition number of D1 and D2 together.",
            version: 1,
        }
    }

    fn trials(&self, scale: Scale, _: &Bench) -> Vec<Trial> {
        let (largest, maps, every) = match scale {
            Scale::Smoke => (5, 2, 5),
            Scale::Reduced => (20, 5, 1),
            Scale::Full => (50, 10, 1),
        };
        let of_model = |model: Ensemble| {
            let Measures { sides, rates, .. } = table(model);
            let sides = sides.iter().copied().filter(move |side| *side <= largest);
            sides.flat_map(move |side| rates.iter().rev().step_by(every).map(move |&rate| Trial { model, side, rate, maps }))
        };
        let mut trials: Vec<Trial> = MODELS.into_iter().flat_map(of_model).collect();
        trials.sort_by_key(|trial| std::cmp::Reverse(trial.side));
        trials
    }

    fn run(&self, trial: &Trial, _: &Bench) -> Result<Outcome, Error> {
        let shape = (trial.side, trial.side);
        let seed = seed_of(&Trial { maps: 0, ..trial.clone() });
        let truth = planted_matrix(trial.model, shape, RANK, seed, 0);
        let one = |number: u64| match trial.model.draw(shape, trial.rate, 0.0, seed, number)? {
            Some(map) => measured(&*map, &truth),
            None => Ok(None),
        };
        Ok(Outcome { measured: (0..trial.maps).map(one).collect::<Result<_, _>>()? })
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let all: Vec<&Measured> = done.iter().flat_map(|(_, o)| o.measured.iter().flatten()).filter(|m| m.is_solved).collect();
        let unsolved = done.iter().flat_map(|(_, o)| o.measured.iter().flatten()).filter(|m| !m.is_solved).count();
        // both bounds as ratios: 1 is tight
        let bounds: [(&str, Value); 2] = [
            ("‖L‖² + ‖R‖² over its bound (3.8)", |m| (1.0 + m.norm_excess) / m.condition.powi(2)),
            ("‖LᵀL − RᵀR‖_* over its bound (3.9)", |m| m.imbalance / (2.0 * (m.condition.powi(2) - 1.0)).max(1e-9)),
        ];
        for (what, ratio) in bounds {
            let most = all.iter().map(|m| ratio(m)).fold(0.0, f64::max);
            findings.checks.push(Check::at_least(format!("1 less the largest {what}"), "theorem 3.2", 0.0, 1.0 - most, -1e-6));
            let mean = all.iter().map(|m| ratio(m)).sum::<f64>() / all.len() as f64;
            findings.verdict.push(format!("{what}: at most {most:.3}, {mean:.3} on average over {} solved instances.", all.len()));
        }
        if unsolved > 0 {
            findings.verdict.push(format!("{unsolved} instances were not solved to {TOLERANCE:.0e} within {MAX_ITERS} steps and are left out."));
        }
        for model in MODELS {
            let cells: Vec<&(Trial, Outcome)> = done.iter().filter(|(trial, _)| trial.model == model).collect();
            for (name, value, earlier) in MEASURES {
                findings.checks.extend(compared(&cells, model, name, value, earlier));
                findings.figures.push(picture(&cells, model, name, value));
            }
        }
        findings.verdict.push(most_measured(done));
        findings
    }
}

/// None where D1 or D2 is singular.
fn measured(map: &dyn MeasurementMap, truth: &[f64]) -> Result<Option<Measured>, Error> {
    let (d1, d2) = map.shape();
    let Some(rescaling) = Rescaling::of(map).filter(|rescaling| !rescaling.is_singular()) else { return Ok(None) };
    let mut b = vec![0.0; map.len()];
    map.apply(truth, &mut b);
    let stop = Stop { max_iters: MAX_ITERS, max_time: None, tol: TOLERANCE };
    let solve = |norm| recover(&Recovery::new(map, &b, norm)?, &stop, &mut |_, _| ControlFlow::Continue(()));
    let (flat, nuclear) = (solve(Norm::Flat)?, solve(Norm::Nuclear)?);
    let has_ended = |status| matches!(status, RecoveryStatus::Converged | RecoveryStatus::UnderDetermined);
    let nuclear_norm = |x: &[f64]| singular_values(x, d1, d2).map_or(f64::NAN, |values| values.iter().sum::<f64>());
    let Some(factors) = flattest_factors(map, &flat.x, d1.min(d2))? else { return Ok(None) };
    let Some(balance) = balancedness(&factors.factors) else { return Ok(None) };
    let squares: f64 = factors.factors.as_slice().iter().map(|x| x * x).sum();
    let ends = [(&rescaling.left, rescaling.means.0 / (d2 as f64).sqrt()), (&rescaling.right, rescaling.means.1 / (d1 as f64).sqrt())];
    let ends: Option<Vec<(f64, f64)>> = ends.iter().map(|(weight, mean)| weight.extremes().map(|(low, high)| (mean * low, mean * high))).collect();
    let condition = ends.map_or(f64::NAN, |ends| ends[0].1.max(ends[1].1) / ends[0].0.min(ends[1].0));
    Ok(Some(Measured {
        norm_excess: squares / (2.0 * nuclear_norm(&nuclear.x)) - 1.0,
        imbalance: balance.imbalance * balance.nuclear_norm / nuclear_norm(truth),
        condition,
        is_solved: has_ended(flat.status) && has_ended(nuclear.status),
    }))
}

/// The mean of log₁₀ over the cells that both have.
fn compared(
    cells: &[&(Trial, Outcome)],
    model: Ensemble,
    name: &str,
    value: Value,
    earlier: fn(&Measures) -> &Vec<Vec<Option<f64>>>,
) -> Option<Check> {
    let table = table(model);
    // balanced up to rounding, where every entry is seen: nothing to compare
    let log = |x: f64| (x > 1e-8).then(|| x.log10());
    let pair = |(trial, outcome): &&(Trial, Outcome)| {
        let there = entry(earlier(table), (&table.sides, &table.rates), trial.side, trial.rate)??;
        Some((log(outcome.mean(value)?)?, log(there)?))
    };
    let pairs: Vec<(f64, f64)> = cells.iter().filter_map(pair).collect();
    let count = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let spread = pairs.iter().map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt() / count;
    (count > 1.0).then(|| {
        let what = format!("{}: mean of log₁₀ {name} over {count} cells", model.name());
        Check::within(what, "an earlier implementation", mean(|p| p.1), mean(|p| p.0), 4.0 * spread)
    })
}

fn picture(cells: &[&(Trial, Outcome)], model: Ensemble, name: &str, value: Value) -> Figure {
    let sorted = |of: fn(&Trial) -> f64| {
        let mut values: Vec<f64> = cells.iter().map(|(trial, _)| of(trial)).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    };
    let (xs, ys) = (sorted(|t| t.rate), sorted(|t| t.side as f64));
    let at = |y: f64, x: f64| {
        let found = cells.iter().find(|(trial, _)| trial.rate == x && trial.side as f64 == y);
        found.and_then(|(_, outcome)| outcome.mean(value)).map_or(f64::NAN, |mean| mean.max(1e-16).log10())
    };
    let values = ys.iter().flat_map(|&y| xs.iter().map(move |&x| (y, x))).map(|(y, x)| at(y, x)).collect();
    let x_label = if model == Ensemble::Completion { "share of entries seen" } else { "p / d" };
    Figure {
        id: format!("{}-{}", model.name(), name.replace(' ', "-")),
        title: format!("{}: {name}", model.name()),
        caption: format!("log₁₀ of the mean {name} of the flat minimiser; crossed out where D1 or D2 is singular, or an instance was not solved."),
        alt: format!("Shaded grid: the {name} falls with the number of measurements."),
        kind: Kind::Grid(Grid {
            x: Axis::linear(x_label),
            y: Axis::linear("d"),
            xs,
            ys,
            value_kind: format!("log₁₀ {name}"),
            range: (-5.0, 0.0),
            values,
            curves: Vec::new(),
        }),
    }
}

/// The largest side with the most measurements of each model.
fn most_measured(done: &[(Trial, Outcome)]) -> String {
    let of_model = |model: Ensemble| {
        let cells = done.iter().filter(|(trial, _)| trial.model == model && (trial.model != Ensemble::Completion || trial.rate < 1.0));
        let last = cells.max_by(|a, b| a.0.side.cmp(&b.0.side).then(a.0.rate.total_cmp(&b.0.rate)))?;
        let [excess, imbalance] = [last.1.mean(|m| m.norm_excess)?, last.1.mean(|m| m.imbalance)?];
        Some(format!("{} (d = {}, rate {}) {excess:.1e} and {imbalance:.1e}", model.name(), last.0.side, last.0.rate))
    };
    let said: Vec<String> = MODELS.into_iter().filter_map(of_model).collect();
    format!("Norm excess and imbalance with the most measurements: {}.", said.join("; "))
}
