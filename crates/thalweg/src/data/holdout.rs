//! Entries kept out of a fit, to measure what it predicts.

use super::{Duplicates, Matrix, Observed, Sparse, Triplet, stream};
use crate::linalg::{Real, fixed_order_sum};
use crate::{Error, Factors};
use rand::RngExt;

/// The stream that draws held-out entries: far from those of the restarts.
const HOLDOUT_STREAM: u64 = 1 << 63;

/// Entries that the fit does not see.
#[derive(Debug, Clone, PartialEq)]
pub struct Holdout {
    /// The entries, row by row.
    pub entries: Vec<Triplet>,
}

/// Splits off about `fraction` of the observed entries, each drawn on its own; every row and column keeps at least one.
///
/// # Errors
/// [`Error::Parameter`] unless 0 < fraction < 1 and the data are dense or observed-only: in a sparse matrix with zeros, entries that are
/// held out would no longer be zeros.
pub fn hold_out(data: &Matrix<f64>, fraction: f64, seed: u64) -> Result<(Matrix<f64>, Holdout), Error> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(Error::Parameter { name: "holdout", expected: "a fraction between 0 and 1".into(), got: fraction.to_string() });
    }
    if matches!(data, Matrix::Sparse(_)) {
        let expected = "used with dense or observed-only data (--missing absent)".into();
        return Err(Error::Parameter { name: "holdout", expected, got: "a sparse matrix whose unstored entries are zeros".into() });
    }
    let (m, n) = data.shape();
    let (mut in_row, mut in_col) = data.observed_counts();
    let mut rng = stream(seed, HOLDOUT_STREAM);
    let (mut kept, mut weights, mut held) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..m {
        for (j, value, weight) in data.row_entries(i) {
            let entry = Triplet { row: i as u32, col: j as u32, value };
            let is_drawn = rng.random::<f64>() < fraction;
            if is_drawn && in_row[i] > 1 && in_col[j] > 1 {
                (in_row[i], in_col[j]) = (in_row[i] - 1, in_col[j] - 1);
                held.push(entry);
            } else {
                kept.push(entry);
                weights.push(Triplet { value: weight, ..entry });
            }
        }
    }
    let is_weighted = matches!(data, Matrix::Observed(Observed { weights: Some(_), .. }));
    let (entries, _) = Sparse::from_triplets(m, n, kept, Duplicates::KeepLast)?;
    let weights = if is_weighted { Some(Sparse::from_triplets(m, n, weights, Duplicates::KeepLast)?.0) } else { None };
    Ok((Matrix::Observed(Observed { entries, weights }), Holdout { entries: held }))
}

impl Holdout {
    /// √(mean of (x − uᵢvⱼᵀ)²) over the held-out entries; none if there are none.
    pub fn rmse<T: Real>(&self, factors: &Factors<T>) -> Option<f64> {
        let squares: Vec<f64> = self
            .entries
            .iter()
            .map(|e| {
                let (u, v) = factors.row_pair(e.row as usize, e.col as usize);
                let product: f64 = u.iter().zip(v).map(|(a, b)| a.f64() * b.f64()).sum();
                (e.value - product).powi(2)
            })
            .collect();
        (!squares.is_empty()).then(|| (fixed_order_sum(&squares) / squares.len() as f64).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dense;

    #[test]
    fn held_out_and_kept_entries_are_all_entries() {
        let values: Vec<f64> = (0..600).map(|x| x as f64).collect();
        let data = Matrix::Dense(Dense::new(30, 20, values).unwrap());
        let (kept, held) = hold_out(&data, 0.25, 1).unwrap();
        let seen: f64 = (0..30).flat_map(|i| kept.row_entries(i).map(|e| e.1).collect::<Vec<_>>()).sum();
        let out: f64 = held.entries.iter().map(|e| e.value).sum();
        assert_eq!(seen + out, (0..600).sum::<i32>() as f64);
        assert!((100..200).contains(&held.entries.len()), "{}", held.entries.len());
        assert!(kept.observed_counts().0.iter().all(|&c| c > 0));
    }
}
