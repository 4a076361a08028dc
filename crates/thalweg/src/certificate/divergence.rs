//! Is the point stationary under a divergence? Entry by entry, from the definition.

use super::Stationarity;
use crate::data::{Csr, Matrix, Observed};
use crate::linalg::{exponent, fixed_order_sum, scale};
use crate::problem::{Constraints, Divergence, FIT_FLOOR, Loss, ScaledPenalty};
use crate::{Error, Factors, Side};
use rayon::prelude::*;

/// Recomputes objective and stationarity under a loss from the data; for least squares, which alone can have a penalty, as [`penalised_stationarity`](super::penalised_stationarity).
///
/// With p = UVᵀ, g = ∂f/∂u_ik = Σ_j w (p^(β−1) − x p^(β−2)) v_jk, and h = Σ_j w c v_jk² where c is the second derivative of the convex part
/// of d_β ((2−β) x p^(β−3) for β < 1, (β−1) p^(β−2) for β > 2, the sum of both between), over both factors:
///
/// ```text
/// kkt            = √( Σ_ik g_ik min(u_ik, g_ik / h_ik) / Σ w x^β )        (g u where h = 0)
/// relative_error = Σ w d_β(x | p) / Σ w d_β(x | mean of X)
/// ```
///
/// Each term of `kkt` is twice the gain that a Newton step in that entry promises, or g·u where it would end at zero: 0 exactly at
/// stationary points, the same for cX and for (UD, VD⁻¹). An entry at zero with a negative gradient counts. `relative_error` is the
/// share of the divergence from the best constant that is left (the mean is the best constant for every β); for data that are constant
/// the divisor is Σ w x^β.
///
/// # Errors
/// As [`penalised_stationarity`](super::penalised_stationarity), and as [`Divergence::with_given_factor`].
pub fn stationarity_under(data: &Matrix<f64>, factors: &Factors<f64>, loss: Loss, penalty: &ScaledPenalty) -> Result<Stationarity, Error> {
    constrained_stationarity(data, factors, &Constraints::default(), loss, penalty)
}

/// The same under constraints: the residual is that of the entries that are free, each in the set where its row lies. For rows that sum to
/// one the step is the one that the diagonal of the Hessian asks for within the simplex.
///
/// # Errors
/// As [`stationarity_under`]; [`Error::Outside`] if a factor does not lie where it must or a given column was moved.
pub fn constrained_stationarity(
    data: &Matrix<f64>,
    factors: &Factors<f64>,
    constraints: &Constraints,
    loss: Loss,
    penalty: &ScaledPenalty,
) -> Result<Stationarity, Error> {
    if !constraints.is_plain() {
        super::kkt::check_factors(data.shape(), factors)?;
        constraints.check((factors.rows(), factors.cols(), factors.rank()))?;
        constraints.check_factors(&data.observed_counts(), factors, ["U", "V"])?;
    }
    if loss == Loss::Frobenius {
        return super::kkt::least_squares_stationarity(data, factors, constraints, penalty);
    }
    super::kkt::check_factors(data.shape(), factors)?;
    Divergence::with_given_factor(data, factors.rank(), loss, constraints.clone())?;
    let summary = data.summary();
    let (beta, exponent) = (loss.beta(), exponent(summary.max).unwrap_or(0));
    let point = Point { loss, constraints, rank: factors.rank(), unit: scale(1.0, -exponent), mean: mean(data) * scale(1.0, -exponent) };
    let [u, v] = [Side::U, Side::V].map(|side| point.side(data, side, factors.side(side), factors.side(side.other())));
    let share = |part: f64, whole: f64| if part > 0.0 { part / whole } else { 0.0 };
    let from_mean = if u.from_mean > 1e-12 * u.weight { u.from_mean } else { u.weight };
    Ok(Stationarity {
        kkt: share(u.steps + v.steps, u.weight).sqrt(),
        objective: u.objective * (f64::from(exponent) * beta).exp2(),
        penalty: 0.0,
        relative_error: share(u.objective, from_mean),
    })
}

/// Σ w x / Σ w over the observed entries.
fn mean(data: &Matrix<f64>) -> f64 {
    let of_row = |i: usize| data.row_entries(i).fold([0.0, 0.0], |[weights, sum], (_, x, w)| [weights + w, sum + w * x]);
    let rows: Vec<[f64; 2]> = (0..data.shape().0).map(of_row).collect();
    let [weights, sum] = [0, 1].map(|at| fixed_order_sum(&rows.iter().map(|r| r[at]).collect::<Vec<_>>()));
    let count = if data.has_unstored_zeros() { data.summary().observed as f64 } else { weights };
    if count > 0.0 { sum / count } else { 0.0 }
}

/// Where the sums are taken; data and products in units of the largest entry's power of two.
struct Point<'a> {
    loss: Loss,
    constraints: &'a Constraints,
    rank: usize,
    unit: f64,
    mean: f64,
}

/// Sums over some rows.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    /// Σ w d(x|p).
    objective: f64,
    /// Σ w d(x|mean).
    from_mean: f64,
    /// Σ w x^β.
    weight: f64,
    /// Σ g min(u, g/h).
    steps: f64,
}

