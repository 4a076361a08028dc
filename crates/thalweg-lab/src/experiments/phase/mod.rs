//! Phase diagrams: how often the measured matrix is the minimiser, over any two parameters.

mod cell;
mod diagram;
mod parameter;
mod theory;

pub(super) use cell::{Cell, NORMS, Outcome, name};
pub(super) use diagram::{Diagram, RowTransition};
pub use parameter::{PARAMETERS, Parameter, Sweep};
pub(super) use theory::statistical_dimension;

use crate::experiment::{About, Bench, Check, Experiment, Findings, Scale};
use thalweg::Error;
use thalweg::map::Ensemble;
use thalweg::problem::Norm;

/// A phase diagram to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    model: Ensemble,
    x: Sweep,
    y: Sweep,
    cells: Vec<Cell>,
    command: String,
}

impl Phase {
    /// Over two sweeps, the other parameters as in `fixed` or else d = 30, rank 2 (3 where X is symmetric), rate 6 (in completion ½).
    ///
    /// # Errors
    /// [`Error::Parameter`] if both sweeps are over the same parameter; that or [`Error::Rank`] if a cell of the diagram cannot be drawn.
    pub fn new(model: Ensemble, x: Sweep, y: Sweep, fixed: &[(Parameter, f64)], maps: u64, seed: u64) -> Result<Phase, Error> {
        if x.parameter == y.parameter {
            return Err(Error::Parameter { name: "y", expected: "another parameter than x has".into(), got: y.parameter.name().into() });
        }
        let plain = Cell {
            model,
            rows: 30,
            cols: 30,
            rank: if model.is_symmetric() { 3 } else { 2 },
            rate: if model == Ensemble::Completion { 0.5 } else { 6.0 },
            skew: 0.0,
            maps,
            seed,
        };
        let cell = |at_x: f64, at_y: f64| {
            let mut settings: Vec<(Parameter, f64)> = fixed.iter().copied().chain([(x.parameter, at_x), (y.parameter, at_y)]).collect();
            // shapes before the number of measurements, which is counted in their unit
            settings.sort_by_key(|(parameter, _)| *parameter);
            settings.into_iter().fold(plain, |cell, (parameter, value)| parameter.set(cell, value))
        };
        let cells: Vec<Cell> =
            y.values().into_iter().flat_map(|at_y| x.values().into_iter().map(move |at_x| (at_x, at_y))).map(|(a, b)| cell(a, b)).collect();
        cells.iter().try_for_each(parameter::check)?;
        let sweep = |s: &Sweep| format!("{}={}:{}:{}", s.parameter.name(), s.low, s.high, s.count);
        let fixed: String = fixed.iter().map(|(parameter, value)| format!(" --at {}={value}", parameter.name())).collect();
        let command = format!("thalweg phase {} --x {} --y {}{fixed} --trials {maps} --seed {seed}", model.name(), sweep(&x), sweep(&y));
        Ok(Phase { model, x, y, cells, command })
    }
}

/// How both norms did, in a sentence.
pub(super) fn compared(cells: &[&(Cell, Outcome)]) -> String {
    let total = |count: &dyn Fn(&Outcome) -> u64| cells.iter().map(|(_, outcome)| count(outcome)).sum::<u64>();
    let problems = total(&|o| o.flat.len() as u64);
    let [flat, nuclear] = [Norm::Flat, Norm::Nuclear].map(|norm| total(&|o| o.successes(norm)));
    let [only_flat, only_nuclear] = [0, 1].map(|which| total(&|o| o.discordant()[which]));
    let open = total(&|o| (o.flat.len() + o.nuclear.len()) as u64 - o.decided(Norm::Flat) - o.decided(Norm::Nuclear));
    let left = if open > 0 { format!(" {open} problems were left open.") } else { String::new() };
    format!(
        "Of {problems} maps the flat norm recovers from {flat} and the nuclear norm from {nuclear}; the flat norm alone from {only_flat}, the nuclear \
         norm alone from {only_nuclear}.{left}"
    )
}

impl Experiment for Phase {
    type Trial = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: "phase",
            item: self.model.name(),
            title: match self.model {
                Ensemble::Sensing => "Recovery from Gaussian measurements: how often",
                Ensemble::Bilinear => "Recovery from bilinear measurements: how often",
                Ensemble::Quadratic => "Recovery from quadratic measurements: how often",
                Ensemble::Completion => "Recovery from single entries: how often",
            },
            claim: "A random matrix of low rank is measured by random maps. Where is it the only matrix of smallest nuclear norm, and of smallest flat \
                    norm ‖D1 X D2‖_*, that fits?",
            version: 2,
        }
    }

    fn command(&self, _: Scale) -> String {
        self.command.clone()
    }

    fn trials(&self, _: Scale, _: &Bench) -> Vec<Cell> {
        self.cells.clone()
    }

    fn run(&self, cell: &Cell, _: &Bench) -> Result<Outcome, Error> {
        cell.run()
    }

    fn findings(&self, _: Scale, done: &[(Cell, Outcome)]) -> Findings {
        let diagram = Diagram { cells: done.iter().collect(), x: self.x.parameter, y: self.y.parameter };
        let mut findings = Findings { verdict: vec![compared(&diagram.cells)], ..Findings::default() };
        for norm in [Norm::Flat, Norm::Nuclear] {
            findings.figures.push(diagram.figure(norm, name(norm), format!("{} norm", if norm == Norm::Flat { "Flat" } else { "Nuclear" })));
            let rows = diagram.transitions(norm);
            let mut ratios: Vec<f64> = Vec::new();
            for row in &rows {
                let along = if self.x.parameter.counts_measurements() { self.x.parameter } else { self.y.parameter };
                let least = along.of(&Cell { rate: row.cell.least_rate(), ..row.cell });
                ratios.push(row.transition.at / least);
                findings.checks.push(Check::at_least(
                    format!("{} norm: transition at {} = {}", name(norm), self.other().name(), row.at),
                    "degrees of freedom",
                    least,
                    row.transition.at,
                    2.0 * row.transition.error,
                ));
            }
            if let (Some(low), Some(high)) = (ratios.iter().copied().reduce(f64::min), ratios.iter().copied().reduce(f64::max)) {
                findings.verdict.push(format!("The {} norm needs {low:.2} to {high:.2} times the degrees of freedom.", name(norm)));
            }
        }
        findings
    }
}

impl Phase {
    /// The parameter that is not the number of measurements.
    fn other(&self) -> Parameter {
        if self.x.parameter.counts_measurements() { self.y.parameter } else { self.x.parameter }
    }
}
