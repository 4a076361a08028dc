//! The penalty λ Σ nᵢ^α ‖uᵢ‖² on ratings: nuclear norm (α = 0), flat norm (α = 1), and between them. Beyond the paper.

use super::PAPER;
use super::ratings::{Biases, GROUPS, Offsets, Parts, Ratings, quartiles};
use crate::experiment::{About, Bench, Check, Experiment, Findings, Moments, Scale, seed_of};
use crate::figure::{Axis, Curve, CurveGroup, Curves, Fact, Figure, Kind, Tone};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use thalweg::data::Matrix;
use thalweg::geometry::student_quantile;
use thalweg::problem::{Nmf, Penalty, PenaltyScaling};
use thalweg::solver::nmf::{Alternating, Init, method};
use thalweg::solver::{Stop, run};
use thalweg::{Error, Factors};

/// The experiment.
pub struct PenaltyExponent;

const EXPONENTS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// λ is raised by these ratios from the first until the validation error has risen so often in a row.
const FIRST: f64 = 0.015;
const RATIO: f64 = 1.3;
const RISES: usize = 2;
/// Iterations at the first λ, at each of the others, and in the end at the chosen one.
const ITERATIONS: [usize; 3] = [25, 10, 25];
/// Larger λ than this leave nothing of any component.
const LAST: f64 = 2.0;

/// One split of one table under one exponent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    ratings: Ratings,
    biases: Biases,
    exponent: f64,
    rank: usize,
    split: u64,
}

/// Of the λ that the validation part chose.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    lambda: f64,
    validation: f64,
    test: f64,
    /// Squared errors on the test part by how often the row was rated, seldom first; rows are what is rated.
    rows: Vec<Moments>,
    /// The same for columns: who rates.
    cols: Vec<Moments>,
    /// (λ, RMSE on the validation part) of all that were tried.
    path: Vec<(f64, f64)>,
}

