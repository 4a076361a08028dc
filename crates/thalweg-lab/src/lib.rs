//! Runs on disk, figures and reports.

pub mod figure;
mod manifest;
pub mod report;

pub use manifest::{FitRecord, FitSettings, InputRecord, Labels, Manifest, RestartRecord};
