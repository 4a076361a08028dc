//! Single entries of a fitted product, asked for by label or by number.

use crate::{Labels, Manifest, RunDir};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use thalweg::data::read_factors;
use thalweg::{Error, Factors};

/// One asked-for entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The row as it was asked for.
    pub row: String,
    /// The column as it was asked for.
    pub col: String,
    /// uᵢvⱼᵀ in the units of the file (times what its entries were divided by); none for a row or column that the fit does not have, or had no observed entry of.
    pub value: Option<f64>,
}

/// Predicts the pairs in a text file: a row and a column on each line, between commas, tabs, semicolons, `::` or blanks.
///
/// Rows and columns are named by their labels where the run has some, else numbered from 1. What is on a line after the second field is
/// ignored; so is a first line that names the columns.
///
/// # Errors
/// [`Error::Io`] for the files of the run and the pairs, [`Error::Malformed`] for a line with fewer than two fields.
pub fn predict(dir: &RunDir, pairs: &Path) -> Result<Vec<Prediction>, Error> {
    let factors = read_factors(&dir.factors())?;
    let labels: Labels = if dir.has::<Labels>() { dir.read()? } else { Labels::default() };
    let rows = Names::new(labels.rows, factors.rows());
    let cols = Names::new(labels.cols, factors.cols());
    let scale = if dir.has::<Manifest>() { dir.read::<Manifest>()?.input.scale } else { 1.0 };
    let bytes = fs::read(pairs).map_err(|source| Error::Io { path: pairs.to_owned(), source })?;
    let text = String::from_utf8_lossy(&bytes);
    let mut predictions = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let Some((row, col)) = first_two(line) else {
            return Err(Error::Malformed {
                path: pairs.to_owned(),
                place: format!("line {}", number + 1),
                expected: "a row and a column".into(),
                found: "one field".into(),
            });
        };
        let (i, j) = (rows.find(row), cols.find(col));
        let is_header = number == 0 && i.is_none() && j.is_none() && row.parse::<f64>().is_err();
        if !is_header {
            let value = i.zip(j).and_then(|(i, j)| entry(&factors, i, j)).map(|x| x * scale);
            predictions.push(Prediction { row: row.to_owned(), col: col.to_owned(), value });
        }
    }
    Ok(predictions)
}

/// Labels, or numbers from 1.
struct Names {
    by_label: Option<HashMap<String, usize>>,
    count: usize,
}

impl Names {
    fn new(labels: Option<Vec<String>>, count: usize) -> Self {
        Names { by_label: labels.map(|l| l.into_iter().enumerate().map(|(i, label)| (label, i)).collect()), count }
    }

    fn find(&self, name: &str) -> Option<usize> {
        match &self.by_label {
            Some(labels) => labels.get(name).copied(),
            None => name.parse::<usize>().ok().and_then(|number| number.checked_sub(1)).filter(|&i| i < self.count),
        }
    }
}

fn first_two(line: &str) -> Option<(&str, &str)> {
    let mut fields = if line.contains("::") {
        line.split("::").collect::<Vec<_>>()
    } else if let Some(separator) = [',', '\t', ';'].into_iter().find(|&c| line.contains(c)) {
        line.split(separator).collect()
    } else {
        line.split_whitespace().collect()
    }
    .into_iter()
    .map(|field| field.trim().trim_matches('"'));
    Some((fields.next()?, fields.next()?))
}

/// A row or column of zeros was never observed: its product is no prediction.
fn entry(factors: &Factors<f64>, i: usize, j: usize) -> Option<f64> {
    let (u, v) = factors.row_pair(i, j);
    let is_known = |x: &[f64]| x.iter().any(|&x| x != 0.0);
    (is_known(u) && is_known(v)).then(|| u.iter().zip(v).map(|(a, b)| a * b).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalweg::data::write_factors;

    #[test]
    fn labels_numbers_headers_and_strangers() {
        let folder = tempfile::tempdir().unwrap();
        let dir = RunDir::new(folder.path().join("run"));
        dir.create().unwrap();
        write_factors(&dir.factors(), &Factors::new(2, 2, 1, vec![2.0, 0.0, 3.0, 5.0]).unwrap()).unwrap();
        dir.write(&Labels { rows: Some(vec!["ann".into(), "bob".into()]), cols: None }).unwrap();
        let pairs = folder.path().join("pairs.csv");
        fs::write(&pairs, "user,item\nann,1\nann,2,5.0\nbob,1\ncid,1\nann,3\n").unwrap();
        let values: Vec<Option<f64>> = predict(&dir, &pairs).unwrap().into_iter().map(|p| p.value).collect();
        assert_eq!(values, [Some(6.0), Some(10.0), None, None, None]);
        fs::write(&pairs, "ann\n").unwrap();
        assert!(matches!(predict(&dir, &pairs), Err(Error::Malformed { .. })));
    }
}
