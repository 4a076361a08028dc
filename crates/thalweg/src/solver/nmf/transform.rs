//! New rows on the components of a fit.

use super::{Anls, default_divergence_method};
use crate::data::Matrix;
use crate::problem::{Divergence, Loss, Nmf, RowSeparable, ScaledPenalty, When};
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
/// [`Error::Shape`] if the columns differ, [`Error::NotFinite`] or [`Error::Negative`] for entries of either.
pub fn transform(data: &Matrix<f64>, model: &Factors<f64>, penalty: ScaledPenalty) -> Result<Factors<f64>, Error> {
    let (m, r) = (data.shape().0, model.rank());
    let v = checked(data, model)?;
    let problem = Nmf::with_given_factor(data, r)?.with_scaled_penalty(penalty);
    let mut u = vec![0.0; m * r];
    for _ in 0..MAX_PASSES {
        let left = problem.half_step(Side::U, v, &mut u, &Anls, When::After).residual;
        if left <= 1e-24 * 2.0 * problem.constant() {
            break;
        }
    }
    with_rows(u, model, m)
}

/// argmin over U ≥ 0 of Σ w d_β(X | UVᵀ) with the V of `model`: one convex problem for each row of X where 1 ≤ β ≤ 2.
///
/// As [`transform`] for least squares, the only loss with a penalty. Otherwise the loss's default method, from the row that has every
/// component equally and the weight of the data, until the stationarity residual is 1e-10 or 2000 passes were made.
///
/// # Errors
/// As [`transform`], and as [`Divergence::with_given_factor`].
pub fn transform_under(data: &Matrix<f64>, model: &Factors<f64>, loss: Loss, penalty: ScaledPenalty) -> Result<Factors<f64>, Error> {
    if loss == Loss::Frobenius {
        return transform(data, model, penalty);
    }
    let (m, r) = (data.shape().0, model.rank());
    let v = checked(data, model)?;
    let problem = Divergence::with_given_factor(data, r, loss)?;
    let rule = default_divergence_method(loss).0;
    // Σ over the row of the fit is that of the data, if V is the same everywhere; a row without an entry stays zero
    let mass: f64 = v.iter().sum::<f64>() / model.cols() as f64;
    let start = |i: usize| {
        let (count, sum) = data.row_entries(i).fold((0usize, 0.0), |(count, sum), (_, x, _)| (count + 1, sum + x));
        let share = if count > 0 && mass > 0.0 { sum / (count as f64 * mass) } else { 0.0 };
        std::iter::repeat_n(share, r)
    };
    let mut u: Vec<f64> = (0..m).flat_map(start).collect();
    for _ in 0..MAX_DIVERGENCE_PASSES {
        let left = problem.half_step(Side::U, v, &mut u, rule, When::After).residual;
        if problem.relative(left) <= 1e-10 {
            break;
        }
    }
    with_rows(u, model, m)
}

/// The V of a model that fits the data.
fn checked<'a>(data: &Matrix<f64>, model: &'a Factors<f64>) -> Result<&'a [f64], Error> {
    let (m, n) = data.shape();
    let r = model.rank();
    if n != model.cols() {
        return Err(Error::Shape { what: "the new data", expected: (m, model.cols()), got: (m, n) });
    }
    let v = model.side(Side::V);
    if let Some((at, &value)) = v.iter().enumerate().find(|(_, x)| !(**x >= 0.0 && x.is_finite())) {
        return Err(Error::NotFinite { what: "V (finite and not negative)", row: at / r, col: at % r, value });
    }
    Ok(v)
}

/// New rows with the model's V.
fn with_rows(mut u: Vec<f64>, model: &Factors<f64>, rows: usize) -> Result<Factors<f64>, Error> {
    u.extend_from_slice(model.side(Side::V));
    Factors::new(rows, model.cols(), model.rank(), u)
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