impl Experiment for PenaltyExponent {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "penalty",
            title: "The flat penalty on ratings: λ Σ nᵢ^α ‖uᵢ‖² (beyond the paper)",
            claim: "For completion the flat norm is the nuclear norm of the entries weighted by how often their row and column are seen: in factors a ridge nᵢ‖uᵢ‖², \
                    which is weighted-λ-regularization (ALS-WR). The paper says that flat minima generalise; it tries no ratings. α = 0 is the nuclear norm.",
            version: 1,
        }
    }

    fn trials(&self, scale: Scale, bench: &Bench) -> Vec<Trial> {
        let (splits, exponents): (u64, &[f64]) = match scale {
            Scale::Smoke => (1, &[0.0, 1.0]),
            Scale::Reduced => (3, &[0.0, 0.5, 1.0]),
            Scale::Full => (3, &EXPONENTS),
        };
        let of_ratings = |ratings: Ratings| {
            let rank = match (ratings, scale) {
                (Ratings::Planted, _) => 8,
                (_, Scale::Full) => 32,
                _ => 16,
            };
            let of_biases = move |biases| exponents.iter().map(move |&exponent| Trial { ratings, biases, exponent, rank, split: 0 });
            [Biases::None, Biases::Before, Biases::Fitted].into_iter().flat_map(of_biases)
        };
        let once: Vec<Trial> = Ratings::there(scale, bench).into_iter().flat_map(of_ratings).collect();
        // planted ratings cost little, and their splits tell little each; a run that is stopped has whole splits
        let splits_of = |trial: &Trial| if trial.ratings == Ratings::Planted { 2 * splits } else { splits };
        let of_split = |split: u64| once.iter().filter(move |trial| split < splits_of(trial)).map(move |trial| Trial { split, ..trial.clone() });
        (0..2 * splits).flat_map(of_split).collect()
    }

    fn run(&self, trial: &Trial, bench: &Bench) -> Result<Outcome, Error> {
        let parts = trial.ratings.split(trial.split, bench)?;
        let offsets = Offsets::of(&parts.training, trial.biases);
        let search = Search { trial, left: offsets.taken_off(&parts.training)?.cast(), parts: &parts, offsets: &offsets };
        let Best { lambda, factors, path } = search.best()?;
        let factors = search.fitted(lambda, Some(factors), ITERATIONS[2])?;
        let counts = parts.training.observed_counts();
        let [rows, cols] = [quartiles(&counts.0), quartiles(&counts.1)];
        let by_group = |group_of: &dyn Fn(usize, usize) -> usize| {
            let mut groups = vec![Moments::default(); GROUPS];
            for (entry, square) in offsets.squared_errors(&parts.test, &factors) {
                let group = &mut groups[group_of(entry.row as usize, entry.col as usize)];
                *group = group.merge(Moments::of([square]));
            }
            groups
        };
        Ok(Outcome {
            lambda,
            validation: offsets.rmse(&parts.validation, &factors),
            test: offsets.rmse(&parts.test, &factors),
            rows: by_group(&|i, _| rows[i]),
            cols: by_group(&|_, j| cols[j]),
            path,
        })
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let mut tables: Vec<Ratings> = Vec::new();
        done.iter().for_each(|(trial, _)| tables.extend((!tables.contains(&trial.ratings)).then_some(trial.ratings)));
        for ratings in tables {
            let of_biases =
                |biases| Family { ratings, biases, done: done.iter().filter(|(t, _)| t.ratings == ratings && t.biases == biases).collect() };
            let families: Vec<Family> =
                [Biases::None, Biases::Before, Biases::Fitted].map(of_biases).into_iter().filter(|f| !f.done.is_empty()).collect();
            findings.figures.push(over_exponents(ratings, &families));
            for family in &families {
                findings.verdict.extend(family.sentence());
                findings.checks.extend(family.checks());
            }
            findings.figures.extend(families.first().map(|family| by_frequency(family, "items", |o| &o.rows)));
            findings.figures.extend(families.first().map(|family| by_frequency(family, "users", |o| &o.cols)));
        }
        findings
    }
}

/// The λ of one trial.
struct Search<'a> {
    trial: &'a Trial,
    left: Matrix<f32>,
    parts: &'a Parts,
    offsets: &'a Offsets,
}

/// The λ of the least validation error, the factors there, and what was tried.
struct Best {
    lambda: f64,
    factors: Factors<f32>,
    path: Vec<(f64, f64)>,
}

impl Search<'_> {
    fn fitted(&self, lambda: f64, from: Option<Factors<f32>>, iterations: usize) -> Result<Factors<f32>, Error> {
        let Trial { biases, rank, exponent, .. } = *self.trial;
        let penalty = Penalty { scaling: PenaltyScaling::power(exponent)?, ..Penalty::both(lambda, 0.0) };
        let constraints = biases.constraints(self.left.shape(), rank);
        let problem = Nmf::constrained(&self.left, biases.width(rank), constraints)?.with_penalty(&penalty)?;
        let start = from.map_or_else(|| Init::Random.factors(&problem, seed_of(&(self.trial.split, rank)), 0), Ok)?;
        let rule = method("extrapolated-anls").expect("the exact method is listed");
        let stop = Stop { max_iters: iterations, max_time: None, tol: 1e-5 };
        let solution = run(&mut Alternating::start(&problem, rule, start)?, &stop, &mut |_: &Alternating<'_, f32>, _| ControlFlow::Continue(()));
        Ok(solution.point)
    }

    /// Upwards, each λ from the factors of the last: from above, components that a λ has shrunk to nothing would not come back.
    fn best(&self) -> Result<Best, Error> {
        let mut factors = self.fitted(FIRST, None, ITERATIONS[0])?;
        let mut best = Best { lambda: FIRST, factors: factors.clone(), path: Vec::new() };
        let (mut least, mut rises, mut lambda) = (f64::INFINITY, 0, FIRST);
        while rises < RISES && lambda < LAST {
            factors = self.fitted(lambda, Some(factors), ITERATIONS[1])?;
            let error = self.offsets.rmse(&self.parts.validation, &factors);
            best.path.push((lambda, error));
            if error < least {
                (best.lambda, best.factors) = (lambda, factors.clone());
                (least, rises) = (error, 0);
            } else {
                rises += 1;
            }
            lambda *= RATIO;
        }
        Ok(best)
    }
}

