//! Given one factor, a least-squares fit separates over the rows of the other.

use super::constraint::RowSet;
use crate::Side;
use crate::linalg::{Real, WithSimd, diagonal_step_onto_simplex, dispatch};

/// Rows of a shared-Gram panel: enough for the widest vector registers, few enough to stay in the first cache.
pub const PANEL_LANES: usize = 16;

/// A few rows that share their normal equations: row i minimises ½ u G uᵀ − cᵢ uᵀ over a [`RowSet`].
///
/// Rows are stored by component (`rows[k * lanes + i]` is component k of row i), so that a loop over `lanes` is a loop over rows and
/// vectorises. Full and sparse data come in panels of [`PANEL_LANES`] rows, padded with zeros; observed-only and weighted data have a G
/// for each row and come in panels of one.
pub struct Panel<'a, T> {
    /// Number of rows: [`PANEL_LANES`] or 1.
    pub lanes: usize,
    /// r.
    pub rank: usize,
    /// G, r×r, symmetric.
    pub gram: &'a [T],
    /// c, r × lanes.
    pub cross: &'a [T],
    /// Where the rows stand now, r × lanes.
    pub rows: &'a mut [T],
    /// Standard deviation of the observed entries of X: the unit of the paper's step.
    pub sd: f64,
    /// Where the rows lie.
    pub set: RowSet,
}

/// What a panel contributes to the objective and to the stationarity residual.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Measure {
    /// Σ ½ u G uᵀ − c uᵀ, and for a half-step the penalty of the factor that is held: the objective less ½ Σ w x².
    pub model: f64,
    /// Σ G_kk d_k² with g = G u − c, where d is the step that the diagonal of G asks for within the set of the rows: min(u_k, g_k / G_kk)
    /// where they are non-negative, g_k / G_kk where they are free. The squared length, in X, of the steps that are still to be taken.
    pub residual: f64,
}

impl std::ops::Add for Measure {
    type Output = Measure;
    fn add(self, other: Measure) -> Measure {
        Measure { model: self.model + other.model, residual: self.residual + other.residual }
    }
}

impl<T: Real> Panel<'_, T> {
    /// The contributions of all rows, summed in f64.
    pub fn measure(&self) -> Measure {
        if self.set == RowSet::SumToOne {
            return self.measure_on_simplex();
        }
        if self.lanes == 1 {
            return self.measure_row();
        }
        let (mut model, mut residual) = ([T::of(0.0); PANEL_LANES], [T::of(0.0); PANEL_LANES]);
        // in units of X², so that squares of small data do not vanish in single precision
        let unit = 1.0 / (self.sd * self.sd);
        let unit = if unit.is_finite() && unit > 0.0 { unit } else { 1.0 };
        dispatch(Measuring { panel: self, unit, model: &mut model, residual: &mut residual });
        let sum = |lanes: &[T]| lanes.iter().map(|x| x.f64()).sum::<f64>();
        Measure { model: sum(&model), residual: sum(&residual) / unit }
    }

    fn measure_row(&self) -> Measure {
        let mut sum = Measure::default();
        for (k, gram) in self.gram.chunks_exact(self.rank).enumerate() {
            let gu: f64 = gram.iter().zip(self.rows.iter()).map(|(g, u)| g.f64() * u.f64()).sum();
            let (u, c, diagonal) = (self.rows[k].f64(), self.cross[k].f64(), gram[k].f64());
            sum.model += u * (0.5 * gu - c);
            if diagonal > 0.0 {
                let step = (gu - c) / diagonal;
                let step = if self.set == RowSet::Free { step } else { u.min(step) };
                sum.residual += diagonal * step * step;
            }
        }
        sum
    }
}

impl<T: Real> Panel<'_, T> {
    fn measure_on_simplex(&self) -> Measure {
        let (r, lanes) = (self.rank, self.lanes);
        let curvature: Vec<f64> = (0..r).map(|k| self.gram[k * r + k].f64()).collect();
        let mut sum = Measure::default();
        for i in 0..lanes {
            let u: Vec<f64> = (0..r).map(|k| self.rows[k * lanes + i].f64()).collect();
            if u.iter().all(|&x| x == 0.0) {
                continue; // no row, or one without an entry
            }
            let gu: Vec<f64> = self.gram.chunks_exact(r).map(|g| g.iter().zip(&u).map(|(g, u)| g.f64() * u).sum()).collect();
            let cross = |k: usize| self.cross[k * lanes + i].f64();
            sum.model += (0..r).map(|k| u[k] * (0.5 * gu[k] - cross(k))).sum::<f64>();
            let gradient: Vec<f64> = (0..r).map(|k| gu[k] - cross(k)).collect();
            sum.residual += diagonal_step_onto_simplex(&u, &gradient, &curvature);
        }
        sum
    }
}

