//! Where recovery sets in at larger sides and ranks, against degrees of freedom and theory. Beyond the paper.

use super::PAPER;
use crate::experiment::{About, Bench, Check, Experiment, Findings, Scale, Transition};
use crate::experiments::phase::{Cell, NORMS, Outcome, compared, name, statistical_dimension};
use crate::figure::{Axis, Curve, CurveGroup, Curves, Dot, DotGroup, Fact, Figure, Kind, Scatter, Tone};
use thalweg::Error;
use thalweg::map::Ensemble;
use thalweg::problem::Norm;

/// The experiment.
pub struct Large;

const MODELS: [Ensemble; 2] = [Ensemble::Completion, Ensemble::Sensing];

/// Sides and ranks of one model, and multiples of the degrees of freedom r(2d − r) that are measured.
struct Plan {
    model: Ensemble,
    sizes: Vec<(usize, usize)>,
    multiples: Vec<f64>,
}

/// Sides, each with its ranks.
type Sizes = &'static [(usize, &'static [usize])];

fn plans(scale: Scale) -> [Plan; 2] {
    let (completion, sensing): (Sizes, Sizes) = match scale {
        Scale::Smoke => (&[(12, &[1])], &[(8, &[1])]),
        Scale::Reduced => (&[(100, &[1, 2]), (50, &[1, 2, 4]), (25, &[1, 2])], &[(40, &[1, 2]), (20, &[1, 2, 4])]),
        Scale::Full => (&[(200, &[1]), (100, &[1, 2, 4]), (50, &[1, 2, 4]), (25, &[1, 2])], &[(80, &[1, 2]), (40, &[1, 2, 4]), (20, &[1, 2, 4])]),
    };
    let sizes = |of: Sizes| of.iter().flat_map(|(side, ranks)| ranks.iter().map(|rank| (*side, *rank))).collect();
    let grid = |low: f64, step: f64, count: u32| (0..count).map(|i| low + step * f64::from(i)).collect();
    let every = if scale == Scale::Smoke { 4 } else { 1 };
    let [many, few]: [Vec<f64>; 2] = [grid(1.5, 0.5, 13), grid(1.2, 0.2, 11)];
    [
        Plan { model: Ensemble::Completion, sizes: sizes(completion), multiples: many.into_iter().step_by(every).collect() },
        Plan { model: Ensemble::Sensing, sizes: sizes(sensing), multiples: few.into_iter().step_by(every).collect() },
    ]
}

impl Experiment for Large {
    type Trial = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "large",
            title: "Where recovery sets in, at larger sides and ranks (beyond the paper)",
            claim: "m ≥ c r(d1 + d2) Gaussian measurements suffice (theorem 4.3), of entries about r(d1 + d2) log d (theorem 5.1 promises less). The paper shows d up to 50 \
                    and rank 2.",
            version: 2,
        }
    }

    fn trials(&self, scale: Scale, _: &Bench) -> Vec<Cell> {
        let maps = if scale == Scale::Full { 10 } else { 5 };
        let of_plan = |Plan { model, sizes, multiples }: Plan| {
            let cell = move |side: usize, rank: usize, multiple: f64| {
                let plain = Cell { model, rows: side, cols: side, rank, rate: 1.0, skew: 0.0, maps, seed: 0 };
                Cell { rate: multiple * plain.least_rate(), ..plain }
            };
            let cells = sizes.into_iter().flat_map(move |(side, rank)| multiples.clone().into_iter().map(move |multiple| cell(side, rank, multiple)));
            // what sees every entry needs no trial
            cells.filter(move |cell| cell.rate * model.unit(cell.shape()) <= model.unknowns(cell.shape()) as f64)
        };
        let mut cells: Vec<Cell> = plans(scale).into_iter().flat_map(of_plan).collect();
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
            let onsets = NORMS.map(|norm| onsets(&cells, norm));
            findings.verdict.extend(onsets.iter().zip(NORMS).filter_map(|(onsets, norm)| growth(model, norm, onsets)));
            findings.verdict.push(format!("{}: {}", model.name(), compared(&cells)));
            findings.checks.extend(onsets.iter().zip(NORMS).flat_map(|(onsets, norm)| checks(model, norm, onsets)));
            findings.figures.push(picture(model, &onsets));
            findings.figures.push(multiples(model, &onsets));
        }
        findings
    }
}

