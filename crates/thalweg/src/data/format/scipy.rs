//! Sparse matrices as arrays of an `.npz` file: what `scipy.sparse.save_npz` writes, and lists of observed entries.
//!
//! Every index is checked here: SciPy's own constructor takes column 900 of 3.

use super::array::precision;
use super::parsed::{Parsed, Unlisted, claim_listed};
use crate::Error;
use crate::data::arrays::npz::Archive;
use crate::data::arrays::{Array, Numbers};
use crate::data::source::{Budget, shown};
use crate::data::{Duplicates, Triplet};

pub(super) fn is_sparse(archive: &Archive) -> bool {
    ["format", "shape", "data"].iter().all(|name| archive.has(name))
}

pub(super) fn is_observed(archive: &Archive) -> bool {
    ["rows", "cols", "values", "shape"].iter().all(|name| archive.has(name))
}

/// A matrix saved by `scipy.sparse.save_npz` in format csr, csc or coo. It says nothing about the entries that it does not store.
pub(super) fn read_sparse(archive: &mut Archive, budget: &Budget) -> Result<Parsed, Error> {
    let (rows, cols) = shape(archive)?;
    let [row, col] = match archive.word("format")?.as_str() {
        "csr" => [Indices::starts(archive, rows, budget)?, Indices::read(archive, "indices")?],
        "csc" => [Indices::read(archive, "indices")?, Indices::starts(archive, cols, budget)?],
        "coo" => [Indices::read(archive, "row")?, Indices::read(archive, "col")?],
        other => return Err(archive.malformed("format", "csr, csc or coo (convert the matrix with .tocsr())", shown(other.as_bytes()))),
    };
    matrix(archive, [row, col], "data", (rows, cols), (Duplicates::Sum, Unlisted::Unsettled), budget)
}

/// Observed entries in the arrays `rows`, `cols`, `values`, in a matrix of `shape`. The others are unobserved.
pub(super) fn read_observed(archive: &mut Archive, budget: &Budget) -> Result<Parsed, Error> {
    let shape = shape(archive)?;
    let positions = [Indices::read(archive, "rows")?, Indices::read(archive, "cols")?];
    matrix(archive, positions, "values", shape, (Duplicates::KeepLast, Unlisted::Unobserved), budget)
}

/// The row or column of each entry, and the array that says so.
struct Indices {
    array: &'static str,
    values: Vec<u64>,
}

impl Indices {
    fn read(archive: &mut Archive, array: &'static str) -> Result<Self, Error> {
        if !archive.has(array) {
            return Err(archive.malformed(array, "the array", "none of this name"));
        }
        match archive.array(array)? {
            Array { shape, values: Numbers::U64(values) } if shape.len() == 1 => Ok(Indices { array, values }),
            Array { shape, values: Numbers::U64(_) } => Err(archive.malformed(array, "one dimension", format!("shape {shape:?}"))),
            _ => Err(archive.malformed(array, "integers from 0", "a negative or floating-point number")),
        }
    }

    /// From `indptr`, which tells where each row (of csr) or column (of csc) starts among the entries.
    fn starts(archive: &mut Archive, sides: usize, budget: &Budget) -> Result<Self, Error> {
        let starts = Self::read(archive, "indptr")?;
        let wrong = |expected: String, found: u64| Err(archive.malformed("indptr", expected, found.to_string()));
        if starts.values.len() as u64 != sides as u64 + 1 {
            return wrong(format!("{} numbers", sides as u64 + 1), starts.values.len() as u64);
        }
        if starts.values[0] != 0 {
            return wrong("0 first".to_owned(), starts.values[0]);
        }
        if let Some(at) = starts.values.windows(2).position(|w| w[1] < w[0]) {
            return wrong(format!("number {} to be at least {}", at + 2, starts.values[at]), starts.values[at + 1]);
        }
        budget.claim_items("the positions of its entries", starts.values[sides], 8)?;
        let mut values = Vec::with_capacity(starts.values[sides] as usize);
        for (side, range) in starts.values.windows(2).enumerate() {
            values.extend(std::iter::repeat_n(side as u64, (range[1] - range[0]) as usize));
        }
        Ok(Indices { array: "indptr", values })
    }

    fn check(&self, archive: &Archive, side: usize, count: usize) -> Result<(), Error> {
        if self.values.len() != count {
            return Err(archive.malformed(self.array, format!("{count} entries, one for each value"), self.values.len().to_string()));
        }
        match self.values.iter().position(|&i| i >= side as u64) {
            Some(at) => Err(archive.malformed(self.array, format!("indices below {side}"), format!("{} at place {} (from 0)", self.values[at], at))),
            None => Ok(()),
        }
    }
}

fn shape(archive: &mut Archive) -> Result<(usize, usize), Error> {
    let side = |x: u64| u32::try_from(x).map(|x| x as usize).ok();
    let array = archive.array("shape")?;
    let sides = match &array.values {
        Numbers::U64(sides) => sides.iter().map(|&x| side(x)).collect::<Option<Vec<_>>>(),
        _ => None,
    };
    match sides.as_deref() {
        Some(&[rows, cols]) => Ok((rows, cols)),
        _ => Err(archive.malformed("shape", "two integers from 0 to 4294967295", format!("{:?}", array.values))),
    }
}

