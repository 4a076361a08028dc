//! Bars from zero.

use super::Plot;
use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Px};
use super::frame::{Horizontal, Level, Plan, Swatch, Tone, Vertical};
use super::table::{Cell, Fact, Table, fact_cells, fact_names};
use serde::Serialize;

/// One bar a category; bars start at zero, so the axis is linear.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bars {
    /// What the categories are.
    pub x: String,
    /// The values' axis.
    pub y: Axis,
    /// From the left.
    pub bars: Vec<Bar>,
    /// Reference lines.
    pub levels: Vec<Level>,
}

/// One bar.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bar {
    /// Its category.
    pub label: String,
    /// What is known of it.
    pub facts: Vec<Fact>,
    /// How it is drawn.
    pub tone: Tone,
    /// Its height.
    pub value: f64,
}

impl Plot for Bars {
    fn draw(&self) -> Canvas {
        let y = self.y.clone().including([0.0]);
        let mut frame = Plan {
            height: 300.0,
            x: Horizontal::Slots(self.bars.iter().map(|bar| bar.label.as_str()).collect(), &self.x),
            y: Vertical::Axis(&y, self.bars.iter().map(|bar| bar.value).collect()),
            key: Vec::new(),
            swatch: Swatch::Bar,
            levels: &self.levels,
        }
        .frame();
        let Some(zero) = frame.y.at(0.0) else { return frame.finish(&self.levels) };
        for (i, bar) in self.bars.iter().enumerate() {
            let slot = |offset: f64| frame.x.at(i as f64 + offset).unwrap_or(frame.x.pixels.0);
            let (left, right) = (slot(0.15), slot(0.85));
            let centre = 0.5 * (left + right);
            let (left, right) = (left.max(centre - 20.0), right.min(centre + 20.0));
            match frame.y.at(bar.value) {
                Some(end) => {
                    let rect = format_args!(
                        "<rect class=\"bar {}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
                        bar.tone.class(),
                        Px(left),
                        Px(end.min(zero)),
                        Px((right - left).max(0.5)),
                        Px((end - zero).abs().max(0.5))
                    );
                    frame.canvas.mark((centre, end), &bar.label, &bar.facts, rect);
                }
                None => frame.canvas.text(centre, zero - 4.0, Anchor::Middle, "note", "–"),
            }
        }
        frame.finish(&self.levels)
    }

    fn table(&self) -> Table {
        let names = fact_names(self.bars.iter().map(|bar| bar.facts.as_slice()));
        let mut table = Table::new([self.x.as_str(), self.y.label.as_str()].into_iter().chain(names.iter().copied()));
        for bar in &self.bars {
            let head = [Cell::from(bar.label.as_str()), bar.value.into()];
            table.rows.push(head.into_iter().chain(fact_cells(&names, &bar.facts)).collect());
        }
        table
    }
}
