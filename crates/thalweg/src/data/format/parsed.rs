//! From what stands in a file to a matrix: what missing entries mean, the columns to keep, the transpose, and notes about it all.

use super::{Dataset, ImageShape, Missing, Precision, ReadOptions, Weights, prepare};
use crate::Error;
use crate::data::source::{Budget, Source, shown};
use crate::data::{AllBut, Dense, Duplicates, Matrix, Observed, Sparse, Triplet};
use std::ops::Range;

/// What a format's reader finds.
pub(super) struct Parsed {
    pub rows: usize,
    pub cols: usize,
    pub entries: Entries,
    /// Of each entry of a table; entries of weight 0 are unobserved, whatever stands there.
    pub weights: Option<Vec<f64>>,
    /// The first NaN or empty field, as the file's own places go; without one, by row and column.
    pub gap: Option<Gap>,
    pub precision: Precision,
    pub row_labels: Option<Vec<String>>,
    pub col_labels: Option<Vec<String>>,
    pub image: Option<ImageShape>,
    pub notes: Vec<String>,
}

/// Entries, NaN where the file has a NaN or an empty field.
pub(super) enum Entries {
    /// One for each position, row-major.
    Table(Vec<f64>),
    /// Some positions with their values.
    Listed {
        /// In any order.
        entries: Vec<Triplet>,
        /// What a position listed again means in this format.
        duplicates: Duplicates,
        /// What this format says about the other positions.
        unlisted: Unlisted,
    },
}

/// What a format says about the positions that it does not list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unlisted {
    /// Nothing: the user must.
    Unsettled,
    /// They are unknown.
    Unobserved,
    /// They are 0.
    Zero,
}

/// A field without a number.
pub(super) struct Gap {
    pub place: String,
    pub found: String,
}

/// A listed entry while it is read (16), sorted (8), and stored by row (12) and by column (12).
const LISTED_BYTES: u64 = 48;

/// Sets memory aside for a matrix of `count` listed entries.
pub(super) fn claim_listed(budget: &Budget, rows: usize, cols: usize, count: usize) -> Result<(), Error> {
    // where each row and column starts, once in the matrix and once while it is transposed
    budget.claim_items("where its rows and columns start", (rows as u64).saturating_add(cols as u64), 24)?;
    budget.claim_items("its entries", count as u64, LISTED_BYTES)
}

impl Parsed {
    /// A table of numbers and nothing else.
    pub(super) fn table(rows: usize, cols: usize, values: Vec<f64>) -> Self {
        Parsed {
            rows,
            cols,
            entries: Entries::Table(values),
            weights: None,
            gap: None,
            precision: Precision::F64,
            row_labels: None,
            col_labels: None,
            image: None,
            notes: Vec::new(),
        }
    }

    /// Listed entries and nothing else. The reader has set the memory aside, with [`claim_listed`].
    pub(super) fn listed(rows: usize, cols: usize, entries: Vec<Triplet>, duplicates: Duplicates, unlisted: Unlisted) -> Self {
        Parsed { entries: Entries::Listed { entries, duplicates, unlisted }, ..Parsed::table(rows, cols, Vec::new()) }
    }

    /// Gives each entry of a table the weight that stands in another of the same shape.
    pub(super) fn weigh(&mut self, source: &Source, given: Parsed, weights: &Weights) -> Result<(), Error> {
        let Entries::Table(mut values) = given.entries else { return Ok(()) };
        for (at, x) in values.iter_mut().enumerate() {
            let unusable = || source.malformed(position(at / self.cols, at % self.cols), "a weight: finite, not negative", x.to_string());
            *x = weights.of(*x).ok_or_else(unusable)?;
        }
        let nothing = values.iter().filter(|&&w| w == 0.0).count();
        let of = match weights {
            Weights::Given(name) => shown(name.as_bytes()),
            Weights::Variance(name) => format!("1 / {}", shown(name.as_bytes())),
        };
        self.notes.push(format!("entries are weighted by {of}; of weight 0, and so unobserved: {nothing}"));
        self.weights = Some(values);
        Ok(())
    }

