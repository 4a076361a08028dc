//! Recovery instances: measurements, what they measured, and the truth where it is known.

use super::arrays::npz::{Archive, load};
use super::arrays::{Array, Numbers};
use super::source::{Budget, Source, shown};
use super::{Dataset, Holdout, Matrix, Missing, ReadOptions, hold_out, read};
use crate::Error;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Kinds of instances, as the command line names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceKind {
    /// `A` (p, d1, d2), `b` (p,): bᵢ = ⟨Aᵢ, X⟩.
    Sensing,
    /// `a` (p, d1), `c` (p, d2), `b` (p,): bᵢ = aᵢᵀ X cᵢ.
    Bilinear,
    /// `x` (p, d), `b` (p,): bᵢ = xᵢᵀ X xᵢ with X symmetric.
    Quadratic,
    /// Some entries of X: any file that [`read`] takes.
    Completion,
}

/// Every kind, with its name.
pub const INSTANCE_KINDS: &[(InstanceKind, &str)] = &[
    (InstanceKind::Sensing, "sensing"),
    (InstanceKind::Bilinear, "bilinear"),
    (InstanceKind::Quadratic, "quadratic"),
    (InstanceKind::Completion, "completion"),
];

impl InstanceKind {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        INSTANCE_KINDS.iter().find(|(kind, _)| *kind == self).expect("every kind is listed").1
    }
}

/// The arrays that define the measurement map, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Measurements {
    /// Aᵢ one after the other: p·d1·d2.
    Dense(Vec<f64>),
    /// a, p×d1, and c, p×d2.
    Bilinear(Vec<f64>, Vec<f64>),
    /// x, p×d.
    Quadratic(Vec<f64>),
    /// Rows and columns, from 0.
    Entries(Vec<u32>, Vec<u32>),
}

/// A recovery problem as a file states it.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// (d1, d2).
    pub shape: (usize, usize),
    /// A.
    pub measurements: Measurements,
    /// b.
    pub b: Vec<f64>,
    /// The matrix that was measured, row-major, where the file tells.
    pub truth: Option<Vec<f64>>,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
}

/// Reads an instance.
///
/// Completion reads what [`read`] reads: NaN and empty fields of a table are unobserved, and so are the entries that a list does not
/// list. The other kinds are `.npz` files with the arrays that [`InstanceKind`] names, and `truth` (d1, d2) if the file has it.
///
/// # Errors
/// [`Error::Io`], [`Error::Malformed`] naming the array, [`Error::Memory`], [`Error::NotFinite`].
pub fn read_instance(path: &Path, kind: InstanceKind, options: &ReadOptions) -> Result<Instance, Error> {
    if kind == InstanceKind::Completion {
        return completion(path, options);
    }
    let budget = Budget::new(path, options.max_memory);
    let source = load(path, &budget)?;
    let mut arrays = Arrays { archive: Archive::open(&source, &budget)?, source: &source };
    let (shape, measurements, p) = match kind {
        InstanceKind::Sensing => {
            let (a, [p, d1, d2]) = arrays.take("A", ["p", "d1", "d2"])?;
            ((d1, d2), Measurements::Dense(a), p)
        }
        InstanceKind::Bilinear => {
            let (a, [p, d1]) = arrays.take("a", ["p", "d1"])?;
            let (c, [rows, d2]) = arrays.take("c", ["p", "d2"])?;
            arrays.same("c", "rows", p, rows)?;
            ((d1, d2), Measurements::Bilinear(a, c), p)
        }
        InstanceKind::Quadratic => {
            let (x, [p, d]) = arrays.take("x", ["p", "d"])?;
            ((d, d), Measurements::Quadratic(x), p)
        }
        InstanceKind::Completion => unreachable!("read above"),
    };
    let (b, [count]) = arrays.take("b", ["p"])?;
    arrays.same("b", "numbers, one for each measurement", p, count)?;
    let truth = arrays.truth("truth", shape)?;
    Ok(Instance { shape, measurements, b, truth, sha256: sha256(&source) })
}

