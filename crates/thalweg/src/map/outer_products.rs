//! Measurements by outer products: bᵢ = lᵢᵀ X rᵢ, from p×(d1+d2) numbers.

use super::{Definition, Gram, MapKind, MeasurementMap, Moment, Weight};
use crate::data::stream;
use crate::linalg::{dot, gram_of_rows, mul, mul_transpose, row_major, scale_all};
use crate::{Error, Factors, Side};
use rand_distr::{Distribution, StandardNormal};

pub(super) const BILINEAR: MapKind =
    MapKind {
        name: "bilinear", formula: "aᵢ cᵢᵀ", about: "bilinear sensing, blind deconvolution; p×(d1+d2) numbers", sample: sample_bilinear
    };

pub(super) const QUADRATIC: MapKind = MapKind {
    name: "quadratic",
    formula: "xᵢ xᵢᵀ",
    about: "symmetric X: covariance sketching, phase retrieval, networks with quadratic activation; p×d numbers",
    sample: sample_quadratic,
};

/// Aᵢ = lᵢ rᵢᵀ; or Aᵢ = xᵢ xᵢᵀ over symmetric X.
#[derive(Debug, Clone, PartialEq)]
pub struct OuterProducts {
    /// p×d1, row-major.
    left: Vec<f64>,
    /// p×d2. That of symmetric X differs from `left` only by a power of two.
    right: Vec<f64>,
    shape: (usize, usize),
    is_symmetric: bool,
}

impl OuterProducts {
    /// Bilinear sensing, Aᵢ = aᵢ cᵢᵀ: from a, p×d1, and c, p×d2, both row-major.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Empty`] if a side or p is 0, [`Error::NotFinite`].
    pub fn bilinear(p: usize, (d1, d2): (usize, usize), a: Vec<f64>, c: Vec<f64>) -> Result<Self, Error> {
        super::checked_size("a", p, d1, d2)?;
        super::checked("a", &a, p, d1)?;
        super::checked("c", &c, p, d2)?;
        Ok(OuterProducts { left: a, right: c, shape: (d1, d2), is_symmetric: false })
    }

    /// Quadratic measurements of a symmetric matrix, Aᵢ = xᵢ xᵢᵀ: from x, p×d, row-major.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Empty`] if d or p is 0, [`Error::NotFinite`].
    pub fn quadratic(p: usize, d: usize, x: Vec<f64>) -> Result<Self, Error> {
        super::checked_size("x", p, d, d)?;
        super::checked("x", &x, p, d)?;
        Ok(OuterProducts { right: x.clone(), left: x, shape: (d, d), is_symmetric: true })
    }

    /// L·W or R·W.
    fn weighted(&self, side: Side, weight: &Weight) -> Vec<f64> {
        let (own, width) = self.side(side);
        let mut out = vec![0.0; own.len()];
        mul(row_major(own, self.len(), width), row_major(&weight.dense(), width, width), &mut out);
        out
    }

    /// Σ ‖r‖² l lᵀ, or its mirror.
    fn second_moment(&self, side: Side) -> Moment {
        let ((own, width), (other, other_width)) = (self.side(side), self.side(side.other()));
        let squares: Vec<f64> = other.chunks_exact(other_width).map(|row| dot(row, row)).collect();
        let mut moment = vec![0.0; width * width];
        mul_transpose(row_major(&weighted_rows(own, &squares, width), self.len(), width), row_major(own, self.len(), width), &mut moment);
        Moment::Full(symmetric_part(&moment, width))
    }

    fn side(&self, side: Side) -> (&[f64], usize) {
        match side {
            Side::U => (&self.left, self.shape.0),
            Side::V => (&self.right, self.shape.1),
        }
    }

    /// lᵢᵀU or rᵢᵀV, p×r.
    fn times(&self, side: Side, factor: &[f64], rank: usize) -> Vec<f64> {
        let (own, width) = self.side(side);
        let mut out = vec![0.0; self.len() * rank];
        mul(row_major(own, self.len(), width), row_major(factor, width, rank), &mut out);
        out
    }
}

fn sample_bilinear(seed: u64) -> Box<dyn MeasurementMap> {
    let (p, d1, d2) = (45, 6, 8);
    let mut rng = stream(seed, 1);
    let mut normals = |count: usize| (0..count).map(|_| StandardNormal.sample(&mut rng)).collect::<Vec<f64>>();
    let (a, c) = (normals(p * d1), normals(p * d2));
    Box::new(OuterProducts::bilinear(p, (d1, d2), a, c).expect("the shapes fit"))
}

fn sample_quadratic(seed: u64) -> Box<dyn MeasurementMap> {
    let (p, d) = (30, 6);
    let mut rng = stream(seed, 2);
    let x = (0..p * d).map(|_| StandardNormal.sample(&mut rng)).collect();
    Box::new(OuterProducts::quadratic(p, d, x).expect("the shape fits"))
}

