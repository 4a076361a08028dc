//! Runs on disk, figures and reports.

mod manifest;

pub use manifest::{FitRecord, FitSettings, InputRecord, Labels, Manifest, RestartRecord};
