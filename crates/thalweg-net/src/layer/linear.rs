//! A matrix and a bias on the whole image.

use super::{GROUP, tree_sum};
use crate::elementwise::add;
use crate::tensor::Tensor;
use rayon::prelude::*;
use thalweg::linalg::{Real, multiply_onto, row_major, row_major_mut};

/// y = W x + b, where `y` holds zeros; `w` and `b` by parts, W outputs × numbers of an image.
pub fn linear<T: Real>(x: &Tensor<T>, w: &[&[T]], b: &[&[T]], mut y: Tensor<T>, after: impl Fn(&mut [T]) + Sync) -> Tensor<T> {
    let (outputs, depth) = (b[0].len(), x.shape.len());
    let parts = y.parts;
    y.images_mut().for_each(|(image, y)| {
        for k in 0..parts {
            let y = &mut y[k * outputs..][..outputs];
            for a in (0..x.parts.min(k + 1)).filter(|a| k - a < w.len()) {
                multiply_onto(row_major(w[k - a], outputs, depth), row_major(x.part(image, a), depth, 1), row_major_mut(y, outputs, 1));
            }
            if let Some(b) = b.get(k) {
                add(y, b);
            }
        }
        after(y);
    });
    y
}

/// From the gradient in y: the gradients in W and then in b, part after part; the gradient in x is added to `gx`.
pub fn linear_backward<T: Real>(x: &Tensor<T>, w: &[&[T]], gy: &Tensor<T>, gx: Option<&mut Tensor<T>>) -> Vec<T> {
    let (outputs, depth, order) = (gy.shape.len(), x.shape.len(), gy.parts - 1);
    if let Some(gx) = gx {
        gx.images_mut().for_each(|(image, gx)| {
            for k in 0..=order {
                for (b, w) in w.iter().enumerate().take(k + 1) {
                    let out = row_major_mut(&mut gx[k * depth..][..depth], depth, 1);
                    multiply_onto(row_major(w, outputs, depth).transpose(), row_major(gy.part(image, k - b), outputs, 1), out);
                }
            }
        });
    }
    let size = outputs * depth + outputs;
    let group = |group: usize| {
        let mut sum = vec![T::of(0.0); gy.parts * size];
        for image in group * GROUP..((group + 1) * GROUP).min(x.images) {
            for (k, sum) in sum.chunks_exact_mut(size).enumerate() {
                let (gw, gb) = sum.split_at_mut(outputs * depth);
                for a in 0..x.parts.min(k + 1) {
                    let (slope, x) = (row_major(gy.part(image, k - a), outputs, 1), row_major(x.part(image, a), 1, depth));
                    multiply_onto(slope, x, row_major_mut(gw, outputs, depth));
                }
                add(gb, gy.part(image, k));
            }
        }
        sum
    };
    tree_sum((0..x.images.div_ceil(GROUP)).into_par_iter().map(group).collect())
}
