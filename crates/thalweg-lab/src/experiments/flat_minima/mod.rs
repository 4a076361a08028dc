//! Ding, Drusvyatskiy, Fazel, Harchaoui: Flat minima generalize for low-rank matrix recovery (2024).

mod depth;
mod descent;
mod earlier;
mod frequency;
mod identity;
mod interpolation;
mod manifold;
mod noise;
mod regularity;
mod skew;
mod theorems;

pub use depth::Depth;
pub use descent::AlongSolutions;
pub use frequency::Frequency;
pub use identity::Identity;
pub use interpolation::Interpolation;
pub use noise::Noise;
pub use regularity::Regularity;
pub use skew::Skew;
pub use theorems::Theorems;

/// As named on the command line.
const PAPER: &str = "flat-minima";
