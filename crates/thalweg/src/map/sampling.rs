//! Sampled entries, weighted or not: matrix completion.

use super::{Definition, Gram, Jacobian, MapKind, MeasurementMap, Moment, Weight};
use crate::data::stream;
use crate::linalg::{dot, scale_all};
use crate::{Error, Factors, Side};
use rand::RngExt;
use std::ops::Range;

pub(super) const KIND: MapKind =
    MapKind { name: "sampling", formula: "wᵢ e_row e_colᵀ", about: "completion from single entries, weighted or not; p positions", sample };

/// Aᵢ = wᵢ e_{rowᵢ} e_{colᵢ}ᵀ, each position once.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    name: &'static str,
    shape: (usize, usize),
    rows: Vec<u32>,
    cols: Vec<u32>,
    weights: Vec<f64>,
}

impl Sampling {
    /// From rows, columns (from 0) and weights.
    ///
    /// # Errors
    /// [`Error::Shape`] if the lists differ in length, [`Error::Empty`] if there are none or a side is 0, [`Error::NotFinite`],
    /// [`Error::Parameter`] for a position outside the shape or given twice, or a weight of 0.
    pub fn new(shape: (usize, usize), rows: Vec<u32>, cols: Vec<u32>, weights: Vec<f64>) -> Result<Self, Error> {
        super::checked_size("the sampled entries", rows.len(), shape.0, shape.1)?;
        for (what, got) in [("cols", cols.len()), ("weights", weights.len())] {
            if got != rows.len() {
                return Err(Error::Shape { what, expected: (rows.len(), 1), got: (got, 1) });
            }
        }
        super::checked("weights", &weights, rows.len(), 1)?;
        let mut positions: Vec<(u32, u32)> = rows.iter().copied().zip(cols.iter().copied()).collect();
        let refuse = |expected: &str, (i, j): (u32, u32)| {
            Err(Error::Parameter { name: "a sampled position", expected: expected.into(), got: format!("row {i}, column {j} (from 0)") })
        };
        if let Some(&outside) = positions.iter().find(|&&(i, j)| i as usize >= shape.0 || j as usize >= shape.1) {
            return refuse(&format!("inside {}x{}", shape.0, shape.1), outside);
        }
        if let Some(at) = weights.iter().position(|&w| w == 0.0) {
            return refuse("with a weight that is not 0", positions[at]);
        }
        positions.sort_unstable();
        match positions.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => refuse("given once", pair[0]),
            None => Ok(Sampling { name: KIND.name, shape, rows, cols, weights }),
        }
    }

    /// The entries in some rows, which are counted from the first of them, and which measurements they are: what one of several ranks holds.
    /// There may be none.
    pub fn in_rows(&self, rows: Range<usize>) -> (Self, Vec<usize>) {
        let measurements: Vec<usize> = (0..self.rows.len()).filter(|&k| rows.contains(&(self.rows[k] as usize))).collect();
        let shape = (rows.len(), self.shape.1);
        let first = rows.start as u32;
        let own = measurements.iter().map(|&k| self.rows[k] - first).collect();
        let cols = measurements.iter().map(|&k| self.cols[k]).collect();
        let weights = super::rows_of(&self.weights, 1, &measurements);
        (Sampling { name: self.name, shape, rows: own, cols, weights }, measurements)
    }

    pub(super) fn named(self, name: &'static str) -> Self {
        Sampling { name, ..self }
    }

    fn positions(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.rows.iter().zip(&self.cols).map(|(&i, &j)| (i as usize, j as usize))
    }
}

fn sample(seed: u64) -> Box<dyn MeasurementMap> {
    let (d1, d2) = (9, 7);
    let mut rng = stream(seed, 3);
    let (mut rows, mut cols, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..d1 {
        for j in 0..d2 {
            if (i + j) % 4 == 0 || rng.random::<f64>() < 0.5 {
                rows.push(i);
                cols.push(j);
                weights.push(0.5 + rng.random::<f64>());
            }
        }
    }
    Box::new(Sampling::new((d1 as usize, d2 as usize), rows, cols, weights).expect("positions are inside"))
}

impl MeasurementMap for Sampling {
    fn name(&self) -> &'static str {
        self.name
    }

    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn definition(&self) -> Definition<'_> {
        Definition::Entries(&self.rows, &self.cols, &self.weights)
    }

    fn apply(&self, x: &[f64], out: &mut [f64]) {
        for (((i, j), w), out) in self.positions().zip(&self.weights).zip(out) {
            *out = w * x[i * self.shape.1 + j];
        }
    }

    fn adjoint(&self, y: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (((i, j), w), y) in self.positions().zip(&self.weights).zip(y) {
            out[i * self.shape.1 + j] = w * y;
        }
    }

    fn apply_factored(&self, factors: &Factors, out: &mut [f64]) {
        for (((i, j), w), out) in self.positions().zip(&self.weights).zip(out) {
            let (u, v) = factors.row_pair(i, j);
            *out = w * dot(u, v);
        }
    }

    fn adjoint_times(&self, y: &[f64], side: Side, factor: &[f64], rank: usize, out: &mut [f64]) {
        out.fill(0.0);
        for (((i, j), w), y) in self.positions().zip(&self.weights).zip(y) {
            let (own, other) = if side == Side::U { (i, j) } else { (j, i) };
            let row = &factor[other * rank..][..rank];
            out[own * rank..][..rank].iter_mut().zip(row).for_each(|(out, x)| *out += w * y * x);
        }
    }

    fn jacobian(&self, side: Side, factor: &[f64], rank: usize, out: &mut [f64]) {
        let width = if side == Side::U { self.shape.0 } else { self.shape.1 } * rank;
        out.fill(0.0);
        for (((i, j), w), out) in self.positions().zip(&self.weights).zip(out.chunks_exact_mut(width)) {
            let (own, other) = if side == Side::U { (i, j) } else { (j, i) };
            let row = &factor[other * rank..][..rank];
            out[own * rank..][..rank].iter_mut().zip(row).for_each(|(out, x)| *out = w * x);
        }
    }

    fn factored_jacobian(&self, factors: &Factors) -> Jacobian {
        Jacobian::of_entries(self.positions().zip(self.weights.iter().copied()), factors)
    }

    fn second_moments(&self) -> (Moment, Moment) {
        let (mut left, mut right) = (vec![0.0; self.shape.0], vec![0.0; self.shape.1]);
        for ((i, j), w) in self.positions().zip(&self.weights) {
            left[i] += w * w;
            right[j] += w * w;
        }
        (Moment::Diagonal(left), Moment::Diagonal(right))
    }

    fn gram(&self) -> Gram {
        Gram::Diagonal(self.weights.iter().map(|w| w * w).collect())
    }

    fn transformed(&self, left: &Weight, right: &Weight) -> Box<dyn MeasurementMap> {
        let (left, right) = (left.diagonal(), right.diagonal());
        let weights = self.positions().zip(&self.weights).map(|((i, j), w)| left[i] * w * right[j]).collect();
        Box::new(Sampling { weights, ..self.clone() })
    }

    fn selected(&self, measurements: &[usize]) -> Box<dyn MeasurementMap> {
        let at = |x: &[u32]| measurements.iter().map(|&k| x[k]).collect();
        let weights = super::rows_of(&self.weights, 1, measurements);
        Box::new(Sampling { name: KIND.name, shape: self.shape, rows: at(&self.rows), cols: at(&self.cols), weights })
    }

    fn scaled(&self, exponent: i32) -> Box<dyn MeasurementMap> {
        Box::new(Sampling { weights: scale_all(&self.weights, exponent), ..self.clone() })
    }
}
