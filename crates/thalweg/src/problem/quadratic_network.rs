//! Networks with one hidden layer and quadratic activation.

use super::{BlockTrace, Objective};
use crate::linalg::{dot, fixed_order_sum};
use crate::map::MeasurementMap;
use crate::{Error, Factors, Side};

/// f(U) = ‖A(U S Uᵀ) − b‖²/p with S = diag(+1, …, +1, −1, …, −1): for Aᵢ = xᵢxᵢᵀ the mean squared error of a network with hidden weights U,
/// activation t², and output weights ±1.
///
/// U: d×(k₁ + k₂), row-major, the columns with +1 first. Source: FM, eq. (7.2), with U₁ and U₂ side by side.
#[derive(Debug, Clone)]
pub struct QuadraticNetwork<'a> {
    map: &'a dyn MeasurementMap,
    b: &'a [f64],
    signs: Vec<f64>,
}

impl<'a> QuadraticNetwork<'a> {
    /// With k₁ hidden units of output weight +1 and k₂ of −1.
    ///
    /// # Errors
    /// [`Error::Shape`] unless b has one number for each measurement, [`Error::NotFinite`], [`Error::Parameter`] without hidden units or
    /// under a map that is not symmetric.
    pub fn new(map: &'a dyn MeasurementMap, b: &'a [f64], (positive, negative): (usize, usize)) -> Result<Self, Error> {
        if b.len() != map.len() {
            return Err(Error::Shape { what: "b", expected: (map.len(), 1), got: (b.len(), 1) });
        }
        if let Some(row) = b.iter().position(|x| !x.is_finite()) {
            return Err(Error::NotFinite { what: "b", row, col: 0, value: b[row] });
        }
        if positive + negative == 0 {
            return Err(Error::Parameter { name: "hidden units", expected: "1 or more".into(), got: "0".into() });
        }
        if !map.is_symmetric() {
            return Err(Error::Parameter { name: "the map", expected: "symmetric".into(), got: map.name().into() });
        }
        let signs = (0..positive + negative).map(|k| if k < positive { 1.0 } else { -1.0 }).collect();
        Ok(QuadraticNetwork { map, b, signs })
    }

    /// L and R of the matrix L Rᵀ that is measured.
    fn product_of(&self, left: &[f64], right: &[f64]) -> Vec<f64> {
        let ((d, _), k) = (self.map.shape(), self.signs.len());
        let buffer = left.iter().copied().chain(self.signed(right)).collect();
        let factors = Factors::new(d, d, k, buffer).expect("two factors of the network's width");
        let mut out = vec![0.0; self.b.len()];
        self.map.apply_factored(&factors, &mut out);
        out
    }

    /// U S.
    fn signed<'x>(&'x self, u: &'x [f64]) -> impl Iterator<Item = f64> + 'x {
        u.iter().enumerate().map(|(at, x)| x * self.signs[at % self.signs.len()])
    }

    fn residual(&self, u: &[f64]) -> Vec<f64> {
        let mut out = self.product_of(u, u);
        out.iter_mut().zip(self.b).for_each(|(out, b)| *out -= b);
        out
    }

    /// (4/p) A*(y) U S.
    fn transposed(&self, y: &[f64], u: &[f64], out: &mut [f64]) {
        let signed: Vec<f64> = self.signed(u).collect();
        self.map.adjoint_times(y, Side::U, &signed, self.signs.len(), out);
        out.iter_mut().for_each(|x| *x *= 4.0 / self.b.len() as f64);
    }
}

impl Objective for QuadraticNetwork<'_> {
    fn dim(&self) -> usize {
        self.map.shape().0 * self.signs.len()
    }

    fn value(&self, u: &[f64]) -> f64 {
        let squares: Vec<f64> = self.residual(u).iter().map(|r| r * r).collect();
        fixed_order_sum(&squares) / self.b.len() as f64
    }

    fn gradient(&self, u: &[f64], gradient: &mut [f64]) -> f64 {
        let residual = self.residual(u);
        self.transposed(&residual, u, gradient);
        dot(&residual, &residual) / self.b.len() as f64
    }

    fn hessian_vec(&self, u: &[f64], d: &[f64], out: &mut [f64]) {
        // A(D S Uᵀ + U S Dᵀ) = 2 A(D S Uᵀ) under a symmetric map
        let moved: Vec<f64> = self.product_of(d, u).iter().map(|x| 2.0 * x).collect();
        self.transposed(&moved, u, out);
        let mut second = vec![0.0; out.len()];
        self.transposed(&self.residual(u), d, &mut second);
        out.iter_mut().zip(&second).for_each(|(out, s)| *out += s);
    }

    /// (2/p)(4 tr(UᵀMU) + 2(k₁ − k₂) tr A*(A(USUᵀ) − b)) with M = ΣAᵢ²: 8d‖DU‖² on solutions.
    ///
    /// Source: FM, lemma 7.1, whose 4d belongs to f/2.
    fn block_traces(&self, u: &[f64]) -> Option<Vec<BlockTrace>> {
        let (d, _) = self.map.shape();
        let mut image = vec![0.0; d * d];
        self.map.adjoint(&self.residual(u), &mut image);
        let of_residual = self.signs.iter().sum::<f64>() * image.iter().step_by(d + 1).sum::<f64>();
        let form = self.map.second_moments().0.form(u, self.signs.len());
        Some(vec![BlockTrace { side: d, trace: 2.0 / self.b.len() as f64 * (4.0 * form + 2.0 * of_residual) }])
    }
}
