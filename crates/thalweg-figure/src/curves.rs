//! Families of lines.

use super::Plot;
use super::axis::Axis;
use super::canvas::{Canvas, Px, title};
use super::frame::{Horizontal, Level, Plan, Swatch, Tone, Vertical, key};
use super::number;
use super::table::{Cell, Fact, Table, fact_cells, fact_names};
use serde::Serialize;

/// Families of curves over one pair of axes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curves {
    /// Horizontal.
    pub x: Axis,
    /// Vertical.
    pub y: Axis,
    /// Families, drawn in this order: the last lies on top.
    pub groups: Vec<CurveGroup>,
    /// Reference lines.
    pub levels: Vec<Level>,
}

/// Curves that mean the same thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CurveGroup {
    /// What it means.
    pub label: String,
    /// How it is drawn.
    pub tone: Tone,
    /// Its curves.
    pub curves: Vec<Curve>,
}

/// One curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// Its name.
    pub label: String,
    /// What is known of it.
    pub facts: Vec<Fact>,
    /// (x, y); a point that is not finite interrupts the curve.
    pub points: Vec<(f64, f64)>,
    /// (low, high) at each point: its uncertainty or spread, drawn behind. Empty where there is none.
    pub band: Vec<(f64, f64)>,
}

impl Curve {
    /// A curve of which nothing else is known.
    pub fn new(label: impl Into<String>, points: Vec<(f64, f64)>) -> Curve {
        Curve { label: label.into(), facts: Vec::new(), points, band: Vec::new() }
    }
}

/// Points that one figure draws, all curves together: the eye sees no more, and a page stays small.
const POINT_BUDGET: f64 = 3000.0;

impl Curves {
    fn curves(&self) -> impl Iterator<Item = (&CurveGroup, &Curve)> {
        self.groups.iter().flat_map(|group| group.curves.iter().map(move |curve| (group, curve)))
    }
}

impl Plot for Curves {
    fn draw(&self) -> Canvas {
        let points = || self.curves().flat_map(|(_, curve)| curve.points.iter());
        let bands = || self.curves().flat_map(|(_, curve)| curve.band.iter()).flat_map(|&(low, high)| [low, high]);
        let mut frame = Plan {
            height: 300.0,
            x: Horizontal::Axis(&self.x, points().map(|p| p.0).collect()),
            y: Vertical::Axis(&self.y, points().map(|p| p.1).chain(bands()).collect()),
            key: key(self.groups.iter().filter(|group| !group.curves.is_empty()).map(|group| (group.label.as_str(), group.tone))),
            swatch: Swatch::Line,
            levels: &self.levels,
        }
        .frame();
        let width = frame.x.pixels.1 - frame.x.pixels.0;
        let column = (2.0 * width * self.curves().count() as f64 / POINT_BUDGET).max(2.0);
        // where curves crowd, thin ones let each other show
        let crowd = |group: &CurveGroup| if group.curves.len() > 12 { " crowd" } else { "" };
        for (group, curve) in self.curves() {
            let edge = |y: fn(&(f64, f64)) -> f64| curve.points.iter().zip(&curve.band).map(move |(p, band)| (p.0, y(band)));
            let outline: Vec<_> = edge(|b| b.0).chain(edge(|b| b.1).rev()).filter_map(|(x, y)| Some((frame.x.at(x)?, frame.y.at(y)?))).collect();
            if let Some((first, rest)) = outline.split_first() {
                let rest: String = rest.iter().map(|&(x, y)| format!("L{} {}", Px(x), Px(y))).collect();
                frame.canvas.push(format_args!("<path class=\"band {}\" d=\"M{} {}{rest}Z\"/>", group.tone.class(), Px(first.0), Px(first.1)));
            }
            let placed: Vec<_> = curve.points.iter().map(|&(x, y)| Some((frame.x.at(x)?, frame.y.at(y)?))).collect();
            let trace = Trace::thinned(&placed, &curve.points, column);
            if !trace.path.is_empty() {
                frame.canvas.push(format_args!(
                    "<path class=\"curve {}{}\" d=\"{}\" data-x=\"{}\" data-y=\"{}\">{}</path>",
                    group.tone.class(),
                    crowd(group),
                    trace.path,
                    trace.xs,
                    trace.ys,
                    title(&curve.label, &curve.facts)
                ));
            }
        }
        frame.finish(&self.levels)
    }

