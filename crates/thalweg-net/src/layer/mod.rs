//! The layers: forward and backward on truncated Taylor series.
//!
//! With one part each pass is the ordinary one. With parameters w + t d, two parts of the backward pass are the gradient and the
//! Hessian-vector product, and three parts of the forward pass the loss with both directional derivatives.

mod batch_norm;
mod convolution;
mod linear;
mod pool;
mod shortcut;

pub use batch_norm::{Normal, batch_norm, batch_norm_backward};
pub use convolution::Convolution;
pub use linear::{linear, linear_backward};
pub use pool::{average_pool, average_pool_backward};
pub use shortcut::{subsample, subsample_backward};

use thalweg::linalg::Real;

/// Images whose weight gradients are summed one after the other; the sums of such groups are added in a fixed tree.
const GROUP: usize = 8;

/// What a layer computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Filters over the neighbourhood of each pixel, zeros outside, no bias.
    Convolution(Convolution),
    /// Each channel to mean 0 and variance 1, then scaled and shifted.
    BatchNorm,
    /// A matrix and a bias on the whole image.
    Linear {
        /// Rows of the matrix.
        outputs: usize,
    },
    /// The sum of two images.
    Add,
    /// The mean of each channel.
    AveragePool,
    /// Every second pixel, zeros in new channels, evenly before and after the old ones: shortcut A.
    Subsample {
        /// Of the output.
        channels: usize,
    },
}

/// What follows a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// max(x, 0); its derivative at 0 is 0.
    Relu,
}

/// Σ of equally long parts, pairwise in a fixed tree.
fn tree_sum<T: Real>(mut parts: Vec<Vec<T>>) -> Vec<T> {
    while parts.len() > 1 {
        let pairs = parts.chunks_mut(2).map(|pair| {
            let mut sum = std::mem::take(&mut pair[0]);
            if let Some(other) = pair.get(1) {
                crate::elementwise::add(&mut sum, other);
            }
            sum
        });
        parts = pairs.collect();
    }
    parts.pop().unwrap_or_default()
}
