//! Given one factor, a least-squares fit separates over the rows of the other.

use crate::Side;
use crate::linalg::{Real, simd_fused};

/// Rows of a shared-Gram panel: enough for the widest vector registers, few enough to stay in the first cache.
pub const PANEL_LANES: usize = 16;

/// A few rows that share their normal equations: row i minimises ½ u G uᵀ − cᵢ uᵀ over u ≥ 0.
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
}

/// What a panel contributes to the objective and to the stationarity residual.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Measure {
    /// Σ ½ u G uᵀ − c uᵀ: the objective less ½ Σ w x².
    pub model: f64,
    /// Σ G_kk min(u_k, g_k / G_kk)² with g = G u − c: the squared length, in X, of the steps that single entries would still take.
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
        simd_fused(#[inline(always)] |fused| if self.lanes == PANEL_LANES { self.measure_lanes::<PANEL_LANES>(fused) } else { self.measure_lanes::<1>(fused) })
    }

    #[inline(always)]
    fn measure_lanes<const L: usize>(&self, fused: bool) -> Measure {
        let mut sums = Sums { model: [0.0; L], residual: [0.0; L] };
        let whole = self.rank / 4 * 4;
        for k in (0..whole).step_by(4) {
            self.measure_components::<L, 4>(k, fused, &mut sums);
        }
        for k in whole..self.rank {
            self.measure_components::<L, 1>(k, fused, &mut sums);
        }
        Measure { model: sums.model.iter().sum(), residual: sums.residual.iter().sum() }
    }

    /// Adds what components k … k + B − 1 contribute.
    #[inline(always)]
    fn measure_components<const L: usize, const B: usize>(&self, k: usize, fused: bool, sums: &mut Sums<L>) {
        let r = self.rank;
        let (rows, cross) = (self.rows.as_chunks::<L>().0, self.cross.as_chunks::<L>().0);
        let mut gu = [[0.0; L]; B];
        for (row, gram) in rows.iter().zip(self.gram.chunks_exact(r)) {
            let gram: &[T; B] = gram[k..].first_chunk().expect("B components from k on");
            for b in 0..B {
                for i in 0..L {
                    gu[b][i] = gram[b].f64().times_plus(row[i].f64(), gu[b][i], fused);
                }
            }
        }
        for b in 0..B {
            let diagonal = self.gram[(k + b) * r + k + b].f64();
            let inverse = if diagonal > 0.0 { 1.0 / diagonal } else { 0.0 };
            for i in 0..L {
                let (u, c) = (rows[k + b][i].f64(), cross[k + b][i].f64());
                sums.model[i] += u * (0.5 * gu[b][i] - c);
                let step = (gu[b][i] - c) * inverse;
                let step = if u < step { u } else { step };
                sums.residual[i] += diagonal * step * step;
            }
        }
    }
}

struct Sums<const L: usize> {
    model: [f64; L],
    residual: [f64; L],
}

/// One rule: how a method moves the rows of a panel. Everything that differs between NMF methods.
pub trait RowUpdate<T>: Sync {
    /// Moves the rows; their new entries are finite and non-negative if the old ones and the equations are.
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

    /// The objective, summed from residuals.
    fn value(&self, u: &[T], v: &[T]) -> f64;
}

/// The rule that leaves every row where it is: for measuring.
pub struct Stay;

impl<T> RowUpdate<T> for Stay {
    fn update(&self, _: &mut Panel<'_, T>) {}
}
