//! Factor columns that are images, as a grid of them.

use super::Plot;
use super::canvas::{Anchor, Canvas, Px};
use super::frame::WIDE;
use super::heatmap::ramp;
use super::png::{Pixels, data_uri};
use super::table::{Cell, Fact, Table, fact_cells, fact_names};
use super::text::{shorten, visible};
use serde::Serialize;

/// Images of one size; each is scaled on its own, black at 0 (or at its least value below 0), white at its largest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Images {
    /// Pixel rows.
    pub height: usize,
    /// Pixel columns.
    pub width: usize,
    /// In reading order.
    pub tiles: Vec<Tile>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tile {
    /// Its name.
    pub label: String,
    /// What is said under it.
    pub note: String,
    /// What is known of it.
    pub facts: Vec<Fact>,
    /// height × width, row by row.
    pub pixels: Vec<f64>,
}

const GAP: f64 = 12.0;
const CAPTION: f64 = 36.0;

impl Images {
    fn columns(&self) -> usize {
        // wide images get fewer to a row
        let widest = if self.width > 2 * self.height { 5 } else { 9 };
        self.tiles.len().clamp(4, widest)
    }
}

impl Tile {
    fn grey(&self) -> Vec<u8> {
        let finite = || self.pixels.iter().copied().filter(|p| p.is_finite());
        let (lo, hi) = (finite().fold(0.0, f64::min), finite().fold(0.0, f64::max));
        let span = hi - lo;
        // 64 shades: the eye asks for no more of a thumbnail, and the file halves
        let shade = |p: f64| if p.is_finite() && span > 0.0 { ((p - lo) / span * 63.0).round() as u8 * 4 } else { 0 };
        self.pixels.iter().map(|&p| shade(p)).collect()
    }
}

impl Plot for Images {
    fn draw(&self) -> Canvas {
        let columns = self.columns();
        let cell = (WIDE - GAP * (columns - 1) as f64) / columns as f64;
        let tall = (cell * self.height as f64 / self.width.max(1) as f64).clamp(4.0, 2.0 * cell);
        let rows = self.tiles.len().div_ceil(columns).max(1);
        let mut canvas = Canvas::new(WIDE, 26.0 + rows as f64 * (tall + CAPTION));
        ramp(&mut canvas, Pixels::Grey((0..64).map(|i| 4 * i).collect()), "0", "largest of its image");
        for (i, tile) in self.tiles.iter().enumerate() {
            let x = (i % columns) as f64 * (cell + GAP);
            let y = 26.0 + (i / columns) as f64 * (tall + CAPTION);
            if tile.pixels.len() == self.height * self.width && !tile.pixels.is_empty() {
                let uri = data_uri(self.width, self.height, &Pixels::Grey(tile.grey()));
                let image = format_args!(
                    "<image class=\"tile\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" href=\"{uri}\"/>\
                     <rect class=\"frame\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
                    Px(x),
                    Px(y),
                    Px(cell),
                    Px(tall),
                    Px(x),
                    Px(y),
                    Px(cell),
                    Px(tall)
                );
                canvas.mark((x + 0.5 * cell, y + 0.5 * tall), &tile.label, &tile.facts, image);
            }
            canvas.text(x, y + tall + 15.0, Anchor::Start, "note", &shorten(&visible(&tile.note), (cell / 6.5) as usize));
        }
        canvas
    }

    /// One row a pixel, one column an image.
    fn table(&self) -> Table {
        let mut table = Table::new(["pixel row", "pixel column"].into_iter().chain(self.tiles.iter().map(|tile| tile.label.as_str())));
        for i in 0..self.height * self.width {
            let values = self.tiles.iter().map(|tile| Cell::from(tile.pixels.get(i).copied()));
            table.rows.push([(i / self.width).into(), (i % self.width).into()].into_iter().chain(values).collect());
        }
        table
    }

    /// One row an image.
    fn summary(&self) -> Table {
        let names = fact_names(self.tiles.iter().map(|tile| tile.facts.as_slice()));
        let mut table = Table::new(["image"].into_iter().chain(names.iter().copied()));
        for tile in &self.tiles {
            table.rows.push([Cell::from(tile.label.as_str())].into_iter().chain(fact_cells(&names, &tile.facts)).collect());
        }
        table
    }
}
