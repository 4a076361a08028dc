//! Small plots in the terminal.

use crate::args::Common;
use crate::ranks::is_launched;
use clap::{Args, ValueEnum};
use std::io::IsTerminal;
use thalweg::Side;
use thalweg_lab::RunView;

/// When small plots follow a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal.
    Auto,
    /// Always, also into a file or a pipe.
    Always,
    /// Never.
    Never,
}

/// Whether to plot.
#[derive(Debug, Args)]
pub struct PlotArgs {
    /// Small plots after the result. With --json or --quiet there are none, and the environment variable NO_COLOR takes their colour.
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    plot: When,
}

impl PlotArgs {
    /// How to plot, if at all.
    pub fn ink(&self, common: &Common) -> Option<Ink> {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        // a launcher gives its processes terminals of its own
        let is_terminal = std::io::stdout().is_terminal() && !is_launched() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let is_wanted = match self.plot {
            When::Always => true,
            When::Auto => is_terminal,
            When::Never => false,
        };
        (is_wanted && !common.json && !common.quiet).then_some(Ink { is_coloured: is_terminal && !set("NO_COLOR") })
    }
}

/// How plots look.
#[derive(Debug, Clone, Copy)]
pub struct Ink {
    is_coloured: bool,
}

/// Points of a curve, and cells of a whole bar.
const WIDTH: usize = 40;
const BAR: usize = 24;
/// Relative distance of two objectives that is no difference in a drawing.
const SAME: f64 = 1e-3;
/// Components that are drawn.
const SHOWN: usize = 16;
/// Names after a bar, and the characters that each may take.
const NAMES: usize = 3;
const NAME_CHARS: usize = 20;

impl Ink {
    fn drawn(self, marks: String) -> String {
        if self.is_coloured { format!("\x1b[36m{marks}\x1b[0m") } else { marks }
    }

    /// Heights in eighths of a line, the largest value at the top; values that lie within `even` of each other are as good as the same.
    fn curve(self, values: &[f64], even: f64) -> String {
        const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let (low, high) = range(values);
        let high = high.max(low + even);
        let height = |x: f64| if high > low { (7.0 * (x - low) / (high - low)).round() as usize } else { 0 };
        self.drawn(values.iter().map(|&x| if x.is_finite() { HEIGHTS[height(x)] } else { ' ' }).collect())
    }

    /// A bar of this part of the whole width, to an eighth of a cell.
    fn bar(self, part: f64) -> String {
        const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
        let eighths = (part.clamp(0.0, 1.0) * 8.0 * BAR as f64).round() as usize;
        let marks = "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
        let blank = " ".repeat(BAR - marks.chars().count());
        self.drawn(marks) + &blank
    }
}

/// What a fit looks like: the way down, the restarts beside each other, and what each component holds.
pub fn of_fit(run: &RunView, ink: Ink) -> String {
    let Some(result) = &run.manifest.result else { return String::new() };
    let mut lines = Vec::new();
    let way: Vec<f64> = run.history.iter().filter(|row| row.restart == result.best).map(|row| row.objective).collect();
    if let (Some(first), Some(last)) = (way.first(), way.last()) {
        let excess: Vec<f64> = thinned(&way).into_iter().map(|x| ((x - last) / last.abs()).max(1e-9).log10()).collect();
        lines.push(format!("objective        {}  {first:.4e} to {last:.4e}, excess over the end on a logarithmic scale", ink.curve(&excess, 0.0)));
    }
    if result.restarts.len() > 1 {
        let ends: Vec<f64> = result.restarts.iter().map(|restart| restart.objective).collect();
        let (low, high) = range(&ends);
        lines.push(format!("restarts         {}  each one's end, from {low:.4e} to {high:.4e}", ink.curve(&ends, SAME * low.abs())));
    }
    let shares = run.shares();
    let most = shares.iter().copied().fold(0.0, f64::max);
    for (k, share) in shares.iter().enumerate().take(SHOWN) {
        let bar = ink.bar(if most > 0.0 { share / most } else { 0.0 });
        lines.push(format!("component {:<6} {bar} {:>5.1} %  {}", k + 1, 100.0 * share, names(run, k)).trim_end().to_owned());
    }
    lines.extend(left_out(shares.len()));
    lines.join("\n") + "\n"
}

/// What an audit found of each component: how like it is in the other restarts.
pub fn of_audit(run: &RunView, ink: Ink) -> String {
    let Some(audit) = run.audit.as_ref().filter(|audit| !audit.restarts.component_agreement.is_empty()) else { return String::new() };
    let agreement = &audit.restarts.component_agreement;
    let mut lines = vec!["mean cosine of each component to its match in the other restarts".to_owned()];
    for (k, &cosine) in agreement.iter().enumerate().take(SHOWN) {
        lines.push(format!("component {:<6} {} {cosine:.3}    {}", k + 1, ink.bar(cosine), names(run, k)).trim_end().to_owned());
    }
    lines.extend(left_out(agreement.len()));
    lines.join("\n") + "\n"
}

fn left_out(count: usize) -> Option<String> {
    (count > SHOWN).then(|| format!("and {} components more", count - SHOWN))
}

/// The least and the largest of the values that are numbers.
fn range(values: &[f64]) -> (f64, f64) {
    let finite = || values.iter().copied().filter(|x| x.is_finite());
    (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max))
}

/// At most so many values, evenly spread over the iterations, the last among them.
fn thinned(values: &[f64]) -> Vec<f64> {
    let count = values.len().min(WIDTH);
    (0..count).map(|at| values[if count == 1 { 0 } else { at * (values.len() - 1) / (count - 1) }]).collect()
}

/// The rows, or else the columns, with the largest part of component k, where they have names.
fn names(run: &RunView, k: usize) -> String {
    let named = [(Side::U, &run.labels.rows), (Side::V, &run.labels.cols)];
    let Some((side, labels)) = named.into_iter().find_map(|(side, labels)| labels.as_ref().map(|labels| (side, labels))) else {
        return String::new();
    };
    let name = |i: usize| labels.get(i).map(|label| label.chars().flat_map(char::escape_debug).take(NAME_CHARS).collect::<String>());
    run.largest(side, k).into_iter().take(NAMES).filter_map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Ink = Ink { is_coloured: false };

    #[test]
    fn curves_go_from_the_lowest_to_the_highest() {
        assert_eq!(PLAIN.curve(&[8.0, 4.0, 1.0, f64::NAN], 0.0), "█▄▁ ");
        assert_eq!(PLAIN.curve(&[2.0, 2.0], 0.0), "▁▁");
        assert_eq!(PLAIN.curve(&[100.0, 100.01], 1.0), "▁▁", "as good as the same");
        assert_eq!(thinned(&(0..1000).map(f64::from).collect::<Vec<_>>()).last(), Some(&999.0));
    }

    #[test]
    fn bars_keep_their_width() {
        for part in [0.0, 0.01, 0.5, 0.999, 1.0, 7.0, f64::NAN] {
            assert_eq!(PLAIN.bar(part).chars().count(), BAR, "{part}");
        }
        assert_eq!(PLAIN.bar(0.5).trim_end(), "█".repeat(BAR / 2));
    }

    #[test]
    fn colour_is_switched_on_and_off_again() {
        assert_eq!(Ink { is_coloured: true }.curve(&[1.0], 0.0), "\x1b[36m▁\x1b[0m");
    }
}
