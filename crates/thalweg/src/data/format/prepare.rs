//! Preprocessing, in this order: negative entries, empty rows and columns, scale. Each says what it did in a note.

use super::parsed::claim_listed;
use super::{Dataset, ReadOptions};
use crate::Error;
use crate::data::source::{Budget, Source};
use crate::data::{Dense, Matrix, Triplet};

/// What becomes of negative entries, which non-negative factors cannot reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Negative {
    /// They stay; a fit into non-negative factors refuses them.
    #[default]
    Keep,
    /// They become 0.
    Clip,
    /// They are unobserved.
    Unobserved,
}

/// What the entries are divided by.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Nothing.
    #[default]
    None,
    /// Their standard deviation: the root of the mean squared distance of the observed entries from their mean, without weights. The mean
    /// stays in.
    Sd,
    /// This number.
    By(f64),
}

/// Prepares a matrix as the options ask.
pub(super) fn prepare(data: &mut Dataset, source: &Source, options: &ReadOptions, budget: &Budget) -> Result<(), Error> {
    change_negatives(data, options.negative, budget)?;
    if options.drop_empty {
        drop_empty(data, source, budget)?;
    }
    scale(data, source, options.scale)
}

fn change_negatives(data: &mut Dataset, negative: Negative, budget: &Budget) -> Result<(), Error> {
    let count = data.matrix.summary().negatives;
    if negative == Negative::Keep || count == 0 {
        return Ok(());
    }
    let (rows, cols) = data.matrix.shape();
    if negative == Negative::Clip {
        data.matrix.change_values(&|x| x.max(0.0));
        data.notes.push(format!("negative entries set to 0: {count}"));
        return Ok(());
    }
    if matches!(data.matrix, Matrix::Sparse(_)) {
        let expected = "keep or clip for a sparse matrix, whose entries that are not stored are zeros".to_owned();
        return Err(Error::Parameter { name: "negative", expected, got: "unobserved".to_owned() });
    }
    claim_listed(budget, rows, cols, data.matrix.summary().stored as usize)?;
    let in_row =
        |i: usize| data.matrix.row_entries(i).filter(|e| e.1 < 0.0).map(move |(j, value, _)| Triplet { row: i as u32, col: j as u32, value });
    let negatives: Vec<Triplet> = (0..rows).flat_map(in_row).collect();
    data.matrix = take(&mut data.matrix)?.hiding(&negatives)?;
    data.notes.push(format!("negative entries taken as unobserved: {count}"));
    Ok(())
}

/// The matrix, leaving an empty one.
fn take(matrix: &mut Matrix) -> Result<Matrix, Error> {
    Ok(std::mem::replace(matrix, Matrix::Dense(Dense::new(0, 0, Vec::new())?)))
}

fn drop_empty(data: &mut Dataset, source: &Source, budget: &Budget) -> Result<(), Error> {
    let (rows, cols) = data.matrix.shape();
    let (mut in_row, mut in_col) = (vec![false; rows], vec![false; cols]);
    let zeros_count = matches!(data.matrix, Matrix::Observed(_) | Matrix::AllBut(_));
    for i in 0..rows {
        for (j, x, _) in data.matrix.row_entries(i) {
            let counts = zeros_count || x != 0.0;
            (in_row[i], in_col[j]) = (in_row[i] || counts, in_col[j] || counts);
        }
    }
    let numbers = |stays: &[bool]| -> Vec<usize> { (0..stays.len()).filter(|&k| stays[k]).collect() };
    let (kept_rows, kept_cols) = (numbers(&in_row), numbers(&in_col));
    if kept_rows.is_empty() || kept_cols.is_empty() {
        return Err(source.malformed("its entries", "at least one that is not 0", "none"));
    }
    if (kept_rows.len(), kept_cols.len()) == (rows, cols) {
        return Ok(());
    }
    claim_listed(budget, kept_rows.len(), kept_cols.len(), data.matrix.summary().stored as usize)?;
    data.matrix = data.matrix.selected(&kept_rows, &kept_cols)?;
    data.row_labels = kept(data.row_labels.take(), &in_row);
    data.col_labels = kept(data.col_labels.take(), &in_col);
    if kept_cols.len() < cols {
        data.image = None;
    }
    let what = if zeros_count { "nothing is observed" } else { "every entry is 0" };
    data.notes.push(format!("left out because {what} in them: {} rows, {} columns", rows - kept_rows.len(), cols - kept_cols.len()));
    Ok(())
}

/// Labels of what stays; where there were none, and some have gone, their numbers from 1, so that each keeps its name.
fn kept(labels: Option<Vec<String>>, stays: &[bool]) -> Option<Vec<String>> {
    if labels.is_none() && stays.iter().all(|&stays| stays) {
        return None;
    }
    let labels = labels.unwrap_or_else(|| (1..=stays.len()).map(|number| number.to_string()).collect());
    Some(labels.into_iter().zip(stays).filter(|(_, stays)| **stays).map(|(label, _)| label).collect())
}

