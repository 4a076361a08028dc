//! Families of lines.

use super::Plot;
use super::axis::Axis;
use super::canvas::{Canvas, Px, title};
use super::frame::{Horizontal, Level, Plan, Swatch, Tone, Vertical};
use super::number;
use super::table::{Cell, Fact, Table, fact_cells, fact_names};

/// Families of curves over one pair of axes.
#[derive(Debug, Clone, PartialEq)]
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
#[derive(Debug, Clone, PartialEq)]
pub struct CurveGroup {
    /// What it means.
    pub label: String,
    /// How it is drawn.
    pub tone: Tone,
    /// Its curves.
    pub curves: Vec<Curve>,
}

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name.
    pub label: String,
    /// What is known of it.
    pub facts: Vec<Fact>,
    /// (x, y); a point that is not finite interrupts the curve.
    pub points: Vec<(f64, f64)>,
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
        let drawn: Vec<&CurveGroup> = self.groups.iter().filter(|group| !group.curves.is_empty()).collect();
        let mut frame = Plan {
            height: 300.0,
            x: Horizontal::Axis(&self.x, points().map(|p| p.0).collect()),
            y: Vertical::Axis(&self.y, points().map(|p| p.1).collect()),
            key: drawn.iter().rev().map(|group| (group.label.as_str(), group.tone)).collect(),
            swatch: Swatch::Line,
            levels: &self.levels,
        }
        .frame();
        let width = frame.x.pixels.1 - frame.x.pixels.0;
        let step = (width * self.curves().count() as f64 / POINT_BUDGET).max(2.0);
        for (group, curve) in self.curves() {
            let placed = curve.points.iter().map(|&(x, y)| Some((frame.x.at(x)?, frame.y.at(y)?)));
            let trace = Trace::thinned(placed, &curve.points, step);
            if !trace.path.is_empty() {
                frame.canvas.push(format_args!(
                    "<path class=\"curve {}\" d=\"{}\" data-x=\"{}\" data-y=\"{}\">{}</path>",
                    group.tone.class(),
                    trace.path,
                    trace.xs,
                    trace.ys,
                    title(&curve.label, &curve.facts)
                ));
            }
        }
        frame.canvas
    }

    /// One row a point.
    fn table(&self) -> Table {
        let names = fact_names(self.curves().map(|(_, curve)| curve.facts.as_slice()));
        let mut table = Table::new(["group", "curve"].into_iter().chain(names.iter().copied()).chain([self.x.label.as_str(), self.y.label.as_str()]));
        for (group, curve) in self.curves() {
            for &(x, y) in &curve.points {
                let head = [Cell::from(group.label.as_str()), Cell::from(curve.label.as_str())];
                table.rows.push(head.into_iter().chain(fact_cells(&names, &curve.facts)).chain([x.into(), y.into()]).collect());
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
    /// Keeps the ends of each piece and, between them, vertices at least `step` apart.
    fn thinned(placed: impl Iterator<Item = Option<(f64, f64)>>, values: &[(f64, f64)], step: f64) -> Trace {
        let placed: Vec<Option<(f64, f64)>> = placed.collect();
        let mut trace = Trace::default();
        let mut last: Option<(f64, f64)> = None;
        for (i, at) in placed.iter().enumerate() {
            let Some((x, y)) = *at else {
                last = None;
                continue;
            };
            let ends_piece = placed.get(i + 1).is_none_or(Option::is_none);
            if last.is_none_or(|(x0, y0)| (x - x0).hypot(y - y0) >= step) || ends_piece {
                trace.path.push_str(&format!("{}{} {}", if last.is_none() { 'M' } else { 'L' }, Px(x), Px(y)));
                for (list, value) in [(&mut trace.xs, values[i].0), (&mut trace.ys, values[i].1)] {
                    if !list.is_empty() {
                        list.push(' ');
                    }
                    list.push_str(&number::short(value));
                }
                last = Some((x, y));
            }
        }
        trace
    }
}
