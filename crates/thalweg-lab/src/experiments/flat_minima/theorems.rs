//! The checkable statements behind the figures, each from the definition.

use super::PAPER;
use super::earlier::EARLIER;
use crate::experiment::{About, Agreement, Bench, Check, Experiment, Findings, Moments, Scale, seed_of};
use crate::figure::{Axis, Dot, DotGroup, Fact, Figure, Kind, Scatter, Tone};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use thalweg::data::stream;
use thalweg::geometry::{balancedness, flattest_factors};
use thalweg::linalg::{dot, singular_values, symmetric_eigenvectors};
use thalweg::map::{Ensemble, MeasurementMap, Rescaling, Weight, identity, planted_matrix};
use thalweg::problem::{DeepSparse, Factored, Objective, QuadraticNetwork};
use thalweg::{Error, Factors};

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
                    7.1, eq. (9.5)); D1 and D2 are well conditioned (lemmas 4.5, 4.6, 5.1).",
            version: 1,
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
        findings.figures = vec![conditions(done)];
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
    }
}

fn normals(count: usize, seed: u64, which: u64) -> Vec<f64> {
    let mut rng = stream(seed, 1000 + which);
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

fn square(x: &[f64]) -> f64 {
    dot(x, x)
}

/// Imbalance and norm excess of the flattest factors under the identity map.
fn everything_seen(seed: u64) -> Result<Vec<f64>, Error> {
    let map = identity(9, 7)?;
    let x = planted_matrix(Ensemble::Sensing, (9, 7), 3, seed, 0);
    let factors = flattest_factors(&map, &x, 3)?.expect("every entry is seen").factors;
    let balance = balancedness(&factors).expect("the product is not 0");
    Ok(vec![balance.imbalance, balance.norm_excess])
}

/// Σ over the entries of the diagonal of ∇²f, block by block of so many rows each.
fn dense_scaled_trace(objective: &dyn Objective, x: &[f64], sides: &[usize], columns: usize) -> f64 {
    let entry = |at: usize| {
        let (mut e, mut column) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        e[at] = 1.0;
        objective.hessian_vec(x, &e, &mut column);
        column[at]
    };
    let mut next = 0..0;
    let of_block = |side: usize| {
        next = next.end..next.end + side * columns;
        next.clone().map(entry).sum::<f64>() / side as f64
    };
    sides.iter().copied().map(of_block).sum()
}

/// D of eq. (1.3): our D1 or D2 times its mean.
fn true_root(weight: &Weight, mean: f64, count: usize) -> impl Fn(&[f64], usize) -> f64 {
    let scale = mean * mean / count as f64;
    let weight = weight.clone();
    move |factor, rank| scale * square(&weight.times(factor, rank))
}

fn draw(model: Ensemble, shape: (usize, usize), rate: f64, seed: u64) -> Result<Box<dyn MeasurementMap>, Error> {
    // an empty draw of entries is practically impossible here, but then there is nothing to say
    (0..).find_map(|number| model.draw(shape, rate, 0.0, seed, number).transpose()).expect("some draw is not empty")
}

/// The paper's f has no ½, ours has one.
fn scaled_trace(model: Ensemble, seed: u64) -> Result<Vec<f64>, Error> {
    let shape = if model.is_symmetric() { (6, 6) } else { (6, 5) };
    let map = draw(model, shape, if model == Ensemble::Completion { 0.7 } else { 3.0 }, seed)?;
    let rank = 2;
    let x = normals((shape.0 + shape.1) * rank, seed, 0);
    let b = normals(map.len(), seed, 1);
    let problem = Factored::new(&*map, &b, rank, false)?;
    let dense = 2.0 * dense_scaled_trace(&problem, &x, &[shape.0, shape.1], rank);
    let weights = Rescaling::of(&*map).expect("the map is not zero");
    let m = map.len();
    let (left, right) = x.split_at(shape.0 * rank);
    let d1 = true_root(&weights.left, weights.means.0, m * shape.1)(left, rank);
    let d2 = true_root(&weights.right, weights.means.1, m * shape.0)(right, rank);
    Ok(vec![dense / (2.0 * m as f64 * (d1 + d2))])
}

/// On a solution, with two hidden units of either sign.
fn network_trace(seed: u64) -> Result<Vec<f64>, Error> {
    let (d, k) = (6, 4);
    let map = draw(Ensemble::Quadratic, (d, d), 4.0, seed)?;
    let u = normals(d * k, seed, 0);
    let signs = [1.0, 1.0, -1.0, -1.0];
    let v: Vec<f64> = u.iter().enumerate().map(|(at, x)| x * signs[at % k]).collect();
    let mut b = vec![0.0; map.len()];
    map.apply_factored(&Factors::new(d, d, k, [u.clone(), v].concat())?, &mut b);
    let network = QuadraticNetwork::new(&*map, &b, (2, 2))?;
    let dense = d as f64 * dense_scaled_trace(&network, &u, &[d], k);
    let weights = Rescaling::of(&*map).expect("the map is not zero");
    Ok(vec![dense / (4.0 * d as f64 * true_root(&weights.left, weights.means.0, map.len() * d)(&u, k))])
}

/// The trace at random factors over Σ Dⱼ ∏ v²; then, over 2k Σ Dⱼ|xⱼ|^(2−2/k), that of balanced factors and that of the random ones.
fn depth_trace(depth: usize, seed: u64) -> Result<Vec<f64>, Error> {
    let (m, d) = (6, 8);
    let problem = DeepSparse::new(m, d, normals(m * d, seed, 0), normals(m, seed, 1), depth)?;
    let v = normals(depth * d, seed, 2);
    let trace = |v: &[f64]| d as f64 * dense_scaled_trace(&problem, v, &vec![d; depth], 1);
    let without = |i: usize, j: usize| (0..depth).filter(|&h| h != i).map(|h| v[h * d + j]).product::<f64>();
    let printed: f64 = (0..depth).flat_map(|i| (0..d).map(move |j| (i, j))).map(|(i, j)| problem.weights()[j] * without(i, j).powi(2)).sum();
    let x: Vec<f64> = (0..d).map(|j| (0..depth).map(|h| v[h * d + j]).product()).collect();
    let least = 2.0 * depth as f64 * problem.objective(&x);
    Ok(vec![trace(&v) / printed, trace(&problem.balanced_factors(&x)) / least, trace(&v) / least])
}

/// Squares of two splits X = U₁U₁ᵀ − U₂U₂ᵀ over ‖X‖_*, and the identity of lemma 7.4.
fn splitting(seed: u64) -> Vec<f64> {
    let d = 7;
    let half = normals(d * d, seed, 0);
    let x: Vec<f64> = (0..d * d).map(|at| half[at] + half[at % d * d + at / d]).collect();
    let Some((values, vectors)) = symmetric_eigenvectors(&x, d) else { return vec![f64::NAN; 3] };
    let norm: f64 = singular_values(&x, d, d).map_or(f64::NAN, |s| s.iter().sum());
    // U₁: √λ q of positive λ, U₂ of negative ones; a common column added to both changes nothing but their size
    let squares: f64 = vectors.chunks_exact(d).zip(&values).map(|(q, l)| l.abs() * square(q)).sum();
    let common = normals(d, seed, 1);
    let (a, b) = (normals(d, seed, 2), normals(d, seed, 3));
    let form = |left: &[f64], right: &[f64]| (0..d * d).map(|at| left[at / d] * x[at] * right[at % d]).sum::<f64>();
    let (sum, difference): (Vec<f64>, Vec<f64>) = a.iter().zip(&b).map(|(a, b)| (a + b, a - b)).unzip();
    let (product, forms) = (form(&sum, &difference), form(&a, &a) - form(&b, &b));
    let size = form(&a, &a).abs() + form(&b, &b).abs();
    vec![squares / norm, (squares + 2.0 * square(&common)) / norm, (product - forms).abs() / size]
}

/// Largest over smallest eigenvalue of D1 and D2 together.
fn condition(model: Ensemble, side: usize, rate: f64, seed: u64, number: u64) -> Result<f64, Error> {
    let Some(map) = model.draw((side, side), rate, 0.0, seed, number)? else { return Ok(f64::INFINITY) };
    let weights = Rescaling::of(&*map).expect("the map is not zero");
    let ends = [(&weights.left, weights.means.0), (&weights.right, weights.means.1)];
    let ends: Vec<(f64, f64)> = ends.iter().filter_map(|(w, mean)| w.extremes().map(|(low, high)| (mean * low, mean * high))).collect();
    Ok(ends.iter().map(|e| e.1).fold(0.0, f64::max) / ends.iter().map(|e| e.0).fold(f64::INFINITY, f64::min))
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

/// Least and largest ‖A(X)‖/√m over random X of rank 4 and norm 1.
fn isometry(model: Ensemble, side: usize, rate: f64, directions: u64, seed: u64) -> Result<Vec<f64>, Error> {
    let map = draw(model, (side, side), rate, seed)?;
    let size = |number: u64| {
        let x = planted_matrix(model, (side, side), 4, seed, 1 + number);
        let mut image = vec![0.0; map.len()];
        map.apply(&x, &mut image);
        (square(&image) / map.len() as f64).sqrt()
    };
    let sizes: Vec<f64> = (0..directions).map(size).collect();
    Ok(vec![sizes.iter().copied().fold(f64::INFINITY, f64::min), sizes.iter().copied().fold(0.0, f64::max)])
}

fn isometries(done: &[(Trial, Outcome)]) -> Option<String> {
    let said = |(trial, outcome): &(Trial, Outcome)| match trial {
        Trial::Isometry { model, directions, .. } => {
            Some(format!("{} [{:.3}, {:.3}] over {directions}", model.name(), outcome.numbers[0], outcome.numbers[1]))
        }
        _ => None,
    };
    let said: Vec<String> = done.iter().filter_map(said).collect();
    (!said.is_empty()).then(|| {
        let list = said.join("; ");
        format!("‖A(X)‖/√m on random directions of rank 4 and norm 1, d = 25, m = 8d: {list}. The interval of restricted isometry contains these; it may be wider.")
    })
}

fn conditions(done: &[(Trial, Outcome)]) -> Figure {
    let mut groups: Vec<DotGroup> = Vec::new();
    let tone = |model: Ensemble| match model {
        Ensemble::Sensing => Tone::Lead,
        Ensemble::Bilinear => Tone::Against,
        Ensemble::Quadratic => Tone::Open,
        Ensemble::Completion => Tone::Quiet,
    };
    for (trial, outcome) in done {
        let Trial::Conditioning { model, side, rate, .. } = trial else { continue };
        if outcome.numbers.is_empty() {
            continue;
        }
        let mean = Moments::of(outcome.numbers.iter().copied()).mean;
        let dot = Dot {
            label: format!("{}, d = {side}", model.name()),
            facts: vec![Fact::new("d", *side), Fact::new("rate", *rate), Fact::new("draws", outcome.numbers.len())],
            x: if *model == Ensemble::Completion { rate * *side as f64 } else { *rate },
            y: mean,
        };
        match groups.iter_mut().find(|group| group.label == model.name()) {
            Some(group) => group.dots.push(dot),
            None => groups.push(DotGroup { label: model.name().into(), tone: tone(*model), dots: vec![dot] }),
        }
    }
    Figure {
        id: "conditioning".into(),
        title: "Condition of D1 and D2".into(),
        caption: "Mean largest over smallest eigenvalue of D1 and D2 together, over the measurements per row; it tends to 1 like 1 + 2√(d/m) for bilinear and \
                  quadratic maps, and much faster for Gaussian ones."
            .into(),
        alt: "Dot plot: condition numbers fall towards 1.".into(),
        kind: Kind::Scatter(Scatter { x: Axis::log("measurements / d"), y: Axis::log("condition"), groups, levels: Vec::new() }),
    }
}
