//! Figure 8: the loss on a plane through a network.

use super::super::PAPER;
use super::course::Course;
use super::measured::{BATCH, prepared};
use super::tables::Design;
use crate::experiment::{About, Bench, Experiment, Findings, Scale};
use crate::figure::{Axis, Figure, Grid, Kind};
use serde::{Deserialize, Serialize};
use thalweg::Error;
use thalweg::geometry::sampled_plane;
use thalweg::problem::Objective;
use thalweg_net::{Checkpoint, NetworkLoss, NormMode, Skips, filter_normalised_directions};

/// The experiment.
pub struct Surfaces;

/// A network after an epoch, and the plane through it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    course: Course,
    epoch: usize,
    width: usize,
    points: usize,
    images: usize,
    seed: u64,
}

/// ℓ(w + a r + b s) for a (rows) and b from −1 to 1; none if the training broke down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    plane: Option<Plane>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Plane {
    /// None where the loss is no number.
    values: Vec<Option<f64>>,
    /// Of a value.
    noise: Option<f64>,
}

impl Experiment for Surfaces {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "fig8",
            title: "The loss on a plane through a narrow and a wide network (figure 8)",
            claim: "On a plane of two random directions the loss around a wide network looks more convex than around a narrow one (110 layers, k = 1 \
                    and 4, epoch 200).",
            version: 1,
        }
    }

    fn trials(&self, scale: Scale, bench: &Bench) -> Vec<Trial> {
        let (depth, widths, epoch, points, images) = match scale {
            Scale::Smoke => (8, [1, 2], 2, 5, 16),
            Scale::Reduced => (20, [1, 4], 4, 21, 64),
            Scale::Full => (110, [1, 4], 200, 51, 2048),
        };
        let Some(design) = Design::of(scale, bench) else { return Vec::new() };
        widths.map(|width| Trial { course: design.course(depth, width, Skips::A), epoch, width, points, images, seed: 0 }).into()
    }

    fn run(&self, trial: &Trial, bench: &Bench) -> Result<Outcome, Error> {
        let Some((checkpoint, images, _)) = prepared(&trial.course, trial.epoch, trial.images, bench)? else { return Ok(Outcome { plane: None }) };
        let Checkpoint { network, weights, statistics, .. } = &checkpoint;
        let mode = NormMode::Eval(statistics.clone());
        let loss = NetworkLoss::<f32>::new(network, &images, mode.clone(), BATCH)?;
        let exact = NetworkLoss::<f64>::new(network, &images, mode, BATCH)?;
        let axes = filter_normalised_directions(network, weights, 2, trial.seed);
        let values = sampled_plane(&loss, weights, (&axes[0], &axes[1]), trial.points)?;
        let corner: Vec<f64> = weights.iter().zip(&axes[0]).zip(&axes[1]).map(|((w, r), s)| w - r - s).collect();
        let apart = |at: &[f64]| (loss.value(at) - exact.value(at)).abs();
        let noise = apart(weights).max(apart(&corner));
        let number = |value: f64| Some(value).filter(|value| value.is_finite());
        Ok(Outcome { plane: Some(Plane { values: values.into_iter().map(number).collect(), noise: number(noise) }) })
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let mut shares = Vec::new();
        for (trial, outcome) in done {
            let Some(plane) = &outcome.plane else {
                findings.verdict.push(format!("The loss stopped being a number in the training of {}.", trial.course.network));
                continue;
            };
            let (convex, inner) = plane.convex(trial.points);
            shares.push(format!("{convex} of {inner} around {}", trial.course.network));
            findings.figures.push(figure(trial, plane, range(done)));
        }
        if let Some((trial, _)) = done.first() {
            let sentence = format!(
                "Inner points of the plane where the second differences are those of a convex function: {}. That is one plane for each network, \
                 at steps of {:.3}, and no interval: it decides nothing between them.",
                shares.join(", "),
                2.0 / (trial.points - 1) as f64
            );
            findings.verdict.insert(0, sentence);
            let Course { images, training, .. } = &trial.course;
            findings.verdict.push(format!(
                "{} after {} of {} epochs on {}, loss on {} images; the paper has 110 layers, epoch 200 of 300 and 50,000 images.",
                if done.len() > 1 { "These networks stand" } else { "This network stands" },
                trial.epoch,
                training.epochs,
                images.in_words(),
                trial.images
            ));
        }
        findings
    }
}

