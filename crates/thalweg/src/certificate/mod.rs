//! What the data prove about a point, recomputed from the data alone: no solver is believed.

mod bound;
mod bounds;
mod deep_sparse;
mod divergence;
mod kkt;
pub mod recovery;
mod robust_pca;
mod uniqueness;

pub use bound::{BOUND_LIMIT, SpectralBound, rank_bound, spectral_bound};
pub use deep_sparse::{DEEP_SPARSE_RADIUS, DeepSparseCertificate, certify_deep_sparse};
pub use divergence::{constrained_stationarity, stationarity_under};
pub use kkt::{Stationarity, penalised_stationarity, stationarity, stationarity_in_blocks, stationarity_over_ranks};
pub use robust_pca::{ROBUST_PCA_RADIUS, RobustPcaCertificate, certify_robust_pca};
pub use uniqueness::{Evidence, uniqueness};