fn matrix(
    archive: &mut Archive,
    [row, col]: [Indices; 2],
    values: &str,
    (rows, cols): (usize, usize),
    (duplicates, unlisted): (Duplicates, Unlisted),
    budget: &Budget,
) -> Result<Parsed, Error> {
    let array = archive.array(values)?;
    if array.shape.len() != 1 {
        return Err(archive.malformed(values, "one dimension", format!("shape {:?}", array.shape)));
    }
    let precision = precision(&array.values);
    let values = array.values.into_f64();
    row.check(archive, rows, values.len())?;
    col.check(archive, cols, values.len())?;
    claim_listed(budget, rows, cols, values.len())?;
    let positions = row.values.into_iter().zip(col.values);
    let entries = positions.zip(values).map(|((row, col), value)| Triplet { row: row as u32, col: col as u32, value }).collect();
    Ok(Parsed { precision, ..Parsed::listed(rows, cols, entries, duplicates, unlisted) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::format::tests::read_bytes;
    use crate::data::format::{Dataset, Missing, ReadOptions};

    fn integers(values: &[u64]) -> Array {
        Array { shape: vec![values.len()], values: Numbers::U64(values.to_vec()) }
    }

    fn numbers(values: &[f64]) -> Array {
        Array { shape: vec![values.len()], values: Numbers::F64(values.to_vec()) }
    }

    /// As `scipy.sparse.save_npz` writes it: the format's name is an array of text, which `write_npz` does not write.
    fn saved(format: &[u8; 3], arrays: &[(&str, Array)]) -> Vec<u8> {
        let word = "{'descr': '|S3', 'fortran_order': False, 'shape': (), }\n";
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let mut member = |name: &str, bytes: &[u8]| {
            zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).expect("starts");
            std::io::Write::write_all(&mut zip, bytes).expect("writes");
        };
        member("format", &crate::data::arrays::npy::tests::raw(word, format));
        for (name, array) in arrays {
            let mut bytes = Vec::new();
            crate::data::arrays::npy::write(array, &mut bytes).expect("writes");
            member(name, &bytes);
        }
        zip.finish().expect("finishes").into_inner()
    }

    fn read(file: &[u8]) -> Result<Dataset, Error> {
        read_bytes("x.npz", file, &ReadOptions { missing: Missing::Zero, ..ReadOptions::default() })
    }

    fn csr(indptr: &[u64], indices: Array, data: &[f64]) -> Vec<u8> {
        saved(b"csr", &[("shape", integers(&[2, 3])), ("indptr", integers(indptr)), ("indices", indices), ("data", numbers(data))])
    }

    #[test]
    fn the_three_formats_give_the_same_matrix() {
        let by_row = read(&csr(&[0, 2, 3], integers(&[2, 0, 1]), &[2.0, 1.0, 3.0])).expect("csr").matrix;
        let shape = ("shape", integers(&[2, 3]));
        let csc = [shape.clone(), ("indptr", integers(&[0, 1, 2, 3])), ("indices", integers(&[0, 1, 0])), ("data", numbers(&[1.0, 3.0, 2.0]))];
        assert_eq!(read(&saved(b"csc", &csc)).expect("csc").matrix, by_row);
        let coo = [shape, ("row", integers(&[1, 0, 0, 0])), ("col", integers(&[1, 0, 2, 2])), ("data", numbers(&[3.0, 1.0, 1.5, 0.5]))];
        let summed = read(&saved(b"coo", &coo)).expect("coo");
        assert_eq!(summed.matrix, by_row);
        assert!(summed.notes[0].contains("added"));
    }

    #[test]
    fn absent_entries_need_a_word() {
        let file = csr(&[0, 1, 1], integers(&[2]), &[1.0]);
        let message = read_bytes("x.npz", &file, &ReadOptions::default()).expect_err("unsettled").to_string();
        assert!(message.contains("--missing zero") && message.contains("--missing absent"), "{message}");
    }

    #[test]
    fn corrupt_indices_are_named() {
        let says = |file: Vec<u8>, word: &str| {
            let message = read(&file).expect_err(word).to_string();
            assert!(message.contains(word), "{message:?} lacks {word:?}");
        };
        let three = || integers(&[0, 1, 2]);
        let data = [1.0; 3];
        says(csr(&[0, 2, 1], three(), &data), "number 3 to be at least 2, found 1");
        says(csr(&[1, 2, 3], three(), &data), "0 first, found 1");
        says(csr(&[0, 3], three(), &data), "3 numbers, found 2");
        says(csr(&[0, 2, 4], three(), &data), "3 entries, one for each value, found 4");
        says(csr(&[0, 2, 1 << 60], three(), &data), "over the limit");
        says(csr(&[0, 2, 3], integers(&[0, 900, 1]), &data), "indices below 3, found 900 at place 1");
        says(csr(&[0, 2, 3], integers(&[0, 1]), &data), "one for each value, found 2");
        says(csr(&[0, 2, 3], numbers(&[0.0, 1.0, 2.0]), &data), "integers from 0");
        says(csr(&[0, 2, 3], numbers(&[0.0, -1.0, 2.0]), &data), "integers from 0");
        says(csr(&[0, 2, 3], three(), &[1.0, f64::NAN, 1.0]), "--missing nan");
        says(csr(&[0, 2, 3], three(), &[1.0, f64::INFINITY, 1.0]), "finite number");
        says(saved(b"bsr", &[("shape", integers(&[2, 3])), ("data", numbers(&data))]), "csr, csc or coo");
        says(saved(b"csr", &[("shape", integers(&[2, 3, 4])), ("data", numbers(&data))]), "two integers");
        says(saved(b"csr", &[("shape", integers(&[1 << 40, 3])), ("data", numbers(&data))]), "4294967295");
        says(saved(b"coo", &[("shape", integers(&[2, 3])), ("data", numbers(&data)), ("row", three())]), "array col: expected the array");
        says(saved(b"coo", &[("shape", integers(&[2, 3])), ("data", numbers(&data)), ("row", three()), ("col", three())]), "indices below 2");
    }
}
