//! Planted non-negative factorisations.

use crate::fit::{Effort, Fitted, fit};
use serde::{Deserialize, Serialize};
use thalweg::data::{Law, Matrix, planted_factors, with_noise};
use thalweg::geometry::{CONVEX_SPREAD, STAR_SPREAD, align, limiting_curvature};
use thalweg::{Error, Factors};

/// U*, V* with independent entries of one law, and X = U*V*ᵀ with noise.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Planting {
    /// m.
    pub rows: usize,
    /// n.
    pub cols: usize,
    /// r, of what is planted and of what is fitted.
    pub rank: usize,
    /// Of the entries of U* and V*.
    pub law: Law,
    /// Of the noise, relative to the root mean square of U*V*ᵀ.
    pub noise: f64,
    /// Of everything drawn.
    pub seed: u64,
}

/// The streams of what is planted: far from those of starts, which would else begin at the solution.
const FACTORS: u64 = 1 << 40;
const NOISE: u64 = FACTORS + 1;

impl Planting {
    /// U* and V*.
    ///
    /// # Errors
    /// As [`planted_factors`].
    pub fn truth(&self) -> Result<Factors, Error> {
        planted_factors(self.law, (self.rows, self.cols), self.rank, self.seed, FACTORS)
    }

    /// X.
    ///
    /// # Errors
    /// As [`with_noise`].
    pub fn data(&self, truth: &Factors) -> Result<Matrix<f64>, Error> {
        Ok(Matrix::Dense(with_noise(truth, self.noise, self.seed, NOISE)?))
    }
}

/// Plant, fit and audit.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Question {
    /// What is planted.
    #[serde(flatten)]
    pub planting: Planting,
    /// Starts of the fit.
    pub restarts: u64,
    /// Lines from random starts to the answer.
    pub lines: usize,
}

/// The fit beside what was planted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Factored {
    /// CV² of the planted entries.
    pub spread: f64,
    /// Curvature in the limit of large sizes, without noise.
    pub limit: f64,
    /// CV² below which lines are convex in that limit, and star-convex.
    pub boundaries: [f64; 2],
    /// Mean cosine between planted and found components, matched: 1 for the same up to order and scale.
    pub agreement: f64,
    /// X, row by row.
    pub data: Vec<f64>,
    /// The fit.
    #[serde(flatten)]
    pub fitted: Fitted,
}

impl Question {
    /// # Errors
    /// As the library's functions.
    pub fn answer(&self) -> Result<Factored, Error> {
        let Planting { rank, law, seed, .. } = self.planting;
        let truth = self.planting.truth()?;
        let data = self.planting.data(&truth)?;
        let fitted = fit(&data, rank, Effort { restarts: self.restarts, lines: self.lines, seed })?;
        let values = match &data {
            Matrix::Dense(x) => x.values().to_vec(),
            _ => Vec::new(),
        };
        Ok(Factored {
            spread: law.spread(),
            limit: limiting_curvature(law.spread()),
            boundaries: [CONVEX_SPREAD, STAR_SPREAD],
            agreement: align(&truth, &fitted.best)?.mean_cosine(),
            data: values,
            fitted,
        })
    }
}
