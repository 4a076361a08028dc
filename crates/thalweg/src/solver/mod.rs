//! Methods, the one loop that runs them, and why it stopped.

mod clock;
pub mod convex;
pub mod factored;
pub mod nmf;
mod run;
mod status;

pub use run::{Breakdown, Iteration, Observer, Progress, STALL_PATIENCE, Solution, Stop, run};
pub use status::Status;
