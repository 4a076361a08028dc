//! thalweg factors and recovers matrices, and shows the landscape in which it found the answer.
//!
//! The thalweg of a valley is the line that joins its lowest points. This library computes X ≈ U Vᵀ, and says of the answer what can
//! be established: did the run converge, how far is it from the best possible, do restarts agree, is the loss convex on the way.
//!
//! Modules, in the order in which they may use one another:
//! `error < linalg < factors < comm < data < map < problem < { solver | certificate | geometry } < audit`.
//! `solver`, `certificate` and `geometry` do not use one another.

pub mod audit;
pub mod certificate;
pub mod comm;
pub mod data;
mod error;
mod factors;
pub mod geometry;
pub mod linalg;
pub mod map;
pub mod problem;
pub mod solver;

pub use error::Error;
pub use factors::{Factors, Side};
