//! Table 1: the data sets.

use super::PAPER;
use super::data_set::{Set, missing, of_the_paper, sets};
use crate::experiment::{About, Bench, Check, Experiment, Findings, Scale};
use crate::figure::{Axis, Bar, Bars, Fact, Figure, Kind, Tone};
use serde::{Deserialize, Serialize};
use thalweg::Error;

/// The experiment.
pub struct DataSets;

/// What the file holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    rows: usize,
    cols: usize,
    observed: u64,
    /// x̄ = mean / standard deviation of the observed entries: what figure 3 depends on.
    mean: f64,
}

/// Observed shares that the paper calls sparsity.
const DENSITIES: [(&str, f64); 3] = [("goodbooks", 0.0022), ("movielens", 0.0419), ("netflix", 0.0121)];

impl Experiment for DataSets {
    type Trial = Set;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "table1",
            title: "The data sets (table 1)",
            claim: "Eight data sets with the given shapes, ranks and sparsities.",
            version: 1,
        }
    }

    fn trials(&self, _: Scale, bench: &Bench) -> Vec<Set> {
        sets(bench)
    }

    fn run(&self, set: &Set, bench: &Bench) -> Result<Outcome, Error> {
        let matrix = set.open(bench)?;
        let summary = matrix.summary();
        let (rows, cols) = matrix.shape();
        Ok(Outcome { rows, cols, observed: summary.observed, mean: summary.mean / summary.sd })
    }

    fn findings(&self, _: Scale, done: &[(Set, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let mut bars = Vec::new();
        for (set, found) in done {
            let [n, m, rank] = set.entry().paper.expect("the set is in Table 1");
            let density = found.observed as f64 / (found.rows as f64 * found.cols as f64);
            for (what, said, is) in [("rows", n, found.rows), ("columns", m, found.cols)] {
                findings.checks.push(Check::within(format!("{what}, {}", set.name), "the paper", said as f64, is as f64, 0.0));
            }
            let said = DENSITIES.iter().find(|(name, _)| *name == set.name).map_or(1.0, |(_, density)| *density);
            findings.checks.push(Check::within(format!("observed share, {}", set.name), "the paper, as “sparsity”", said, density, 0.05 * said));
            bars.push(Bar {
                label: set.name.clone(),
                facts: vec![
                    Fact::new("rows", found.rows),
                    Fact::new("columns", found.cols),
                    Fact::new("rank", rank),
                    Fact::new("observed", found.observed as usize),
                    Fact::new("observed share", density),
                    Fact::new("mean / sd", found.mean),
                    Fact::new("differs from the paper's", set.entry().differs.as_str()),
                ],
                tone: Tone::Lead,
                value: 100.0 * density,
            });
        }
        findings.figures = vec![Figure {
            id: "sets".into(),
            title: "Observed entries".into(),
            caption: "Share of the entries that are observed, in per cent; shape, rank and differences in the data of the figure.".into(),
            alt: "Bars of the observed share of each data set.".into(),
            kind: Kind::Bars(Bars { x: "data set".into(), y: Axis::linear("observed, %"), bars, levels: Vec::new() }),
        }];
        findings.verdict = vec![
            "What the paper calls sparsity is the density: the share of entries that are observed.".into(),
            format!(
                "Of the {} files here some stand in for the paper's: {}.",
                done.len(),
                of_the_paper().filter(|e| !e.differs.is_empty()).map(|e| format!("{} ({})", e.name, e.differs)).collect::<Vec<_>>().join("; ")
            ),
        ];
        findings.verdict.extend(missing(done.iter().map(|(set, _)| set)));
        findings
    }
}
