//! Factors as tables that spreadsheets and other programs read.

use crate::{Labels, Prediction};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use thalweg::data::write_atomically;
use thalweg::{Error, Factors, Side};

/// Writes `U.csv` and `V.csv`: a row for each row of the factor, its label first, one column for each component.
///
/// # Errors
/// [`Error::Io`].
pub fn write_factor_tables(factors: &Factors<f64>, labels: &Labels, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    fs::create_dir_all(folder).map_err(|source| Error::Io { path: folder.to_owned(), source })?;
    let tables = [("U.csv", Side::U, &labels.rows), ("V.csv", Side::V, &labels.cols)];
    tables.map(|(name, side, labels)| write_table(folder.join(name), factors, side, labels.as_deref())).into_iter().collect()
}

fn write_table(path: PathBuf, factors: &Factors<f64>, side: Side, labels: Option<&[String]>) -> Result<PathBuf, Error> {
    let rank = factors.rank();
    write_atomically(&path, |out| {
        let mut table = csv::Writer::from_writer(out);
        let components = (1..=rank).map(|k| format!("component_{k}"));
        table.write_record(std::iter::once("label".to_owned()).chain(components))?;
        for (i, row) in factors.side(side).chunks_exact(rank).enumerate() {
            let label = labels.and_then(|l| l.get(i)).map_or((i + 1).to_string(), |l| inert(l));
            table.write_record(std::iter::once(label).chain(row.iter().map(f64::to_string)))?;
        }
        table.flush()
    })?;
    Ok(path)
}

/// A label that no spreadsheet takes for a formula.
fn inert(label: &str) -> String {
    if label.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{label}") } else { label.to_owned() }
}

/// Writes predictions as a table of row, column and value; the value of an unknown pair is empty.
///
/// # Errors
/// Those of the writer.
pub fn write_predictions(predictions: &[Prediction], out: &mut impl Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(["row", "column", "value"])?;
    for p in predictions {
        table.write_record([inert(&p.row), inert(&p.col), p.value.map_or(String::new(), |x| x.to_string())])?;
    }
    table.flush()
}
