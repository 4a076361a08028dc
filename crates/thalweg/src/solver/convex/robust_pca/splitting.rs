//! Douglas–Rachford splitting of the nuclear norm from the ℓ₁ norm: the multiplier method with one state.

use super::shrink::{Basis, Shrunk};
use super::table::Table;
use crate::linalg::{ROW_BLOCK, Real, fixed_order_sum, mul, multiply, row_major, row_major_mut, simd};
use rayon::prelude::*;

/// Over-relaxation: X̂ = αX + (1 − α)(Y − S).
const RELAXATION: f64 = 1.6;

/// Where the iteration stands.
///
/// With the multiplier Λ of X + S = Y and the penalty μ, S and Λ/μ are the soft-thresholded and the clipped part of one matrix P at
/// λ/μ. A step is
///
/// ```text
/// X = shrink(Y − S + Λ/μ, 1/μ),  P = Y − X̂ + Λ/μ,  S = soft(P, λ/μ),  Λ/μ = clip(P, λ/μ)
/// ```
///
/// An entry that was not observed has λ = 0 and y = 0: its S takes whatever X is not.
pub(super) struct Splitting<'a, T> {
    pub table: &'a Table<'a>,
    p: Vec<T>,
    /// Y − S + Λ/μ, of which the next X is made.
    a: Vec<T>,
    pub mu: f64,
    basis: Basis,
    pub shrunk: Shrunk,
    /// ‖Y − X − S‖ and ‖S − last S‖.
    pub primal: f64,
    pub dual: f64,
    /// ‖X‖_* + λ‖Y − X‖₁ at the last X.
    pub objective: f64,
}

/// Numbers in the precision of a splitting.
pub(super) fn narrowed<T: Real>(x: &[f64]) -> Vec<T> {
    x.iter().map(|&x| T::of(x)).collect()
}

impl<'a, T: Real> Splitting<'a, T> {
    /// From X = 0 and the multiplier Y / max(‖Y‖, ‖Y‖_∞/λ), as the inexact augmented Lagrangian method starts (Lin, Chen, Ma 2010).
    /// None if a decomposition does not end.
    pub fn new(table: &'a Table<'a>) -> Option<Self> {
        let known = |&y: &f64| if y.is_nan() { 0.0 } else { y };
        let mut a: Vec<T> = table.y.iter().map(|y| T::of(known(y))).collect();
        let mut basis = Basis::new(table.cols);
        let norm = basis.norm(&a, table)?;
        let mu = FIRST_PENALTY / norm;
        let start = 1.0 / (norm.max(table.largest / table.lambda) * mu);
        let p = table.y.iter().map(|y| T::of(known(y) * start)).collect();
        a.iter_mut().for_each(|a| *a *= T::of(1.0 + start));
        let unknown = f64::INFINITY;
        Some(Splitting { table, p, a, mu, basis, shrunk: Shrunk::default(), primal: unknown, dual: unknown, objective: unknown })
    }

    /// The same state in double precision.
    pub fn widened(self) -> Splitting<'a, f64> {
        let cap = self.table.lambda / self.mu;
        let p: Vec<f64> = self.p.iter().map(|p| p.f64()).collect();
        let of = |(p, y): (&f64, &f64)| {
            let (y, clip) = if y.is_nan() { (0.0, 0.0) } else { (*y, p.clamp(-cap, cap)) };
            y - p + 2.0 * clip
        };
        let a = p.par_iter().zip(&self.table.y).map(of).collect();
        let Splitting { table, mu, basis, shrunk, primal, dual, objective, .. } = self;
        Splitting { table, p, a, mu, basis, shrunk, primal, dual, objective }
    }

    /// One step, after which the penalty is `growth` times what it was. None if a decomposition does not end.
    pub fn step(&mut self, growth: f64) -> Option<()> {
        self.shrunk = self.basis.shrink(&self.a, self.table, 1.0 / self.mu)?;
        let (cols, lambda) = (self.table.cols, self.table.lambda);
        let constants = Pass { cap: T::of(lambda / self.mu), growth: T::of(growth) };
        let k = self.shrunk.rank();
        let (scaled, v): (Vec<T>, Vec<T>) = (narrowed(&self.shrunk.scaled), narrowed(&self.shrunk.v));
        let sums: Vec<[f64; 3]> = self
            .a
            .par_chunks_mut(ROW_BLOCK * cols)
            .zip(self.p.par_chunks_mut(ROW_BLOCK * cols))
            .zip(self.table.y.par_chunks(ROW_BLOCK * cols))
            .map(|((a, p), y)| {
                let rows = a.len() / cols;
                let (mut left, mut x) = (vec![T::of(0.0); rows * k], vec![T::of(0.0); a.len()]);
                if k > 0 {
                    multiply(row_major(a, rows, cols), row_major(&scaled, cols, k), row_major_mut(&mut left, rows, k));
                    multiply(row_major(&left, rows, k), row_major(&v, cols, k).transpose(), row_major_mut(&mut x, rows, cols));
                }
                constants.over(&x, y, p, a)
            })
            .collect();
        let here = [0, 1, 2].map(|at| fixed_order_sum(&sums.iter().map(|s| s[at]).collect::<Vec<_>>()));
        let [primal, dual, deviation] = self.table.ranks.sums(here)?;
        (self.primal, self.dual) = (primal.sqrt(), dual.sqrt());
        self.objective = self.shrunk.nuclear_norm() + lambda * deviation;
        self.mu *= growth;
        Some(())
    }

    /// The multiplier Λ: ‖Λ‖_∞ ≤ λ, and 0 where nothing was observed.
    pub fn multiplier(&self) -> Vec<T> {
        let (lambda, mu) = (self.table.lambda, self.mu);
        let of = |(p, y): (&T, &f64)| if y.is_nan() { T::of(0.0) } else { T::of((p.f64() * mu).clamp(-lambda, lambda)) };
        self.p.par_iter().zip(&self.table.y).map(of).collect()
    }

    /// The X that the next step would start from, in factors: its left part and right basis.
    pub fn low_rank(&mut self) -> Option<Shrunk> {
        self.basis.shrink(&self.a, self.table, 1.0 / self.mu)
    }

    /// A·V diag(1 − 1/(μσ)), the left factor of X = shrink(A).
    pub fn left_factor(&self, shrunk: &Shrunk) -> Vec<f64> {
        let k = shrunk.rank();
        let mut left = vec![T::of(0.0); self.table.rows * k];
        if k > 0 {
            mul(row_major(&self.a, self.table.rows, self.table.cols), row_major(&narrowed(&shrunk.scaled), self.table.cols, k), &mut left);
        }
        left.iter().map(|x| x.f64()).collect()
    }
}

