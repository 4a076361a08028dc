//! The measurements of an instance, evaluated from its arrays alone, with bounds on what rounding did.

use super::bounds::{ROOM, norm, up};
use crate::linalg::{
    dot, dot_error, gram_lower, gram_of_rows, largest_magnitude, mul, mul_transpose, multiply_transposed_vector, rounding, row_major, scale_all,
};
use crate::map::{Definition, MeasurementMap};
use std::borrow::Cow;
use std::ops::Range;

/// A, brought near 1 by a power of two.
pub(super) struct Measured<'a> {
    pub shape: (usize, usize),
    pub p: usize,
    pub exponent: i32,
    arrays: Arrays<'a>,
    /// ‖A‖_F = √Σ‖Aᵢ‖², rounded up.
    pub size: f64,
    /// At least max ‖A(X)‖ / ‖X‖_F: √‖(⟨Aᵢ, Aⱼ⟩)‖_∞ where those products are at hand, else ‖A‖_F.
    pub operator_norm: f64,
    /// (⟨Aᵢ, Aⱼ⟩) of outer products, with a bound on the error of its spectral norm.
    gram: Option<Near>,
}

/// Measurements whose p×p products are formed.
const LARGEST_GRAM: usize = 8192;

enum Arrays<'a> {
    Dense(Cow<'a, [f64]>),
    OuterProducts(Cow<'a, [f64]>, Cow<'a, [f64]>),
    Entries(Vec<usize>, Vec<usize>, Cow<'a, [f64]>),
}

/// A computed array and a bound on the Frobenius norm of its error.
pub(super) struct Near {
    pub values: Vec<f64>,
    pub error: f64,
}

/// Numbers near 1: x·2⁻ᵏ, with ‖x·2⁻ᵏ‖ rounded up.
struct NearOne<'a> {
    x: Cow<'a, [f64]>,
    exponent: i32,
    norm: f64,
}

/// ‖x‖ for which squares and products of squares stay far from the ends of the range: such x are taken as they are.
const NEAR_ONE: std::ops::Range<f64> = 1e-20..1e20;

impl<'a> NearOne<'a> {
    /// None for zeros.
    fn of(x: &'a [f64]) -> Option<Self> {
        let of_x = norm(x);
        if NEAR_ONE.contains(&of_x) {
            return Some(NearOne { x: Cow::Borrowed(x), exponent: 0, norm: of_x });
        }
        let exponent = crate::linalg::exponent(largest_magnitude(x))?;
        let x = scale_all(x, -exponent);
        Some(NearOne { norm: norm(&x), x: Cow::Owned(x), exponent })
    }
}

impl<'a> Measured<'a> {
    /// None for a map that is zero.
    pub fn of(map: &'a dyn MeasurementMap) -> Option<Self> {
        let shape = map.shape();
        let (arrays, exponent, size) = match map.definition() {
            Definition::Dense(a) => {
                let a = NearOne::of(a)?;
                (Arrays::Dense(a.x), a.exponent, a.norm)
            }
            Definition::OuterProducts(l, r) => {
                let (l, r) = (NearOne::of(l)?, NearOne::of(r)?);
                let norms = |x: &[f64], d: usize| x.chunks_exact(d).map(norm).collect::<Vec<f64>>();
                let sizes: Vec<f64> = norms(&l.x, shape.0).iter().zip(norms(&r.x, shape.1)).map(|(l, r)| l * r).collect();
                (Arrays::OuterProducts(l.x, r.x), l.exponent + r.exponent, norm(&sizes))
            }
            Definition::Entries(rows, cols, weights) => {
                let w = NearOne::of(weights)?;
                let index = |x: &[u32]| x.iter().map(|&i| i as usize).collect();
                (Arrays::Entries(index(rows), index(cols), w.x), w.exponent, w.norm)
            }
        };
        let p = map.len();
        let gram = match &arrays {
            Arrays::OuterProducts(l, r) if p <= LARGEST_GRAM => Some(gram_of_outer_products(l, r, shape, p)),
            _ => None,
        };
        let operator_norm = match (&arrays, &gram) {
            (Arrays::Entries(_, _, w), _) => w.iter().fold(0.0f64, |m, w| m.max(w.abs())),
            (_, Some(gram)) => {
                let widest = gram.values.chunks_exact(p).map(|row| row.iter().map(|g| g.abs()).sum::<f64>()).fold(0.0, f64::max);
                up((widest * (1.0 + rounding(p)) + gram.error).sqrt()).min(size)
            }
            _ => size,
        };
        Some(Measured { shape, p, exponent, arrays, size, operator_norm, gram })
    }