    /// The matrix, as the options ask for it. Format and checksum are left for the caller.
    pub(super) fn settle(mut self, source: &Source, options: &ReadOptions, budget: &Budget) -> Result<Dataset, Error> {
        if self.rows == 0 || self.cols == 0 {
            return Err(source.malformed("its shape", "at least one row and one column", format!("{}x{}", self.rows, self.cols)));
        }
        if options.columns.is_some() {
            self.keep_columns(kept_columns(options, self.cols)?);
        }
        if options.weights.is_some() && self.weights.is_none() {
            let expected = "used with a file of named arrays (fits, mat, hdf5, npz), one of which holds the weights".to_owned();
            return Err(Error::Parameter { name: "weights", expected, got: "another kind of file".to_owned() });
        }
        self.refuse_infinities(source)?;
        if matches!(options.missing, Missing::Error | Missing::Zero) {
            self.refuse_gaps(source)?;
        }
        if options.transpose {
            self.transpose(budget)?;
        }
        let matrix = match self.entries {
            Entries::Table(values) => settle_table(self.rows, self.cols, values, self.weights, options.missing, budget)?,
            Entries::Listed { entries, duplicates, unlisted } => {
                let entries = entries.into_iter().filter(|e| !e.value.is_nan()).collect();
                let (entries, repeated) = Sparse::from_triplets(self.rows, self.cols, entries, duplicates)?;
                self.notes.extend(duplicates.note(repeated as u64));
                listed(source, self.rows, self.cols, entries, meaning(options.missing, unlisted), budget)?
            }
        };
        if let Some(x) = overflow(&matrix) {
            return Err(source.malformed("its duplicates", "finite sums", format!("{x}")));
        }
        let mut data = Dataset {
            matrix,
            scale: 1.0,
            precision: self.precision,
            row_labels: self.row_labels,
            col_labels: self.col_labels,
            image: self.image,
            format: "",
            sha256: String::new(),
            notes: self.notes,
        };
        prepare::prepare(&mut data, source, options, budget)?;
        data.notes.extend(note_empty(source, &data.matrix, data.row_labels.as_deref(), data.col_labels.as_deref())?);
        Ok(data)
    }

    fn keep_columns(&mut self, kept: Range<usize>) {
        match &mut self.entries {
            Entries::Table(values) => {
                for table in [Some(values), self.weights.as_mut()].into_iter().flatten() {
                    for row in 0..self.rows {
                        let start = row * self.cols;
                        table.copy_within(start + kept.start..start + kept.end, row * kept.len());
                    }
                    table.truncate(self.rows * kept.len());
                }
            }
            Entries::Listed { entries, .. } => {
                entries.retain(|e| kept.contains(&(e.col as usize)));
                for e in entries {
                    e.col -= kept.start as u32;
                }
            }
        }
        if let Some(labels) = &mut self.col_labels {
            labels.truncate(kept.end);
            labels.drain(..kept.start);
        }
        if kept.len() < self.cols {
            self.notes.push(format!("columns {} to {} of {} are kept", kept.start + 1, kept.end, self.cols));
            self.image = None;
            // it may lie in a column that is gone; tables know only of gaps in the columns kept
            if matches!(self.entries, Entries::Listed { .. }) {
                self.gap = None;
            }
        }
        self.cols = kept.len();
    }

    fn refuse_infinities(&self, source: &Source) -> Result<(), Error> {
        match self.first(f64::is_infinite) {
            Some((row, col, value)) => Err(source.malformed(position(row, col), "a finite number", value.to_string())),
            None => Ok(()),
        }
    }

    fn refuse_gaps(&self, source: &Source) -> Result<(), Error> {
        let Some((row, col, _)) = self.first(f64::is_nan) else { return Ok(()) };
        let (place, found) = match &self.gap {
            Some(gap) => (gap.place.clone(), gap.found.clone()),
            None => (position(row, col), "NaN".to_owned()),
        };
        Err(source.malformed(place, "a number (with --missing nan, empty fields and NaN are unobserved)", found))
    }

