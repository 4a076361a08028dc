//! Dense measurements between two weights, L Aᵢ R, formed only where somebody asks for them.

use super::{Definition, Gaussian, Gram, Jacobian, MeasurementMap, Moment, Weight};
use crate::linalg::{multiply, row_major, row_major_mut};
use crate::{Factors, Side};
use std::sync::OnceLock;

/// X ↦ A(L X R). A product with A and two small ones do for A(X), A*(y) and the Jacobian; forming all L Aᵢ R takes p·d1·d2·(d1 + d2) operations.
#[derive(Debug)]
pub(super) struct Weighted {
    map: Gaussian,
    left: Weight,
    right: Weight,
    formed: OnceLock<Gaussian>,
}

impl Weighted {
    pub fn of(map: Gaussian, left: &Weight, right: &Weight) -> Self {
        Weighted { map, left: left.clone(), right: right.clone(), formed: OnceLock::new() }
    }

    fn formed(&self) -> &Gaussian {
        self.formed.get_or_init(|| self.map.between(&self.left, &self.right))
    }

    fn weight(&self, side: Side) -> &Weight {
        if side == Side::U { &self.left } else { &self.right }
    }

    /// L U or R V.
    fn times(&self, side: Side, factor: &[f64], rank: usize) -> Vec<f64> {
        self.weight(side).times(factor, rank)
    }

    /// L U and R V.
    fn moved(&self, factors: &Factors) -> Factors {
        let rank = factors.rank();
        let buffer = [self.times(Side::U, factors.side(Side::U), rank), self.times(Side::V, factors.side(Side::V), rank)].concat();
        Factors::new(factors.rows(), factors.cols(), rank, buffer).expect("weights are square")
    }

    fn between(&self, x: &[f64]) -> Vec<f64> {
        self.right.after(&self.left.times(x, self.shape().1))
    }
}

impl MeasurementMap for Weighted {
    fn name(&self) -> &'static str {
        self.map.name()
    }

    fn shape(&self) -> (usize, usize) {
        self.map.shape()
    }

    fn len(&self) -> usize {
        self.map.len()
    }

    fn definition(&self) -> Definition<'_> {
        self.formed().definition()
    }

    fn apply(&self, x: &[f64], out: &mut [f64]) {
        self.map.apply(&self.between(x), out);
    }

    fn adjoint(&self, y: &[f64], out: &mut [f64]) {
        self.map.adjoint(y, out);
        let between = self.between(out);
        out.copy_from_slice(&between);
    }

    fn apply_factored(&self, factors: &Factors, out: &mut [f64]) {
        self.map.apply_factored(&self.moved(factors), out);
    }

    fn adjoint_times(&self, y: &[f64], side: Side, factor: &[f64], rank: usize, out: &mut [f64]) {
        self.map.adjoint_times(y, side, &self.times(side.other(), factor, rank), rank, out);
        out.copy_from_slice(&self.times(side, out, rank));
    }

    fn jacobian(&self, side: Side, factor: &[f64], rank: usize, out: &mut [f64]) {
        self.map.jacobian(side, &self.times(side.other(), factor, rank), rank, out);
        let d = if side == Side::U { self.shape().0 } else { self.shape().1 };
        weigh(self.weight(side), out, (d * rank, 0), (d, rank));
    }

    fn factored_jacobian(&self, factors: &Factors) -> Jacobian {
        let ((d1, d2), rank) = (self.shape(), factors.rank());
        let mut rows = self.map.rows_of_jacobian(&self.moved(factors));
        let width = (d1 + d2) * rank;
        weigh(&self.left, &mut rows, (width, 0), (d1, rank));
        weigh(&self.right, &mut rows, (width, d1 * rank), (d2, rank));
        Jacobian::of_rows(width, rows)
    }

    fn second_moments(&self) -> (Moment, Moment) {
        self.formed().second_moments()
    }

    fn gram(&self) -> Gram {
        self.formed().gram()
    }

    fn transformed(&self, left: &Weight, right: &Weight) -> Box<dyn MeasurementMap> {
        self.formed().transformed(left, right)
    }

    fn selected(&self, measurements: &[usize]) -> Box<dyn MeasurementMap> {
        self.formed().selected(measurements)
    }

    fn scaled(&self, exponent: i32) -> Box<dyn MeasurementMap> {
        self.formed().scaled(exponent)
    }
}

/// Measurements whose blocks are multiplied at once.
const TOGETHER: usize = 32;

/// B ← L B for a block B (d×r, row-major) of each row of a matrix: rows are `width` wide, blocks begin at `first`.
fn weigh(weight: &Weight, rows: &mut [f64], (width, first): (usize, usize), (d, rank): (usize, usize)) {
    let own = weight.dense();
    let (mut beside, mut out) = (vec![0.0; TOGETHER * d * rank], vec![0.0; TOGETHER * d * rank]);
    for some in rows.chunks_mut(TOGETHER * width) {
        let across = some.len() / width * rank;
        for (i, row) in some.chunks_exact(width).enumerate() {
            for (j, x) in row[first..][..d * rank].chunks_exact(rank).enumerate() {
                beside[j * across + i * rank..][..rank].copy_from_slice(x);
            }
        }
        let product = row_major_mut(&mut out[..d * across], d, across);
        multiply(row_major(&own, d, d), row_major(&beside[..d * across], d, across), product);
        for (i, row) in some.chunks_exact_mut(width).enumerate() {
            for (j, x) in row[first..][..d * rank].chunks_exact_mut(rank).enumerate() {
                x.copy_from_slice(&out[j * across + i * rank..][..rank]);
            }
        }
    }
}
