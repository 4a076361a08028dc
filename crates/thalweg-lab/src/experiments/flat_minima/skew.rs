//! Completion when rows and columns are seen unevenly (not in the paper).

use super::PAPER;
use crate::experiment::{About, Bench, Check, Experiment, Findings, Scale};
use crate::experiments::phase::{Cell, NORMS, Outcome, compared, name};
use crate::figure::{Axis, Curve, CurveGroup, Curves, Figure, Kind, Tone};
use thalweg::Error;
use thalweg::map::Ensemble;
use thalweg::problem::Norm;

/// The experiment.
pub struct Skew;

const SKEWS: [f64; 3] = [0.0, 0.5, 1.0];

impl Experiment for Skew {
    type Trial = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "skew",
            title: "Completion from unevenly seen entries (not in the paper)",
            claim: "The paper sees every entry with the same probability, where D1 and D2 are nearly multiples of the identity and both norms do nearly alike. Here \
                    entry (i, j) is seen with a probability proportional to (ij)^−s.",
            version: 2,
        }
    }

    fn trials(&self, scale: Scale, _: &Bench) -> Vec<Cell> {
        let (side, maps, truths, step) = match scale {
            Scale::Smoke => (12, 2, 1, 4),
            Scale::Reduced => (30, 10, 2, 2),
            Scale::Full => (50, 10, 5, 1),
        };
        let rates = || (2..=18).step_by(step).map(|i| f64::from(i) / 20.0);
        let cell = |skew, rate, seed| Cell { model: Ensemble::Completion, rows: side, cols: side, rank: 2, rate, skew, maps, seed };
        SKEWS.into_iter().flat_map(|skew| rates().flat_map(move |rate| (0..truths).map(move |seed| cell(skew, rate, seed)))).collect()
    }

    fn run(&self, cell: &Cell, _: &Bench) -> Result<Outcome, Error> {
        cell.run()
    }

    fn findings(&self, _: Scale, done: &[(Cell, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let mut widest = (0.0, String::new());
        for skew in SKEWS {
            let cells: Vec<&(Cell, Outcome)> = done.iter().filter(|(cell, _)| cell.skew == skew).collect();
            if cells.is_empty() {
                continue;
            }
            let [flat, nuclear] = [0, 1].map(|which| cells.iter().map(|(_, o)| o.discordant()[which]).sum::<u64>() as f64);
            let what = format!("s = {skew}: maps from which flat alone recovers, less those from which nuclear alone does");
            findings.checks.push(Check::at_least(what, "not in the paper", 0.0, flat - nuclear, 2.0 * (flat + nuclear).sqrt()));
            findings.verdict.push(format!("s = {skew}: {}", compared(&cells)));
            let curves = NORMS.map(|norm| frequencies(&cells, norm));
            for (there, here) in curves[0].iter().zip(&curves[1]) {
                if here.1 - there.1 > widest.0 {
                    widest = (here.1 - there.1, format!("at s = {skew} with {} of the entries: nuclear {:.2}, flat {:.2}", here.0, there.1, here.1));
                }
            }
            findings.figures.push(picture(skew, curves));
        }
        if widest.0 > 0.0 {
            findings.verdict.insert(0, format!("The flat norm gains most {}.", widest.1));
        }
        findings
    }
}

/// Share of recoveries over the share of entries seen, all truths together.
fn frequencies(cells: &[&(Cell, Outcome)], norm: Norm) -> Vec<(f64, f64)> {
    let mut rates: Vec<f64> = cells.iter().map(|(cell, _)| cell.rate).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    let share = |rate: f64| {
        let of_rate = || cells.iter().filter(move |(cell, _)| cell.rate == rate);
        let (won, all) = of_rate().fold((0, 0), |(won, all), (_, o)| (won + o.successes(norm), all + o.decided(norm)));
        won as f64 / (all as f64).max(1.0)
    };
    rates.into_iter().map(|rate| (rate, share(rate))).collect()
}

fn picture(skew: f64, curves: [Vec<(f64, f64)>; 2]) -> Figure {
    let tones = [Tone::Quiet, Tone::Lead];
    let groups = NORMS.into_iter().zip(tones).zip(curves);
    Figure {
        id: format!("skew-{}", (10.0 * skew).round()),
        title: if skew == 0.0 { "Every entry alike".into() } else { format!("Probability ∝ (ij)^−{skew}") },
        caption: "Share of random maps from which the measured matrix of rank 2 is the minimiser, over the share of entries that are seen.".into(),
        alt: "Two rising curves; the flat norm's rises first.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::linear("share of entries seen").including([0.0, 1.0]),
            y: Axis::linear("success").including([0.0, 1.0]),
            groups: groups
                .map(|((norm, tone), points)| CurveGroup { label: name(norm).into(), tone, curves: vec![Curve::new(name(norm), points)] })
                .collect(),
            levels: Vec::new(),
        }),
    }
}
