//! Problems: what is minimised, and what solvers and geometry need of it.

mod black_box;
mod compressed;
mod constraint;
mod deep_sparse;
mod divergence;
mod factored;
mod half_step;
mod landscape;
mod loss;
mod nmf;
mod objective;
mod penalty;
mod recovery;
mod robust_pca;
mod row_fit;
mod row_separable;
mod segment;
mod statistics;

pub use crate::linalg::{Grams, PANEL_LANES};
pub use black_box::{BlackBox, Gradient};
pub use compressed::Compressed;
pub use constraint::{Constraints, FactorConstraint, GivenColumns, ROW_SETS, RowSet};
pub use deep_sparse::DeepSparse;
pub use divergence::Divergence;
pub use factored::Factored;
pub use loss::{BETAS, Loss};
pub use nmf::Nmf;
pub use objective::Objective;
pub use penalty::{FactorPenalty, PENALTY_SCALINGS, Penalty, PenaltyScaling, PenaltyUnit, ScaledPenalty};
pub use recovery::{Domain, Fidelity, Norm, Recovered, Recovery, RecoveryStatus, Witness};
pub use robust_pca::{RobustPca, default_lambda};
pub use row_fit::{DivergenceUpdate, FIT_FLOOR, RowFit, RowWork, Slope};
pub use row_separable::{Measure, Panel, RowSeparable, RowUpdate, Stay, When};
pub(crate) use segment::check_inputs;
pub use segment::{all_segments, segment};
pub use statistics::Statistics;
