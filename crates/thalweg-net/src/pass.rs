//! Forward and backward through a network.

use crate::buffers::Buffers;
use crate::elementwise::{add, mask, relu};
use crate::layer::{
    Activation, Layer, Normal, average_pool, average_pool_backward, batch_norm, batch_norm_backward, linear, linear_backward, subsample,
    subsample_backward,
};
use crate::network::{Network, Node, Statistics};
use crate::tensor::{Flat, Tensor, product_parts};
use rayon::prelude::*;
use std::ops::Range;
use thalweg::linalg::Real;

/// What batch normalisations normalise by.
#[derive(Debug, Clone, Copy)]
pub enum Norms<'a> {
    /// The batch itself, as in training.
    OfBatch,
    /// These.
    Given(&'a Statistics),
}

/// A network evaluated on a batch, with all that the way back needs.
pub struct Forward<'a, T: Real> {
    network: &'a Network,
    weights: &'a Flat<T>,
    buffers: &'a Buffers<T>,
    values: Vec<Option<Tensor<T>>>,
    normals: Vec<Option<Normal>>,
}

/// Values that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All: a backward pass may follow.
    All,
    /// Each as long as a later layer needs it.
    Needed,
}

fn parts_of<'a, T: Real>(weights: &'a Flat<T>, range: &Range<usize>) -> Vec<&'a [T]> {
    (0..weights.parts()).map(|k| &weights.part(k)[range.clone()]).collect()
}

