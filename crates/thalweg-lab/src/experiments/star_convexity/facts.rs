//! Facts 3 to 10: expectations of the inner products that make up the quartic.

use super::PAPER;
use super::planted_line::{Planting, line, product};
use crate::experiment::{About, Agreement, Bench, Check, Experiment, Findings, Moments, Scale, seed_of};
use crate::figure::{At, Axis, Dot, DotGroup, Fact, Figure, Kind, Level, Scatter, Tone};
use serde::{Deserialize, Serialize};
use thalweg::data::{LAWS, Law, planted_factors};
use thalweg::linalg::gram;
use thalweg::{Error, Factors};

/// The experiment.
pub struct Facts;

/// So many samples of one law and shape.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Trial {
    planting: Planting,
    samples: u64,
    part: u64,
}

/// What is averaged, each divided by rmn.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Outcome {
    fact3: Moments,
    fact4: Moments,
    fact5: Moments,
    fact6: Moments,
    fact7: Moments,
    fact8: Moments,
    fact10: Moments,
}

impl Outcome {
    fn merge(self, o: Outcome) -> Outcome {
        Outcome {
            fact3: self.fact3.merge(o.fact3),
            fact4: self.fact4.merge(o.fact4),
            fact5: self.fact5.merge(o.fact5),
            fact6: self.fact6.merge(o.fact6),
            fact7: self.fact7.merge(o.fact7),
            fact8: self.fact8.merge(o.fact8),
            fact10: self.fact10.merge(o.fact10),
        }
    }
}

/// A fact: its number, what it is about, what was found, the true value, and what the paper says.
struct Statement {
    fact: u32,
    what: &'static str,
    found: Moments,
    truth: f64,
    paper: f64,
}

fn statements(law: Law, o: &Outcome) -> [Statement; 7] {
    let (mean, variance) = (law.mean(), law.variance());
    let (fourth, mixed) = (variance * variance, mean * mean * variance);
    let fact = |fact, what, found, truth, paper| Statement { fact, what, found, truth, paper };
    [
        fact(3, "Tr ŪᵀŪV̄ᵀV̄, centred factors", o.fact3, fourth, fourth),
        fact(4, "Tr ŪᵀŪ μμᵀ·n", o.fact4, mixed, mixed),
        fact(5, "‖W₂‖²", o.fact5, 4.0 * fourth, 4.0 * fourth),
        fact(6, "⟨W₀, W₂⟩, X independent of both ends", o.fact6, fourth, fourth),
        fact(7, "‖W₁‖²", o.fact7, 6.0 * fourth + 4.0 * mixed, 6.0 * fourth + 4.0 * mixed),
        fact(8, "⟨W₁, W₂⟩", o.fact8, -4.0 * fourth, -4.0 * fourth),
        fact(10, "⟨W₀, W₂⟩, line ends at the planted solution", o.fact10, 0.0, 2.0 * fourth),
    ]
}

/// Standard errors within which a mean counts as equal: of a hundred true statements all hold with probability 0.99.
const QUANTILE: f64 = 4.0;

