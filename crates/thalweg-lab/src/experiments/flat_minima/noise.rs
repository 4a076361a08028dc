//! Figure A6: matrix sensing with noise.

use super::PAPER;
use super::earlier::EARLIER;
use super::planted::{Planted, distance};
use crate::experiment::{About, Bench, Check, Experiment, Findings, Moments, Scale, seed_of};
use crate::experiments::phase::{NORMS, name};
use crate::figure::{Axis, Curve, CurveGroup, Curves, Figure, Grid, Kind, Tone};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use thalweg::Error;
use thalweg::data::stream;
use thalweg::geometry::student_quantile;
use thalweg::map::Ensemble;
use thalweg::problem::{Fidelity, Norm, Recovery, RecoveryStatus};
use thalweg::solver::Stop;
use thalweg::solver::convex::{PreparedMap, WarmStart};

/// The experiment.
pub struct Noise;

const SIDE: usize = 25;
const MEASUREMENTS: usize = 1000;
/// Duality gap of each solution.
const TOLERANCE: f64 = 1e-7;
const MAX_ITERS: usize = 3000;

/// One matrix and one map, under every level of noise.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trial {
    rank: usize,
    norm: Norm,
    sigmas: Vec<f64>,
    noises: u64,
    /// Number 0 is the figure's; others tell how much the errors depend on the matrix and the map.
    draw: u64,
}

/// Levels and noises of the other draws.
const OF_OTHERS: ([f64; 3], u64) = ([0.1, 0.3, 1.0], 2);

/// ‖X̂ − M‖_F for each level, M of norm 1.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    error: Vec<Moments>,
    unsolved: usize,
}

impl Experiment for Noise {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "figA6",
            title: "Matrix sensing with noise (figure A6)",
            claim: "With Gaussian noise of size σ, flat solutions within the noise's radius miss the truth by at most Cσ√(r(d1 + d2)/m), about as much as nuclear ones \
                    (theorem A.1, figure A6).",
            version: 2,
        }
    }

    fn trials(&self, scale: Scale, _: &Bench) -> Vec<Trial> {
        let (ranks, levels, noises, draws): (Vec<usize>, Vec<u32>, u64, u64) = match scale {
            Scale::Smoke => (vec![1], vec![1, 10], 1, 1),
            Scale::Reduced => (vec![1, 2, 4, 8], vec![1, 2, 3, 5, 10, 15], 10, 5),
            Scale::Full => ((1..=10).collect(), (1..=15).collect(), 25, 10),
        };
        let sigmas: Vec<f64> = levels.iter().map(|&level| f64::from(level) / 10.0).collect();
        let trial = |rank, norm| Trial { rank, norm, sigmas: sigmas.clone(), noises, draw: 0 };
        // one norm will do: on the same noise the two differ by far less than two draws
        let other = |rank, draw| Trial { rank, norm: Norm::Nuclear, sigmas: OF_OTHERS.0.to_vec(), noises: OF_OTHERS.1, draw };
        let drawn = ranks.iter().rev().flat_map(|&rank| NORMS.map(|norm| trial(rank, norm)));
        drawn.chain(ranks.iter().rev().flat_map(|&rank| (1..draws).map(move |draw| other(rank, draw)))).collect()
    }

    fn run(&self, trial: &Trial, _: &Bench) -> Result<Outcome, Error> {
        let shape = (SIDE, SIDE);
        // both norms see the same matrix, map and noise
        let seed = seed_of(&("figure A6", trial.rank, trial.draw));
        let rate = MEASUREMENTS as f64 / SIDE as f64;
        let planted = Planted::draw(Ensemble::Sensing, shape, trial.rank, rate, (seed, 0))?.expect("measurements are Gaussian");
        let Planted { truth, map, b: clean } = &planted;
        let problem = Recovery::new(&**map, clean, trial.norm)?;
        let prepared = PreparedMap::of(&problem).ok_or(Error::Empty { what: "the map", why: "a decomposition did not end" })?;
        let stop = Stop { max_iters: MAX_ITERS, max_time: None, tol: TOLERANCE };
        let mut outcome = Outcome { error: Vec::new(), unsolved: 0 };
        for &sigma in &trial.sigmas {
            let mut error = Moments::default();
            let mut warm = WarmStart::default();
            for number in 0..trial.noises {
                let mut rng = stream(seed_of(&("noise", trial.rank, trial.draw, sigma.to_bits(), number)), 0);
                let noise: Vec<f64> = (0..map.len()).map(|_| StandardNormal.sample(&mut rng)).map(|z: f64| sigma * z).collect();
                let b: Vec<f64> = clean.iter().zip(&noise).map(|(b, e)| b + e).collect();
                // the radius of an oracle, as in the paper
                let radius = noise.iter().map(|e| e * e).sum::<f64>().sqrt();
                let found = prepared.recover(&b, Fidelity::Ball { radius }, &mut warm, &stop, &mut |_, _| ControlFlow::Continue(()))?;
                outcome.unsolved += usize::from(found.status != RecoveryStatus::Converged);
                error = error.merge(Moments::of([distance(&found.x, truth)]));
            }
            outcome.error.push(error);
        }
        Ok(outcome)
    }

    fn findings(&self, _: Scale, all: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let done: Vec<&(Trial, Outcome)> = all.iter().filter(|(trial, _)| trial.draw == 0).collect();
        let mut widest = (0.0, 0);
        for norm in NORMS.into_iter().rev() {
            let mut rows: Vec<&(Trial, Outcome)> = done.iter().copied().filter(|(trial, _)| trial.norm == norm).collect();
            rows.sort_by_key(|(trial, _)| trial.rank);
            if rows.is_empty() {
                continue;
            }
            for row in &rows {
                let spread = Spread::of(row, all);
                findings.checks.extend(spread.as_ref().map(|spread| spread.check(row)));
                widest = spread
                    .iter()
                    .map(|spread| (spread.ratios.sd() / spread.ratios.mean, row.0.rank))
                    .fold(widest, |a, b| if b.0 > a.0 { b } else { a });
            }
            findings.checks.extend(rows.iter().filter_map(|row| linear_in_noise(row)));
            findings.checks.extend(square_root_of_rank(&rows, norm));
            findings.figures.push(picture(&rows, norm));
        }
        findings.figures.push(curves(&done));
        let unsolved: usize = all.iter().map(|(_, o)| o.unsolved).sum();
        let problems: u64 = all.iter().map(|(t, _)| t.sigmas.len() as u64 * t.noises).sum();
        findings.checks.push(Check::within("problems not solved to the tolerance", "all are", 0.0, unsolved as f64, 0.0));
        findings.verdict =
            vec![compared(&done), format!("{problems} problems, duality gap {TOLERANCE:.0e}; the radius is the norm of the noise that was drawn.")];
        if widest.0 > 0.0 {
            findings.verdict.push(format!(
                "The figure draws one matrix and one map for each rank. Over other draws the errors vary by up to {:.0} % (one standard deviation, rank {}): curves of single \
                 draws differ by as much.",
                100.0 * widest.0,
                widest.1
            ));
        }
        findings
    }
}

