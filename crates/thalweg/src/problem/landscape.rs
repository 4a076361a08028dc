//! Least-squares NMF as a function on one flat buffer: what geometry asks of any problem.

use super::{BlockTrace, Nmf, Objective, RowSeparable, segment};
use crate::data::{Matrix, Observed};
use crate::linalg::{Polynomial, ROW_BLOCK, dot, fixed_order_sum, gather_rows, gram, mul, mul_transpose, row_major, row_products, scale};
use crate::{Factors, Side};
use rayon::prelude::*;

/// ½ Σ w (X − UVᵀ)² at x = (U, V), the buffer of [`Factors`]. With R = w∘(UVᵀ − X) and J = w∘(DVᵀ + UEᵀ) for a direction (D, E):
///
/// ```text
/// ∇f = (R V, Rᵀ U),  ∇²f·(D, E) = (J V + R E, Jᵀ U + Rᵀ D)
/// ```
///
/// The penalty adds ½ λ₂ ‖·‖² + λ₁ Σ, which is λ₁ ‖·‖₁ where x ≥ 0. Values come from residuals, so they keep their digits near 0. For full data R V is U(VᵀV) − XV, which costs O((m+n)r²) and one product
/// with X instead of O(mnr); its error is relative to XV, not to R. Bits do not depend on the number of threads.
impl Objective for Nmf<'_, f64> {
    fn dim(&self) -> usize {
        let (m, n) = self.data().shape();
        (m + n) * self.rank()
    }

    fn value(&self, x: &[f64]) -> f64 {
        let (u, v) = self.split(x);
        RowSeparable::value(self, u, v)
    }

    fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let Some(misfit) = self.write_halves(x, None, gradient) else { return Objective::value(self, x) };
        let (u, v) = self.split(x);
        misfit + self.penalty_of(Side::U, u) + self.penalty_of(Side::V, v)
    }

    fn hessian_vec(&self, x: &[f64], d: &[f64], out: &mut [f64]) {
        self.write_halves(x, Some(d), out);
    }

    fn segment(&self, x: &[f64], y: &[f64]) -> Option<Polynomial> {
        let (m, n) = self.data().shape();
        let point = |x: &[f64]| Factors::new(m, n, self.rank(), x.to_vec()).ok();
        let mut quartic = segment(self.data(), &point(x)?, &point(y)?).ok()?;
        if !self.penalty().is_none() {
            for (k, c) in self.penalty_on_segment(x, y).into_iter().enumerate() {
                let c = scale(c, -quartic.exponent);
                quartic.coefficients[k] += c;
                quartic.error[k] += PENALTY_ROUNDING * f64::EPSILON * c.abs();
            }
        }
        Some(quartic)
    }

    /// Σᵢⱼ wᵢⱼ‖vⱼ‖² and Σᵢⱼ wᵢⱼ‖uᵢ‖², and the sum of λ₂ over the entries of each factor.
    fn block_traces(&self, x: &[f64]) -> Option<Vec<BlockTrace>> {
        let ((m, n), r) = (self.data().shape(), self.rank());
        let (u, v) = self.split(x);
        let [of_rows, of_cols] = self.weight_sums();
        let squares = |weights: &[f64], factor: &[f64]| {
            let terms: Vec<f64> = weights.iter().zip(factor.chunks_exact(r)).map(|(w, row)| w * dot(row, row)).collect();
            fixed_order_sum(&terms)
        };
        let ridge = |side: Side| {
            let rows = self.row_penalties(side).unwrap_or_default();
            rows.iter().map(|p| (0..r).map(|k| self.penalty_in_column(side, k, *p).l2).sum::<f64>()).sum::<f64>()
        };
        let block = |side, trace| BlockTrace { side, trace };
        Some(vec![block(m, squares(&of_cols, v) + ridge(Side::U)), block(n, squares(&of_rows, u) + ridge(Side::V))])
    }
}

/// Units of rounding that a sum over rows, pairwise, of sums over components may have gathered.
const PENALTY_ROUNDING: f64 = 256.0;

