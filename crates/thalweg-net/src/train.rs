//! Stochastic gradient descent with momentum, as residual networks are trained.

use crate::buffers::Buffers;
use crate::checkpoint::{Checkpoint, Description};
use crate::cross_entropy::{cross_entropy, cross_entropy_backward};
use crate::images::Images;
use crate::network::{Network, Statistics};
use crate::objective::Score;
use crate::pass::{Forward, Keep, Norms};
use crate::safetensors::Precision;
use crate::tensor::Flat;
use rand::RngExt;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use thalweg::Error;
use thalweg::data::stream;
use thalweg::linalg::Real;

/// How a network is trained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Passes over the images.
    pub epochs: usize,
    /// Images of a step.
    pub batch: usize,
    /// Learning rate at the beginning; a tenth of it after 1/2, 3/4 and 11/12 of the epochs each.
    pub rate: f64,
    /// μ.
    pub momentum: f64,
    /// λ of ½λ‖w‖², on all parameters.
    pub weight_decay: f64,
    /// Whether images are shifted by up to four pixels, zeros coming in, and mirrored.
    pub augment: bool,
    /// Of the start, the order and the shifts.
    pub seed: u64,
}

/// Bjorck, Gomes, Weinberger (2020), table 3: 300 epochs, rates cut at 150, 225 and 275.
impl Default for Training {
    fn default() -> Self {
        Training { epochs: 300, batch: 128, rate: 0.1, momentum: 0.9, weight_decay: 5e-4, augment: true, seed: 0 }
    }
}

impl Training {
    /// The rate in an epoch, counted from 0.
    pub fn rate_in(&self, epoch: usize) -> f64 {
        let cuts = [(1, 2), (3, 4), (11, 12)].iter().filter(|(a, b)| epoch * b >= a * self.epochs).count();
        self.rate * 0.1f64.powi(cuts as i32)
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |name, expected: &str, got: String| Err(Error::Parameter { name, expected: expected.into(), got });
        let is_share = |x: f64| (0.0..1.0).contains(&x);
        match self {
            t if t.batch < 2 => wrong("batch", "2 or more: one image has no variance", t.batch.to_string()),
            t if !(t.rate > 0.0 && t.rate.is_finite()) => wrong("rate", "a positive number", t.rate.to_string()),
            t if !is_share(t.momentum) => wrong("momentum", "0 or more, below 1", t.momentum.to_string()),
            t if !is_share(t.weight_decay) => wrong("weight_decay", "0 or more, below 1", t.weight_decay.to_string()),
            _ => Ok(()),
        }
    }
}

/// Streams of orders and of shifts.
const ORDER_STREAM: u64 = 12 << 56;
const SHIFT_STREAM: u64 = 13 << 56;

/// Of running statistics: the weight of a new batch.
const NEW: f64 = 0.1;

/// Pixels by which images are shifted at most.
const MARGIN: usize = 4;

/// A training at work.
pub struct Trainer<'a, T> {
    network: Network,
    images: &'a Images,
    training: Training,
    weights: Flat<T>,
    velocity: Vec<T>,
    statistics: Statistics,
    progress: Position,
    order: Vec<usize>,
    buffers: Buffers<T>,
}

/// How far a training has come.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Steps in all.
    pub steps: u64,
    /// Epochs that are complete.
    pub epoch: usize,
    /// Images of the epoch that were seen.
    pub seen: usize,
    /// Σ of their losses when they were seen.
    pub loss_sum: f64,
    /// Right answers then.
    pub right: usize,
}

impl Position {
    /// Mean loss and accuracy of the epoch so far.
    pub fn score(&self) -> Score {
        let seen = self.seen.max(1) as f64;
        Score { loss: self.loss_sum / seen, accuracy: self.right as f64 / seen }
    }
}

/// What a checkpoint keeps of a training.
#[derive(Serialize, Deserialize)]
struct Kept {
    training: Training,
    position: Position,
    precision: String,
}

