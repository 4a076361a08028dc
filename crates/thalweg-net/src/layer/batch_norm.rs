//! Batch normalisation.

use crate::elementwise::{Row, add_times, affine, channel_products, channel_sums, combine, times};
use crate::series::Series;
use crate::tensor::{Shape, Tensor};
use rayon::prelude::*;
use thalweg::linalg::Real;

/// Added to variances.
const EPSILON: f64 = 1e-5;

/// What channels are normalised by.
#[derive(Debug, Clone)]
pub struct Normal {
    /// μ for each channel.
    pub mean: Vec<Series>,
    /// (σ² + ε)^(−½).
    pub inverse: Vec<Series>,
    /// σ² at t = 0, divided by the count.
    pub variance: Vec<f64>,
    /// Whether μ and σ² are those of the batch, and so depend on x.
    pub is_of_batch: bool,
}

impl Normal {
    /// Given means and variances.
    pub fn given(mean: &[f64], variance: &[f64]) -> Normal {
        let inverse = variance.iter().map(|v| Series::of(v + EPSILON).inverse_root()).collect();
        Normal { mean: mean.iter().map(|&m| Series::of(m)).collect(), inverse, variance: variance.to_vec(), is_of_batch: false }
    }

    /// Those of the batch, over images and pixels: of each image around its own mean first, so that nothing cancels (Chan, Golub, LeVeque
    /// 1983).
    pub fn of_batch<T: Real>(x: &Tensor<T>, order: usize) -> Normal {
        let (shape, parts) = (x.shape, x.parts);
        let pairs: Vec<(usize, usize)> = (0..parts).flat_map(|a| (a..parts).map(move |b| (a, b))).filter(|(a, b)| a + b <= order).collect();
        let moments = |image: usize| {
            let share = 1.0 / shape.pixels() as f64;
            let mean = |part| channel_sums(shape, x.part(image, part)).into_iter().map(|s| s * share).collect::<Vec<f64>>();
            let means: Vec<Vec<f64>> = (0..parts).map(mean).collect();
            let centres: Vec<Row<T>> = means.iter().map(|m| Row::of(shape, m.iter().copied())).collect();
            let products = |&(a, b): &(usize, usize)| channel_products(shape, (x.part(image, a), &centres[a]), (x.part(image, b), &centres[b]));
            (means, pairs.iter().map(products).collect::<Vec<_>>())
        };
        let of_images: Vec<_> = (0..x.images).into_par_iter().map(moments).collect();
        let count = x.images as f64;
        let channel = |c: usize| {
            let mean: [f64; 3] =
                std::array::from_fn(|k| if k < parts { (0..x.images).map(|i| of_images[i].0[k][c]).sum::<f64>() / count } else { 0.0 });
            let mut variance = Series::default();
            for (at, &(a, b)) in pairs.iter().enumerate() {
                let one = |i: usize| {
                    let (means, products): &(Vec<Vec<f64>>, Vec<Vec<f64>>) = &of_images[i];
                    products[at][c] / shape.pixels() as f64 + (means[a][c] - mean[a]) * (means[b][c] - mean[b])
                };
                let sum = (0..x.images).map(one).sum::<f64>() / count;
                variance.0[a + b] += if a == b { sum } else { 2.0 * sum };
            }
            (Series(mean), variance)
        };
        let (mean, variance): (Vec<Series>, Vec<Series>) = (0..shape.channels).map(channel).unzip();
        let inverse = variance.iter().map(|&v| (v + Series::of(EPSILON)).inverse_root()).collect();
        Normal { mean, inverse, variance: variance.iter().map(|v| v.0[0]).collect(), is_of_batch: true }
    }
}

/// One series for each channel from the parts of parameters.
fn series<T: Real>(parts: &[&[T]], channel: usize) -> Series {
    Series(std::array::from_fn(|k| parts.get(k).map_or(0.0, |p| p[channel].f64())))
}

/// One row of coefficients for each part.
fn rows<T: Real>(shape: Shape, channels: &[Series], parts: usize) -> Vec<Row<T>> {
    (0..parts).map(|k| Row::of(shape, channels.iter().map(|s| s.0[k]))).collect()
}

