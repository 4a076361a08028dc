//! The Python package's compiled half: arrays and settings in, arrays and records out, the interpreter lock released in between.
//!
//! Nothing is computed here. What Python sees of it is `thalweg._thalweg`; its public face is the package in `python/thalweg`.

mod borrowed;
mod data;
mod errors;
mod evidence;
mod experiments;
mod figures;
mod fit;
mod flatness;
mod interrupt;
mod landscape;
mod online;
mod recovery;
mod report;

/// The compiled half of the package.
#[pyo3::pymodule]
mod _thalweg {
    #[pymodule_export]
    use crate::data::Data;
    #[pymodule_export]
    use crate::evidence::{audit, line, rank_sweep};
    #[pymodule_export]
    use crate::experiments::{experiments, phase_diagram, reproduce};
    #[pymodule_export]
    use crate::fit::{evaluate, fit, names, transform};
    #[pymodule_export]
    use crate::flatness::flatness;
    #[pymodule_export]
    use crate::landscape::Function;
    #[pymodule_export]
    use crate::online::absorb;
    #[pymodule_export]
    use crate::recovery::{Measured, recover, robust_pca, verify};
    #[pymodule_export]
    use crate::report::report;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