impl MeasurementMap for OuterProducts {
    fn name(&self) -> &'static str {
        if self.is_symmetric { QUADRATIC.name } else { BILINEAR.name }
    }

    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn len(&self) -> usize {
        self.left.len() / self.shape.0
    }

    fn is_symmetric(&self) -> bool {
        self.is_symmetric
    }

    fn definition(&self) -> Definition<'_> {
        Definition::OuterProducts(&self.left, &self.right)
    }

    /// lᵢᵀ X rᵢ.
    fn apply(&self, x: &[f64], out: &mut [f64]) {
        let (d1, d2) = self.shape;
        let mut products = vec![0.0; self.right.len()];
        mul(row_major(&self.left, self.len(), d1), row_major(x, d1, d2), &mut products);
        row_dots(&products, &self.right, d2, out);
    }

    /// Lᵀ diag(y) R.
    fn adjoint(&self, y: &[f64], out: &mut [f64]) {
        let (d1, d2) = self.shape;
        let weighted = weighted_rows(&self.left, y, d1);
        mul_transpose(row_major(&weighted, self.len(), d1), row_major(&self.right, self.len(), d2), out);
    }

    /// (lᵢᵀU)(rᵢᵀV)ᵀ.
    fn apply_factored(&self, factors: &Factors, out: &mut [f64]) {
        let rank = factors.rank();
        let (left, right) = (self.times(Side::U, factors.split().0, rank), self.times(Side::V, factors.split().1, rank));
        row_dots(&left, &right, rank, out);
    }

    /// Lᵀ diag(y) (R V), or its mirror.
    fn adjoint_times(&self, y: &[f64], side: Side, factor: &[f64], rank: usize, out: &mut [f64]) {
        let weighted = weighted_rows(&self.times(side.other(), factor, rank), y, rank);
        let (own, width) = self.side(side);
        mul_transpose(row_major(own, self.len(), width), row_major(&weighted, self.len(), rank), out);
    }

    /// lᵢ (rᵢᵀV), or its mirror.
    fn jacobian(&self, side: Side, factor: &[f64], rank: usize, out: &mut [f64]) {
        let other = self.times(side.other(), factor, rank);
        let (own, width) = self.side(side);
        for ((own, other), out) in own.chunks_exact(width).zip(other.chunks_exact(rank)).zip(out.chunks_exact_mut(width * rank)) {
            // runs of one number are the slow way through a row
            if let &[w] = other {
                out.iter_mut().zip(own).for_each(|(out, &l)| *out = l * w);
                continue;
            }
            for (&l, out) in own.iter().zip(out.chunks_exact_mut(rank)) {
                out.iter_mut().zip(other).for_each(|(out, &w)| *out = l * w);
            }
        }
    }

    fn second_moments(&self) -> (Moment, Moment) {
        let left = self.second_moment(Side::U);
        let right = if self.is_symmetric { left.clone() } else { self.second_moment(Side::V) };
        (left, right)
    }

    /// (lᵢᵀlⱼ)(rᵢᵀrⱼ).
    fn gram(&self) -> Gram {
        let p = self.len();
        let (mut gram, mut right) = (vec![0.0; p * p], vec![0.0; p * p]);
        gram_of_rows(&self.left, p, &mut gram);
        gram_of_rows(&self.right, p, &mut right);
        gram.iter_mut().zip(right).for_each(|(g, r)| *g *= r);
        Gram::Full(gram)
    }

    /// Over symmetric X both weights are the same.
    fn transformed(&self, left: &Weight, right: &Weight) -> Box<dyn MeasurementMap> {
        let (left, right) = (self.weighted(Side::U, left), self.weighted(Side::V, right));
        Box::new(OuterProducts { left, right, ..*self })
    }

    fn selected(&self, measurements: &[usize]) -> Box<dyn MeasurementMap> {
        let rows = |side: Side| super::rows_of(self.side(side).0, self.side(side).1, measurements);
        Box::new(OuterProducts { left: rows(Side::U), right: rows(Side::V), ..*self })
    }

    fn scaled(&self, exponent: i32) -> Box<dyn MeasurementMap> {
        // split evenly, so that neither factor leaves the range
        let (first, second) = (exponent / 2, exponent - exponent / 2);
        Box::new(OuterProducts { left: scale_all(&self.left, first), right: scale_all(&self.right, second), ..*self })
    }
}

fn row_dots(a: &[f64], b: &[f64], width: usize, out: &mut [f64]) {
    for ((a, b), out) in a.chunks_exact(width).zip(b.chunks_exact(width)).zip(out) {
        *out = dot(a, b);
    }
}

fn weighted_rows(a: &[f64], weights: &[f64], width: usize) -> Vec<f64> {
    a.chunks_exact(width).zip(weights).flat_map(|(row, &w)| row.iter().map(move |x| w * x)).collect()
}

fn symmetric_part(a: &[f64], d: usize) -> Vec<f64> {
    (0..d * d).map(|at| 0.5 * (a[at] + a[at % d * d + at / d])).collect()
}