struct Measuring<'s, 'p, T> {
    panel: &'s Panel<'p, T>,
    unit: f64,
    model: &'s mut [T; PANEL_LANES],
    residual: &'s mut [T; PANEL_LANES],
}

impl<T: Real> WithSimd for Measuring<'_, '_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(mut self, simd: S) {
        let r = self.panel.rank;
        for vector in 0..T::vectors::<S>(self.model).len() {
            let mut k = 0;
            while k < r {
                k += match r - k {
                    8.. => self.components::<S, 8>(simd, k, vector),
                    4.. => self.components::<S, 4>(simd, k, vector),
                    _ => self.components::<S, 1>(simd, k, vector),
                };
            }
        }
    }
}

impl<T: Real> Measuring<'_, '_, T> {
    /// Adds what components k … k + B − 1 contribute; returns B.
    #[inline(always)]
    fn components<S: pulp::Simd, const B: usize>(&mut self, simd: S, k: usize, vector: usize) -> usize {
        let r = self.panel.rank;
        let (rows, cross) = (T::vectors::<S>(self.panel.rows), T::vectors::<S>(self.panel.cross));
        let (model, residual) = (T::vectors_mut::<S>(self.model), T::vectors_mut::<S>(self.residual));
        let width = model.len();
        let (zero, half) = (T::splat(simd, T::of(0.0)), T::splat(simd, T::of(0.5)));
        let mut gu = [zero; B];
        for (row, gram) in rows.chunks_exact(width).zip(self.panel.gram.chunks_exact(r)) {
            let gram: &[T; B] = gram[k..].first_chunk().expect("B components from k on");
            for b in 0..B {
                gu[b] = T::multiply_add(simd, T::splat(simd, gram[b]), row[vector], gu[b]);
            }
        }
        for b in 0..B {
            let at = (k + b) * width + vector;
            let (u, c) = (rows[at], cross[at]);
            // ½ Gu − c
            let short = T::multiply_add(simd, half, gu[b], T::subtract(simd, zero, c));
            model[vector] = T::multiply_add(simd, u, short, model[vector]);
            let diagonal = self.panel.gram[(k + b) * r + k + b];
            if diagonal > T::of(0.0) {
                let step = T::multiply_add(simd, T::subtract(simd, gu[b], c), T::splat(simd, T::of(1.0) / diagonal), zero);
                let step = if self.panel.set == RowSet::Free { step } else { T::extreme(simd, u, step, false) };
                let weighted = T::multiply_add(simd, T::splat(simd, T::of(diagonal.f64() * self.unit)), step, zero);
                residual[vector] = T::multiply_add(simd, weighted, step, residual[vector]);
            }
        }
        B
    }
}

/// One rule: how a method moves the rows of a panel. Everything that differs between NMF methods.
pub trait RowUpdate<T>: Sync {
    /// Moves the rows; their new entries are finite and in the set if the old ones are and the equations are finite.
    fn update(&self, panel: &mut Panel<'_, T>);
}

/// When a half-step measures the rows: [`Measure`] costs about as much as one sweep of coordinate descent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Not at all.
    Never,
    /// Where the rows stood.
    Before,
    /// Where the rule left them.
    After,
}

/// A fit that separates over the rows of one factor when the other is held.
///
/// Data make the normal equations, rules solve them: dense, sparse, observed-only and weighted data implement this once, and every
/// method works on all of them.
pub trait RowSeparable<T: Real>: Sync {
    /// (m, n, r).
    fn shape(&self) -> (usize, usize, usize);

    /// Builds the normal equations of the `side` factor's rows from the other factor, and lets the rule move `rows`.
    ///
    /// `rows`: the `side` factor, `held`: the other, both row-major. Returns the sum of measures, taken in a fixed order.
    fn half_step(&self, side: Side, held: &[T], rows: &mut [T], rule: &dyn RowUpdate<T>, when: When) -> Measure;

    /// ½ Σ w x²: what the sum of models is short of the objective.
    fn constant(&self) -> f64;

    /// The objective, summed from residuals, with its penalty.
    fn value(&self, u: &[T], v: &[T]) -> f64;
}

/// The rule that leaves every row where it is: for measuring.
pub struct Stay;

impl<T> RowUpdate<T> for Stay {
    fn update(&self, _: &mut Panel<'_, T>) {}
}
