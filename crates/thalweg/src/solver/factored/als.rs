//! Alternating least squares: given V, A(UVᵀ) = b is linear in U.

use super::{FactoredAbout, FactoredMethod, Step};
use crate::data::{Csr, Duplicates, Sparse, Triplet};
use crate::linalg::{Cholesky, ROW_BLOCK, RowEquations, gather_rows, gram_of_rows};
use crate::map::{Definition, MeasurementMap};
use crate::problem::Factored;
use crate::solver::Ranks;
use crate::{Error, Side};
use rayon::prelude::*;

/// Each half-step solves its least-squares problem: row by row where entries are sampled, else from the normal equations of all rows.
pub struct AlternatingLeastSquares;

/// Part of the mean diagonal that is added to normal equations: rows with fewer entries than the rank stay bounded.
const LIFT: f64 = 1e-13;
/// Unknowns up to which normal equations are formed.
const MOST_UNKNOWNS: usize = 4000;

impl FactoredMethod for AlternatingLeastSquares {
    fn about(&self) -> FactoredAbout {
        FactoredAbout {
            name: "als",
            summary: "alternating least squares: the method for completion at scale",
            cost: "completion: p r² + (d₁+d₂)r³/3; other maps: p(d₁²+d₂²)r²",
            source: "Zhou, Wilkinson, Schreiber, Pan (2008)",
            semidefinite: false,
        }
    }

    fn begin<'p>(&self, problem: &Factored<'p>) -> Result<Box<dyn Step + 'p>, Error> {
        if problem.is_semidefinite() {
            return Err(Error::Parameter { name: "method", expected: "one that keeps V = U".into(), got: "als".into() });
        }
        let (d1, d2) = problem.map().shape();
        let most = d1.max(d2) * problem.rank();
        match problem.map().definition() {
            Definition::Entries(rows, cols, weights) => Ok(Box::new(ByRows::new(rows, cols, weights, problem)?)),
            _ if most > MOST_UNKNOWNS => Err(Error::Parameter {
                name: "method",
                expected: "gauss-newton: the normal equations of als are too large".into(),
                got: "als".into(),
            }),
            _ => Ok(Box::new(AllRows)),
        }
    }

    fn begin_on_ranks<'p>(&self, problem: &Factored<'p>) -> Result<Box<dyn Step + 'p>, Error> {
        match problem.map().definition() {
            Definition::Entries(rows, cols, weights) => Ok(Box::new(ByRows::new(rows, cols, weights, problem)?)),
            _ => Err(Error::Parameter { name: "measurements", expected: "sampled entries on several ranks".into(), got: "another map".into() }),
        }
    }
}

/// wᵢ x_{row, col} = bᵢ: rows of U separate, and share nothing but V.
struct ByRows {
    /// wᵢbᵢ and wᵢ² at their positions, by row and by column.
    right: Sparse<f64>,
    weights: Sparse<f64>,
}

impl ByRows {
    fn new(rows: &[u32], cols: &[u32], weights: &[f64], problem: &Factored<'_>) -> Result<Self, Error> {
        let (d1, d2) = problem.map().shape();
        let sparse = |value: &dyn Fn(usize) -> f64| {
            let entries = rows.iter().zip(cols).enumerate().map(|(i, (&row, &col))| Triplet { row, col, value: value(i) }).collect();
            Sparse::from_triplets(d1, d2, entries, Duplicates::Sum).map(|(sparse, _)| sparse)
        };
        Ok(ByRows { right: sparse(&|i| weights[i] * problem.b()[i])?, weights: sparse(&|i| weights[i] * weights[i])? })
    }
}

impl Step for ByRows {
    fn step(&mut self, problem: &Factored<'_>, ranks: &Ranks<'_>, x: &mut Vec<f64>, residual: &mut Vec<f64>) -> bool {
        let r = problem.rank();
        let (u, v) = x.split_at_mut(problem.left_len());
        solve_rows(u, r, |room, at, gram, row| gather(room, (&self.right.by_row, &self.weights.by_row), v, at, gram, row));
        let equations = |room: &mut Room, at: usize, gram: &mut [f64], row: &mut [f64]| {
            gather(room, (&self.right.by_col, &self.weights.by_col), u, at, gram, row)
        };
        let is_solved = if ranks.is_alone() {
            solve_rows(v, r, equations);
            true
        } else {
            solve_summed_rows(v, r, ranks, equations).is_some()
        };
        *residual = problem.residual(x);
        is_solved
    }
}

type Room = RowEquations<f64>;

/// G ← Σ w vᵀv and g ← Σ w y v of row `at`, over its entries.
fn gather(room: &mut Room, (right, weights): (&Csr<f64>, &Csr<f64>), held: &[f64], at: usize, gram: &mut [f64], row: &mut [f64]) {
    let (indices, values) = right.row(at);
    gram.fill(0.0);
    room.add_gram(indices, Some(weights.row(at).1), held, gram);
    row.fill(0.0);
    gather_rows(indices, values, held, row);
}