    /// One row a point.
    fn table(&self) -> Table {
        let names = fact_names(self.curves().map(|(_, curve)| curve.facts.as_slice()));
        let has_bands = self.curves().any(|(_, curve)| !curve.band.is_empty());
        let spread: &[&str] = if has_bands { &["low", "high"] } else { &[] };
        let axes = [self.x.label.as_str(), self.y.label.as_str()];
        let mut table = Table::new(["group", "curve"].into_iter().chain(names.iter().copied()).chain(axes).chain(spread.iter().copied()));
        for (group, curve) in self.curves() {
            for (at, &(x, y)) in curve.points.iter().enumerate() {
                let head = [Cell::from(group.label.as_str()), Cell::from(curve.label.as_str())];
                let band = curve.band.get(at).map_or([Cell::Nothing, Cell::Nothing], |&(low, high)| [low.into(), high.into()]);
                let tail = [x.into(), y.into()].into_iter().chain(band.into_iter().take(spread.len()));
                table.rows.push(head.into_iter().chain(fact_cells(&names, &curve.facts)).chain(tail).collect());
            }
        }
        table
    }

    /// One row a curve.
    fn summary(&self) -> Table {
        let names = fact_names(self.curves().map(|(_, curve)| curve.facts.as_slice()));
        let ends = [format!("{} at the start", self.y.label), "at the end".into()];
        let mut table = Table::new(["curve".into(), "group".into()].into_iter().chain(names.iter().map(|n| n.to_string())).chain(ends));
        for (group, curve) in self.curves() {
            let end = |point: Option<&(f64, f64)>| Cell::from(point.map(|p| p.1));
            let head = [Cell::from(curve.label.as_str()), Cell::from(group.label.as_str())];
            let tail = [end(curve.points.first()), end(curve.points.last())];
            table.rows.push(head.into_iter().chain(fact_cells(&names, &curve.facts)).chain(tail).collect());
        }
        table
    }
}

/// A path and the values of its vertices.
#[derive(Default)]
struct Trace {
    path: String,
    xs: String,
    ys: String,
}

impl Trace {
    /// Keeps the lowest and the highest point of each column of this width, so no peak is lost, and the end of each piece.
    fn thinned(placed: &[Option<(f64, f64)>], values: &[(f64, f64)], column: f64) -> Trace {
        let mut trace = Trace::default();
        let mut i = 0;
        for piece in placed.split(Option::is_none) {
            let kept = extremes(&piece.iter().flatten().copied().collect::<Vec<_>>(), column);
            for (n, &k) in kept.iter().enumerate() {
                if let Some((x, y)) = piece[k] {
                    trace.add(n == 0, (x, y), values[i + k]);
                }
            }
            i += piece.len() + 1;
        }
        trace
    }

    fn add(&mut self, starts: bool, (x, y): (f64, f64), value: (f64, f64)) {
        self.path.push_str(&format!("{}{} {}", if starts { 'M' } else { 'L' }, Px(x), Px(y)));
        for (list, value) in [(&mut self.xs, value.0), (&mut self.ys, value.1)] {
            if !list.is_empty() {
                list.push(' ');
            }
            list.push_str(&number::short(value));
        }
    }
}

/// The indices, in order, of the lowest and the highest point of each run of points in one column, and of the last point.
fn extremes(points: &[(f64, f64)], column: f64) -> Vec<usize> {
    let mut kept = Vec::new();
    let mut first = 0;
    for run in points.chunk_by(|a, b| (a.0 / column).floor() == (b.0 / column).floor()) {
        let by_height = |a: &usize, b: &usize| run[*a].1.total_cmp(&run[*b].1);
        let ends = ((0..run.len()).min_by(by_height), (0..run.len()).max_by(by_height));
        if let (Some(low), Some(high)) = ends {
            kept.extend([first + low.min(high), first + low.max(high)]);
        }
        first += run.len();
    }
    kept.extend(points.len().checked_sub(1));
    kept.dedup();
    kept
}
