//! Recovery in factors: the least-squares loss of Burer and Monteiro.

use super::{BlockTrace, Objective};
use crate::linalg::{Polynomial, dot};
use crate::map::{MeasurementMap, Sampling};
use crate::{Error, Factors, Side};

/// f(U, V) = ½‖A(UVᵀ) − b‖², or f(U) = ½‖A(UUᵀ) − b‖² over positive semidefinite X.
///
/// FM, eq. (1.1) has no ½.
#[derive(Debug, Clone, Copy)]
pub struct Factored<'a> {
    map: &'a dyn MeasurementMap,
    b: &'a [f64],
    rank: usize,
    is_semidefinite: bool,
}

impl<'a> Factored<'a> {
    /// # Errors
    /// [`Error::Shape`] unless b has one number for each measurement, [`Error::NotFinite`], [`Error::Rank`], [`Error::Parameter`] for U = V
    /// under a map that is not symmetric.
    pub fn new(map: &'a dyn MeasurementMap, b: &'a [f64], rank: usize, is_semidefinite: bool) -> Result<Self, Error> {
        Factored::of_part(map, b, rank, is_semidefinite, map.shape().0)
    }

    /// The part that one of several ranks has of the problem over X with `all_rows` rows: some rows of U, and the entries in those of X. What
    /// depends on one row of U is as it is in the whole; everything else is a sum over ranks.
    ///
    /// # Errors
    /// As [`Factored::new`].
    pub fn in_rows(map: &'a Sampling, b: &'a [f64], rank: usize, all_rows: usize) -> Result<Self, Error> {
        Factored::of_part(map, b, rank, false, all_rows)
    }

    fn of_part(map: &'a dyn MeasurementMap, b: &'a [f64], rank: usize, is_semidefinite: bool, rows: usize) -> Result<Self, Error> {
        let cols = map.shape().1;
        if b.len() != map.len() {
            return Err(Error::Shape { what: "b", expected: (map.len(), 1), got: (b.len(), 1) });
        }
        if let Some(row) = b.iter().position(|x| !x.is_finite()) {
            return Err(Error::NotFinite { what: "b", row, col: 0, value: b[row] });
        }
        if rank == 0 || rank > rows.min(cols) {
            return Err(Error::Rank { rank, rows, cols });
        }
        if is_semidefinite && !map.is_symmetric() {
            return Err(Error::Parameter {
                name: "domain",
                expected: "general: this map is not symmetric".into(),
                got: "positive semidefinite".into(),
            });
        }
        Ok(Factored { map, b, rank, is_semidefinite })
    }

    /// A.
    pub fn map(&self) -> &'a dyn MeasurementMap {
        self.map
    }

    /// b.
    pub fn b(&self) -> &'a [f64] {
        self.b
    }

    /// r.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Whether V = U.
    pub fn is_semidefinite(&self) -> bool {
        self.is_semidefinite
    }

    /// Numbers in U.
    pub fn left_len(&self) -> usize {
        self.map.shape().0 * self.rank
    }

    /// U and V of a point x = (U, V), or x = U.
    pub fn factors(&self, x: &[f64]) -> Factors {
        let (d1, d2) = self.map.shape();
        let mut buffer = x.to_vec();
        if self.is_semidefinite {
            buffer.extend_from_slice(x);
        }
        Factors::new(d1, d2, self.rank, buffer).expect("a point has the problem's dimension")
    }

    /// The part of U and V that is free: x.
    pub fn point<'f>(&self, factors: &'f Factors) -> &'f [f64] {
        &factors.as_slice()[..self.dim()]
    }

    /// A(UVᵀ) − b.
    pub fn residual(&self, x: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.b.len()];
        self.map.apply_factored(&self.factors(x), &mut out);
        out.iter_mut().zip(self.b).for_each(|(out, b)| *out -= b);
        out
    }

    /// A(DVᵀ + UEᵀ): the derivative of the residual along d = (D, E).
    pub fn derivative(&self, x: &[f64], d: &[f64]) -> Vec<f64> {
        let (at, along) = (self.factors(x), self.factors(d));
        self.measured_beside([&along, &at], [&at, &along])
    }

    /// A(DEᵀ): half of the second derivative of the residual along d.
    pub fn curvature(&self, d: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.b.len()];
        self.map.apply_factored(&self.factors(d), &mut out);
        out
    }

    /// The derivative's transpose: (A*(y)V, A*(y)ᵀU), their sum where V = U.
    pub fn transposed(&self, x: &[f64], y: &[f64], out: &mut [f64]) {
        let factors = self.factors(x);
        let (u, v) = factors.split();
        let (left, right) = out.split_at_mut(self.left_len());
        self.map.adjoint_times(y, Side::U, v, self.rank, left);
        if self.is_semidefinite {
            left.iter_mut().for_each(|g| *g *= 2.0);
        } else {
            self.map.adjoint_times(y, Side::V, u, self.rank, right);
        }
    }

    /// ½‖r₀ + t r₁ + t² r₂‖² from r₀ and a direction: its coefficients, constant first, and r₁, r₂.
    pub fn quartic(&self, x: &[f64], r0: &[f64], d: &[f64]) -> ([f64; 5], Vec<f64>, Vec<f64>) {
        let (r1, r2) = (self.derivative(x, d), self.curvature(d));
        let coefficients = [0.5 * dot(r0, r0), dot(r0, &r1), 0.5 * dot(&r1, &r1) + dot(r0, &r2), dot(&r1, &r2), 0.5 * dot(&r2, &r2)];
        (coefficients, r1, r2)
    }

    /// A(PQᵀ) with P and Q each two factors side by side.
    fn measured_beside(&self, left: [&Factors; 2], right: [&Factors; 2]) -> Vec<f64> {
        let ((d1, d2), r) = (self.map.shape(), self.rank);
        let mut buffer = Vec::with_capacity(2 * (d1 + d2) * r);
        for (pair, side) in [(left, Side::U), (right, Side::V)] {
            for (a, b) in pair[0].side(side).chunks_exact(r).zip(pair[1].side(side).chunks_exact(r)) {
                buffer.extend_from_slice(a);
                buffer.extend_from_slice(b);
            }
        }
        let both = Factors::new(d1, d2, 2 * r, buffer).expect("two factors of the problem's rank");
        let mut out = vec![0.0; self.b.len()];
        self.map.apply_factored(&both, &mut out);
        out
    }
}

