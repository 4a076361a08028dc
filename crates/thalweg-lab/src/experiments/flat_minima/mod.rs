//! Ding, Drusvyatskiy, Fazel, Harchaoui: Flat minima generalize for low-rank matrix recovery (2024).

mod depth;
mod descent;
mod dynamics;
mod earlier;
mod frequency;
mod identity;
mod interpolation;
mod large;
mod manifold;
mod nearness;
mod noise;
mod penalty;
mod planted;
mod ratings;
mod regularity;
mod routes;
mod skew;
mod surface;
mod theorems;

pub use depth::Depth;
pub use descent::AlongSolutions;
pub use dynamics::Dynamics;
pub use frequency::Frequency;
pub use identity::Identity;
pub use interpolation::Interpolation;
pub use large::Large;
pub use noise::Noise;
pub use penalty::PenaltyExponent;
pub use regularity::Regularity;
pub use skew::Skew;
pub use theorems::Theorems;

/// As named on the command line.
const PAPER: &str = "flat-minima";
