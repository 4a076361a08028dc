//! Which rank do the data support? Held-out entries, restarts, and singular values against noise, each rank on the same footing.

mod report;
mod spectrum;
mod trial;
mod verdict;

pub use report::{RankReport, RankRow, rank_report};
pub use spectrum::SpectrumAgainstNoise;
pub use trial::{RankOutcome, RankTrial, rank_trials, run_rank_trial};
pub use verdict::five_digits;

use crate::Error;
use crate::data::Matrix;
use crate::problem::Penalty;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RankSettings {
    /// Smallest rank.
    pub first: usize,
    /// Largest rank; beyond the smaller side of the data it is clipped.
    pub last: usize,
    /// Masks, each a fresh draw, the same for every rank.
    pub repeats: u32,
    /// Fraction of the observed entries that a mask holds out.
    pub fraction: f64,
    /// Random starts on all the data, for each rank.
    pub restarts: usize,
    /// Iteration limit of each fit.
    pub max_iters: usize,
    /// Tolerance of each fit.
    pub tol: f64,
    /// Seed of masks, starts and noise.
    pub seed: u64,
    /// Penalty of each fit.
    pub penalty: Penalty,
}

impl Default for RankSettings {
    fn default() -> Self {
        let penalty = Penalty::default();
        RankSettings { first: 1, last: 10, repeats: 8, fraction: 0.1, restarts: 5, max_iters: 200, tol: 1e-3, seed: 0, penalty }
    }
}

/// The fraction that a mask holds out unless asked otherwise: a tenth, or in sparse data with zeros as much as is stored, if that is less.
///
/// Held-out zeros cost an outer product each, and few of very many say as much as a tenth of few.
pub fn usual_fraction(data: &Matrix<f64>) -> f64 {
    let summary = data.summary();
    let tenth = RankSettings::default().fraction;
    if data.has_unstored_zeros() { tenth.min(summary.stored.max(1) as f64 / summary.observed as f64) } else { tenth }
}

impl RankSettings {
    /// The same with the range clipped to what fits the data, and a note if it was.
    ///
    /// # Errors
    /// [`Error::Rank`] if no rank of the range fits, [`Error::Parameter`] for an empty range, fewer than 2 repeats, or a fraction that is
    /// none.
    pub fn fitted_to(&self, data: &Matrix<f64>) -> Result<(RankSettings, Option<String>), Error> {
        let (rows, cols) = data.shape();
        let most = rows.min(cols);
        let refuse = |name, expected: &str, got: String| Err(Error::Parameter { name, expected: expected.into(), got });
        if self.first == 0 || self.first > most {
            return Err(Error::Rank { rank: self.first, rows, cols });
        }
        if self.last < self.first {
            return refuse("the range of ranks", "FIRST:LAST, the last not below the first", format!("{}:{}", self.first, self.last));
        }
        if self.repeats < 2 {
            return refuse("repeats", "at least 2: one mask has no standard error", self.repeats.to_string());
        }
        if !(self.fraction > 0.0 && self.fraction < 1.0) {
            return refuse("holdout", "a fraction between 0 and 1", self.fraction.to_string());
        }
        self.penalty.check()?;
        let note = (self.last > most).then(|| format!("ranks above {most} were left out: the data are {rows}x{cols}"));
        Ok((RankSettings { last: self.last.min(most), ..*self }, note))
    }
}

/// All trials and their report.
///
/// # Errors
/// As [`RankSettings::fitted_to`] and [`run_rank_trial`].
pub fn survey_ranks(data: &Matrix<f64>, settings: &RankSettings) -> Result<RankReport, Error> {
    Ok(survey_ranks_unless(data, settings, &|| false)?.expect("nothing stops the survey"))
}

/// The same; none if `is_stopped` said so before every trial was done.
///
/// # Errors
/// As [`survey_ranks`].
pub fn survey_ranks_unless(data: &Matrix<f64>, settings: &RankSettings, is_stopped: &(dyn Fn() -> bool + Sync)) -> Result<Option<RankReport>, Error> {
    let (fitted, note) = settings.fitted_to(data)?;
    let done = |trial| Ok(run_rank_trial(data, trial, &fitted, &is_stopped)?.map(|outcome| (trial, outcome)));
    let outcomes: Option<Vec<_>> = rank_trials(&fitted).into_par_iter().map(done).collect::<Result<_, Error>>()?;
    Ok(outcomes.map(|outcomes| rank_report(data, &fitted, &outcomes, note.into_iter().collect())))
}
