//! Figure 3: how often flat and nuclear minimisers are the measured matrix.

use super::PAPER;
use super::earlier::{EARLIER, Success, entry};
use crate::experiment::{About, Bench, Check, Experiment, Findings, Scale, Transition};
use crate::experiments::phase::{Cell, Diagram, NORMS, Outcome, Parameter, RowTransition, compared, name};
use thalweg::Error;
use thalweg::map::Ensemble;
use thalweg::problem::Norm;

/// The experiment.
pub struct Frequency;

/// The paper's columns.
const MODELS: [Ensemble; 3] = [Ensemble::Sensing, Ensemble::Completion, Ensemble::Quadratic];

/// Standard errors within which two samples count as equal.
const QUANTILE: f64 = 4.0;

fn table(model: Ensemble) -> &'static Success {
    EARLIER.success.iter().find(|table| table.model == model).expect("every model of figure 3 has numbers")
}

impl Experiment for Frequency {
    type Trial = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "fig3",
            title: "Recovery by flat and by nuclear minimisers (figure 3)",
            claim: "In matrix sensing, matrix completion and networks with quadratic activation, flat minima recover the ground truth from about as few \
                    measurements as nuclear norm minimisation; the number grows like r(d1 + d2) (section 8; theorems 4.3, 5.1, 7.1).",
            version: 2,
        }
    }

    fn trials(&self, scale: Scale, _: &Bench) -> Vec<Cell> {
        let (largest, maps, every) = match scale {
            Scale::Smoke => (10, 2, 4),
            Scale::Reduced => (25, 10, 1),
            Scale::Full => (50, 10, 1),
        };
        let cell = |model: Ensemble, side: usize, rate: f64| {
            let rank = if model.is_symmetric() { 3 } else { 2 };
            Cell { model, rows: side, cols: side, rank, rate, skew: 0.0, maps, seed: 0 }
        };
        let of_model = |model: Ensemble| {
            let Success { sides, rates, .. } = table(model);
            let sides = sides.iter().copied().filter(move |side| *side <= largest);
            sides.flat_map(move |side| rates.iter().rev().step_by(every).map(move |rate| cell(model, side, *rate)))
        };
        let mut cells: Vec<Cell> = MODELS.into_iter().flat_map(of_model).collect();
        // the longest first, so that threads end together
        cells.sort_by_key(|cell| std::cmp::Reverse(cell.rows));
        cells
    }

    fn run(&self, cell: &Cell, _: &Bench) -> Result<Outcome, Error> {
        cell.run()
    }

    fn findings(&self, _: Scale, done: &[(Cell, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        for model in MODELS {
            let cells: Vec<&(Cell, Outcome)> = done.iter().filter(|(cell, _)| cell.model == model).collect();
            if cells.is_empty() {
                continue;
            }
            findings.verdict.push(format!("{}: {}", model.name(), compared(&cells)));
            let diagram = Diagram { cells, x: Parameter::Rate, y: Parameter::Side };
            for norm in NORMS.into_iter().rev() {
                let title = format!("{}: {}", model.name(), name(norm));
                findings.figures.push(diagram.figure(norm, &format!("{}-{}", model.name(), name(norm)), title));
                findings.checks.extend(frequency_check(&diagram.cells, norm));
                findings.checks.extend(transition_checks(&diagram, norm));
            }
            findings.checks.extend(paired_check(&diagram.cells));
        }
        findings.verdict.insert(0, summary(done));
        findings
    }
}

/// What all three models say together.
fn summary(done: &[(Cell, Outcome)]) -> String {
    let [flat, nuclear] = [0, 1].map(|which| done.iter().map(|(_, outcome)| outcome.discordant()[which]).sum::<u64>());
    match flat as f64 - nuclear as f64 {
        lead if lead > 2.0 * ((flat + nuclear) as f64).sqrt() => format!(
            "The paper says that both norms do about equally well. On the same maps the flat norm does better: it alone recovers in {flat} cases, \
             the nuclear norm alone in {nuclear}."
        ),
        _ => format!(
            "Both norms do about equally well, as the paper says: the flat norm alone recovers in {flat} cases, the nuclear norm alone in {nuclear}."
        ),
    }
}

/// Mean success over the cells that both have, within what independent draws may differ by.
fn frequency_check(cells: &[&(Cell, Outcome)], norm: Norm) -> Option<Check> {
    let pairs: Vec<(f64, f64)> = cells.iter().filter_map(|(cell, outcome)| Some((outcome.rate(norm)?, earlier(cell, norm)?))).collect();
    let count = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let spread = pairs.iter().map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt() / count;
    let model = cells.first()?.0.model.name();
    (count > 0.0).then(|| {
        Check::within(
            format!("{model}, {} norm: mean success over {count} cells", name(norm)),
            "an earlier implementation",
            mean(|p| p.1),
            mean(|p| p.0),
            QUANTILE * spread,
        )
    })
}

fn earlier(cell: &Cell, norm: Norm) -> Option<f64> {
    let Success { sides, rates, flat, nuclear, .. } = table(cell.model);
    entry(if norm == Norm::Flat { flat } else { nuclear }, (sides, rates), cell.rows, cell.rate)
}

/// The transition of each side, within the errors of both, and half a step of the grid: the truth of each cell is drawn but once.
fn transition_checks(diagram: &Diagram<'_>, norm: Norm) -> Vec<Check> {
    let of_row = |row: RowTransition| {
        let Success { sides, rates, .. } = table(row.cell.model);
        let tenths = |rate: f64| (10.0 * earlier(&Cell { rate, ..row.cell }, norm).unwrap_or(0.0)).round() as u64;
        let there = Transition::of(&rates.iter().map(|&rate| (rate, tenths(rate), 10)).collect::<Vec<_>>())?;
        let is_whole = diagram.cells.iter().filter(|(cell, _)| cell.rows == row.cell.rows).count() == rates.len() && sides.contains(&row.cell.rows);
        let tolerance = QUANTILE * there.error.hypot(row.transition.error) + 0.5 * (rates[1] - rates[0]);
        is_whole.then(|| {
            let what = format!("{}, {} norm, d = {}: transition", row.cell.model.name(), name(norm), row.cell.rows);
            Check::within(what, "an earlier implementation", there.at, row.transition.at, tolerance)
        })
    };
    diagram.transitions(norm).into_iter().filter_map(of_row).collect()
}

/// On the same maps: those from which one norm alone recovers.
fn paired_check(cells: &[&(Cell, Outcome)]) -> Option<Check> {
    let [flat, nuclear] = [0, 1].map(|which| cells.iter().map(|(_, outcome)| outcome.discordant()[which]).sum::<u64>() as f64);
    let what = format!("{}: maps from which flat alone recovers, less those from which nuclear alone does", cells.first()?.0.model.name());
    Some(Check::at_least(what, "not in the paper", 0.0, flat - nuclear, 2.0 * (flat + nuclear).sqrt()))
}