    /// A(X).
    pub fn fitted(&self, x: &[f64]) -> Near {
        let (d1, d2) = self.shape;
        let (values, roundings): (Vec<f64>, f64) = match &self.arrays {
            Arrays::Dense(a) => (a.chunks_exact(d1 * d2).map(|a| dot(a, x)).collect(), dot_error(d1 * d2)),
            Arrays::OuterProducts(l, r) => {
                let mut halfway = vec![0.0; self.p * d2];
                mul(row_major(l, self.p, d1), row_major(x, d1, d2), &mut halfway);
                (halfway.chunks_exact(d2).zip(r.chunks_exact(d2)).map(|(h, r)| dot(h, r)).collect(), rounding(d1 + d2 + 4))
            }
            Arrays::Entries(rows, cols, w) => (rows.iter().zip(cols).zip(w.iter()).map(|((i, j), w)| w * x[i * d2 + j]).collect(), rounding(1)),
        };
        Near { values, error: up(roundings * self.size * norm(x)) }
    }

    /// A*(y).
    pub fn combined(&self, y: &[f64]) -> Near {
        let (d1, d2) = self.shape;
        let mut values = vec![0.0; d1 * d2];
        match &self.arrays {
            Arrays::Dense(a) => multiply_transposed_vector(a, y, &mut values),
            Arrays::OuterProducts(l, r) => {
                let weighted: Vec<f64> = l.chunks_exact(d1).zip(y).flat_map(|(l, y)| l.iter().map(move |l| y * l)).collect();
                mul_transpose(row_major(&weighted, self.p, d1), row_major(r, self.p, d2), &mut values);
            }
            Arrays::Entries(rows, cols, w) => rows.iter().zip(cols).zip(w.iter()).zip(y).for_each(|(((i, j), w), y)| values[i * d2 + j] += w * y),
        }
        Near { values, error: up(rounding(self.p + 4) * self.size * norm(y)) }
    }

    /// AᵢC, d1×r, of each of these measurements.
    pub fn along(&self, some: Range<usize>, c: &[f64], rank: usize) -> Vec<f64> {
        let (d1, d2) = self.shape;
        let mut out = vec![0.0; some.len() * d1 * rank];
        match &self.arrays {
            Arrays::Dense(a) => mul(row_major(of(a, &some, d1 * d2), some.len() * d1, d2), row_major(c, d2, rank), &mut out),
            Arrays::OuterProducts(l, r) => outer_rows((of(l, &some, d1), d1), (of(r, &some, d2), d2), c, rank, &mut out),
            Arrays::Entries(rows, cols, w) => entry_rows(&rows[some.clone()], &cols[some.clone()], &w[some], c, rank, d1, &mut out),
        }
        out
    }

    /// AᵢᵀC, d2×r, of each of these measurements.
    pub fn across(&self, some: Range<usize>, c: &[f64], rank: usize) -> Vec<f64> {
        let (d1, d2) = self.shape;
        let mut out = vec![0.0; some.len() * d2 * rank];
        match &self.arrays {
            Arrays::Dense(a) => {
                let columns: Vec<f64> = (0..rank * d1).map(|at| c[at % d1 * rank + at / d1]).collect();
                let mut product = vec![0.0; d2];
                for (a, out) in of(a, &some, d1 * d2).chunks_exact(d1 * d2).zip(out.chunks_exact_mut(d2 * rank)) {
                    for (k, column) in columns.chunks_exact(d1).enumerate() {
                        multiply_transposed_vector(a, column, &mut product);
                        product.iter().enumerate().for_each(|(j, x)| out[j * rank + k] = *x);
                    }
                }
            }
            Arrays::OuterProducts(l, r) => outer_rows((of(r, &some, d2), d2), (of(l, &some, d1), d1), c, rank, &mut out),
            Arrays::Entries(rows, cols, w) => entry_rows(&cols[some.clone()], &rows[some.clone()], &w[some], c, rank, d2, &mut out),
        }
        out
    }

    /// At least max ‖A(X)‖ / ‖X‖_F, as sharp as p×p products make it.
    pub fn sharp_norm(&self) -> f64 {
        let Arrays::Dense(a) = &self.arrays else { return self.operator_norm };
        let mut gram = vec![0.0; self.p * self.p];
        gram_of_rows(a, self.p, &mut gram);
        let trace = up((0..self.p).map(|k| gram[k * self.p + k]).sum());
        let formed = up(2.0 * rounding(self.shape.0 * self.shape.1 + 4) * trace);
        super::bounds::largest_eigenvalue(&gram, self.p, trace).map_or(self.operator_norm, |l| up((l + formed).sqrt()).min(self.operator_norm))
    }

