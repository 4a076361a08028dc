//! The Python package's compiled half: arrays and settings in, arrays and records out, the interpreter lock released in between.
//!
//! Nothing is computed here. What Python sees of it is `thalweg._thalweg`; its public face is the package in `python/thalweg`.

mod borrowed;
mod data;
mod errors;
mod evidence;
mod fit;
mod interrupt;
mod landscape;
mod online;
mod recovery;

/// The compiled half of the package.
#[pyo3::pymodule]
mod _thalweg {
    #[pymodule_export]
    use crate::data::Data;
    #[pymodule_export]
    use crate::evidence::{audit, line, rank_sweep};
    #[pymodule_export]
    use crate::fit::{evaluate, fit, names, transform};
    #[pymodule_export]
    use crate::landscape::Function;
    #[pymodule_export]
    use crate::online::absorb;
    #[pymodule_export]
    use crate::recovery::{Measured, recover, robust_pca, verify};

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