/// Errors of all draws of one rank over those of an earlier implementation, which are of one draw as well.
struct Spread {
    ratios: Moments,
    figure: f64,
}

impl Spread {
    /// Over the levels of the other draws, the only ones that all have. None for fewer than three draws.
    fn of((trial, outcome): &(Trial, Outcome), all: &[(Trial, Outcome)]) -> Option<Spread> {
        let table = &EARLIER.noise;
        let row = table.ranks.iter().position(|r| *r == trial.rank)?;
        let ratio = |trial: &Trial, outcome: &Outcome| {
            let errors = if trial.norm == Norm::Flat { &table.flat[row] } else { &table.nuclear[row] };
            let of_level = |(sigma, error): (&f64, &Moments)| {
                let column = table.sigmas.iter().position(|s| (s - sigma).abs() < 1e-9)?;
                OF_OTHERS.0.contains(sigma).then(|| error.mean / errors[column])
            };
            Moments::of(trial.sigmas.iter().zip(&outcome.error).filter_map(of_level)).mean
        };
        let others = all.iter().filter(|(t, _)| t.rank == trial.rank && t.draw > 0).map(|(t, o)| ratio(t, o));
        let figure = ratio(trial, outcome);
        let ratios = Moments::of([figure].into_iter().chain(others));
        (ratios.count >= 3.0).then_some(Spread { ratios, figure })
    }

    /// The earlier draw is one more of the same law: within 99.7 % of what a single draw may be.
    fn check(&self, (trial, _): &(Trial, Outcome)) -> Check {
        let Spread { ratios, figure } = self;
        let sd = (ratios.squares / (ratios.count - 1.0)).sqrt();
        let tolerance = 1.5 * student_quantile(ratios.count as usize - 1) * sd * (1.0 + 1.0 / ratios.count).sqrt();
        let what = format!(
            "{}, rank {}: error over that of the earlier run, mean over {} draws of matrix and map (the figure's: {figure:.3})",
            name(trial.norm),
            trial.rank,
            ratios.count
        );
        Check::within(what, "an earlier implementation, one draw", 1.0, ratios.mean, tolerance)
    }
}