/// Each row ← G⁻¹g with what `equations(room, row, G, g)` writes.
fn solve_rows(rows: &mut [f64], r: usize, equations: impl Fn(&mut Room, usize, &mut [f64], &mut [f64]) + Sync) {
    rows.par_chunks_mut(ROW_BLOCK * r).enumerate().for_each(|(block, rows)| {
        let (mut room, mut gram) = (Room::new(r), vec![0.0; r * r]);
        for (at, row) in rows.chunks_exact_mut(r).enumerate() {
            equations(&mut room, block * ROW_BLOCK + at, &mut gram, row);
            let lift = LIFT * (0..r).map(|k| gram[k * r + k]).sum::<f64>() / r as f64;
            (0..r).for_each(|k| gram[k * r + k] += lift);
            solve_in_place(&mut gram, row);
        }
    });
}

/// The same with G and g summed over ranks, each of which solves a part of the rows; all gather them. None if a rank is lost.
fn solve_summed_rows(
    rows: &mut [f64],
    r: usize,
    ranks: &Ranks<'_>,
    equations: impl Fn(&mut Room, usize, &mut [f64], &mut [f64]) + Sync,
) -> Option<()> {
    let (count, width) = (rows.len() / r, r * r + r);
    let mut own = vec![0.0; count * width];
    own.par_chunks_mut(ROW_BLOCK * width).enumerate().for_each(|(block, own)| {
        let mut room = Room::new(r);
        for (at, own) in own.chunks_exact_mut(width).enumerate() {
            let (gram, row) = own.split_at_mut(r * r);
            equations(&mut room, block * ROW_BLOCK + at, gram, row);
        }
    });
    let (here, summed) = ranks.sum_parts(own, count, width)?;
    let mut solved = vec![0.0; here.len() * r];
    solve_rows(&mut solved, r, |_, at, gram, row| {
        let (of_gram, of_row) = summed[at * width..][..width].split_at(r * r);
        gram.copy_from_slice(of_gram);
        row.copy_from_slice(of_row);
    });
    ranks.gather_parts(&solved, count, r, rows)
}

/// x ← G⁻¹x for a small positive definite G, which is overwritten; 0 along pivots that are not positive.
fn solve_in_place(gram: &mut [f64], x: &mut [f64]) {
    let r = x.len();
    for k in 0..r {
        for l in 0..k {
            let sum: f64 = (0..l).map(|m| gram[k * r + m] * gram[l * r + m]).sum();
            gram[k * r + l] = (gram[k * r + l] - sum) * gram[l * r + l];
        }
        let pivot = gram[k * r + k] - (0..k).map(|m| gram[k * r + m] * gram[k * r + m]).sum::<f64>();
        // the inverse of the diagonal of L stands on the diagonal
        gram[k * r + k] = if pivot > 0.0 { 1.0 / pivot.sqrt() } else { 0.0 };
    }
    for k in 0..r {
        let sum: f64 = (0..k).map(|m| gram[k * r + m] * x[m]).sum();
        x[k] = (x[k] - sum) * gram[k * r + k];
    }
    for k in (0..r).rev() {
        let sum: f64 = (k + 1..r).map(|m| gram[m * r + k] * x[m]).sum();
        x[k] = (x[k] - sum) * gram[k * r + k];
    }
}

/// Any other map: all rows at once.
struct AllRows;

impl Step for AllRows {
    fn step(&mut self, problem: &Factored<'_>, _: &Ranks<'_>, x: &mut Vec<f64>, residual: &mut Vec<f64>) -> bool {
        let (u, v) = x.split_at_mut(problem.left_len());
        let solved = solve_side(problem.map(), problem.b(), Side::U, v, u, problem.rank()).is_some()
            && solve_side(problem.map(), problem.b(), Side::V, u, v, problem.rank()).is_some();
        *residual = problem.residual(x);
        solved
    }
}

/// `rows` ← the least-squares solution of J·rows = b, with one refinement.
fn solve_side(map: &dyn MeasurementMap, b: &[f64], side: Side, held: &[f64], rows: &mut [f64], r: usize) -> Option<()> {
    let (p, n) = (b.len(), rows.len());
    let mut jacobian = vec![0.0; p * n];
    map.jacobian(side, held, r, &mut jacobian);
    let mut transposed = vec![0.0; p * n];
    jacobian.chunks_exact(n).enumerate().for_each(|(i, row)| row.iter().enumerate().for_each(|(k, j)| transposed[k * p + i] = *j));
    let mut normal = vec![0.0; n * n];
    gram_of_rows(&transposed, n, &mut normal);
    let lift = LIFT * (0..n).map(|k| normal[k * n + k]).sum::<f64>() / n as f64;
    (0..n).for_each(|k| normal[k * n + k] += lift);
    let factor = Cholesky::of(&normal, n)?;
    for _ in 0..2 {
        let misfit: Vec<f64> = jacobian.chunks_exact(n).zip(b).map(|(j, b)| b - crate::linalg::dot(j, rows)).collect();
        let mut step: Vec<f64> = transposed.chunks_exact(p).map(|j| crate::linalg::dot(j, &misfit)).collect();
        factor.solve(&mut step);
        rows.iter_mut().zip(&step).for_each(|(x, s)| *x += s);
    }
    Some(())
}