impl Experiment for Facts {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "facts",
            title: "The expectations behind Theorem 1 (Facts 3 to 10)",
            claim: "With independent entries of mean μ and variance σ², the inner products of the residual's parts W₀, W₁, W₂ have the stated \
                    multiples of rmn as expectations (appendix D); in Fact 10, E⟨W₀, W₂⟩ = 2rmnσ⁴ on a line that ends at the planted solution.",
            version: 1,
        }
    }

    fn trials(&self, scale: Scale, _: &Bench) -> Vec<Trial> {
        let (parts, samples) = match scale {
            Scale::Smoke => (1, 500),
            Scale::Reduced => (4, 5_000),
            Scale::Full => (20, 10_000),
        };
        let laws = LAWS.iter().copied().filter(|law| *law != Law::Pareto);
        let plantings = laws.flat_map(|law| [(7, 5, 3), (20, 9, 6)].map(|(rows, cols, rank)| Planting { law, rows, cols, rank }));
        plantings.flat_map(|planting| (0..parts).map(move |part| Trial { planting, samples, part })).collect()
    }

    fn run(&self, trial: &Trial, _: &Bench) -> Result<Outcome, Error> {
        let Planting { law, rows, cols, rank } = trial.planting;
        let seed = seed_of(trial);
        let one = |sample: u64| -> Result<Outcome, Error> {
            let draw = |which: u64| planted_factors(law, (rows, cols), rank, seed, 3 * sample + which);
            Ok(sample_of(&trial.planting, &draw(0)?, &draw(1)?, &draw(2)?))
        };
        (0..trial.samples).try_fold(Outcome::default(), |all, sample| Ok(all.merge(one(sample)?)))
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut plantings: Vec<(Planting, Outcome)> = Vec::new();
        for (trial, outcome) in done {
            match plantings.iter_mut().find(|(planting, _)| *planting == trial.planting) {
                Some((_, all)) => *all = all.merge(*outcome),
                None => plantings.push((trial.planting, *outcome)),
            }
        }
        let mut checks = Vec::new();
        let mut dots: [Vec<Dot>; 2] = Default::default();
        for (planting, outcome) in &plantings {
            for Statement { fact, what, found, truth, paper } in statements(planting.law, outcome) {
                let place = format!("{}, {}×{}, r = {}", planting.law.name(), planting.rows, planting.cols, planting.rank);
                let label = format!("Fact {fact}, {what}; {place}");
                let tolerance = QUANTILE * found.standard_error();
                checks.push(Check::within(label.clone(), "corrected", truth, found.mean, tolerance));
                if paper != truth {
                    checks.push(Check::within(label.clone(), "the paper", paper, found.mean, tolerance));
                }
                let dot = |value: f64| Dot {
                    label: label.clone(),
                    facts: vec![Fact::new("found", found.mean), Fact::new("standard error", found.standard_error()), Fact::new("said", value)],
                    x: f64::from(fact),
                    y: (found.mean - value) / found.standard_error(),
                };
                dots[0].push(dot(truth));
                if paper != truth {
                    dots[1].push(dot(paper));
                }
            }
        }
        let missed = |source: &str| checks.iter().filter(|c| c.source == source && c.agreement == Agreement::Fails).count();
        let of = |source: &str| checks.iter().filter(|c| c.source == source).count();
        let verdict = vec![
            format!(
                "{} of {} expectations agree with the corrected statements within {QUANTILE} standard errors.",
                of("corrected") - missed("corrected"),
                of("corrected")
            ),
            format!(
                "The paper's Fact 10 is rejected in {} of {} cases: the expectation is 0. Exchanging the two ends turns W₀ into −W₀ and leaves \
                 W₂, so it cannot be anything else.",
                missed("the paper"),
                of("the paper")
            ),
        ];
        let groups = [("corrected statement", Tone::Lead), ("Fact 10 as printed", Tone::Against)];
        let figure = Figure {
            id: "z".into(),
            title: "Monte Carlo against the expectations".into(),
            caption: "Found minus said, in standard errors; one dot for each law and shape.".into(),
            alt: "Dot plot of z-scores by fact; the corrected ones lie within four, Fact 10 as printed far below.".into(),
            kind: Kind::Scatter(Scatter {
                x: Axis::linear("fact"),
                y: Axis::linear("z"),
                groups: groups.into_iter().zip(dots).map(|((label, tone), dots)| DotGroup { label: label.into(), tone, dots }).collect(),
                levels: [-QUANTILE, QUANTILE].map(|z| Level { at: At::Y(z), label: format!("{z}") }).into(),
            }),
        };
        Findings { verdict, checks, figures: vec![figure] }
    }
}

fn sample_of(planting: &Planting, start: &Factors, end: &Factors, other: &Factors) -> Outcome {
    let mean = planting.law.mean();
    let centred = Factors::new(end.rows(), end.cols(), end.rank(), end.as_slice().iter().map(|x| x - mean).collect()).expect("the shape of the end");
    let product_of_centred: f64 = product(&centred).iter().map(|p| p * p).sum();
    let (u, _) = centred.split();
    let gram: f64 = gram(u, end.rank()).iter().sum();
    let independent = line(start, end, Some(other), None);
    let planted = line(start, end, None, None);
    let each = |value: f64| Moments::of([value / planting.count()]);
    Outcome {
        fact3: each(product_of_centred),
        fact4: each(planting.cols as f64 * mean * mean * gram),
        fact5: each(independent.w22),
        fact6: each(independent.w02),
        fact7: each(independent.w11),
        fact8: each(independent.w12),
        fact10: each(planted.w02),
    }
}
