//! Is X + S the only way to write Y that costs no more? From Y, X and a dual matrix W alone, with all rounding bounded.

use super::bounds::largest_singular_value;
use crate::Error;
use crate::linalg::{ROW_BLOCK, TruncatedSvd, dot, gram, gram_between, mul, multiply, rounding, row_major, row_major_mut};
use crate::problem::RobustPca;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Distance of all minimisers, relative to ‖X‖_F, up to which X is said to be the one.
pub const ROBUST_PCA_RADIUS: f64 = 5e-10;

/// What the data prove about X, S = Y − X and a dual matrix W.
///
/// Let Ω be the entries where W = λ sign(S) exactly, T the tangent space of the rank-r matrices at X = UΣVᵀ. For every H
///
/// ```text
/// f(X+H) − f(X) ≥ (1−σ)‖P_T⊥H‖_* + (λ−ω)‖P_Ωᶜ H‖₁ − δ‖P_T H‖ − 2λε
/// σ = ‖P_T⊥W‖,  ω = ‖P_Ωᶜ W‖_∞,  δ = ‖P_T W − UVᵀ‖,  ε = ‖P_Ωᶜ S‖₁,  ρ = ‖P_Ω P_T‖
/// ```
///
/// and ‖P_Ωᶜ H‖ + ‖P_T⊥H‖ ≥ √(1−ρ²) ‖P_T H‖. With σ < 1, ω < λ, ρ < 1 this bounds every minimiser's distance from X by a multiple of ε,
/// which is rounding where Y is low-rank plus sparse.
///
/// Source: Candès, Li, Ma, Wright (2011), lemma 2.4, made quantitative; FM, section 6.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RobustPcaCertificate {
    /// Every minimiser lies within [`ROBUST_PCA_RADIUS`]·‖X‖ of X.
    pub certified: bool,
    /// The smallest of 1 − σ, 1 − ω/λ and 1 − ρ², each from its bound; not positive where one fails.
    pub margin: f64,
    /// Upper bound of σ.
    pub off_tangent_norm: f64,
    /// ω/λ.
    pub off_support_ratio: f64,
    /// Upper bound of ρ².
    pub overlap: f64,
    /// Upper bound of the distance of any minimiser from X, relative to ‖X‖; infinite where nothing is proved.
    pub radius: f64,
    /// Upper bound of the objective at X: ‖X‖_* + λ‖Y − X‖₁, or ‖X‖_* under a budget.
    pub objective: f64,
    /// Proved lower bound of the objective over all X.
    pub lower_bound: f64,
}

impl RobustPcaCertificate {
    /// (objective − lower bound) / objective: no matrix is better by more.
    pub fn relative_gap(&self) -> f64 {
        if self.objective > 0.0 { ((self.objective - self.lower_bound) / self.objective).max(0.0) } else { 0.0 }
    }
}

/// Checks X = U diag(s) Vᵀ with W (m×n, row-major, any matrix). With a `budget` the problem is min ‖X‖_* s.t. ‖Y − X‖₁ ≤ budget, eq.
/// (6.9), and λ is the weight for which W was made.
///
/// # Errors
/// [`Error::Shape`] if a part does not fit the data, [`Error::NotFinite`] if one holds a NaN or an infinity.
pub fn certify_robust_pca(problem: &RobustPca, low_rank: &TruncatedSvd, w: &[f64], budget: Option<f64>) -> Result<RobustPcaCertificate, Error> {
    check(problem, low_rank, w)?;
    let basis = Basis::of(low_rank, problem.shape());
    let split = Split::of(problem, low_rank, w);
    let tangent = basis.compare(w);
    let lambda = problem.lambda();
    let off_support_ratio = split.largest_free / lambda;
    let overlap = if off_support_ratio < 1.0 { split.overlap(low_rank, problem.shape(), basis.defect) } else { f64::INFINITY };
    let margin = (1.0 - tangent.norm).min(1.0 - off_support_ratio).min(1.0 - overlap);
    // under a budget, another X may use what S leaves of it
    let over = budget.map_or(0.0, |budget| (budget - split.deviation_lower).max(0.0));
    let feasible = budget.is_none_or(|budget| split.deviation_upper <= budget * (1.0 + 1e-12));
    let loss = lambda * (2.0 * split.free_deviation + over) * SLACK;
    let radius = if margin > 0.0 && feasible {
        radius((1.0 - tangent.norm, lambda * (1.0 - off_support_ratio), 1.0 - overlap), tangent.mismatch, loss)
    } else {
        f64::INFINITY
    };
    let size = basis.size * (1.0 - 4.0 * basis.defect);
    let radius = if radius == 0.0 || size > 0.0 { radius / size.max(f64::MIN_POSITIVE) } else { f64::INFINITY };
    let nuclear = low_rank.singular_values.iter().sum::<f64>() * (1.0 + 4.0 * basis.defect) * SLACK;
    let dual_norm = if tangent.mismatch < 1e-9 {
        tangent.norm.max(1.0) + tangent.mismatch
    } else {
        largest_singular_value(w, problem.shape().1).unwrap_or_else(|| norm(w))
    };
    let (objective, lower_bound) = match budget {
        None => (nuclear + lambda * split.deviation_upper, split.inner_lower / dual_norm.max(split.largest / lambda).max(1.0)),
        Some(budget) => (nuclear, (split.inner_lower - budget * split.largest) / dual_norm.max(1.0)),
    };
    // only X = 0 costs nothing
    let certified = split.is_zero_where_unknown && radius <= ROBUST_PCA_RADIUS || objective == 0.0 && feasible;
    let lower_bound = if split.is_zero_where_unknown { lower_bound.max(0.0) } else { 0.0 };
    Ok(RobustPcaCertificate { certified, margin, off_tangent_norm: tangent.norm, off_support_ratio, overlap, radius, objective, lower_bound })
}

