//! From any solution to the flat one along the solutions: the factored problem against its convex form (theorem 3.1), and how fast.

use super::PAPER;
use super::manifold::{Descent, Solutions};
use super::nearness::Nearness;
use super::planted::{Planted, distance};
use super::surface::FactorSurface;
use crate::experiment::{About, Bench, Check, Experiment, Findings, Moments, Scale, seed_of};
use crate::figure::{Axis, Curve, CurveGroup, Curves, Fact, Figure, Kind, Tone};
use serde::{Deserialize, Serialize};
use thalweg::Error;
use thalweg::geometry::flattest_factors;
use thalweg::map::Ensemble;
use thalweg::problem::{Factored, Norm};

/// The experiment.
pub struct AlongSolutions;

const SIDE: usize = 15;
const RANK: usize = 2;
const STEPS: usize = 400;
/// Relative gap at which a descent has reached the flat solution.
const REACHED: f64 = 1e-6;

/// One start on the solutions of one instance, in factors of so many columns; numbers 2j and 2j + 1 have the same instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trial {
    measurements: usize,
    width: usize,
    number: u64,
}

/// Where a descent stood.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Station {
    step: usize,
    /// Scaled trace over the least one, less 1.
    gap: f64,
    /// ‖X − X_flat‖_F.
    distance: f64,
}

/// How it went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    stations: Vec<Station>,
    /// [`Descent::slope`] at the last, where there is one.
    slope: Option<f64>,
    /// Distance of the convex flat solution from the truth (norm 1).
    error: f64,
    /// Rank of the convex flat solution.
    rank: usize,
    /// Whether factors of this width that fit were found at all.
    is_feasible: bool,
}

impl Outcome {
    fn last(&self) -> Option<&Station> {
        self.stations.last()
    }

    fn reached(&self) -> bool {
        self.last().is_some_and(|last| last.gap <= REACHED)
    }
}

