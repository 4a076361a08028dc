//! The figures, tables and theorems of the papers.

mod flat_minima;
mod phase;
mod star_convexity;

pub use phase::{PARAMETERS, Parameter, Phase, Sweep};

use crate::experiment::{About, AnyExperiment, Bench, SCALES};
use serde::Serialize;
use thalweg::Error;
use thalweg::data::did_you_mean;

/// Every experiment, paper by paper in the paper's order; what the paper does not have comes last.
pub const EXPERIMENTS: &[&dyn AnyExperiment] = &[
    &star_convexity::Sketch,
    &star_convexity::PowerCone,
    &star_convexity::BetweenStarts,
    &star_convexity::TowardsOptima,
    &star_convexity::Subsampling,
    &star_convexity::Training,
    &star_convexity::Spectra,
    #[cfg(feature = "net")]
    &star_convexity::Surfaces,
    &star_convexity::DataSets,
    #[cfg(feature = "net")]
    &star_convexity::ByWidth,
    #[cfg(feature = "net")]
    &star_convexity::WithoutSkips,
    #[cfg(feature = "net")]
    &star_convexity::ByEpoch,
    &star_convexity::Facts,
    &star_convexity::Theorem,
    &star_convexity::SpreadOfEntries,
    &star_convexity::BetweenOptima,
    &flat_minima::Interpolation,
    &flat_minima::Identity,
    &flat_minima::Frequency,
    &flat_minima::Regularity,
    &flat_minima::Depth,
    &flat_minima::Noise,
    &flat_minima::Theorems,
    &flat_minima::AlongSolutions,
    &flat_minima::Dynamics,
    &flat_minima::Skew,
    &flat_minima::Large,
    &flat_minima::PenaltyExponent,
];

/// The papers, in order.
pub fn papers() -> Vec<&'static str> {
    let mut papers: Vec<&str> = EXPERIMENTS.iter().map(|experiment| experiment.about().paper).collect();
    papers.dedup();
    papers
}

/// One item of a paper, or `all` of them.
///
/// # Errors
/// [`Error::Parameter`] with the known names.
pub fn experiments_of(paper: &str, item: &str) -> Result<Vec<&'static dyn AnyExperiment>, Error> {
    let of_paper: Vec<_> = EXPERIMENTS.iter().copied().filter(|e| e.about().paper == paper).collect();
    if of_paper.is_empty() {
        return Err(Error::Parameter { name: "paper", expected: papers().join(", ") + &did_you_mean(paper, papers()), got: paper.to_owned() });
    }
    let chosen: Vec<_> = of_paper.iter().copied().filter(|e| item == "all" || e.about().item == item).collect();
    if chosen.is_empty() {
        let items: Vec<&str> = of_paper.iter().map(|e| e.about().item).collect();
        return Err(Error::Parameter {
            name: "item",
            expected: format!("{}, all{}", items.join(", "), did_you_mean(item, items.iter().copied())),
            got: item.to_owned(),
        });
    }
    Ok(chosen)
}

/// An item that can be reproduced, and what that costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// The paper.
    pub paper: &'static str,
    /// Its figure, table or theorem.
    pub item: &'static str,
    /// One line.
    pub title: &'static str,
    /// What the paper says.
    pub claim: &'static str,
    /// Trials at smoke, reduced and full scale.
    pub trials: [usize; 3],
}

/// All items, or those of a paper.
///
/// # Errors
/// As [`experiments_of`].
pub fn listed(paper: Option<&str>, bench: &Bench) -> Result<Vec<Listed>, Error> {
    let experiments = paper.map_or_else(|| Ok(EXPERIMENTS.to_vec()), |paper| experiments_of(paper, "all"))?;
    let of = |experiment: &dyn AnyExperiment| {
        let About { paper, item, title, claim, .. } = experiment.about();
        let trials = SCALES.map(|scale| experiment.trials(scale, bench).len());
        Listed { paper, item, title, claim, trials }
    };
    Ok(experiments.into_iter().map(of).collect())
}
