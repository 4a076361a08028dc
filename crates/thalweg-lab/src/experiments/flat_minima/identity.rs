//! Figure 2: with every entry seen, norm-minimal, balanced and flat are the same.

use super::PAPER;
use crate::experiment::{About, Agreement, Bench, Check, Experiment, Findings, Scale};
use crate::figure::{Axis, Curve, CurveGroup, Figure, Grid, Kind, Tone};
use serde::{Deserialize, Serialize};
use thalweg::geometry::{balancedness, flatness};
use thalweg::map::{Sampling, identity};
use thalweg::problem::{Factored, Objective};
use thalweg::{Error, Factors};

/// The experiment.
pub struct Identity;

/// A point of the hyperbola lr = 1, to the right of 0.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trial {
    l: f64,
}

/// What is measured there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    trace: f64,
    scaled_trace: f64,
    imbalance: f64,
    norm_excess: f64,
}

/// Where the picture ends.
const REACH: f64 = 2.5;
const CELLS: usize = 50;

fn scalar() -> Result<Sampling, Error> {
    identity(1, 1)
}

impl Experiment for Identity {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "fig2",
            title: "Flat, balanced and norm-minimal for (lr − 1)² (figure 2)",
            claim: "If every entry is seen, the flat minima, the balanced ones and those of smallest norm are the same (section 2, lemma 2.2). For d = k = 1: \
                    of the hyperbola lr = 1, the points ±(1, 1).",
            version: 1,
        }
    }

    fn trials(&self, _: Scale, _: &Bench) -> Vec<Trial> {
        // powers of 2^(1/8), so that l = 1 and reciprocals are among them
        (-10..=10).map(|i: i32| Trial { l: 2f64.powf(f64::from(i) / 8.0) }).collect()
    }

    fn run(&self, trial: &Trial, _: &Bench) -> Result<Outcome, Error> {
        let map = scalar()?;
        let problem = Factored::new(&map, &[1.0], 1, false)?;
        let factors = Factors::new(1, 1, 1, vec![trial.l, 1.0 / trial.l])?;
        let flat = flatness(&problem, factors.as_slice()).expect("recovery has a closed form");
        let balance = balancedness(&factors).expect("the product is 1");
        Ok(Outcome { trace: flat.trace, scaled_trace: flat.scaled_trace, imbalance: balance.imbalance, norm_excess: balance.norm_excess })
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let least = |what: &str, value: &dyn Fn(&Outcome) -> f64| {
            let at = done.iter().min_by(|a, b| value(&a.1).total_cmp(&value(&b.1))).expect("some points are done");
            Check::within(format!("l at which the {what} is least on the hyperbola"), "lemma 2.2", 1.0, at.0.l, 0.0)
        };
        findings.checks = vec![
            least("scaled trace", &|o| o.scaled_trace),
            least("trace", &|o| o.trace),
            least("imbalance", &|o| o.imbalance),
            least("norm", &|o| o.norm_excess),
        ];
        let off = |value: &dyn Fn(&Trial, &Outcome) -> f64| done.iter().map(|(t, o)| value(t, o).abs()).fold(0.0, f64::max);
        findings.checks.push(Check::within(
            "largest difference between the trace and l² + r²",
            "lemma 2.1, for ½(lr − 1)²",
            0.0,
            off(&|t, o| o.trace - t.l * t.l - 1.0 / (t.l * t.l)),
            1e-12,
        ));
        findings.checks.push(Check::within(
            "largest difference between the norm excess and (l² + r²)/2 − 1",
            "its definition",
            0.0,
            off(&|t, o| o.norm_excess - (0.5 * (t.l * t.l + 1.0 / (t.l * t.l)) - 1.0)),
            1e-12,
        ));
        let holds = findings.checks.iter().all(|check| check.agreement == Agreement::Holds);
        findings.verdict = vec![match holds {
            true => "The three notions pick the same point of the hyperbola, (1, 1), and its mirror image.".into(),
            false => "The three notions do not agree to rounding: see the checks.".into(),
        }];
        findings.figures = vec![picture()];
        findings
    }
}

/// The loss on the square, the hyperbola, and the two flat points.
fn picture() -> Figure {
    let map = scalar().expect("one entry");
    let problem = Factored::new(&map, &[1.0], 1, false).expect("one measurement");
    let at = |i: usize| REACH * (2.0 * (i as f64 + 0.5) / CELLS as f64 - 1.0);
    let middles: Vec<f64> = (0..CELLS).map(at).collect();
    // ½(lr − 1)² is half of the paper's; below 10⁻³ everything is equally dark
    let depth = |l: f64, r: f64| (2.0 * problem.value(&[l, r])).max(1e-3).log10();
    let values = middles.iter().flat_map(|&r| middles.iter().map(move |&l| (l, r))).map(|(l, r)| depth(l, r)).collect();
    let branch = |sign: f64| -> Vec<(f64, f64)> {
        let steps = (0..=80).map(|i| (1.0 / REACH) * (REACH * REACH).powf(f64::from(i) / 80.0));
        steps.map(|l| (sign * l, sign / l)).collect()
    };
    let cross = |sign: f64| -> Vec<Curve> {
        let arm = |dx: f64, dy: f64| Curve::new("flat point", vec![(sign - dx, sign - dy), (sign + dx, sign + dy)]);
        vec![arm(0.12, 0.12), arm(0.12, -0.12)]
    };
    let hyperbola = [1.0, -1.0].map(|sign| Curve::new("lr = 1", branch(sign))).into();
    Figure {
        id: "hyperbola".into(),
        title: "(lr − 1)²: the solutions, and the flat ones".into(),
        caption:
            "log₁₀ of the loss, dark where it is small; the solutions lr = 1; the crosses are the flat minima ±(1, 1), which are the balanced ones \
                  and those of smallest norm."
                .into(),
        alt: "Shaded square with two branches of a hyperbola, each with a cross in its middle.".into(),
        kind: Kind::Grid(Grid {
            x: Axis::linear("l"),
            y: Axis::linear("r"),
            xs: middles.clone(),
            ys: middles,
            value_kind: "log₁₀ loss".into(),
            range: (1.7, -3.0),
            values,
            curves: vec![
                CurveGroup { label: "solutions".into(), tone: Tone::Open, curves: hyperbola },
                CurveGroup { label: "flat".into(), tone: Tone::Against, curves: [cross(1.0), cross(-1.0)].concat() },
            ],
        }),
    }
}
