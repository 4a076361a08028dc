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

/// The scaled factors of many points: entry (i, k) of U for all points next to one another, then the same for V.
pub(super) struct Stack {
    pub(super) points: usize,
    /// `points` rounded up to a multiple of the lanes asked for; the rest are zero.
    pub(super) padded: usize,
    pub(super) rank: usize,
    u: Vec<f64>,
    v: Vec<f64>,
    /// ‖uₖ‖ and ‖vₖ‖ as (k, point).
    norms: [Vec<f64>; 2],
}

impl Stack {
    pub(super) fn new(points: &[Factors], scaling: &Scaling, lanes: usize) -> Stack {
        let rank = scaling.u.len();
        let padded = points.len().next_multiple_of(lanes);
        let stack = |side: Side| {
            let powers: Vec<f64> = scaling.side(side).iter().map(|&k| scale(1.0, k)).collect();
            // 2ᵏ itself leaves the range for factors near its ends
            let exact = powers.iter().all(|p| p.is_normal());
            let rows = points.first().map_or(0, |p| p.side_rows(side));
            let mut stacked = vec![0.0; rows * rank * padded];
            stacked.par_chunks_exact_mut((rank * padded).max(1)).enumerate().for_each(|(i, row)| {
                for (p, point) in points.iter().enumerate() {
                    for (k, &x) in point.side(side)[i * rank..][..rank].iter().enumerate() {
                        row[k * padded + p] = if exact { x * powers[k] } else { scale(x, scaling.side(side)[k]) };
                    }
                }
            });
            stacked
        };
        let (u, v) = (stack(Side::U), stack(Side::V));
        let norms = [&u, &v].map(|side| column_norms(side, rank * padded));
        Stack { points: points.len(), padded, rank, u, v, norms }
    }

    /// (row, k, point), points contiguous.
    pub(super) fn side(&self, side: Side) -> &[f64] {
        match side {
            Side::U => &self.u,
            Side::V => &self.v,
        }
    }

    /// All points' rows number i of one factor: (k, point).
    pub(super) fn row(&self, side: Side, i: usize) -> &[f64] {
        let width = self.rank * self.padded;
        &self.side(side)[i * width..][..width]
    }

    /// ‖uₖ‖ or ‖vₖ‖ of one point, for each component k.
    pub(super) fn norms(&self, side: Side, point: usize) -> Vec<f64> {
        let norms = &self.norms[usize::from(side == Side::V)];
        (0..self.rank).map(|k| norms[k * self.padded + point]).collect()
    }
}
