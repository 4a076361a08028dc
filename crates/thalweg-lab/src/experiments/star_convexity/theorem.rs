//! Theorem 1: how likely a line of a planted problem is convex.

use super::PAPER;
use super::planted_line::{LineEnd, Planting, line};
use super::rare_event::log_probability;
use crate::experiment::{About, Agreement, Bench, Check, Experiment, Findings, Moments, PowerLaw, Scale, seed_of};
use crate::figure::{Axis, Curve, CurveGroup, Curves, Fact, Figure, Kind, Tone};
use rand_distr::{Distribution, StandardUniform};
use serde::{Deserialize, Serialize};
use thalweg::Error;
use thalweg::data::{Law, planted_factors, stream};
use thalweg::geometry::share_interval;

/// The experiment.
pub struct Theorem;

/// One estimate of P(ℓ″ < 0 somewhere on the line).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trial {
    /// By drawing lines; each entry is observed with probability `density`.
    Direct { planting: Planting, end: LineEnd, density: f64, samples: u64, part: u64 },
    /// By subset simulation.
    Rare { planting: Planting, end: LineEnd, particles: usize, replicate: u64 },
}

/// What it gave.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Lines that are not convex on [0, 1] and on R, of all of `alpha`, which is per entry of X scaled to variance 1.
    Direct { on_segment: u64, everywhere: u64, alpha: Moments },
    /// ln P; none below the estimator's reach.
    Rare { log_probability: Option<f64> },
}

/// r = ⌈n^γ⌉, γ being this.
const GAMMAS: [f64; 3] = [0.0, 0.5, 1.0];
/// Whose statements the checks compare with.
const BOUND: &str = "theorem 1, as a bound";
const SIGNED: &str = "corrected Fact 10";
const ENDS: [LineEnd; 2] = [LineEnd::Random, LineEnd::Planted];
const DENSITIES: [f64; 5] = [0.5, 0.2, 0.1, 0.05, 0.02];
const OTHER_LAWS: [Law; 5] = [Law::Uniform, Law::Exponential, Law::LogNormal, Law::Pareto, Law::Gaussian];

fn square(law: Law, n: usize, gamma: f64) -> Planting {
    let rank = if gamma == 0.0 { 1 } else { (n as f64).powf(gamma).ceil() as usize };
    Planting { law, rows: n, cols: n, rank }
}

/// Sizes, samples and particles of a scale.
struct Plan {
    direct: &'static [usize],
    samples: u64,
    parts: u64,
    rare: &'static [usize],
    /// Largest n·r of a rare event.
    largest: usize,
    particles: usize,
    replicates: u64,
}

fn plan(scale: Scale) -> Plan {
    match scale {
        Scale::Smoke => Plan { direct: &[4, 8], samples: 300, parts: 1, rare: &[4, 6, 8], largest: 32, particles: 100, replicates: 2 },
        Scale::Reduced => {
            Plan { direct: &[4, 8, 16, 32], samples: 3_000, parts: 6, rare: &[4, 6, 8, 12, 16, 24], largest: 260, particles: 300, replicates: 3 }
        }
        Scale::Full => {
            let (direct, rare) = (&[4, 8, 16, 32, 64], &[4, 6, 8, 12, 16, 24, 32, 48]);
            Plan { direct, samples: 20_000, parts: 10, rare, largest: 600, particles: 1000, replicates: 3 }
        }
    }
}