/// μ‖Y‖ at the start.
const FIRST_PENALTY: f64 = 1.25;

/// One sweep over entries: new P and A, in place, from X and Y.
#[derive(Clone, Copy)]
struct Pass<T> {
    /// λ/μ.
    cap: T,
    growth: T,
}

/// Sums run side by side, over so many entries before they are added up in double precision.
const LANES: usize = 16;
const PIECE: usize = 2048;

impl<T: Real> Pass<T> {
    /// Returns Σ (y − x − s)², Σ (s − last s)² and Σ |y − x|, the last over observed entries.
    fn over(self, x: &[T], y: &[f64], p: &mut [T], a: &mut [T]) -> [f64; 3] {
        let pieces = x.chunks(PIECE).zip(y.chunks(PIECE)).zip(p.chunks_mut(PIECE)).zip(a.chunks_mut(PIECE));
        pieces.fold([0.0; 3], |totals, (((x, y), p), a)| {
            let sums = self.run(x, y, p, a);
            [0, 1, 2].map(|s| totals[s] + sums[s])
        })
    }

    fn run(self, x: &[T], y: &[f64], p: &mut [T], a: &mut [T]) -> [f64; 3] {
        simd(
            #[inline(always)]
            || {
                let mut sums = [[T::of(0.0); LANES]; 3];
                let heads = x.len() / LANES * LANES;
                for at in (0..heads).step_by(LANES) {
                    let (x, y): (&[T; LANES], &[f64; LANES]) = (x[at..].first_chunk().expect("whole"), y[at..].first_chunk().expect("whole"));
                    let p: &mut [T; LANES] = p[at..].first_chunk_mut().expect("whole");
                    let a: &mut [T; LANES] = a[at..].first_chunk_mut().expect("whole");
                    for l in 0..LANES {
                        self.entry(x[l], y[l], &mut p[l], &mut a[l], [0, 1, 2].map(|s| sums[s][l]))
                            .into_iter()
                            .enumerate()
                            .for_each(|(s, v)| sums[s][l] = v);
                    }
                }
                let mut totals = sums.map(|lanes| lanes.iter().fold(T::of(0.0), |sum, &lane| sum + lane));
                for at in heads..x.len() {
                    totals = self.entry(x[at], y[at], &mut p[at], &mut a[at], totals);
                }
                totals.map(|total| total.f64())
            },
        )
    }

    #[inline(always)]
    fn entry(self, x: T, y: f64, p: &mut T, a: &mut T, [primal, dual, deviation]: [T; 3]) -> [T; 3] {
        let unknown = y.is_nan();
        let cap = if unknown { T::of(0.0) } else { self.cap };
        let y = T::of(if unknown { 0.0 } else { y });
        let clip = clamp(*p, cap);
        let last = *p - clip;
        let relaxed = T::of(RELAXATION) * x + T::of(1.0 - RELAXATION) * (y - last);
        let next = y - relaxed + clip;
        let clip = clamp(next, cap);
        let s = next - clip;
        let clip = clip / self.growth;
        *p = s + clip;
        *a = y - s + clip;
        let (residual, moved, gap) = (y - x - s, s - last, y - x);
        let gap = if unknown { T::of(0.0) } else { gap.larger(-gap) };
        [primal + residual * residual, dual + moved * moved, deviation + gap]
    }
}

/// The number nearest to x in [−cap, cap].
#[inline(always)]
pub(super) fn clamp<T: Real>(x: T, cap: T) -> T {
    let below = if x > cap { cap } else { x };
    if below < -cap { -cap } else { below }
}
