//! What the data prove about a point, recomputed from the data alone: no solver is believed.

mod bound;
mod divergence;
mod kkt;
mod uniqueness;

pub use bound::{BOUND_LIMIT, SpectralBound, spectral_bound};
pub use divergence::{constrained_stationarity, stationarity_under};
pub use kkt::{Stationarity, penalised_stationarity, stationarity};
pub use uniqueness::{Evidence, uniqueness};