impl<'a, T: Real> Trainer<'a, T> {
    /// From a start.
    ///
    /// # Errors
    /// [`Error::Parameter`] for settings that make no sense, [`Error::Empty`] without images.
    pub fn new(network: Network, images: &'a Images, training: Training) -> Result<Self, Error> {
        training.check()?;
        if images.count() < 2 {
            return Err(Error::Empty { what: "the images", why: "training needs two at least" });
        }
        let start = network.start(training.seed);
        let weights = Flat::point(&start.iter().map(|&w| T::of(w)).collect::<Vec<T>>());
        let progress = Position { steps: 0, epoch: 0, seen: 0, loss_sum: 0.0, right: 0 };
        let (velocity, statistics) = (vec![T::of(0.0); start.len()], network.unit_statistics());
        let mut trainer =
            Trainer { network, images, training, weights, velocity, statistics, progress, order: Vec::new(), buffers: Buffers::default() };
        trainer.shuffle();
        Ok(trainer)
    }

    /// From where a checkpoint stood: the same bits come out as without the break. Only the number of epochs may be another.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the checkpoint keeps no training, or one of other settings or precision.
    pub fn resume(checkpoint: Checkpoint, images: &'a Images, training: Training) -> Result<Self, Error> {
        let wrong = |got: String| Error::Parameter { name: "checkpoint", expected: format!("one of the same training, {training:?}"), got };
        let Checkpoint { network, description, weights, statistics, velocity, .. } = checkpoint;
        let kept: Kept = serde_json::from_value(description.training.unwrap_or_default()).map_err(|e| wrong(e.to_string()))?;
        if kept.training != training || kept.precision != T::NAME {
            return Err(wrong(format!("{:?} in {}", kept.training, kept.precision)));
        }
        let velocity = velocity.ok_or_else(|| wrong("no momentum".into()))?;
        let mut trainer = Trainer::new(network, images, training)?;
        let own = |x: Vec<f64>| x.into_iter().map(T::of).collect::<Vec<T>>();
        trainer.weights = Flat::point(&own(weights));
        (trainer.velocity, trainer.statistics, trainer.progress) = (own(velocity), statistics, kept.position);
        trainer.shuffle();
        Ok(trainer)
    }