/// Covers the roundings of the few scalar operations on bounds.
const SLACK: f64 = 1.0 + 1e-12;

/// The largest ‖H‖_F that the inequality leaves, from the three margins 1 − σ, λ − ω, 1 − ρ².
fn radius((spectral, entries, apart): (f64, f64, f64), mismatch: f64, loss: f64) -> f64 {
    let pull = spectral.min(entries) * apart.sqrt() - mismatch;
    if pull <= 0.0 {
        return f64::INFINITY;
    }
    let tangent = loss / pull;
    (tangent + (mismatch * tangent + loss) / spectral) * SLACK
}

fn check(problem: &RobustPca, low_rank: &TruncatedSvd, w: &[f64]) -> Result<(), Error> {
    let (m, n) = problem.shape();
    let r = low_rank.singular_values.len();
    if w.len() != m * n {
        return Err(Error::Shape { what: "the dual matrix", expected: (m, n), got: (w.len() / n.max(1), n) });
    }
    for (what, x, rows, width) in [
        ("U", &low_rank.u[..], m, r),
        ("V", &low_rank.v, n, r),
        ("the dual matrix", w, m, n),
        ("the singular values", &low_rank.singular_values, 1, r),
    ] {
        if x.len() != rows * width {
            return Err(Error::Shape { what, expected: (rows, width), got: (x.len() / width.max(1), width) });
        }
        if let Some(at) = x.iter().position(|x| !x.is_finite()) {
            return Err(Error::NotFinite { what, row: at / width, col: at % width, value: x[at] });
        }
    }
    match low_rank.singular_values.iter().position(|s| *s <= 0.0) {
        Some(at) => Err(Error::Parameter { name: "a singular value", expected: "above 0".into(), got: low_rank.singular_values[at].to_string() }),
        None => Ok(()),
    }
}

/// Upper bound of ‖x‖ from its computed value.
fn norm(x: &[f64]) -> f64 {
    const PART: usize = ROW_BLOCK * 64;
    let square = if x.len() <= PART { dot(x, x) } else { x.par_chunks(PART).map(|x| dot(x, x)).collect::<Vec<f64>>().iter().sum() };
    (square * (1.0 + 2.0 * rounding(x.len() + 2))).sqrt() * SLACK
}

/// U and V as they are in floating point: nearly orthonormal.
struct Basis<'a> {
    low_rank: &'a TruncatedSvd,
    shape: (usize, usize),
    rank: usize,
    /// Bound of ‖UᵀU − I‖ and ‖VᵀV − I‖.
    defect: f64,
    /// ‖s‖.
    size: f64,
}

/// W against T.
struct Against {
    /// Bound of ‖P_T⊥ W‖.
    norm: f64,
    /// Bound of ‖P_T W − UVᵀ‖_F, UVᵀ being that of X's own decomposition.
    mismatch: f64,
}

impl<'a> Basis<'a> {
    fn of(low_rank: &'a TruncatedSvd, shape: (usize, usize)) -> Self {
        let rank = low_rank.singular_values.len();
        let defect_of = |x: &[f64], rows: usize| {
            let mut gram = gram(x, rank);
            (0..rank).for_each(|k| gram[k * rank + k] -= 1.0);
            norm(&gram) + rounding(rows + 2) * norm(x).powi(2)
        };
        let defect = if rank == 0 { 0.0 } else { defect_of(&low_rank.u, shape.0).max(defect_of(&low_rank.v, shape.1)) };
        Basis { low_rank, shape, rank, defect, size: norm(&low_rank.singular_values) }
    }

