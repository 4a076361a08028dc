//! Figures 7, 12 and 13: singular values of the factors at an optimum, against those of half-normal matrices.

use super::PAPER;
use super::data_set::{END_POINTS, Effort, EndPoint, Field, OPTIMA, Part, missing, sets};
use crate::experiment::{About, Bench, Experiment, Findings, Scale};
use crate::figure::{Axis, Fact, Figure, Kind, Strip, StripRow, StripValue, Tone};
use serde::{Deserialize, Serialize};
use thalweg::data::{Law, planted_factors};
use thalweg::linalg::{gram, symmetric_eigenvalues};
use thalweg::solver::nmf::half_normal_scale;
use thalweg::{Error, Factors, Side};

/// The experiment.
pub struct Spectra;

/// One optimum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    part: Part,
    end: EndPoint,
    effort: Effort,
}

/// Singular values, largest first, of U and V.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    optimum: [Vec<f64>; 2],
    /// Of half-normal matrices at the scale of the start.
    at_start: [Vec<f64>; 2],
    /// Of half-normal entries moved and scaled to the mean and variance of the optimum's.
    matched: [Vec<f64>; 2],
}

fn singular_values(factors: &Factors) -> Result<[Vec<f64>; 2], Error> {
    let of = |side: Side| {
        let squares = symmetric_eigenvalues(&gram(factors.side(side), factors.rank()), factors.rank()).unwrap_or_default();
        let mut values: Vec<f64> = squares.into_iter().map(|s| s.max(0.0).sqrt()).collect();
        values.sort_by(|a, b| b.total_cmp(a));
        values
    };
    Ok([of(Side::U), of(Side::V)])
}

/// Half-normal factors with another mean and standard deviation on each side.
fn standing_in(factors: &Factors, seed: u64, moments: impl Fn(Side) -> (f64, f64)) -> Result<Factors, Error> {
    let law = Law::HalfNormal;
    let mut drawn = planted_factors(law, (factors.rows(), factors.cols()), factors.rank(), seed, OPTIMA - 1)?;
    let (u, v) = drawn.split_mut();
    for (side, entries) in [(Side::U, u), (Side::V, v)] {
        let (mean, sd) = moments(side);
        entries.iter_mut().for_each(|x| *x = mean + sd * (*x - law.mean()) / law.variance().sqrt());
    }
    Ok(drawn)
}

fn mean_and_sd(entries: &[f64]) -> (f64, f64) {
    let moments = crate::experiment::Moments::of(entries.iter().copied());
    (moments.mean, moments.sd())
}

impl Experiment for Spectra {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "fig7",
            title: "Singular values of the factors at an optimum (figures 7, 12 and 13)",
            claim: "The singular values of the factors at an optimum resemble those of a half-normal matrix of the same shape.",
            version: 1,
        }
    }

    fn trials(&self, scale: Scale, bench: &Bench) -> Vec<Trial> {
        let parts = sets(bench).into_iter().filter_map(|set| Part::of(&set, scale, 1.0));
        parts.flat_map(|part| END_POINTS.map(|end| Trial { part: part.clone(), end, effort: Effort::of(scale, &part) })).collect()
    }

    fn run(&self, trial: &Trial, bench: &Bench) -> Result<Outcome, Error> {
        let matrix = trial.part.matrix(bench)?;
        let field = Field::new(&trial.part, &matrix, trial.effort)?;
        let optimum = field.optimum(trial.end, OPTIMA)?;
        let scale = half_normal_scale(&field.problem);
        let (mean, sd) = (scale * Law::HalfNormal.mean(), scale * Law::HalfNormal.variance().sqrt());
        Ok(Outcome {
            optimum: singular_values(&optimum)?,
            at_start: singular_values(&standing_in(&optimum, field.seed, |_| (mean, sd))?)?,
            matched: singular_values(&standing_in(&optimum, field.seed, |side| mean_and_sd(optimum.side(side)))?)?,
        })
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let mut closer = 0;
        for (trial, outcome) in done {
            let name = &trial.part.set.name;
            let row = |label: &str, values: &[f64], tone: Tone| {
                // the leading value is the mean's: it would squeeze the rest together
                let bulk = values.get(1..).unwrap_or_default();
                let value = |(index, &x): (usize, &f64)| StripValue {
                    label: format!("σ{}", index + 2),
                    facts: vec![Fact::new("leading value", values[0])],
                    tone,
                    x,
                };
                StripRow { label: label.into(), mean_sd: Some(mean_and_sd(bulk)), values: bulk.iter().enumerate().map(value).collect() }
            };
            for (at, factor) in ["U", "V"].into_iter().enumerate() {
                if outcome.optimum[at].len() < 2 {
                    continue;
                }
                let distance = |other: &[f64]| outcome.optimum[at][1..].iter().zip(&other[1..]).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
                closer += usize::from(distance(&outcome.matched[at]) < distance(&outcome.at_start[at]));
                findings.figures.push(Figure {
                    id: format!("{name}-{}-{}", trial.end.name(), factor.to_lowercase()),
                    title: format!("{name}, {factor}, {}", trial.end.name()),
                    caption: "All singular values but the leading one, with mean and standard deviation.".into(),
                    alt: format!("Strips of singular values of {factor} and of two half-normal matrices."),
                    kind: Kind::Strip(Strip {
                        x: Axis::linear("singular value"),
                        rows: vec![
                            row("optimum", &outcome.optimum[at], Tone::Lead),
                            row("half-normal, the start's scale", &outcome.at_start[at], Tone::Quiet),
                            row("half-normal, matched", &outcome.matched[at], Tone::Open),
                        ],
                        levels: Vec::new(),
                    }),
                });
            }
        }
        findings.verdict = vec![format!(
            "In {closer} of {} cases the spectrum is closer to a half-normal matrix with the optimum's own mean and variance than to one at the start's \
             scale, which the paper does not tell apart.",
            findings.figures.len()
        )];
        findings.verdict.extend(missing(done.iter().map(|(trial, _)| &trial.part.set)));
        findings
    }
}
