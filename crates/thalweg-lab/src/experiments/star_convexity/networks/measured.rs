//! How far the loss of one network is convex along random lines.

use super::course::Course;
use crate::experiment::{Bench, seed_of};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use thalweg::Error;
use thalweg::geometry::{ConvexStretch, Estimate, mean_of};
use thalweg_net::{Architecture, Checkpoint, ConvexityPlan, Images, NetworkLoss, NormMode, Skips, Subject, convexity};

/// A network at a moment of its training, and how it is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    pub course: Course,
    /// 0 is the start.
    pub epoch: usize,
    pub plan: ConvexityPlan,
    /// How many images of the training the loss is taken on.
    pub images: usize,
    pub norm: Norm,
}

/// What batch normalisation normalises by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// The running statistics of the training; those of the images before the first step.
    Eval,
    /// The statistics of the batch, anew at every point of a line.
    Batch,
}

/// What came of it; none if the training broke down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub found: Option<Found>,
}

/// Lines through a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    pub parameters: usize,
    /// On the images of the lines.
    pub loss: f64,
    /// On those of the test.
    pub accuracy: f64,
    /// Of a value of the loss; none if values far from the network are no numbers.
    pub noise: Option<f64>,
    /// For each line, at a quarter of the cells, at half of them and at all.
    pub stretches: Vec<Vec<ConvexStretch>>,
}

/// Images that stand together where statistics are those of a batch.
pub const BATCH: usize = 256;

/// Of the three grids the middle one is drawn: that of 50 cells at full scale.
const DRAWN: usize = 1;

/// The network, the images of its loss, and running statistics that fit: before the first step they are those of these images.
pub fn prepared(course: &Course, epoch: usize, images: usize, bench: &Bench) -> Result<Option<(Checkpoint, Images, Images)>, Error> {
    let (training, test) = course.images.open(bench)?;
    let Some(mut checkpoint) = course.after(epoch, &training, bench.checkpoints.as_deref())? else { return Ok(None) };
    let images = training.select(&(0..images.min(training.count())).collect::<Vec<_>>());
    if epoch == 0 {
        let loss = NetworkLoss::<f64>::new(&checkpoint.network, &images, NormMode::Batch, BATCH)?;
        checkpoint.statistics = loss.batch_statistics(&checkpoint.weights);
    }
    Ok(Some((checkpoint, images, test)))
}

impl Norm {
    pub fn name(self) -> &'static str {
        match self {
            Norm::Eval => "eval",
            Norm::Batch => "batch",
        }
    }

    pub fn in_words(self) -> &'static str {
        match self {
            Norm::Eval => "running statistics",
            Norm::Batch => "statistics of the batch",
        }
    }
}

impl Trial {
    pub fn run(&self, bench: &Bench) -> Result<Outcome, Error> {
        let Some((checkpoint, images, test)) = prepared(&self.course, self.epoch, self.images, bench)? else { return Ok(Outcome { found: None }) };
        let Checkpoint { network, weights, statistics, .. } = &checkpoint;
        let mode = match self.norm {
            Norm::Eval => NormMode::Eval(statistics.clone()),
            Norm::Batch => NormMode::Batch,
        };
        let score = |images: &Images| Ok::<_, Error>(NetworkLoss::<f32>::new(network, images, mode.clone(), BATCH)?.score(weights));
        if !score(&images)?.loss.is_finite() {
            return Ok(Outcome { found: None });
        }
        let subject = Subject { network, images: &images, mode: &mode, batch: BATCH };
        let lines = convexity::<f32>(subject, weights, self.plan, |_| ControlFlow::Continue(()))?;
        let found = Found {
            parameters: network.dim(),
            loss: lines.value,
            accuracy: score(&test)?.accuracy,
            noise: Some(lines.noise).filter(|noise| noise.is_finite()),
            stretches: lines.lines.into_iter().map(|line| line.stretches).collect(),
        };
        Ok(Outcome { found: Some(found) })
    }

    /// Layers, how many times as wide as the usual network, and whether it has skips.
    pub fn shape(&self) -> (usize, usize, bool) {
        match self.course.network {
            Architecture::Resnet { depth, width, skips } => (depth, width, skips != Skips::None),
            Architecture::Mlp { .. } | Architecture::Cnn { .. } => (0, 1, false),
        }
    }

    /// Of the grid that is drawn.
    pub fn cells(&self) -> usize {
        self.plan.cells >> (2 - DRAWN)
    }
}

impl Found {
    /// The lengths of the lines on the grid that is drawn.
    pub fn lengths(&self) -> impl Iterator<Item = &ConvexStretch> {
        self.stretches.iter().map(|levels| &levels[DRAWN])
    }

    /// Mean length over the lines, at a quarter of the cells (0), at half of them (1), or at all (2).
    pub fn mean(&self, level: usize, trial: &Trial) -> Estimate {
        let lengths: Vec<f64> = self.stretches.iter().map(|levels| levels[level].length).collect();
        mean_of(&lengths, seed_of(trial))
    }

    /// The same on the grid that is drawn.
    pub fn length(&self, trial: &Trial) -> Estimate {
        self.mean(DRAWN, trial)
    }

    /// Lines that are convex up to an end of [−½, ½].
    pub fn cut(&self) -> usize {
        self.lengths().filter(|stretch| stretch.is_censored).count()
    }
}

#[cfg(test)]
mod tests {
    use super::super::image_set::ImageSet;
    use super::*;
    use crate::experiment::Scale;
    use thalweg_net::Training;

    /// Without hidden layers the loss is that of logistic regression, which is convex: every line is, wherever the training stands.
    #[test]
    fn a_convex_loss_has_the_whole_length() {
        let bench = Bench::default();
        let images = ImageSet::of(Scale::Smoke, &bench).expect("planted images are always there");
        let training = Training { epochs: 2, batch: 16, rate: 0.01, ..Training::default() };
        let course = Course { network: Architecture::Mlp { hidden: Vec::new() }, images, training };
        for epoch in [0, 2] {
            let plan = ConvexityPlan { directions: 4, cells: 32, ..ConvexityPlan::default() };
            let trial = Trial { course: course.clone(), epoch, plan, images: 32, norm: Norm::Eval };
            let found = trial.run(&bench).expect("runs").found.expect("finite");
            assert_eq!(found.parameters, 4 * (8 * 8 * 3 + 1));
            for level in 0..3 {
                let Estimate { value, half_width, samples, .. } = found.mean(level, &trial);
                assert_eq!((value, half_width, samples), (1.0, 0.0, 4), "epoch {epoch}, level {level}");
            }
            assert_eq!((found.cut(), trial.cells()), (4, 16));
        }
    }
}
