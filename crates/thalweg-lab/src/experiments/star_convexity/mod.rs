//! Bjorck, Gomes, Weinberger: Star-convexity in non-negative matrix factorization (2020).

mod facts;
mod planted_line;
mod power_cone;
mod rare_event;
mod sketch;
mod theorem;

pub use facts::Facts;
pub use power_cone::PowerCone;
pub use sketch::Sketch;
pub use theorem::Theorem;

/// As named on the command line.
const PAPER: &str = "star-convexity";
