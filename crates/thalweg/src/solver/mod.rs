//! Methods, the one loop that runs them, and why it stopped.

mod status;

pub use status::Status;
