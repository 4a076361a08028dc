//! The loss of a network on images as an objective.

use crate::buffers::Buffers;
use crate::cross_entropy::{cross_entropy, cross_entropy_backward};
use crate::images::Images;
use crate::network::{Network, Statistics};
use crate::pass::{Forward, Keep, Norms};
use crate::series::Series;
use crate::tensor::Flat;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use thalweg::Error;
use thalweg::linalg::Real;
use thalweg::problem::Objective;

/// What batch normalisations do while a loss is measured.
#[derive(Debug, Clone, PartialEq)]
pub enum NormMode {
    /// They keep these statistics: the loss is a sum over images.
    Eval(Statistics),
    /// They take the statistics of each batch anew at every point, as in training: the loss depends on what stands together in a batch.
    Batch,
}

/// ℓ(w): the mean cross-entropy of a network over images, cut into batches in the order given, without weight decay. Its numbers are computed
/// in `T` and summed in f64.
pub struct NetworkLoss<'a, T> {
    network: &'a Network,
    images: &'a Images,
    mode: NormMode,
    batch: usize,
    buffers: Buffers<T>,
}

/// Loss and share of right answers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean cross-entropy.
    pub loss: f64,
    /// Share of the images whose largest output is that of their label.
    pub accuracy: f64,
}

/// ℓ(0), ℓ′(0) and ℓ″(0) along a line, where no kink lies in 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jet {
    /// ℓ.
    pub value: f64,
    /// ℓ′.
    pub slope: f64,
    /// ℓ″: dᵀHd.
    pub curvature: f64,
}

impl<'a, T: Real> NetworkLoss<'a, T> {
    /// The loss on these images, `batch` at a time.
    ///
    /// # Errors
    /// [`Error::Empty`] without images, [`Error::Shape`] if they, or the statistics, do not fit the network, [`Error::Parameter`] if a label is
    /// no class of it or `batch` is 0.
    pub fn new(network: &'a Network, images: &'a Images, mode: NormMode, batch: usize) -> Result<Self, Error> {
        if images.count() == 0 {
            return Err(Error::Empty { what: "the images", why: "there are none" });
        }
        let flat = |shape: crate::Shape| (shape.pixels(), shape.channels);
        if images.shape() != network.input {
            return Err(Error::Shape { what: "an image (pixels x channels)", expected: flat(network.input), got: flat(images.shape()) });
        }
        if images.classes() > network.classes {
            return Err(Error::Parameter { name: "classes", expected: format!("at most {}", network.classes), got: images.classes().to_string() });
        }
        if let NormMode::Eval(statistics) = &mode
            && statistics.mean.len() != network.channels
        {
            return Err(Error::Shape { what: "statistics", expected: (network.channels, 1), got: (statistics.mean.len(), 1) });
        }
        if batch == 0 {
            return Err(Error::Parameter { name: "batch", expected: "1 or more".into(), got: "0".into() });
        }
        Ok(NetworkLoss { network, images, mode, batch, buffers: Buffers::default() })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        self.network
    }

    fn batches(&self) -> impl Iterator<Item = Range<usize>> {
        let count = self.images.count();
        (0..count).step_by(self.batch).map(move |first| first..(first + self.batch).min(count))
    }

    fn norms(&self) -> Norms<'_> {
        match &self.mode {
            NormMode::Eval(statistics) => Norms::Given(statistics),
            NormMode::Batch => Norms::OfBatch,
        }
    }

    fn forward<'w>(&'w self, weights: &'w Flat<T>, batch: &Range<usize>, order: usize, keep: Keep) -> Forward<'w, T> {
        Forward::run((self.network, weights, &self.buffers), self.images.tensor(batch.clone()), self.norms(), order, keep)
    }

    /// The mean over all images as a series along w, and the share of right answers.
    fn series(&self, weights: &Flat<T>, order: usize) -> (Series, f64) {
        let count = self.images.count() as f64;
        let (mut sum, mut right) = (Series::default(), 0);
        for batch in self.batches() {
            let pass = self.forward(weights, &batch, order, Keep::Needed);
            let losses = cross_entropy(pass.outputs(), self.images.labels(batch));
            sum = sum + losses.sum;
            right += losses.right;
        }
        (sum.times(1.0 / count), right as f64 / count)
    }

    /// Loss and accuracy.
    pub fn score(&self, w: &[f64]) -> Score {
        let (loss, accuracy) = self.series(&Flat::point(&rounded::<T>(w)), 0);
        Score { loss: loss.0[0], accuracy }
    }

    /// The loss at w + t d with its first two derivatives in t at 0: exact, three times the work of a value.
    pub fn jet(&self, w: &[f64], d: &[f64]) -> Jet {
        let (Series([value, slope, half]), _) = self.series(&Flat::line(&rounded::<T>(w), &rounded(d)), 2);
        Jet { value, slope, curvature: 2.0 * half }
    }

    /// The mean over batches of the statistics of each: what takes the place of running ones where a network has none.
    pub fn batch_statistics(&self, w: &[f64]) -> Statistics {
        let weights = Flat::point(&rounded::<T>(w));
        let zeros = || vec![0.0; self.network.channels];
        let mut sum = Statistics { mean: zeros(), variance: zeros() };
        let batches: Vec<_> = self.batches().collect();
        let share = 1.0 / batches.len() as f64;
        for batch in &batches {
            let images = self.images.tensor::<T>(batch.clone());
            let found = Forward::run((self.network, &weights, &self.buffers), images, Norms::OfBatch, 0, Keep::Needed).statistics();
            let add = |sum: &mut [f64], x: &[f64]| sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += share * x);
            add(&mut sum.mean, &found.mean);
            add(&mut sum.variance, &found.variance);
        }
        sum
    }

    /// Part `order` of the gradient along the weights: the gradient itself, or the Hessian times the direction. Returns the loss.
    fn derivative(&self, weights: &Flat<T>, order: usize, out: &mut [f64]) -> f64 {
        let share = 1.0 / self.images.count() as f64;
        out.fill(0.0);
        let mut sum = 0.0;
        for batch in self.batches() {
            let pass = self.forward(weights, &batch, order, Keep::All);
            let labels = self.images.labels(batch);
            sum += cross_entropy(pass.outputs(), labels).sum.0[0];
            let slope = cross_entropy_backward(pass.outputs(), labels, share, order + 1);
            let gradient = pass.backward(slope);
            out.iter_mut().zip(gradient.part(order)).for_each(|(out, g)| *out += g.f64());
        }
        share * sum
    }
}

fn rounded<T: Real>(x: &[f64]) -> Vec<T> {
    x.iter().map(|&x| T::of(x)).collect()
}

impl<T: Real> Objective for NetworkLoss<'_, T> {
    fn dim(&self) -> usize {
        self.network.dim()
    }

    fn value(&self, x: &[f64]) -> f64 {
        self.score(x).loss
    }

    fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        self.derivative(&Flat::point(&rounded::<T>(x)), 0, gradient)
    }

    fn hessian_vec(&self, x: &[f64], d: &[f64], out: &mut [f64]) {
        self.derivative(&Flat::line(&rounded::<T>(x), &rounded(d)), 1, out);
    }

    fn curvature(&self, x: &[f64], d: &[f64]) -> f64 {
        self.jet(x, d).curvature
    }
}
