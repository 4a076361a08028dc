//! A matrix as colours.

use super::Plot;
use super::canvas::{Anchor, Canvas, Px, text_width};
use super::frame::WIDE;
use super::number;
use super::png::{Pixels, data_uri};
use super::table::{Cell, Table};
use super::text::{escape, shorten, visible};
use serde::Serialize;

/// A matrix; opacity is |value| relative to the largest of its row, blue above zero and vermilion below.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Heatmap {
    /// What a row is.
    pub row_kind: String,
    /// What a column is.
    pub col_kind: String,
    /// What a value is.
    pub value_kind: String,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// Names of the columns.
    pub cols: Vec<String>,
    /// rows × cols, row by row.
    pub values: Vec<f64>,
}

// opacity over the page carries the value, so one blue must serve on white and on black
pub(super) const BLUE: [u8; 3] = [28, 116, 196];
const BELOW: [u8; 3] = [214, 92, 30];

impl Heatmap {
    fn row(&self, i: usize) -> &[f64] {
        self.values.get(i * self.cols.len()..(i + 1) * self.cols.len()).unwrap_or(&[])
    }

    fn pixels(&self) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(4 * self.values.len());
        for i in 0..self.rows.len() {
            let row = self.row(i);
            let largest = row.iter().filter(|v| v.is_finite()).fold(0.0f64, |max, v| max.max(v.abs()));
            for v in row {
                let [r, g, b] = if *v < 0.0 { BELOW } else { BLUE };
                let opacity = if largest > 0.0 && v.is_finite() { 255.0 * v.abs() / largest } else { 0.0 };
                pixels.extend([r, g, b, opacity.round() as u8]);
            }
        }
        pixels
    }
}

impl Plot for Heatmap {
    fn draw(&self) -> Canvas {
        let (rows, cols) = (self.rows.len(), self.cols.len());
        let cell = (420.0 / rows.max(1) as f64).clamp(3.0, 20.0);
        let named = |names: &[String]| names.iter().map(|name| shorten(&visible(name), 16)).collect::<Vec<_>>();
        let (row_names, col_names) = (named(&self.rows), named(&self.cols));
        let left = row_names.iter().map(|name| text_width(name)).fold(20.0, f64::max) + 8.0;
        let (top, height, width) = (26.0, cell * rows.max(1) as f64, WIDE - left - 2.0);
        let slanted = cols > 0 && width / cols as f64 >= 12.0 && col_names.iter().any(|name| text_width(name) > width / cols as f64);
        let foot = if slanted { 84.0 } else { 40.0 };
        let mut canvas = Canvas::new(WIDE, top + height + foot);
        canvas.text(0.0, 14.0, Anchor::Start, "axis", &self.row_kind);
        ramp(&mut canvas, Pixels::Rgba((0..64).flat_map(|i| [BLUE[0], BLUE[1], BLUE[2], 4 * i]).collect()), "0", "largest of its row");

        if rows > 0 && cols > 0 && self.values.len() == rows * cols {
            let uri = data_uri(cols, rows, &Pixels::Rgba(self.pixels()));
            let list = |names: &[String]| names.iter().map(|name| escape(&shorten(name, 80))).collect::<Vec<_>>().join("&#10;");
            let values: Vec<String> = self.values.iter().map(|v| number::significant(*v, 3)).collect();
            canvas.push(format_args!(
                "<image class=\"cells\" x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" href=\"{uri}\" data-rows=\"{}\" data-cols=\"{}\" data-kinds=\"{}&#10;{}&#10;{}\" data-values=\"{}\"/>",
                Px(left),
                Px(width),
                Px(height),
                list(&self.rows),
                list(&self.cols),
                escape(&self.row_kind),
                escape(&self.col_kind),
                escape(&self.value_kind),
                values.join(" ")
            ));
        }
        canvas.push(format_args!("<rect class=\"frame\" x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{}\"/>", Px(left), Px(width), Px(height)));
        let every = (13.0 / cell).ceil() as usize;
        for (i, name) in row_names.iter().enumerate().step_by(every) {
            canvas.text(left - 6.0, top + cell * (i as f64 + 0.5) + 4.0, Anchor::End, "tick", name);
        }
        let at = |j: usize| left + width * (j as f64 + 0.5) / cols as f64;
        let floor = top + height;
        if slanted {
            for (j, name) in col_names.iter().enumerate() {
                let (x, y) = (Px(at(j) + 3.0), Px(floor + 12.0));
                canvas.push(format_args!(
                    "<text class=\"tick\" text-anchor=\"end\" transform=\"translate({x} {y}) rotate(-50)\">{}</text>",
                    escape(name)
                ));
            }
        } else {
            let widest = col_names.iter().map(|name| text_width(name)).fold(10.0, f64::max) + 14.0;
            let every = ((widest * cols as f64 / width).ceil() as usize).max(1);
            for (j, name) in col_names.iter().enumerate().step_by(every) {
                let half = text_width(name) / 2.0;
                canvas.text(at(j).clamp(left + half, WIDE - half), floor + 16.0, Anchor::Middle, "tick", name);
            }
        }
        let bottom = canvas.height - 6.0;
        canvas.text(WIDE - 2.0, bottom, Anchor::End, "axis", &self.col_kind);
        canvas
    }

    /// One row a column of the picture: few rows in the picture, many columns.
    fn table(&self) -> Table {
        let mut table = Table::new([self.col_kind.clone()].into_iter().chain(self.rows.iter().map(|name| format!("{} {name}", self.row_kind))));
        for (j, name) in self.cols.iter().enumerate() {
            let values = (0..self.rows.len()).map(|i| Cell::from(self.row(i).get(j).copied()));
            table.rows.push([Cell::from(name.as_str())].into_iter().chain(values).collect());
        }
        table
    }
}

/// The scale of a picture, at its top right.
pub(super) fn ramp(canvas: &mut Canvas, pixels: Pixels, least: &str, largest: &str) {
    let x = canvas.width - text_width(largest) - 78.0;
    canvas.text(x - 6.0, 14.0, Anchor::End, "key", least);
    let uri = data_uri(64, 1, &pixels);
    canvas.push(format_args!("<image x=\"{}\" y=\"5\" width=\"64\" height=\"10\" preserveAspectRatio=\"none\" href=\"{uri}\"/>", Px(x)));
    canvas.push(format_args!("<rect class=\"frame\" x=\"{}\" y=\"5\" width=\"64\" height=\"10\"/>", Px(x)));
    canvas.text(x + 70.0, 14.0, Anchor::Start, "key", largest);
}
