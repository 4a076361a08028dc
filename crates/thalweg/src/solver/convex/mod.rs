//! Solvers for convex recovery problems.

pub mod robust_pca;
