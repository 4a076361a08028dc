//! The pieces of work that the evidence is made of: each depends on data, settings and itself alone.

use super::RankSettings;
use super::spectrum::{SpectrumAgainstNoise, spectrum_against_noise};
use crate::certificate::penalised_stationarity;
use crate::data::{Matrix, hold_out_again};
use crate::geometry::align;
use crate::problem::Nmf;
use crate::solver::nmf::{Alternating, Init, NmfMethod, default_method};
use crate::solver::{Iteration, Solution, Status, Stop, run};
use crate::{Error, Factors};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::time::Duration;

/// One piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankTrial {
    /// Singular values against noise.
    Spectrum {
        /// How many are tested.
        most: usize,
    },
    /// Fits of all the data from several starts.
    Restarts {
        /// The rank.
        rank: usize,
    },
    /// A fit without the entries of one mask.
    HeldOut {
        /// The rank.
        rank: usize,
        /// The mask.
        repeat: u32,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankOutcome {
    /// None where an entry is missing or the data are too large.
    Spectrum(Option<SpectrumAgainstNoise>),
    /// Of all the starts.
    Restarts {
        /// Mean over pairs of the mean cosine between matched components; none with one start.
        agreement: Option<f64>,
        /// √(Σ w (X − UVᵀ)² / Σ w X²) of the best.
        relative_error: f64,
        /// Starts that ended at the iteration limit.
        unfinished: usize,
    },
    /// On the entries held out.
    HeldOut {
        /// √(mean squared error); none if the mask holds nothing out.
        rmse: Option<f64>,
        /// Whether the fit ended at the iteration limit.
        unfinished: bool,
    },
}

impl RankTrial {
    /// Lower-case letters, digits and hyphens: its file name.
    pub fn name(&self) -> String {
        match self {
            RankTrial::Spectrum { most } => format!("spectrum-{most}"),
            RankTrial::Restarts { rank } => format!("rank-{rank}-restarts"),
            RankTrial::HeldOut { rank, repeat } => format!("rank-{rank}-mask-{repeat}"),
        }
    }
}

/// Every trial of these settings, the cheap and telling ones first. Rank 1 is always held against the masks: more than one component has
/// to predict better than one.
pub fn rank_trials(settings: &RankSettings) -> Vec<RankTrial> {
    let reference = (settings.first > 1).then_some(1);
    let ranks = || reference.into_iter().chain(settings.first..=settings.last);
    let held_out = ranks().flat_map(|rank| (0..settings.repeats).map(move |repeat| RankTrial::HeldOut { rank, repeat }));
    let restarts = (settings.first..=settings.last).map(|rank| RankTrial::Restarts { rank });
    std::iter::once(RankTrial::Spectrum { most: settings.last + 1 }).chain(held_out).chain(restarts).collect()
}

/// Does one trial; none if `is_stopped` said so before it was done.
///
/// # Errors
/// As [`Nmf::new`] and [`crate::data::hold_out`].
pub fn run_rank_trial(
    data: &Matrix<f64>,
    trial: RankTrial,
    settings: &RankSettings,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Option<RankOutcome>, Error> {
    if is_stopped() {
        return Ok(None);
    }
    match trial {
        RankTrial::Spectrum { most } => {
            Nmf::new(data, 1)?;
            Ok(Some(RankOutcome::Spectrum(spectrum_against_noise(data, most, settings.seed))))
        }
        RankTrial::Restarts { rank } => restarts(data, rank, settings, is_stopped),
        RankTrial::HeldOut { rank, repeat } => held_out(data, rank, repeat, settings, is_stopped),
    }
}

/// Fits from one start of the stream, as far as the limits let it.
fn fit(problem: &Nmf<'_>, settings: &RankSettings, start: u64, is_stopped: &dyn Fn() -> bool) -> Result<Solution<Factors>, Error> {
    let (method, _): (&dyn NmfMethod, _) = default_method(problem.data(), problem.rank());
    let factors = Init::Random.factors(problem, settings.seed, start)?;
    let mut iteration = Alternating::<f64>::start(problem, method, factors)?;
    let stop = Stop { max_iters: settings.max_iters, max_time: None, tol: settings.tol };
    let mut observer = |_: &Alternating<'_, f64>, _: Duration| if is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let mut solution = run(&mut iteration, &stop, &mut observer);
    solution.progress.objective = problem.objective(iteration.point());
    Ok(solution)
}

fn restarts(data: &Matrix<f64>, rank: usize, settings: &RankSettings, is_stopped: &dyn Fn() -> bool) -> Result<Option<RankOutcome>, Error> {
    let problem = Nmf::new(data, rank)?.with_penalty(&settings.penalty)?;
    let mut ends = Vec::new();
    for start in 0..settings.restarts.max(1) {
        let solution = fit(&problem, settings, start as u64, is_stopped)?;
        if solution.status == Status::Stopped {
            return Ok(None);
        }
        ends.push(solution);
    }
    let mut cosines = Vec::new();
    for (i, a) in ends.iter().enumerate() {
        for b in &ends[..i] {
            cosines.push(align(&a.point, &b.point)?.mean_cosine());
        }
    }
    let best = ends.iter().min_by(|a, b| a.progress.objective.total_cmp(&b.progress.objective)).expect("one start at least");
    Ok(Some(RankOutcome::Restarts {
        agreement: (!cosines.is_empty()).then(|| (cosines.iter().sum::<f64>() / cosines.len() as f64).clamp(0.0, 1.0)),
        relative_error: penalised_stationarity(data, &best.point, &problem.penalty())?.relative_error,
        unfinished: ends.iter().filter(|s| s.status == Status::MaxIters).count(),
    }))
}

fn held_out(
    data: &Matrix<f64>,
    rank: usize,
    repeat: u32,
    settings: &RankSettings,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Option<RankOutcome>, Error> {
    let (training, holdout) = hold_out_again(data, settings.fraction, settings.seed, repeat)?;
    let problem = Nmf::new(&training, rank)?.with_penalty(&settings.penalty)?;
    let solution = fit(&problem, settings, u64::from(repeat), is_stopped)?;
    let rmse = holdout.rmse(&solution.point);
    Ok((solution.status != Status::Stopped).then_some(RankOutcome::HeldOut { rmse, unfinished: solution.status == Status::MaxIters }))
}
