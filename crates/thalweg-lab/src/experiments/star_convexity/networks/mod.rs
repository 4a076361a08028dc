//! Tables 2, 4, 5 and figure 8: residual networks.

mod course;
mod image_set;
mod measured;
mod surface;
mod tables;

pub use surface::Surfaces;
pub use tables::{ByEpoch, ByWidth, WithoutSkips};

/// Bytes that reading images or a network may take.
const MAX_MEMORY: u64 = 8 << 30;
