//! The parameters of a cell, and sweeps over them.

use super::cell::Cell;
use thalweg::Error;
use thalweg::map::Ensemble;

/// What may be varied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Parameter {
    /// Both sides, d1 = d2.
    Side,
    /// d1.
    Rows,
    /// d2.
    Cols,
    /// r.
    Rank,
    /// How unevenly entries are seen.
    Skew,
    /// Measurements over max(d1, d2); in completion, the share of entries seen.
    Rate,
    /// Measurements; in completion, the expected number of entries seen.
    Measurements,
}

/// All of them in the order in which they are set, with their names on the command line.
pub const PARAMETERS: &[(Parameter, &str)] = &[
    (Parameter::Side, "d"),
    (Parameter::Rows, "d1"),
    (Parameter::Cols, "d2"),
    (Parameter::Rank, "rank"),
    (Parameter::Skew, "skew"),
    (Parameter::Rate, "rate"),
    (Parameter::Measurements, "p"),
];

impl Parameter {
    /// By its name.
    ///
    /// # Errors
    /// [`Error::Parameter`] with the known names.
    pub fn named(name: &str) -> Result<Parameter, Error> {
        let known = || PARAMETERS.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
        let found = PARAMETERS.iter().find(|(_, n)| *n == name);
        found.map(|(parameter, _)| *parameter).ok_or_else(|| Error::Parameter { name: "the parameter", expected: known(), got: name.to_owned() })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        PARAMETERS.iter().find(|(parameter, _)| *parameter == self).expect("every parameter is listed").1
    }

    /// Its name on an axis.
    pub fn label(self, model: Option<Ensemble>) -> &'static str {
        match (self, model) {
            (Parameter::Rate, Some(Ensemble::Completion)) => "share of entries seen",
            (Parameter::Rate, _) => "p / d",
            (other, _) => other.name(),
        }
    }

    /// Whether more of it means more measurements of the same matrix.
    pub fn counts_measurements(self) -> bool {
        matches!(self, Parameter::Rate | Parameter::Measurements)
    }

    fn is_whole(self) -> bool {
        !matches!(self, Parameter::Skew | Parameter::Rate)
    }

    /// Its value in a cell.
    pub fn of(self, cell: &Cell) -> f64 {
        match self {
            Parameter::Side => cell.rows.max(cell.cols) as f64,
            Parameter::Rows => cell.rows as f64,
            Parameter::Cols => cell.cols as f64,
            Parameter::Rank => cell.rank as f64,
            Parameter::Skew => cell.skew,
            Parameter::Rate => cell.rate,
            Parameter::Measurements => (cell.rate * cell.model.unit(cell.shape())).round(),
        }
    }

    /// The cell with another value of it.
    pub fn set(self, cell: Cell, value: f64) -> Cell {
        let whole = value.max(0.0) as usize;
        match self {
            Parameter::Side => Cell { rows: whole, cols: whole, ..cell },
            Parameter::Rows => Cell { rows: whole, ..cell },
            Parameter::Cols => Cell { cols: whole, ..cell },
            Parameter::Rank => Cell { rank: whole, ..cell },
            Parameter::Skew => Cell { skew: value, ..cell },
            Parameter::Rate => Cell { rate: value, ..cell },
            Parameter::Measurements => Cell { rate: value / cell.model.unit(cell.shape()), ..cell },
        }
    }
}

/// Equally spaced values of one parameter, both ends included; rounded where only whole numbers make sense.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sweep {
    /// Of what.
    pub parameter: Parameter,
    /// The first.
    pub low: f64,
    /// The last.
    pub high: f64,
    /// How many.
    pub count: usize,
}

impl Sweep {
    /// From low to high in so many values.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless low < high (low = high for a single value) and there are 1 to 1000 values.
    pub fn new(parameter: Parameter, low: f64, high: f64, count: usize) -> Result<Sweep, Error> {
        let is_range = if count == 1 { low == high } else { low < high };
        if low.is_finite() && high.is_finite() && is_range && (1..=1000).contains(&count) {
            return Ok(Sweep { parameter, low, high, count });
        }
        let expected = "LOW below HIGH and 1 to 1000 values".into();
        Err(Error::Parameter { name: parameter.name(), expected, got: format!("{low} to {high} in {count}") })
    }

    /// The values, ascending, each once.
    pub fn values(&self) -> Vec<f64> {
        let step = (self.high - self.low) / (self.count.max(2) - 1) as f64;
        // whole thousandths of a step keep 0.3 from becoming 0.30000000000000004
        let at = |i: usize| ((self.low + step * i as f64) * 1e9).round() / 1e9;
        let mut values: Vec<f64> = (0..self.count).map(|i| if self.parameter.is_whole() { at(i).round() } else { at(i) }).collect();
        values.dedup();
        values
    }
}

/// A cell that can be drawn at all.
///
/// # Errors
/// [`Error::Parameter`], [`Error::Rank`].
pub fn check(cell: &Cell) -> Result<(), Error> {
    let refuse = |name, expected: &str, got: String| Err(Error::Parameter { name, expected: expected.into(), got });
    if cell.rows == 0 || cell.cols == 0 || cell.rows.max(cell.cols) > 2000 {
        return refuse("d", "a side between 1 and 2000", format!("{}x{}", cell.rows, cell.cols));
    }
    if cell.rank == 0 || cell.rank > cell.rows.min(cell.cols) {
        return Err(Error::Rank { rank: cell.rank, rows: cell.rows, cols: cell.cols });
    }
    if cell.model.is_symmetric() && cell.rows != cell.cols {
        return refuse("d1, d2", "the same: X is symmetric", format!("{}x{}", cell.rows, cell.cols));
    }
    if cell.skew != 0.0 && cell.model != Ensemble::Completion {
        return refuse("skew", "0 except in completion", cell.skew.to_string());
    }
    if !(cell.skew >= 0.0 && cell.skew.is_finite()) {
        return refuse("skew", "a number, not negative", cell.skew.to_string());
    }
    let measurements = cell.rate * cell.model.unit(cell.shape());
    let is_share = cell.model != Ensemble::Completion || cell.rate <= 1.0;
    if !((0.5..1e6).contains(&measurements) && is_share) {
        return refuse("p", "at least 1 measurement, fewer than a million, of entries no more than there are", measurements.to_string());
    }
    Ok(())
}