impl Nmf<'_, f64> {
    /// The penalty at x + t (y − x): its coefficients, constant first.
    fn penalty_on_segment(&self, x: &[f64], y: &[f64]) -> [f64; 3] {
        let d: Vec<f64> = x.iter().zip(y).map(|(x, y)| y - x).collect();
        let (at_x, of_d) = (self.split(x), self.split(&d));
        let mut sums = [0.0; 3];
        for (side, rows, steps) in [(Side::U, at_x.0, of_d.0), (Side::V, at_x.1, of_d.1)] {
            sums[0] += self.penalty_of(side, rows);
            for (i, p) in self.row_penalties(side).unwrap_or_default().iter().enumerate() {
                for (k, at) in (i * self.rank()..(i + 1) * self.rank()).enumerate() {
                    let (p, x, step) = (self.penalty_in_column(side, k, *p), rows[at], steps[at]);
                    sums[1] += p.l2 * x * step + p.l1 * step;
                    sums[2] += 0.5 * p.l2 * step * step;
                }
            }
        }
        sums
    }

    /// Σⱼ wᵢⱼ of each row and Σᵢ wᵢⱼ of each column.
    fn weight_sums(&self) -> [Vec<f64>; 2] {
        let (m, n) = self.data().shape();
        let sums_of = |observed: &Observed| {
            let of_row = |i: usize| match &observed.weights {
                Some(weights) => weights.rows_of(Side::U).row(i).1.to_vec(),
                None => vec![1.0; observed.entries.rows_of(Side::U).row(i).0.len()],
            };
            let (mut rows, mut cols) = (vec![0.0; m], vec![0.0; n]);
            for (i, total) in rows.iter_mut().enumerate() {
                for (&j, w) in observed.entries.rows_of(Side::U).row(i).0.iter().zip(of_row(i)) {
                    *total += w;
                    cols[j as usize] += w;
                }
            }
            [rows, cols]
        };
        match self.data().full_and_hidden() {
            (Matrix::Observed(x), _) => sums_of(x),
            (_, hidden) => {
                let [rows, cols] = hidden.map_or([vec![0.0; m], vec![0.0; n]], sums_of);
                [rows.iter().map(|h| n as f64 - h).collect(), cols.iter().map(|h| m as f64 - h).collect()]
            }
        }
    }

    fn split<'x>(&self, x: &'x [f64]) -> (&'x [f64], &'x [f64]) {
        x.split_at(self.data().shape().0 * self.rank())
    }

    /// The gradient at x, or the Hessian there times `d`, into `out`: the same rule for U and, on Xᵀ, for V. Returns ½ Σ w (X − UVᵀ)² where
    /// that comes by the way: from observed entries.
    fn write_halves(&self, x: &[f64], d: Option<&[f64]>, out: &mut [f64]) -> Option<f64> {
        let (out_u, out_v) = out.split_at_mut(self.data().shape().0 * self.rank());
        let (u, v) = self.split(x);
        let direction = d.map(|d| self.split(d));
        let half_u = Half { side: Side::U, rank: self.rank(), own: u, other: v, direction };
        let half_v = Half { side: Side::V, rank: self.rank(), own: v, other: u, direction: direction.map(|(d, e)| (e, d)) };
        let mut misfit = None;
        for (half, out) in [(half_u, out_u), (half_v, out_v)] {
            match self.data().full_and_hidden() {
                (Matrix::Observed(x), _) => misfit = Some(half.observed(x, out)),
                (full, hidden) => {
                    half.full(full, out);
                    if let Some(hidden) = hidden {
                        let mut too_much = vec![0.0; out.len()];
                        half.observed(hidden, &mut too_much);
                        add(out, -1.0, &too_much);
                    }
                }
            }
            for (i, p) in self.row_penalties(half.side).unwrap_or_default().iter().enumerate() {
                for (k, at) in (i * self.rank()..(i + 1) * self.rank()).enumerate() {
                    let p = self.penalty_in_column(half.side, k, *p);
                    out[at] += half.direction.map_or(p.l2 * half.own[at] + p.l1, |(d, _)| p.l2 * d[at]);
                }
            }
        }
        misfit
    }
}

