//! The checkable statements behind the figures, each from the definition.

mod corruption;
mod identities;
mod relaxation;
mod sampled;
mod spectra;

use self::corruption::{Corrupted, corrupted, corruption_grid};
use self::identities::{depth_trace, everything_seen, network_trace, scaled_trace, splitting, transformed_balance};
use self::relaxation::{network_descents, relaxed};
use self::sampled::{Sampled, sampled_beside_exact, sampling_curves};
use self::spectra::{condition, conditions, isometries, isometry};
use super::PAPER;
use super::earlier::EARLIER;
use crate::experiment::{About, Agreement, Bench, Check, Experiment, Findings, Moments, Scale, seed_of};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use thalweg::Error;
use thalweg::data::stream;
use thalweg::linalg::dot;
use thalweg::map::{Ensemble, MeasurementMap};
use thalweg::solver::convex::Recovers;

/// The experiment.
pub struct Theorems;

/// A statement to check, on one draw.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "statement")]
pub enum Trial {
    /// Lemma 2.2.
    EverythingSeen { number: u64 },
    /// Lemmas 2.1 and 3.1: eq. (3.2).
    ScaledTrace { model: Ensemble, number: u64 },
    /// Lemma 7.1: eq. (7.8).
    NetworkTrace { number: u64 },
    /// Eqs. (9.5) and (9.8).
    DepthTrace { depth: usize, number: u64 },
    /// Lemmas 7.3 and 7.4.
    Splitting { number: u64 },
    /// Lemmas 4.5, 4.6 and 5.1: the spectra of D1 and D2.
    Conditioning { model: Ensemble, side: usize, rate: f64, draws: u64 },
    /// The tail bound in the proof of lemma 5.1.
    TailBound,
    /// Restricted isometry, from below.
    Isometry { model: Ensemble, side: usize, rate: f64, directions: u64 },
    /// Lemma 3.2: eq. (3.11).
    TransformedBalance { number: u64 },
    /// Theorem 6.1.
    Corruption { cell: Corrupted, draws: u64 },
    /// Theorem 5.1 and lemma 5.3.
    Sampling { cell: Sampled, draws: u64 },
    /// Theorem 7.2.
    NetworkRelaxation { rate: f64, starts: u64, number: u64 },
}

/// Numbers that a trial measures; what they mean is the trial's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    numbers: Vec<f64>,
}

const MAPS: [Ensemble; 4] = [Ensemble::Sensing, Ensemble::Bilinear, Ensemble::Quadratic, Ensemble::Completion];

