//! Ratings in three parts, what is taken off them before a fit, and how far predictions are off by how often a row was rated.

use crate::experiment::{Bench, Moments, Scale, seed_of};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thalweg::data::{Duplicates, Holdout, Matrix, Observed, ReadOptions, Scale as Unit, Sparse, Triplet, catalogue, hold_out, planted_ratings, read};
use thalweg::problem::{Constraints, FactorConstraint, GivenColumns, RowSet};
use thalweg::{Error, Factors};

/// A table of ratings from 1 to 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ratings {
    /// [`planted_ratings`] of rank 5, 400×300, 9000 of them.
    Planted,
    /// Of the catalogue.
    Goodbooks,
    /// Of the catalogue.
    Movielens,
}

impl Ratings {
    /// As said in figures, and in the catalogue.
    pub fn name(self) -> &'static str {
        match self {
            Ratings::Planted => "planted",
            Ratings::Goodbooks => "goodbooks",
            Ratings::Movielens => "movielens",
        }
    }

    /// The tables that a scale affords and the folder of data sets has.
    pub fn there(scale: Scale, bench: &Bench) -> Vec<Ratings> {
        let wanted: &[Ratings] = match scale {
            Scale::Smoke => &[Ratings::Planted],
            Scale::Reduced => &[Ratings::Goodbooks, Ratings::Planted],
            Scale::Full => &[Ratings::Movielens, Ratings::Goodbooks, Ratings::Planted],
        };
        wanted.iter().copied().filter(|ratings| *ratings == Ratings::Planted || bench.has(ratings.name())).collect()
    }

    /// In stars, as they were given.
    fn open(self, bench: &Bench) -> Result<Arc<Matrix<f64>>, Error> {
        match self {
            Ratings::Planted => bench.once(self.name(), || Ok(Matrix::Observed(planted_ratings((400, 300), 9000, 5, seed_of(&self))?))),
            Ratings::Goodbooks | Ratings::Movielens => bench.once(&format!("{} in stars", self.name()), || {
                let entry = catalogue().iter().find(|entry| entry.name == self.name()).expect("the catalogue has these ratings");
                let folder = bench.data.as_ref().expect("ratings that are not there are not tried");
                Ok(read(&entry.path(folder), &ReadOptions { scale: Unit::None, ..entry.read.clone() })?.matrix)
            }),
        }
    }

    /// A random split: eight tenths to fit, and a tenth each to choose λ and to judge.
    pub fn split(self, number: u64, bench: &Bench) -> Result<Parts, Error> {
        let (rest, test) = hold_out(&*self.open(bench)?, 0.1, 2 * number)?;
        let (training, validation) = hold_out(&rest, 1.0 / 9.0, 2 * number + 1)?;
        Ok(Parts { training, validation, test })
    }
}

/// A table in three parts.
pub struct Parts {
    /// To fit.
    pub training: Matrix<f64>,
    /// To choose λ.
    pub validation: Holdout,
    /// To judge.
    pub test: Holdout,
}

/// What rows and columns have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Biases {
    /// The mean of all ratings is taken off, no more.
    None,
    /// The mean and damped means of rows and columns are taken off before the fit.
    Before,
    /// The mean is taken off; a bias for each row and column is fitted with the factors, under the same penalty.
    Fitted,
}

impl Biases {
    /// As said in figures.
    pub fn name(self) -> &'static str {
        match self {
            Biases::None => "mean taken off",
            Biases::Before => "damped biases taken off",
            Biases::Fitted => "biases fitted",
        }
    }

    /// Columns of the factors beside the rank.
    fn columns(self) -> usize {
        if self == Biases::Fitted { 2 } else { 0 }
    }

    /// Free factors; U ends in (1, b) and V in (c, 1) where biases are fitted.
    pub fn constraints(self, (rows, cols): (usize, usize), rank: usize) -> Constraints {
        let given = |rows: usize, at: usize| match self {
            Biases::Fitted => GivenColumns { components: vec![at], values: vec![1.0; rows] },
            Biases::None | Biases::Before => GivenColumns::default(),
        };
        let factor = |rows: usize, at: usize| FactorConstraint { rows: RowSet::Free, given: given(rows, at) };
        Constraints { u: factor(rows, rank), v: factor(cols, rank + 1) }
    }

    /// Columns of the factors in all.
    pub fn width(self, rank: usize) -> usize {
        rank + self.columns()
    }
}

/// Ratings that a mean over fewer than about this many is not trusted against.
const DAMPING: f64 = 10.0;
/// Passes over rows and columns in turn.
const PASSES: usize = 10;

