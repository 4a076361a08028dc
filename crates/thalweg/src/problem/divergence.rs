//! Σ w d_β(X | U Vᵀ) over the observed entries, with U, V ≥ 0.

use super::row_fit::{DivergenceUpdate, RowFit, RowWork};
use super::{Constraints, Loss, Measure, Nmf, RowSet, When};
use crate::data::{Csr, Matrix, Observed, Summary};
use crate::linalg::{Real, exponent, fixed_order_sum, scale, simd};
use crate::{Error, Factors, Side};
use rayon::prelude::*;

/// min Σ_observed w d_β(X | UVᵀ) over U ≥ 0 (m×r), V ≥ 0 (n×r), d_β as in [`Loss`].
///
/// Given one factor, the fit separates over the rows of the other ([`RowFit`]), and every sum runs over the stored entries of a row. For
/// β = 1 the zeros of sparse data enter through Σ_j v_j alone, so work and memory are O(stored·r + (m+n)r). For other β every zero has its
/// own term p^β/β: sparse data with zeros that are not stored are refused, not filled in.
///
/// Fitted entries below [`FIT_FLOOR`](super::FIT_FLOOR) times the data's unit count as that. Rows of U (and V) belong to one thread each
/// and are summed over in blocks of fixed size: bits do not depend on the number of threads. Data times a power of two give factors times
/// powers of two.
#[derive(Debug)]
pub struct Divergence<'a, T = f64> {
    nmf: Nmf<'a, T>,
    loss: Loss,
    /// The largest entry is in [1, 2)·2^exponent.
    exponent: i32,
    /// Σ w x^β in those units.
    scale: f64,
}

impl<'a, T: Real> Divergence<'a, T> {
    /// Checks that the data can be factored at this rank under this loss.
    ///
    /// # Errors
    /// As [`Nmf::new`], and as [`Divergence::with_given_factor`].
    pub fn new(data: &'a Matrix<T>, rank: usize, loss: Loss) -> Result<Self, Error> {
        Self::constrained(data, rank, loss, Constraints::default())
    }

    /// The same with columns that are given.
    ///
    /// # Errors
    /// As [`Divergence::new`] and [`Nmf::constrained`]; [`Error::Parameter`] for other rows than non-negative ones.
    pub fn constrained(data: &'a Matrix<T>, rank: usize, loss: Loss, constraints: Constraints) -> Result<Self, Error> {
        Self::of(Nmf::constrained(data, rank, constraints)?, loss)
    }

    /// The same where one factor is given, so that any rank and any number of rows will do.
    ///
    /// # Errors
    /// As [`Nmf::with_given_factor`]; [`Error::InfiniteLoss`] for an observed zero where β ≤ 0; [`Error::UnstoredZeros`] for sparse data
    /// with zeros where β ≠ 1; [`Error::Range`] where x^β leaves the floating-point range.
    pub fn with_given_factor(data: &'a Matrix<T>, rank: usize, loss: Loss, constraints: Constraints) -> Result<Self, Error> {
        Self::of(Nmf::with_given_factor(data, rank, constraints)?, loss)
    }

    fn of(nmf: Nmf<'a, T>, loss: Loss) -> Result<Self, Error> {
        let (data, summary, beta) = (nmf.data(), nmf.summary(), loss.beta());
        if let Some(other) = [&nmf.constraints().u, &nmf.constraints().v].iter().map(|c| c.rows).find(|&set| set != RowSet::NonNegative) {
            let expected = format!("frobenius where the rows of a factor are to be {} (this loss takes non-negative factors)", other.name());
            return Err(Error::Parameter { name: "loss", expected, got: loss.to_string() });
        }
        check_domain(data, loss)?;
        let exponent = exponent(summary.max).unwrap_or(0);
        if f64::from(exponent).abs() * beta.abs() > 900.0 {
            return Err(Error::Range { largest: summary.max, precision: T::NAME });
        }
        let unit = scale(1.0, -exponent);
        let sum = |i: usize| data.row_entries(i).map(|(_, x, w)| w.f64() * power(x.f64() * unit, beta)).sum();
        let rows: Vec<f64> = (0..data.shape().0).map(sum).collect();
        Ok(Divergence { nmf, loss, exponent, scale: fixed_order_sum(&rows) })
    }