impl Experiment for Theorem {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "theorem1",
            title: "How likely a line of a planted problem is convex (theorem 1)",
            claim: "For non-negative factors with independent entries and r = n^γ, the line from a random point to another one, or to the planted \
                    solution, is convex with probability at least 1 − c₁ exp(−c₂ n^(1/3)).",
            version: 1,
        }
    }

    fn trials(&self, scale: Scale, _: &Bench) -> Vec<Trial> {
        let Plan { direct, samples, parts, rare, largest, particles, replicates } = plan(scale);
        let mut trials = Vec::new();
        // larger problems need fewer lines for the same error of α, and their failures are not seen anyway
        let mut draw = |planting: Planting, end, density| {
            let samples = if planting.rows > 16 { samples / 10 } else { samples };
            trials.extend((0..parts).map(|part| Trial::Direct { planting, end, density, samples, part }));
        };
        for &n in direct {
            for end in ENDS {
                GAMMAS.iter().for_each(|&gamma| draw(square(Law::HalfNormal, n, gamma), end, 1.0));
                OTHER_LAWS.iter().for_each(|&law| draw(square(law, n, 0.5), end, 1.0));
            }
            if n >= 16 {
                DENSITIES.iter().for_each(|&density| draw(square(Law::HalfNormal, n, 0.5), LineEnd::Planted, density));
            }
        }
        for (gamma, end) in GAMMAS.into_iter().flat_map(|gamma| ENDS.map(|end| (gamma, end))) {
            let plantings = rare.iter().map(|&n| square(Law::HalfNormal, n, gamma)).filter(|p| p.rows * p.rank <= largest);
            trials.extend(plantings.flat_map(|planting| (0..replicates).map(move |replicate| Trial::Rare { planting, end, particles, replicate })));
        }
        trials
    }

    fn run(&self, trial: &Trial, _: &Bench) -> Result<Outcome, Error> {
        let seed = seed_of(trial);
        match *trial {
            Trial::Direct { planting, end, density, samples, .. } => {
                let (mut on_segment, mut everywhere, mut alpha) = (0, 0, Moments::default());
                for sample in 0..samples {
                    let (least, least_anywhere) = drawn_line(&planting, end, density, seed, sample)?;
                    on_segment += u64::from(least < 0.0);
                    everywhere += u64::from(least_anywhere < 0.0);
                    alpha = alpha.merge(Moments::of([least / planting.unit() / density]));
                }
                Ok(Outcome::Direct { on_segment, everywhere, alpha })
            }
            Trial::Rare { planting, end, particles, .. } => {
                let pair = planting.normals();
                let least = |z: &[f64]| {
                    let (start, last) = (planting.factors(&z[..pair]), planting.factors(&z[pair..2 * pair]));
                    let target = (end == LineEnd::Random).then(|| planting.factors(&z[2 * pair..]));
                    line(&start, &last, target.as_ref(), None).least().0 / planting.unit()
                };
                let dim = pair * if end == LineEnd::Random { 3 } else { 2 };
                Ok(Outcome::Rare { log_probability: log_probability(&least, dim, particles, seed) })
            }
        }
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let rates = rates(done);
        findings.figures.push(rate_figure(&rates, done));
        findings.figures.extend([law_figure(done), mask_figure(done)].into_iter().flatten());
        findings.checks.extend(rates.iter().filter_map(Rate::check));
        findings.checks.extend(limits(done));
        findings.checks.extend(signed(done));
        let fits: Vec<String> = rates
            .iter()
            .filter_map(|rate| {
                let fit = rate.fit()?;
                Some(format!("γ = {}, {}: n^{:.2} ± {:.2}", rate.gamma, rate.end.name(), fit.exponent, fit.exponent_error))
            })
            .collect();
        let all_hold = |source: &str| {
            let mut of = findings.checks.iter().filter(|check| check.source == source).peekable();
            of.peek().is_some() && of.all(|check| check.agreement == Agreement::Holds)
        };
        findings.verdict = if all_hold(BOUND) {
            vec![format!(
                "Lines that are not convex become rare faster than the theorem's bound says: −ln P(not convex) grows as {}.",
                fits.join("; ")
            )]
        } else if fits.is_empty() {
            vec!["Too few sizes to tell how fast lines that are not convex become rare.".into()]
        } else {
            vec![format!("Not every rate is clearly above the theorem's n^(1/3): −ln P(not convex) grows as {}.", fits.join("; "))]
        };
        if all_hold(SIGNED) {
            findings.verdict.push(
                "The bound needs a mean above zero: with signed factors of mean zero half of all lines to the planted solution are not convex, at \
                 every size. The paper's proof loses this case through the sign of Fact 10; the theorem stands for non-negative factors because of \
                 the mean term that the proof drops."
                    .into(),
            );
        }
        findings
    }
}

/// The least curvature of one drawn line on [0, 1] and on R.
fn drawn_line(planting: &Planting, end: LineEnd, density: f64, seed: u64, sample: u64) -> Result<(f64, f64), Error> {
    let draw = |which: u64| planted_factors(planting.law, (planting.rows, planting.cols), planting.rank, seed, 4 * sample + which);
    let target = if end == LineEnd::Random { Some(draw(2)?) } else { None };
    let mask: Option<Vec<bool>> = (density < 1.0).then(|| {
        let uniform = StandardUniform.sample_iter(stream(seed, 4 * sample + 3));
        uniform.map(|u: f64| u < density).take(planting.rows * planting.cols).collect()
    });
    Ok(line(&draw(0)?, &draw(1)?, target.as_ref(), mask.as_deref()).least())
}

/// How −ln P grows with n for one γ and one kind of end.
struct Rate {
    gamma: f64,
    end: LineEnd,
    /// (n, −ln P, its standard error) by subset simulation.
    points: Vec<(f64, f64, f64)>,
}

impl Rate {
    fn fit(&self) -> Option<PowerLaw> {
        PowerLaw::fit(&self.points)
    }