/// The problem seen from one factor: its rows against those of the other one.
struct Half<'a> {
    side: Side,
    rank: usize,
    own: &'a [f64],
    other: &'a [f64],
    /// The direction's part in each.
    direction: Option<(&'a [f64], &'a [f64])>,
}

impl Half<'_> {
    /// U(VᵀV) − XV, or D(VᵀV) + U(EᵀV + VᵀE) − XE.
    fn full(&self, data: &Matrix<f64>, out: &mut [f64]) {
        let r = self.rank;
        let moving = self.direction.map_or(self.other, |(_, e)| e);
        data.multiply(self.side, moving, r, out);
        out.iter_mut().for_each(|x| *x = -*x);
        let gram = gram(self.other, r);
        match self.direction {
            None => add_product(self.own, &gram, r, out),
            Some((d, e)) => {
                let tall = |x| row_major(x, self.other.len() / r, r);
                let (mut cross, mut both) = (vec![0.0; r * r], vec![0.0; r * r]);
                mul_transpose(tall(e), tall(self.other), &mut cross);
                (0..r * r).for_each(|at| both[at] = cross[at] + cross[at % r * r + at / r]);
                add_product(d, &gram, r, out);
                add_product(self.own, &both, r, out);
            }
        }
    }

    /// Residuals entry by entry: Σⱼ ρ vⱼ, or Σⱼ (j vⱼ + ρ eⱼ), with ρ, j the entries of R and J. Returns ½ Σ w (X − UVᵀ)².
    fn observed(&self, x: &Observed, out: &mut [f64]) -> f64 {
        let r = self.rank;
        let (entries, weights) = (x.entries.rows_of(self.side), x.weights.as_ref().map(|w| w.rows_of(self.side)));
        let blocks = out.par_chunks_mut(ROW_BLOCK * r).enumerate().map(|(block, out)| {
            let (mut residuals, mut moved, mut of_direction, mut squares) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
            for (at, out) in out.chunks_exact_mut(r).enumerate() {
                let i = block * ROW_BLOCK + at;
                let (columns, values) = entries.row(i);
                let weight = |k: usize| weights.map_or(1.0, |w| w.row(i).1[k]);
                let products = |u: &[f64], rows: &[f64], out: &mut Vec<f64>| {
                    out.resize(columns.len(), 0.0);
                    row_products(columns, &u[i * r..][..r], rows, out);
                };
                products(self.own, self.other, &mut residuals);
                for (k, (residual, x)) in residuals.iter_mut().zip(values).enumerate() {
                    let difference = *residual - x;
                    *residual = weight(k) * difference;
                    squares += *residual * difference;
                }
                out.fill(0.0);
                let Some((d, e)) = self.direction else {
                    gather_rows(columns, &residuals, self.other, out);
                    continue;
                };
                products(d, self.other, &mut moved);
                products(self.own, e, &mut of_direction);
                moved.iter_mut().zip(&of_direction).enumerate().for_each(|(k, (m, o))| *m = weight(k) * (*m + o));
                gather_rows(columns, &moved, self.other, out);
                gather_rows(columns, &residuals, e, out);
            }
            squares
        });
        0.5 * fixed_order_sum(&blocks.collect::<Vec<f64>>())
    }
}

/// out += A·B with a row-major r×r B.
fn add_product(a: &[f64], b: &[f64], r: usize, out: &mut [f64]) {
    let mut product = vec![0.0; out.len()];
    mul(row_major(a, a.len() / r, r), row_major(b, r, r), &mut product);
    add(out, 1.0, &product);
}

/// out += factor · x.
fn add(out: &mut [f64], factor: f64, x: &[f64]) {
    out.iter_mut().zip(x).for_each(|(o, x)| *o += factor * x);
}
