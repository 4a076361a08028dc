//! Exact powers of two that bring factors and data to magnitude 1, and the factors of many points side by side.

use super::Facts;
use crate::linalg::{Polynomial, column_norms, exponent, scale};
use crate::{Factors, Side};
use rayon::prelude::*;

/// Component k of U is multiplied by 2^u\[k\] and of V by 2^v\[k\], X by 2^−σ with σ = −u\[k\] − v\[k\]: products of either are at most
/// about 1, and the two columns of a component are about equally long. Verdicts do not depend on any of it.
pub(super) struct Scaling {
    u: Vec<i32>,
    v: Vec<i32>,
    sigma: i32,
}

impl Scaling {
    /// The scaling that fits all these points and the data.
    pub(super) fn of<'a>(points: impl Iterator<Item = &'a Factors>, rank: usize, facts: &Facts) -> Scaling {
        let (mut u, mut v) = (vec![0.0f64; rank], vec![0.0f64; rank]);
        for point in points {
            for (side, largest) in [(Side::U, &mut u), (Side::V, &mut v)] {
                for row in point.side(side).chunks_exact(rank) {
                    largest.iter_mut().zip(row).for_each(|(largest, x)| *largest = largest.max(x.abs()));
                }
            }
        }
        let components: Vec<_> = u.iter().zip(&v).map(|(&u, &v)| (exponent(u), exponent(v))).collect();
        let products = components.iter().filter_map(|&(u, v)| Some(u? + v? + 2));
        let sigma = products.chain(exponent(facts.largest).map(|x| x + 1)).max().unwrap_or(0);
        let exponents = components.iter().map(|&(u, v)| {
            // a component that is zero on one side everywhere has no product: any shift will do
            let (u, v) = (u.unwrap_or(0), v.unwrap_or(0));
            let shift = (v - u - sigma).div_euclid(2);
            (shift, -sigma - shift)
        });
        let (u, v) = exponents.unzip();
        Scaling { u, v, sigma }
    }

    /// Whether X can be multiplied by scaled factors as it stands.
    pub(super) fn is_moderate(&self) -> bool {
        self.sigma.abs() < 800
    }

    /// The exponents of one factor's columns.
    pub(super) fn side(&self, side: Side) -> &[i32] {
        match side {
            Side::U => &self.u,
            Side::V => &self.v,
        }
    }

    /// An entry of X, or anything linear in X, on the common scale.
    pub(super) fn of_x(&self, x: f64) -> f64 {
        scale(x, -self.sigma)
    }

    /// The quartic on the scale of the data.
    pub(super) fn polynomial(&self, coefficients: [f64; 5], error: [f64; 5]) -> Polynomial {
        Polynomial { coefficients: coefficients.into(), error: error.into(), exponent: 2 * self.sigma }.with_least_exponent()
    }
}

/// Many points, to be read on a common scale.
pub(super) struct Family<'a> {
    pub(super) points: &'a [Factors],
    /// Their number, rounded up to a multiple of the lanes asked for; the rest are zero.
    pub(super) padded: usize,
    pub(super) rank: usize,
    scaling: &'a Scaling,
    /// 2ᵏ for the columns of U and V; none where one of them leaves the range, as for factors near its ends.
    powers: [Option<Vec<f64>>; 2],
}

impl<'a> Family<'a> {
    pub(super) fn new(points: &'a [Factors], scaling: &'a Scaling, lanes: usize) -> Family<'a> {
        let powers = [Side::U, Side::V].map(|side| {
            let powers: Vec<f64> = scaling.side(side).iter().map(|&k| scale(1.0, k)).collect();
            powers.iter().all(|p| p.is_normal()).then_some(powers)
        });
        Family { points, padded: points.len().next_multiple_of(lanes), rank: scaling.u.len(), scaling, powers }
    }

    /// Numbers in a row of one factor, of all points together.
    pub(super) fn width(&self) -> usize {
        self.rank * self.padded
    }

    /// All points' rows number i of one factor: (k, point). What is beyond the points is left as it is.
    pub(super) fn gather(&self, side: Side, i: usize, row: &mut [f64]) {
        let (exponents, powers) = (self.scaling.side(side), &self.powers[usize::from(side == Side::V)]);
        for (p, point) in self.points.iter().enumerate() {
            for (k, &x) in point.side(side)[i * self.rank..][..self.rank].iter().enumerate() {
                row[k * self.padded + p] = powers.as_ref().map_or_else(|| scale(x, exponents[k]), |powers| x * powers[k]);
            }
        }
    }

    /// One factor of all points: (row, k, point), points contiguous.
    pub(super) fn stack(&self, side: Side) -> Vec<f64> {
        let rows = self.points.first().map_or(0, |p| p.side_rows(side));
        let mut stacked = vec![0.0; rows * self.width()];
        stacked.par_chunks_exact_mut(self.width().max(1)).enumerate().for_each(|(i, row)| self.gather(side, i, row));
        stacked
    }

    /// ‖uₖ‖ and ‖vₖ‖ of each point, for each component k.
    pub(super) fn norms(&self) -> Vec<[Vec<f64>; 2]> {
        let scaled = |point: &Factors, side: Side| {
            let norms = column_norms(point.side(side), self.rank);
            norms.into_iter().zip(self.scaling.side(side)).map(|(norm, &k)| scale(norm, k)).collect()
        };
        self.points.par_iter().map(|point| [Side::U, Side::V].map(|side| scaled(point, side))).collect()
    }
}
