//! New rows on the components of a fit.

use super::Anls;
use crate::data::Matrix;
use crate::problem::{Nmf, RowSeparable, ScaledPenalty, When};
use crate::{Error, Factors, Side};

/// Passes over the rows; the first solves all but rows with nearly dependent components.
const MAX_PASSES: usize = 50;

/// argmin over U ≥ 0 of ½ Σ w (X − UVᵀ)² + the penalty on U, with the V of `model`: one non-negative least-squares problem for each row of X.
///
/// `data`: any number of rows, with as many columns as `model` has; `penalty`: that of the fit, in the units of its data. Returns the new U with the model's V. The answer for a row depends
/// on that row alone.
///
/// # Errors
/// [`Error::Shape`] if the columns differ, [`Error::NotFinite`] or [`Error::Negative`] for entries of either.
pub fn transform(data: &Matrix<f64>, model: &Factors<f64>, penalty: ScaledPenalty) -> Result<Factors<f64>, Error> {
    let (m, n) = data.shape();
    let r = model.rank();
    if n != model.cols() {
        return Err(Error::Shape { what: "the new data", expected: (m, model.cols()), got: (m, n) });
    }
    let v = model.side(Side::V);
    if let Some((at, &value)) = v.iter().enumerate().find(|(_, x)| !(**x >= 0.0 && x.is_finite())) {
        return Err(Error::NotFinite { what: "V (finite and not negative)", row: at / r, col: at % r, value });
    }
    let problem = Nmf::with_given_factor(data, r)?.with_scaled_penalty(penalty);
    let mut u = vec![0.0; m * r];
    for _ in 0..MAX_PASSES {
        let left = problem.half_step(Side::U, v, &mut u, &Anls, When::After).residual;
        if left <= 1e-24 * 2.0 * problem.constant() {
            break;
        }
    }
    u.extend_from_slice(v);
    Factors::new(m, n, r, u)
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