    fn check(&self) -> Option<Check> {
        let fit = self.fit()?;
        let what = format!("q in −ln P = d + c n^q, γ = {}, {}: at least", self.gamma, self.end.name());
        Some(Check::at_least(what, BOUND, 1.0 / 3.0, fit.exponent, 2.0 * fit.exponent_error))
    }
}

fn rates(done: &[(Trial, Outcome)]) -> Vec<Rate> {
    let of = |gamma: f64, end: LineEnd| {
        let mut sizes: Vec<(usize, Vec<f64>)> = Vec::new();
        for (trial, outcome) in done {
            if let (Trial::Rare { planting, end: e, .. }, Outcome::Rare { log_probability: Some(log_p) }) = (trial, outcome)
                && (*e, *planting) == (end, square(Law::HalfNormal, planting.rows, gamma))
            {
                match sizes.iter_mut().find(|(n, _)| *n == planting.rows) {
                    Some((_, values)) => values.push(-log_p),
                    None => sizes.push((planting.rows, vec![-log_p])),
                }
            }
        }
        let point = |(n, values): (usize, Vec<f64>)| {
            let moments = Moments::of(values);
            // three replicates tell little of their spread: pooled, it grows with the levels passed
            (n as f64, moments.mean, (moments.squares / moments.count).sqrt().max(0.03 * moments.mean).max(0.1) / moments.count.sqrt())
        };
        Rate { gamma, end, points: sizes.into_iter().map(point).collect() }
    };
    GAMMAS.into_iter().flat_map(|gamma| ENDS.map(|end| of(gamma, end))).collect()
}

/// Lines, lines that are not convex on [0, 1], and α, of each (planting, end, density).
type Drawn = (Planting, LineEnd, f64, u64, Moments);

fn drawn(done: &[(Trial, Outcome)]) -> Vec<Drawn> {
    let mut all: Vec<Drawn> = Vec::new();
    for (trial, outcome) in done {
        if let (Trial::Direct { planting, end, density, .. }, Outcome::Direct { on_segment, alpha, .. }) = (trial, outcome) {
            match all.iter_mut().find(|d| (d.0, d.1, d.2) == (*planting, *end, *density)) {
                Some((.., failed, moments)) => {
                    *failed += on_segment;
                    *moments = moments.merge(*alpha);
                }
                None => all.push((*planting, *end, *density, *on_segment, *alpha)),
            }
        }
    }
    all
}

/// A share of lines with its 95 % interval.
fn share(failed: u64, count: f64) -> (f64, (f64, f64)) {
    let p = failed as f64 / count;
    (p, share_interval(p, count as usize).expect("lines were drawn"))
}

/// The mean of α at the largest size against its limits.
fn limits(done: &[(Trial, Outcome)]) -> Vec<Check> {
    let all = drawn(done);
    let limit = |law: Law, end| match end {
        LineEnd::Random => 2.0,
        LineEnd::Planted => 4.0 * law.mean().powi(2) / (law.variance() + 2.0 * law.mean().powi(2)),
    };
    let largest = all.iter().map(|d| d.0.rows).max().unwrap_or(0);
    let at_largest = all.iter().filter(|d| d.2 == 1.0 && d.0 == square(d.0.law, largest, 0.5));
    let heavy = |law: Law| matches!(law, Law::LogNormal | Law::Pareto);
    at_largest
        .filter(|d| !heavy(d.0.law))
        .map(|&(planting, end, _, _, alpha)| {
            let what = format!("mean of α, {}, {}, n = {largest}", planting.law.name(), end.name());
            // the limit is approached as 1/n
            Check::within(what, "the limit for large n", limit(planting.law, end), alpha.mean, 4.0 * alpha.standard_error() + 4.0 / largest as f64)
        })
        .collect()
}

/// Signed factors on planted lines: the experiment that refutes Fact 10.
fn signed(done: &[(Trial, Outcome)]) -> Vec<Check> {
    let lines = drawn(done).into_iter().filter(|d| d.0.law == Law::Gaussian && d.1 == LineEnd::Planted && d.0.rows >= 16);
    lines
        .map(|(planting, _, _, failed, alpha)| {
            let what = format!("share of planted lines that are not convex, signed factors, n = {}", planting.rows);
            Check::within(what, SIGNED, 0.5, failed as f64 / alpha.count, 4.0 * 0.5 / alpha.count.sqrt() + 0.05)
        })
        .collect()
}

