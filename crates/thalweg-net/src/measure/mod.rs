//! How the loss of a network looks around a point.

mod convexity;
mod direction;
mod matching;
mod path;
mod segment;

pub use convexity::{Convexity, ConvexityPlan, Kinks, Line, Resolution, Subject, convexity};
pub use direction::{filter_normalised, filter_normalised_directions};
pub use matching::match_channels;
pub use path::{WayToEnd, ways_to_end};
pub use segment::{Segment, segment};
