//! One row of a divergence fit: what the data make, and what rules move.

use super::{Loss, Measure, Stay};
use crate::linalg::simd;

/// The least value that a fitted entry is taken for, in units of 2^⌊log₂ max x⌋: divisions by the fit stay finite.
pub const FIT_FLOOR: f64 = 7.888_609_052_210_118e-31; // 2⁻¹⁰⁰

/// min over u ≥ 0 of Σ_e w_e d_β(x_e | ⟨u, v_e⟩) + ⟨u, s − Σ_e w_e v_e⟩ over the entries e of one row of X.
///
/// The second term is there for β = 1 alone and holds the zeros that are not stored: d_1(0|p) = p needs no more of them than their sum.
/// All numbers are f64, in units in which the largest entry of X is between 1 and 2.
pub struct RowFit<'a> {
    /// What is made small.
    pub loss: Loss,
    /// v: r × entries, component by component, so that loops over entries are contiguous.
    pub components: &'a [f64],
    /// x.
    pub values: &'a [f64],
    /// w > 0.
    pub weights: &'a [f64],
    /// s = Σ w v over all entries, those not stored included, where that is the whole of what p^(β−1) needs (β = 1).
    pub mass: Option<&'a [f64]>,
    /// Whether some of those are not stored.
    pub has_unstored: bool,
    /// Components that move; the others are given.
    pub free: &'a [usize],
    /// u, r numbers.
    pub row: &'a mut [f64],
    /// Scratch that belongs to the row.
    pub work: &'a mut RowWork,
}

/// Numbers for each entry of a row.
#[derive(Debug, Default)]
pub struct RowWork {
    /// p = ⟨u, v⟩, at least [`FIT_FLOOR`].
    pub fit: Vec<f64>,
    /// w x p^(β−2): pulls the row up.
    pub pull: Vec<f64>,
    /// w p^(β−1): pushes it down.
    pub push: Vec<f64>,
    /// w times the second derivative of the convex part of d_β in p.
    pub curvature: Vec<f64>,
}

/// Derivatives of the fit in one entry of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// Σ w x p^(β−2) v.
    pub pull: f64,
    /// Σ w p^(β−1) v; the gradient is push − pull.
    pub push: f64,
    /// Σ w v² × second derivative of the convex part of d_β: (2−β) x p^(β−3) for β < 1, (β−1) p^(β−2) for β > 2, both for 1 ≤ β ≤ 2.
    pub curvature: f64,
}

impl Slope {
    /// Push − pull.
    pub fn gradient(self) -> f64 {
        self.push - self.pull
    }

    /// g·min(u, g/h): twice what a Newton step in this entry alone promises to gain; g·u where nothing curves.
    pub fn promise(self, u: f64) -> f64 {
        let g = self.gradient();
        let step = if self.curvature > 0.0 { u.min(g / self.curvature) } else { u };
        g * step
    }
}

/// A rule for one row of a divergence fit.
pub trait DivergenceUpdate: Sync {
    /// Moves `row`; its new entries are finite and non-negative.
    fn update(&self, fit: &mut RowFit<'_>);
}

impl DivergenceUpdate for Stay {
    fn update(&self, _: &mut RowFit<'_>) {}
}

impl RowFit<'_> {
    /// v_k at the entries.
    pub fn component(&self, k: usize) -> &[f64] {
        let count = self.values.len();
        &self.components[k * count..][..count]
    }

    /// p from u.
    pub fn predict(&mut self) {
        let count = self.values.len();
        let fit = &mut self.work.fit;
        fit.clear();
        fit.resize(count, 0.0);
        simd(|| {
            for start in (0..count).step_by(CHUNK) {
                let fit = &mut fit[start..count.min(start + CHUNK)];
                for (k, &u) in self.row.iter().enumerate() {
                    if u != 0.0 {
                        add(fit, u, &self.components[k * count + start..][..fit.len()]);
                    }
                }
                for p in fit {
                    *p = p.max(FIT_FLOOR);
                }
            }
        });
    }

    /// `pull`, `push` and `curvature` of every entry from p.
    pub fn differentiate(&mut self) {
        let count = self.values.len();
        let RowWork { fit, pull, push, curvature } = &mut *self.work;
        for list in [&mut *pull, &mut *push, &mut *curvature] {
            list.resize(count, 0.0);
        }
        let (beta, x, w) = (self.loss.beta(), self.values, self.weights);
        let (pull, push, curvature) = (&mut pull[..count], &mut push[..count], &mut curvature[..count]);
        simd(|| {
            for e in 0..count {
                (pull[e], push[e], curvature[e]) = derivatives(beta, x[e], w[e], fit[e]);
            }
        });
    }

    /// The derivatives in entry k of u, from those of the entries.
    pub fn slope(&self, k: usize) -> Slope {
        let (pull, push) = self.balance(k);
        let v = self.component(k);
        Slope { pull, push, curvature: simd(|| dot_squares(v, &self.work.curvature)) }
    }

    /// (Σ w x p^(β−2) v, Σ w p^(β−1) v) for entry k of u, from the derivatives of the entries.
    pub fn balance(&self, k: usize) -> (f64, f64) {
        let v = self.component(k);
        simd(|| (dot(v, &self.work.pull), self.mass.map_or_else(|| dot(v, &self.work.push), |s| s[k])))
    }

