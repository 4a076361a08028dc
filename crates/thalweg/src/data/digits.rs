//! The embedded data set of the demo.

use super::{Dataset, Dense, ImageShape, Matrix, Precision};
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};
use std::io::Read;

const FILE: &[u8] = include_bytes!("embedded/digits.pgm.gz");
const ROWS: usize = 1797;
const SIDE: usize = 8;

/// The file that [`digits`] reads: a compressed PGM image with a digit in each row.
pub fn digits_file() -> &'static [u8] {
    FILE
}

/// 1797 handwritten digits of 8×8 pixels, values 0 to 16, one a row.
///
/// Source: E. Alpaydin, C. Kaynak (1998), UCI Machine Learning Repository, <https://doi.org/10.24432/C50P49>, CC BY 4.0: the test part,
/// without labels.
pub fn digits() -> Dataset {
    let mut bytes = Vec::new();
    GzDecoder::new(FILE).read_to_end(&mut bytes).expect("the embedded file is whole");
    let pixels = &bytes[bytes.len() - ROWS * SIDE * SIDE..];
    let values = pixels.iter().map(|&p| f64::from(p)).collect();
    Dataset {
        matrix: Matrix::Dense(Dense::new(ROWS, SIDE * SIDE, values).expect("the embedded file has this shape")),
        scale: 1.0,
        precision: Precision::F64,
        row_labels: None,
        col_labels: None,
        image: Some(ImageShape { height: SIDE, width: SIDE }),
        format: "embedded",
        sha256: Sha256::digest(FILE).iter().map(|byte| format!("{byte:02x}")).collect(),
        notes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_are_what_their_source_says() {
        let data = digits();
        let summary = data.matrix.summary();
        assert_eq!(data.matrix.shape(), (1797, 64));
        assert_eq!((summary.min, summary.max), (0.0, 16.0));
        // the first digit is a 0: its first row of pixels
        let first: Vec<f64> = data.matrix.row_entries(0).take(8).map(|e| e.1).collect();
        assert_eq!(first, [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0]);
    }
}
