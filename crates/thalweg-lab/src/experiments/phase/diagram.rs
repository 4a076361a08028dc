//! Cells drawn over two of their parameters, with the transition between failure and success.

use super::cell::{Cell, Outcome, SUCCESS, name};
use super::parameter::Parameter;
use super::theory::statistical_dimension;
use crate::experiment::Transition;
use crate::figure::{Axis, Curve, CurveGroup, Figure, Grid, Kind, Tone};
use thalweg::map::Ensemble;
use thalweg::problem::Norm;

/// Finished cells, and which of their parameters are drawn.
pub struct Diagram<'a> {
    /// All of one model.
    pub cells: Vec<&'a (Cell, Outcome)>,
    /// Horizontal.
    pub x: Parameter,
    /// Vertical.
    pub y: Parameter,
}

/// A value of the other parameter, the transition there in measurements, and a cell of that row.
pub struct RowTransition {
    /// Of the parameter that is not the number of measurements.
    pub at: f64,
    /// In the unit of that axis.
    pub transition: Transition,
    /// One of the row.
    pub cell: Cell,
}

impl Diagram<'_> {
    fn values(&self, parameter: Parameter) -> Vec<f64> {
        let mut values: Vec<f64> = self.cells.iter().map(|(cell, _)| parameter.of(cell)).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    }

    /// The axis along which measurements are counted, and the other one.
    fn measured(&self) -> Option<(Parameter, Parameter)> {
        match (self.x.counts_measurements(), self.y.counts_measurements()) {
            (true, false) => Some((self.x, self.y)),
            (false, true) => Some((self.y, self.x)),
            _ => None,
        }
    }

    /// Where success sets in, for each value of the other parameter; rows that do not reach it are left out.
    pub fn transitions(&self, norm: Norm) -> Vec<RowTransition> {
        let Some((along, across)) = self.measured() else { return Vec::new() };
        let of_row = |at: f64| {
            let mut row: Vec<&(Cell, Outcome)> = self.cells.iter().copied().filter(|(cell, _)| across.of(cell) == at).collect();
            row.sort_by(|a, b| along.of(&a.0).total_cmp(&along.of(&b.0)));
            let counts: Vec<_> = row.iter().map(|(cell, o)| (along.of(cell), o.successes(norm), o.decided(norm))).collect();
            Some(RowTransition { at, transition: Transition::of(&counts)?, cell: row[0].0 })
        };
        self.values(across).into_iter().filter_map(of_row).collect()
    }

    /// Success frequencies with the fitted transition, the degrees of freedom, and for Gaussian maps the statistical dimension.
    pub fn figure(&self, norm: Norm, id: &str, title: String) -> Figure {
        let (xs, ys) = (self.values(self.x), self.values(self.y));
        let mut values = vec![f64::NAN; xs.len() * ys.len()];
        for (cell, outcome) in &self.cells {
            let place = |values: &[f64], value: f64| values.iter().position(|v| *v == value);
            if let (Some(column), Some(row), Some(rate)) = (place(&xs, self.x.of(cell)), place(&ys, self.y.of(cell)), outcome.rate(norm)) {
                values[row * xs.len() + column] = rate;
            }
        }
        let maps = self.cells.first().map_or(0, |(cell, _)| cell.maps);
        Figure {
            id: id.to_owned(),
            caption: format!(
                "Share of {maps} random maps from which the {} minimiser is the measured matrix, relative error below {SUCCESS:e}. The curves: where \
                 success sets in, as fitted to each row; the degrees of freedom of the matrix, below which no method can succeed{}.",
                name(norm),
                if self.has_dimension() { "; the statistical dimension, where theory puts the transition of the nuclear norm" } else { "" }
            ),
            alt: format!("Shaded grid of success frequencies of the {} norm; success sets in along a curve.", name(norm)),
            kind: Kind::Grid(Grid {
                x: Axis::linear(self.x.label(self.model())),
                y: Axis::linear(self.y.label(self.model())),
                xs,
                ys,
                value_kind: "success".into(),
                range: (0.0, 1.0),
                values,
                curves: self.curves(norm),
            }),
            title,
        }
    }

    fn model(&self) -> Option<Ensemble> {
        self.cells.first().map(|(cell, _)| cell.model)
    }

    fn has_dimension(&self) -> bool {
        self.model() == Some(Ensemble::Sensing)
    }

    fn curves(&self, norm: Norm) -> Vec<CurveGroup> {
        let Some((along, across)) = self.measured() else { return Vec::new() };
        let point = |measured: f64, other: f64| if along == self.x { (measured, other) } else { (other, measured) };
        let rows: Vec<(f64, Cell)> = self
            .values(across)
            .into_iter()
            .filter_map(|at| self.cells.iter().find(|(cell, _)| across.of(cell) == at).map(|(cell, _)| (at, *cell)))
            .collect();
        let theory = |rate: &dyn Fn(&Cell) -> f64| rows.iter().map(|(at, cell)| point(along.of(&Cell { rate: rate(cell), ..*cell }), *at)).collect();
        let fitted = self.transitions(norm).iter().map(|row| point(row.transition.at, row.at)).collect();
        let group = |label: &str, tone, points| CurveGroup { label: label.into(), tone, curves: vec![Curve::new(label, points)] };
        let mut curves = vec![group("fitted transition", Tone::Against, fitted), group("degrees of freedom", Tone::Quiet, theory(&Cell::least_rate))];
        if self.has_dimension() {
            let rate = |cell: &Cell| statistical_dimension(cell.shape(), cell.rank) / cell.model.unit(cell.shape());
            curves.push(group("statistical dimension", Tone::Open, theory(&rate)));
        }
        curves
    }
}
