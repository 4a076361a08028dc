//! Labelled images in memory.

mod read;

pub use read::read_images;

use crate::tensor::{Shape, Tensor};
use rand::seq::SliceRandom;
use std::ops::Range;
use thalweg::Error;
use thalweg::data::stream;
use thalweg::linalg::Real;

/// Mean and inverse standard deviation of each channel: pixels become (p/255 − mean) · scale.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Standard {
    /// For each channel.
    pub mean: Vec<f64>,
    /// For each channel.
    pub scale: Vec<f64>,
}

/// Images of one shape with a label each.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    shape: Shape,
    classes: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
    standard: Standard,
}

const SAMPLE_STREAM: u64 = 15 << 56;

impl Images {
    /// Images after one another, row by row, the channels of a pixel together; standardised by themselves.
    ///
    /// # Errors
    /// [`Error::Shape`] if pixels and labels do not match, [`Error::Parameter`] if a label is no class.
    pub fn new(shape: Shape, classes: usize, pixels: Vec<u8>, labels: Vec<u8>) -> Result<Self, Error> {
        if pixels.len() != labels.len() * shape.len() {
            return Err(Error::Shape {
                what: "pixels",
                expected: (labels.len(), shape.len()),
                got: (pixels.len() / shape.len().max(1), shape.len()),
            });
        }
        if let Some(label) = labels.iter().find(|&&label| usize::from(label) >= classes) {
            return Err(Error::Parameter { name: "label", expected: format!("below {classes}"), got: label.to_string() });
        }
        let unit = Standard { mean: vec![0.0; shape.channels], scale: vec![1.0; shape.channels] };
        let mut images = Images { shape, classes, pixels, labels, standard: unit };
        images.standard = images.own_standard();
        Ok(images)
    }

    /// Mean and standard deviation of each channel of these images, in units of 255; a channel that never changes is left unscaled.
    fn own_standard(&self) -> Standard {
        let c = self.shape.channels;
        let (mut sums, mut squares) = (vec![0u64; c], vec![0u64; c]);
        for pixel in self.pixels.chunks_exact(c) {
            for (k, &p) in pixel.iter().enumerate() {
                sums[k] += u64::from(p);
                squares[k] += u64::from(p) * u64::from(p);
            }
        }
        let count = (self.pixels.len() / c).max(1) as f64;
        let mean: Vec<f64> = sums.iter().map(|&s| s as f64 / count / 255.0).collect();
        let deviation = |k: usize| (squares[k] as f64 / count / 65025.0 - mean[k] * mean[k]).max(0.0).sqrt();
        let scale = (0..c).map(|k| if deviation(k) > 1e-9 { 1.0 / deviation(k) } else { 1.0 }).collect();
        Standard { mean, scale }
    }

    /// Of each.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// Labels are below this.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How pixels become numbers.
    pub fn standard(&self) -> &Standard {
        &self.standard
    }

    /// The same images, their pixels standardised as those of others.
    ///
    /// # Errors
    /// [`Error::Shape`] if the channels differ.
    pub fn standardised(mut self, standard: Standard) -> Result<Self, Error> {
        if (standard.mean.len(), standard.scale.len()) != (self.shape.channels, self.shape.channels) {
            return Err(Error::Shape { what: "channels", expected: (self.shape.channels, 1), got: (standard.mean.len(), 1) });
        }
        self.standard = standard;
        Ok(self)
    }

    /// Labels of some images.
    pub fn labels(&self, range: Range<usize>) -> &[u8] {
        &self.labels[range]
    }

    /// The pixels of one image.
    pub fn image(&self, at: usize) -> &[u8] {
        &self.pixels[at * self.shape.len()..][..self.shape.len()]
    }

    /// Some images, in this order.
    pub fn select(&self, order: &[usize]) -> Images {
        let pixels = order.iter().flat_map(|&at| self.image(at)).copied().collect();
        let labels = order.iter().map(|&at| self.labels[at]).collect();
        Images { shape: self.shape, classes: self.classes, pixels, labels, standard: self.standard.clone() }
    }

    /// All of them in an order that looks random but is always the same: any first part is a sample, whatever the order of the file.
    pub fn shuffled(&self) -> Images {
        let mut order: Vec<usize> = (0..self.count()).collect();
        order.shuffle(&mut stream(0, SAMPLE_STREAM));
        self.select(&order)
    }

    /// The first so many and the rest, each standardised by the first.
    pub fn split(self, first: usize) -> (Images, Images) {
        let first = first.min(self.count());
        let take = |range: Range<usize>| self.select(&range.collect::<Vec<_>>());
        let (mut first, mut rest) = (take(0..first), take(first..self.count()));
        first.standard = first.own_standard();
        rest.standard = first.standard.clone();
        (first, rest)
    }

    /// Means of 2 × 2 pixels, rounded: half as high and wide, without an odd last row or column; standardised by themselves.
    pub fn halved(&self) -> Images {
        let Shape { height, width, channels } = self.shape;
        let shape = Shape { height: height / 2, width: width / 2, channels };
        let mean = |image: &[u8], at: usize| {
            let (place, channel) = (at / channels, at % channels);
            let corner = (2 * (place / shape.width) * width + 2 * (place % shape.width)) * channels + channel;
            let four = [0, channels, width * channels, (width + 1) * channels].map(|step| u16::from(image[corner + step]));
            ((four.iter().sum::<u16>() + 2) / 4) as u8
        };
        let pixels = (0..self.count()).flat_map(|k| (0..shape.len()).map(move |at| mean(self.image(k), at))).collect();
        let mut images = Images { shape, classes: self.classes, pixels, labels: self.labels.clone(), standard: self.standard.clone() };
        images.standard = images.own_standard();
        images
    }

    /// Some images, standardised.
    pub fn tensor<T: Real>(&self, range: Range<usize>) -> Tensor<T> {
        self.tensor_of(&self.pixels[range.start * self.shape.len()..range.end * self.shape.len()])
    }

    /// Pixels of whole images, standardised.
    pub fn tensor_of<T: Real>(&self, pixels: &[u8]) -> Tensor<T> {
        let c = self.shape.channels;
        let number = |k: usize| (0..256).map(move |p| T::of((f64::from(p) / 255.0 - self.standard.mean[k]) * self.standard.scale[k]));
        let table: Vec<Vec<T>> = (0..c).map(|k| number(k).collect()).collect();
        let data = pixels.chunks_exact(c).flat_map(|pixel| pixel.iter().zip(&table).map(|(&p, table)| table[usize::from(p)])).collect();
        Tensor { shape: self.shape, images: pixels.len() / self.shape.len(), parts: 1, data }
    }
}
