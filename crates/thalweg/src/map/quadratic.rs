//! Quadratic measurements of a symmetric matrix: bᵢ = xᵢᵀ X xᵢ.

use super::outer_products::OuterProducts;
use super::{Definition, Gram, MapKind, MeasurementMap, Moment, Weight};
use crate::data::stream;
use crate::linalg::scale_all;
use crate::{Error, Factors, Side};
use rand_distr::{Distribution, StandardNormal};

pub(super) const KIND: MapKind = MapKind {
    name: "quadratic",
    formula: "xᵢ xᵢᵀ",
    about: "symmetric X: covariance sketching, phase retrieval, networks with quadratic activation; p×d numbers",
    sample,
};

/// Aᵢ = s·xᵢ xᵢᵀ, X symmetric; s is a power of two.
#[derive(Debug, Clone, PartialEq)]
pub struct Quadratic {
    d: usize,
    x: Vec<f64>,
    /// s·xᵢ; differs from `x` only after scaling by an odd power of two.
    scaled: Vec<f64>,
}

impl Quadratic {
    /// From x, p×d, row-major.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Empty`] if d or p is 0, [`Error::NotFinite`].
    pub fn new(p: usize, d: usize, x: Vec<f64>) -> Result<Self, Error> {
        super::checked_size("x", p, d, d)?;
        super::checked("x", &x, p, d)?;
        Ok(Quadratic { d, scaled: x.clone(), x })
    }

    fn products(&self) -> OuterProducts<'_> {
        OuterProducts { left: &self.x, right: &self.scaled, shape: (self.d, self.d) }
    }
}

fn sample(seed: u64) -> Box<dyn MeasurementMap> {
    let (p, d) = (30, 6);
    let mut rng = stream(seed, 2);
    let x = (0..p * d).map(|_| StandardNormal.sample(&mut rng)).collect();
    Box::new(Quadratic::new(p, d, x).expect("the shape fits"))
}

impl MeasurementMap for Quadratic {
    fn name(&self) -> &'static str {
        KIND.name
    }

    fn shape(&self) -> (usize, usize) {
        (self.d, self.d)
    }

    fn len(&self) -> usize {
        self.x.len() / self.d
    }

    fn is_symmetric(&self) -> bool {
        true
    }

    fn definition(&self) -> Definition<'_> {
        Definition::OuterProducts(&self.x, &self.scaled)
    }

    fn apply(&self, x: &[f64], out: &mut [f64]) {
        self.products().apply(x, out);
    }

    fn adjoint(&self, y: &[f64], out: &mut [f64]) {
        self.products().adjoint(y, out);
    }

    fn apply_factored(&self, factors: &Factors, out: &mut [f64]) {
        self.products().apply_factored(factors, out);
    }

    fn adjoint_times(&self, y: &[f64], side: Side, factor: &[f64], rank: usize, out: &mut [f64]) {
        self.products().adjoint_times(y, side, factor, rank, out);
    }

    fn jacobian(&self, side: Side, factor: &[f64], rank: usize, out: &mut [f64]) {
        self.products().jacobian(side, factor, rank, out);
    }

    fn second_moments(&self) -> (Moment, Moment) {
        let moment = self.products().second_moment(Side::U);
        (moment.clone(), moment)
    }

    fn gram(&self) -> Gram {
        Gram::Full(self.products().gram())
    }

    /// Both weights are the same: a symmetric X has one D.
    fn transformed(&self, left: &Weight, _: &Weight) -> Box<dyn MeasurementMap> {
        let (x, scaled) = (self.products().weighted(Side::U, left), self.products().weighted(Side::V, left));
        Box::new(Quadratic { d: self.d, x, scaled })
    }

    fn selected(&self, measurements: &[usize]) -> Box<dyn MeasurementMap> {
        let rows = |x: &[f64]| super::rows_of(x, self.d, measurements);
        Box::new(Quadratic { d: self.d, x: rows(&self.x), scaled: rows(&self.scaled) })
    }

    fn scaled(&self, exponent: i32) -> Box<dyn MeasurementMap> {
        let (first, second) = (exponent / 2, exponent - exponent / 2);
        Box::new(Quadratic { d: self.d, x: scale_all(&self.x, first), scaled: scale_all(&self.scaled, second) })
    }
}
