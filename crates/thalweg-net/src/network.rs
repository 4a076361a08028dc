//! A network: layers in order, each fed by earlier ones, and where their parameters stand.

use crate::architecture::Architecture;
use crate::layer::{Activation, Layer};
use crate::tensor::Shape;
use rand_distr::{Distribution, StandardNormal};
use std::ops::Range;
use thalweg::data::stream;

/// What a group of parameters is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Filters, or rows of a matrix: `count` of this shape each.
    Filters {
        /// How many.
        count: usize,
        /// Of one.
        shape: Shape,
    },
    /// γ of a batch normalisation.
    Scale,
    /// β of a batch normalisation, or the bias of a matrix.
    Shift,
}

/// Parameters that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// As other programs name them: `layer1.0.conv1.weight`.
    pub name: String,
    /// What they are.
    pub role: Role,
    /// Their place in the flat vector.
    pub range: Range<usize>,
}

/// A layer and what feeds it.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it computes.
    pub layer: Layer,
    /// What follows.
    pub activation: Activation,
    /// Values that feed it: 0 is the image, and node n makes value n + 1.
    pub inputs: Vec<usize>,
    /// Of what it makes.
    pub shape: Shape,
    /// Its parameters.
    pub parameters: Range<usize>,
    /// Its channels among those of all batch normalisations.
    pub statistics: Range<usize>,
    /// As other programs name it.
    pub name: String,
}

/// Layers in order.
#[derive(Debug, Clone)]
pub struct Network {
    /// What it was made from.
    pub architecture: Architecture,
    /// Of an image.
    pub input: Shape,
    /// Outputs.
    pub classes: usize,
    /// In order of evaluation.
    pub nodes: Vec<Node>,
    /// All parameters, in order.
    pub groups: Vec<Group>,
    /// Channels of all batch normalisations.
    pub channels: usize,
}

/// Means and variances that batch normalisations use in evaluation mode.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// μ.
    pub mean: Vec<f64>,
    /// σ².
    pub variance: Vec<f64>,
}

impl Network {
    /// Parameters.
    pub fn dim(&self) -> usize {
        self.groups.last().map_or(0, |group| group.range.end)
    }

    /// The shape of a value.
    pub fn shape(&self, value: usize) -> Shape {
        if value == 0 { self.input } else { self.nodes[value - 1].shape }
    }

    /// A start: filters and matrices N(0, 2/numbers in a row), scales 1, shifts 0 (He et al. 2015).
    pub fn start(&self, seed: u64) -> Vec<f64> {
        let mut w = vec![0.0; self.dim()];
        for (number, group) in self.groups.iter().enumerate() {
            let w = &mut w[group.range.clone()];
            match group.role {
                Role::Filters { shape, .. } => {
                    let deviation = (2.0 / shape.len() as f64).sqrt();
                    let mut rng = stream(seed, START_STREAM + number as u64);
                    w.iter_mut().for_each(|w| *w = deviation * Distribution::<f64>::sample(&StandardNormal, &mut rng));
                }
                Role::Scale => w.fill(1.0),
                Role::Shift => {}
            }
        }
        w
    }

    /// Statistics that change nothing: mean 0, variance 1.
    pub fn unit_statistics(&self) -> Statistics {
        Statistics { mean: vec![0.0; self.channels], variance: vec![1.0; self.channels] }
    }
}

const START_STREAM: u64 = 11 << 56;

/// Puts layers together.
pub(crate) struct Builder {
    input: Shape,
    nodes: Vec<Node>,
    groups: Vec<Group>,
    channels: usize,
}

impl Builder {
    pub(crate) fn new(input: Shape) -> Self {
        Builder { input, nodes: Vec::new(), groups: Vec::new(), channels: 0 }
    }

    /// The value that was made last.
    pub(crate) fn last(&self) -> usize {
        self.nodes.len()
    }

    /// A layer on the last value; returns what it makes.
    pub(crate) fn push(&mut self, layer: Layer, activation: Activation, name: &str) -> usize {
        self.push_from(layer, activation, name, &[self.last()])
    }

    /// A layer on these values.
    pub(crate) fn push_from(&mut self, layer: Layer, activation: Activation, name: &str, inputs: &[usize]) -> usize {
        let input = inputs[0].checked_sub(1).map_or(self.input, |node| self.nodes[node].shape);
        let first = self.groups.last().map_or(0, |group| group.range.end);
        let (shape, channels) = match layer {
            Layer::Convolution(convolution) => {
                let filter = Shape { height: convolution.size, width: convolution.size, channels: input.channels };
                self.group(format!("{name}.weight"), Role::Filters { count: convolution.filters, shape: filter });
                (convolution.output(input), 0)
            }
            Layer::BatchNorm => {
                self.group(format!("{name}.weight"), Role::Scale);
                self.extend(input.channels);
                self.group(format!("{name}.bias"), Role::Shift);
                self.extend(input.channels);
                (input, input.channels)
            }
            Layer::Linear { outputs } => {
                self.group(format!("{name}.weight"), Role::Filters { count: outputs, shape: input });
                self.group(format!("{name}.bias"), Role::Shift);
                self.extend(outputs);
                (Shape::vector(outputs), 0)
            }
            Layer::Add => (input, 0),
            Layer::AveragePool => (Shape::vector(input.channels), 0),
            Layer::Subsample { channels } => (Shape { height: input.height.div_ceil(2), width: input.width.div_ceil(2), channels }, 0),
        };
        let parameters = first..self.groups.last().map_or(0, |group| group.range.end);
        let statistics = self.channels..self.channels + channels;
        self.channels += channels;
        self.nodes.push(Node { layer, activation, inputs: inputs.to_vec(), shape, parameters, statistics, name: name.to_owned() });
        self.last()
    }

    fn group(&mut self, name: String, role: Role) {
        let start = self.groups.last().map_or(0, |group| group.range.end);
        let size = if let Role::Filters { count, shape } = role { count * shape.len() } else { 0 };
        self.groups.push(Group { name, role, range: start..start + size });
    }

    /// Gives the last group its size.
    fn extend(&mut self, size: usize) {
        let group = self.groups.last_mut().expect("a group was begun");
        group.range.end += size;
    }

    pub(crate) fn finish(self, architecture: Architecture, classes: usize) -> Network {
        let Builder { input, nodes, groups, channels } = self;
        Network { architecture, input, classes, nodes, groups, channels }
    }
}
