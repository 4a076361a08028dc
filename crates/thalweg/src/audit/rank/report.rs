//! The evidence of all trials, rank by rank.

use super::spectrum::SpectrumAgainstNoise;
use super::{RankOutcome, RankSettings, RankTrial, verdict};
use crate::data::Matrix;
use serde::{Deserialize, Serialize};

/// What the trials say of one rank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankRow {
    /// The rank.
    pub rank: usize,
    /// Mean over masks of the RMSE on the entries held out; none if no entry could be held out.
    pub holdout: Option<f64>,
    /// Its standard error, s √(1/J + f/(1 − f)) over J masks that hold out the fraction f: the second term stands for what their training
    /// sets share.
    pub holdout_se: Option<f64>,
    /// Mean over masks of the RMSE less that of the best rank on the same mask.
    pub excess: Option<f64>,
    /// Its standard error, formed like that of `holdout`.
    pub excess_se: Option<f64>,
    /// Mean over pairs of restarts of the mean cosine between matched components.
    pub agreement: Option<f64>,
    /// √(Σ w (X − UVᵀ)² / Σ w X²) of the best restart on all the data.
    pub relative_error: f64,
    /// Fits that ended at the iteration limit.
    pub unfinished: usize,
    /// RMSE for each mask.
    pub each: Vec<f64>,
}

/// Which ranks the data support.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankReport {
    /// Every rank that was tried, in order.
    pub ranks: Vec<RankRow>,
    /// Those that the entries held out do not rule out.
    pub supported: Vec<usize>,
    /// The smallest rank within one standard error of the best, if the data speak for any.
    pub suggested: Option<usize>,
    /// Ranks with a mask on which the error is more than twice the median over masks, or whose median is a quarter above rank 1's: entries
    /// held out are extrapolated without bound.
    #[serde(default)]
    pub erratic: Vec<usize>,
    /// In plain words, one sentence a line.
    pub verdict: String,
    /// Singular values against noise, where every entry is observed.
    pub spectrum: Option<SpectrumAgainstNoise>,
    /// RMSE of rank 1 on the entries held out.
    pub reference: Option<f64>,
    /// Number of masks.
    pub repeats: u32,
    /// Fraction that each holds out.
    pub fraction: f64,
    /// Restarts for each rank.
    pub restarts: usize,
    /// What should be known of the way it was done.
    pub notes: Vec<String>,
}

/// Errors that differ by less than this fraction of the data's root mean square count as equal: fits are not exact.
const FLOOR: f64 = 1e-4;

/// Quantiles 0.975 of Student's t for 1, 2, … degrees of freedom.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// Mean and standard error over masks.
///
/// Source: Nadeau, Bengio (2003), "Inference for the generalization error", the corrected resampled variance.
pub(super) fn mean_and_error(values: &[f64], fraction: f64) -> Option<(f64, f64)> {
    let count = values.len() as f64;
    let mean = (values.len() > 1).then(|| values.iter().sum::<f64>() / count)?;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Some((mean, (variance * (1.0 / count + fraction / (1.0 - fraction))).sqrt()))
}

/// Puts the outcomes together.
pub fn rank_report(data: &Matrix<f64>, settings: &RankSettings, outcomes: &[(RankTrial, RankOutcome)], notes: Vec<String>) -> RankReport {
    let masks_of = |rank: usize| -> Vec<f64> {
        let of_mask = |(trial, outcome): &(RankTrial, RankOutcome)| match (trial, outcome) {
            (RankTrial::HeldOut { rank: r, .. }, RankOutcome::HeldOut { rmse, .. }) if *r == rank => *rmse,
            _ => None,
        };
        outcomes.iter().filter_map(of_mask).collect()
    };
    let mut ranks: Vec<RankRow> = (settings.first..=settings.last).map(|rank| row(rank, masks_of(rank), settings, outcomes)).collect();
    let reference = mean_and_error(&masks_of(1), settings.fraction).map(|(mean, _)| mean);
    let spectrum = outcomes.iter().find_map(|(_, o)| if let RankOutcome::Spectrum(s) = o { s.clone() } else { None });
    let summary = data.summary();
    let floor = FLOOR * (summary.norm_squared / summary.observed as f64).sqrt();
    let (supported, suggested) = judge(&mut ranks, settings, floor);
    let erratic = ranks.iter().filter(|row| is_erratic(&row.each, &masks_of(1), floor)).map(|row| row.rank).collect();
    let mut report = RankReport {
        ranks,
        supported,
        suggested,
        erratic,
        verdict: String::new(),
        spectrum,
        reference,
        repeats: settings.repeats,
        fraction: settings.fraction,
        restarts: settings.restarts,
        notes,
    };
    verdict::judge(&mut report, settings, floor, &masks_of(1));
    report
}

