//! New rows on the components of a fit.

use super::{Anls, default_divergence_method};
use crate::data::Matrix;
use crate::problem::{Constraints, Divergence, Loss, Nmf, RowSeparable, RowSet, ScaledPenalty, When};
use crate::{Error, Factors, Side};

/// Passes over the rows; the first solves all but rows with nearly dependent components.
const MAX_PASSES: usize = 50;

/// Passes over the rows under a divergence.
const MAX_DIVERGENCE_PASSES: usize = 2000;

/// argmin over U ≥ 0 of ½ Σ w (X − UVᵀ)² + the penalty on U, with the V of `model`: one non-negative least-squares problem for each row of
/// X.
///
/// `data`: any number of rows, with as many columns as `model` has; `penalty`: that of the fit, in the units of its data. Returns the new U
/// with the model's V. The answer for a row depends on that row alone.
///
/// # Errors
/// [`Error::Shape`] if the columns differ, [`Error::NotFinite`] or [`Error::Negative`] for entries of the data, [`Error::Outside`] for those
/// of the model.
pub fn transform(data: &Matrix<f64>, model: &Factors<f64>, penalty: ScaledPenalty) -> Result<Factors<f64>, Error> {
    transform_constrained(data, model, &Constraints::default(), Loss::Frobenius, penalty)
}

/// argmin over U ≥ 0 of Σ w d_β(X | UVᵀ) with the V of `model`: one convex problem for each row of X where 1 ≤ β ≤ 2.
///
/// As [`transform`] for least squares, the only loss with a penalty. Otherwise the loss's default method, from the row that has every
/// component equally and the weight of the data, until the stationarity residual is 1e-10 or 2000 passes were made.
///
/// # Errors
/// As [`transform`], and as [`Divergence::with_given_factor`].
pub fn transform_under(data: &Matrix<f64>, model: &Factors<f64>, loss: Loss, penalty: ScaledPenalty) -> Result<Factors<f64>, Error> {
    transform_constrained(data, model, &Constraints::default(), loss, penalty)
}

/// The same under the constraints of the fit: given columns of U hold a row for each new row.
///
/// # Errors
/// As [`transform_under`], and as [`Constraints::check`].
pub fn transform_constrained(
    data: &Matrix<f64>,
    model: &Factors<f64>,
    constraints: &Constraints,
    loss: Loss,
    penalty: ScaledPenalty,
) -> Result<Factors<f64>, Error> {
    let ((m, n), r) = (data.shape(), model.rank());
    if n != model.cols() {
        return Err(Error::Shape { what: "the new data", expected: (m, model.cols()), got: (m, n) });
    }
    constraints.check((m, n, r))?;
    let v = model.side(Side::V);
    constraints.check_side(Side::V, v, r, "V of the model")?;
    let new = |u: Vec<f64>| Factors::new(m, n, r, u.into_iter().chain(v.iter().copied()).collect());
    let begin = |u: Vec<f64>| {
        let mut factors = new(u)?;
        constraints.impose(&mut factors);
        Ok::<_, Error>(factors.side(Side::U).to_vec())
    };
    match loss {
        Loss::Frobenius => {
            let problem = Nmf::with_given_factor(data, r, constraints.clone())?.with_scaled_penalty(penalty);
            new(least_squares_rows(&problem, v, begin(equal_shares(data, constraints.u.rows, r))?))
        }
        _ => {
            let problem = Divergence::with_given_factor(data, r, loss, constraints.clone())?;
            new(divergence_rows(&problem, v, begin(equal_weights(data, v, r))?))
        }
    }
}

/// Rows to begin at: of equal shares where they sum to one, but zero without an entry; else zero.
fn equal_shares(data: &Matrix<f64>, set: RowSet, rank: usize) -> Vec<f64> {
    let share = |count: usize| if set == RowSet::SumToOne && count > 0 { 1.0 / rank as f64 } else { 0.0 };
    data.observed_counts().0.into_iter().flat_map(|count| std::iter::repeat_n(share(count), rank)).collect()
}

fn least_squares_rows(problem: &Nmf<'_>, v: &[f64], mut u: Vec<f64>) -> Vec<f64> {
    for _ in 0..MAX_PASSES {
        let left = problem.half_step(Side::U, v, &mut u, &Anls, When::After).residual;
        if left <= 1e-24 * 2.0 * problem.constant() {
            break;
        }
    }
    u
}

/// Rows of equal entries whose fit sums to what the data do, if V is the same everywhere; a row without an entry stays zero.
fn equal_weights(data: &Matrix<f64>, v: &[f64], rank: usize) -> Vec<f64> {
    let mass: f64 = v.iter().sum::<f64>() / (v.len() / rank) as f64;
    let start = |i: usize| {
        let (count, sum) = data.row_entries(i).fold((0usize, 0.0), |(count, sum), (_, x, _)| (count + 1, sum + x));
        let share = if count > 0 && mass > 0.0 { sum / (count as f64 * mass) } else { 0.0 };
        std::iter::repeat_n(share, rank)
    };
    (0..data.shape().0).flat_map(start).collect()
}

fn divergence_rows(problem: &Divergence<'_>, v: &[f64], mut u: Vec<f64>) -> Vec<f64> {
    let rule = default_divergence_method(problem.loss()).0;
    for _ in 0..MAX_DIVERGENCE_PASSES {
        let left = problem.half_step(Side::U, v, &mut u, rule, When::After).residual;
        if problem.relative(left) <= 1e-10 {
            break;
        }
    }
    u
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dense;

    #[test]
    fn rows_made_of_the_components_are_recovered() {
        let v = vec![1.0, 0.0, 2.0, 1.0, 0.0, 3.0, 1.0, 1.0];
        let mut buffer = vec![0.0; 2];
        buffer.extend(&v);
        let model = Factors::new(1, 4, 2, buffer).unwrap();
        let truth = [[2.0, 0.5], [0.0, 1.0], [0.0, 0.0]];
        let values = truth.iter().flat_map(|u| v.chunks_exact(2).map(|v| u[0] * v[0] + u[1] * v[1]).collect::<Vec<_>>()).collect();
        let data = Matrix::Dense(Dense::new(3, 4, values).unwrap());
        let got = transform(&data, &model, ScaledPenalty::default()).unwrap();
        for (a, b) in got.side(Side::U).iter().zip(truth.iter().flatten()) {
            assert!((a - b).abs() < 1e-10, "{a} against {b}");
        }
    }
}