    /// From the weights and statistics of a checkpoint, without its momentum.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn from(checkpoint: Checkpoint, images: &'a Images, training: Training) -> Result<Self, Error> {
        let Checkpoint { network, weights, statistics, .. } = checkpoint;
        let mut trainer = Trainer::new(network, images, training)?;
        trainer.weights = Flat::point(&weights.into_iter().map(T::of).collect::<Vec<T>>());
        trainer.statistics = statistics;
        Ok(trainer)
    }

    /// How far it has come.
    pub fn position(&self) -> Position {
        self.progress
    }

    /// Whether all epochs are done.
    pub fn is_done(&self) -> bool {
        self.progress.epoch >= self.training.epochs
    }

    fn shuffle(&mut self) {
        self.order = (0..self.images.count()).collect();
        self.order.shuffle(&mut stream(self.training.seed, ORDER_STREAM + self.progress.epoch as u64));
    }

    /// One step; true where it ends an epoch, whose [`Position::score`] is then complete and is forgotten by the next step.
    pub fn step(&mut self) -> bool {
        if self.progress.seen == self.images.count() {
            self.progress = Position { steps: self.progress.steps, epoch: self.progress.epoch, seen: 0, loss_sum: 0.0, right: 0 };
            self.shuffle();
        }
        let batch = &self.order[self.progress.seen..(self.progress.seen + self.training.batch).min(self.images.count())];
        let pixels = self.pixels(batch);
        let labels: Vec<u8> = batch.iter().map(|&at| self.images.labels(at..at + 1)[0]).collect();
        let pass = Forward::run((&self.network, &self.weights, &self.buffers), self.images.tensor_of(&pixels), Norms::OfBatch, 0, Keep::All);
        let losses = cross_entropy(pass.outputs(), &labels);
        let slope = cross_entropy_backward(pass.outputs(), &labels, 1.0 / labels.len() as f64, 1);
        let found = pass.statistics();
        let gradient = pass.backward(slope);
        drop(pass);
        self.descend(gradient.part(0));
        self.statistics.follow(&self.network, &found, labels.len());
        self.progress.steps += 1;
        self.progress.seen += labels.len();
        self.progress.loss_sum += losses.sum.0[0];
        self.progress.right += losses.right;
        let ends = self.progress.seen == self.images.count();
        self.progress.epoch += usize::from(ends);
        ends
    }

    /// v ← μv + (g + λw), w ← w − ηv.
    fn descend(&mut self, gradient: &[T]) {
        let rate = T::of(self.training.rate_in(self.progress.epoch));
        let (momentum, decay) = (T::of(self.training.momentum), T::of(self.training.weight_decay));
        for ((w, v), g) in self.weights.part_mut(0).iter_mut().zip(&mut self.velocity).zip(gradient) {
            *v = momentum * *v + (*g + decay * *w);
            *w -= rate * *v;
        }
    }

    /// The pixels of a batch, shifted and mirrored by a stream of their own: a step can be done again.
    fn pixels(&self, batch: &[usize]) -> Vec<u8> {
        if !self.training.augment {
            return batch.iter().flat_map(|&at| self.images.image(at)).copied().collect();
        }
        let shape = self.images.shape();
        let mut rng = stream(self.training.seed, SHIFT_STREAM + self.progress.steps);
        let mut out = vec![0; batch.len() * shape.len()];
        for (out, &at) in out.chunks_exact_mut(shape.len()).zip(batch) {
            let (down, right) = (rng.random_range(0..=2 * MARGIN), rng.random_range(0..=2 * MARGIN));
            let is_mirrored = rng.random::<bool>();
            let image = self.images.image(at);
            for (place, pixel) in out.chunks_exact_mut(shape.channels).enumerate() {
                let (row, column) = (place / shape.width, place % shape.width);
                let column = if is_mirrored { shape.width - 1 - column } else { column };
                let (row, column) = ((row + down).wrapping_sub(MARGIN), (column + right).wrapping_sub(MARGIN));
                if row < shape.height && column < shape.width {
                    pixel.copy_from_slice(&image[(row * shape.width + column) * shape.channels..][..shape.channels]);
                }
            }
        }
        out
    }

    /// The network as it stands; with `going_on`, all that [`Trainer::resume`] needs.
    pub fn checkpoint(&self, going_on: bool) -> Checkpoint {
        let wide = |x: &[T]| x.iter().map(|x| x.f64()).collect::<Vec<f64>>();
        let kept = Kept { training: self.training, position: self.progress, precision: T::NAME.into() };
        let Network { architecture, input, classes, .. } = &self.network;
        let description = Description {
            network: architecture.clone(),
            input: [input.height, input.width, input.channels],
            classes: *classes,
            standard: Some(self.images.standard().clone()),
            steps: Some(self.progress.steps),
            training: going_on.then(|| serde_json::to_value(kept).expect("plain values")),
        };
        Checkpoint {
            network: self.network.clone(),
            description,
            weights: wide(self.weights.part(0)),
            statistics: self.statistics.clone(),
            velocity: going_on.then(|| wide(&self.velocity)),
            precision: if T::NAME == "f32" { Precision::F32 } else { Precision::F64 },
        }
    }
}

impl Statistics {
    /// Moves a tenth of the way to those of a batch; variances without bias, as other programs keep them.
    fn follow(&mut self, network: &Network, found: &Statistics, images: usize) {
        for node in network.nodes.iter().filter(|node| !node.statistics.is_empty()) {
            let terms = (images * node.shape.pixels()) as f64;
            let unbiased = terms / (terms - 1.0).max(1.0);
            for channel in node.statistics.clone() {
                self.mean[channel] += NEW * (found.mean[channel] - self.mean[channel]);
                self.variance[channel] += NEW * (unbiased * found.variance[channel] - self.variance[channel]);
            }
        }
    }
}