impl Experiment for AlongSolutions {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "descent",
            title: "Down the scaled trace along the solutions (theorem 3.1, and beyond)",
            claim: "The flat minima of the factored problem (3.5) are the solutions of a convex one (3.6), if factors are wide enough (theorem 3.1). The paper does \
                    not say whether descending the scaled trace among the solutions leads there, whether there are local flat minima, or how near to the truth a \
                    nearly flat solution is.",
            version: 3,
        }
    }

    fn trials(&self, scale: Scale, _: &Bench) -> Vec<Trial> {
        let (counts, widths, starts): (&[usize], &[usize], u64) = match scale {
            Scale::Smoke => (&[120], &[15], 1),
            Scale::Reduced => (&[75, 120], &[3, 8, 15], 4),
            Scale::Full => (&[60, 75, 90, 120, 150], &[3, 5, 8, 12, 15], 10),
        };
        let of_count = |measurements| widths.iter().flat_map(move |&width| (0..starts).map(move |number| Trial { measurements, width, number }));
        counts.iter().flat_map(|&measurements| of_count(measurements)).collect()
    }

    fn run(&self, trial: &Trial, _: &Bench) -> Result<Outcome, Error> {
        let shape = (SIDE, SIDE);
        // two starts on the solutions of one instance
        let seed = seed_of(&(trial.measurements, trial.number / 2));
        let rate = trial.measurements as f64 / SIDE as f64;
        let planted = Planted::draw(Ensemble::Sensing, shape, RANK, rate, (seed, 0))?.expect("measurements are Gaussian");
        let flat = planted.minimiser(Norm::Flat)?;
        let least = flattest_factors(&*planted.map, &flat.x, SIDE)?.expect("Gaussian maps see every direction").scaled_trace;
        let problem = Factored::new(&*planted.map, &planted.b, trial.width, false)?;
        let mut outcome =
            Outcome { stations: Vec::new(), slope: None, error: distance(&flat.x, &planted.truth), rank: flat.rank, is_feasible: false };
        let surface = FactorSurface::of(&problem);
        let solutions = Solutions::of(&surface);
        let Some(start) = solutions.random(seed_of(trial)) else { return Ok(outcome) };
        outcome.is_feasible = true;
        let mut descent = Descent::from(&solutions, start);
        let station = |descent: &Descent<'_>, step| Station {
            step,
            gap: descent.scaled_trace() / least - 1.0,
            distance: distance(&descent.product(), &flat.x),
        };
        let mut step = 0;
        loop {
            if step < 20 || step % 10 == 0 {
                outcome.stations.push(station(&descent, step));
            }
            if step == STEPS || !descent.step() {
                break;
            }
            step += 1;
        }
        outcome.stations.push(station(&descent, step));
        outcome.slope = descent.slope();
        Ok(outcome)
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let wide = |(trial, outcome): &&(Trial, Outcome)| outcome.is_feasible && trial.width >= outcome.rank;
        let reached = |(_, outcome): &&(Trial, Outcome)| outcome.reached();
        let enough: Vec<&(Trial, Outcome)> = done.iter().filter(wide).collect();
        let narrow: Vec<&(Trial, Outcome)> = done.iter().filter(|d| d.1.is_feasible && !wide(d)).collect();
        let least = |all: &[&(Trial, Outcome)]| all.iter().flat_map(|(_, o)| o.stations.iter().map(|s| s.gap)).fold(f64::INFINITY, f64::min);
        if !enough.is_empty() {
            let count = enough.iter().copied().filter(|d| reached(d)).count();
            findings.checks.push(Check::within(
                "descents in factors as wide as the flat solution's rank that reach its scaled trace",
                "theorem 3.1 and an earlier implementation: all",
                enough.len() as f64,
                count as f64,
                0.1 * enough.len() as f64,
            ));
            findings.verdict.push(format!(
                "{count} of {} descents from random solutions, in factors at least as wide as the rank of the convex flat solution, end at its scaled trace to \
                 {REACHED:.0e}; they began at {:.1} times it, on average.",
                enough.len(),
                1.0 + Moments::of(enough.iter().map(|(_, o)| o.stations[0].gap)).mean
            ));
        }
        let all: Vec<&(Trial, Outcome)> = done.iter().filter(|d| d.1.is_feasible).collect();
        if !all.is_empty() {
            findings.checks.push(Check::at_least(
                "least gap of any solution met on the way",
                "theorem 3.1: none is below the convex value",
                0.0,
                least(&all),
                -1e-7,
            ));
        }
        if !narrow.is_empty() {
            let count = narrow.iter().copied().filter(|d| reached(d)).count();
            findings.verdict.push(format!(
                "In narrower factors {count} of {} do: there the rank bound of (3.6) is felt, and the convex problem is a relaxation.",
                narrow.len()
            ));
        }
        let infeasible = done.len() - all.len();
        if infeasible > 0 {
            findings.verdict.push(format!("{infeasible} starts found no factors of their width that fit, and were left out."));
        }
        findings.verdict.extend(local_minima(done));
        let recovered = enough.iter().filter(|d| d.1.error <= REACHED && d.1.reached());
        let paths: Vec<Vec<(f64, f64)>> = recovered.map(|(_, o)| o.stations.iter().map(|s| (s.gap, s.distance)).collect()).collect();
        if let Some(nearness) = Nearness::of(&paths) {
            findings.checks.push(nearness.check());
            findings.verdict.push(nearness.sentence());
        }
        findings.figures = vec![picture(done), near(done)];
        findings
    }
}

/// [`Descent::slope`] at which a point counts as stationary, and a difference of gaps that tells two of them apart.
const STATIONARY: f64 = 1e-5;
const APART: f64 = 1e-4;

