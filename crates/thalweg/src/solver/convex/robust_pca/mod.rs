//! Robust PCA: a fast first phase, then an exact finish where the low-rank part and the corruptions can be told apart.

mod budget;
mod dual_point;
mod exact;
mod shrink;
mod solve;
mod splitting;
mod table;
mod tangent;

pub use budget::{WithinBudget, solve_robust_pca_within};
pub use solve::{RobustPcaOptions, RobustPcaSolution, solve_robust_pca, solve_robust_pca_over_ranks, solve_robust_pca_unless};