    /// With Z = W − UVᵀ as computed and G what rounding left out of it: P_T⊥W = P_T⊥(Z + G), and P_T W − UVᵀ = P_T(Z + G).
    fn compare(&self, w: &[f64]) -> Against {
        let ((m, n), r) = (self.shape, self.rank);
        let (u, v) = (&self.low_rank.u, &self.low_rank.v);
        let mut z = w.to_vec();
        if r > 0 {
            z.par_chunks_mut(ROW_BLOCK * n).enumerate().for_each(|(block, z)| {
                let rows = z.len() / n;
                let mut product = vec![0.0; z.len()];
                let u = row_major(&u[block * ROW_BLOCK * r..][..rows * r], rows, r);
                multiply(u, row_major(v, n, r).transpose(), row_major_mut(&mut product, rows, n));
                z.iter_mut().zip(&product).for_each(|(z, p)| *z -= p);
            });
        }
        let (size_u, size_v, size_z) = (norm(u), norm(v), norm(&z));
        let left_out = (rounding(r + 2) * size_u * size_v + f64::EPSILON * size_z) * SLACK;
        let spectral = largest_singular_value(&z, n).unwrap_or(size_z) + left_out;
        if r == 0 {
            return Against { norm: spectral, mismatch: 0.0 };
        }
        if self.defect > 1e-3 {
            return Against { norm: spectral, mismatch: f64::INFINITY };
        }
        let (mut ztu, mut zv) = (vec![0.0; n * r], vec![0.0; m * r]);
        mul(row_major(&z, m, n).transpose(), row_major(u, m, r), &mut ztu);
        mul(row_major(&z, m, n), row_major(v, n, r), &mut zv);
        let inside = norm(&ztu) + norm(&zv) + (rounding(m + 2) * size_u + rounding(n + 2) * size_v) * size_z;
        // U = U₀R with orthonormal U₀ and ‖R − I‖ ≤ defect; so UVᵀ is off by 3√r·defect, and the polar factor of R_U diag(s) R_V is within
        // 2‖·‖/(sum of the smallest singular values) of I (Li 1995)
        let smallest = self.low_rank.singular_values.iter().fold(f64::INFINITY, |a, &b| a.min(b));
        let moved = 3.0 * self.defect * self.size;
        let polar = if 2.0 * smallest > moved { 2.0 * moved / (2.0 * smallest - moved) } else { f64::INFINITY };
        let mismatch = inside / (1.0 - self.defect) + left_out + 3.0 * (r as f64).sqrt() * self.defect + polar;
        Against { norm: spectral, mismatch: mismatch * SLACK }
    }
}

/// Y − X on and off the support that W claims.
struct Split {
    /// Entries on the support or unobserved, row by row.
    bound: Vec<Vec<u32>>,
    /// max |W| off them, and everywhere.
    largest_free: f64,
    largest: f64,
    /// Bound of Σ |Y − X| off the support.
    free_deviation: f64,
    /// Bounds of ‖Y − X‖₁.
    deviation_upper: f64,
    deviation_lower: f64,
    /// Lower bound of ⟨Y, W⟩.
    inner_lower: f64,
    is_zero_where_unknown: bool,
}

/// The same for some rows.
struct Part {
    bound: Vec<Vec<u32>>,
    largest_free: f64,
    largest: f64,
    free: f64,
    all: f64,
    error: f64,
    inner: f64,
    inner_size: f64,
    is_zero_where_unknown: bool,
}

impl Split {
    fn of(problem: &RobustPca, low_rank: &TruncatedSvd, w: &[f64]) -> Self {
        let (m, n) = problem.shape();
        let r = low_rank.singular_values.len();
        let mut left = low_rank.u.clone();
        left.chunks_exact_mut(r.max(1)).for_each(|row| row.iter_mut().zip(&low_rank.singular_values).for_each(|(u, s)| *u *= s));
        let column_sizes: Vec<f64> = if r == 0 { vec![0.0; n] } else { low_rank.v.chunks_exact(r).map(norm).collect() };
        let parts: Vec<Part> = problem
            .data()
            .par_chunks(ROW_BLOCK * n)
            .enumerate()
            .map(|(block, y)| {
                let rows = y.len() / n;
                let here = block * ROW_BLOCK;
                let mut x = vec![0.0; y.len()];
                let left = &left[here * r..(here + rows) * r];
                if r > 0 {
                    multiply(row_major(left, rows, r), row_major(&low_rank.v, n, r).transpose(), row_major_mut(&mut x, rows, n));
                }
                let row_sizes: Vec<f64> = if r == 0 { vec![0.0; rows] } else { left.chunks_exact(r).map(norm).collect() };
                Part::of((&row_sizes, &column_sizes), y, &x, &w[here * n..][..y.len()], problem.lambda(), rounding(r + 3))
            })
            .collect();
        let sum = |of: fn(&Part) -> f64| parts.iter().map(of).sum::<f64>();
        let largest = |of: fn(&Part) -> f64| parts.iter().map(of).fold(0.0, f64::max);
        // sums of up to mn terms
        let (up, error) = (1.0 + 2.0 * rounding(m * n + 2), sum(|p| p.error));
        Split {
            largest_free: largest(|p| p.largest_free),
            largest: largest(|p| p.largest),
            free_deviation: sum(|p| p.free) * up,
            deviation_upper: (sum(|p| p.all) + error) * up,
            deviation_lower: ((sum(|p| p.all) - error) * (2.0 - up)).max(0.0),
            inner_lower: sum(|p| p.inner) - rounding(m * n + 2) * sum(|p| p.inner_size) * up,
            is_zero_where_unknown: parts.iter().all(|p| p.is_zero_where_unknown),
            bound: parts.into_iter().flat_map(|p| p.bound).collect(),
        }
    }