impl Point<'_> {
    fn side(&self, data: &Matrix<f64>, side: Side, own: &[f64], other: &[f64]) -> Sums {
        let r = self.rank;
        let mut total = vec![0.0; r];
        other.chunks_exact(r).for_each(|v| total.iter_mut().zip(v).for_each(|(t, v)| *t += v * self.unit));
        let rows: Vec<Sums> = (0..own.len() / r).into_par_iter().map(|i| self.row(data, side, i, &own[i * r..][..r], other, &total)).collect();
        let sum = |of: fn(&Sums) -> f64| fixed_order_sum(&rows.iter().map(of).collect::<Vec<_>>());
        Sums { objective: sum(|s| s.objective), from_mean: sum(|s| s.from_mean), weight: sum(|s| s.weight), steps: sum(|s| s.steps) }
    }

    fn row(&self, data: &Matrix<f64>, side: Side, i: usize, u: &[f64], other: &[f64], total: &[f64]) -> Sums {
        let beta = self.loss.beta();
        let (mut sums, mut gradient, mut curvature) = (Sums::default(), vec![0.0; self.rank], vec![0.0; self.rank]);
        let mut zeros = Unstored::new(data, u, total, other.len() / self.rank);
        let (full, hidden) = data.full_and_hidden();
        let hidden = hidden.map_or(&[][..], |h| h.entries.rows_of(side).row(i).0);
        for &j in hidden {
            let v = &other[j as usize * self.rank..][..self.rank];
            zeros.take_out(u.iter().zip(v).map(|(u, v)| u * (v * self.unit)).sum(), v, self.unit);
        }
        let is_given = |j: usize| hidden.binary_search(&(j as u32)).is_err();
        for (j, x, w) in entries(full, side, i).filter(|e| e.2 > 0.0 && is_given(e.0)) {
            let v = &other[j * self.rank..][..self.rank];
            let product: f64 = u.iter().zip(v).map(|(u, v)| u * (v * self.unit)).sum();
            let (x, p) = (x * self.unit, product.max(FIT_FLOOR));
            sums.objective += w * self.loss.divergence(x, p);
            sums.from_mean += w * self.loss.divergence(x, self.mean);
            sums.weight += if x > 0.0 { w * power(x, beta) } else { 0.0 };
            let of_data = if beta <= 2.0 { (2.0 - beta) * x * power(p, beta - 3.0) } else { 0.0 };
            let of_fit = if beta >= 1.0 { (beta - 1.0) * power(p, beta - 2.0) } else { 0.0 };
            let rise = w * (power(p, beta - 1.0) - x * power(p, beta - 2.0));
            for (k, v) in v.iter().enumerate() {
                gradient[k] += rise * (v * self.unit);
                curvature[k] += w * (of_data + of_fit) * (v * self.unit).powi(2);
            }
            zeros.take_out(p, v, self.unit);
        }
        if let Some((sum, slopes)) = zeros.rest() {
            // d_1(0|p) = p
            sums.objective += sum.max(0.0);
            sums.from_mean += zeros.count as f64 * self.mean;
            gradient.iter_mut().zip(slopes).for_each(|(g, s)| *g += s.max(0.0));
        }
        for k in (0..self.rank).filter(|&k| self.constraints.side(side).is_free(k)) {
            let (g, h) = (gradient[k], curvature[k]);
            sums.steps += g * if h > 0.0 { u[k].min(g / h) } else { u[k] };
        }
        sums
    }
}

/// What one row's zeros that are not stored add to Σ p and to the gradient, by taking the stored entries from the whole row.
struct Unstored {
    exists: bool,
    count: usize,
    sum: f64,
    slopes: Vec<f64>,
}

impl Unstored {
    fn new(data: &Matrix<f64>, u: &[f64], total: &[f64], entries: usize) -> Self {
        let exists = data.has_unstored_zeros();
        Unstored { exists, count: entries, sum: u.iter().zip(total).map(|(u, t)| u * t).sum(), slopes: total.to_vec() }
    }

    fn take_out(&mut self, p: f64, v: &[f64], unit: f64) {
        if self.exists {
            self.count -= 1;
            self.sum -= p;
            self.slopes.iter_mut().zip(v).for_each(|(s, v)| *s -= v * unit);
        }
    }

    fn rest(&self) -> Option<(f64, &[f64])> {
        (self.exists && self.count > 0).then_some((self.sum, &self.slopes[..]))
    }
}

/// Entries of row i of X or Xᵀ, those that are hidden included: (column, value, weight).
fn entries(data: &Matrix<f64>, side: Side, i: usize) -> Box<dyn Iterator<Item = (usize, f64, f64)> + '_> {
    let stored = |x: &'_ Csr<f64>, weights: Option<&'_ Csr<f64>>| -> Vec<(usize, f64, f64)> {
        let (columns, values) = x.row(i);
        let weight = |e: usize| weights.map_or(1.0, |w| w.row(i).1[e]);
        (0..columns.len()).map(|e| (columns[e] as usize, values[e], weight(e))).collect()
    };
    match data {
        Matrix::Dense(x) => {
            let view = if side == Side::U { x.view() } else { x.view().transpose() };
            Box::new((0..view.ncols()).map(move |j| (j, view[(i, j)], 1.0)))
        }
        Matrix::Sparse(x) => Box::new(stored(x.rows_of(side), None).into_iter()),
        Matrix::Observed(Observed { entries, weights }) => {
            Box::new(stored(entries.rows_of(side), weights.as_ref().map(|w| w.rows_of(side))).into_iter())
        }
        Matrix::AllBut(x) => entries(x.full(), side, i),
    }
}

/// pᵉ, without a logarithm for the exponents of the named losses.
fn power(p: f64, e: f64) -> f64 {
    if e.fract() == 0.0 { p.powi(e as i32) } else { p.powf(e) }
}
