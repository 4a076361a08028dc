//! The figures, tables and theorems of the papers.

mod flat_minima;
mod phase;
mod star_convexity;

pub use phase::{PARAMETERS, Parameter, Phase, Sweep};

use crate::experiment::AnyExperiment;

/// Every experiment, paper by paper in the paper's order; what the paper does not have comes last.
pub const EXPERIMENTS: &[&dyn AnyExperiment] = &[
    &star_convexity::Sketch,
    &star_convexity::PowerCone,
    &star_convexity::BetweenStarts,
    &star_convexity::TowardsOptima,
    &star_convexity::Subsampling,
    &star_convexity::Training,
    &star_convexity::Spectra,
    &star_convexity::DataSets,
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
