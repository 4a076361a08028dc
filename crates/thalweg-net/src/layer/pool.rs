//! The mean of each channel.

use crate::tensor::Tensor;
use thalweg::linalg::Real;

/// y = (1/pixels) Σ x for each channel, where `y` holds zeros.
pub fn average_pool<T: Real>(x: &Tensor<T>, mut y: Tensor<T>, after: impl Fn(&mut [T]) + Sync) -> Tensor<T> {
    let channels = x.shape.channels;
    let share = T::of(1.0 / x.shape.pixels() as f64);
    rayon::iter::ParallelIterator::for_each(y.images_mut(), |(image, y)| {
        for (part, y) in y.chunks_exact_mut(channels).enumerate() {
            for pixel in x.part(image, part).chunks_exact(channels) {
                y.iter_mut().zip(pixel).for_each(|(y, x)| *y += *x);
            }
            y.iter_mut().for_each(|y| *y *= share);
        }
        after(y);
    });
    y
}

/// The adjoint, added to `gx`.
pub fn average_pool_backward<T: Real>(gy: &Tensor<T>, gx: &mut Tensor<T>) {
    let (channels, len) = (gx.shape.channels, gx.shape.len());
    let share = T::of(1.0 / gx.shape.pixels() as f64);
    rayon::iter::ParallelIterator::for_each(gx.images_mut(), |(image, gx)| {
        for (part, gx) in gx.chunks_exact_mut(len).enumerate() {
            for pixel in gx.chunks_exact_mut(channels) {
                pixel.iter_mut().zip(gy.part(image, part)).for_each(|(x, y)| *x += share * *y);
            }
        }
    });
}
