//! Points.

use super::Plot;
use super::axis::Axis;
use super::canvas::{Canvas, Px};
use super::frame::{Horizontal, Level, Plan, Swatch, Tone, Vertical, key};
use super::table::{Cell, Fact, Table, fact_cells, fact_names};
use serde::Serialize;

/// Points over one pair of axes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scatter {
    /// Horizontal.
    pub x: Axis,
    /// Vertical.
    pub y: Axis,
    /// Groups, drawn in this order.
    pub groups: Vec<DotGroup>,
    /// Reference lines.
    pub levels: Vec<Level>,
}

/// Points that mean the same thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DotGroup {
    /// What it means.
    pub label: String,
    /// How it is drawn.
    pub tone: Tone,
    /// Its points.
    pub dots: Vec<Dot>,
}

/// One point.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dot {
    /// Its name.
    pub label: String,
    /// What is known of it.
    pub facts: Vec<Fact>,
    /// Horizontal value.
    pub x: f64,
    /// Vertical value.
    pub y: f64,
}

impl Scatter {
    fn dots(&self) -> impl Iterator<Item = (&DotGroup, &Dot)> {
        self.groups.iter().flat_map(|group| group.dots.iter().map(move |dot| (group, dot)))
    }
}

impl Plot for Scatter {
    fn draw(&self) -> Canvas {
        let mut frame = Plan {
            height: 300.0,
            x: Horizontal::Axis(&self.x, self.dots().map(|(_, dot)| dot.x).collect()),
            y: Vertical::Axis(&self.y, self.dots().map(|(_, dot)| dot.y).collect()),
            key: key(self.groups.iter().filter(|group| !group.dots.is_empty()).map(|group| (group.label.as_str(), group.tone))),
            swatch: Swatch::Dot,
            levels: &self.levels,
        }
        .frame();
        for (group, dot) in self.dots() {
            if let (Some(x), Some(y)) = (frame.x.at(dot.x), frame.y.at(dot.y)) {
                let circle = format_args!("<circle class=\"dot {}\" cx=\"{}\" cy=\"{}\" r=\"4.5\"/>", group.tone.class(), Px(x), Px(y));
                frame.canvas.mark((x, y), &dot.label, &dot.facts, circle);
            }
        }
        frame.finish(&self.levels)
    }

    fn table(&self) -> Table {
        let names = fact_names(self.dots().map(|(_, dot)| dot.facts.as_slice()));
        let mut table = Table::new(["group", "point", &self.x.label, &self.y.label].into_iter().chain(names.iter().copied()));
        for (group, dot) in self.dots() {
            let head = [Cell::from(group.label.as_str()), dot.label.as_str().into(), dot.x.into(), dot.y.into()];
            table.rows.push(head.into_iter().chain(fact_cells(&names, &dot.facts)).collect());
        }
        table
    }
}