    /// The data, their rank and their sums.
    pub fn nmf(&self) -> &Nmf<'a, T> {
        &self.nmf
    }

    /// What is made small.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// The objective of factors that fit the data, summed entry by entry.
    pub fn objective(&self, factors: &Factors<T>) -> f64 {
        let mut u = factors.side(Side::U).to_vec();
        let value = |row: &mut RowFit<'_>| {
            row.predict();
            Measure { model: row.value(), residual: 0.0 }
        };
        self.in_units_of_data(self.each_row(Side::U, factors.side(Side::V), &mut u, &value).model)
    }

    /// A sum of [`Measure::model`] as an objective: half-steps work in units of 2^⌊log₂ max x⌋.
    pub fn in_units_of_data(&self, model: f64) -> f64 {
        model * (f64::from(self.exponent) * self.loss.beta()).exp2()
    }

    /// √(Σ residuals / Σ w x^β): the stationarity residual.
    pub fn relative(&self, residual: f64) -> f64 {
        if residual > 0.0 { (residual / self.scale).sqrt() } else { 0.0 }
    }

    /// ∂/∂U (or V, by `side`) of the objective, row-major, in units in which the largest entry of X is between 1 and 2.
    pub fn gradient(&self, side: Side, factors: &Factors<T>) -> Vec<T> {
        let mut out = factors.side(side).to_vec();
        self.each_row(side, factors.side(side.other()), &mut out, &|row| {
            row.predict();
            row.differentiate();
            (0..row.row.len()).for_each(|k| row.row[k] = row.slope(k).gradient());
            Measure::default()
        });
        out
    }

    /// Lets the rule move the rows of the `side` factor, the other being held. Returns the sum of measures, taken in a fixed order.
    pub fn half_step(&self, side: Side, held: &[T], rows: &mut [T], rule: &dyn DivergenceUpdate, when: When) -> Measure {
        self.each_row(side, held, rows, &|row| {
            let before = if when == When::Before { row.measure() } else { Measure::default() };
            rule.update(row);
            if when == When::After { row.measure() } else { before }
        })
    }

    /// Makes each row's fit and shows it to `visit`, which may move it. Sums what that returns, in a fixed order.
    fn each_row(&self, side: Side, held: &[T], rows: &mut [T], visit: &(dyn Fn(&mut RowFit<'_>) -> Measure + Sync)) -> Measure {
        let (data, r) = (self.nmf.data(), self.nmf.rank());
        let (full, hidden) = data.full_and_hidden();
        let unit = scale(1.0, -self.exponent);
        let is_dense = matches!(data, Matrix::Dense(_));
        let free = self.nmf.constraints().side(side).free(r);
        let free = &free[..];
        let shared = if is_dense { by_component(held, r, unit) } else { Vec::new() };
        // where all entries are given, every row has the same Σ v
        let is_full = matches!(data, Matrix::Dense(_) | Matrix::Sparse(_));
        let mass = (self.loss == Loss::KullbackLeibler && (is_full || data.has_unstored_zeros())).then(|| mass(held, r, unit));
        let blocks = rows.par_chunks_mut(BLOCK * r).enumerate().map(|(block, rows)| {
            let first = block * BLOCK;
            let dense = dense_rows(full, side, first..first + rows.len() / r, unit);
            let (mut entries, mut work, mut row) = (Entries::default(), RowWork::default(), vec![0.0; r]);
            if is_dense {
                entries.weights.resize(held.len() / r, 1.0);
            }
            let mut sum = Measure::default();
            for (i, moved) in rows.chunks_exact_mut(r).enumerate() {
                row.iter_mut().zip(&*moved).for_each(|(to, from)| *to = from.f64());
                let hidden = hidden.map_or(&[][..], |h| h.entries.rows_of(side).row(first + i).0);
                match full {
                    Matrix::Dense(_) if is_dense => {}
                    Matrix::Dense(_) | Matrix::AllBut(_) => {
                        let row = dense[i * held.len() / r..][..held.len() / r].iter().enumerate();
                        let given = row.filter(|(j, _)| hidden.binary_search(&(*j as u32)).is_err());
                        entries.gather(given.map(|(j, &x)| (j, x, 1.0)), held, r, unit);
                    }
                    Matrix::Sparse(x) => entries.gather(row_of(x.rows_of(side), None, first + i, unit), held, r, unit),
                    Matrix::Observed(Observed { entries: x, weights }) => {
                        let weights = weights.as_ref().map(|w| w.rows_of(side));
                        entries.gather(row_of(x.rows_of(side), weights, first + i, unit), held, r, unit);
                    }
                }
                let own_mass = match &mass {
                    None => (self.loss == Loss::KullbackLeibler).then(|| entries.mass(r)),
                    Some(_) if hidden.is_empty() => None,
                    Some(mass) => Some(mass_without(mass, hidden, held, r, unit)),
                };
                let (components, values) = if is_dense {
                    let count = held.len() / r;
                    (&shared[..], &dense[i * count..][..count])
                } else {
                    (&entries.components[..], &entries.values[..])
                };
                let mass = own_mass.as_deref().or(mass.as_deref());
                let (loss, weights, has_unstored) = (self.loss, &entries.weights[..], data.has_unstored_zeros());
                let mut fit = RowFit { loss, components, values, weights, mass, has_unstored, free, row: &mut row, work: &mut work };
                sum = sum + visit(&mut fit);
                moved.iter_mut().zip(&row).for_each(|(to, &from)| *to = T::of(from));
            }
            sum
        });
        let sums: Vec<Measure> = blocks.collect();
        let in_order = |f: fn(&Measure) -> f64| fixed_order_sum(&sums.iter().map(f).collect::<Vec<_>>());
        Measure { model: in_order(|m| m.model), residual: in_order(|m| m.residual) }
    }
}

/// Rows that one thread works on before the next block: small, because the rows of sparse data differ a lot.
const BLOCK: usize = 16;

/// x^β, with 0 for x = 0 as it does not count there.
fn power(x: f64, beta: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.powf(beta) }
}