impl Experiment for Theorems {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "theorems",
            title: "The statements behind the figures",
            claim: "Flat, balanced and norm-minimal coincide where all is seen (lemma 2.2); the scaled trace is a weighted norm of the factors (lemmas 2.1, 3.1, \
                    7.1, eq. (9.5)); D1 and D2 are well conditioned (lemmas 4.5, 4.6, 5.1); few corruptions are taken off (theorem 6.1), few entries suffice \
                    for a part (theorem 5.1), flat networks solve a convex problem (theorem 7.2).",
            version: 3,
        }
    }

    fn trials(&self, scale: Scale, _: &Bench) -> Vec<Trial> {
        let (draws, directions, largest) = match scale {
            Scale::Smoke => (1, 20, 10),
            Scale::Reduced => (5, 300, 50),
            Scale::Full => (20, 3000, 50),
        };
        let each = |of: &dyn Fn(u64) -> Trial| (0..draws).map(of).collect::<Vec<Trial>>();
        let mut trials = each(&|number| Trial::EverythingSeen { number });
        MAPS.into_iter().for_each(|model| trials.extend(each(&|number| Trial::ScaledTrace { model, number })));
        trials.extend(each(&|number| Trial::NetworkTrace { number }));
        (2..=5).for_each(|depth| trials.extend(each(&|number| Trial::DepthTrace { depth, number })));
        trials.extend(each(&|number| Trial::Splitting { number }));
        trials.push(Trial::TailBound);
        let known = EARLIER.conditioning.iter().filter(|c| c.side <= largest);
        trials.extend(known.map(|c| Trial::Conditioning { model: c.model, side: c.side, rate: c.rate, draws: draws.max(2) }));
        let isometries = [(Ensemble::Sensing, 25, 8.0), (Ensemble::Bilinear, 25, 8.0), (Ensemble::Quadratic, 25, 8.0)];
        trials.extend(isometries.map(|(model, side, rate)| Trial::Isometry { model, side, rate, directions }));
        trials.extend(each(&|number| Trial::TransformedBalance { number }));
        trials.extend(beyond_formulas(scale, draws));
        trials
    }

    fn run(&self, trial: &Trial, _: &Bench) -> Result<Outcome, Error> {
        let seed = seed_of(trial);
        let numbers = match *trial {
            Trial::EverythingSeen { .. } => everything_seen(seed)?,
            Trial::ScaledTrace { model, .. } => scaled_trace(model, seed)?,
            Trial::NetworkTrace { .. } => network_trace(seed)?,
            Trial::DepthTrace { depth, .. } => depth_trace(depth, seed)?,
            Trial::Splitting { .. } => splitting(seed),
            Trial::Conditioning { model, side, rate, draws } => {
                let all = (0..draws).map(|number| condition(model, side, rate, seed, number)).collect::<Result<Vec<f64>, _>>()?;
                // where D1 or D2 is singular there is no number to compare
                all.into_iter().filter(|condition| condition.is_finite()).collect()
            }
            Trial::TailBound => vec![outside(50, 0.1, 0.5)],
            Trial::Isometry { model, side, rate, directions } => isometry(model, side, rate, directions, seed)?,
            Trial::TransformedBalance { .. } => transformed_balance(seed),
            Trial::Corruption { cell, draws } => {
                let answers = (0..draws).map(|number| cell.recovers(seed.wrapping_add(number))).collect::<Result<Vec<Recovers>, _>>()?;
                [Recovers::Yes, Recovers::No].map(|answer| answers.iter().filter(|a| **a == answer).count() as f64).to_vec()
            }
            Trial::Sampling { cell, draws } => {
                let all = (0..draws).map(|number| cell.measured(seed.wrapping_add(number))).collect::<Result<Vec<_>, _>>()?;
                all.into_iter().flatten().flatten().collect()
            }
            Trial::NetworkRelaxation { rate, starts, .. } => network_descents(rate, starts, seed)?.concat(),
        };
        Ok(Outcome { numbers })
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        for (trial, Outcome { numbers }) in done {
            findings.checks.extend(checks(trial, numbers));
        }
        let failed = |source: &str| findings.checks.iter().filter(|c| c.source == source && c.agreement == Agreement::Fails).count();
        let of = |source: &str| findings.checks.iter().filter(|c| c.source == source).count();
        findings.verdict = vec![
            format!("{} of {} corrected statements hold; of those as printed {} of {} do not.", of(CORRECTED) - failed(CORRECTED), of(CORRECTED), failed(PRINTED), of(PRINTED)),
            "What is printed wrongly changes no conclusion: (7.8) and (9.5) lack a factor 2 for f = ‖·‖²/m; the tail bound in the proof of lemma 5.1 has p where \
             Hoeffding's inequality has p², and is exceeded by the exact probability; a Chernoff bound repairs the lemma with other constants."
                .into(),
        ];
        findings.verdict.extend(isometries(done));
        findings.verdict.extend(relaxed(done));
        findings.verdict.extend(sampled_beside_exact(done));
        findings.verdict.extend(corrupted(done));
        findings.figures = [conditions(done)].into_iter().chain(corruption_grid(done)).chain(sampling_curves(done)).collect();
        findings
    }
}

const PRINTED: &str = "the paper, as printed";
const CORRECTED: &str = "the paper, or corrected";