/// Whether two starts on the solutions of one instance, in factors of one width, come to rest at the same scaled trace.
fn local_minima(done: &[(Trial, Outcome)]) -> Option<String> {
    let rests: Vec<(&Trial, &Outcome, f64)> =
        done.iter().filter(|(_, o)| o.slope.is_some_and(|slope| slope <= STATIONARY)).filter_map(|(t, o)| Some((t, o, o.last()?.gap))).collect();
    let is_pair = |a: &Trial, b: &Trial| (a.measurements, a.width, a.number / 2, a.number + 1) == (b.measurements, b.width, b.number / 2, b.number);
    let pairs = |wide: bool| {
        let of_width = move |(trial, outcome, _): &&(&Trial, &Outcome, f64)| (trial.width >= outcome.rank) == wide;
        let found = rests.iter().filter(of_width).flat_map(|a| rests.iter().filter(move |b| is_pair(a.0, b.0)).map(move |b| (a.2 - b.2).abs()));
        found.collect::<Vec<f64>>()
    };
    let said = |pairs: &[f64]| format!("{} of {} pairs", pairs.iter().filter(|apart| **apart > APART).count(), pairs.len());
    let (wide, narrow) = (pairs(true), pairs(false));
    (!wide.is_empty()).then(|| {
        format!(
            "Local flat minima: two starts on the solutions of one instance come to rest at scaled traces more than {APART:.0e} apart in {} in factors wide enough, in {} in narrower \
             ones.",
            said(&wide),
            said(&narrow)
        )
    })
}

fn near(done: &[(Trial, Outcome)]) -> Figure {
    let group = |label: &str, tone, wanted: &dyn Fn(&Outcome) -> bool| {
        let curve = |(trial, outcome): &(Trial, Outcome)| {
            let points = outcome.stations.iter().map(|s| (s.gap.max(1e-14), s.distance.max(1e-16))).collect();
            Curve::new(format!("m = {}, k = {}, start {}", trial.measurements, trial.width, trial.number), points)
        };
        let curves = done.iter().filter(|(t, o)| o.is_feasible && t.width >= o.rank && wanted(o)).map(curve).collect();
        CurveGroup { label: label.into(), tone, curves }
    };
    Figure {
        id: "near".into(),
        title: "How near the flat solution a nearly flat one is".into(),
        caption: "Distance of the product from that of the flat solution over the excess of the scaled trace, along descents in factors that are wide enough.".into(),
        alt: "Lines of slope one where the flat solution is the truth, shallower ones elsewhere.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::log("excess of the scaled trace"),
            y: Axis::log("distance from the flat solution"),
            groups: vec![
                group("the flat solution is not the truth", Tone::Quiet, &|o| o.error > REACHED),
                group("the flat solution is the truth", Tone::Lead, &|o| o.error <= REACHED),
            ],
            levels: Vec::new(),
        }),
    }
}

fn picture(done: &[(Trial, Outcome)]) -> Figure {
    let group = |label: &str, tone, wanted: &dyn Fn(&Trial, &Outcome) -> bool| {
        let curve = |(trial, outcome): &(Trial, Outcome)| {
            let facts = vec![
                Fact::new("measurements", trial.measurements),
                Fact::new("columns", trial.width),
                Fact::new("rank of the flat solution", outcome.rank),
                Fact::new("distance to the flat solution", outcome.last().map(|last| last.distance)),
                Fact::new("its distance to the truth", outcome.error),
            ];
            let points = outcome.stations.iter().map(|s| (s.step as f64, s.gap.max(1e-14))).collect();
            Curve { facts, ..Curve::new(format!("m = {}, k = {}, start {}", trial.measurements, trial.width, trial.number), points) }
        };
        let curves = done.iter().filter(|(t, o)| o.is_feasible && wanted(t, o)).map(curve).collect();
        CurveGroup { label: label.into(), tone, curves }
    };
    Figure {
        id: "gap".into(),
        title: "Scaled trace above the least, along the solutions".into(),
        caption: "Riemannian gradient steps of the scaled trace on {A(UVᵀ) = b} from random solutions: (scaled trace of the point) / (that of the convex flat \
                  solution) − 1."
            .into(),
        alt: "Curves that fall to rounding for wide factors, and stop above it for narrow ones.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::linear("step"),
            y: Axis::log("gap"),
            groups: vec![
                group("narrower than the flat solution", Tone::Against, &|t, o| t.width < o.rank),
                group("wide enough", Tone::Lead, &|t, o| t.width >= o.rank),
            ],
            levels: Vec::new(),
        }),
    }
}
