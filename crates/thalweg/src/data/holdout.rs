//! Entries kept out of a fit, to measure what it predicts.

use super::{BlocksInMemory, Matrix, RowBlocks, Triplet, stream};
use crate::linalg::{Real, fixed_order_sum};
use crate::{Error, Factors};
use rand::{Rng, RngExt};

/// The streams that draw held-out entries: far from those of the restarts.
const HOLDOUT_STREAM: u64 = 1 << 63;

/// Entries that the fit does not see.
#[derive(Debug, Clone, PartialEq)]
pub struct Holdout {
    /// The entries, row by row.
    pub entries: Vec<Triplet>,
}

/// Splits off about `fraction` of the observed entries, zeros of sparse data included, each drawn on its own; every row and column keeps at
/// least one.
///
/// # Errors
/// [`Error::Parameter`] unless 0 < fraction < 1.
pub fn hold_out(data: &Matrix<f64>, fraction: f64, seed: u64) -> Result<(Matrix<f64>, Holdout), Error> {
    hold_out_again(data, fraction, seed, 0)
}

/// The same with the mask number `repeat` of this seed: each a fresh draw, [`hold_out`]'s being number 0.
///
/// # Errors
/// As [`hold_out`].
pub fn hold_out_again(data: &Matrix<f64>, fraction: f64, seed: u64, repeat: u32) -> Result<(Matrix<f64>, Holdout), Error> {
    let held = drawn(&BlocksInMemory::whole(data), fraction, stream(seed, HOLDOUT_STREAM + u64::from(repeat)))?;
    Ok((data.clone().hiding(&held.entries)?, held))
}

/// The entries that [`hold_out`] takes, of a matrix of which a block of rows is in memory at a time: [`WithoutEntries`](super::WithoutEntries)
/// is what is left. Two passes over the data.
///
/// # Errors
/// As [`hold_out`], and those of reading the blocks.
pub fn hold_out_of_blocks(blocks: &dyn RowBlocks<f64>, fraction: f64, seed: u64) -> Result<Holdout, Error> {
    drawn(blocks, fraction, stream(seed, HOLDOUT_STREAM))
}

fn drawn(blocks: &dyn RowBlocks<f64>, fraction: f64, mut rng: impl Rng) -> Result<Holdout, Error> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(Error::Parameter { name: "holdout", expected: "a fraction between 0 and 1".into(), got: fraction.to_string() });
    }
    let mut in_col = vec![0; blocks.shape().1];
    for k in 0..blocks.ranges().len() {
        let (_, of_block) = blocks.block(k)?.observed_counts();
        in_col.iter_mut().zip(of_block).for_each(|(sum, count)| *sum += count);
    }
    let mut held = Vec::new();
    for (k, rows) in blocks.ranges().iter().enumerate() {
        let block = blocks.block(k)?;
        let (mut in_row, _) = block.observed_counts();
        for (at, in_row) in in_row.iter_mut().enumerate() {
            for (j, value, _) in block.observed_entries(at) {
                let is_drawn = rng.random::<f64>() < fraction;
                if is_drawn && *in_row > 1 && in_col[j] > 1 {
                    (*in_row, in_col[j]) = (*in_row - 1, in_col[j] - 1);
                    held.push(Triplet { row: (rows.start + at) as u32, col: j as u32, value });
                }
            }
        }
    }
    Ok(Holdout { entries: held })
}

impl Holdout {
    /// √(mean of (x − uᵢvⱼᵀ)²) over the held-out entries; none if there are none.
    pub fn rmse<T: Real>(&self, factors: &Factors<T>) -> Option<f64> {
        self.rmse_of(|i, j| {
            let (u, v) = factors.row_pair(i, j);
            u.iter().zip(v).map(|(a, b)| a.f64() * b.f64()).sum()
        })
    }

    /// √(mean of (x − prediction(i, j))²) over the held-out entries; none if there are none.
    pub fn rmse_of(&self, prediction: impl Fn(usize, usize) -> f64) -> Option<f64> {
        let square = |e: &Triplet| (e.value - prediction(e.row as usize, e.col as usize)).powi(2);
        let squares: Vec<f64> = self.entries.iter().map(square).collect();
        (!squares.is_empty()).then(|| (fixed_order_sum(&squares) / squares.len() as f64).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dense, Duplicates, Sparse};

    #[test]
    fn held_out_and_kept_entries_are_all_entries() {
        let values: Vec<f64> = (0..600).map(|x| f64::from(x % 3)).collect();
        let dense = Matrix::Dense(Dense::new(30, 20, values.clone()).unwrap());
        let stored = values.iter().enumerate().filter(|e| *e.1 != 0.0);
        let stored = stored.map(|(at, &value)| Triplet { row: (at / 20) as u32, col: (at % 20) as u32, value }).collect();
        let sparse = Matrix::Sparse(Sparse::from_triplets(30, 20, stored, Duplicates::Sum).unwrap().0);
        let (kept, held) = hold_out(&dense, 0.25, 1).unwrap();
        let (kept_sparse, held_sparse) = hold_out(&sparse, 0.25, 1).unwrap();
        assert_eq!(held, held_sparse, "a zero is held out as often as any entry, stored or not");
        let sum = |data: &Matrix<f64>| -> f64 { (0..30).flat_map(|i| data.row_entries(i).map(|e| e.1).collect::<Vec<_>>()).sum() };
        let out: f64 = held.entries.iter().map(|e| e.value).sum();
        assert_eq!((sum(&kept) + out, sum(&kept_sparse) + out), (600.0, 600.0));
        assert!((100..200).contains(&held.entries.len()), "{}", held.entries.len());
        for data in [kept, kept_sparse] {
            assert_eq!(data.summary().observed, 600 - held.entries.len() as u64);
            assert!(data.observed_counts().0.iter().all(|&c| c > 0));
        }
    }
}
