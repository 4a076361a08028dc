//! Convolutions as products with the patches around each pixel.

use super::{GROUP, tree_sum};
use crate::tensor::{Shape, Tensor};
use rayon::prelude::*;
use std::ops::Range;
use thalweg::linalg::{Real, multiply, multiply_onto, row_major, row_major_mut, simd};

/// Filters of size × size pixels, every `stride` pixels, zeros beyond the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolution {
    /// How many: channels of the output.
    pub filters: usize,
    /// Odd: 1 or 3.
    pub size: usize,
    /// 1 or 2.
    pub stride: usize,
}

/// Bytes of patches that are made at a time: they stay in the second cache.
const TILE_BYTES: usize = 192 << 10;

impl Convolution {
    /// The shape that becomes of an image.
    pub fn output(self, input: Shape) -> Shape {
        Shape { height: input.height.div_ceil(self.stride), width: input.width.div_ceil(self.stride), channels: self.filters }
    }

    /// Numbers in a filter.
    pub fn depth(self, input: Shape) -> usize {
        self.size * self.size * input.channels
    }

    /// Output rows whose patches fit into a tile.
    fn tiles<T>(self, input: Shape) -> impl Iterator<Item = Range<usize>> {
        let output = self.output(input);
        let rows = (TILE_BYTES / (self.depth(input) * output.width * size_of::<T>())).clamp(1, output.height);
        (0..output.height).step_by(rows).map(move |first| first..(first + rows).min(output.height))
    }

    /// Calls `each` with every run of numbers that a patch shares with the image: place in the patches, place in the image, length.
    #[inline(always)]
    fn runs(self, input: Shape, rows: Range<usize>, mut each: impl FnMut(usize, Option<usize>, usize)) {
        let (pad, c, width) = (self.size / 2, input.channels, self.output(input).width);
        let mut at = 0;
        for row in rows {
            for column in 0..width {
                for down in 0..self.size {
                    let y = (row * self.stride + down).checked_sub(pad).filter(|&y| y < input.height);
                    let left = column * self.stride;
                    match y {
                        Some(y) if left >= pad && left + self.size - pad <= input.width => {
                            each(at, Some((y * input.width + left - pad) * c), self.size * c);
                        }
                        Some(y) => {
                            for across in 0..self.size {
                                let x = (left + across).checked_sub(pad).filter(|&x| x < input.width);
                                each(at + across * c, x.map(|x| (y * input.width + x) * c), c);
                            }
                        }
                        None => each(at, None, self.size * c),
                    }
                    at += self.size * c;
                }
            }
        }
    }

    /// The patches of some output rows, one a row.
    fn gather<T: Real>(self, input: Shape, image: &[T], rows: Range<usize>, patches: &mut [T]) {
        self.runs(input, rows, |to, from, length| match from {
            Some(from) => patches[to..to + length].copy_from_slice(&image[from..from + length]),
            None => patches[to..to + length].fill(T::of(0.0)),
        });
    }

    /// The adjoint: adds the patches to the image.
    fn scatter<T: Real>(self, input: Shape, image: &mut [T], rows: Range<usize>, patches: &[T]) {
        simd(
            #[inline(always)]
            || {
                self.runs(
                    input,
                    rows,
                    #[inline(always)]
                    |from, to, length| {
                        let Some(to) = to else { return };
                        for (x, p) in image[to..to + length].iter_mut().zip(&patches[from..from + length]) {
                            *x += *p;
                        }
                    },
                );
            },
        );
    }

    /// y = W ∗ x, where `y` holds zeros, or anything if it has one part; `w`: the parts of the filters, each filters × size × size × channels.
    /// `after` is called on each finished image.
    pub fn forward<T: Real>(self, x: &Tensor<T>, w: &[&[T]], mut y: Tensor<T>, after: impl Fn(&mut [T]) + Sync) -> Tensor<T> {
        let (output, depth) = (self.output(x.shape), self.depth(x.shape));
        let parts = y.parts;
        y.images_mut().for_each_init(Vec::new, |patches, (image, y)| {
            for rows in self.tiles::<T>(x.shape) {
                let pixels = rows.len() * output.width;
                let place = rows.start * output.width * self.filters;
                patches.resize(pixels * depth, T::of(0.0));
                for a in 0..x.parts {
                    self.gather(x.shape, x.part(image, a), rows.clone(), patches);
                    for (b, w) in w.iter().enumerate().take(parts - a) {
                        let y = &mut y[(a + b) * output.len() + place..][..pixels * self.filters];
                        let (patches, w) = (row_major(patches, pixels, depth), row_major(w, self.filters, depth).transpose());
                        let y = row_major_mut(y, pixels, self.filters);
                        if a == 0 { multiply(patches, w, y) } else { multiply_onto(patches, w, y) }
                    }
                }
            }
            after(y);
        });
        y
    }

