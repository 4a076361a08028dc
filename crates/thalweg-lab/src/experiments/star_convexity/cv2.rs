//! When the line to a solution is convex: the spread of the solution's entries decides.

use super::PAPER;
use super::planted_line::{Planting, line};
use crate::experiment::{About, Agreement, Bench, Check, Experiment, Findings, Moments, Scale, seed_of};
use crate::figure::{At, Axis, Curve, CurveGroup, Curves, Figure, Kind, Level, Tone};
use serde::{Deserialize, Serialize};
use thalweg::data::{Law, planted_factors};
use thalweg::geometry::{CONVEX_SPREAD, Line, STAR_SPREAD, Verdict, limiting_curvature};
use thalweg::{Error, Factors};

/// The experiment.
pub struct SpreadOfEntries;

/// Lines from half-normal starts to planted solutions whose entries are 0 or 1, with this share of ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    ones: f64,
    size: usize,
    rank: usize,
    samples: u64,
}

/// α per entry of X scaled to variance 1, and the share of lines with each property.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Outcome {
    alpha: Moments,
    convex: f64,
    star: f64,
    gradient: f64,
}

impl Trial {
    /// CV² = T/a² of the entries of the solution.
    fn spread(&self) -> f64 {
        (1.0 - self.ones) / self.ones
    }
}

