//! A matrix in NumPy's `.npz` format: one array of several, a SciPy sparse matrix, or observed entries.

use super::array::{self, Arrays, Content, Cube, Variable};
use super::parsed::Parsed;
use super::{Format, Input, ReadOptions, scipy};
use crate::Error;
use crate::data::arrays::npz::{Archive, write_archive};
use crate::data::arrays::{Array, Numbers};
use crate::data::source::Budget;

pub(super) const FORMAT: Format = Format {
    name: "npz",
    about: "NumPy archive: one array of two dimensions (or --variable, --unfold), a matrix saved by scipy.sparse.save_npz (csr, csc, coo), \
            or observed entries in arrays rows, cols, values, shape",
    extensions: &["npz"],
    sample,
    sniff: |input, _| input.bytes().starts_with(b"PK\x03\x04") || input.bytes().starts_with(b"PK\x05\x06"),
    read,
    list: None,
};

fn sample() -> Vec<(&'static str, Vec<u8>)> {
    let array = |values: &[u64]| Array { shape: vec![values.len()], values: Numbers::U64(values.to_vec()) };
    let values = Array { shape: vec![3], values: Numbers::F64(vec![1.0, 2.5, 0.0]) };
    let arrays = [("rows", array(&[0, 1, 1])), ("cols", array(&[0, 1, 2])), ("values", values), ("shape", array(&[2, 3]))];
    let mut out = std::io::Cursor::new(Vec::new());
    write_archive(&arrays, &mut out).expect("a vector takes all that is written");
    vec![("sample.npz", out.into_inner())]
}

/// An open archive, with the shapes of its arrays.
struct Listed<'a> {
    archive: Archive<'a>,
    variables: Vec<Variable>,
}

impl Arrays for Listed<'_> {
    fn variables(&self) -> &[Variable] {
        &self.variables
    }

    fn load(&mut self, at: usize) -> Result<Content, Error> {
        self.archive.array(&self.variables[at].name).map(Content::Full)
    }
}

fn read(input: &Input, options: &ReadOptions, budget: &Budget) -> Result<Parsed, Error> {
    let mut archive = Archive::open(input.origin(), budget)?;
    if options.variable.is_none() && scipy::is_sparse(&archive) {
        return scipy::read_sparse(&mut archive, budget);
    }
    if options.variable.is_none() && scipy::is_observed(&archive) {
        return scipy::read_observed(&mut archive, budget);
    }
    let mut variables = Vec::new();
    for name in archive.names().to_vec() {
        variables.push(Variable { shape: archive.shape(&name)?, name });
    }
    array::read(input.origin(), &mut Listed { archive, variables }, Cube::Unsettled, options, budget)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::format::Missing;
    use crate::data::format::tests::read_bytes;

    fn file(arrays: &[(&str, Array)]) -> Vec<u8> {
        let mut out = std::io::Cursor::new(Vec::new());
        write_archive(arrays, &mut out).expect("writes");
        out.into_inner()
    }

    fn matrix(value: f64) -> Array {
        Array { shape: vec![1, 1], values: Numbers::F64(vec![value]) }
    }

    #[test]
    fn one_matrix_is_found_and_one_of_several_is_named() {
        let vector = Array { shape: vec![1], values: Numbers::F64(vec![0.0]) };
        let one = read_bytes("x.npz", &file(&[("a", vector.clone()), ("b", matrix(2.0))]), &ReadOptions::default());
        assert_eq!(one.expect("one").matrix.summary().mean, 2.0);
        let several = file(&[("a", matrix(1.0)), ("b", matrix(2.0))]);
        let message = read_bytes("x.npz", &several, &ReadOptions::default()).expect_err("two").to_string();
        assert!(message.contains("--variable") && message.contains(r#""a" (1x1), "b" (1x1)"#), "{message}");
        let named = ReadOptions { variable: Some("b".into()), ..ReadOptions::default() };
        assert_eq!(read_bytes("x.npz", &several, &named).expect("b").matrix.summary().mean, 2.0);
        let unknown = ReadOptions { variable: Some("c".into()), ..ReadOptions::default() };
        assert!(read_bytes("x.npz", &several, &unknown).expect_err("no c").to_string().contains("an array \"c\""));
        assert!(read_bytes("x.npz", &file(&[("a", vector)]), &ReadOptions::default()).is_err());
        assert!(read_bytes("x.npz", &file(&[]), &ReadOptions::default()).expect_err("empty").to_string().contains("found none"));
    }

    #[test]
    fn listed_entries_are_observed() {
        let data = read_bytes("x.npz", &sample()[0].1, &ReadOptions::default()).expect("reads");
        assert_eq!((data.matrix.kind(), data.matrix.shape(), data.matrix.summary().observed), ("observed", (2, 3), 3));
        let zeros = ReadOptions { missing: Missing::Zero, ..ReadOptions::default() };
        assert_eq!(read_bytes("x.npz", &sample()[0].1, &zeros).expect("reads").matrix.kind(), "sparse");
    }
}