fn row(rank: usize, each: Vec<f64>, settings: &RankSettings, outcomes: &[(RankTrial, RankOutcome)]) -> RankRow {
    let holdout = mean_and_error(&each, settings.fraction);
    let mut row = RankRow {
        rank,
        holdout: holdout.map(|h| h.0),
        holdout_se: holdout.map(|h| h.1),
        excess: None,
        excess_se: None,
        agreement: None,
        relative_error: f64::NAN,
        unfinished: 0,
        each,
    };
    for (trial, outcome) in outcomes {
        match (trial, outcome) {
            (RankTrial::Restarts { rank: r }, RankOutcome::Restarts { agreement, relative_error, unfinished }) if *r == rank => {
                (row.agreement, row.relative_error) = (*agreement, *relative_error);
                row.unfinished += unfinished;
            }
            (RankTrial::HeldOut { rank: r, .. }, RankOutcome::HeldOut { unfinished, .. }) if *r == rank => row.unfinished += usize::from(*unfinished),
            _ => {}
        }
    }
    row
}

/// Fills in what each rank has in excess of the best, and returns the ranks that are not ruled out at the 5 % level, and the smallest
/// within one standard error of the best; the error is that of the difference on the same masks, or the best rank's if that is smaller.
fn judge(ranks: &mut [RankRow], settings: &RankSettings, floor: f64) -> (Vec<usize>, Option<usize>) {
    let best = ranks.iter().filter(|r| r.holdout.is_some()).min_by(|a, b| a.holdout.unwrap_or(0.0).total_cmp(&b.holdout.unwrap_or(0.0)));
    let Some((best, best_error)) = best.map(|b| (b.each.clone(), b.holdout_se.unwrap_or(0.0))) else {
        return (ranks.iter().map(|r| r.rank).collect(), None);
    };
    let quantile = STUDENT[(best.len() - 2).min(STUDENT.len() - 1)];
    let (mut supported, mut suggested) = (Vec::new(), None);
    for row in ranks.iter_mut().filter(|r| r.each.len() == best.len()) {
        let differences: Vec<f64> = row.each.iter().zip(&best).map(|(a, b)| a - b).collect();
        let Some((excess, error)) = mean_and_error(&differences, settings.fraction) else { continue };
        (row.excess, row.excess_se) = (Some(excess), Some(error));
        // a rank whose error jumps from mask to mask has a large error of its own to hide in: the best rank's is the measure then
        let error_that_counts = error.min(best_error);
        if excess <= (quantile * error_that_counts).max(floor) {
            supported.push(row.rank);
        }
        if excess <= error_that_counts.max(floor) && suggested.is_none() {
            suggested = Some(row.rank);
        }
    }
    (supported, suggested)
}

/// Whether the errors of a rank jump from mask to mask, or are far above those of one component.
fn is_erratic(each: &[f64], of_one: &[f64], floor: f64) -> bool {
    let largest = each.iter().copied().fold(0.0, f64::max);
    largest > floor && (largest > 2.0 * median(each) || median(each) > 1.25 * median(of_one))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[middle],
        _ => 0.5 * (sorted[middle - 1] + sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_errors_count_what_training_sets_share() {
        let (mean, error) = mean_and_error(&[1.0, 2.0, 3.0], 0.5).unwrap();
        assert_eq!((mean, error), (2.0, (1.0f64 / 3.0 + 1.0).sqrt()));
        assert_eq!(mean_and_error(&[1.0], 0.1), None);
    }

    #[test]
    fn one_mask_far_off_is_erratic_and_a_smooth_rise_is_not() {
        let of_one = [1.0, 1.1, 0.9];
        assert!(is_erratic(&[0.5, 0.6, 9.0], &of_one, 1e-6) && is_erratic(&[1.4, 1.5, 1.6], &of_one, 1e-6));
        assert!(!is_erratic(&[0.5, 0.6, 0.7], &of_one, 1e-6) && !is_erratic(&[1e-9, 1e-7, 1e-8], &of_one, 1e-6));
    }
}
