//! The landscape: lines, curvature, gauges, alignment, barriers. Takes points and problems, never solvers.

mod line;

pub use line::{Line, Verdict};