pub(super) fn sha256(source: &Source) -> String {
    Sha256::digest(&source.bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The arrays of an instance's file.
pub(super) struct Arrays<'a> {
    pub(super) archive: Archive<'a>,
    pub(super) source: &'a Source,
}

impl Arrays<'_> {
    /// A finite array with so many dimensions, none of them 0.
    pub(super) fn take<const N: usize>(&mut self, name: &'static str, sides: [&str; N]) -> Result<(Vec<f64>, [usize; N]), Error> {
        if !self.archive.has(name) {
            let found = self.archive.names().iter().take(10).map(|name| shown(name.as_bytes())).collect::<Vec<_>>().join(", ");
            return Err(self.source.malformed("its arrays", format!("an array {name} ({})", sides.join(", ")), format!("[{found}]")));
        }
        let Array { shape, values } = self.archive.array(name)?;
        let sized: [usize; N] = match shape.as_slice().try_into() {
            Ok(sized) if !shape.contains(&0) => sized,
            _ => return Err(self.archive.malformed(name, format!("shape ({}), no side 0", sides.join(", ")), format!("shape {shape:?}"))),
        };
        let values = self.finite(name, values)?;
        Ok((values, sized))
    }

    fn finite(&self, name: &'static str, values: Numbers) -> Result<Vec<f64>, Error> {
        let values = values.into_f64();
        match values.iter().position(|x| !x.is_finite()) {
            Some(at) => Err(self.archive.malformed(name, "finite numbers", format!("{} at place {at} (from 0, last axis fastest)", values[at]))),
            None => Ok(values),
        }
    }

    pub(super) fn same(&self, name: &'static str, what: &str, expected: usize, got: usize) -> Result<(), Error> {
        if got == expected { Ok(()) } else { Err(self.archive.malformed(name, format!("{expected} {what}"), got.to_string())) }
    }

    /// The matrix of that name, if the file has it.
    pub(super) fn truth(&mut self, name: &'static str, (d1, d2): (usize, usize)) -> Result<Option<Vec<f64>>, Error> {
        if !self.archive.has(name) {
            return Ok(None);
        }
        let (truth, shape) = self.take(name, ["d1", "d2"])?;
        if shape != [d1, d2] {
            return Err(self.archive.malformed(name, format!("shape ({d1}, {d2})"), format!("shape {shape:?}")));
        }
        Ok(Some(truth))
    }
}

/// Which part of the observed entries a completion is given; the others are hidden from it, to judge it by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Part that is kept, between 0 and 1; each entry is drawn on its own, and every row and column keeps one.
    pub fraction: f64,
    /// Seed of the draw.
    pub seed: u64,
}

/// Reads a completion of which only a part is given, and what was hidden. Where every entry is observed, they are the truth.
///
/// # Errors
/// As [`read_instance`]; [`Error::Parameter`] unless 0 < fraction < 1.
pub fn read_instance_keeping(path: &Path, options: &ReadOptions, kept: Kept) -> Result<(Instance, Holdout), Error> {
    if !(kept.fraction > 0.0 && kept.fraction < 1.0) {
        return Err(Error::Parameter { name: "keep", expected: "a fraction between 0 and 1".into(), got: kept.fraction.to_string() });
    }
    let (dataset, truth) = completed(path, options)?;
    let truth = match &dataset.matrix {
        Matrix::Dense(x) => Some(x.values().to_vec()),
        _ => truth,
    };
    let (matrix, hidden) = hold_out(&dataset.matrix, 1.0 - kept.fraction, kept.seed)?;
    Ok((from_entries(&matrix, truth, dataset.sha256), hidden))
}

fn completion(path: &Path, options: &ReadOptions) -> Result<Instance, Error> {
    let (dataset, truth) = completed(path, options)?;
    Ok(from_entries(&dataset.matrix, truth, dataset.sha256))
}

/// The matrix to complete, and the whole of it if the file has that.
fn completed(path: &Path, options: &ReadOptions) -> Result<(Dataset, Option<Vec<f64>>), Error> {
    // a list does not say what it leaves out; here it is what is to be completed. A table that cannot be read one way cannot the other.
    let missing = |missing| read(path, &ReadOptions { missing, ..options.clone() });
    let dataset = match options.missing {
        Missing::Error => match missing(Missing::Nan) {
            Err(Error::Malformed { .. }) => missing(Missing::Absent)?,
            other => other?,
        },
        settled => missing(settled)?,
    };
    if matches!(dataset.matrix, Matrix::Sparse(_)) {
        let expected = "nan or absent: with zero, no entry is left to complete".to_owned();
        return Err(Error::Parameter { name: "missing", expected, got: "zero".into() });
    }
    let truth = match dataset.format {
        "npz" => {
            let budget = Budget::new(path, options.max_memory);
            let source = load(path, &budget)?;
            Arrays { archive: Archive::open(&source, &budget)?, source: &source }.truth("truth", dataset.matrix.shape())?
        }
        _ => None,
    };
    Ok((dataset, truth))
}

fn from_entries(matrix: &Matrix<f64>, truth: Option<Vec<f64>>, sha256: String) -> Instance {
    let shape = matrix.shape();
    let (mut rows, mut cols, mut b) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..shape.0 {
        for (j, value, _) in matrix.row_entries(i) {
            rows.push(i as u32);
            cols.push(j as u32);
            b.push(value);
        }
    }
    Instance { shape, measurements: Measurements::Entries(rows, cols), b, truth, sha256 }
}
