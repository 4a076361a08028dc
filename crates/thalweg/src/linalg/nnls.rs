//! Non-negative least squares from normal equations, a vector of rows at a time.

use super::Real;
use super::lanes::{Entries, Grams, PANEL_LANES, PanelKernel, block_product};

/// Smallest of the relative proximal weights that keep a singular Gram matrix factorable.
const PROXIMAL: f64 = 64.0;

/// Exchanges after which a row is left unsolved. Equations that determine a row need fewer; where entries are fewer than r, pivoting often
/// goes on for hundreds, and gains less than a sweep of coordinate descent at the cost of one of them.
const EXCHANGES: usize = 16;

/// Solves min ½ u G uᵀ − c uᵀ over u ≥ 0 exactly for each row of a panel, from the u that is given, by block principal pivoting.
///
/// `cross`, `rows`: r × [`PANEL_LANES`]. Each row pivots by itself; the rows of one vector factor their matrices in step, an entry that is
/// held at zero having the row and column of the identity. A proximal term ½ δ Σ G_kk (u_k − u_k⁰)², δ = 64 r ε, makes singular systems
/// (rows with fewer entries than r) well posed: it moves no solution, and no step raises the objective. Returns 1 for each row whose
/// pivoting found no solution in 16 exchanges, with its `u` as it was.
///
/// Source: Kim, Park (2011), SIAM J. Sci. Comput. 33(6), algorithm 2 with the backup rule; the proximal term and the lanes are ours.
pub fn nnls_panel<T: Real>(grams: Grams<'_, T>, cross: &[T], rows: &mut [T]) -> [T; PANEL_LANES] {
    let mut unsolved = [T::of(0.0); PANEL_LANES];
    let r = rows.len() / PANEL_LANES;
    let zeros = |count: usize| vec![T::of(0.0); count * PANEL_LANES];
    let (factor, inverse, diagonal, passive) = (zeros(r * (r + 1)), zeros(r), zeros(r), zeros(r));
    let (target, solution, signed) = (zeros(r), zeros(r), zeros(r));
    let delta = PROXIMAL * r as f64 * T::EPSILON;
    grams.dispatch(Pivoting { r, delta, cross, rows, unsolved: &mut unsolved, factor, inverse, diagonal, passive, target, solution, signed });
    unsolved
}

/// All buffers but `factor` and `inverse`, which serve one vector at a time, are r × [`PANEL_LANES`].
struct Pivoting<'a, T> {
    r: usize,
    delta: f64,
    cross: &'a [T],
    rows: &'a mut [T],
    unsolved: &'a mut [T; PANEL_LANES],
    /// R of G = RᵀR with the solution of Rᵀy = target beside it: r rows of r + 1 vectors, of which the upper triangle is used.
    factor: Vec<T>,
    /// 1/R_kk.
    inverse: Vec<T>,
    diagonal: Vec<T>,
    /// 1 where an entry may be positive, 0 where it is held at zero.
    passive: Vec<T>,
    target: Vec<T>,
    solution: Vec<T>,
    /// What must not be negative: the solution where passive, the gradient (less its rounding) where held.
    signed: Vec<T>,
}

impl<T: Real> PanelKernel<T> for Pivoting<'_, T> {
    #[inline(always)]
    fn run<S: pulp::Simd, G: Entries<T>>(mut self, simd: S, grams: G) {
        let width = T::vectors::<S>(self.unsolved).len();
        for vector in 0..width {
            self.prepare(simd, grams, vector);
            let lanes = vector * (PANEL_LANES / width)..(vector + 1) * (PANEL_LANES / width);
            let mut rows = [PivotedRow { fewest: self.r + 1, patience: 3, is_done: false }; PANEL_LANES];
            for _ in 0..EXCHANGES {
                self.factor(simd, grams, vector);
                self.solve(simd, vector);
                self.sign(simd, grams, vector);
                for lane in lanes.clone() {
                    self.pivot(&mut rows[lane], lane);
                }
                if lanes.clone().all(|lane| rows[lane].is_done) {
                    break;
                }
            }
            for lane in lanes {
                if !rows[lane].is_done {
                    self.unsolved[lane] = T::of(1.0);
                }
            }
        }
    }
}

/// Where the pivoting of one row stands.
#[derive(Clone, Copy)]
struct PivotedRow {
    /// Fewest entries of the wrong sign so far.
    fewest: usize,
    /// Exchanges of all such entries that may still fail to lower their number.
    patience: usize,
    is_done: bool,
}