    /// From the gradient in y: the gradient in W, part after part; the gradient in x is added to `gx`.
    pub fn backward<T: Real>(self, x: &Tensor<T>, w: &[&[T]], gy: &Tensor<T>, gx: Option<&mut Tensor<T>>) -> Vec<T> {
        let sums: Vec<Vec<T>> = match gx {
            Some(gx) => {
                let stride = gx.stride();
                let groups = gx.data.par_chunks_mut(GROUP * stride).enumerate();
                groups.map(|(group, gx)| self.backward_group(x, w, gy, group, Some(gx))).collect()
            }
            None => (0..x.images.div_ceil(GROUP)).into_par_iter().map(|group| self.backward_group(x, w, gy, group, None)).collect(),
        };
        tree_sum(sums)
    }

    fn backward_group<T: Real>(self, x: &Tensor<T>, w: &[&[T]], gy: &Tensor<T>, group: usize, mut gx: Option<&mut [T]>) -> Vec<T> {
        let (output, depth, order) = (self.output(x.shape), self.depth(x.shape), gy.parts - 1);
        let size = self.filters * depth;
        let mut gw = vec![T::of(0.0); gy.parts * size];
        let mut patches = Vec::new();
        let images = group * GROUP..((group + 1) * GROUP).min(x.images);
        for image in images.clone() {
            for rows in self.tiles::<T>(x.shape) {
                let pixels = rows.len() * output.width;
                let place = rows.start * output.width * self.filters;
                patches.resize(pixels * depth, T::of(0.0));
                let slope = |part: usize| row_major(&gy.part(image, part)[place..][..pixels * self.filters], pixels, self.filters);
                for a in 0..x.parts {
                    self.gather(x.shape, x.part(image, a), rows.clone(), &mut patches);
                    for b in 0..=order - a {
                        let gw = row_major_mut(&mut gw[(a + b) * size..][..size], self.filters, depth);
                        multiply_onto(slope(b).transpose(), row_major(&patches, pixels, depth), gw);
                    }
                }
                let Some(gx) = &mut gx else { continue };
                let gx = &mut gx[(image - images.start) * gy.parts * x.shape.len()..][..gy.parts * x.shape.len()];
                for k in 0..=order {
                    for (b, w) in w.iter().enumerate().take(k + 1) {
                        let (w, patches) = (row_major(w, self.filters, depth), row_major_mut(&mut patches, pixels, depth));
                        if b == 0 { multiply(slope(k - b), w, patches) } else { multiply_onto(slope(k - b), w, patches) }
                    }
                    self.scatter(x.shape, &mut gx[k * x.shape.len()..][..x.shape.len()], rows.clone(), &patches);
                }
            }
        }
        gw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: usize) -> Vec<f64> {
        (0..count).map(|k| (((k * 37 + seed * 11) % 23) as f64) - 11.0).collect()
    }

    /// From the definition: y(i, j, f) = Σ w(f, a, b, c) x(si + a − p, sj + b − p, c). Whole numbers: exact.
    #[test]
    fn equals_the_definition_and_its_adjoint() {
        for (height, width, channels, filters, size, stride) in
            [(5, 4, 3, 2, 3, 1), (5, 6, 2, 9, 3, 2), (4, 4, 3, 5, 1, 2), (1, 1, 2, 3, 3, 1), (2, 3, 1, 1, 3, 2)]
        {
            let (shape, layer) = (Shape { height, width, channels }, Convolution { filters, size, stride });
            let x = Tensor { shape, images: 2, parts: 1, data: numbers(2 * shape.len(), 1) };
            let w = numbers(filters * layer.depth(shape), 2);
            let y = layer.forward(&x, &[&w], Tensor::zeros(layer.output(shape), 2, 1), |_| ());
            let gy = Tensor { data: numbers(y.data.len(), 3), ..y.clone() };
            let (mut slow_x, mut slow_w) = (vec![0.0; x.data.len()], vec![0.0; w.len()]);
            for at in 0..y.data.len() {
                let (f, j, i) = (at % filters, at / filters % y.shape.width, at / filters / y.shape.width % y.shape.height);
                let image = at / y.shape.len();
                let mut sum = 0.0;
                for (a, b, c) in (0..size).flat_map(|a| (0..size).flat_map(move |b| (0..channels).map(move |c| (a, b, c)))) {
                    let (row, column) = ((i * stride + a).wrapping_sub(size / 2), (j * stride + b).wrapping_sub(size / 2));
                    if row >= height || column >= width {
                        continue;
                    }
                    let (from, weight) = (image * shape.len() + (row * width + column) * channels + c, ((f * size + a) * size + b) * channels + c);
                    sum += w[weight] * x.data[from];
                    slow_x[from] += w[weight] * gy.data[at];
                    slow_w[weight] += x.data[from] * gy.data[at];
                }
                assert_eq!(y.data[at], sum);
            }
            let mut gx = Tensor::zeros(shape, 2, 1);
            assert_eq!(layer.backward(&x, &[&w], &gy, Some(&mut gx)), slow_w);
            assert_eq!(gx.data, slow_x);
        }
    }
}
