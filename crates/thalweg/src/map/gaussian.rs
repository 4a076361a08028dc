//! Matrix sensing: measurement matrices without structure.

use super::{Definition, Gram, MapKind, MeasurementMap, Moment, Weight};
use crate::data::stream;
use crate::linalg::{gram_of_rows, mul, mul_transpose, multiply, multiply_transposed_vector, multiply_vector, row_major, row_major_mut, scale_all};
use crate::{Error, Factors, Side};
use rand_distr::{Distribution, StandardNormal};

pub(super) const KIND: MapKind = MapKind { name: "gaussian", formula: "Aᵢ", about: "matrix sensing: any matrices, kept in full", sample };

/// Dense Aᵢ: p×(d1·d2) numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    shape: (usize, usize),
    matrices: Vec<f64>,
}

impl Gaussian {
    /// From A₁, A₂, …, each row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are p·d1·d2 numbers, [`Error::Empty`] if a side or p is 0, [`Error::NotFinite`].
    pub fn new(p: usize, (d1, d2): (usize, usize), matrices: Vec<f64>) -> Result<Self, Error> {
        let size = super::checked_size("A", p, d1, d2)?;
        super::checked("A", &matrices, p, size)?;
        Ok(Gaussian { shape: (d1, d2), matrices })
    }

    fn size(&self) -> usize {
        self.shape.0 * self.shape.1
    }
}

fn sample(seed: u64) -> Box<dyn MeasurementMap> {
    let (p, d1, d2) = (40, 7, 5);
    let mut rng = stream(seed, 0);
    let matrices = (0..p * d1 * d2).map(|_| StandardNormal.sample(&mut rng)).collect();
    Box::new(Gaussian::new(p, (d1, d2), matrices).expect("the shape fits"))
}

impl MeasurementMap for Gaussian {
    fn name(&self) -> &'static str {
        KIND.name
    }

    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn len(&self) -> usize {
        self.matrices.len() / self.size()
    }

    fn definition(&self) -> Definition<'_> {
        Definition::Dense(&self.matrices)
    }

    fn apply(&self, x: &[f64], out: &mut [f64]) {
        multiply_vector(&self.matrices, x, out);
    }

    fn adjoint(&self, y: &[f64], out: &mut [f64]) {
        multiply_transposed_vector(&self.matrices, y, out);
    }

    fn apply_factored(&self, factors: &Factors, out: &mut [f64]) {
        let mut x = vec![0.0; self.size()];
        multiply(factors.u(), factors.v().transpose(), row_major_mut(&mut x, self.shape.0, self.shape.1));
        self.apply(&x, out);
    }

    fn adjoint_times(&self, y: &[f64], side: Side, factor: &[f64], rank: usize, out: &mut [f64]) {
        let (d1, d2) = self.shape;
        let mut sum = vec![0.0; self.size()];
        self.adjoint(y, &mut sum);
        let sum = row_major(&sum, d1, d2);
        match side {
            Side::U => mul(sum, row_major(factor, d2, rank), out),
            Side::V => mul_transpose(sum, row_major(factor, d1, rank), out),
        }
    }

    fn jacobian(&self, side: Side, factor: &[f64], rank: usize, out: &mut [f64]) {
        let (d1, d2) = self.shape;
        match side {
            // A₁, A₂, … stacked are one (p·d1)×d2 matrix
            Side::U => mul(row_major(&self.matrices, self.len() * d1, d2), row_major(factor, d2, rank), out),
            Side::V => {
                let factor = row_major(factor, d1, rank);
                for (a, out) in self.matrices.chunks_exact(d1 * d2).zip(out.chunks_exact_mut(d2 * rank)) {
                    multiply(row_major(a, d1, d2).transpose(), factor, row_major_mut(out, d2, rank));
                }
            }
        }
    }

    fn second_moments(&self) -> (Moment, Moment) {
        let (d1, d2) = self.shape;
        let mut right = vec![0.0; d2 * d2];
        let stacked = row_major(&self.matrices, self.len() * d1, d2);
        mul_transpose(stacked, stacked, &mut right);
        // rows k of all Aᵢ side by side: d1 × (p·d2)
        let mut wide = vec![0.0; self.matrices.len()];
        let width = self.len() * d2;
        for (i, a) in self.matrices.chunks_exact(d1 * d2).enumerate() {
            for (k, row) in a.chunks_exact(d2).enumerate() {
                wide[k * width + i * d2..][..d2].copy_from_slice(row);
            }
        }
        let mut left = vec![0.0; d1 * d1];
        gram_of_rows(&wide, d1, &mut left);
        (Moment::Full(left), Moment::Full(right))
    }

    fn gram(&self) -> Gram {
        let mut gram = vec![0.0; self.len() * self.len()];
        gram_of_rows(&self.matrices, self.len(), &mut gram);
        Gram::Full(gram)
    }

    fn transformed(&self, left: &Weight, right: &Weight) -> Box<dyn MeasurementMap> {
        let (d1, d2) = self.shape;
        let (left, right) = (left.dense(), right.dense());
        // right first, for all at once
        let mut halfway = vec![0.0; self.matrices.len()];
        mul(row_major(&self.matrices, self.len() * d1, d2), row_major(&right, d2, d2), &mut halfway);
        let mut matrices = vec![0.0; self.matrices.len()];
        let left = row_major(&left, d1, d1);
        for (a, out) in halfway.chunks_exact(d1 * d2).zip(matrices.chunks_exact_mut(d1 * d2)) {
            multiply(left, row_major(a, d1, d2), row_major_mut(out, d1, d2));
        }
        Box::new(Gaussian { shape: self.shape, matrices })
    }

    fn selected(&self, measurements: &[usize]) -> Box<dyn MeasurementMap> {
        Box::new(Gaussian { shape: self.shape, matrices: super::rows_of(&self.matrices, self.size(), measurements) })
    }

    fn scaled(&self, exponent: i32) -> Box<dyn MeasurementMap> {
        Box::new(Gaussian { shape: self.shape, matrices: scale_all(&self.matrices, exponent) })
    }
}