    /// Bound of ρ² = ‖P_Ω P_T‖²: for U Aᵀ + B Vᵀ the two parts are at most max_j ‖U_Ωj‖² ‖A‖² and max_i ‖V_Ωi‖² ‖B‖².
    fn overlap(&self, low_rank: &TruncatedSvd, (_, n): (usize, usize), defect: f64) -> f64 {
        let r = low_rank.singular_values.len();
        if r == 0 {
            return 0.0;
        }
        let mut by_column = vec![vec![]; n];
        for (i, row) in self.bound.iter().enumerate() {
            row.iter().for_each(|&j| by_column[j as usize].push(i as u32));
        }
        let largest = |lists: &[Vec<u32>], rows: &[f64]| lists.par_iter().map(|list| gathered_norm(list, rows, r)).reduce(|| 0.0, f64::max);
        (largest(&by_column, &low_rank.u) + largest(&self.bound, &low_rank.v)) / (1.0 - defect) * SLACK
    }
}

impl Part {
    fn of((row_sizes, column_sizes): (&[f64], &[f64]), y: &[f64], x: &[f64], w: &[f64], lambda: f64, gamma: f64) -> Self {
        let n = column_sizes.len();
        let mut part = Part {
            bound: vec![vec![]; row_sizes.len()],
            largest_free: 0.0,
            largest: 0.0,
            free: 0.0,
            all: 0.0,
            error: 0.0,
            inner: 0.0,
            inner_size: 0.0,
            is_zero_where_unknown: true,
        };
        for (i, row_size) in row_sizes.iter().enumerate() {
            for (j, column_size) in column_sizes.iter().enumerate() {
                let (y, x, w) = (y[i * n + j], x[i * n + j], w[i * n + j]);
                if y.is_nan() {
                    part.bound[i].push(j as u32);
                    part.is_zero_where_unknown &= w == 0.0;
                    continue;
                }
                let s = y - x;
                // products below the range are lost, but not where a factor is 0
                let underflow = if *row_size > 0.0 && *column_size > 0.0 { f64::MIN_POSITIVE } else { 0.0 };
                let error = (gamma * row_size * column_size + f64::EPSILON * s.abs() + underflow) * SLACK;
                part.all += s.abs();
                part.error += error;
                part.inner += w * y;
                part.inner_size += (w * y).abs();
                part.largest = part.largest.max(w.abs());
                if w.abs() == lambda && w * s > 0.0 && s.abs() > error {
                    part.bound[i].push(j as u32);
                } else {
                    part.largest_free = part.largest_free.max(w.abs());
                    part.free += s.abs() + error;
                }
            }
        }
        part
    }
}

/// Bound of ‖Σ xᵢᵀxᵢ‖ over some rows: ‖G¹⁶‖_F^(1/16), by squaring, at most r^(1/32) too large.
fn gathered_norm(list: &[u32], rows: &[f64], r: usize) -> f64 {
    let gathered: Vec<f64> = list.iter().flat_map(|&i| rows[i as usize * r..][..r].iter().copied()).collect();
    if gathered.is_empty() {
        return 0.0;
    }
    let mut power = gram_between(&gathered, &gathered, r);
    let mut bound = 1.0;
    let mut exponent = 1.0;
    for _ in 0..4 {
        let size = norm(&power);
        if size == 0.0 {
            return f64::MIN_POSITIVE;
        }
        bound *= size.powf(exponent);
        exponent *= 0.5;
        power.iter_mut().for_each(|x| *x /= size);
        power = gram_between(&power, &power, r);
    }
    // entries of G² are off by γ_r ‖G‖_F² at most, which is √r γ_r of its norm
    bound * norm(&power).powf(exponent) * (1.0 + 20.0 * r as f64 * rounding(r + list.len()))
}
