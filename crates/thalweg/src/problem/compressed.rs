//! Dense data of low rank: a cheap stand-in for X while factors are far from their goal.

use super::constraint::RowSet;
use super::half_step::Task;
use super::row_separable::{Measure, RowSeparable, RowUpdate, When};
use crate::Side;
use crate::data::{Dense, stream};
use crate::linalg::{
    Real, exponent, fixed_order_sum, gram, gram_of_columns, mul, mul_transpose, multiply, orthonormalise, row_major, row_major_mut, scale,
    squared_distance, symmetric_eigenvalues,
};
use rand_distr::{Distribution, StandardNormal};

/// X̂ = A Bᵀ ≈ X, with A m×l and B n×l: X multiplied from its shorter side by the projector on the range of a randomised range finder.
///
/// A half-step costs 2(m + n)·l·r instead of 2mnr. X̂ is one matrix for both half-steps, so that ½‖X̂ − UVᵀ‖² falls as steadily as the
/// objective of full data would; its minimisers are near those of X, not the same.
///
/// Source: Halko, Martinsson, Tropp (2011), algorithm 4.4, with two power iterations; Erichson, Mendible, Wihlborn, Kutz (2018) for NMF on it.
#[derive(Debug)]
pub struct Compressed<T> {
    a: Vec<T>,
    b: Vec<T>,
    shape: (usize, usize, usize),
    width: usize,
    sd: f64,
    constant: f64,
}

/// Power iterations: each makes the small singular values smaller beside the large ones.
const POWER_ITERATIONS: usize = 2;

/// Columns beside the rank; more of them where the rank is large, because real spectra fall slowly.
fn oversampling(rank: usize) -> usize {
    10 + rank / 2
}

/// Lines on which the fall of the spectrum is looked for, for each column of the stand-in.
const SEEN_LINES: usize = 4;

/// What a multiplication of a sweep costs beside one of a product; three sweeps are the rule.
const SWEEPS_COST: f64 = 3.0 * 2.0;

impl<T: Real> Compressed<T> {
    /// The columns of A and B, for data large enough that iterations become much cheaper.
    pub fn width(m: usize, n: usize, rank: usize) -> Option<usize> {
        let width = rank + oversampling(rank);
        (m * n >= 3 * (m + n) * width).then_some(width)
    }

    /// How much cheaper than an iteration on X one on X̂ is, by their arithmetic.
    pub fn speedup(&self) -> f64 {
        let [m, n, r, l] = [self.shape.0, self.shape.1, self.shape.2, self.width].map(|count| count as f64);
        let sweeps = SWEEPS_COST * (m + n) * r * r;
        (2.0 * m * n * r + sweeps) / (2.0 * (m + n) * l * r + sweeps)
    }

    /// Compresses X for factors of this rank; none where [`Compressed::width`] has none.
    ///
    /// `largest`: the largest entry of X. The sketch has a seed of its own, the same for every run.
    pub fn new(x: &Dense<T>, rank: usize, sd: f64, largest: f64) -> Option<Self> {
        let view = x.view();
        let (m, n) = (view.nrows(), view.ncols());
        let width = Self::width(m, n, rank)?;
        let is_tall = m >= n;
        let tall = if is_tall { view } else { view.transpose() };
        let (long, short) = (tall.nrows(), tall.ncols());
        let mut rng = stream(0, u64::MAX);
        let mut basis: Vec<T> = (0..short * width)
            .map(|_| {
                let g: f64 = StandardNormal.sample(&mut rng);
                T::of(g)
            })
            .collect();
        let mut image = vec![T::of(0.0); long * width];
        // exact, and the basis gets the same bits for data multiplied by a power of two
        let unit = T::of(scale(1.0, -exponent(largest).unwrap_or(0)));
        for _ in 0..POWER_ITERATIONS {
            mul(tall, row_major(&basis, short, width), &mut image);
            image.iter_mut().for_each(|y| *y *= unit);
            mul_transpose(tall, row_major(&image, long, width), &mut basis);
            basis.iter_mut().for_each(|y| *y *= unit);
            orthonormalise(&mut basis, width);
        }
        mul(tall, row_major(&basis, short, width), &mut image);
        let squares: Vec<f64> = image.chunks(4096).map(|c| c.iter().map(|x| x.f64() * x.f64()).sum()).collect();
        let constant = 0.5 * fixed_order_sum(&squares);
        let (a, b) = if is_tall { (image, basis) } else { (basis, image) };
        Some(Compressed { a, b, shape: (m, n, rank), width, sd, constant })
    }
}

