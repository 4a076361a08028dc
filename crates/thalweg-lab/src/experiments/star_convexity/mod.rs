//! Bjorck, Gomes, Weinberger: Star-convexity in non-negative matrix factorization (2020).

mod cv2;
mod data_set;
mod facts;
#[cfg(feature = "net")]
mod networks;
mod planted_line;
mod power_cone;
mod rare_event;
mod real_lines;
mod restarts;
mod sketch;
mod spectra;
mod subsampling;
mod table1;
mod theorem;
mod training;

pub use cv2::SpreadOfEntries;
pub use facts::Facts;
#[cfg(feature = "net")]
pub use networks::{ByEpoch, ByWidth, Surfaces, WithoutSkips};
pub use power_cone::PowerCone;
pub use real_lines::{BetweenStarts, TowardsOptima};
pub use restarts::BetweenOptima;
pub use sketch::Sketch;
pub use spectra::Spectra;
pub use subsampling::Subsampling;
pub use table1::DataSets;
pub use theorem::Theorem;
pub use training::Training;

/// As named on the command line.
const PAPER: &str = "star-convexity";
