//! Matrix sensing: measurement matrices without structure.

use super::weighted::Weighted;
use super::{Definition, Gram, Jacobian, MapKind, MeasurementMap, Moment, Weight};
use crate::data::stream;
use crate::linalg::{gram_of_rows, mul, mul_transpose, multiply, multiply_transposed_vector, multiply_vector, row_major, row_major_mut, scale_all};
use crate::{Error, Factors, Side};
use rand_distr::{Distribution, StandardNormal};
use std::sync::Arc;

pub(super) const KIND: MapKind = MapKind { name: "gaussian", formula: "Aᵢ", about: "matrix sensing: any matrices, kept in full", sample };

/// Measurements whose products are formed at once: as many as a cache holds.
const TOGETHER: usize = 8;

/// Dense Aᵢ: p×(d1·d2) numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    shape: (usize, usize),
    matrices: Arc<Vec<f64>>,
}

impl Gaussian {
    /// From A₁, A₂, …, each row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are p·d1·d2 numbers, [`Error::Empty`] if a side or p is 0, [`Error::NotFinite`].
    pub fn new(p: usize, (d1, d2): (usize, usize), matrices: Vec<f64>) -> Result<Self, Error> {
        let size = super::checked_size("A", p, d1, d2)?;
        super::checked("A", &matrices, p, size)?;
        Ok(Gaussian { shape: (d1, d2), matrices: Arc::new(matrices) })
    }

    fn with(&self, matrices: Vec<f64>) -> Self {
        Gaussian { shape: self.shape, matrices: Arc::new(matrices) }
    }

    fn size(&self) -> usize {
        self.shape.0 * self.shape.1
    }

    /// The rows (AᵢV, AᵢᵀU); each Aᵢ is read from memory once for both factors.
    pub(super) fn rows_of_jacobian(&self, factors: &Factors) -> Vec<f64> {
        let ((d1, d2), size, rank) = (self.shape, self.size(), factors.rank());
        let width = (d1 + d2) * rank;
        let (u, v) = (factors.split().0, factors.v());
        let columns: Vec<f64> = (0..rank * d1).map(|at| u[at % d1 * rank + at / d1]).collect();
        let mut rows = vec![0.0; self.len() * width];
        let (mut along, mut across) = (vec![0.0; TOGETHER * d1 * rank], vec![0.0; d2]);
        for (block, rows) in self.matrices.chunks(TOGETHER * size).zip(rows.chunks_mut(TOGETHER * width)) {
            let along = &mut along[..block.len() / d2 * rank];
            multiply(row_major(block, block.len() / d2, d2), v, row_major_mut(along, block.len() / d2, rank));
            for ((a, along), row) in block.chunks_exact(size).zip(along.chunks_exact(d1 * rank)).zip(rows.chunks_exact_mut(width)) {
                let (left, right) = row.split_at_mut(d1 * rank);
                left.copy_from_slice(along);
                for (k, column) in columns.chunks_exact(d1).enumerate() {
                    multiply_transposed_vector(a, column, &mut across);
                    across.iter().enumerate().for_each(|(j, x)| right[j * rank + k] = *x);
                }
            }
        }
        rows
    }

    /// L Aᵢ R.
    pub(super) fn between(&self, left: &Weight, right: &Weight) -> Self {
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
        self.with(matrices)
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

    fn factored_jacobian(&self, factors: &Factors) -> Jacobian {
        let (d1, d2) = self.shape;
        Jacobian::of_rows((d1 + d2) * factors.rank(), self.rows_of_jacobian(factors))
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
        Box::new(Weighted::of(self.clone(), left, right))
    }

    fn selected(&self, measurements: &[usize]) -> Box<dyn MeasurementMap> {
        Box::new(self.with(super::rows_of(&self.matrices, self.size(), measurements)))
    }

    fn scaled(&self, exponent: i32) -> Box<dyn MeasurementMap> {
        Box::new(self.with(scale_all(&self.matrices, exponent)))
    }
}