fn check_domain<T: Real>(data: &Matrix<T>, loss: Loss) -> Result<(), Error> {
    if data.has_unstored_zeros() && loss != Loss::KullbackLeibler {
        let Summary { observed, stored, .. } = data.summary();
        let zeros = observed - stored;
        if zeros > 0 {
            return Err(Error::UnstoredZeros { loss: loss.to_string(), zeros });
        }
    }
    if loss.beta() > 0.0 {
        return Ok(());
    }
    for row in 0..data.shape().0 {
        if let Some((col, ..)) = data.row_entries(row).find(|(_, x, w)| x.f64() == 0.0 && w.f64() > 0.0) {
            return Err(Error::InfiniteLoss { loss: loss.to_string(), row, col });
        }
    }
    Ok(())
}

/// Σ of the rows of a factor.
fn mass<T: Real>(held: &[T], r: usize, unit: f64) -> Vec<f64> {
    let mut sums = vec![0.0; r];
    for row in held.chunks_exact(r) {
        sums.iter_mut().zip(row).for_each(|(s, v)| *s += v.f64() * unit);
    }
    sums
}

/// The same without the hidden rows; from the rows that are left where the difference would cancel.
fn mass_without<T: Real>(all: &[f64], hidden: &[u32], held: &[T], r: usize, unit: f64) -> Vec<f64> {
    let mut left = all.to_vec();
    for &j in hidden {
        left.iter_mut().zip(&held[j as usize * r..][..r]).for_each(|(s, v)| *s -= v.f64() * unit);
    }
    if left.iter().zip(all).any(|(left, all)| 16.0 * left < *all) {
        left.fill(0.0);
        let mut hidden = hidden.iter().copied().peekable();
        for (j, row) in held.chunks_exact(r).enumerate() {
            if hidden.next_if_eq(&(j as u32)).is_none() {
                left.iter_mut().zip(row).for_each(|(s, v)| *s += v.f64() * unit);
            }
        }
    }
    left
}