/// The largest of σ_k/σ_{k+1} for r/2 ≤ k ≤ r, each divided by the decay that follows it up to the rank, σ_{k+1}/σ_{r+1}: how sharply the
/// spectrum falls at the rank r, or at a smaller one that is near, behind which it is flat.
///
/// Seen on evenly spaced rows of X, or columns if X is wide: noise is smaller beside the singular values of all of X, so this is a lower
/// estimate. 1 where nothing lies behind the rank.
pub fn spectral_fall<T: Real>(x: &Dense<T>, rank: usize) -> f64 {
    let view = if x.view().nrows() >= x.view().ncols() { x.view() } else { x.view().transpose() };
    let (long, short) = (view.nrows(), view.ncols());
    let seen = long.min(SEEN_LINES * (rank + oversampling(rank)));
    let mut lines: Vec<f64> = (0..seen).flat_map(|i| (0..short).map(move |j| view[(i * long / seen, j)].f64())).collect();
    let largest = lines.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let unit = scale(1.0, -exponent(largest).unwrap_or(0));
    lines.iter_mut().for_each(|x| *x *= unit);
    let lines = row_major(&lines, seen, short);
    let side = seen.min(short);
    let gram = gram_of_columns(if short <= seen { lines } else { lines.transpose() });
    let Some(squares) = symmetric_eigenvalues(&gram, side) else { return 1.0 };
    let Some(last) = squares.len().checked_sub(1) else { return 1.0 };
    let floor = side as f64 * f64::EPSILON * squares[0];
    let sigma = |k: usize| squares[k.min(last)].max(floor).sqrt();
    let falls = ((rank / 2).saturating_sub(1)..rank.min(last)).map(|k| sigma(k) / sigma(k + 1) * (sigma(rank) / sigma(k + 1)));
    falls.filter(|fall| fall.is_finite()).fold(1.0, f64::max)
}

impl<T: Real> RowSeparable<T> for Compressed<T> {
    fn shape(&self) -> (usize, usize, usize) {
        self.shape
    }

    fn half_step(&self, side: Side, held: &[T], rows: &mut [T], rule: &dyn RowUpdate<T>, when: When) -> Measure {
        let (r, l) = (self.shape.2, self.width);
        let (near, far) = if side == Side::U { (&self.a, &self.b) } else { (&self.b, &self.a) };
        let view = |x| -> crate::linalg::MatRef<'_, T> { row_major(x, held.len() / r, r) };
        // Bᵀ V, l×r
        let mut small = vec![T::of(0.0); l * r];
        mul_transpose(row_major(far, held.len() / r, l), view(held), &mut small);
        let small = row_major(&small, l, r);
        let (set, free) = (RowSet::NonNegative, None);
        let task = Task { rank: r, first: 0, sd: self.sd, rule, when, penalties: None, ratios: &[], set, free };
        task.shared_gram(&gram(held, r), rows, |first, out| {
            let count = out.len() / r;
            multiply(row_major(&near[first * l..][..count * l], count, l), small, row_major_mut(out, count, r));
        })
    }

    fn constant(&self) -> f64 {
        self.constant
    }

    fn value(&self, u: &[T], v: &[T]) -> f64 {
        let (m, n, r) = self.shape;
        let difference = |rows: std::ops::Range<usize>| -> f64 {
            let (mut product, mut data) = (vec![T::of(0.0); rows.len() * n], vec![T::of(0.0); rows.len() * n]);
            mul(row_major(&u[rows.start * r..rows.end * r], rows.len(), r), row_major(v, n, r).transpose(), &mut product);
            mul(
                row_major(&self.a[rows.start * self.width..rows.end * self.width], rows.len(), self.width),
                row_major(&self.b, n, self.width).transpose(),
                &mut data,
            );
            squared_distance(&data, &product)
        };
        let sums: Vec<f64> = (0..m).step_by(64).map(|start| difference(start..m.min(start + 64))).collect();
        0.5 * fixed_order_sum(&sums)
    }
}
