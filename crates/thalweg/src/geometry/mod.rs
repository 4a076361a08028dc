//! The landscape: lines, curvature, gauges, alignment, barriers. Takes points and problems, never solvers.

mod align;
mod barrier;
mod cosine;
mod curvature;
mod gauge;
mod line;

pub use align::{Alignment, align};
pub use barrier::{Barrier, barrier};
pub use cosine::{GradientCosine, gradient_cosine};
pub use curvature::{ExpectedCurvature, StartMoments, expected_curvature};
pub use gauge::{balance, flow_gauge};
pub use line::{Line, Verdict, line, lines};