impl Plane {
    /// Points of the plane with neighbours on all sides whose matrix of second differences is not below 0 by more than the noise can make it,
    /// and how many points there are.
    fn convex(&self, points: usize) -> (usize, usize) {
        let at = |row: usize, column: usize| self.values[row * points + column].unwrap_or(f64::NAN);
        // a second difference is off by at most four times the noise, the mixed one by the noise itself
        let tolerance = 5.0 * self.noise.unwrap_or(f64::NAN);
        let is_convex = |i: usize, j: usize| {
            let (down, along) = (at(i - 1, j) - 2.0 * at(i, j) + at(i + 1, j), at(i, j - 1) - 2.0 * at(i, j) + at(i, j + 1));
            let mixed = (at(i + 1, j + 1) - at(i + 1, j - 1) - at(i - 1, j + 1) + at(i - 1, j - 1)) / 4.0;
            0.5 * (down + along) - (0.5 * (down - along)).hypot(mixed) >= -tolerance
        };
        let inner = 1..points - 1;
        let convex = inner.clone().flat_map(|i| inner.clone().map(move |j| (i, j))).filter(|&(i, j)| is_convex(i, j)).count();
        (convex, inner.len() * inner.len())
    }

    fn logs(&self) -> Vec<f64> {
        self.values.iter().map(|value| value.filter(|v| *v > 0.0).map_or(f64::NAN, f64::log10)).collect()
    }
}

/// One range for all planes: colours mean the same.
fn range(done: &[(Trial, Outcome)]) -> (f64, f64) {
    let logs = done.iter().filter_map(|(_, outcome)| outcome.plane.as_ref()).flat_map(Plane::logs).filter(|log| log.is_finite());
    logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), log| (low.min(log), high.max(log)))
}

fn figure(trial: &Trial, plane: &Plane, range: (f64, f64)) -> Figure {
    let steps: Vec<f64> = (0..trial.points).map(|k| 2.0 * k as f64 / (trial.points - 1) as f64 - 1.0).collect();
    Figure {
        id: format!("k-{}", trial.width),
        title: format!("The loss around {}, epoch {}", trial.course.network, trial.epoch),
        caption: format!(
            "log₁₀ of the mean cross-entropy on {} images at w + a r + b s; each filter of r and s is as long as that of w. Trained on {}.",
            trial.images,
            trial.course.images.in_words()
        ),
        alt: format!("Map of the loss on a plane of two random directions through {}.", trial.course.network),
        kind: Kind::Grid(Grid {
            x: Axis::linear("b"),
            y: Axis::linear("a"),
            xs: steps.clone(),
            ys: steps,
            value_kind: "log₁₀ loss".into(),
            range,
            values: plane.logs(),
            curves: Vec::new(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(value: impl Fn(f64, f64) -> f64, noise: Option<f64>) -> (usize, usize) {
        let values = (0..25).map(|k| Some(value((k / 5) as f64, (k % 5) as f64))).collect();
        Plane { values, noise }.convex(5)
    }

    #[test]
    fn planes_that_are_known() {
        assert_eq!(plane(|a, b| a * a + b * b - 1.9 * a * b, Some(0.0)), (9, 9));
        assert_eq!(plane(|a, b| a * a + b * b - 2.1 * a * b, Some(0.0)), (0, 9), "bent down along the diagonal alone");
        assert_eq!(plane(|a, b| a * a - 0.1 * b * b, Some(0.0)), (0, 9));
        assert_eq!(plane(|a, b| a * a - 0.1 * b * b, Some(0.05)), (9, 9), "within the noise");
        assert_eq!(plane(|a, b| a * a + b * b, None), (0, 9), "noise without bound");
        assert_eq!(plane(|a, b| if a + b == 0.0 { f64::NAN } else { a * a + b * b }, Some(0.0)), (8, 9));
    }
}
