//! File formats: one file each, and the list that `read`, `info` and the tests loop over.

use super::Matrix;
use crate::Error;
use std::path::Path;

/// The pixels of one row of the matrix, when rows are images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImageShape {
    /// Pixel rows.
    pub height: usize,
    /// Pixel columns.
    pub width: usize,
}

/// What an entry that is not there means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// Refuse to guess where the file does not settle it.
    #[default]
    Error,
    /// NaN and empty fields are unobserved.
    Nan,
    /// Entries that are not stored are unobserved.
    Absent,
    /// Entries that are not stored are zeros.
    Zero,
}

/// Precision of the numbers in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floating point.
    F32,
    /// 64-bit floating point, and everything that is read into it.
    #[default]
    F64,
}

/// How to read a file.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ReadOptions {
    /// What an entry that is not there means.
    pub missing: Missing,
    /// Memory that reading may take, in bytes.
    pub max_memory: u64,
    /// Columns to keep, first and one past the last (from 0).
    pub columns: Option<(usize, usize)>,
    /// Transpose after reading.
    pub transpose: bool,
    /// The array to take from a file with several.
    pub variable: Option<String>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions { missing: Missing::Error, max_memory: 8 << 30, columns: None, transpose: false, variable: None }
    }
}

/// A matrix with what its file says about it.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The numbers.
    pub matrix: Matrix<f64>,
    /// Precision of the file's numbers: a fit of an f32 file is done in f32 unless asked otherwise.
    pub precision: Precision,
    /// Names of the rows.
    pub row_labels: Option<Vec<String>>,
    /// Names of the columns.
    pub col_labels: Option<Vec<String>>,
    /// Set when each row is an image.
    pub image: Option<ImageShape>,
    /// Name of the format it came in.
    pub format: &'static str,
    /// SHA-256 of the file's bytes (of names and bytes of all files for a folder), in hexadecimal.
    pub sha256: String,
    /// What a user should know about the reading: a skipped column, duplicates, empty rows.
    pub notes: Vec<String>,
}

/// One file format.
pub struct Format {
    /// Name, as printed.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
}

/// Every format.
pub const FORMATS: &[Format] = &[];

/// Reads a matrix from a file or folder of any of [`FORMATS`], gzipped or not.
///
/// # Errors
/// [`Error::Malformed`], [`Error::Memory`], [`Error::Io`].
pub fn read(path: &Path, options: &ReadOptions) -> Result<Dataset, Error> {
    let _ = (path, options);
    Err(Error::Empty { what: "formats", why: "none" })
}