fn scale(data: &mut Dataset, source: &Source, scale: Scale) -> Result<(), Error> {
    let divisor = match scale {
        Scale::None => return Ok(()),
        Scale::Sd => data.matrix.summary().sd,
        Scale::By(divisor) if divisor.is_finite() && divisor > 0.0 => divisor,
        Scale::By(divisor) => {
            return Err(Error::Parameter { name: "scale", expected: "none, sd or a positive number".into(), got: divisor.to_string() });
        }
    };
    if divisor.is_nan() || divisor == 0.0 {
        return Err(source.malformed("its entries", "two that differ, to divide by their standard deviation", "all the same"));
    }
    data.matrix.change_values(&|x| x / divisor);
    let summary = data.matrix.summary();
    if !summary.min.is_finite() || !summary.max.is_finite() {
        let got = format!("{divisor}, which makes entries infinite");
        return Err(Error::Parameter { name: "scale", expected: "a divisor that keeps the entries finite".into(), got });
    }
    data.scale = divisor;
    let of = if scale == Scale::Sd { ", the standard deviation of the observed entries" } else { "" };
    data.notes.push(format!("entries divided by {divisor}{of}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::format::tests::{dense, read_bytes};
    use crate::data::{Layout, Missing};

    fn read(text: &str, options: &ReadOptions) -> Result<Dataset, Error> {
        read_bytes("x.csv", text.as_bytes(), options)
    }

    #[test]
    fn negatives_are_kept_clipped_or_unobserved() {
        let at = |negative| read("1,-2\n-3,4\n", &ReadOptions { negative, ..ReadOptions::default() }).expect("reads");
        assert_eq!(dense(&at(Negative::Keep)), [[1.0, -2.0], [-3.0, 4.0]]);
        let clipped = at(Negative::Clip);
        assert_eq!((dense(&clipped), clipped.matrix.kind()), (vec![vec![1.0, 0.0], vec![0.0, 4.0]], "dense"));
        assert_eq!(clipped.notes, ["negative entries set to 0: 2"]);
        let masked = at(Negative::Unobserved);
        assert_eq!((masked.matrix.kind(), masked.matrix.summary().observed), ("observed", 2));
        let observed = ReadOptions { negative: Negative::Unobserved, missing: Missing::Nan, ..ReadOptions::default() };
        assert_eq!(read("1,-2\n,4\n", &observed).expect("reads").matrix.summary().observed, 2);
        let sparse = ReadOptions { negative: Negative::Unobserved, missing: Missing::Zero, layout: Layout::Triplets, ..ReadOptions::default() };
        assert!(matches!(read("1,1,-2\n2,2,1\n", &sparse), Err(Error::Parameter { name: "negative", .. })));
    }

    #[test]
    fn empty_rows_and_columns_go_with_their_labels() {
        let options = ReadOptions { drop_empty: true, missing: Missing::Absent, ..ReadOptions::default() };
        let text = "id,a,b,c\nr,0,0,0\ns,1,0,2\nt,0,0,3\n";
        let data = read(text, &options).expect("reads");
        assert_eq!((data.matrix.kind(), dense(&data)), ("observed", vec![vec![1.0, 2.0], vec![0.0, 3.0]]));
        assert_eq!((data.row_labels.expect("two"), data.col_labels.expect("two")), (vec!["s".to_owned(), "t".into()], vec!["a".into(), "c".into()]));
        assert!(data.notes.iter().any(|n| n == "left out because nothing is observed in them: 1 rows, 1 columns"), "{:?}", data.notes);
        let zeros = read(text, &ReadOptions { missing: Missing::Error, ..options.clone() }).expect("reads");
        assert_eq!((zeros.matrix.kind(), dense(&zeros)), ("dense", vec![vec![1.0, 2.0], vec![0.0, 3.0]]));
        let unnamed = read("0,1\n0,0\n0,2\n", &options).expect("reads");
        assert_eq!(
            (unnamed.row_labels.expect("numbers"), unnamed.col_labels.expect("numbers")),
            (vec!["1".to_owned(), "3".into()], vec!["2".to_owned()])
        );
        assert!(read("0,0\n0,0\n", &ReadOptions { missing: Missing::Error, ..options }).is_err());
    }

    #[test]
    fn the_standard_deviation_is_that_of_the_observed_entries() {
        let options = ReadOptions { scale: Scale::Sd, missing: Missing::Nan, ..ReadOptions::default() };
        let data = read("1,5\n,3\n", &options).expect("reads");
        let sd = (8.0f64 / 3.0).sqrt();
        assert_eq!((data.scale, dense(&data)[0][1]), (sd, 5.0 / sd));
        assert!((data.matrix.summary().sd - 1.0).abs() < 1e-15);
        assert!(read("2,2\n2,2\n", &options).expect_err("constant").to_string().contains("two that differ"));
        let by = |scale| ReadOptions { scale: Scale::By(scale), ..ReadOptions::default() };
        assert_eq!(dense(&read("1,5\n", &by(2.0)).expect("reads")), [[0.5, 2.5]]);
        for bad in [0.0, -1.0, f64::NAN, 1e-320] {
            assert!(matches!(read("1,5\n", &by(bad)), Err(Error::Parameter { name: "scale", .. })), "{bad}");
        }
    }
}
