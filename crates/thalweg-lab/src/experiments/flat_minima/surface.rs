//! Least-squares problems over factors whose solutions are a surface: of a matrix, and of a network with quadratic activation.

use thalweg::linalg::{dot, mul, row_major};
use thalweg::map::{MeasurementMap, Rescaling, Weight};
use thalweg::problem::{Factored, Objective};
use thalweg::{Factors, Side};

/// A least-squares problem whose solutions are a surface, and what is made small on it.
pub trait Surface {
    /// Numbers in a point.
    fn dim(&self) -> usize;
    /// Columns of its factors.
    fn width(&self) -> usize;
    /// b.
    fn b(&self) -> &[f64];
    /// A(X) − b.
    fn residual(&self, x: &[f64]) -> Vec<f64>;
    /// The Jacobian of A(X), row-major.
    fn jacobian(&self, x: &[f64]) -> Vec<f64>;
    /// X.
    fn product(&self, x: &[f64]) -> Vec<f64>;
    /// A quadratic form, on solutions the scaled trace up to a number.
    fn scaled_trace(&self, x: &[f64]) -> f64;
    /// Its gradient.
    fn trace_gradient(&self, x: &[f64]) -> Vec<f64>;
}

/// x = (U, V), X = UVᵀ; the scaled trace of ½‖A(UVᵀ) − b‖² is a²‖D1U‖² + c²‖D2V‖².
pub struct FactorSurface<'a> {
    problem: &'a Factored<'a>,
    weights: Rescaling,
}

impl<'a> FactorSurface<'a> {
    /// Of a problem whose map is not zero.
    pub fn of(problem: &'a Factored<'a>) -> Self {
        FactorSurface { problem, weights: Rescaling::of(problem.map()).expect("the map is not zero") }
    }

    /// a²D1²U and c²D2²V.
    fn weighted(&self, x: &[f64]) -> Vec<f64> {
        let ((d1, d2), rank, w) = (self.problem.map().shape(), self.problem.rank(), &self.weights);
        let (u, v) = x.split_at(d1 * rank);
        let of = |weight: &Weight, factor: &[f64], square: f64| -> Vec<f64> {
            weight.times(&weight.times(factor, rank), rank).iter().map(|g| square * g).collect()
        };
        let mut out = of(&w.left, u, w.means.0 * w.means.0 / d2 as f64);
        out.extend(of(&w.right, v, w.means.1 * w.means.1 / d1 as f64));
        out
    }
}

impl Surface for FactorSurface<'_> {
    fn dim(&self) -> usize {
        self.problem.dim()
    }

    fn width(&self) -> usize {
        self.problem.rank()
    }

    fn b(&self) -> &[f64] {
        self.problem.b()
    }

    fn residual(&self, x: &[f64]) -> Vec<f64> {
        self.problem.residual(x)
    }

    fn jacobian(&self, x: &[f64]) -> Vec<f64> {
        let (map, rank) = (self.problem.map(), self.problem.rank());
        let factors = self.problem.factors(x);
        let p = map.len();
        let [of_u, of_v] = [Side::U, Side::V].map(|side| {
            let mut out = vec![0.0; p * factors.side_rows(side) * rank];
            map.jacobian(side, factors.side(side.other()), rank, &mut out);
            out
        });
        let (wide_u, wide_v) = (of_u.len() / p, of_v.len() / p);
        of_u.chunks_exact(wide_u).zip(of_v.chunks_exact(wide_v)).flat_map(|(u, v)| u.iter().chain(v).copied()).collect()
    }

    fn product(&self, x: &[f64]) -> Vec<f64> {
        let factors: Factors = self.problem.factors(x);
        let mut out = vec![0.0; factors.rows() * factors.cols()];
        mul(factors.u(), factors.v().transpose(), &mut out);
        out
    }

    fn scaled_trace(&self, x: &[f64]) -> f64 {
        dot(x, &self.weighted(x))
    }

    fn trace_gradient(&self, x: &[f64]) -> Vec<f64> {
        self.weighted(x).iter().map(|w| 2.0 * w).collect()
    }
}

/// x = U, X = USUᵀ with signs S on the diagonal; the trace of a network with quadratic activation is 8d‖DU‖², here without 8d and with D of mean 1.
pub struct NetworkSurface<'a> {
    map: &'a dyn MeasurementMap,
    b: &'a [f64],
    signs: Vec<f64>,
    weight: Weight,
}

impl<'a> NetworkSurface<'a> {
    /// Of a symmetric map that is not zero, with so many hidden units of output weight +1 and −1.
    pub fn new(map: &'a dyn MeasurementMap, b: &'a [f64], (positive, negative): (usize, usize)) -> Self {
        let signs = (0..positive + negative).map(|k| if k < positive { 1.0 } else { -1.0 }).collect();
        NetworkSurface { map, b, signs, weight: Rescaling::of(map).expect("the map is not zero").left }
    }

    /// US.
    fn signed(&self, u: &[f64]) -> Vec<f64> {
        u.iter().enumerate().map(|(at, x)| x * self.signs[at % self.signs.len()]).collect()
    }

    fn weighted(&self, u: &[f64]) -> Vec<f64> {
        self.weight.times(u, self.width())
    }
}

impl Surface for NetworkSurface<'_> {
    fn dim(&self) -> usize {
        self.map.shape().0 * self.width()
    }

    fn width(&self) -> usize {
        self.signs.len()
    }

    fn b(&self) -> &[f64] {
        self.b
    }

    fn residual(&self, u: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.b.len()];
        self.map.apply(&self.product(u), &mut out);
        out.iter_mut().zip(self.b).for_each(|(out, b)| *out -= b);
        out
    }

    fn jacobian(&self, u: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.b.len() * u.len()];
        self.map.jacobian(Side::U, &self.signed(u), self.width(), &mut out);
        // Aᵢ is symmetric
        out.iter_mut().for_each(|x| *x *= 2.0);
        out
    }

    fn product(&self, u: &[f64]) -> Vec<f64> {
        let (d, k) = (self.map.shape().0, self.width());
        let mut out = vec![0.0; d * d];
        mul(row_major(u, d, k), row_major(&self.signed(u), d, k).transpose(), &mut out);
        out
    }

    fn scaled_trace(&self, u: &[f64]) -> f64 {
        let weighted = self.weighted(u);
        dot(&weighted, &weighted)
    }

    fn trace_gradient(&self, u: &[f64]) -> Vec<f64> {
        self.weight.times(&self.weighted(u), self.width()).iter().map(|x| 2.0 * x).collect()
    }
}
