//! What the data prove about a point, recomputed from the data alone: no solver is believed.

mod bound;
mod divergence;
mod kkt;
pub mod recovery;
mod uniqueness;

pub use bound::{BOUND_LIMIT, SpectralBound, spectral_bound};
pub use divergence::stationarity_under;
pub use kkt::{Stationarity, penalised_stationarity, stationarity};
pub use uniqueness::{Evidence, uniqueness};
