//! A table of the reader's own.

use crate::fit::{Effort, Fitted, fit};
use serde::{Deserialize, Serialize};
use thalweg::data::{Missing, Negative, ReadOptions, read_table};
use thalweg::{Error, Side};

/// Read, factor and audit.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Question {
    /// Of the file, for messages.
    pub name: String,
    /// What empty fields mean.
    pub missing: Missing,
    /// What becomes of negative entries.
    pub negative: Negative,
    /// r.
    pub rank: usize,
    /// Starts of the fit.
    pub restarts: u64,
    /// Lines from random starts to the answer.
    pub lines: usize,
    /// Of the starts.
    pub seed: u64,
}

/// A table and its factorisation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audited {
    /// (m, n).
    pub shape: (usize, usize),
    /// Whether every entry is there.
    pub kind: &'static str,
    /// What a reader should know of the reading.
    pub notes: Vec<String>,
    /// Of the file's bytes.
    pub sha256: String,
    /// For each component the heaviest columns, by name.
    pub components: Vec<Vec<Named>>,
    /// The fit.
    #[serde(flatten)]
    pub fitted: Fitted,
}

/// A column in a component.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Named {
    /// Its name, or its number from 1.
    pub name: String,
    /// Its entry of V over the largest of the component.
    pub weight: f64,
}

/// Memory that a table may take in a browser: 256 MiB.
const MAX_MEMORY: u64 = 256 << 20;
/// Columns named for each component.
const NAMED: usize = 6;

impl Question {
    /// # Errors
    /// As [`read_table`] and the fit.
    pub fn answer(&self, file: Vec<u8>) -> Result<Audited, Error> {
        let options = ReadOptions { missing: self.missing, negative: self.negative, max_memory: MAX_MEMORY, ..ReadOptions::default() };
        let table = read_table(&self.name, file, &options)?;
        let fitted = fit(&table.matrix, self.rank, Effort { restarts: self.restarts, lines: self.lines, seed: self.seed })?;
        let v = fitted.best.side(Side::V);
        let name = |j: usize| table.col_labels.as_ref().map_or_else(|| (j + 1).to_string(), |labels| labels[j].clone());
        let component = |k: usize| {
            let mut columns: Vec<(usize, f64)> = v.iter().skip(k).step_by(self.rank).copied().enumerate().collect();
            columns.sort_by(|a, b| b.1.total_cmp(&a.1));
            let largest = columns.first().map_or(0.0, |&(_, weight)| weight);
            let heavy = columns.into_iter().take(NAMED).filter(|&(_, weight)| weight > 0.0);
            heavy.map(|(j, weight)| Named { name: name(j), weight: weight / largest }).collect()
        };
        Ok(Audited {
            shape: table.matrix.shape(),
            kind: table.matrix.kind(),
            notes: table.notes,
            sha256: table.sha256,
            components: (0..self.rank).map(component).collect(),
            fitted,
        })
    }
}