impl<T: Real> Pivoting<'_, T> {
    /// The present support, and the target c + δ G_kk u_k.
    #[inline(always)]
    fn prepare<S: pulp::Simd, G: Entries<T>>(&mut self, simd: S, grams: G, vector: usize) {
        let delta = T::splat(simd, T::of(self.delta));
        let (cross, rows) = (T::vectors::<S>(self.cross), T::vectors::<S>(self.rows));
        let (diagonal, target) = (T::vectors_mut::<S>(&mut self.diagonal), T::vectors_mut::<S>(&mut self.target));
        let width = rows.len() / self.r;
        for k in 0..self.r {
            let at = k * width + vector;
            [diagonal[at]] = grams.block::<S, 1>(simd, k * self.r + k, vector);
            let weight = T::multiply_add(simd, delta, diagonal[at], T::splat(simd, T::of(0.0)));
            target[at] = T::multiply_add(simd, weight, rows[at], cross[at]);
        }
        let lanes = PANEL_LANES / width;
        for k in 0..self.r {
            for at in k * PANEL_LANES + vector * lanes..k * PANEL_LANES + (vector + 1) * lanes {
                let is_passive = self.rows[at] > T::of(0.0) && self.diagonal[at] > T::of(0.0);
                self.passive[at] = T::of(if is_passive { 1.0 } else { 0.0 });
            }
        }
    }

    /// R, row by row, and y.
    #[inline(always)]
    fn factor<S: pulp::Simd, G: Entries<T>>(&mut self, simd: S, grams: G, vector: usize) {
        let r = self.r;
        let (one, zero) = (T::splat(simd, T::of(1.0)), T::splat(simd, T::of(0.0)));
        let delta = T::splat(simd, T::of(self.delta));
        for k in 0..r {
            let (passive, target) = (T::vectors::<S>(&self.passive), T::vectors::<S>(&self.target));
            let width = passive.len() / r;
            let mine = passive[k * width + vector];
            let [entry] = grams.block::<S, 1>(simd, k * r + k, vector);
            let entry = T::multiply_add(simd, entry, delta, entry);
            let start = T::multiply_add(simd, mine, entry, T::subtract(simd, one, mine));
            let [pivot] = self.minus_products(simd, k, k, [start]);
            let inverse = T::divide(simd, one, T::root(simd, pivot));
            let right = T::multiply_add(simd, mine, target[k * width + vector], zero);
            let [right] = self.minus_products(simd, k, r, [right]);
            T::vectors_mut::<S>(&mut self.inverse)[k] = inverse;
            T::vectors_mut::<S>(&mut self.factor)[k * (r + 1) + r] = T::multiply_add(simd, right, inverse, zero);
            let mut j = k + 1;
            while j < r {
                j += match r - j {
                    8.. => self.entries::<S, G, 8>(simd, grams, (k, j), vector),
                    4.. => self.entries::<S, G, 4>(simd, grams, (k, j), vector),
                    _ => self.entries::<S, G, 1>(simd, grams, (k, j), vector),
                };
            }
        }
    }

    /// R_kj … R_k,j+B−1; returns B.
    #[inline(always)]
    fn entries<S: pulp::Simd, G: Entries<T>, const B: usize>(&mut self, simd: S, grams: G, (k, j): (usize, usize), vector: usize) -> usize {
        let (r, zero) = (self.r, T::splat(simd, T::of(0.0)));
        let passive = T::vectors::<S>(&self.passive);
        let width = passive.len() / r;
        let mut start = grams.block::<S, B>(simd, k * r + j, vector);
        for b in 0..B {
            let both = T::multiply_add(simd, passive[k * width + vector], passive[(j + b) * width + vector], zero);
            start[b] = T::multiply_add(simd, start[b], both, zero);
        }
        let sums = self.minus_products(simd, k, j, start);
        let inverse = T::vectors::<S>(&self.inverse)[k];
        let factor = &mut T::vectors_mut::<S>(&mut self.factor)[k * (r + 1) + j..][..B];
        for b in 0..B {
            factor[b] = T::multiply_add(simd, sums[b], inverse, zero);
        }
        B
    }

    /// start_b − Σ R_pk R_p,j+b over p < k.
    #[inline(always)]
    fn minus_products<S: pulp::Simd, const B: usize>(&self, simd: S, k: usize, j: usize, start: [T::Vector<S>; B]) -> [T::Vector<S>; B] {
        let (zero, mut sums) = (T::splat(simd, T::of(0.0)), start);
        for row in T::vectors::<S>(&self.factor).chunks_exact(self.r + 1).take(k) {
            let minus = T::subtract(simd, zero, row[k]);
            let entries: &[T::Vector<S>; B] = row[j..].first_chunk().expect("B entries from j on");
            for b in 0..B {
                sums[b] = T::multiply_add(simd, minus, entries[b], sums[b]);
            }
        }
        sums
    }

    /// R x = y.
    #[inline(always)]
    fn solve<S: pulp::Simd>(&mut self, simd: S, vector: usize) {
        let (r, zero) = (self.r, T::splat(simd, T::of(0.0)));
        let (inverse, factor) = (T::vectors::<S>(&self.inverse), T::vectors_mut::<S>(&mut self.factor));
        let solution = T::vectors_mut::<S>(&mut self.solution);
        let width = solution.len() / r;
        for k in (0..r).rev() {
            let x = T::multiply_add(simd, factor[k * (r + 1) + r], inverse[k], zero);
            solution[k * width + vector] = x;
            let minus = T::subtract(simd, zero, x);
            for row in factor.chunks_exact_mut(r + 1).take(k) {
                row[r] = T::multiply_add(simd, row[k], minus, row[r]);
            }
        }
    }

    #[inline(always)]
    fn sign<S: pulp::Simd, G: Entries<T>>(&mut self, simd: S, grams: G, vector: usize) {
        let mut k = 0;
        while k < self.r {
            k += match self.r - k {
                8.. => self.signs::<S, G, 8>(simd, grams, k, vector),
                4.. => self.signs::<S, G, 4>(simd, grams, k, vector),
                _ => self.signs::<S, G, 1>(simd, grams, k, vector),
            };
        }
    }

    /// Entries k … k + B − 1 of what must not be negative; returns B.
    #[inline(always)]
    fn signs<S: pulp::Simd, G: Entries<T>, const B: usize>(&mut self, simd: S, grams: G, k: usize, vector: usize) -> usize {
        let (zero, one) = (T::splat(simd, T::of(0.0)), T::splat(simd, T::of(1.0)));
        let rounding = T::splat(simd, T::of(16.0 * self.r as f64 * T::EPSILON));
        let (solution, signed) = (T::vectors::<S>(&self.solution), T::vectors_mut::<S>(&mut self.signed));
        let (target, passive, cross) = (T::vectors::<S>(&self.target), T::vectors::<S>(&self.passive), T::vectors::<S>(self.cross));
        let width = solution.len() / self.r;
        let product = block_product::<S, T, G, B>(simd, grams, solution, (self.r, k), vector);
        for b in 0..B {
            let at = (k + b) * width + vector;
            let size = T::extreme(simd, cross[at], T::subtract(simd, zero, cross[at]), true);
            let gradient = T::multiply_add(simd, rounding, size, T::subtract(simd, product[b], target[at]));
            let held = T::multiply_add(simd, T::subtract(simd, one, passive[at]), gradient, zero);
            signed[at] = T::multiply_add(simd, passive[at], solution[at], held);
        }
        B
    }

    /// Ends a row that has no entry of the wrong sign, or exchanges its entries: all of them, or the last one where that did not help.
    #[inline(always)]
    fn pivot(&mut self, row: &mut PivotedRow, lane: usize) {
        if row.is_done {
            return;
        }
        // an entry without weight (G_kk = 0) never has the wrong sign
        let is_wrong = |signed: &[T], diagonal: &[T], at: usize| signed[at] < T::of(0.0) && diagonal[at] > T::of(0.0);
        let places = || (0..self.r).map(|k| k * PANEL_LANES + lane);
        let (mut wrong, mut last, mut sum) = (0, 0, T::of(0.0));
        for at in places() {
            sum += self.signed[at];
            if is_wrong(&self.signed, &self.diagonal, at) {
                (wrong, last) = (wrong + 1, at);
            }
        }
        if !sum.f64().is_finite() {
            // not positive definite: no other row's business
            self.unsolved[lane] = T::of(1.0);
            row.is_done = true;
            return;
        }
        if wrong == 0 {
            // an entry that no equation holds stays
            for at in places().filter(|&at| self.diagonal[at] > T::of(0.0)) {
                self.rows[at] = if self.solution[at] > T::of(0.0) { self.solution[at] } else { T::of(0.0) };
            }
            row.is_done = true;
            return;
        }
        let swaps_all = wrong < row.fewest || row.patience > 0;
        // the backup rule stays until the number falls
        row.patience = if wrong < row.fewest { 3 } else { row.patience.saturating_sub(1) };
        row.fewest = row.fewest.min(wrong);
        for k in 0..self.r {
            let at = k * PANEL_LANES + lane;
            if (swaps_all || at == last) && is_wrong(&self.signed, &self.diagonal, at) {
                self.passive[at] = T::of(1.0) - self.passive[at];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, StandardNormal};

    /// Gram matrices with twelve equations for each row, targets, and starts.
    fn panel(r: usize, seed: u64, is_shared: bool) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let mut rng = crate::data::stream(seed, 0);
        let mut draw = |count: usize| -> Vec<f64> { (0..count).map(|_| StandardNormal.sample(&mut rng)).collect() };
        let depth = 12;
        let mut grams = vec![0.0; r * r * PANEL_LANES];
        let mut cross = vec![0.0; r * PANEL_LANES];
        let mut rows = draw(depth * r);
        for lane in 0..PANEL_LANES {
            if !is_shared {
                rows = draw(depth * r);
            }
            let (rows, target) = (rows.iter().map(|g| g + 0.5).collect::<Vec<_>>(), draw(depth));
            for k in 0..r {
                cross[k * PANEL_LANES + lane] = (0..depth).map(|d| rows[d * r + k] * target[d]).sum();
                for l in 0..r {
                    grams[(k * r + l) * PANEL_LANES + lane] = (0..depth).map(|d| rows[d * r + k] * rows[d * r + l]).sum();
                }
            }
        }
        let start = draw(r * PANEL_LANES).into_iter().map(|g| g.max(0.0)).collect();
        (grams, cross, start)
    }

    /// G u − c = 0 where u > 0, ≥ 0 elsewhere: for a convex problem that is the definition of a solution.
    fn assert_optimal(grams: Grams<'_, f64>, cross: &[f64], rows: &[f64]) {
        for (at, (product, (c, u))) in grams.times(rows).iter().zip(cross.iter().zip(rows)).enumerate() {
            let gradient = product - c;
            assert!(*u >= 0.0 && gradient >= -1e-9 && (*u == 0.0 || gradient.abs() < 1e-9), "place {at}: u {u}, gradient {gradient}");
        }
    }

    #[test]
    fn solves_each_row() {
        for trial in 0..40 {
            let r = 1 + trial as usize % 8;
            let (grams, cross, mut rows) = panel(r, trial, false);
            let unsolved = nnls_panel(Grams::Each(&grams), &cross, &mut rows);
            assert_eq!(unsolved, [0.0; PANEL_LANES], "trial {trial}");
            assert_optimal(Grams::Each(&grams), &cross, &rows);
        }
    }

    #[test]
    fn a_shared_matrix_is_the_same_for_each() {
        for r in [1, 5, 8, 13] {
            let (grams, cross, start) = panel(r, 77, true);
            let shared: Vec<f64> = grams.iter().step_by(PANEL_LANES).copied().collect();
            let (mut with_one, mut with_own) = (start.clone(), start);
            nnls_panel(Grams::Shared(&shared), &cross, &mut with_one);
            nnls_panel(Grams::Each(&grams), &cross, &mut with_own);
            assert_eq!(with_one, with_own, "r = {r}");
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        let r = 6;
        let (mut grams, mut cross, mut rows) = panel(r, 5, false);
        let mut alone = rows.clone();
        nnls_panel(Grams::Each(&grams), &cross, &mut rows);
        for lane in 1..PANEL_LANES {
            grams.iter_mut().skip(lane).step_by(PANEL_LANES).for_each(|g| *g = f64::NAN);
            cross.iter_mut().skip(lane).step_by(PANEL_LANES).for_each(|c| *c = 1.0);
        }
        let unsolved = nnls_panel(Grams::Each(&grams), &cross, &mut alone);
        assert_eq!(unsolved[0], 0.0);
        for k in 0..r {
            assert_eq!(rows[k * PANEL_LANES].to_bits(), alone[k * PANEL_LANES].to_bits());
        }
    }

    #[test]
    fn singular_equations_keep_a_solution() {
        // one observation, three components: any u with ⟨v, u⟩ = x is a solution, and so is the one we stand at
        let v = [1.0, 2.0, 0.5];
        let gram: Vec<f64> = (0..9).map(|at| v[at / 3] * v[at % 3]).collect();
        let cross: Vec<f64> = v.iter().flat_map(|a| [3.0 * a; PANEL_LANES]).collect();
        let mut rows: Vec<f64> = [1.0, 1.0, 0.0].iter().flat_map(|&u| [u; PANEL_LANES]).collect();
        assert_eq!(nnls_panel(Grams::Shared(&gram), &cross, &mut rows), [0.0; PANEL_LANES]);
        let fit: f64 = v.iter().enumerate().map(|(k, v)| v * rows[k * PANEL_LANES]).sum();
        assert!((fit - 3.0).abs() < 1e-9, "{fit}");
    }
}