/// All exponents and splits of one table under one treatment of biases.
struct Family<'a> {
    ratings: Ratings,
    biases: Biases,
    done: Vec<&'a (Trial, Outcome)>,
}

/// A mean over splits with its 95 % interval, half the width of it.
#[derive(Clone, Copy)]
struct Estimate {
    mean: f64,
    half_width: f64,
}

impl Estimate {
    fn of(values: impl IntoIterator<Item = f64>) -> Estimate {
        let moments = Moments::of(values);
        Estimate { mean: moments.mean, half_width: student_quantile((moments.count as usize).saturating_sub(1)) * moments.standard_error() }
    }
}

impl Family<'_> {
    fn exponents(&self) -> Vec<f64> {
        let mut all: Vec<f64> = self.done.iter().map(|(trial, _)| trial.exponent).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        all
    }

    fn of_exponent(&self, exponent: f64) -> impl Iterator<Item = &(Trial, Outcome)> {
        self.done.iter().copied().filter(move |(trial, _)| trial.exponent == exponent)
    }

    fn test(&self, exponent: f64) -> Estimate {
        Estimate::of(self.of_exponent(exponent).map(|(_, outcome)| outcome.test))
    }

    /// RMSE under one exponent less that under another, split by split.
    fn lead(&self, worse: f64, better: f64) -> Option<Estimate> {
        let pair = |(trial, outcome): &(Trial, Outcome)| {
            let other = self.of_exponent(better).find(|(t, _)| t.split == trial.split)?;
            Some(outcome.test - other.1.test)
        };
        let leads: Vec<f64> = self.of_exponent(worse).filter_map(pair).collect();
        (leads.len() > 1).then(|| Estimate::of(leads))
    }

    /// The exponent of the least validation error: the test part chooses nothing.
    fn chosen(&self) -> Option<f64> {
        let mean = |exponent: f64| Moments::of(self.of_exponent(exponent).map(|(_, o)| o.validation)).mean;
        self.exponents().into_iter().map(|exponent| (mean(exponent), exponent)).min_by(|a, b| a.0.total_cmp(&b.0)).map(|best| best.1)
    }

    fn sentence(&self) -> Option<String> {
        let best = self.chosen()?;
        let (flat, nuclear, tempered) = (self.test(1.0), self.test(0.0), self.test(best));
        let gain = self.lead(0.0, 1.0)?;
        let said = match gain {
            Estimate { mean, half_width } if mean > half_width => "the flat penalty predicts better than the nuclear one",
            Estimate { mean, half_width } if mean < -half_width => "the flat penalty predicts worse than the nuclear one",
            _ => "flat and nuclear penalty cannot be told apart",
        };
        Some(format!(
            "{}, {}: {said}, RMSE {:.4} against {:.4} (difference {:+.4} ± {:.4}); the validation part chooses α = {best}, {:.4}.",
            self.ratings.name(),
            self.biases.name(),
            flat.mean,
            nuclear.mean,
            -gain.mean,
            gain.half_width,
            tempered.mean
        ))
    }

    /// What an earlier implementation found on these tables, with other splits; on planted ratings nothing is expected.
    fn checks(&self) -> Vec<Check> {
        let expected = match (self.ratings, self.biases) {
            (Ratings::Planted, _) | (_, Biases::Fitted) => return Vec::new(),
            (_, Biases::None) => "flat predicts better than nuclear where biases stay in",
            (_, Biases::Before) => "a tempered exponent predicts better than flat where biases are off",
        };
        let (worse, better) = if self.biases == Biases::None { (0.0, 1.0) } else { (1.0, 0.5) };
        let lead = self.lead(worse, better).into_iter();
        lead.map(|lead| {
            Check::at_least(format!("{}: {expected}, RMSE by", self.ratings.name()), "an earlier implementation", 0.0, lead.mean, lead.half_width)
        })
        .collect()
    }
}