/// μ + bᵢ + cⱼ, which a fit does not see.
pub struct Offsets {
    mean: f64,
    rows: Vec<f64>,
    cols: Vec<f64>,
}

impl Offsets {
    /// Of training data: bᵢ = Σⱼ (x − μ − cⱼ) / (nᵢ + 10), and cⱼ likewise, by turns; all 0 unless they are to be taken off.
    pub fn of(training: &Matrix<f64>, biases: Biases) -> Self {
        let (m, n) = training.shape();
        let mut offsets = Offsets { mean: training.summary().mean, rows: vec![0.0; m], cols: vec![0.0; n] };
        if biases != Biases::Before {
            return offsets;
        }
        for _ in 0..PASSES {
            let (mut of_cols, mut counts) = (vec![0.0; n], vec![DAMPING; n]);
            for i in 0..m {
                let (sum, count) = training.row_entries(i).fold((0.0, DAMPING), |(sum, count), (j, x, _)| (sum + x - offsets.cols[j], count + 1.0));
                offsets.rows[i] = (sum - (count - DAMPING) * offsets.mean) / count;
            }
            for i in 0..m {
                for (j, x, _) in training.row_entries(i) {
                    of_cols[j] += x - offsets.mean - offsets.rows[i];
                    counts[j] += 1.0;
                }
            }
            offsets.cols = of_cols.iter().zip(&counts).map(|(sum, count)| sum / count).collect();
        }
        offsets
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        self.mean + self.rows[i] + self.cols[j]
    }

    /// What is left for the factors.
    ///
    /// # Errors
    /// None: the entries are those of a matrix.
    pub fn taken_off(&self, training: &Matrix<f64>) -> Result<Matrix<f64>, Error> {
        let (m, n) = training.shape();
        let left = (0..m).flat_map(|i| training.row_entries(i).map(move |(j, x, _)| (i, j, x)));
        let left = left.map(|(i, j, x)| Triplet { row: i as u32, col: j as u32, value: x - self.at(i, j) }).collect();
        Ok(Matrix::Observed(Observed { entries: Sparse::from_triplets(m, n, left, Duplicates::KeepLast)?.0, weights: None }))
    }

    /// Squared errors of predictions that are clipped to the ratings there are.
    pub fn squared_errors<'a>(&'a self, held: &'a Holdout, factors: &'a Factors<f32>) -> impl Iterator<Item = (&'a Triplet, f64)> {
        held.entries.iter().map(|entry| {
            let (i, j) = (entry.row as usize, entry.col as usize);
            let (u, v) = factors.row_pair(i, j);
            let product: f64 = u.iter().zip(v).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            (entry, (entry.value - (self.at(i, j) + product).clamp(1.0, 5.0)).powi(2))
        })
    }

    /// √ of their mean.
    pub fn rmse(&self, held: &Holdout, factors: &Factors<f32>) -> f64 {
        Moments::of(self.squared_errors(held, factors).map(|(_, square)| square)).mean.sqrt()
    }
}

/// How many groups rows are put in, by how often they were rated.
pub const GROUPS: usize = 4;

/// The group of each row or column: the seldom rated quarter first.
pub fn quartiles(counts: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&at| (counts[at], at));
    let mut groups = vec![0; counts.len()];
    for (place, &at) in order.iter().enumerate() {
        groups[at] = GROUPS * place / counts.len();
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_are_quarters_of_the_rows() {
        assert_eq!(quartiles(&[5, 1, 9, 3, 3, 2, 8, 7]), [2, 0, 3, 1, 1, 0, 3, 2]);
    }

    #[test]
    fn damped_biases_take_an_additive_table_down_to_the_damping() {
        let value = |i: u32, j: u32| 3.0 + 0.5 * f64::from(i % 2) - 0.25 * f64::from(j % 2);
        let all = (0..200u32).flat_map(|i| (0..200u32).map(move |j| Triplet { row: i, col: j, value: value(i, j) })).collect();
        let table = Matrix::Observed(Observed { entries: Sparse::from_triplets(200, 200, all, Duplicates::Sum).unwrap().0, weights: None });
        let left = |biases| {
            let offsets = Offsets::of(&table, biases);
            let rest = offsets.taken_off(&table).unwrap();
            (0..200).flat_map(|i| rest.row_entries(i).map(|e| e.1.abs()).collect::<Vec<_>>()).fold(0.0f64, f64::max)
        };
        assert!(left(Biases::Before) < 0.03 && left(Biases::None) > 0.3 && left(Biases::Fitted) == left(Biases::None));
    }
}
