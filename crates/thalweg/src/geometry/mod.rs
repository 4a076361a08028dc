//! The landscape: lines, curvature, gauges, alignment, barriers. Takes points and problems, never solvers.

mod align;
mod balance;
mod barrier;
mod cosine;
mod curvature;
mod density;
mod flatness;
mod gauge;
mod line;
mod plane;
mod probe;
mod share;
mod spectrum;
mod stretch;

pub use align::{Alignment, align};
pub use balance::{Balance, balancedness};
pub use barrier::{Barrier, barrier};
pub use cosine::{GradientCosine, gradient_cosine};
pub use curvature::{CONVEX_SPREAD, ExpectedCurvature, STAR_SPREAD, StartMoments, expected_curvature, limiting_curvature};
pub use density::{Node, SpectralDensity, spectral_density};
pub use flatness::{Flatness, Flattest, TraceEstimate, estimate_trace, flatness, flattest_factors, student_quantile};
pub use gauge::{balance, flow_gauge};
pub use line::{Line, Verdict, line, lines};
pub use plane::Plane;
pub use probe::{
    ConvexityLength, ConvexityLengths, Eigenvalues, Estimate, convexity_lengths, hessian_eigenvalues, hessian_trace, mean_of, random_directions,
    sampled_line, sampled_plane,
};
pub use share::share_interval;
pub use spectrum::{HessianSpectrum, hessian_spectrum};
pub use stretch::{ConvexStretch, convex_stretch};