impl<'a, T: Real> Forward<'a, T> {
    /// Evaluates up to the part of this order.
    pub fn run(
        (network, weights, buffers): (&'a Network, &'a Flat<T>, &'a Buffers<T>),
        images: Tensor<T>,
        norms: Norms<'_>,
        order: usize,
        keep: Keep,
    ) -> Self {
        let mut last_use = vec![0; network.nodes.len() + 1];
        network.nodes.iter().enumerate().for_each(|(at, node)| node.inputs.iter().for_each(|&input| last_use[input] = at));
        let mut pass = Forward { network, weights, buffers, values: vec![Some(images)], normals: Vec::new() };
        for (at, node) in network.nodes.iter().enumerate() {
            let (value, normal) = pass.evaluate(node, norms, order);
            pass.values.push(Some(value));
            pass.normals.push(normal);
            if keep == Keep::Needed {
                for &input in node.inputs.iter().filter(|&&input| last_use[input] == at) {
                    // the memory of the images is not ours
                    pass.values[input].take().filter(|_| input > 0).into_iter().for_each(|value| buffers.keep(value));
                }
            }
        }
        pass
    }

    fn value(&self, value: usize) -> &Tensor<T> {
        self.values[value].as_ref().expect("it is kept until its last use")
    }

    fn evaluate(&self, node: &Node, norms: Norms<'_>, order: usize) -> (Tensor<T>, Option<Normal>) {
        let x = self.value(node.inputs[0]);
        let parameters = parts_of(self.weights, &node.parameters);
        let after = |image: &mut [T]| {
            if node.activation == Activation::Relu {
                relu(image, node.shape.len());
            }
        };
        let mut normal = None;
        let parts = product_parts(x.parts, parameters.len(), order);
        let zeros = |parts: usize| self.buffers.zeros(node.shape, x.images, parts);
        let unset = |parts: usize| self.buffers.unset(node.shape, x.images, parts);
        let y = match node.layer {
            Layer::Convolution(convolution) => convolution.forward(x, &parameters, if parts == 1 { unset(1) } else { zeros(parts) }, after),
            Layer::BatchNorm => {
                let (scale, shift): (Vec<&[T]>, Vec<&[T]>) = parameters.iter().map(|p| p.split_at(node.shape.channels)).unzip();
                let found = match norms {
                    Norms::OfBatch => Normal::of_batch(x, order),
                    Norms::Given(all) => Normal::given(&all.mean[node.statistics.clone()], &all.variance[node.statistics.clone()]),
                };
                batch_norm(x, &scale, &shift, normal.insert(found), unset(order + 1), after)
            }
            Layer::Linear { outputs } => {
                let (w, b): (Vec<&[T]>, Vec<&[T]>) = parameters.iter().map(|p| p.split_at(p.len() - outputs)).unzip();
                linear(x, &w, &b, zeros(parts), after)
            }
            Layer::Add => self.sum(x, self.value(node.inputs[1]), after),
            Layer::AveragePool => average_pool(x, zeros(x.parts), after),
            Layer::Subsample { .. } => subsample(x, zeros(x.parts), after),
        };
        (y, normal)
    }

    /// The outputs, one for each class.
    pub fn outputs(&self) -> &Tensor<T> {
        self.value(self.network.nodes.len())
    }

    /// Means, variances and terms of each batch normalisation, at t = 0.
    pub fn statistics(&self) -> Statistics {
        let normals = || self.normals.iter().flatten();
        Statistics {
            mean: normals().flat_map(|n| n.mean.iter().map(|m| m.0[0])).collect(),
            variance: normals().flat_map(|n| n.variance.iter().copied()).collect(),
        }
    }

    /// The gradient in the parameters, from that in the outputs; both with all parts up to the order.
    pub fn backward(&self, slope: Tensor<T>) -> Flat<T> {
        let mut gradient = Flat::zeros(self.network.dim(), slope.parts);
        let mut slopes: Vec<Option<Tensor<T>>> = vec![None; self.values.len()];
        slopes[self.network.nodes.len()] = Some(slope);
        for (at, node) in self.network.nodes.iter().enumerate().rev() {
            let mut gy: Tensor<T> = slopes[at + 1].take().expect("every value is used");
            if node.activation == Activation::Relu {
                mask_all(&mut gy, self.value(at + 1));
            }
            let sums = self.back(node, self.normals[at].as_ref(), gy, &mut slopes);
            let len = node.parameters.len();
            for (k, sum) in sums.chunks_exact(len.max(1)).enumerate() {
                gradient.part_mut(k)[node.parameters.clone()].copy_from_slice(sum);
            }
        }
        gradient
    }

    /// Hands the gradient on to what feeds a node; returns that in its parameters.
    fn back(&self, node: &Node, normal: Option<&Normal>, mut gy: Tensor<T>, slopes: &mut [Option<Tensor<T>>]) -> Vec<T> {
        let input = node.inputs[0];
        let x = self.value(input);
        let parameters = parts_of(self.weights, &node.parameters);
        let parts = gy.parts;
        // nobody asks for the gradient in the images, and some layers hand their own memory on
        let adds = input > 0 && !matches!(node.layer, Layer::BatchNorm | Layer::Add);
        let gx = adds.then(|| slopes[input].get_or_insert_with(|| self.buffers.zeros(x.shape, x.images, parts)));
        match node.layer {
            Layer::Convolution(convolution) => {
                let sums = convolution.backward(x, &parameters, &gy, gx);
                self.buffers.keep(gy);
                return sums;
            }
            Layer::Linear { outputs } => {
                let w: Vec<&[T]> = parameters.iter().map(|p| &p[..p.len() - outputs]).collect();
                return linear_backward(x, &w, &gy, gx);
            }
            Layer::BatchNorm => {
                let scale: Vec<&[T]> = parameters.iter().map(|p| &p[..node.shape.channels]).collect();
                let sums = batch_norm_backward(x, &scale, normal.expect("a batch normalisation has one"), &mut gy);
                self.add_to(&mut slopes[input], gy);
                return sums;
            }
            Layer::Add => {
                self.add_to(&mut slopes[node.inputs[1]], self.buffers.copy(&gy));
                self.add_to(&mut slopes[input], gy);
                return Vec::new();
            }
            Layer::AveragePool => gx.into_iter().for_each(|gx| average_pool_backward(&gy, gx)),
            Layer::Subsample { .. } => gx.into_iter().for_each(|gx| subsample_backward(&gy, gx)),
        }
        self.buffers.keep(gy);
        Vec::new()
    }

    fn sum(&self, x: &Tensor<T>, z: &Tensor<T>, after: impl Fn(&mut [T]) + Sync) -> Tensor<T> {
        let (longer, other) = if x.parts >= z.parts { (x, z) } else { (z, x) };
        let mut y = self.buffers.copy(longer);
        y.images_mut().for_each(|(image, y)| {
            for (part, y) in y.chunks_exact_mut(other.shape.len()).enumerate().take(other.parts) {
                add(y, other.part(image, part));
            }
            after(y);
        });
        y
    }

    fn add_to(&self, sum: &mut Option<Tensor<T>>, gradient: Tensor<T>) {
        match sum {
            Some(sum) => {
                sum.data.par_chunks_mut(1 << 16).zip(gradient.data.par_chunks(1 << 16)).for_each(|(sum, x)| add(sum, x));
                self.buffers.keep(gradient);
            }
            None => *sum = Some(gradient),
        }
    }
}

impl<T: Real> Drop for Forward<'_, T> {
    fn drop(&mut self) {
        self.values.drain(..).skip(1).flatten().for_each(|value| self.buffers.keep(value));
    }
}

fn mask_all<T: Real>(gy: &mut Tensor<T>, output: &Tensor<T>) {
    let len = gy.shape.len();
    gy.images_mut().for_each(|(image, gy)| gy.chunks_exact_mut(len).for_each(|part| mask(part, output.part(image, 0))));
}