/// The exponent of σ between its two smallest values: the theorem's bound is linear, and large ranks stay below it.
fn linear_in_noise((trial, outcome): &(Trial, Outcome)) -> Option<Check> {
    let ([s, t, ..], [a, b, ..]) = (&trial.sigmas[..], &outcome.error[..]) else { return None };
    let exponent = (b.mean / a.mean).ln() / (t / s).ln();
    let error = (a.standard_error() / a.mean).hypot(b.standard_error() / b.mean) / (t / s).ln();
    (trial.noises > 1 && *t <= 0.3).then(|| {
        let what = format!("{}, rank {}: 1 − q for error ∝ σ^q between σ = {s} and {t}", name(trial.norm), trial.rank);
        Check::at_least(what, "theorem A.1: at most linear", 0.0, 1.0 - exponent, -(4.0 * error + 0.03))
    })
}

/// The exponent of r at the smallest σ, by least squares of the logarithms.
fn square_root_of_rank(rows: &[&(Trial, Outcome)], norm: Norm) -> Option<Check> {
    let points: Vec<(f64, f64)> = rows.iter().map(|(t, o)| ((t.rank as f64).ln(), o.error[0].mean.ln())).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / points.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>();
    (points.len() > 2).then(|| Check::within(format!("{}: error ∝ r^q at the smallest σ", name(norm)), "theorem A.1", 0.5, slope, 0.08))
}

fn compared(done: &[&(Trial, Outcome)]) -> String {
    let mut ratios = Vec::new();
    for (trial, outcome) in done.iter().filter(|(t, _)| t.norm == Norm::Flat) {
        let Some((_, other)) = done.iter().find(|(t, _)| t.norm == Norm::Nuclear && t.rank == trial.rank) else { continue };
        ratios.extend(outcome.error.iter().zip(&other.error).map(|(a, b)| a.mean / b.mean));
    }
    let all = Moments::of(ratios.iter().copied());
    let below = ratios.iter().filter(|r| **r < 1.0).count();
    format!(
        "On the same noise the flat solution's mean error is {:.4} times that of the nuclear one, over {} cells; it is smaller in {below} of them.",
        all.mean,
        ratios.len()
    )
}

fn picture(rows: &[&(Trial, Outcome)], norm: Norm) -> Figure {
    Figure {
        id: format!("error-{}", name(norm)),
        title: format!("{}: error over noise and rank", name(norm)),
        caption: format!("Mean distance of the {} solution from the truth (norm 1); d = {SIDE}, m = {MEASUREMENTS}.", name(norm)),
        alt: "Shaded grid: errors grow with the noise and the rank.".into(),
        kind: Kind::Grid(Grid {
            x: Axis::linear("σ"),
            y: Axis::linear("rank"),
            xs: rows[0].0.sigmas.clone(),
            ys: rows.iter().map(|(trial, _)| trial.rank as f64).collect(),
            value_kind: "error".into(),
            range: (0.0, 1.0),
            values: rows.iter().flat_map(|(_, outcome)| outcome.error.iter().map(|e| e.mean)).collect(),
            curves: Vec::new(),
        }),
    }
}

fn curves(done: &[&(Trial, Outcome)]) -> Figure {
    let group = |norm: Norm, tone| {
        let curve = |(trial, outcome): &(Trial, Outcome)| {
            let points = trial.sigmas.iter().zip(&outcome.error).map(|(s, e)| (*s, e.mean)).collect();
            Curve::new(format!("{}, rank {}", name(norm), trial.rank), points)
        };
        CurveGroup { label: name(norm).into(), tone, curves: done.iter().copied().filter(|(t, _)| t.norm == norm).map(curve).collect() }
    };
    Figure {
        id: "curves".into(),
        title: "Errors over the noise".into(),
        caption: "The same numbers; one curve a rank. Straight lines of slope 1 are the theorem's rate; beyond σ ≈ ½ the minimiser shrinks.".into(),
        alt: "Rising curves on logarithmic axes; both norms nearly coincide.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::log("σ"),
            y: Axis::log("error"),
            groups: vec![group(Norm::Nuclear, Tone::Quiet), group(Norm::Flat, Tone::Lead)],
            levels: Vec::new(),
        }),
    }
}
