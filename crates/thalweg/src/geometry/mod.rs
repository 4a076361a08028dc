//! The landscape: lines, curvature, gauges, alignment, barriers. Takes points and problems, never solvers.

mod align;
mod barrier;
mod cosine;
mod curvature;
mod gauge;
mod line;
mod probe;

pub use align::{Alignment, align};
pub use barrier::{Barrier, barrier};
pub use cosine::{GradientCosine, gradient_cosine};
pub use curvature::{ExpectedCurvature, StartMoments, expected_curvature};
pub use gauge::{balance, flow_gauge};
pub use line::{Line, Verdict, line, lines};
pub use probe::{
    ConvexityLength, ConvexityLengths, Eigenvalues, Estimate, convexity_lengths, hessian_eigenvalues, hessian_trace, random_directions, sampled_line,
    sampled_plane,
};
