//! Solvers for convex recovery problems.

pub mod deep_sparse;
pub mod robust_pca;