    /// JᵀJ of the rows (AᵢV, AᵢᵀU) of single entries, each with 2r numbers that are not zero; Aᵢ is weighted by l and r. None for other maps.
    pub fn gram_of_entries(&self, (l, r): (&[f64], &[f64]), u: &[f64], v: &[f64], rank: usize) -> Option<Vec<f64>> {
        let Arrays::Entries(rows, cols, w) = &self.arrays else { return None };
        let width = (self.shape.0 + self.shape.1) * rank;
        let mut gram = vec![0.0; width * width];
        for ((&i, &j), w) in rows.iter().zip(cols).zip(w.iter()) {
            let weight = w * l[i] * r[j];
            let left = (i * rank..).zip(&v[j * rank..][..rank]);
            let right = ((self.shape.0 + j) * rank..).zip(&u[i * rank..][..rank]);
            let row: Vec<(usize, f64)> = left.chain(right).map(|(at, x)| (at, weight * x)).collect();
            for &(at, x) in &row {
                row.iter().for_each(|&(other, y)| gram[at * width + other] += x * y);
            }
        }
        Some(gram)
    }

    /// Σ AᵢAᵢᵀ and Σ AᵢᵀAᵢ, each with a bound on the error of its spectral norm; for single entries, only the diagonals.
    ///
    /// |computed − exact| ≤ γ Σ |Aᵢ||Aᵢ|ᵀ, whose norm is at most the trace ‖A‖_F²; γ counts the additions that one product passes. That is symmetric,
    /// so the same holds for the matrix that one triangle of the computed one makes.
    pub fn moments(&self) -> (Near, Near, bool) {
        let (d1, d2) = self.shape;
        let (left, right, roundings, diagonal) = match &self.arrays {
            Arrays::Dense(a) => {
                let (left, right) = (sum_of_grams(a, (d1, d2)), gram_in_blocks(a, d2));
                (left, right, (BLOCK + self.p * d1 / BLOCK).max(BESIDE * d2 + self.p / BESIDE), false)
            }
            Arrays::OuterProducts(l, r) => {
                let left = outer_moment(l, d1, r, d2);
                let right = if l == r { left.clone() } else { outer_moment(r, d2, l, d1) };
                (left, right, d1.max(d2) + FEW + self.p / FEW, false)
            }
            Arrays::Entries(rows, cols, w) => {
                let (mut left, mut right) = (vec![0.0; d1], vec![0.0; d2]);
                for ((&i, &j), w) in rows.iter().zip(cols).zip(w.iter()) {
                    left[i] += w * w;
                    right[j] += w * w;
                }
                (left, right, self.p, true)
            }
        };
        let error = up(rounding(roundings + 8) * self.size * self.size);
        (Near { values: left, error }, Near { values: right, error }, diagonal)
    }

    /// A lower bound on ‖A*(y)‖_F / ‖y‖: positive only if the measurements are independent.
    pub fn independence(&self) -> Option<f64> {
        let size = self.shape.0 * self.shape.1;
        let p = self.p;
        if p > size {
            return None;
        }
        match &self.arrays {
            Arrays::Entries(_, _, w) => Some(w.iter().fold(f64::INFINITY, |m, w| m.min(w.abs()))),
            // fewer columns of a p×(d1·d2) array have smaller singular values, and cost less
            Arrays::Dense(a) => {
                let some = size.min(p + p / 8 + 16);
                let of = |columns: usize| super::bounds::positive_gram_floor(row_major(a, p, size).subcols(0, columns).transpose());
                let bound = of(some).or_else(|| if some < size { of(size) } else { None })?;
                Some(bound.sqrt() * (1.0 - ROOM))
            }
            Arrays::OuterProducts(..) => {
                let gram = self.gram.as_ref()?;
                let trace = up((0..p).map(|k| gram.values[k * p + k]).sum());
                let bound = super::bounds::positive_floor(&gram.values, p, trace, gram.error)?;
                Some(bound.sqrt() * (1.0 - ROOM))
            }
        }
    }
}

/// Rows whose products are added up before they are added to the others': then a product passes few additions.
const BLOCK: usize = 256;
/// The same where there are few rows.
const FEW: usize = 16;
/// Matrices whose Gram matrices are formed at once.
const BESIDE: usize = 4;

