//! The figures, tables and theorems of the papers.

mod star_convexity;

use crate::experiment::AnyExperiment;

/// Every experiment, paper by paper in the paper's order.
pub const EXPERIMENTS: &[&dyn AnyExperiment] =
    &[&star_convexity::Sketch, &star_convexity::PowerCone, &star_convexity::Facts, &star_convexity::Theorem];
