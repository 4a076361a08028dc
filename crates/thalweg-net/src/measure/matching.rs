//! Channels of one network matched to those of another: what is left between two networks when the order of their channels is not.

use crate::layer::Layer;
use crate::network::{Network, Role, Statistics};
use std::collections::BTreeMap;
use thalweg::linalg::best_assignment;

/// Channels that must be permuted together, and all that knows of them.
#[derive(Debug, Clone, Default)]
struct Bundle {
    size: usize,
    /// Groups of parameters with an entry, or a filter, for each channel.
    outputs: Vec<usize>,
    /// Groups of filters that read the channels.
    inputs: Vec<usize>,
    /// First channel among the statistics of batch normalisations.
    statistics: Vec<usize>,
}

/// Sweeps over all bundles, at most; each raises a sum that is bounded.
const SWEEPS: usize = 50;

/// Permutes the channels of `weights` so that Σ of products with `like` is large, one set of channels after the other until nothing changes;
/// the function that the network computes stays what it is. Statistics move along.
///
/// Channels that shortcut A carries from one stage to the next keep their places: it fixes their order. So do images and classes.
///
/// Source: Ainsworth, Hayase, Srinivasa (2023), weight matching.
pub fn match_channels(network: &Network, like: &[f64], weights: &[f64], statistics: &Statistics) -> (Vec<f64>, Statistics) {
    let bundles = bundles(network);
    let (mut weights, mut statistics) = (weights.to_vec(), statistics.clone());
    for _ in 0..SWEEPS {
        let mut has_changed = false;
        for bundle in &bundles {
            let order = best_assignment(&scores(network, bundle, like, &weights), bundle.size);
            if order.iter().enumerate().any(|(to, &from)| to != from) {
                has_changed = true;
                permute(network, bundle, &order, &mut weights, &mut statistics);
            }
        }
        if !has_changed {
            break;
        }
    }
    (weights, statistics)
}

/// For each value the value whose channels it shares.
fn bundles(network: &Network) -> Vec<Bundle> {
    let mut owner: Vec<usize> = (0..=network.nodes.len()).collect();
    let mut is_fixed = vec![false; owner.len()];
    fn root(owner: &[usize], mut value: usize) -> usize {
        while owner[value] != value {
            value = owner[value];
        }
        value
    }
    (is_fixed[0], is_fixed[network.nodes.len()]) = (true, true);
    for (at, node) in network.nodes.iter().enumerate() {
        match node.layer {
            Layer::Convolution(_) | Layer::Linear { .. } => {}
            Layer::Subsample { .. } => {
                is_fixed[at + 1] = true;
                is_fixed[root(&owner, node.inputs[0])] = true;
            }
            Layer::BatchNorm | Layer::AveragePool => owner[at + 1] = root(&owner, node.inputs[0]),
            Layer::Add => {
                let (first, second) = (root(&owner, node.inputs[0]), root(&owner, node.inputs[1]));
                is_fixed[first] |= is_fixed[second];
                (owner[second], owner[at + 1]) = (first, first);
            }
        }
    }
    let fixed: Vec<usize> = (0..owner.len()).filter(|&value| is_fixed[value]).map(|value| root(&owner, value)).collect();
    let mut bundles: BTreeMap<usize, Bundle> = BTreeMap::new();
    let first_group = |at: usize| network.groups.iter().position(|group| group.range.start == network.nodes[at].parameters.start);
    for (at, node) in network.nodes.iter().enumerate().filter(|(_, node)| !node.parameters.is_empty()) {
        let first = first_group(at).expect("a layer with parameters has groups");
        let own = bundles.entry(root(&owner, at + 1)).or_default();
        own.size = node.shape.channels;
        let groups = network.groups[first..].iter().take_while(|group| group.range.end <= node.parameters.end).count();
        own.outputs.extend(first..first + groups);
        if node.layer == Layer::BatchNorm {
            own.statistics.push(node.statistics.start);
        } else {
            bundles.entry(root(&owner, node.inputs[0])).or_default().inputs.push(first);
        }
    }
    bundles.into_iter().filter(|(value, _)| !fixed.contains(value)).map(|(_, bundle)| bundle).collect()
}

/// Entry (i, j): what channel j of `weights` adds to the sum of products where it takes the place of channel i.
fn scores(network: &Network, bundle: &Bundle, like: &[f64], weights: &[f64]) -> Vec<f64> {
    let n = bundle.size;
    let mut scores = vec![0.0; n * n];
    let mut add = |a: &dyn Fn(usize, usize) -> f64, b: &dyn Fn(usize, usize) -> f64, terms: usize| {
        for (i, row) in scores.chunks_exact_mut(n).enumerate() {
            for (j, score) in row.iter_mut().enumerate() {
                *score += (0..terms).map(|t| a(i, t) * b(j, t)).sum::<f64>();
            }
        }
    };
    for group in bundle.outputs.iter().map(|&group| &network.groups[group]) {
        let (a, b) = (&like[group.range.clone()], &weights[group.range.clone()]);
        let size = a.len() / n;
        add(&|i, t| a[i * size + t], &|j, t| b[j * size + t], size);
    }
    for group in bundle.inputs.iter().map(|&group| &network.groups[group]) {
        let (a, b) = (&like[group.range.clone()], &weights[group.range.clone()]);
        add(&|i, t| a[t * n + i], &|j, t| b[t * n + j], a.len() / n);
    }
    scores
}

/// Channel i becomes what channel order[i] was.
fn permute(network: &Network, bundle: &Bundle, order: &[usize], weights: &mut [f64], statistics: &mut Statistics) {
    let rows = |flat: &mut [f64]| {
        let (old, size) = (flat.to_vec(), flat.len() / order.len());
        order.iter().zip(flat.chunks_exact_mut(size)).for_each(|(&from, row)| row.copy_from_slice(&old[from * size..][..size]));
    };
    bundle.outputs.iter().for_each(|&group| rows(&mut weights[network.groups[group].range.clone()]));
    for &first in &bundle.statistics {
        rows(&mut statistics.mean[first..first + order.len()]);
        rows(&mut statistics.variance[first..first + order.len()]);
    }
    for &group in &bundle.inputs {
        debug_assert!(matches!(network.groups[group].role, Role::Filters { .. }));
        for pixel in weights[network.groups[group].range.clone()].chunks_exact_mut(order.len()) {
            let old = pixel.to_vec();
            order.iter().zip(pixel).for_each(|(&from, x)| *x = old[from]);
        }
    }
}
