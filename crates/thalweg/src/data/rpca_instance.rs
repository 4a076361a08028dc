//! Instances of robust PCA: a table, and what it was made of where the file tells.

use super::arrays::npz::{Archive, load};
use super::instance::Arrays;
use super::source::Budget;
use super::{Dataset, ImageShape, Matrix, Missing, Observed, ReadOptions, Scale, read};
use crate::Error;
use std::path::Path;

/// Y, and the two parts of it where they are known.
#[derive(Debug, Clone, PartialEq)]
pub struct RobustPcaInstance {
    /// (m, n).
    pub shape: (usize, usize),
    /// Y, row-major; NaN where nothing was observed.
    pub y: Vec<f64>,
    /// The low-rank part, row-major.
    pub truth_low_rank: Option<Vec<f64>>,
    /// The sparse part, row-major.
    pub truth_sparse: Option<Vec<f64>>,
    /// Set when each row is an image.
    pub image: Option<ImageShape>,
    /// SHA-256 of the input's bytes, in hexadecimal.
    pub sha256: String,
    /// What a user should know about the reading.
    pub notes: Vec<String>,
}

impl RobustPcaInstance {
    /// Entries that were observed.
    pub fn observed(&self) -> usize {
        self.y.iter().filter(|y| !y.is_nan()).count()
    }
}

/// Reads Y from whatever [`read`] takes; NaN and empty fields of a table are unobserved.
///
/// Of an `.npz` file with several arrays `Y` is taken, unless another one is asked for, and `truth_low_rank` and `truth_sparse` (m, n) if the
/// file has them and is read as it stands.
///
/// # Errors
/// As [`read`]; [`Error::Malformed`] for a truth of another shape, [`Error::Memory`] if the table does not fit, [`Error::Parameter`] for
/// weighted entries.
pub fn read_rpca_instance(path: &Path, options: &ReadOptions) -> Result<RobustPcaInstance, Error> {
    let mut options = options.clone();
    if options.missing == Missing::Error {
        options.missing = Missing::Nan;
    }
    let budget = Budget::new(path, options.max_memory);
    let is_archive = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"));
    let source = if is_archive { Some(load(path, &budget)?) } else { None };
    let mut arrays = source.as_ref().map(|source| Ok(Arrays { archive: Archive::open(source, &budget)?, source })).transpose()?;
    if options.variable.is_none() && arrays.as_ref().is_some_and(|arrays: &Arrays<'_>| arrays.archive.has("Y")) {
        options.variable = Some("Y".into());
    }
    let dataset = read(path, &options)?;
    let shape = dataset.matrix.shape();
    let is_as_it_stands = options.columns.is_none() && !options.transpose && !options.drop_empty && options.scale == Scale::None;
    let mut truth = |name| match &mut arrays {
        Some(arrays) if is_as_it_stands => arrays.truth(name, shape),
        _ => Ok(None),
    };
    let (truth_low_rank, truth_sparse) = (truth("truth_low_rank")?, truth("truth_sparse")?);
    let Dataset { matrix, image, sha256, notes, .. } = dataset;
    let y = table(matrix, &Budget::new(path, options.max_memory))?;
    Ok(RobustPcaInstance { shape, y, truth_low_rank, truth_sparse, image, sha256, notes })
}

/// Every entry, NaN where it is unknown.
fn table(matrix: Matrix<f64>, budget: &Budget) -> Result<Vec<f64>, Error> {
    let unstored = match &matrix {
        Matrix::Dense(_) | Matrix::AllBut(_) | Matrix::Observed(Observed { weights: None, .. }) => f64::NAN,
        Matrix::Sparse(_) => 0.0,
        Matrix::Observed(_) => {
            let expected = "data without them: robust PCA takes every observed entry alike".to_owned();
            return Err(Error::Parameter { name: "weights", expected, got: "weighted entries".into() });
        }
    };
    if let Matrix::Dense(x) = matrix {
        return Ok(x.into_values());
    }
    let (m, n) = matrix.shape();
    budget.claim_items("the whole table", m as u64 * n as u64, 8)?;
    let mut y = vec![unstored; m * n];
    for (i, row) in y.chunks_exact_mut(n.max(1)).enumerate() {
        matrix.observed_entries(i).for_each(|(j, value, _)| row[j] = value);
    }
    Ok(y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Array, Numbers, write_npz};

    #[test]
    fn gaps_stay_gaps_and_truths_must_fit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("y.npz");
        let table = |values: &[f64], rows| Array::new(vec![rows, 2], Numbers::F64(values.to_vec())).unwrap();
        let y = [1.0, f64::NAN, 3.0, -4.0];
        write_npz(&path, &[("Y", table(&y, 2)), ("truth_low_rank", table(&[1.0; 4], 2))]).unwrap();
        let found = read_rpca_instance(&path, &ReadOptions::default()).unwrap();
        assert_eq!((found.shape, found.observed(), found.truth_low_rank), ((2, 2), 3, Some(vec![1.0; 4])));
        assert!(found.y[1].is_nan() && found.y[3] == -4.0);
        let turned = read_rpca_instance(&path, &ReadOptions { transpose: true, ..Default::default() }).unwrap();
        assert_eq!((turned.y[1], turned.truth_low_rank), (3.0, None));
        write_npz(&path, &[("Y", table(&y, 2)), ("truth_sparse", table(&[1.0; 2], 1))]).unwrap();
        assert!(matches!(read_rpca_instance(&path, &ReadOptions::default()), Err(Error::Malformed { .. })));
        let listed = folder.path().join("y.mtx");
        std::fs::write(&listed, "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 2 5\n").unwrap();
        for (missing, other) in [(Missing::Zero, 0.0), (Missing::Absent, f64::NAN)] {
            let found = read_rpca_instance(&listed, &ReadOptions { missing, ..Default::default() }).unwrap();
            assert!(found.y[1] == 5.0 && found.y[0].to_bits() == f64::to_bits(other), "{:?}", found.y);
        }
    }
}
