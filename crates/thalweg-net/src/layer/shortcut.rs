//! Shortcut A: every second pixel, zeros in new channels.

use crate::tensor::{Shape, Tensor};
use rayon::iter::ParallelIterator;
use thalweg::linalg::Real;

/// Each output pixel with the place of its old channels, and the place of the input pixel.
fn places(input: Shape, output: Shape) -> impl Iterator<Item = (usize, usize)> {
    let before = (output.channels - input.channels) / 2;
    let pixels = (0..output.height).flat_map(move |y| (0..output.width).map(move |x| (y, x)));
    pixels.map(move |(y, x)| ((y * output.width + x) * output.channels + before, (2 * y * input.width + 2 * x) * input.channels))
}

/// y(i, j) = x(2i, 2j), with zeros in the channels that are new, where `y` holds zeros.
pub fn subsample<T: Real>(x: &Tensor<T>, mut y: Tensor<T>, after: impl Fn(&mut [T]) + Sync) -> Tensor<T> {
    let (input, output, c) = (x.shape, y.shape, x.shape.channels);
    y.images_mut().for_each(|(image, y)| {
        for (part, y) in y.chunks_exact_mut(output.len()).enumerate() {
            let x = x.part(image, part);
            places(input, output).for_each(|(to, from)| y[to..to + c].copy_from_slice(&x[from..from + c]));
        }
        after(y);
    });
    y
}

/// The adjoint, added to `gx`.
pub fn subsample_backward<T: Real>(gy: &Tensor<T>, gx: &mut Tensor<T>) {
    let (input, output) = (gx.shape, gy.shape);
    gx.images_mut().for_each(|(image, gx)| {
        for (part, gx) in gx.chunks_exact_mut(input.len()).enumerate() {
            let gy = gy.part(image, part);
            for (from, to) in places(input, output) {
                let old = gy[from..from + input.channels].iter();
                gx[to..to + input.channels].iter_mut().zip(old).for_each(|(x, y)| *x += *y);
            }
        }
    });
}