fn checks(trial: &Trial, numbers: &[f64]) -> Vec<Check> {
    let first = numbers.first().copied().unwrap_or(f64::NAN);
    match trial {
        Trial::EverythingSeen { number } => {
            let said =
                |what: &str, found| Check::within(format!("lemma 2.2, {what} of the flattest factors, draw {number}"), CORRECTED, 0.0, found, 1e-12);
            vec![said("imbalance", numbers[0]), said("norm excess", numbers[1])]
        }
        Trial::ScaledTrace { model, number } => {
            let what = format!("(3.2), {}: str ∇²f over 2m(‖D1 L‖² + ‖D2 R‖²), draw {number}", model.name());
            vec![Check::within(what, CORRECTED, 1.0, first, 1e-10)]
        }
        Trial::NetworkTrace { number } => {
            let what = format!("(7.8): tr ∇²f over 4d(‖D U₁‖² + ‖D U₂‖²), draw {number}");
            vec![Check::within(what.clone(), CORRECTED, 2.0, first, 1e-10), Check::within(what, PRINTED, 1.0, first, 1e-10)]
        }
        Trial::DepthTrace { depth, number } => {
            let what = format!("(9.5), depth {depth}: tr ∇²f over Σ Dⱼ ∏ v², draw {number}");
            let balanced = format!("(9.8), depth {depth}: balanced factors, trace over 2k Σ Dⱼ|xⱼ|^(2−2/k), draw {number}");
            let random = format!("(9.8), depth {depth}: the same for random factors of the same product, less 1, draw {number}");
            vec![
                Check::within(what.clone(), CORRECTED, 2.0, first, 1e-10),
                Check::within(what, PRINTED, 1.0, first, 1e-10),
                Check::within(balanced, CORRECTED, 1.0, numbers[1], 1e-10),
                Check::at_least(random, CORRECTED, 0.0, numbers[2] - 1.0, 0.0),
            ]
        }
        Trial::Splitting { number } => vec![
            Check::within(format!("lemma 7.3: ‖U₁‖² + ‖U₂‖² of the eigenvector split over ‖X‖_*, draw {number}"), CORRECTED, 1.0, numbers[0], 1e-12),
            Check::at_least(format!("lemma 7.3: the same of another split, less 1, draw {number}"), CORRECTED, 0.0, numbers[1] - 1.0, 0.0),
            Check::within(format!("lemma 7.4: (x₁+x₂)ᵀZ(x₁−x₂) less x₁ᵀZx₁ − x₂ᵀZx₂, relative, draw {number}"), CORRECTED, 0.0, numbers[2], 1e-12),
        ],
        Trial::TailBound => {
            let (n, p, delta) = (50.0, 0.1, 0.5f64);
            let bound = |what: &str, source, value: f64| {
                Check::at_least(format!("lemma 5.1, d2 = 50, p = 0.1, δ = ½: {what} less the exact probability"), source, 0.0, value - first, 0.0)
            };
            vec![
                bound("2 exp(−2 p d2 δ²)", PRINTED, 2.0 * (-2.0 * p * n * delta * delta).exp()),
                bound("2 exp(−2 p² d2 δ²)", CORRECTED, 2.0 * (-2.0 * p * p * n * delta * delta).exp()),
                bound("2 exp(−p d2 δ²/3)", CORRECTED, 2.0 * (-p * n * delta * delta / 3.0).exp()),
            ]
        }
        Trial::Conditioning { model, side, rate, draws } => {
            let moments = Moments::of(numbers.iter().copied());
            let place = format!("condition of D1 and D2, {}, d = {side}, rate {rate}", model.name());
            let known = EARLIER.conditioning.iter().find(|c| (c.model, c.side, c.rate) == (*model, *side, *rate));
            let spread = (moments.squares / (moments.count - 1.0)).sqrt();
            let tolerance = 4.0 * spread * (1.0 + 1.0 / moments.count).sqrt() + 0.02 * moments.mean;
            let compare =
                |c: &super::earlier::Conditioning| Check::within(place.clone(), "an earlier implementation", c.condition, moments.mean, tolerance);
            known.filter(|_| moments.count == *draws as f64).map(compare).into_iter().collect()
        }
        Trial::Isometry { .. } => Vec::new(),
        Trial::TransformedBalance { number } => vec![
            Check::at_least(
                format!("lemma 3.2: 1 less the imbalance over its bound (3.11), random Q1 and Q2, draw {number}"),
                CORRECTED,
                0.0,
                1.0 - numbers[0],
                0.0,
            ),
            Check::at_least(format!("lemma 3.2: the same for multiples of the identity, draw {number}"), CORRECTED, 0.0, 1.0 - numbers[1], 0.0),
        ],
        Trial::Corruption { cell: Corrupted { side, rank, corruptions }, draws } => {
            let is_easy = corruptions * rank * 15 <= *side;
            let what = format!("theorem 6.1, d = {side}, rank {rank}, {corruptions} corruptions a line: certified minimisers");
            is_easy.then(|| Check::within(what, CORRECTED, *draws as f64, first, 0.0)).into_iter().collect()
        }
        Trial::Sampling { cell, .. } => {
            let largest = |at: usize| numbers.iter().skip(at).step_by(2).copied().fold(0.0, f64::max);
            let place = format!("d = {}, p = {}", cell.side, cell.rate);
            let promise = format!("(5.4), {place}: √(r log d / d) / p less the largest ‖LRᵀ − M‖_* / ‖M‖_*, as if C were 1");
            let sharp = format!("(5.8), {place}: 8 less the largest ‖X − M‖_* / (‖X‖_* − ‖M‖_*) of random X that fit, as if C were 0");
            let is_measured = !numbers.is_empty();
            let both = [
                Check::at_least(promise, CORRECTED, 0.0, cell.promised() - largest(0), 0.0),
                Check::at_least(sharp, CORRECTED, 0.0, 8.0 - largest(1), 0.0),
            ];
            both.into_iter().filter(|_| is_measured).collect()
        }
        Trial::NetworkRelaxation { rate, number, .. } => {
            let ends = || numbers.chunks_exact(3);
            let most = ends().map(|d| d[1]).fold(f64::NEG_INFINITY, f64::max);
            let least = ends().map(|d| d[2]).fold(f64::INFINITY, f64::min);
            let place = format!("theorem 7.2, m = {rate}d, draw {number}");
            vec![
                Check::within(format!("{place}: excess of ‖DU‖² over min ‖DXD‖_* where descents end, the largest"), CORRECTED, 0.0, most, 1e-6),
                Check::at_least(format!("{place}: the least on the way"), CORRECTED, 0.0, least, -1e-7),
            ]
        }
    }
}

