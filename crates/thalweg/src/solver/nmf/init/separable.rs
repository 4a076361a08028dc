//! A start from columns of X itself.

use super::super::Anls;
use crate::linalg::Real;
use crate::problem::{Nmf, RowSeparable, RowSet, When};
use crate::{Factors, Side};

/// Successive projection: the column of largest residual norm is taken, and all columns are projected away from it, r times. Then V solves
/// min over V of ‖X − UVᵀ‖² exactly. Where the rows of U sum to one it is rows of X that are taken, into V.
///
/// Source: Araújo et al. (2001); Gillis, Vavasis (2014) for its robustness. Norms are kept by subtraction, so columns that are
/// combinations of those taken end at rounding level and are not taken.
pub(super) fn spa<T: Real>(problem: &Nmf<'_, T>) -> Factors<T> {
    let data = problem.data();
    let (m, n) = data.shape();
    let r = problem.rank();
    let pure = if problem.constraints().u.rows == RowSet::SumToOne { Side::V } else { Side::U };
    let mut left = squares_across(problem, pure);
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let mut factors = Factors::<T>::zeros(m, n, r);
    for k in 0..r {
        let pick = (0..left.len()).max_by(|&a, &b| left[a].total_cmp(&left[b])).expect("a matrix has rows and columns");
        let picked = slice(problem, pure, pick);
        side_mut(&mut factors, pure).iter_mut().skip(k).step_by(r).zip(&picked).for_each(|(u, x)| *u = T::of(*x));
        let mut direction = picked;
        for q in &basis {
            let along: f64 = q.iter().zip(&direction).map(|(a, b)| a * b).sum();
            direction.iter_mut().zip(q).for_each(|(d, q)| *d -= along * q);
        }
        let norm = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm == 0.0 {
            continue;
        }
        direction.iter_mut().for_each(|x| *x /= norm);
        let narrow: Vec<T> = direction.iter().map(|&x| T::of(x)).collect();
        let mut along = vec![T::of(0.0); left.len()];
        data.multiply(pure.other(), &narrow, 1, &mut along);
        left.iter_mut().zip(along).for_each(|(left, a)| *left = (*left - a.f64() * a.f64()).max(0.0));
        left[pick] = 0.0;
        basis.push(direction);
    }
    if problem.constraints().side(pure.other()).rows == RowSet::SumToOne {
        side_mut(&mut factors, pure.other()).fill(T::of(1.0 / r as f64));
    }
    problem.constraints().impose(&mut factors);
    let (u, v) = factors.split_mut();
    let (held, rows) = if pure == Side::U { (u, v) } else { (v, u) };
    problem.half_step(pure.other(), held, rows, &Anls, When::Never);
    factors
}

fn side_mut<T: Real>(factors: &mut Factors<T>, side: Side) -> &mut [T] {
    let (u, v) = factors.split_mut();
    if side == Side::U { u } else { v }
}

/// ‖·‖² of each column of X (side U), or of each row (V).
fn squares_across<T: Real>(problem: &Nmf<'_, T>, side: Side) -> Vec<f64> {
    let (m, n) = problem.data().shape();
    let mut squares = vec![0.0; if side == Side::U { n } else { m }];
    for i in 0..m {
        for (j, x, _) in problem.data().row_entries(i) {
            squares[if side == Side::U { j } else { i }] += x.f64() * x.f64();
        }
    }
    squares
}

/// A column of X (side U), or a row (V).
fn slice<T: Real>(problem: &Nmf<'_, T>, side: Side, pick: usize) -> Vec<f64> {
    let (m, n) = problem.data().shape();
    let (count, length) = if side == Side::U { (n, m) } else { (m, n) };
    let mut unit = vec![T::of(0.0); count];
    unit[pick] = T::of(1.0);
    let mut out = vec![T::of(0.0); length];
    problem.data().multiply(side, &unit, 1, &mut out);
    out.into_iter().map(|x| x.f64()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dense, Matrix};

    #[test]
    fn separable_data_are_factored_exactly() {
        // X = W [I H]: the first three columns are pure
        let (m, n, r) = (7, 9, 3);
        let w: Vec<f64> = (0..m * r).map(|at| ((at * 7 + 3) % 11) as f64).collect();
        let h = |k: usize, j: usize| if j < r { f64::from(u8::from(j == k)) } else { ((j * 5 + k * 3) % 7) as f64 / 21.0 };
        let values = (0..m * n).map(|at| (0..r).map(|k| w[at / n * r + k] * h(k, at % n)).sum::<f64>()).collect();
        let data = Matrix::Dense(Dense::new(m, n, values).unwrap());
        let problem = Nmf::new(&data, r).unwrap();
        let start = spa(&problem);
        assert!(problem.objective(&start) < 1e-20 * problem.summary().norm_squared);
    }
}