const TONES: [Tone; 3] = [Tone::Lead, Tone::Quiet, Tone::Against];

fn over_exponents(ratings: Ratings, families: &[Family<'_>]) -> Figure {
    let group = |(family, tone): (&Family<'_>, Tone)| {
        let estimates: Vec<(f64, Estimate)> = family.exponents().into_iter().map(|exponent| (exponent, family.test(exponent))).collect();
        let band = estimates.iter().map(|(_, e)| (e.mean - e.half_width, e.mean + e.half_width)).collect();
        let curve = Curve::new(family.biases.name(), estimates.iter().map(|(exponent, e)| (*exponent, e.mean)).collect());
        CurveGroup { label: family.biases.name().into(), tone, curves: vec![Curve { band, ..curve }] }
    };
    Figure {
        id: format!("{}-exponent", ratings.name()),
        title: format!("{}: error over the exponent of the penalty", ratings.name()),
        caption: "RMSE on held-out ratings, mean over random splits and its 95 % interval (splits share their data: differences between exponents are surer than the \
                  level); λ is chosen on a validation part. α = 0 is the nuclear norm, α = 1 the flat norm and ALS-WR."
            .into(),
        alt: "Curves of the held-out error over the exponent of the penalty.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::linear("α").including([0.0, 1.0]),
            y: Axis::linear("RMSE, stars"),
            groups: families.iter().zip(TONES).map(group).collect(),
            levels: Vec::new(),
        }),
    }
}

/// All splits together, over the quarters of rows or columns.
fn by_frequency(family: &Family<'_>, of_what: &str, groups: fn(&Outcome) -> &Vec<Moments>) -> Figure {
    let curve = |exponent: f64| {
        let all = |at: usize| family.of_exponent(exponent).fold(Moments::default(), |sum, (_, outcome)| sum.merge(groups(outcome)[at]));
        let quarters: Vec<Moments> = (0..GROUPS).map(all).collect();
        let points = quarters.iter().enumerate().map(|(at, m)| (at as f64 + 1.0, m.mean.sqrt())).collect();
        let facts = quarters.iter().enumerate().map(|(at, m)| Fact::new(format!("test ratings in quarter {}", at + 1), m.count)).collect();
        Curve { facts, ..Curve::new(format!("α = {exponent}"), points) }
    };
    let tone = |exponent: f64| match exponent {
        1.0 => Tone::Lead,
        0.0 => Tone::Against,
        _ => Tone::Quiet,
    };
    let label = |exponent: f64| match exponent {
        1.0 => "flat, α = 1".into(),
        0.0 => "nuclear, α = 0".into(),
        _ => format!("α = {exponent}"),
    };
    let group = |exponent: f64| CurveGroup { label: label(exponent), tone: tone(exponent), curves: vec![curve(exponent)] };
    Figure {
        id: format!("{}-{of_what}", family.ratings.name()),
        title: format!("{}: error by how often {of_what} were rated", family.ratings.name()).replace("users were rated", "users rate"),
        caption: format!(
            "RMSE on held-out ratings by quarters of the {of_what}, those with the fewest training ratings first; {}.",
            family.biases.name()
        ),
        alt: "Falling curves; they differ most in the first quarter.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::linear(format!("quarter of the {of_what}, seldom first")),
            y: Axis::linear("RMSE, stars"),
            groups: family.exponents().into_iter().map(group).collect(),
            levels: Vec::new(),
        }),
    }
}
