//! SVG elements in viewBox units.

use super::table::Fact;
use super::text::{escape, shorten};
use std::fmt::{self, Write};

/// Where a text is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing in progress.
pub(super) struct Canvas {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) body: String,
}

/// A coordinate to a tenth of a unit.
pub(super) struct Px(pub(super) f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round() as i64;
        let sign = if tenths < 0 { "-" } else { "" };
        match (tenths.abs() / 10, tenths.abs() % 10) {
            (whole, 0) => write!(f, "{sign}{whole}"),
            (whole, tenth) => write!(f, "{sign}{whole}.{tenth}"),
        }
    }
}

impl Canvas {
    pub(super) fn new(width: f64, height: f64) -> Canvas {
        Canvas { width, height, body: String::new() }
    }

    pub(super) fn push(&mut self, element: fmt::Arguments<'_>) {
        self.body.write_fmt(element).expect("writing to a string cannot fail");
        self.body.push('\n');
    }

    pub(super) fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        self.push(format_args!("<text class=\"{class}\" x=\"{}\" y=\"{}\"{anchor}>{}</text>", Px(x), Px(y), escape(text)));
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.push(format_args!("<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>", Px(x1), Px(y1), Px(x2), Px(y2)));
    }

    /// A dot or bar that a reader can point at.
    pub(super) fn mark(&mut self, at: (f64, f64), label: &str, facts: &[Fact], shape: fmt::Arguments<'_>) {
        let title = title(label, facts);
        self.push(format_args!("<g class=\"mark\" data-at=\"{},{}\">{title}{shape}</g>", Px(at.0), Px(at.1)));
    }
}

/// What is said of a mark: its name, then one fact a line. Viewers show it on hover; the page's script moves it to the read-out.
pub(super) fn title(label: &str, facts: &[Fact]) -> String {
    let mut out = format!("<title>{}", escape(&shorten(label, 300)));
    for fact in facts {
        out.push_str(&format!("\n{}: {}", escape(&fact.name), escape(&shorten(&fact.value.shown(), 300))));
    }
    out + "</title>"
}

/// Width of a text in the figures' 12-unit type, on the generous side.
pub(super) fn text_width(text: &str) -> f64 {
    text.chars().map(|c| if c.is_ascii_digit() || c.is_ascii_lowercase() { 6.8 } else { 8.0 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_have_one_decimal() {
        for (x, shown) in [(0.0, "0"), (-0.04, "0"), (-0.06, "-0.1"), (12.349, "12.3"), (100.0, "100")] {
            assert_eq!(Px(x).to_string(), shown);
        }
    }
}