/// Where recovery sets in at one side and rank.
struct Onset {
    cell: Cell,
    /// In multiples of the degrees of freedom.
    multiple: Transition,
}

impl Onset {
    fn freedom(&self) -> f64 {
        self.cell.model.degrees_of_freedom(self.cell.shape(), self.cell.rank) as f64
    }

    fn measurements(&self) -> f64 {
        self.multiple.at * self.freedom()
    }

    fn label(&self) -> String {
        format!("d = {}, rank {}", self.cell.rows, self.cell.rank)
    }
}

fn onsets(cells: &[&(Cell, Outcome)], norm: Norm) -> Vec<Onset> {
    let mut sizes: Vec<(usize, usize)> = cells.iter().map(|(cell, _)| (cell.rows, cell.rank)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let of_size = |(side, rank): (usize, usize)| {
        let mut row: Vec<&(Cell, Outcome)> = cells.iter().copied().filter(|(cell, _)| (cell.rows, cell.rank) == (side, rank)).collect();
        row.sort_by(|a, b| a.0.rate.total_cmp(&b.0.rate));
        let counts: Vec<_> = row.iter().map(|(cell, o)| (cell.rate / cell.least_rate(), o.successes(norm), o.decided(norm))).collect();
        Some(Onset { cell: row[0].0, multiple: Transition::of(&counts)? })
    };
    sizes.into_iter().filter_map(of_size).collect()
}

/// m ∝ (r(2d − r))^q by least squares of the logarithms, with the standard error of q.
fn exponent(onsets: &[Onset]) -> Option<(f64, f64)> {
    let points: Vec<(f64, f64)> = onsets.iter().map(|onset| (onset.freedom().ln(), onset.measurements().ln())).collect();
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let square: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / square;
    let rest: f64 = points.iter().map(|p| (p.1 - y - slope * (p.0 - x)).powi(2)).sum();
    (count > 3.0).then(|| (slope, (rest / (count - 2.0) / square).sqrt()))
}

fn growth(model: Ensemble, norm: Norm, onsets: &[Onset]) -> Option<String> {
    let (slope, error) = exponent(onsets)?;
    let ends = |of: &dyn Fn(&Onset) -> f64| onsets.iter().map(of).fold((f64::INFINITY, 0.0f64), |(low, high), x| (low.min(x), high.max(x)));
    let (low, high) = ends(&|onset| onset.multiple.at);
    let beside = match model {
        Ensemble::Sensing => {
            let (low, high) = ends(&|onset| onset.measurements() / statistical_dimension(onset.cell.shape(), onset.cell.rank));
            format!("it lies at {low:.2} to {high:.2} of the statistical dimension")
        }
        _ => {
            let (low, high) = ends(&|onset| onset.multiple.at / (onset.cell.rows as f64).ln());
            format!("over r(2d − r) log d it is {low:.2} to {high:.2}")
        }
    };
    Some(format!(
        "{}, {} norm: recovery sets in at {low:.2} to {high:.2} times r(2d − r) measurements, like its power {slope:.3} ± {:.3}; {beside}.",
        model.name(),
        name(norm),
        2.0 * error
    ))
}

/// Half a step of the grid, to which the truth of each cell is drawn but once.
const SLACK: f64 = 0.08;

fn checks(model: Ensemble, norm: Norm, onsets: &[Onset]) -> Vec<Check> {
    let of_sensing = |onset: &Onset| {
        let theory = statistical_dimension(onset.cell.shape(), onset.cell.rank);
        let what = format!("sensing, {} norm, {}: onset over the statistical dimension", name(norm), onset.label());
        let error = 4.0 * onset.multiple.error / onset.multiple.at;
        Check::within(what, "Amelunxen, Lotz, McCoy, Tropp (2014)", 1.0, onset.measurements() / theory, error + SLACK)
    };
    match model {
        Ensemble::Sensing => onsets.iter().map(of_sensing).collect(),
        // the power of r(2d − r) log d is 1; log d by itself adds less than 0.2 over these sides
        _ => exponent(onsets)
            .map(|(slope, error)| {
                Check::at_least(
                    format!("completion, {} norm: power of r(2d − r), less 1", name(norm)),
                    "r d log d of theory",
                    0.0,
                    slope - 1.0,
                    -2.0 * error,
                )
            })
            .into_iter()
            .collect(),
    }
}

fn tone(norm: Norm) -> Tone {
    if norm == Norm::Flat { Tone::Lead } else { Tone::Quiet }
}

fn picture(model: Ensemble, onsets: &[Vec<Onset>; 2]) -> Figure {
    let dot = |onset: &Onset| Dot {
        label: onset.label(),
        facts: vec![Fact::new("multiple of r(2d − r)", onset.multiple.at), Fact::new("its standard error", onset.multiple.error)],
        x: onset.freedom(),
        y: onset.measurements(),
    };
    let group = |(onsets, norm): (&Vec<Onset>, Norm)| DotGroup { label: name(norm).into(), tone: tone(norm), dots: onsets.iter().map(dot).collect() };
    let theory = |onset: &Onset| Dot {
        label: format!("{}: statistical dimension", onset.label()),
        facts: Vec::new(),
        x: onset.freedom(),
        y: statistical_dimension(onset.cell.shape(), onset.cell.rank),
    };
    let mut groups: Vec<DotGroup> = onsets.iter().zip(NORMS).map(group).collect();
    if model == Ensemble::Sensing {
        groups.push(DotGroup { label: "statistical dimension".into(), tone: Tone::Open, dots: onsets[0].iter().map(theory).collect() });
    }
    Figure {
        id: format!("{}-onset", model.name()),
        title: format!("{}: measurements at which recovery sets in", model.name()),
        caption: "Where the share of random maps from which the minimiser is the measured matrix passes from 0 to 1 (Spearman–Kärber), for several sides and ranks, over \
                  r(2d − r)."
            .into(),
        alt: "Dots along a line of slope a little above one.".into(),
        kind: Kind::Scatter(Scatter { x: Axis::log("r(2d − r)"), y: Axis::log("measurements"), groups, levels: Vec::new() }),
    }
}

fn multiples(model: Ensemble, onsets: &[Vec<Onset>; 2]) -> Figure {
    let group = |(onsets, norm): (&Vec<Onset>, Norm)| {
        let mut ranks: Vec<usize> = onsets.iter().map(|onset| onset.cell.rank).collect();
        ranks.sort_unstable();
        ranks.dedup();
        let curve = |rank: usize| {
            let of_rank: Vec<&Onset> = onsets.iter().filter(|onset| onset.cell.rank == rank).collect();
            let band = of_rank.iter().map(|o| (o.multiple.at - 2.0 * o.multiple.error, o.multiple.at + 2.0 * o.multiple.error)).collect();
            let points = of_rank.iter().map(|o| (o.cell.rows as f64, o.multiple.at)).collect();
            Curve { band, ..Curve::new(format!("{}, rank {rank}", name(norm)), points) }
        };
        CurveGroup { label: name(norm).into(), tone: tone(norm), curves: ranks.into_iter().map(curve).collect() }
    };
    Figure {
        id: format!("{}-multiple", model.name()),
        title: format!("{}: the same in multiples of r(2d − r)", model.name()),
        caption: "One curve a rank, with two standard errors.".into(),
        alt: "Curves over the side: rising for completion, falling slowly to 2 for Gaussian sensing.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::log("d"),
            y: Axis::linear("measurements / r(2d − r)").including([0.0]),
            groups: onsets.iter().zip(NORMS).map(group).collect(),
            levels: Vec::new(),
        }),
    }
}