/// Σ AᵢAᵢᵀ, of a few matrices side by side at a time.
fn sum_of_grams(a: &[f64], (d1, d2): (usize, usize)) -> Vec<f64> {
    let (mut sum, mut part) = (vec![0.0; d1 * d1], vec![0.0; d1 * d1]);
    let mut beside = vec![0.0; BESIDE * d1 * d2];
    for some in a.chunks(BESIDE * d1 * d2) {
        let width = some.len() / d1;
        for (at, row) in some.chunks_exact(d2).enumerate() {
            beside[at % d1 * width + at / d1 * d2..][..d2].copy_from_slice(row);
        }
        gram_of_rows(&beside[..some.len()], d1, &mut part);
        sum.iter_mut().zip(&part).for_each(|(sum, part)| *sum += part);
    }
    sum
}

/// MᵀM of a row-major M with so many columns, block by block.
fn gram_in_blocks(m: &[f64], width: usize) -> Vec<f64> {
    let (mut sum, mut part) = (vec![0.0; width * width], vec![0.0; width * width]);
    for block in m.chunks(BLOCK * width) {
        gram_lower(row_major(block, block.len() / width, width).transpose(), &mut part);
        sum.iter_mut().zip(&part).for_each(|(sum, part)| *sum += part);
    }
    sum
}

/// (lᵢᵀlⱼ)(rᵢᵀrⱼ): the error of each is at most γ ‖lᵢ‖‖lⱼ‖‖rᵢ‖‖rⱼ‖, a matrix of norm at most the trace.
fn gram_of_outer_products(l: &[f64], r: &[f64], (d1, d2): (usize, usize), p: usize) -> Near {
    let mut values = vec![0.0; p * p];
    gram_of_rows(l, p, &mut values);
    if l == r {
        values.iter_mut().for_each(|g| *g *= *g);
    } else {
        let mut right = vec![0.0; p * p];
        gram_of_rows(r, p, &mut right);
        values.iter_mut().zip(&right).for_each(|(g, r)| *g *= r);
    }
    let trace = up((0..p).map(|k| values[k * p + k]).sum());
    Near { values, error: up(2.0 * rounding(d1 + d2 + 4) * trace) }
}

/// The rows of a row-major matrix that belong to these measurements.
fn of<'a>(rows: &'a [f64], some: &Range<usize>, width: usize) -> &'a [f64] {
    &rows[some.start * width..some.end * width]
}

/// Row i: lᵢ (rᵢᵀC).
fn outer_rows((l, d): (&[f64], usize), (r, other): (&[f64], usize), c: &[f64], rank: usize, out: &mut [f64]) {
    let p = l.len() / d;
    let mut inner = vec![0.0; p * rank];
    mul(row_major(r, p, other), row_major(c, other, rank), &mut inner);
    for ((l, inner), out) in l.chunks_exact(d).zip(inner.chunks_exact(rank)).zip(out.chunks_exact_mut(d * rank)) {
        for (l, out) in l.iter().zip(out.chunks_exact_mut(rank)) {
            out.iter_mut().zip(inner).for_each(|(out, inner)| *out = l * inner);
        }
    }
}

fn entry_rows(own: &[usize], other: &[usize], w: &[f64], c: &[f64], rank: usize, d: usize, out: &mut [f64]) {
    for (((&i, &j), w), out) in own.iter().zip(other).zip(w).zip(out.chunks_exact_mut(d * rank)) {
        (0..rank).for_each(|k| out[i * rank + k] = w * c[j * rank + k]);
    }
}

/// Σ ‖r‖² l lᵀ.
fn outer_moment(l: &[f64], d: usize, r: &[f64], other: usize) -> Vec<f64> {
    let squares: Vec<f64> = r.chunks_exact(other).map(|r| dot(r, r)).collect();
    let weighted: Vec<f64> = l.chunks_exact(d).zip(squares).flat_map(|(l, square)| l.iter().map(move |l| l * square)).collect();
    let (mut sum, mut part) = (vec![0.0; d * d], vec![0.0; d * d]);
    for (weighted, l) in weighted.chunks(FEW * d).zip(l.chunks(FEW * d)) {
        mul_transpose(row_major(weighted, l.len() / d, d), row_major(l, l.len() / d, d), &mut part);
        sum.iter_mut().zip(&part).for_each(|(sum, part)| *sum += part);
    }
    sum
}