    /// First entry of a kind, with its row and column; entries of weight 0 may be anything.
    fn first(&self, is: impl Fn(f64) -> bool) -> Option<(usize, usize, f64)> {
        let counts = |at: usize| self.weights.as_ref().is_none_or(|weights| weights[at] > 0.0);
        match &self.entries {
            Entries::Table(values) => {
                values.iter().enumerate().position(|(at, &x)| is(x) && counts(at)).map(|at| (at / self.cols, at % self.cols, values[at]))
            }
            Entries::Listed { entries, .. } => entries.iter().find(|e| is(e.value)).map(|e| (e.row as usize, e.col as usize, e.value)),
        }
    }

    fn transpose(&mut self, budget: &Budget) -> Result<(), Error> {
        match &mut self.entries {
            Entries::Table(values) => {
                let bytes = 8 * values.len() as u64;
                budget.claim("the transpose", bytes)?;
                for table in [Some(values), self.weights.as_mut()].into_iter().flatten() {
                    let mut transposed = Vec::with_capacity(table.len());
                    for col in 0..self.cols {
                        transposed.extend(table[col..].iter().step_by(self.cols));
                    }
                    *table = transposed;
                }
                budget.release(bytes);
            }
            Entries::Listed { entries, .. } => entries.iter_mut().for_each(|e| (e.row, e.col) = (e.col, e.row)),
        }
        std::mem::swap(&mut self.rows, &mut self.cols);
        std::mem::swap(&mut self.row_labels, &mut self.col_labels);
        self.image = None;
        Ok(())
    }
}

/// The columns to keep of so many.
pub(super) fn kept_columns(options: &ReadOptions, cols: usize) -> Result<Range<usize>, Error> {
    match options.columns {
        None => Ok(0..cols),
        Some((first, end)) if first < end && end <= cols => Ok(first..end),
        Some((first, end)) => {
            Err(Error::Parameter { name: "columns", expected: format!("a..b with 0 <= a < b <= {cols}"), got: format!("{first}..{end}") })
        }
    }
}

fn position(row: usize, col: usize) -> String {
    format!("row {}, column {}", row + 1, col + 1)
}

/// A table as a matrix: dense where every entry is there and weighs the same.
fn settle_table(rows: usize, cols: usize, values: Vec<f64>, weights: Option<Vec<f64>>, missing: Missing, budget: &Budget) -> Result<Matrix, Error> {
    let zeros_too = missing == Missing::Absent;
    let is_missing = |x: f64| x.is_nan() || (zeros_too && x == 0.0);
    let Some(weights) = weights else {
        let missing = values.iter().filter(|&&x| is_missing(x)).count();
        if missing > 0 {
            let listed = if AllBut::<f64>::are_few(missing, (rows, cols)) { missing } else { values.len() - missing };
            claim_listed(budget, rows, cols, listed)?;
        }
        return Matrix::from_dense_with_missing(rows, cols, values, is_missing);
    };
    let known = || (0..values.len()).filter(|&at| weights[at] > 0.0 && !is_missing(values[at]));
    claim_listed(budget, rows, cols, 2 * known().count())?;
    let listed = |numbers: &[f64]| {
        let entries = known().map(|at| Triplet { row: (at / cols) as u32, col: (at % cols) as u32, value: numbers[at] }).collect();
        Sparse::from_triplets(rows, cols, entries, Duplicates::Sum).map(|(sparse, _)| sparse)
    };
    Ok(Matrix::Observed(Observed { entries: listed(&values)?, weights: Some(listed(&weights)?) }))
}

/// What unlisted positions mean when both the user and the format have spoken.
pub(super) fn meaning(missing: Missing, unlisted: Unlisted) -> Unlisted {
    match missing {
        Missing::Error | Missing::Nan => unlisted,
        Missing::Absent => Unlisted::Unobserved,
        Missing::Zero => Unlisted::Zero,
    }
}

