//! A matrix in NumPy's `.npy` format.

use super::array::{self, Cube};
use super::parsed::Parsed;
use super::{Format, Input, ReadOptions};
use crate::Error;
use crate::data::arrays::{Array, Numbers, npy};
use crate::data::source::Budget;

pub(super) const FORMAT: Format = Format {
    name: "npy",
    about: "NumPy array of two dimensions, or more with --unfold: floating-point, integer or bool, either byte order, C or Fortran order",
    extensions: &["npy"],
    sample,
    sniff: |input, _| input.bytes().starts_with(npy::MAGIC),
    read,
    list: None,
};

fn sample() -> Vec<(&'static str, Vec<u8>)> {
    let mut bytes = Vec::new();
    let array = Array { shape: vec![2, 3], values: Numbers::F32(vec![1.0, 0.5, 0.0, 2.0, 1.5, 3.0]) };
    npy::write(&array, &mut bytes).expect("a vector takes all that is written");
    vec![("sample.npy", bytes)]
}

fn read(input: &Input, options: &ReadOptions, budget: &Budget) -> Result<Parsed, Error> {
    array::matrix(input.origin(), npy::parse(input.origin(), budget)?, Cube::Unsettled, options, budget)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::format::Precision;
    use crate::data::format::tests::{bytes, read_bytes};

    #[test]
    fn precision_follows_the_file() {
        let data = bytes("x.npy", &sample()[0].1).expect("reads");
        assert_eq!((data.matrix.shape(), data.precision, data.format), ((2, 3), Precision::F32, "npy"));
        assert_eq!(data.matrix.row_entries(1).map(|e| e.1).collect::<Vec<_>>(), [2.0, 1.5, 3.0]);
    }

    #[test]
    fn only_matrices_are_read() {
        for shape in [vec![6], vec![2, 2, 3], vec![]] {
            let values = vec![1; shape.iter().product()];
            let mut file = Vec::new();
            npy::write(&Array { shape, values: Numbers::U64(values) }, &mut file).expect("writes");
            let message = bytes("x.npy", &file).expect_err("not a matrix").to_string();
            assert!(message.contains("two dimensions"), "{message}");
        }
    }

    #[test]
    fn large_integers_are_rounded_with_a_note() {
        let mut file = Vec::new();
        npy::write(&Array { shape: vec![1, 1], values: Numbers::U64(vec![(1 << 53) + 1]) }, &mut file).expect("writes");
        assert!(bytes("x.npy", &file).expect("reads").notes[0].contains("2^53"));
    }

    #[test]
    fn a_header_claim_is_not_believed() {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }\n";
        let file = npy::tests::raw(header, &[0; 16]);
        assert!(matches!(bytes("x.npy", &file), Err(Error::Malformed { .. })));
        let large = npy::tests::raw("{'descr': '|u1', 'fortran_order': False, 'shape': (300, 300), }\n", &[0; 90_000]);
        let options = ReadOptions { max_memory: 200_000, ..ReadOptions::default() };
        assert!(matches!(read_bytes("x.npy", &large, &options), Err(Error::Memory { .. })));
    }
}
