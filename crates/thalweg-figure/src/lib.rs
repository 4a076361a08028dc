//! Figures: data first, one renderer for the page and for the file beside it.

mod axis;
mod bars;
mod canvas;
mod curves;
mod frame;
mod grid;
mod heatmap;
mod images;
mod line;
pub mod number;
pub mod palette;
mod png;
mod scatter;
mod strip;
mod table;
pub mod text;

pub use axis::{Axis, Scale};
pub use bars::{Bar, Bars};
pub use curves::{Curve, CurveGroup, Curves};
pub use frame::{At, Level, Tone};
pub use grid::Grid;
pub use heatmap::Heatmap;
pub use images::{Images, Tile};
pub use line::{figure_of_line, figures_of_alpha, figures_of_families};
pub use png::base64;
pub use scatter::{Dot, DotGroup, Scatter};
pub use strip::{Strip, StripRow, StripValue};
pub use table::{Cell, Fact, Table};

use canvas::{Anchor, Canvas, Px};
use palette::Theme;
use serde::Serialize;
use text::escape;

/// A figure as data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Lower-case letters, digits and hyphens: its anchor and its file name.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// What a reader who cannot see it is told.
    pub alt: String,
    /// The data.
    pub kind: Kind,
}

/// The data of a figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Families of lines.
    Curves(Curves),
    /// Points.
    Scatter(Scatter),
    /// Distributions.
    Strip(Strip),
    /// Bars.
    Bars(Bars),
    /// Values over two quantities.
    Grid(Grid),
    /// A matrix.
    Heatmap(Heatmap),
    /// A grid of images.
    Images(Images),
}

/// Where the drawing will stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// In a page that has the style sheet and the title.
    Page,
    /// In a file of its own.
    File,
}

/// What every kind of figure can do.
trait Plot {
    /// The drawing, without title or colours.
    fn draw(&self) -> Canvas;
    /// All its data.
    fn table(&self) -> Table;
    /// The rows that a page shows.
    fn summary(&self) -> Table {
        self.table()
    }
}

/// The style sheet of the drawings; its colours are the variables of [`palette::variables`].
pub const CSS: &str = include_str!("figure.css");

impl Figure {
    /// The drawing as one SVG element, the same marks in every style.
    pub fn svg(&self, style: Style) -> String {
        let Canvas { width, height, body } = self.kind.plot().draw();
        match style {
            Style::Page => format!(
                "<svg class=\"fig\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\"{}>\n{body}</svg>",
                Px(width),
                Px(height),
                escape(&self.alt),
                self.kind.axes()
            ),
            Style::File => {
                const HEADING: f64 = 34.0;
                const MARGIN: f64 = 14.0;
                let (whole_width, whole_height) = (width + 2.0 * MARGIN, height + HEADING + MARGIN);
                let mut heading = Canvas::new(width, height);
                heading.text(MARGIN, 22.0, Anchor::Start, "heading", &text::shorten(&text::visible(&self.title), (width / 7.5) as usize));
                format!(
                    "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"fig\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\">\n\
                     <title>{}</title>\n<desc>{}</desc>\n\
                     <style>\n{}@media (prefers-color-scheme: dark) {{\n{}}}\n</style>\n\
                     <rect class=\"ground\" width=\"{w}\" height=\"{h}\"/>\n{}<g transform=\"translate({MARGIN} {HEADING})\">\n{body}</g>\n</svg>\n",
                    escape(&self.title),
                    escape(&self.alt),
                    palette::resolved(CSS, Theme::Light),
                    palette::resolved(CSS, Theme::Dark),
                    heading.body,
                    w = Px(whole_width),
                    h = Px(whole_height),
                )
            }
        }
    }

    /// All its data at full precision.
    pub fn csv(&self) -> String {
        self.table().csv()
    }

    /// All its data.
    pub fn table(&self) -> Table {
        self.kind.plot().table()
    }

    /// The rows that a page shows: one a curve or an image, where [`Figure::table`] has one a point or a pixel.
    pub fn summary(&self) -> Table {
        self.kind.plot().summary()
    }

    /// Does it take the whole width of a page?
    pub fn is_wide(&self) -> bool {
        matches!(self.kind, Kind::Heatmap(_) | Kind::Images(_))
    }
}

impl Kind {
    fn plot(&self) -> &dyn Plot {
        match self {
            Kind::Curves(plot) => plot,
            Kind::Scatter(plot) => plot,
            Kind::Strip(plot) => plot,
            Kind::Bars(plot) => plot,
            Kind::Grid(plot) => plot,
            Kind::Heatmap(plot) => plot,
            Kind::Images(plot) => plot,
        }
    }

    /// The names of both axes, for read-outs on curves.
    fn axes(&self) -> String {
        match self {
            Kind::Curves(plot) => format!(" data-x=\"{}\" data-y=\"{}\"", escape(&plot.x.label), escape(&plot.y.label)),
            _ => String::new(),
        }
    }
}