fn rate_figure(rates: &[Rate], done: &[(Trial, Outcome)]) -> Figure {
    let curve = |rate: &Rate| {
        let fit = rate.fit();
        let facts = fit.map_or_else(Vec::new, |fit| vec![Fact::new("exponent q", fit.exponent), Fact::new("± s.e.", fit.exponent_error)]);
        let points = rate.points.iter().map(|&(n, y, _)| (n, y)).collect();
        let band = rate.points.iter().map(|&(_, y, error)| (y - 2.0 * error, y + 2.0 * error)).collect();
        Curve { facts, band, ..Curve::new(format!("γ = {}, {}", rate.gamma, rate.end.name()), points) }
    };
    let of = |end| rates.iter().filter(|rate| rate.end == end && !rate.points.is_empty()).map(curve).collect();
    let all = drawn(done);
    let seen = |gamma: f64, end: LineEnd| {
        let here = all.iter().filter(|d| d.1 == end && d.2 == 1.0 && d.3 > 0 && d.0 == square(Law::HalfNormal, d.0.rows, gamma));
        let (mut points, mut band) = (Vec::new(), Vec::new());
        for d in here {
            let (p, (low, high)) = share(d.3, d.4.count);
            points.push((d.0.rows as f64, -p.ln()));
            band.push((-high.ln(), -low.ln()));
        }
        Curve { band, ..Curve::new(format!("γ = {gamma}, {}, counted", end.name()), points) }
    };
    let counted = GAMMAS.into_iter().flat_map(|gamma| ENDS.map(|end| seen(gamma, end))).filter(|c| !c.points.is_empty()).collect();
    Figure {
        id: "rate".into(),
        title: "How fast lines that are not convex become rare".into(),
        caption: "−ln P(not convex on the segment) against n for n×n problems of rank ⌈n^γ⌉, half-normal factors; by subset simulation, and \
                  by counting where failures are seen. Bands are two standard errors."
            .into(),
        alt: "Line chart of minus log probability against n, growing faster than n to the power one third.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::log("n"),
            y: Axis::log("−ln P"),
            groups: vec![
                CurveGroup { label: "counted".into(), tone: Tone::Open, curves: counted },
                CurveGroup { label: LineEnd::Random.name().into(), tone: Tone::Quiet, curves: of(LineEnd::Random) },
                CurveGroup { label: LineEnd::Planted.name().into(), tone: Tone::Lead, curves: of(LineEnd::Planted) },
            ],
            levels: Vec::new(),
        }),
    }
}

/// P against something, one curve a label.
fn share_curves(lines: impl Iterator<Item = (String, f64, Drawn)>) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for (label, x, d) in lines {
        let (p, interval) = share(d.3, d.4.count);
        if !curves.iter().any(|c| c.label == label) {
            curves.push(Curve::new(label.clone(), Vec::new()));
        }
        if let Some(curve) = curves.iter_mut().find(|c| c.label == label) {
            curve.points.push((x, p));
            curve.band.push(interval);
        }
    }
    curves
}

fn law_figure(done: &[(Trial, Outcome)]) -> Option<Figure> {
    let lines = drawn(done).into_iter().filter(|d| d.1 == LineEnd::Planted && d.2 == 1.0 && d.0 == square(d.0.law, d.0.rows, 0.5));
    let (signed, rest): (Vec<_>, Vec<_>) = lines.map(|d| (d.0.law.name(), d.0.rows as f64, d)).partition(|(_, _, d)| d.0.law == Law::Gaussian);
    let (curves, against) = (share_curves(rest.into_iter()), share_curves(signed.into_iter()));
    (!curves.is_empty()).then(|| Figure {
        id: "laws".into(),
        title: "The law of the entries decides".into(),
        caption: "Share of planted lines that are not convex, r = ⌈√n⌉, with 95 % intervals.".into(),
        alt: "Line chart of the share of lines that are not convex against n by law; near one half for signed factors.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::log("n"),
            y: Axis::linear("P(not convex)").including([0.0]),
            groups: vec![
                CurveGroup { label: "mean above zero".into(), tone: Tone::Lead, curves },
                CurveGroup { label: "mean zero".into(), tone: Tone::Against, curves: against },
            ],
            levels: Vec::new(),
        }),
    })
}

fn mask_figure(done: &[(Trial, Outcome)]) -> Option<Figure> {
    let wanted = |d: &Drawn| d.1 == LineEnd::Planted && d.0 == square(Law::HalfNormal, d.0.rows, 0.5) && d.0.rows >= 16;
    let curves = share_curves(drawn(done).into_iter().filter(wanted).map(|d| (format!("n = {}", d.0.rows), d.2, d)));
    (!curves.is_empty()).then(|| Figure {
        id: "masks".into(),
        title: "Observing fewer entries".into(),
        caption: "Share of planted lines that are not convex when each entry is observed with probability p, half-normal factors, r = ⌈√n⌉.".into(),
        alt: "Line chart of the share of lines that are not convex against the density of observed entries, by size.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::log("p, share of entries observed"),
            y: Axis::linear("P(not convex)").including([0.0]),
            groups: vec![CurveGroup { label: "random to planted".into(), tone: Tone::Lead, curves }],
            levels: Vec::new(),
        }),
    })
}