fn listed(source: &Source, rows: usize, cols: usize, entries: Sparse, meaning: Unlisted, budget: &Budget) -> Result<Matrix, Error> {
    let (stored, all) = (entries.by_row.stored(), rows as u128 * cols as u128);
    match meaning {
        Unlisted::Zero => Ok(Matrix::Sparse(entries)),
        Unlisted::Unobserved => Ok(Matrix::Observed(Observed { entries, weights: None })),
        Unlisted::Unsettled if stored as u128 == all => {
            budget.claim_items("its dense form", stored as u64, 8)?;
            // every column of every row, in order
            Ok(Matrix::Dense(Dense::new(rows, cols, entries.by_row.values().to_vec())?))
        }
        Unlisted::Unsettled => Err(source.malformed(
            "entries that are not stored",
            "--missing zero (they are 0) or --missing absent (they are unobserved)",
            format!("{stored} of {all} entries stored, and nothing said about the others"),
        )),
    }
}

/// A sum of finite duplicates that is not finite.
fn overflow(matrix: &Matrix) -> Option<f64> {
    let values = match matrix.full_and_hidden().0 {
        Matrix::Sparse(x) | Matrix::Observed(Observed { entries: x, .. }) => x.by_row.values(),
        Matrix::Dense(x) => x.values(),
        Matrix::AllBut(_) => &[],
    };
    values.iter().copied().find(|x| !x.is_finite())
}

/// Rows and columns of which nothing is known, or an error if nothing at all is.
fn note_empty(source: &Source, matrix: &Matrix, row_labels: Option<&[String]>, col_labels: Option<&[String]>) -> Result<Vec<String>, Error> {
    let (by_row, by_col) = matrix.observed_counts();
    if by_row.iter().all(|&count| count == 0) {
        return Err(source.malformed("its entries", "at least one observed entry", "none"));
    }
    Ok([note_empty_side("rows", &by_row, row_labels), note_empty_side("columns", &by_col, col_labels)].into_iter().flatten().collect())
}