/// What takes solving.
fn beyond_formulas(scale: Scale, draws: u64) -> Vec<Trial> {
    let (side, ranks, corruptions, sides): (usize, usize, usize, &[usize]) = match scale {
        Scale::Smoke => (10, 1, 1, &[10]),
        Scale::Reduced => (30, 4, 8, &[20, 40]),
        Scale::Full => (50, 8, 16, &[20, 40, 80]),
    };
    let corrupted = (1..=ranks).flat_map(|rank| (1..=corruptions).map(move |corruptions| Corrupted { side, rank, corruptions }));
    let rates = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
    let sampled = sides.iter().flat_map(|&side| rates.map(|rate| Sampled { side, rank: 2, rate }));
    let networks = [3.0, 4.0].into_iter().flat_map(|rate| (0..draws).map(move |number| Trial::NetworkRelaxation { rate, starts: 4, number }));
    let draws = draws.min(10);
    corrupted.map(|cell| Trial::Corruption { cell, draws }).chain(sampled.map(|cell| Trial::Sampling { cell, draws })).chain(networks).collect()
}

fn normals(count: usize, seed: u64, which: u64) -> Vec<f64> {
    let mut rng = stream(seed, 1000 + which);
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

fn square(x: &[f64]) -> f64 {
    dot(x, x)
}

fn draw(model: Ensemble, shape: (usize, usize), rate: f64, seed: u64) -> Result<Box<dyn MeasurementMap>, Error> {
    // an empty draw of entries is practically impossible here, but then there is nothing to say
    (0..).find_map(|number| model.draw(shape, rate, 0.0, seed, number).transpose()).expect("some draw is not empty")
}

/// P(|S/n − p| > δp) of a binomial count S, exactly.
fn outside(n: u32, p: f64, delta: f64) -> f64 {
    let mut probability = (1.0 - p).powi(n as i32);
    let mut sum = 0.0;
    for count in 0..=n {
        if (f64::from(count) / f64::from(n) - p).abs() > delta * p {
            sum += probability;
        }
        probability *= f64::from(n - count) / f64::from(count + 1) * p / (1.0 - p);
    }
    sum
}
