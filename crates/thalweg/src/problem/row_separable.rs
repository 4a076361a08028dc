//! Given one factor, a least-squares fit separates over the rows of the other.

use super::constraint::RowSet;
use crate::Side;
use crate::linalg::{BlockKernel, Entries, Grams, InBlocks, PANEL_LANES, Real, block_product, diagonal_step_onto_simplex};

/// [`PANEL_LANES`] rows with their normal equations: row i minimises ½ u Gᵢ uᵀ − cᵢ uᵀ over a [`RowSet`].
///
/// Rows are stored by component (`rows[k * PANEL_LANES + i]` is component k of row i), so that a loop over lanes is a loop over rows and
/// vectorises. Rows of full and sparse data share one G, those of observed-only and weighted data have one each; places without a row, or
/// whose row has no equation, are zero.
pub struct Panel<'a, T> {
    /// r.
    pub rank: usize,
    /// G, r×r, symmetric.
    pub grams: Grams<'a, T>,
    /// 1/G_kk, r × [`PANEL_LANES`]; 0 where nothing holds an entry.
    pub inverse_diagonal: &'a [T],
    /// c, r × [`PANEL_LANES`].
    pub cross: &'a [T],
    /// Where the rows stand now, r × [`PANEL_LANES`].
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
        let (mut model, mut residual) = ([T::of(0.0); PANEL_LANES], [T::of(0.0); PANEL_LANES]);
        // in units of X², so that squares of small data do not vanish in single precision
        let unit = 1.0 / (self.sd * self.sd);
        let unit = if unit.is_finite() && unit > 0.0 { unit } else { 1.0 };
        let weight = |at: usize| T::of(self.grams.entry(self.rank, (at / PANEL_LANES, at / PANEL_LANES), at % PANEL_LANES).f64() * unit);
        let weights: Vec<T> = (0..self.rows.len()).map(weight).collect();
        self.grams.dispatch(InBlocks(Measuring { panel: self, weights: &weights, model: &mut model, residual: &mut residual }, self.rank));
        let sum = |lanes: &[T]| lanes.iter().map(|x| x.f64()).sum::<f64>();
        Measure { model: sum(&model), residual: sum(&residual) / unit }
    }
}

impl<T: Real> Panel<'_, T> {
    fn measure_on_simplex(&self) -> Measure {
        let (r, product) = (self.rank, self.grams.times(self.rows));
        let mut sum = Measure::default();
        for lane in 0..PANEL_LANES {
            let of_row = |x: &[T]| -> Vec<f64> { x.iter().skip(lane).step_by(PANEL_LANES).map(|x| x.f64()).collect() };
            let (u, gu, cross) = (of_row(self.rows), of_row(&product), of_row(self.cross));
            if u.iter().all(|&x| x == 0.0) {
                continue; // no row, or one without an entry
            }
            let curvature: Vec<f64> = (0..r).map(|k| self.grams.entry(r, (k, k), lane).f64()).collect();
            let gradient: Vec<f64> = gu.iter().zip(&cross).map(|(gu, c)| gu - c).collect();
            sum.model += (0..r).map(|k| u[k] * (0.5 * gu[k] - cross[k])).sum::<f64>();
            sum.residual += diagonal_step_onto_simplex(&u, &gradient, &curvature);
        }
        sum
    }
}

struct Measuring<'s, 'p, T> {
    panel: &'s Panel<'p, T>,
    /// G_kk in units of X².
    weights: &'s [T],
    model: &'s mut [T; PANEL_LANES],
    residual: &'s mut [T; PANEL_LANES],
}

impl<T: Real> BlockKernel<T> for Measuring<'_, '_, T> {
    #[inline(always)]
    fn components<S: pulp::Simd, G: Entries<T>, const B: usize>(&mut self, simd: S, grams: G, k: usize, vector: usize) {
        let (rows, cross) = (T::vectors::<S>(self.panel.rows), T::vectors::<S>(self.panel.cross));
        let (weights, inverse) = (T::vectors::<S>(self.weights), T::vectors::<S>(self.panel.inverse_diagonal));
        let (model, residual) = (T::vectors_mut::<S>(self.model), T::vectors_mut::<S>(self.residual));
        let width = model.len();
        let (zero, half) = (T::splat(simd, T::of(0.0)), T::splat(simd, T::of(0.5)));
        let gu = block_product::<S, T, G, B>(simd, grams, rows, (self.panel.rank, k), vector);
        for b in 0..B {
            let at = (k + b) * width + vector;
            let (u, c) = (rows[at], cross[at]);
            // ½ Gu − c
            let short = T::multiply_add(simd, half, gu[b], T::subtract(simd, zero, c));
            model[vector] = T::multiply_add(simd, u, short, model[vector]);
            let step = T::multiply_add(simd, T::subtract(simd, gu[b], c), inverse[at], zero);
            let step = if self.panel.set == RowSet::Free { step } else { T::extreme(simd, u, step, false) };
            let weighted = T::multiply_add(simd, weights[at], step, zero);
            residual[vector] = T::multiply_add(simd, weighted, step, residual[vector]);
        }
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

    /// A half-step on U, `between` on the rows that it found, and a half-step on V from what that made of them; with their measures.
    ///
    /// `between` is given the rows in blocks, ascending, with the number of the first. Data that are held as blocks of rows are gone through
    /// once, not twice.
    fn both_half_steps(
        &self,
        (u, v): (&mut [T], &mut [T]),
        rule: &dyn RowUpdate<T>,
        [when_u, when_v]: [When; 2],
        between: &mut dyn FnMut(usize, &mut [T]),
    ) -> [Measure; 2] {
        let of_u = self.half_step(Side::U, v, u, rule, when_u);
        between(0, u);
        [of_u, self.half_step(Side::V, u, v, rule, when_v)]
    }

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