/// y = γ (x − μ)/√(σ² + ε) + β, where `y` may hold anything.
pub fn batch_norm<T: Real>(
    x: &Tensor<T>,
    scale: &[&[T]],
    shift: &[&[T]],
    normal: &Normal,
    mut y: Tensor<T>,
    after: impl Fn(&mut [T]) + Sync,
) -> Tensor<T> {
    let (shape, len) = (x.shape, x.shape.len());
    let slopes: Vec<Series> = (0..shape.channels).map(|c| series(scale, c) * normal.inverse[c]).collect();
    let levels: Vec<Series> = (0..shape.channels).map(|c| series(shift, c) - slopes[c] * normal.mean[c]).collect();
    let (a, b) = (rows(shape, &slopes, y.parts), rows(shape, &levels, y.parts));
    y.images_mut().for_each(|(image, y)| {
        for (k, y) in y.chunks_exact_mut(len).enumerate() {
            affine(y, x.part(image, 0), &a[k], &b[k]);
            for i in 1..x.parts.min(k + 1) {
                add_times(y, x.part(image, i), &a[k - i]);
            }
        }
        after(y);
    });
    y
}

/// From the gradient in y: the gradients in γ and then in β, part after part; `gy` becomes the gradient in x.
///
/// With s₁ = Σ gy, s₂ = Σ gy (x − μ), I = (σ² + ε)^(−½) and n terms: gγ = I s₂, gβ = s₁, gx = γI gy, and where the statistics are those of the
/// batch gx = γI (gy − s₁/n − I² s₂ (x − μ)/n).
pub fn batch_norm_backward<T: Real>(x: &Tensor<T>, scale: &[&[T]], normal: &Normal, gy: &mut Tensor<T>) -> Vec<T> {
    let (shape, len, parts) = (x.shape, x.shape.len(), gy.parts);
    let centre = Row::of(shape, normal.mean.iter().map(|m| m.0[0]));
    let zero = Row::of(shape, (0..shape.channels).map(|_| 0.0));
    let sums = |image: usize| {
        let first: Vec<Vec<f64>> = (0..parts).map(|k| channel_sums(shape, gy.part(image, k))).collect();
        let product =
            |k: usize, i: usize| channel_products(shape, (gy.part(image, k - i), &zero), (x.part(image, i), if i == 0 { &centre } else { &zero }));
        let second: Vec<Vec<Vec<f64>>> = (0..parts).map(|k| (0..x.parts.min(k + 1)).map(|i| product(k, i)).collect()).collect();
        (first, second)
    };
    let of_images: Vec<_> = (0..x.images).into_par_iter().map(sums).collect();
    let channel = |c: usize| {
        let mut s1 = Series::default();
        let mut s2 = Series::default();
        for (first, second) in &of_images {
            for k in 0..parts {
                s1.0[k] += first[k][c];
                s2.0[k] += second[k].iter().map(|sum| sum[c]).sum::<f64>();
            }
        }
        // x₀ was centred above, x₁ and x₂ were not
        let [_, first, second] = normal.mean[c].0;
        (s1, s2 - Series([0.0, first, second]) * s1)
    };
    let sums: Vec<(Series, Series)> = (0..shape.channels).map(channel).collect();
    let count = (x.images * shape.pixels()) as f64;
    let slopes: Vec<Series> = (0..shape.channels).map(|c| series(scale, c) * normal.inverse[c]).collect();
    let bends: Vec<Series> =
        (0..shape.channels).map(|c| (slopes[c] * normal.inverse[c] * normal.inverse[c] * sums[c].1).times(-1.0 / count)).collect();
    let levels: Vec<Series> = (0..shape.channels).map(|c| (slopes[c] * sums[c].0).times(-1.0 / count) - bends[c] * normal.mean[c]).collect();
    let (a, p, q) = (rows(shape, &slopes, parts), rows(shape, &bends, parts), rows(shape, &levels, parts));
    gy.images_mut().for_each(|(image, gy)| {
        // the highest part first: it needs the others as they were
        for k in (0..parts).rev() {
            let (lower, this) = gy.split_at_mut(k * len);
            let this = &mut this[..len];
            if normal.is_of_batch {
                combine(this, x.part(image, 0), &a[0], &p[k], &q[k]);
                (1..x.parts.min(k + 1)).for_each(|i| add_times(this, x.part(image, i), &p[k - i]));
            } else {
                times(this, &a[0]);
            }
            lower.chunks_exact(len).enumerate().for_each(|(i, gy)| add_times(this, gy, &a[k - i]));
        }
    });
    let gradients = (0..parts).flat_map(|k| {
        let sums = &sums;
        let scale = (0..shape.channels).map(move |c| T::of((normal.inverse[c] * sums[c].1).0[k]));
        scale.chain((0..shape.channels).map(move |c| T::of(sums[c].0.0[k])))
    });
    gradients.collect()
}
