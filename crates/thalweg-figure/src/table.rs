//! The numbers behind a figure: CSV at full precision, rows for the page.

use super::{number, text};
use serde::Serialize;

/// One cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// Words, possibly from outside.
    Text(String),
    /// A number; one that is not finite is an empty cell in CSV.
    Number(f64),
    /// A whole number.
    Count(u64),
    /// Not computed.
    Nothing,
}

/// A named value, as a read-out or as a column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// Its value.
    pub value: Cell,
}

impl Fact {
    /// A fact.
    pub fn new(name: impl Into<String>, value: impl Into<Cell>) -> Fact {
        Fact { name: name.into(), value: value.into() }
    }
}

impl From<f64> for Cell {
    fn from(x: f64) -> Cell {
        Cell::Number(x)
    }
}

impl From<Option<f64>> for Cell {
    fn from(x: Option<f64>) -> Cell {
        x.map_or(Cell::Nothing, Cell::Number)
    }
}

impl From<usize> for Cell {
    fn from(n: usize) -> Cell {
        Cell::Count(n as u64)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.into())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(text)
    }
}

impl Cell {
    /// For people: four significant digits; nothing is a dash.
    pub fn shown(&self) -> String {
        match self {
            Cell::Text(words) => text::visible(words),
            Cell::Number(x) => number::short(*x),
            Cell::Count(n) => number::count(*n),
            Cell::Nothing => "–".into(),
        }
    }

    /// For programs: every digit that reads back to the same f64; words that a spreadsheet would run as a formula get a leading '.
    fn csv(&self) -> String {
        match self {
            Cell::Text(words) => {
                let words = text::visible(words);
                let runs = words.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '|', '%']);
                if runs { format!("'{words}") } else { words }
            }
            Cell::Number(x) if x.is_finite() => format!("{x:?}"),
            Cell::Count(n) => n.to_string(),
            Cell::Number(_) | Cell::Nothing => String::new(),
        }
    }
}

/// Columns by name, and rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Table {
    /// Column names.
    pub header: Vec<String>,
    /// Rows, as long as the header.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new<S: Into<String>>(header: impl IntoIterator<Item = S>) -> Table {
        Table { header: header.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// As CSV (RFC 4180, UTF-8). Words are quoted; numbers are not.
    pub fn csv(&self) -> String {
        let mut out = String::new();
        let header: Vec<Cell> = self.header.iter().map(|name| Cell::Text(name.clone())).collect();
        for row in std::iter::once(&header).chain(&self.rows) {
            for (i, cell) in row.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                match cell {
                    Cell::Text(_) => out.push_str(&format!("\"{}\"", cell.csv().replace('"', "\"\""))),
                    _ => out.push_str(&cell.csv()),
                }
            }
            out.push('\n');
        }
        out
    }
}

/// The names of the facts that any of the items has, in order of first appearance.
pub(super) fn fact_names<'a>(items: impl Iterator<Item = &'a [Fact]>) -> Vec<&'a str> {
    let mut names = Vec::new();
    for fact in items.flatten() {
        if !names.contains(&fact.name.as_str()) {
            names.push(fact.name.as_str());
        }
    }
    names
}

/// The values of one item under those names.
pub(super) fn fact_cells<'a>(names: &'a [&str], facts: &'a [Fact]) -> impl Iterator<Item = Cell> + 'a {
    names.iter().map(|name| facts.iter().find(|fact| fact.name == *name).map_or(Cell::Nothing, |fact| fact.value.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_words() {
        for word in ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "＝1"] {
            let cell = Cell::from(word).csv();
            assert!(cell.starts_with(['\'', '␉']), "{cell}");
        }
        assert_eq!(Cell::from(-1.5).csv(), "-1.5");
    }

    #[test]
    fn numbers_read_back_to_the_same_bits() {
        for x in [0.1, 1.0 / 3.0, 5e-324, f64::MAX, -1e300] {
            assert_eq!(Cell::from(x).csv().parse::<f64>().ok(), Some(x));
        }
    }
}
