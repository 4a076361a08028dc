//! Problems: what is minimised, and what solvers and geometry need of it.

mod nmf;
mod objective;

pub use nmf::Nmf;
pub use objective::Objective;