impl Objective for Factored<'_> {
    fn dim(&self) -> usize {
        let (d1, d2) = self.map.shape();
        if self.is_semidefinite { d1 * self.rank } else { (d1 + d2) * self.rank }
    }

    fn value(&self, x: &[f64]) -> f64 {
        let residual = self.residual(x);
        0.5 * dot(&residual, &residual)
    }

    fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let residual = self.residual(x);
        self.transposed(x, &residual, gradient);
        0.5 * dot(&residual, &residual)
    }

    fn hessian_vec(&self, x: &[f64], d: &[f64], out: &mut [f64]) {
        self.transposed(x, &self.derivative(x, d), out);
        let mut second = vec![0.0; d.len()];
        self.transposed(d, &self.residual(x), &mut second);
        out.iter_mut().zip(&second).for_each(|(out, s)| *out += s);
    }

    fn segment(&self, x: &[f64], y: &[f64]) -> Option<Polynomial> {
        let d: Vec<f64> = x.iter().zip(y).map(|(x, y)| y - x).collect();
        let r0 = self.residual(x);
        let (coefficients, r1, r2) = self.quartic(x, &r0, &d);
        let size: f64 = [&r0, &r1, &r2, &self.b.to_vec()].iter().map(|r| dot(r, r).sqrt()).sum();
        let rounding = crate::linalg::rounding(self.b.len() + 4 * self.map.shape().0.max(self.map.shape().1) * self.rank) * size * size;
        Some(Polynomial { coefficients: coefficients.to_vec(), error: vec![rounding; 5], exponent: 0 })
    }

    /// tr(VᵀM₂V) and tr(UᵀM₁U) with M₁ = ΣAᵢAᵢᵀ, M₂ = ΣAᵢᵀAᵢ, at every point: f is quadratic in each factor. Where V = U, one block
    /// 4 tr(UᵀMU) + 2r tr A*(A(UUᵀ) − b).
    ///
    /// Source: FM, lemma 3.1, which counts f without ½ and solutions alone.
    fn block_traces(&self, x: &[f64]) -> Option<Vec<BlockTrace>> {
        let (d1, d2) = self.map.shape();
        let (first, second) = self.map.second_moments();
        let factors = self.factors(x);
        let (u, v) = factors.split();
        if !self.is_semidefinite {
            let block = |side, trace| BlockTrace { side, trace };
            return Some(vec![block(d1, second.form(v, self.rank)), block(d2, first.form(u, self.rank))]);
        }
        let mut image = vec![0.0; d1 * d2];
        self.map.adjoint(&self.residual(x), &mut image);
        let of_residual: f64 = image.iter().step_by(d2 + 1).sum();
        Some(vec![BlockTrace { side: d1, trace: 4.0 * first.form(u, self.rank) + 2.0 * self.rank as f64 * of_residual }])
    }
}
