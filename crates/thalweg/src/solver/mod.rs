//! Methods, the one loop that runs them, and why it stopped.

mod clock;
pub mod convex;
pub mod factored;
pub mod nmf;
mod ranks;
mod run;
mod status;

pub use ranks::Ranks;
pub use run::{Breakdown, Iteration, Observer, Progress, STALL_PATIENCE, Solution, Stop, run};
pub use status::Status;
