//! The plot area that curves, points, strips and bars share: axes, grid, key, reference lines.

use super::axis::{Axis, Ruler};
use super::canvas::{Anchor, Canvas, text_width};
use super::number::superscript;
use super::text::{shorten, visible};
use serde::Serialize;

/// Width of a figure that stands beside another.
pub(super) const COLUMN: f64 = 480.0;
/// Width of a figure that takes the whole page.
pub(super) const WIDE: f64 = 1040.0;

/// What a mark says, by colour and by dash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// The thing the figure is about.
    #[default]
    Lead,
    /// What it is compared with.
    Quiet,
    /// What speaks against it.
    Against,
    /// What was left undecided.
    Open,
}

impl Tone {
    pub(super) fn class(self) -> &'static str {
        match self {
            Tone::Lead => "lead",
            Tone::Quiet => "quiet",
            Tone::Against => "against",
            Tone::Open => "open",
        }
    }
}

/// A reference line across the plot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Level {
    /// Where.
    pub at: At,
    /// What it is.
    pub label: String,
}

/// The place of a reference line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// Vertical, at this x.
    X(f64),
    /// Horizontal, at this y.
    Y(f64),
}

/// How the key shows a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Swatch {
    Line,
    Dot,
    /// No key: bars name themselves.
    Bar,
}

/// The vertical axis: a scale, or rows with names.
pub(super) enum Vertical<'a> {
    Axis(&'a Axis, Vec<f64>),
    /// Top to bottom; the ruler then runs from 0 at the top to the number of rows at the bottom.
    Rows(Vec<&'a str>),
}

/// The horizontal axis: a scale, or slots with names.
pub(super) enum Horizontal<'a> {
    Axis(&'a Axis, Vec<f64>),
    /// Left to right; the ruler runs from 0 to their number. The last is the axis label.
    Slots(Vec<&'a str>, &'a str),
}

/// What a frame is made of.
pub(super) struct Plan<'a> {
    pub(super) height: f64,
    pub(super) x: Horizontal<'a>,
    pub(super) y: Vertical<'a>,
    pub(super) key: Vec<(&'a str, Tone)>,
    pub(super) swatch: Swatch,
    pub(super) levels: &'a [Level],
}

/// An empty plot, ready for marks.
pub(super) struct Frame {
    pub(super) canvas: Canvas,
    pub(super) x: Ruler,
    pub(super) y: Ruler,
    /// Left, right, top, bottom.
    area: [f64; 4],
}

const BOTTOM: f64 = 44.0;
const RIGHT: f64 = 12.0;

impl Plan<'_> {
    pub(super) fn frame(self) -> Frame {
        let mut canvas = Canvas::new(COLUMN, self.height);
        let level = |wanted: fn(At) -> Option<f64>| self.levels.iter().filter_map(move |level| wanted(level.at));
        // a dot at the end of an axis is drawn whole
        let inset = if self.swatch == Swatch::Dot { 7.0 } else { 0.0 };
        let mut top = 10.0;
        if let Vertical::Axis(..) = self.y {
            top += 16.0;
        }
        let key_at = top + 4.0;
        top += self.key_height();
        let floor = self.height - BOTTOM;

        let (y, rows): (Ruler, Vec<(f64, String)>) = match &self.y {
            Vertical::Axis(axis, values) => {
                let ys = level(|at| if let At::Y(y) = at { Some(y) } else { None });
                let ruler = axis.ruler(values.iter().copied().chain(ys), (floor - inset, top + inset));
                let ticks = ruler.ticks(5);
                canvas.text(0.0, 14.0, Anchor::Start, "axis", &with_power(&axis.label, ticks.power));
                (ruler, ticks.at)
            }
            Vertical::Rows(names) => {
                let n = names.len().max(1) as f64;
                let ruler = Axis::linear("").ruler([0.0, n], (top, floor));
                (ruler, names.iter().enumerate().map(|(i, name)| (i as f64 + 0.5, shorten(&visible(name), 22))).collect())
            }
        };
        let left = rows.iter().map(|(_, label)| text_width(label)).fold(0.0, f64::max).min(180.0) + 10.0;
        let span = (left, COLUMN - RIGHT);
        for (value, label) in &rows {
            if let Some(at) = y.at(*value) {
                if let Vertical::Axis(..) = self.y {
                    canvas.line("grid", (left, at), (span.1, at));
                }
                canvas.text(left - 8.0, at + 4.0, Anchor::End, "tick", label);
            }
        }
        canvas.line("base", (left, floor), (span.1, floor));
        let x = match &self.x {
            Horizontal::Axis(axis, values) => {
                let xs = level(|at| if let At::X(x) = at { Some(x) } else { None });
                let ruler = axis.ruler(values.iter().copied().chain(xs), (span.0 + inset, span.1 - inset));
                let ticks = ruler.ticks(5);
                for (value, label) in &ticks.at {
                    if let Some(at) = ruler.at(*value) {
                        canvas.line("base", (at, floor), (at, floor + 4.0));
                        // a label at the right end leans inwards instead of being cut
                        let anchor = if at + text_width(label) / 2.0 > COLUMN { Anchor::End } else { Anchor::Middle };
                        canvas.text(at, floor + 18.0, anchor, "tick", label);
                    }
                }
                canvas.text(span.1, self.height - 8.0, Anchor::End, "axis", &with_power(&axis.label, ticks.power));
                ruler
            }
            Horizontal::Slots(names, label) => {
                let ruler = Axis::linear("").ruler([0.0, names.len().max(1) as f64], span);
                let widest = names.iter().map(|name| text_width(&shorten(name, 10))).fold(1.0, f64::max) + 6.0;
                let every = (widest * names.len() as f64 / (span.1 - span.0)).ceil().max(1.0) as usize;
                for (i, name) in names.iter().enumerate().step_by(every) {
                    if let Some(at) = ruler.at(i as f64 + 0.5) {
                        canvas.text(at, floor + 18.0, Anchor::Middle, "tick", &shorten(&visible(name), 10));
                    }
                }
                canvas.text(span.1, self.height - 8.0, Anchor::End, "axis", label);
                ruler
            }
        };
        let mut frame = Frame { canvas, x, y, area: [span.0, span.1, top, floor] };
        frame.draw_key(&self.key, self.swatch, key_at);
        frame
    }

    fn key_height(&self) -> f64 {
        if self.key.is_empty() { 0.0 } else { 20.0 * (1 + key_places(&self.key).last().map_or(0, |place| place.1)) as f64 }
    }
}

