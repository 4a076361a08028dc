//! Problems: what is minimised, and what solvers and geometry need of it.

mod nmf;
mod objective;
mod row_separable;

pub use nmf::Nmf;
pub use objective::Objective;
pub use row_separable::{Measure, PANEL_LANES, Panel, RowSeparable, RowUpdate, Stay, When};
