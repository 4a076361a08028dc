//! Does training get to the flat solution by itself? Label noise, sharpness-aware steps, and small starts. Beyond the paper.

use super::PAPER;
use super::manifold::Solutions;
use super::planted::{Planted, distance};
use super::routes::{ROUTES, Route, Travel};
use super::surface::{FactorSurface, Surface};
use crate::experiment::{About, Bench, Check, Experiment, Findings, Moments, Scale, seed_of};
use crate::figure::{Axis, Curve, CurveGroup, Curves, Fact, Figure, Kind, Tone};
use serde::{Deserialize, Serialize};
use thalweg::Error;
use thalweg::geometry::{flattest_factors, student_quantile};
use thalweg::map::Ensemble;
use thalweg::problem::{Factored, Norm};

/// The experiment.
pub struct Dynamics;

const SIDE: usize = 12;
const RANK: usize = 2;
const MEASUREMENTS: usize = 96;
/// Steps after which a run is looked at: 0, and then in powers of two times this.
const FIRST_LOOK: usize = 125;
/// Excess of the scaled trace at which a run counts as flat.
const NEARLY: f64 = 0.1;

/// One route from one random solution of one instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trial {
    route: Route,
    doublings: u32,
    number: u64,
}

/// Of the solution nearest to the point at some step.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Look {
    step: usize,
    /// Scaled trace over the least one, less 1.
    gap: f64,
    /// ‖UVᵀ − M‖_F, M of norm 1.
    error: f64,
}

/// What was seen; looks at which no solution is near are left out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    looks: Vec<Look>,
    /// Distance of the flat solution from the truth.
    flat_error: f64,
}

impl Experiment for Dynamics {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "dynamics",
            title: "Does training find the flat solution by itself? (beyond the paper)",
            claim: "The paper studies flat minima because training methods are said to prefer them; it does not say which of them get there. Label noise and sharpness-aware \
                    steps on one measurement at a time penalise the trace of the Hessian to first order, sharpness-aware steps on all measurements its largest \
                    eigenvalue, and small starts favour small norms.",
            version: 2,
        }
    }

    fn trials(&self, scale: Scale, _: &Bench) -> Vec<Trial> {
        let (runs, doublings) = match scale {
            Scale::Smoke => (2, 3),
            Scale::Reduced => (4, 9),
            Scale::Full => (10, 11),
        };
        // the longest first, so that threads end together
        ROUTES.into_iter().flat_map(|route| (0..runs).map(move |number| Trial { route, doublings, number })).collect()
    }

    fn run(&self, trial: &Trial, _: &Bench) -> Result<Outcome, Error> {
        let shape = (SIDE, SIDE);
        // every route begins at the same solution
        let seed = seed_of(&("dynamics", trial.number));
        let rate = MEASUREMENTS as f64 / SIDE as f64;
        let planted = Planted::draw(Ensemble::Sensing, shape, RANK, rate, (seed, 0))?.expect("measurements are Gaussian");
        let flat = planted.minimiser(Norm::Flat)?.x;
        let least = flattest_factors(&*planted.map, &flat, SIDE)?.expect("Gaussian maps see every direction").scaled_trace;
        let away = |x: &[f64]| distance(x, &planted.truth);
        let problem = Factored::new(&*planted.map, &planted.b, SIDE, false)?;
        let surface = FactorSurface::of(&problem);
        let solutions = Solutions::of(&surface);
        let mut outcome = Outcome { looks: Vec::new(), flat_error: away(&flat) };
        let Some(start) = solutions.random(seed) else { return Ok(outcome) };
        let mut travel = Travel::from(&problem, trial.route, start, seed).expect("Gaussian measurements are dense");
        let mut step = 0;
        for look in std::iter::once(0).chain((0..=trial.doublings).map(|k| FIRST_LOOK << k)) {
            while step < look {
                travel.advance();
                step += 1;
            }
            let solution = solutions.near(travel.point().to_vec());
            outcome.looks.extend(solution.map(|x| Look { step, gap: surface.scaled_trace(&x) / least - 1.0, error: away(&surface.product(&x)) }));
        }
        Ok(outcome)
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        for route in ROUTES {
            let family = Family { route, done: done.iter().filter(|(trial, _)| trial.route == route).collect() };
            findings.verdict.extend(family.sentence());
            findings.checks.extend(family.check());
        }
        findings.figures = vec![
            picture(done, "gap", "Excess of the scaled trace over the steps", "excess of the scaled trace", |look| look.gap),
            picture(done, "error", "Distance from the truth over the steps", "distance from the truth", |look| look.error),
        ];
        findings
    }
}