/// The entries of a key, what the figure is about first.
pub(super) fn key<'a>(groups: impl Iterator<Item = (&'a str, Tone)>) -> Vec<(&'a str, Tone)> {
    let mut key: Vec<_> = groups.collect();
    key.sort_by_key(|entry| entry.1);
    key
}

/// For each entry of the key, its left edge and its row.
fn key_places(key: &[(&str, Tone)]) -> Vec<(f64, usize)> {
    let (mut x, mut row) = (0.0, 0);
    let mut places = Vec::new();
    for (label, _) in key {
        let width = 28.0 + text_width(&shorten(label, 48)) + 14.0;
        if x > 0.0 && x + width > COLUMN {
            (x, row) = (0.0, row + 1);
        }
        places.push((x, row));
        x += width;
    }
    places
}

impl Frame {
    fn draw_key(&mut self, key: &[(&str, Tone)], swatch: Swatch, top: f64) {
        for ((label, tone), (x, row)) in key.iter().zip(key_places(key)) {
            let y = top + 20.0 * row as f64 + 6.0;
            match swatch {
                Swatch::Line => self.canvas.line(&format!("curve {}", tone.class()), (x, y), (x + 20.0, y)),
                Swatch::Dot | Swatch::Bar => {
                    self.canvas.push(format_args!("<circle class=\"dot {}\" cx=\"{}\" cy=\"{}\" r=\"4.5\"/>", tone.class(), x + 6.0, y))
                }
            }
            let indent = if swatch == Swatch::Line { 26.0 } else { 16.0 };
            self.canvas.text(x + indent, y + 4.0, Anchor::Start, "key", &shorten(label, 48));
        }
    }

    /// The drawing, reference lines over the marks.
    pub(super) fn finish(mut self, levels: &[Level]) -> Canvas {
        let [left, right, top, floor] = self.area;
        for level in levels {
            match level.at {
                At::Y(y) => {
                    if let Some(at) = self.y.at(y) {
                        self.canvas.line("level", (left, at), (right, at));
                        let above = if at - top < 16.0 { at + 14.0 } else { at - 5.0 };
                        self.canvas.text(right, above, Anchor::End, "note", &level.label);
                    }
                }
                At::X(x) => {
                    if let Some(at) = self.x.at(x) {
                        self.canvas.line("level", (at, top), (at, floor));
                        let width = text_width(&level.label);
                        let (anchor, shift) = if at + width + 8.0 > right { (Anchor::End, -5.0) } else { (Anchor::Start, 5.0) };
                        self.canvas.text(at + shift, top + 11.0, anchor, "note", &level.label);
                    }
                }
            }
        }
        self.canvas
    }
}

fn with_power(label: &str, power: i32) -> String {
    if power == 0 { label.to_owned() } else { format!("{label} (×10{})", superscript(power)) }
}
