//! Distributions: one dot a value, stacked where they meet.

use super::Plot;
use super::axis::Axis;
use super::canvas::{Canvas, Px};
use super::frame::{Horizontal, Level, Plan, Swatch, Tone, Vertical};
use super::table::{Cell, Fact, Table, fact_cells, fact_names};
use serde::Serialize;
use std::collections::HashMap;

/// Rows of values over one axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Strip {
    /// The values' axis.
    pub x: Axis,
    /// Rows, from the top.
    pub rows: Vec<StripRow>,
    /// Reference lines.
    pub levels: Vec<Level>,
}

/// One distribution.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StripRow {
    /// What it is.
    pub label: String,
    /// (mean, standard deviation), drawn as a bar below the dots.
    pub mean_sd: Option<(f64, f64)>,
    /// Its values.
    pub values: Vec<StripValue>,
}

/// One value of a distribution.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StripValue {
    /// Its name.
    pub label: String,
    /// What is known of it.
    pub facts: Vec<Fact>,
    /// How it is drawn.
    pub tone: Tone,
    /// The value.
    pub x: f64,
}

const ROW: f64 = 84.0;
const RADIUS: f64 = 4.0;

impl Plot for Strip {
    fn draw(&self) -> Canvas {
        let values = || self.rows.iter().flat_map(|row| row.values.iter());
        let spreads = self.rows.iter().filter_map(|row| row.mean_sd).flat_map(|(mean, sd)| [mean - sd, mean + sd]);
        let mut frame = Plan {
            height: 60.0 + ROW * self.rows.len().max(1) as f64,
            x: Horizontal::Axis(&self.x, values().map(|v| v.x).chain(spreads).collect()),
            y: Vertical::Rows(self.rows.iter().map(|row| row.label.as_str()).collect()),
            key: Vec::new(),
            swatch: Swatch::Dot,
            levels: &self.levels,
        }
        .frame();
        for (i, row) in self.rows.iter().enumerate() {
            let Some(middle) = frame.y.at(i as f64 + 0.5) else { continue };
            let placed: Vec<(f64, &StripValue)> = row.values.iter().filter_map(|v| Some((frame.x.at(v.x)?, v))).collect();
            let bin = |x: f64| (x / (2.0 * RADIUS)).floor() as i64;
            let mut filled: HashMap<i64, usize> = HashMap::new();
            for (x, _) in &placed {
                *filled.entry(bin(*x)).or_default() += 1;
            }
            let tallest = filled.values().copied().max().unwrap_or(1) as f64;
            // the tallest stack still leaves room for the mean below it
            let rise = (2.0 * RADIUS).min((ROW - 30.0) / tallest);
            let mut stacked: HashMap<i64, usize> = HashMap::new();
            for (x, value) in placed {
                let level = stacked.entry(bin(x)).or_default();
                let y = middle + 14.0 - rise * *level as f64;
                *level += 1;
                let circle = format_args!("<circle class=\"dot {}\" cx=\"{}\" cy=\"{}\" r=\"{RADIUS}\"/>", value.tone.class(), Px(x), Px(y));
                frame.canvas.mark((x, y), &value.label, &value.facts, circle);
            }
            if let Some((mean, sd)) = row.mean_sd
                && let (Some(at), Some(lo), Some(hi)) = (frame.x.at(mean), frame.x.at(mean - sd), frame.x.at(mean + sd))
            {
                let y = middle + 28.0;
                frame.canvas.line("spread", (lo, y), (hi, y));
                frame.canvas.line("spread", (at, y - 5.0), (at, y + 5.0));
            }
        }
        frame.finish(&self.levels)
    }

    fn table(&self) -> Table {
        let values = || self.rows.iter().flat_map(|row| row.values.iter().map(move |value| (row, value)));
        let names = fact_names(values().map(|(_, value)| value.facts.as_slice()));
        let mut table = Table::new(["row", "value of", &self.x.label].into_iter().chain(names.iter().copied()));
        for (row, value) in values() {
            let head = [Cell::from(row.label.as_str()), value.label.as_str().into(), value.x.into()];
            table.rows.push(head.into_iter().chain(fact_cells(&names, &value.facts)).collect());
        }
        table
    }
}