fn note_empty_side(side: &str, counts: &[usize], labels: Option<&[String]>) -> Option<String> {
    const NAMED: usize = 5;
    let empty = || counts.iter().enumerate().filter(|&(_, &count)| count == 0).map(|(i, _)| i);
    let number = empty().count();
    let name = |i: usize| match labels {
        Some(labels) => format!("{} {}", i + 1, shown(labels[i].as_bytes())),
        None => format!("{}", i + 1),
    };
    let named = empty().take(NAMED).map(name).collect::<Vec<_>>().join(", ");
    let more = if number > NAMED { ", …" } else { "" };
    (number > 0).then(|| format!("{side} without an observed entry: {number} ({named}{more})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn settle(parsed: Parsed, options: &ReadOptions) -> Result<Dataset, Error> {
        let path = Path::new("x");
        parsed.settle(&Source { path: path.into(), part: None, bytes: vec![] }, options, &Budget::new(path, options.max_memory))
    }

    fn missing(missing: Missing) -> ReadOptions {
        ReadOptions { missing, ..ReadOptions::default() }
    }

    fn gappy() -> Parsed {
        Parsed::table(2, 2, vec![1.0, 0.0, f64::NAN, 4.0])
    }

    fn coordinates(unlisted: Unlisted) -> Parsed {
        let entry = |row, col, value| Triplet { row, col, value };
        Parsed::listed(2, 3, vec![entry(1, 2, 5.0), entry(0, 0, 0.0), entry(1, 2, 1.0)], Duplicates::Sum, unlisted)
    }

    fn observed(data: &Dataset) -> u64 {
        data.matrix.summary().observed
    }

    #[test]
    fn a_gap_in_a_table_is_never_guessed() {
        for refusing in [Missing::Error, Missing::Zero] {
            let message = settle(gappy(), &missing(refusing)).expect_err("a gap").to_string();
            assert!(message.contains("row 2, column 1") && message.contains("--missing nan"), "{message}");
        }
        assert_eq!(observed(&settle(gappy(), &missing(Missing::Nan)).expect("nan")), 3);
        assert_eq!(observed(&settle(gappy(), &missing(Missing::Absent)).expect("absent")), 2);
    }

    #[test]
    fn unlisted_positions_mean_what_format_and_user_say() {
        let message = settle(coordinates(Unlisted::Unsettled), &missing(Missing::Error)).expect_err("unsettled").to_string();
        assert!(message.contains("--missing zero") && message.contains("--missing absent") && message.contains("2 of 6"), "{message}");
        for (unlisted, asked, kind) in [
            (Unlisted::Unsettled, Missing::Zero, "sparse"),
            (Unlisted::Unsettled, Missing::Absent, "observed"),
            (Unlisted::Unobserved, Missing::Error, "observed"),
            (Unlisted::Unobserved, Missing::Zero, "sparse"),
            (Unlisted::Zero, Missing::Nan, "sparse"),
            (Unlisted::Zero, Missing::Absent, "observed"),
        ] {
            let data = settle(coordinates(unlisted), &missing(asked)).expect("settled");
            assert_eq!(data.matrix.kind(), kind, "{unlisted:?} {asked:?}");
            assert_eq!(data.matrix.summary().stored_zeros, 1, "a stored zero stays");
            assert!(data.notes[0].contains("entries at a position listed before: 1"), "{:?}", data.notes);
        }
    }

    #[test]
    fn a_list_of_every_entry_is_dense() {
        let entries = (0..4).rev().map(|k| Triplet { row: k / 2, col: k % 2, value: f64::from(k) }).collect();
        let data = settle(Parsed::listed(2, 2, entries, Duplicates::Sum, Unlisted::Unsettled), &missing(Missing::Error)).expect("dense");
        assert_eq!(data.matrix, Matrix::Dense(Dense::new(2, 2, vec![0.0, 1.0, 2.0, 3.0]).expect("fits")));
    }

    #[test]
    fn columns_and_transpose_carry_labels() {
        let options = ReadOptions { columns: Some((1, 3)), transpose: true, ..missing(Missing::Absent) };
        for mut parsed in [coordinates(Unlisted::Unsettled), Parsed::table(2, 3, vec![9.0, 0.0, 0.0, 9.0, 0.0, 6.0])] {
            parsed.col_labels = Some(["a", "b", "c"].map(String::from).to_vec());
            parsed.row_labels = Some(["x", "y"].map(String::from).to_vec());
            let data = settle(parsed, &options).expect("reads");
            assert_eq!(data.matrix.shape(), (2, 2));
            assert_eq!(data.row_labels.expect("labels"), ["b", "c"]);
            assert_eq!(data.col_labels.expect("labels"), ["x", "y"]);
            assert_eq!(data.matrix.row_entries(1).collect::<Vec<_>>(), [(1, 6.0, 1.0)]);
            assert!(data.notes.iter().any(|n| n == "rows without an observed entry: 1 (1 \"b\")"), "{:?}", data.notes);
        }
        for columns in [(2, 2), (0, 4), (3, 2)] {
            let options = ReadOptions { columns: Some(columns), ..missing(Missing::Zero) };
            assert!(matches!(settle(coordinates(Unlisted::Zero), &options), Err(Error::Parameter { name: "columns", .. })));
        }
    }

    #[test]
    fn degenerate_and_infinite_input_is_refused() {
        let infinite = settle(Parsed::table(1, 2, vec![1.0, f64::NEG_INFINITY]), &missing(Missing::Nan)).expect_err("infinite");
        assert!(infinite.to_string().contains("row 1, column 2: expected a finite number, found -inf"), "{infinite}");
        assert!(matches!(settle(Parsed::table(0, 2, vec![]), &missing(Missing::Nan)), Err(Error::Malformed { .. })));
        assert!(matches!(settle(Parsed::table(1, 1, vec![f64::NAN]), &missing(Missing::Nan)), Err(Error::Malformed { .. })));
        let huge = Triplet { row: 0, col: 0, value: f64::MAX };
        let sum = settle(Parsed::listed(1, 1, vec![huge, huge], Duplicates::Sum, Unlisted::Zero), &missing(Missing::Error));
        assert!(sum.expect_err("overflow").to_string().contains("finite sums"));
    }
}