impl Experiment for SpreadOfEntries {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "cv2",
            title: "The spread of the solution's entries decides (not in the paper)",
            claim: "The paper's theorem takes start and solution from one law. With a half-normal start, lines to a solution with independent \
                    entries of mean a and variance T are convex for large sizes if and only if T/a² < 1.875, and star-convex if and only if \
                    T/a² < 2.766; the gradient points to the solution for every T.",
            version: 1,
        }
    }

    fn trials(&self, scale: Scale, _: &Bench) -> Vec<Trial> {
        let (sizes, samples): (&[(usize, usize)], u64) = match scale {
            Scale::Smoke => (&[(32, 6)], 20),
            Scale::Reduced => (&[(40, 7), (160, 13)], 40),
            Scale::Full => (&[(40, 7), (160, 13), (640, 26)], 100),
        };
        let spreads = [0.25, 0.5, 1.0, 1.3, 1.6, 1.9, 2.2, 2.5, 2.8, 3.2, 4.0, 5.0, 7.0];
        let trial = |&(size, rank): &(usize, usize)| spreads.map(|spread| Trial { ones: 1.0 / (1.0 + spread), size, rank, samples });
        sizes.iter().flat_map(trial).collect()
    }

    fn run(&self, trial: &Trial, _: &Bench) -> Result<Outcome, Error> {
        let Trial { ones, size, rank, samples } = *trial;
        let planting = Planting { law: Law::Bernoulli(ones), rows: size, cols: size, rank };
        // the start has the solution's mean
        let scale = ones / Law::HalfNormal.mean();
        let seed = seed_of(trial);
        let mut outcome = Outcome { alpha: Moments::default(), convex: 0.0, star: 0.0, gradient: 0.0 };
        for sample in 0..samples {
            let end = planted_factors(planting.law, (size, size), rank, seed, 2 * sample)?;
            let drawn = planted_factors(Law::HalfNormal, (size, size), rank, seed, 2 * sample + 1)?;
            let start = Factors::new(size, size, rank, drawn.as_slice().iter().map(|x| scale * x).collect())?;
            let products = line(&start, &end, None, None);
            let verdicts = Line::from_polynomial(&products.planted_quartic());
            outcome.alpha = outcome.alpha.merge(Moments::of([products.least().0 / planting.unit()]));
            outcome.convex += f64::from(verdicts.convex_on_segment == Verdict::Yes) / samples as f64;
            outcome.star += f64::from(verdicts.star_towards_b == Verdict::Yes) / samples as f64;
            outcome.gradient += f64::from(verdicts.gradient_towards_b == Verdict::Yes) / samples as f64;
        }
        Ok(outcome)
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut sizes: Vec<usize> = done.iter().map(|(trial, _)| trial.size).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let largest = sizes.last().copied().unwrap_or(0);
        let of = |size: usize, value: &dyn Fn(&Outcome) -> f64| -> Vec<(f64, f64)> {
            let mut points: Vec<_> = done.iter().filter(|(trial, _)| trial.size == size).map(|(trial, o)| (trial.spread(), value(o))).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            points
        };
        let checks: Vec<Check> = done
            .iter()
            .filter(|(trial, _)| trial.size == largest)
            .flat_map(|(trial, outcome)| {
                let place = format!("CV² = {:.2}, n = {largest}", trial.spread());
                let slack = 4.0 * outcome.alpha.standard_error() + 4.0 / largest as f64;
                [
                    Check::within(
                        format!("mean of α, {place}"),
                        "the limit for large n",
                        limiting_curvature(trial.spread()),
                        outcome.alpha.mean,
                        slack,
                    ),
                    Check::within(
                        format!("share of lines whose gradient points to the solution, {place}"),
                        "for every T",
                        1.0,
                        outcome.gradient,
                        1e-9,
                    ),
                ]
            })
            .collect();
        let groups =
            |value: &dyn Fn(&Outcome) -> f64| -> Vec<Curve> { sizes.iter().map(|&n| Curve::new(format!("n = {n}"), of(n, value))).collect() };
        let levels: Vec<Level> = [(CONVEX_SPREAD, "convex below"), (STAR_SPREAD, "star-convex below")]
            .map(|(x, label)| Level { at: At::X(x), label: label.into() })
            .into();
        let theory = Curve::new("limit", (0..60).map(|i| 0.25 + 0.115 * f64::from(i)).map(|spread| (spread, limiting_curvature(spread))).collect());
        let alphas = |&n: &usize| Curve { band: done_band(done, n), ..Curve::new(format!("n = {n}"), of(n, &|o: &Outcome| o.alpha.mean)) };
        let alpha = Figure {
            id: "alpha".into(),
            title: "Least curvature on the way to a solution".into(),
            caption: "Mean of α with two standard deviations over lines; the limit in closed form.".into(),
            alt: "Line chart of mean curvature against CV², crossing zero at 1.875.".into(),
            kind: Kind::Curves(Curves {
                x: Axis::linear("CV² = variance / mean² of the solution's entries"),
                y: Axis::linear("α"),
                groups: vec![
                    CurveGroup { label: "drawn".into(), tone: Tone::Lead, curves: sizes.iter().map(alphas).collect() },
                    CurveGroup { label: "closed form".into(), tone: Tone::Quiet, curves: vec![theory] },
                ],
                levels: levels.clone(),
            }),
        };
        let shares = Figure {
            id: "shares".into(),
            title: "Share of convex and of star-convex lines".into(),
            caption: "The change gets sharper as the size grows; it does not move.".into(),
            alt: "Line chart of shares of convex and star-convex lines against CV², falling from one to zero.".into(),
            kind: Kind::Curves(Curves {
                x: Axis::linear("CV² = variance / mean² of the solution's entries"),
                y: Axis::linear("share of lines").including([0.0, 1.0]),
                groups: vec![
                    CurveGroup { label: "star-convex".into(), tone: Tone::Quiet, curves: groups(&|o| o.star) },
                    CurveGroup { label: "convex".into(), tone: Tone::Lead, curves: groups(&|o| o.convex) },
                    CurveGroup { label: "gradient points there".into(), tone: Tone::Open, curves: groups(&|o| o.gradient) },
                ],
                levels,
            }),
        };
        let failing = checks.iter().filter(|check| check.agreement != Agreement::Holds).count();
        let verdict = vec![if failing == 0 {
            format!(
                "At n = {largest} the mean of α agrees with the closed form for every CV² = variance / mean² of the solution's entries, and every \
                 gradient points to the solution. In that form lines are convex up to CV² = {CONVEX_SPREAD}, star-convex up to {STAR_SPREAD}."
            )
        } else {
            format!("At n = {largest} {failing} of {} statements do not hold.", checks.len())
        }];
        Findings { verdict, checks, figures: vec![alpha, shares] }
    }
}

fn done_band(done: &[(Trial, Outcome)], size: usize) -> Vec<(f64, f64)> {
    let mut bands: Vec<(f64, (f64, f64))> = done
        .iter()
        .filter(|(trial, _)| trial.size == size)
        .map(|(trial, o)| (trial.spread(), (o.alpha.mean - 2.0 * o.alpha.sd(), o.alpha.mean + 2.0 * o.alpha.sd())))
        .collect();
    bands.sort_by(|a, b| a.0.total_cmp(&b.0));
    bands.into_iter().map(|(_, band)| band).collect()
}
