//! Batches of images, and flat parameters, as truncated Taylor series.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use thalweg::linalg::Real;

/// The shape of one image: rows, columns, channels, the channels of a pixel together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Pixel rows.
    pub height: usize,
    /// Pixel columns.
    pub width: usize,
    /// Numbers for each pixel.
    pub channels: usize,
}

impl Shape {
    /// Of one pixel.
    pub fn vector(channels: usize) -> Shape {
        Shape { height: 1, width: 1, channels }
    }

    /// Pixels.
    pub fn pixels(self) -> usize {
        self.height * self.width
    }

    /// Numbers.
    pub fn len(self) -> usize {
        self.pixels() * self.channels
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// x₀ + x₁t + x₂t² for each number of a batch of images, cut after the last part that is not zero: image after image, part after part.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor<T> {
    /// Of each image.
    pub shape: Shape,
    /// How many.
    pub images: usize,
    /// Parts that are kept, 1 to 3.
    pub parts: usize,
    /// images × parts × shape.
    pub data: Vec<T>,
}

impl<T: Real> Tensor<T> {
    /// All zero.
    pub fn zeros(shape: Shape, images: usize, parts: usize) -> Self {
        Tensor { shape, images, parts, data: vec![T::of(0.0); images * parts * shape.len()] }
    }

    /// Numbers of an image, all parts together.
    pub fn stride(&self) -> usize {
        self.parts * self.shape.len()
    }

    /// One part of one image.
    pub fn part(&self, image: usize, part: usize) -> &[T] {
        &self.data[(image * self.parts + part) * self.shape.len()..][..self.shape.len()]
    }

    /// Each image with its index, all parts together, in parallel.
    pub fn images_mut(&mut self) -> impl IndexedParallelIterator<Item = (usize, &mut [T])> {
        let stride = self.stride();
        self.data.par_chunks_mut(stride).enumerate()
    }
}

/// w₀ + w₁t + w₂t² for flat parameters, or for the gradient in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Flat<T> {
    /// Parameters.
    len: usize,
    /// Part after part.
    data: Vec<T>,
}

impl<T: Real> Flat<T> {
    /// The point w.
    pub fn point(w: &[T]) -> Self {
        Flat { len: w.len(), data: w.to_vec() }
    }

    /// The line w + t d.
    pub fn line(w: &[T], d: &[T]) -> Self {
        Flat { len: w.len(), data: w.iter().chain(d).copied().collect() }
    }

    /// All zero.
    pub fn zeros(len: usize, parts: usize) -> Self {
        Flat { len, data: vec![T::of(0.0); len * parts] }
    }

    /// Parts that are kept.
    pub fn parts(&self) -> usize {
        self.data.len() / self.len.max(1)
    }

    /// One part.
    pub fn part(&self, part: usize) -> &[T] {
        &self.data[part * self.len..][..self.len]
    }

    /// One part, to write.
    pub fn part_mut(&mut self, part: usize) -> &mut [T] {
        &mut self.data[part * self.len..][..self.len]
    }
}

/// Parts of a product of two series that is cut after `order`.
pub fn product_parts(a: usize, b: usize, order: usize) -> usize {
    (a + b - 1).min(order + 1)
}
