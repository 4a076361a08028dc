//! Values over a grid of two quantities, and curves on top: phase diagrams.

use super::Plot;
use super::axis::Axis;
use super::canvas::{Canvas, Px};
use super::curves::CurveGroup;
use super::frame::{Horizontal, Plan, Swatch, Vertical, key};
use super::heatmap::{BLUE, ramp};
use super::number;
use super::png::Pixels;
use super::table::{Cell, Fact, Table};
use serde::Serialize;

/// One value for each pair of quantities, as opacity of one blue over its range; a pair without a value is crossed out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Grid {
    /// Horizontal.
    pub x: Axis,
    /// Vertical.
    pub y: Axis,
    /// Middles of the columns, ascending.
    pub xs: Vec<f64>,
    /// Middles of the rows, ascending: upwards.
    pub ys: Vec<f64>,
    /// What a value is.
    pub value_kind: String,
    /// The values that are drawn as nothing and in full colour.
    pub range: (f64, f64),
    /// ys × xs, row by row; NaN is no value.
    pub values: Vec<f64>,
    /// Curves over the cells.
    pub curves: Vec<CurveGroup>,
}

impl Grid {
    fn value(&self, row: usize, column: usize) -> f64 {
        self.values.get(row * self.xs.len() + column).copied().unwrap_or(f64::NAN)
    }

    fn cells(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.ys.len()).flat_map(|row| (0..self.xs.len()).map(move |column| (row, column)))
    }

    /// 0 at the low end of the range, 1 at the high end.
    fn opacity(&self, value: f64) -> f64 {
        let (low, high) = self.range;
        ((value - low) / (high - low)).clamp(0.0, 1.0)
    }
}

/// Where a cell begins and ends: halfway to its neighbours.
fn edges(middles: &[f64], at: usize) -> (f64, f64) {
    let step = |a: usize, b: usize| match (middles.get(a), middles.get(b)) {
        (Some(a), Some(b)) => 0.5 * (b - a),
        _ => f64::NAN,
    };
    let (before, after) = (if at > 0 { step(at - 1, at) } else { f64::NAN }, step(at, at + 1));
    let own = |half: f64, other: f64| [half, other, 0.5].into_iter().find(|x| x.is_finite()).expect("the last is a number");
    (middles[at] - own(before, after), middles[at] + own(after, before))
}

impl Plot for Grid {
    fn draw(&self) -> Canvas {
        let ends = |middles: &[f64]| (0..middles.len()).flat_map(|at| <[f64; 2]>::from(edges(middles, at))).collect::<Vec<f64>>();
        let mut frame = Plan {
            height: 320.0,
            x: Horizontal::Axis(&self.x, ends(&self.xs)),
            y: Vertical::Axis(&self.y, ends(&self.ys)),
            key: key(self.curves.iter().map(|group| (group.label.as_str(), group.tone))),
            swatch: Swatch::Line,
            levels: &[],
        }
        .frame();
        let shades = (0..64).flat_map(|i| [BLUE[0], BLUE[1], BLUE[2], 4 * i]).collect();
        let end = |value: f64| number::significant(value, 3);
        ramp(&mut frame.canvas, Pixels::Rgba(shades), &format!("{} {}", self.value_kind, end(self.range.0)), &end(self.range.1));
        for (row, column) in self.cells() {
            let ((x0, x1), (y0, y1)) = (edges(&self.xs, column), edges(&self.ys, row));
            let (Some(left), Some(right), Some(floor), Some(top)) = (frame.x.at(x0), frame.x.at(x1), frame.y.at(y0), frame.y.at(y1)) else {
                continue;
            };
            let value = self.value(row, column);
            let place = format!("x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"", Px(left), Px(top), Px(right - left), Px(floor - top));
            let facts = [
                Fact::new(self.x.label.as_str(), self.xs[column]),
                Fact::new(self.y.label.as_str(), self.ys[row]),
                Fact::new(self.value_kind.as_str(), Some(value).filter(|v| v.is_finite())),
            ];
            let middle = (0.5 * (left + right), 0.5 * (top + floor));
            if value.is_finite() {
                let opacity = self.opacity(value);
                frame.canvas.mark(middle, "", &facts, format_args!("<rect class=\"cell\" {place} fill-opacity=\"{opacity:.3}\"/>"));
            } else {
                frame.canvas.mark(middle, "", &facts, format_args!("<rect class=\"cell missing\" {place}/>"));
                frame.canvas.line("base", (left, floor), (right, top));
            }
        }
        for (group, curve) in self.curves.iter().flat_map(|group| group.curves.iter().map(move |curve| (group, curve))) {
            let placed: Vec<_> = curve.points.iter().filter_map(|&(x, y)| Some((frame.x.at(x)?, frame.y.at(y)?))).collect();
            if let Some((first, rest)) = placed.split_first() {
                let rest: String = rest.iter().map(|&(x, y)| format!("L{} {}", Px(x), Px(y))).collect();
                frame.canvas.push(format_args!("<path class=\"curve {}\" d=\"M{} {}{rest}\"/>", group.tone.class(), Px(first.0), Px(first.1)));
            }
        }
        frame.finish(&[])
    }

    /// One row a cell, then one row a point of a curve.
    fn table(&self) -> Table {
        let mut table = Table::new(["curve", &self.x.label, &self.y.label, &self.value_kind]);
        for (row, column) in self.cells() {
            let value = Some(self.value(row, column)).filter(|v| v.is_finite());
            table.rows.push(vec![Cell::Nothing, self.xs[column].into(), self.ys[row].into(), value.into()]);
        }
        for curve in self.curves.iter().flat_map(|group| &group.curves) {
            table.rows.extend(curve.points.iter().map(|&(x, y)| vec![curve.label.as_str().into(), x.into(), y.into(), Cell::Nothing]));
        }
        table
    }

    /// One row a row of cells, with the mean of its values.
    fn summary(&self) -> Table {
        let mut table = Table::new([self.y.label.clone(), format!("mean {}", self.value_kind)]);
        for (row, &y) in self.ys.iter().enumerate() {
            let values: Vec<f64> = (0..self.xs.len()).map(|column| self.value(row, column)).filter(|v| v.is_finite()).collect();
            let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
            table.rows.push(vec![y.into(), mean.into()]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_meet_halfway() {
        assert_eq!(edges(&[1.0, 2.0, 4.0], 0), (0.5, 1.5));
        assert_eq!(edges(&[1.0, 2.0, 4.0], 1), (1.5, 3.0));
        assert_eq!(edges(&[1.0, 2.0, 4.0], 2), (3.0, 5.0));
        assert_eq!(edges(&[7.0], 0), (6.5, 7.5));
    }

    #[test]
    fn a_missing_value_is_an_empty_field() {
        let grid = Grid {
            x: Axis::linear("a"),
            y: Axis::linear("b"),
            xs: vec![1.0, 2.0],
            ys: vec![3.0],
            value_kind: "c".into(),
            range: (0.0, 1.0),
            values: vec![0.25, f64::NAN],
            curves: Vec::new(),
        };
        assert_eq!(grid.table().csv(), "\"curve\",\"a\",\"b\",\"c\"\n,1.0,3.0,0.25\n,2.0,3.0,\n");
        let body = grid.draw().body;
        assert_eq!(body.matches("<rect class=\"cell").count(), 2);
        assert!(body.contains("fill-opacity=\"0.250\""), "{body}");
    }
}
