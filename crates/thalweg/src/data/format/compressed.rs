//! Sparse matrices by compressed rows or columns, as MATLAB and AnnData keep them. Every index is checked.

use super::parsed::{Parsed, Unlisted, claim_listed};
use crate::Error;
use crate::data::source::{Budget, Source};
use crate::data::{Duplicates, Triplet};

/// A sparse matrix as three arrays.
pub(super) struct Compressed {
    pub rows: usize,
    pub cols: usize,
    /// Whether a line is a row; else it is a column.
    pub by_row: bool,
    /// Where each line starts among the entries, and where the last one ends.
    pub starts: Vec<u64>,
    /// The place of each entry in its line.
    pub indices: Vec<u64>,
    pub values: Vec<f64>,
}

impl Compressed {
    /// The listed entries. The arrays say nothing about the others.
    pub(super) fn parsed(self, source: &Source, budget: &Budget) -> Result<Parsed, Error> {
        let Compressed { rows, cols, by_row, starts, indices, values } = self;
        let (lines, length) = if by_row { (rows, cols) } else { (cols, rows) };
        let wrong = |expected: String, found: String| Err(source.malformed("its sparse matrix", expected, found));
        let stored = indices.len().min(values.len()) as u64;
        let is_ascending = starts.first() == Some(&0) && starts.windows(2).all(|w| w[0] <= w[1]);
        let count = starts.last().copied().unwrap_or(u64::MAX);
        if Some(starts.len()) != lines.checked_add(1) || !is_ascending || count > stored {
            let expected = format!("{} ascending starts from 0, the last at most {stored}", lines as u64 + 1);
            return wrong(expected, format!("{} of them, the last {count}", starts.len()));
        }
        if let Some(index) = indices[..count as usize].iter().find(|&&index| index >= length as u64) {
            return wrong(format!("indices below {length}"), index.to_string());
        }
        claim_listed(budget, rows, cols, count as usize)?;
        let mut entries = Vec::with_capacity(count as usize);
        for (line, range) in starts.windows(2).enumerate() {
            let range = range[0] as usize..range[1] as usize;
            let of_line = indices[range.clone()].iter().zip(&values[range]);
            entries.extend(of_line.map(|(&index, &value)| {
                let (row, col) = if by_row { (line as u32, index as u32) } else { (index as u32, line as u32) };
                Triplet { row, col, value }
            }));
        }
        Ok(Parsed::listed(rows, cols, entries, Duplicates::Sum, Unlisted::Unsettled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn corrupt_indices_are_named() {
        let source = Source { path: "x".into(), part: None, bytes: vec![] };
        let budget = Budget::new(Path::new("x"), 1 << 20);
        let parsed = |starts: &[u64], indices: &[u64]| {
            let arrays = Compressed { rows: 2, cols: 3, by_row: false, starts: starts.to_vec(), indices: indices.to_vec(), values: vec![1.0, 2.0] };
            arrays.parsed(&source, &budget).map(|p| (p.rows, p.cols)).map_err(|e| e.to_string())
        };
        assert_eq!(parsed(&[0, 1, 1, 2], &[0, 1]), Ok((2, 3)));
        for (starts, indices, word) in [
            (&[0, 1, 2][..], &[0, 1][..], "4 ascending starts"),
            (&[1, 1, 1, 2], &[0, 1], "from 0"),
            (&[0, 2, 1, 2], &[0, 1], "ascending"),
            (&[0, 1, 1, 3], &[0, 1], "the last at most 2"),
            (&[0, 1, 1, u64::MAX], &[0, 1], "the last at most 2"),
            (&[0, 1, 1, 2], &[0, 2], "indices below 2, found 2"),
        ] {
            assert!(parsed(starts, indices).expect_err(word).contains(word), "{starts:?}");
        }
    }
}
