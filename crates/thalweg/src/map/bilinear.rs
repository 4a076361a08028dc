//! Bilinear sensing: bᵢ = aᵢᵀ X cᵢ.

use super::outer_products::OuterProducts;
use super::{Definition, Gram, MapKind, MeasurementMap, Moment, Weight};
use crate::data::stream;
use crate::linalg::scale_all;
use crate::{Error, Factors, Side};
use rand_distr::{Distribution, StandardNormal};

pub(super) const KIND: MapKind =
    MapKind { name: "bilinear", formula: "aᵢ cᵢᵀ", about: "bilinear sensing, blind deconvolution; p×(d1+d2) numbers", sample };

/// Aᵢ = aᵢ cᵢᵀ.
#[derive(Debug, Clone, PartialEq)]
pub struct Bilinear {
    shape: (usize, usize),
    a: Vec<f64>,
    c: Vec<f64>,
}

impl Bilinear {
    /// From a, p×d1, and c, p×d2, both row-major.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Empty`] if a side or p is 0, [`Error::NotFinite`].
    pub fn new(p: usize, (d1, d2): (usize, usize), a: Vec<f64>, c: Vec<f64>) -> Result<Self, Error> {
        super::checked_size("a", p, d1, d2)?;
        super::checked("a", &a, p, d1)?;
        super::checked("c", &c, p, d2)?;
        Ok(Bilinear { shape: (d1, d2), a, c })
    }

    fn products(&self) -> OuterProducts<'_> {
        OuterProducts { left: &self.a, right: &self.c, shape: self.shape }
    }
}

fn sample(seed: u64) -> Box<dyn MeasurementMap> {
    let (p, d1, d2) = (45, 6, 8);
    let mut rng = stream(seed, 1);
    let mut normals = |count: usize| (0..count).map(|_| StandardNormal.sample(&mut rng)).collect::<Vec<f64>>();
    let (a, c) = (normals(p * d1), normals(p * d2));
    Box::new(Bilinear::new(p, (d1, d2), a, c).expect("the shapes fit"))
}

impl MeasurementMap for Bilinear {
    fn name(&self) -> &'static str {
        KIND.name
    }

    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn len(&self) -> usize {
        self.a.len() / self.shape.0
    }

    fn definition(&self) -> Definition<'_> {
        Definition::OuterProducts(&self.a, &self.c)
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
        (self.products().second_moment(Side::U), self.products().second_moment(Side::V))
    }

    fn gram(&self) -> Gram {
        Gram::Full(self.products().gram())
    }

    fn transformed(&self, left: &Weight, right: &Weight) -> Box<dyn MeasurementMap> {
        let (a, c) = (self.products().weighted(Side::U, left), self.products().weighted(Side::V, right));
        Box::new(Bilinear { shape: self.shape, a, c })
    }

    fn selected(&self, measurements: &[usize]) -> Box<dyn MeasurementMap> {
        let (a, c) = (super::rows_of(&self.a, self.shape.0, measurements), super::rows_of(&self.c, self.shape.1, measurements));
        Box::new(Bilinear { shape: self.shape, a, c })
    }

    fn scaled(&self, exponent: i32) -> Box<dyn MeasurementMap> {
        // split evenly, so that neither factor leaves the range
        let (first, second) = (exponent / 2, exponent - exponent / 2);
        Box::new(Bilinear { shape: self.shape, a: scale_all(&self.a, first), c: scale_all(&self.c, second) })
    }
}
