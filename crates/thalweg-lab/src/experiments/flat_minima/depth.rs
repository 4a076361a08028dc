//! Figure 5: sparse recovery by the flat minima of diagonal networks, over their depth.

use super::PAPER;
use super::earlier::EARLIER;
use crate::experiment::{About, Bench, Check, Experiment, Findings, Moments, Scale, seed_of};
use crate::figure::{Axis, Curve, CurveGroup, Curves, Figure, Grid, Kind, Tone};
use serde::{Deserialize, Serialize};
use thalweg::Error;
use thalweg::certificate::certify_deep_sparse;
use thalweg::data::planted_sparse;
use thalweg::linalg::relative_error;
use thalweg::problem::{DeepSparse, RecoveryStatus};
use thalweg::solver::convex::deep_sparse::solve_deep_sparse;

/// The experiment.
pub struct Depth;

/// What the paper's footnote said is lost; these reproduce the picture that it describes.
const DIM: usize = 200;
const MEASUREMENTS: usize = 80;

/// One vector, recovered at every depth from the same measurements.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trial {
    nonzeros: usize,
    number: u64,
}

/// ‖x̂ − x‖ / ‖x‖ at depths 2 to 10.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    error: Vec<f64>,
    solved: usize,
    certified: usize,
}

fn depths() -> impl Iterator<Item = usize> + Clone {
    2..=10
}

/// Standard errors within which means of two samples count as equal.
const QUANTILE: f64 = 4.0;

impl Experiment for Depth {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "fig5",
            title: "Sparse recovery over the depth of the network (figure 5)",
            claim: "The flat minima of the depth-k diagonal network ‖A(v₁∘…∘v_k) − b‖² recover sparse vectors exactly for k = 2, and less and less well as \
                    k grows (section 9, lemma 9.3).",
            version: 1,
        }
    }

    fn trials(&self, scale: Scale, _: &Bench) -> Vec<Trial> {
        let count = match scale {
            Scale::Smoke => 1,
            Scale::Reduced => 10,
            Scale::Full => 100,
        };
        (1..=5).flat_map(|nonzeros| (0..count).map(move |number| Trial { nonzeros, number })).collect()
    }

    fn run(&self, trial: &Trial, _: &Bench) -> Result<Outcome, Error> {
        let instance = planted_sparse((MEASUREMENTS, DIM), trial.nonzeros, seed_of(trial), 0)?;
        let truth = instance.truth.expect("planted");
        let mut outcome = Outcome { error: Vec::new(), solved: 0, certified: 0 };
        for depth in depths() {
            let problem = DeepSparse::new(MEASUREMENTS, DIM, instance.a.clone(), instance.b.clone(), depth)?;
            let found = solve_deep_sparse(&problem);
            outcome.solved += usize::from(found.status == RecoveryStatus::Converged);
            outcome.certified += usize::from(certify_deep_sparse(&problem, &found.x, &found.multiplier)?.certified);
            outcome.error.push(relative_error(&found.x, &truth));
        }
        Ok(outcome)
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let mut nonzeros: Vec<usize> = done.iter().map(|(trial, _)| trial.nonzeros).collect();
        nonzeros.sort_unstable();
        nonzeros.dedup();
        let of = |r: usize, at: usize| Moments::of(done.iter().filter(|(trial, _)| trial.nonzeros == r).map(|(_, o)| o.error[at]));
        let (mut values, mut curves) = (Vec::new(), Vec::new());
        for &r in &nonzeros {
            let means: Vec<Moments> = (0..depths().count()).map(|at| of(r, at)).collect();
            values.extend(means.iter().map(|m| m.mean));
            curves.push(Curve::new(format!("r = {r}"), depths().zip(&means).map(|(k, m)| (k as f64, m.mean)).collect()));
            findings.checks.push(Check::within(
                format!("r = {r}, depth 2: mean relative error"),
                "the paper: exact recovery",
                0.0,
                means[0].mean,
                1e-9,
            ));
            findings.checks.extend(earlier_checks(r, &means));
        }
        let (solved, certified) = done.iter().fold((0, 0), |(s, c), (_, o)| (s + o.solved, c + o.certified));
        let problems = done.len() * depths().count();
        findings.checks.push(Check::within("problems solved", "all of them", problems as f64, solved as f64, 0.0));
        findings.checks.push(Check::within("answers proved to be the minimiser", "all of them", problems as f64, certified as f64, 0.0));
        let exact = nonzeros.iter().all(|&r| of(r, 0).mean < 1e-9);
        let grows = curves.iter().all(|curve| curve.points.windows(2).all(|pair| pair[0].1 < pair[1].1));
        findings.verdict = vec![
            format!(
                "At depth 2 the error is {}, and it {} with every layer that is added: the objective Σ Dⱼ|xⱼ|^(2−2/k) is a weighted ℓ₁ norm at k = 2 and nearly a \
                 squared norm at k = 10.",
                if exact { "rounding" } else { "not always rounding" },
                if grows { "grows" } else { "does not always grow" }
            ),
            format!("d = {DIM}, m = {MEASUREMENTS}: the paper's values are lost. {certified} of {problems} answers are certified."),
        ];
        let depth_axis = || Axis::linear("depth k");
        findings.figures = vec![
            Figure {
                id: "error".into(),
                title: "Relative error over depth and sparsity".into(),
                caption: "Mean relative error of the flat solution; as in the paper, but with the numbers in the data of the figure.".into(),
                alt: "Shaded grid: no error at depth 2, growing with depth.".into(),
                kind: Kind::Grid(Grid {
                    x: depth_axis(),
                    y: Axis::linear("nonzeros r"),
                    xs: depths().map(|k| k as f64).collect(),
                    ys: nonzeros.iter().map(|&r| r as f64).collect(),
                    value_kind: "relative error".into(),
                    range: (0.0, 1.0),
                    values,
                    curves: Vec::new(),
                }),
            },
            Figure {
                id: "curves".into(),
                title: "The same as curves".into(),
                caption: "Mean relative error for one to five nonzeros.".into(),
                alt: "Five rising curves.".into(),
                kind: Kind::Curves(Curves {
                    x: depth_axis(),
                    y: Axis::linear("mean relative error").including([0.0]),
                    groups: vec![CurveGroup { label: "numbers of nonzeros".into(), tone: Tone::Lead, curves }],
                    levels: Vec::new(),
                }),
            },
        ];
        findings
    }
}

/// Depths from 3 on; the earlier numbers are means of ten trials, whose spread is taken to be that of ours.
fn earlier_checks(r: usize, means: &[Moments]) -> Vec<Check> {
    let table = &EARLIER.depth;
    let Some(row) = table.nonzeros.iter().position(|n| *n == r) else { return Vec::new() };
    let check = |(k, mean): (usize, &Moments)| {
        let column = table.depths.iter().position(|depth| *depth == k)?;
        let spread = (mean.squares / (mean.count - 1.0)).sqrt();
        let tolerance = QUANTILE * spread * (1.0 / mean.count + 0.1).sqrt();
        Some(Check::within(
            format!("r = {r}, depth {k}: mean relative error"),
            "an earlier implementation",
            table.error[row][column],
            mean.mean,
            tolerance,
        ))
    };
    depths().zip(means).skip(1).filter_map(check).collect()
}
