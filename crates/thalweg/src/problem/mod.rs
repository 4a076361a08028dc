//! Problems: what is minimised, and what solvers and geometry need of it.

mod compressed;
mod half_step;
mod landscape;
mod nmf;
mod objective;
mod row_separable;
mod segment;

pub use compressed::Compressed;
pub use nmf::Nmf;
pub use objective::Objective;
pub use row_separable::{Measure, PANEL_LANES, Panel, RowSeparable, RowUpdate, Stay, When};
pub(crate) use segment::check_inputs;
pub use segment::{all_segments, segment};