    /// The derivatives in entry k of u where that entry is t larger, from p alone.
    pub fn slope_along(&self, k: usize, t: f64) -> Slope {
        let lists = [self.values, self.weights, self.component(k), &self.work.fit[..]];
        let beta = self.loss.beta();
        // the common loss apart: its loop has no powers to choose between
        let [pull, push, curvature] = simd(|| if beta == 1.0 { sums_along(1.0, lists, t) } else { sums_along(beta, lists, t) });
        Slope { pull, push: self.mass.map_or(push, |s| s[k]), curvature }
    }

    /// p where entry k of u is t larger.
    pub fn advance(&mut self, k: usize, t: f64) {
        let count = self.values.len();
        let v = &self.components[k * count..][..count];
        simd(|| {
            for (p, v) in self.work.fit.iter_mut().zip(v) {
                *p = (*p + t * v).max(FIT_FLOOR);
            }
        });
    }

    /// The row's part of the objective, from p.
    pub fn value(&self) -> f64 {
        let fit = &self.work.fit;
        let terms = self.values.iter().zip(self.weights).zip(fit).map(|((&x, &w), &p)| w * self.loss.divergence(x, p));
        let stored: f64 = terms.sum();
        match self.mass.filter(|_| self.has_unstored) {
            None => stored,
            Some(s) => {
                let all: f64 = self.row.iter().zip(s).map(|(u, s)| u * s).sum();
                let seen: f64 = fit.iter().sum();
                // below zero by rounding alone
                stored + (all - seen).max(0.0)
            }
        }
    }

    /// The row's part of the objective and of the stationarity residual; `model` is the objective itself.
    pub fn measure(&mut self) -> Measure {
        self.predict();
        self.differentiate();
        let residual = self.free.iter().map(|&k| self.slope(k).promise(self.row[k])).sum();
        Measure { model: self.value(), residual }
    }
}

/// Entries whose fit stays in the first cache while components are added to it.
const CHUNK: usize = 1024;
/// Partial sums of a dot product.
const LANES: usize = 16;

/// w x p^(β−2), w p^(β−1), and w times the curvature of the convex part.
#[inline(always)]
fn derivatives(beta: f64, x: f64, w: f64, p: f64) -> (f64, f64, f64) {
    if beta == 1.0 {
        let pull = w * x / p;
        return (pull, w, pull / p);
    }
    let power = w * if beta == 0.0 { 1.0 / (p * p) } else { p.powf(beta - 2.0) };
    let of_data = if beta <= 2.0 { (2.0 - beta) * x / p } else { 0.0 };
    let of_fit = if beta >= 1.0 { beta - 1.0 } else { 0.0 };
    (power * x, power * p, power * (of_data + of_fit))
}

/// out += factor · x.
#[inline(always)]
fn add(out: &mut [f64], factor: f64, x: &[f64]) {
    out.iter_mut().zip(x).for_each(|(o, x)| *o += factor * x);
}

#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (heads, rest) = a.as_chunks::<LANES>();
    let (tails, others) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in heads.iter().zip(tails) {
        for l in 0..LANES {
            sums[l] += a[l] * b[l];
        }
    }
    for (l, (a, b)) in rest.iter().zip(others).enumerate() {
        sums[l] += a * b;
    }
    sums.iter().sum()
}

/// Σ a² b.
#[inline(always)]
fn dot_squares(a: &[f64], b: &[f64]) -> f64 {
    let (heads, rest) = a.as_chunks::<LANES>();
    let (tails, others) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in heads.iter().zip(tails) {
        for l in 0..LANES {
            sums[l] += a[l] * a[l] * b[l];
        }
    }
    for (l, (a, b)) in rest.iter().zip(others).enumerate() {
        sums[l] += a * a * b;
    }
    sums.iter().sum()
}

/// Σ v w x p^(β−2), Σ v w p^(β−1) and Σ v² w c at p = fit + t v.
#[inline(always)]
fn sums_along(beta: f64, [x, w, v, fit]: [&[f64]; 4], t: f64) -> [f64; 3] {
    let mut sums = [[0.0; LANES]; 3];
    let whole = fit.len() / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        let (x, w, v, fit) = (&x[start..][..LANES], &w[start..][..LANES], &v[start..][..LANES], &fit[start..][..LANES]);
        for l in 0..LANES {
            let (up, down, bend) = derivatives(beta, x[l], w[l], (fit[l] + t * v[l]).max(FIT_FLOOR));
            sums[0][l] += v[l] * up;
            sums[1][l] += v[l] * down;
            sums[2][l] += v[l] * v[l] * bend;
        }
    }
    for e in whole..fit.len() {
        let (up, down, bend) = derivatives(beta, x[e], w[e], (fit[e] + t * v[e]).max(FIT_FLOOR));
        sums[0][e - whole] += v[e] * up;
        sums[1][e - whole] += v[e] * down;
        sums[2][e - whole] += v[e] * v[e] * bend;
    }
    [sums[0].iter().sum(), sums[1].iter().sum(), sums[2].iter().sum()]
}
