//! The cross-entropy of outputs and labels.

use crate::series::Series;
use crate::tensor::Tensor;
use thalweg::linalg::{Real, fixed_order_sum};

/// Cross-entropy summed over a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Losses {
    /// Σ −ln softmax(z)_label.
    pub sum: Series,
    /// Images whose largest output is the one of their label.
    pub right: usize,
}

/// The outputs of an image as series.
fn outputs<T: Real>(z: &Tensor<T>, image: usize) -> Vec<Series> {
    let output = |class: usize| Series(std::array::from_fn(|k| if k < z.parts { z.part(image, k)[class].f64() } else { 0.0 }));
    (0..z.shape.len()).map(output).collect()
}

/// e^(z − max) and their sum.
fn exponentials(z: &[Series]) -> (Vec<Series>, Series, f64) {
    let most = z.iter().fold(f64::NEG_INFINITY, |most, z| most.max(z.0[0]));
    let powers: Vec<Series> = z.iter().map(|z| (*z - Series::of(most)).exp()).collect();
    let sum = powers.iter().fold(Series::default(), |sum, &p| sum + p);
    (powers, sum, most)
}

/// The losses of a batch, in f64 and in fixed order.
pub fn cross_entropy<T: Real>(z: &Tensor<T>, labels: &[u8]) -> Losses {
    let mut right = 0;
    let each: Vec<Series> = labels
        .iter()
        .enumerate()
        .map(|(image, &label)| {
            let z = outputs(z, image);
            let (_, sum, most) = exponentials(&z);
            let own = z[usize::from(label)];
            // the first of equals, as everywhere
            let largest = z.iter().position(|z| z.0[0] == most);
            right += usize::from(largest == Some(usize::from(label)));
            sum.ln() + Series::of(most) - own
        })
        .collect();
    let part = |k: usize| fixed_order_sum(&each.iter().map(|s| s.0[k]).collect::<Vec<_>>());
    Losses { sum: Series([part(0), part(1), part(2)]), right }
}

/// Its gradient in the outputs times `share`: share (softmax(z) − e_label), with `parts` parts.
pub fn cross_entropy_backward<T: Real>(z: &Tensor<T>, labels: &[u8], share: f64, parts: usize) -> Tensor<T> {
    let classes = z.shape.len();
    let mut gradient = Tensor::zeros(z.shape, z.images, parts);
    for ((image, &label), out) in labels.iter().enumerate().zip(gradient.data.chunks_exact_mut(parts * classes)) {
        let (powers, sum, _) = exponentials(&outputs(z, image));
        let inverse = sum.inverse();
        for (class, power) in powers.into_iter().enumerate() {
            let own = if class == usize::from(label) { Series::of(1.0) } else { Series::default() };
            let slope = (power * inverse - own).times(share);
            (0..parts).for_each(|k| out[k * classes + class] = T::of(slope.0[k]));
        }
    }
    gradient
}
