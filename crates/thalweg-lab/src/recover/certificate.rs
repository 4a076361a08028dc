//! Certificates in files: a small record, and the arrays beside it.

use super::deep_sparse::DeepSparseCertificateRecord;
use super::robust_pca::RobustPcaCertificateRecord;
use super::{CertificateRecord, RecoverKind};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thalweg::Error;
use thalweg::data::{Array, Numbers, read_npz};

/// The largest record that is read: the arrays are apart.
const LARGEST_RECORD: u64 = 1 << 20;

/// The record of a certificate.
#[derive(Debug, Clone, PartialEq)]
pub enum Certificate {
    /// Of a matrix from measurements.
    Measured(CertificateRecord),
    /// Of a separation.
    RobustPca(RobustPcaCertificateRecord),
    /// Of a sparse vector.
    DeepSparse(DeepSparseCertificateRecord),
}

impl Certificate {
    fn schema(&self) -> u32 {
        match self {
            Certificate::Measured(record) => record.schema,
            Certificate::RobustPca(record) => record.schema,
            Certificate::DeepSparse(record) => record.schema,
        }
    }

    fn arrays(&self) -> &str {
        match self {
            Certificate::Measured(record) => &record.arrays,
            Certificate::RobustPca(record) => &record.arrays,
            Certificate::DeepSparse(record) => &record.arrays,
        }
    }
}

#[derive(Deserialize)]
struct OfKind {
    kind: RecoverKind,
}

/// Reads a certificate's record.
///
/// # Errors
/// [`Error::Io`], [`Error::Malformed`] also for a record of a later version or arrays elsewhere than beside it, [`Error::Memory`].
pub fn read_certificate(path: &Path) -> Result<Certificate, Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let needed = std::fs::metadata(path).map_err(io)?.len();
    if needed > LARGEST_RECORD {
        return Err(Error::Memory { path: path.to_owned(), what: "the certificate".into(), needed, limit: LARGEST_RECORD });
    }
    let malformed = |place: &str, expected: &str, found: String| Error::Malformed {
        path: path.to_owned(),
        place: place.into(),
        expected: expected.into(),
        found,
    };
    let bytes = std::fs::read(path).map_err(io)?;
    let certificate = match parsed::<OfKind>(path, &bytes)?.kind {
        RecoverKind::Rpca => Certificate::RobustPca(parsed(path, &bytes)?),
        RecoverKind::Sparse => Certificate::DeepSparse(parsed(path, &bytes)?),
        RecoverKind::Measured(_) => Certificate::Measured(parsed(path, &bytes)?),
    };
    if certificate.schema() != 1 {
        return Err(malformed("schema", "1", certificate.schema().to_string()));
    }
    let name = Path::new(certificate.arrays());
    let is_plain_name = name.components().count() == 1 && name.file_name().is_some();
    if is_plain_name { Ok(certificate) } else { Err(malformed("arrays", "the name of a file beside the certificate", certificate.arrays().into())) }
}

fn parsed<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|reason| Error::Malformed {
        path: path.to_owned(),
        place: format!("line {}, column {}", reason.line(), reason.column()),
        expected: "a certificate of a recovery".into(),
        found: reason.to_string(),
    })
}

/// The arrays of a certificate.
pub(super) struct Arrays {
    path: PathBuf,
    expected: &'static str,
    arrays: BTreeMap<String, Array>,
}

/// Reads them from the file of that name beside the record; `expected` says which there should be.
pub(super) fn arrays_beside(record: &Path, name: &str, expected: &'static str, max_memory: u64) -> Result<Arrays, Error> {
    let path = record.parent().unwrap_or(Path::new("")).join(name);
    Ok(Arrays { arrays: read_npz(&path, max_memory)?, path, expected })
}

impl Arrays {
    /// An array of so many dimensions.
    pub(super) fn take<const N: usize>(&mut self, name: &str) -> Result<([usize; N], Vec<f64>), Error> {
        let found = match self.arrays.remove(name) {
            Some(Array { shape, values }) => match shape.as_slice().try_into() {
                Ok(sides) => return Ok((sides, values.into_f64())),
                Err(_) => format!("shape {shape:?}"),
            },
            None => "nothing".into(),
        };
        Err(Error::Malformed { path: self.path.clone(), place: format!("array {name}"), expected: self.expected.into(), found })
    }
}

/// An array of f64 to write.
pub(super) fn array(shape: &[usize], values: &[f64]) -> Array {
    Array { shape: shape.to_vec(), values: Numbers::F64(values.to_vec()) }
}