/// All runs of one route.
struct Family<'a> {
    route: Route,
    done: Vec<&'a (Trial, Outcome)>,
}

/// A mean of logarithms over runs, back from them, with the ends of its 95 % interval.
struct Typical {
    middle: f64,
    ends: (f64, f64),
}

impl Typical {
    /// None of fewer than two runs.
    fn of(values: impl Iterator<Item = f64>) -> Option<Typical> {
        let logs = Moments::of(values.map(|x| x.max(1e-16).ln()));
        let half = student_quantile((logs.count as usize).checked_sub(1).filter(|freedom| *freedom > 0)?) * logs.standard_error();
        Some(Typical { middle: logs.mean.exp(), ends: ((logs.mean - half).exp(), (logs.mean + half).exp()) })
    }
}

impl Family<'_> {
    fn last(&self) -> impl Iterator<Item = &Look> {
        self.done.iter().filter_map(|(_, outcome)| outcome.looks.last())
    }

    fn sentence(&self) -> Option<String> {
        let (gap, error) = (Typical::of(self.last().map(|look| look.gap))?, Typical::of(self.last().map(|look| look.error))?);
        let step = self.last().map(|look| look.step).max()?;
        Some(format!(
            "{}: after {step} steps the scaled trace is {:.2e} above the least (95 % of the typical run: {:.1e} to {:.1e}), the distance from the truth {:.2e} ({:.1e} to {:.1e}).",
            self.route.name(),
            gap.middle,
            gap.ends.0,
            gap.ends.1,
            error.middle,
            error.ends.0,
            error.ends.1
        ))
    }

    /// What an earlier implementation saw: the trace falls towards its least under label noise and steps on one measurement, and not under the others.
    fn check(&self) -> Option<Check> {
        let gap = Typical::of(self.last().map(|look| look.gap))?;
        let (what, found) = match self.route {
            Route::LabelNoise | Route::SharpnessOfOne => ("falls below", NEARLY - gap.ends.1),
            Route::SharpnessOfAll => ("stays above", gap.ends.0 - NEARLY),
            Route::SmallStart => return None,
        };
        let what = format!("{}: the excess of the scaled trace {what} {NEARLY}, by", self.route.name());
        Some(Check::at_least(what, "an earlier implementation", 0.0, found, 0.0))
    }
}

fn picture(done: &[(Trial, Outcome)], id: &str, title: &str, label: &str, value: fn(&Look) -> f64) -> Figure {
    let tone = |route: Route| match route {
        Route::LabelNoise => Tone::Lead,
        Route::SharpnessOfOne => Tone::Open,
        Route::SharpnessOfAll => Tone::Against,
        Route::SmallStart => Tone::Quiet,
    };
    let group = |route: Route| {
        let curve = |(trial, outcome): &(Trial, Outcome)| {
            let points = outcome.looks.iter().map(|look| (look.step.max(FIRST_LOOK / 2) as f64, value(look).max(1e-14))).collect();
            Curve {
                facts: vec![Fact::new("error of the flat solution", outcome.flat_error)],
                ..Curve::new(format!("{}, run {}", route.name(), trial.number), points)
            }
        };
        CurveGroup { label: route.name().into(), tone: tone(route), curves: done.iter().filter(|(t, _)| t.route == route).map(curve).collect() }
    };
    Figure {
        id: id.into(),
        title: title.into(),
        caption: format!(
            "Of the solution nearest to the iterate; {SIDE}×{SIDE}, rank {RANK}, {MEASUREMENTS} Gaussian measurements, all routes but the small start from the same random \
             solutions (drawn at step {})",
            FIRST_LOOK / 2
        ) + ".",
        alt: "Curves: label noise and steps on one measurement fall towards 0, steps on all measurements come to rest above.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::log("steps"),
            y: Axis::log(label),
            groups: ROUTES.into_iter().map(group).collect(),
            levels: Vec::new(),
        }),
    }
}
