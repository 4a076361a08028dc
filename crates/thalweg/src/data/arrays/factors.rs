//! Factors in an `.npz` file: `U`, m×r, and `V`, n×r.

use super::npz::{Archive, load};
use super::{Array, Numbers, write_npz};
use crate::data::format::DEFAULT_MAX_MEMORY;
use crate::data::source::Budget;
use crate::linalg::Real;
use crate::{Error, Factors, Side};
use std::path::Path;

/// Reads the arrays `U` (m×r) and `V` (n×r) of an `.npz` file, of either precision and order. Other arrays are left alone.
///
/// # Errors
/// [`Error::Io`], [`Error::Malformed`], [`Error::Memory`]; [`Error::Shape`] if their widths differ; [`Error::NotFinite`].
pub fn read_factors(path: &Path) -> Result<Factors<f64>, Error> {
    let budget = Budget::new(path, DEFAULT_MAX_MEMORY);
    let source = load(path, &budget)?;
    let mut archive = Archive::open(&source, &budget)?;
    if let Some(missing) = ["U", "V"].into_iter().find(|name| !archive.has(name)) {
        let found = archive.names().iter().take(10).map(|name| crate::data::source::shown(name.as_bytes())).collect::<Vec<_>>().join(", ");
        return Err(source.malformed("its arrays", format!("U (m x r) and V (n x r), where {missing} is missing"), format!("[{found}]")));
    }
    let mut factor = |name| {
        let Array { shape, values } = archive.array(name)?;
        match shape[..] {
            [rows, rank] => Ok((rows, rank, values.into_f64())),
            _ => Err(archive.malformed(name, "two dimensions", format!("shape {shape:?}"))),
        }
    };
    let (rows, rank, mut buffer) = factor("U")?;
    let (cols, v_rank, v) = factor("V")?;
    if v_rank != rank {
        return Err(Error::Shape { what: "V", expected: (cols, rank), got: (cols, v_rank) });
    }
    budget.claim_items("both factors in one buffer", v.len() as u64, 8)?;
    buffer.extend(v);
    let factors = Factors::new(rows, cols, rank, buffer)?;
    match factors.first_not_finite() {
        Some((side, row, col)) => {
            let (what, value) = match side {
                Side::U => ("U", factors.split().0[row * rank + col]),
                Side::V => ("V", factors.split().1[row * rank + col]),
            };
            Err(Error::NotFinite { what, row, col, value })
        }
        None => Ok(factors),
    }
}

/// Writes factors as the arrays `U` and `V` of an `.npz` file, in their own precision.
///
/// # Errors
/// [`Error::Io`].
pub fn write_factors<T: Real>(path: &Path, factors: &Factors<T>) -> Result<(), Error> {
    let numbers = |side: &[T]| match T::NAME {
        "f32" => Numbers::F32(side.iter().map(|x| x.f64() as f32).collect()),
        _ => Numbers::F64(side.iter().map(|x| x.f64()).collect()),
    };
    let (u, v) = factors.split();
    let u = Array { shape: vec![factors.rows(), factors.rank()], values: numbers(u) };
    let v = Array { shape: vec![factors.cols(), factors.rank()], values: numbers(v) };
    write_npz(path, &[("U", u), ("V", v)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::read_npz;

    #[test]
    fn both_precisions_come_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("f.npz");
        let factors = Factors::new(3, 2, 2, (0..10).map(|i| f64::from(i) / 3.0).collect()).expect("fits");
        write_factors(&path, &factors).expect("writes");
        assert_eq!(read_factors(&path).expect("reads"), factors);
        let single = factors.cast::<f32>();
        write_factors(&path, &single).expect("writes");
        assert!(matches!(read_npz(&path, 1 << 20).expect("reads")["V"].values, Numbers::F32(_)));
        assert_eq!(read_factors(&path).expect("reads"), single.cast::<f64>());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("f.npz");
        let array = |shape: &[usize], values: &[f64]| Array { shape: shape.to_vec(), values: Numbers::F64(values.to_vec()) };
        let read = |arrays: &[(&str, Array)]| {
            write_npz(&path, arrays).expect("writes");
            read_factors(&path)
        };
        let u = array(&[2, 1], &[1.0, 2.0]);
        assert!(read(&[("U", u.clone()), ("W", u.clone())]).expect_err("no V").to_string().contains("V is missing"));
        let narrow = array(&[1, 2], &[1.0, 2.0]);
        assert!(matches!(read(&[("U", u.clone()), ("V", narrow)]), Err(Error::Shape { what: "V", .. })));
        let bad = array(&[2, 1], &[1.0, f64::NAN]);
        assert!(matches!(read(&[("U", u.clone()), ("V", bad)]), Err(Error::NotFinite { what: "V", row: 1, col: 0, .. })));
        assert!(matches!(read(&[("U", array(&[2], &[1.0, 2.0])), ("V", u)]), Err(Error::Malformed { .. })));
        assert!(matches!(read_factors(&folder.path().join("none.npz")), Err(Error::Io { .. })));
    }
}