/// A factor's transpose, times `unit`.
fn by_component<T: Real>(held: &[T], r: usize, unit: f64) -> Vec<f64> {
    let count = held.len() / r;
    let mut out = vec![0.0; held.len()];
    for (j, v) in held.chunks_exact(r).enumerate() {
        for (k, v) in v.iter().enumerate() {
            out[k * count + j] = v.f64() * unit;
        }
    }
    out
}

/// These rows of a dense X (or Xᵀ, by `side`), times `unit`; nothing of other data.
fn dense_rows<T: Real>(data: &Matrix<T>, side: Side, rows: std::ops::Range<usize>, unit: f64) -> Vec<f64> {
    let Matrix::Dense(x) = data else { return Vec::new() };
    let (m, n) = data.shape();
    match side {
        Side::U => x.values()[rows.start * n..rows.end * n].iter().map(|x| x.f64() * unit).collect(),
        Side::V => {
            let mut out = vec![0.0; rows.len() * m];
            for i in 0..m {
                for (at, x) in x.values()[i * n..][rows.clone()].iter().enumerate() {
                    out[at * m + i] = x.f64() * unit;
                }
            }
            out
        }
    }
}

/// Row i of these entries: (column, value, weight).
fn row_of<'x, T: Real>(x: &'x Csr<T>, weights: Option<&'x Csr<T>>, i: usize, unit: f64) -> impl Iterator<Item = (usize, f64, f64)> + 'x {
    let (columns, values) = x.row(i);
    let weights = weights.map(|w| w.row(i).1);
    let entries = columns.iter().zip(values).enumerate();
    entries.map(move |(e, (&j, x))| (j as usize, x.f64() * unit, weights.map_or(1.0, |w| w[e].f64())))
}

/// The entries of one row, in f64 and in units of the data.
#[derive(Default)]
struct Entries {
    components: Vec<f64>,
    values: Vec<f64>,
    weights: Vec<f64>,
    /// Where each entry's row of the held factor begins.
    held: Vec<usize>,
}

impl Entries {
    /// These entries of a row, as (column, value, weight); those of weight 0 are left out, so that no infinite term is multiplied by it.
    fn gather<T: Real>(&mut self, row: impl Iterator<Item = (usize, f64, f64)>, held: &[T], r: usize, unit: f64) {
        self.held.clear();
        self.values.clear();
        self.weights.clear();
        for (j, x, w) in row.filter(|e| e.2 > 0.0) {
            self.held.push(j * r);
            self.values.push(x);
            self.weights.push(w);
        }
        let count = self.held.len();
        self.components.clear();
        self.components.resize(count * r, 0.0);
        let (components, starts) = (&mut self.components[..], &self.held[..]);
        simd(|| {
            for (at, &start) in starts.iter().enumerate() {
                let v = &held[start..][..r];
                for k in 0..r {
                    components[k * count + at] = v[k].f64() * unit;
                }
            }
        });
    }

    /// Σ w v.
    fn mass(&self, r: usize) -> Vec<f64> {
        let count = self.weights.len();
        let of = |k: usize| self.components[k * count..][..count].iter().zip(&self.weights).map(|(v, w)| v * w).sum();
        (0..r).map(of).collect()
    }
}
