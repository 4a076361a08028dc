//! A trained network as a file: weights and statistics under the names that other programs use, and a description.

use crate::architecture::Architecture;
use crate::images::Standard;
use crate::network::{Network, Role, Statistics};
use crate::safetensors::{Array, Precision, SafeTensors};
use crate::tensor::Shape;
use serde::{Deserialize, Serialize};
use std::path::Path;
use thalweg::Error;

/// Under this name the metadata of a file hold the description, as JSON.
const KEY: &str = "thalweg";

/// What a file says of its network beside the numbers: `{"network":"resnet20","input":[32,32,3],"classes":10,…}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// As in [`Architecture`].
    pub network: Architecture,
    /// Height, width, channels of an image.
    pub input: [usize; 3],
    /// Outputs.
    pub classes: usize,
    /// How pixels become numbers; none if they are standardised by the images at hand.
    #[serde(default)]
    pub standard: Option<Standard>,
    /// Steps of training that led here; 0 for a start, whose running statistics say nothing.
    #[serde(default)]
    pub steps: Option<u64>,
    /// What a training needs to go on.
    #[serde(default)]
    pub training: Option<serde_json::Value>,
}

/// A network with its weights.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The network.
    pub network: Network,
    /// What else is known.
    pub description: Description,
    /// Its parameters.
    pub weights: Vec<f64>,
    /// Running statistics of its batch normalisations.
    pub statistics: Statistics,
    /// The momentum of its training, if that goes on.
    pub velocity: Option<Vec<f64>>,
    /// How parameters are stored.
    pub precision: Precision,
}

impl Checkpoint {
    /// Reads a file; its description stands in its metadata, or is given.
    ///
    /// # Errors
    /// Those of [`SafeTensors::read`]; [`Error::Malformed`] without a description, or for an array that is missing or has another shape;
    /// [`Error::NotFinite`].
    pub fn read(path: &Path, given: Option<Description>, max_memory: u64) -> Result<Checkpoint, Error> {
        let file = SafeTensors::read(path, max_memory)?;
        let said = |found: String| Error::Malformed {
            path: path.to_owned(),
            place: "its metadata".into(),
            expected: format!("a description under \"{KEY}\", such as {{\"network\":\"resnet20\",\"input\":[32,32,3],\"classes\":10}}"),
            found,
        };
        let description = match (given, file.metadata.get(KEY)) {
            (Some(given), _) => given,
            (None, Some(text)) => serde_json::from_str::<Description>(text).map_err(|e| said(e.to_string()))?,
            (None, None) => return Err(said("none".into())),
        };
        let [height, width, channels] = description.input;
        if height.max(width) > 4096 || channels > 4096 || description.classes > 1 << 16 {
            return Err(said(format!("images of {height}x{width}x{channels} and {} classes", description.classes)));
        }
        let network = description.network.network(Shape { height, width, channels }, description.classes)?;
        let mut weights = vec![0.0; network.dim()];
        let mut precision = Precision::F32;
        for (group, range) in network.groups.iter().map(|group| (group, group.range.clone())) {
            let array = named(path, &file, &group.name, range.len())?;
            precision = array.precision;
            to_ours(group.role, &array.values, &mut weights[range]);
        }
        let statistics = statistics(path, &file, &network)?;
        let velocity = file.arrays.contains_key(&momentum_of(&network.groups[0].name)).then(|| {
            let mut velocity = vec![0.0; network.dim()];
            for group in &network.groups {
                let array = named(path, &file, &momentum_of(&group.name), group.range.len())?;
                to_ours(group.role, &array.values, &mut velocity[group.range.clone()]);
            }
            Ok::<_, Error>(velocity)
        });
        Ok(Checkpoint { velocity: velocity.transpose()?, network, description, weights, statistics, precision })
    }

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let mut file = SafeTensors::default();
        file.metadata.insert("format".into(), "pt".into());
        file.metadata.insert(KEY.into(), serde_json::to_string(&self.description).expect("plain values"));
        for group in &self.network.groups {
            let mut put = |name: String, flat: &[f64]| {
                let (shape, values) = to_theirs(group.role, &flat[group.range.clone()]);
                file.arrays.insert(name, Array { shape, values, precision: self.precision });
            };
            put(group.name.clone(), &self.weights);
            if let Some(velocity) = &self.velocity {
                put(momentum_of(&group.name), velocity);
            }
        }
        for node in self.network.nodes.iter().filter(|node| !node.statistics.is_empty()) {
            for (what, flat) in [("mean", &self.statistics.mean), ("var", &self.statistics.variance)] {
                let values = flat[node.statistics.clone()].to_vec();
                let array = Array { shape: vec![values.len()], values, precision: Precision::F64 };
                file.arrays.insert(format!("{}.running_{what}", node.name), array);
            }
        }
        file.write(path)
    }
}

fn momentum_of(name: &str) -> String {
    format!("momentum.{name}")
}

fn named<'a>(path: &Path, file: &'a SafeTensors, name: &str, count: usize) -> Result<&'a Array, Error> {
    let wrong = |found: String| Error::Malformed { path: path.to_owned(), place: name.to_owned(), expected: format!("{count} numbers"), found };
    let array = file.arrays.get(name).ok_or_else(|| wrong("no such array".into()))?;
    if array.values.len() != count {
        return Err(wrong(array.values.len().to_string()));
    }
    if let Some(at) = array.values.iter().position(|x| !x.is_finite()) {
        return Err(wrong(format!("{} in place {}", array.values[at], at + 1)));
    }
    Ok(array)
}

fn statistics(path: &Path, file: &SafeTensors, network: &Network) -> Result<Statistics, Error> {
    let mut all = network.unit_statistics();
    for node in network.nodes.iter().filter(|node| !node.statistics.is_empty()) {
        for (what, flat) in [("mean", &mut all.mean), ("var", &mut all.variance)] {
            let array = named(path, file, &format!("{}.running_{what}", node.name), node.statistics.len())?;
            flat[node.statistics.clone()].copy_from_slice(&array.values);
        }
    }
    Ok(all)
}

/// Other programs keep the channels of a filter apart: count × channels × height × width.
fn to_ours(role: Role, theirs: &[f64], ours: &mut [f64]) {
    let Role::Filters { shape, .. } = role else { return ours.copy_from_slice(theirs) };
    for (ours, theirs) in ours.chunks_exact_mut(shape.len()).zip(theirs.chunks_exact(shape.len())) {
        for (at, x) in ours.iter_mut().enumerate() {
            *x = theirs[at % shape.channels * shape.pixels() + at / shape.channels];
        }
    }
}

fn to_theirs(role: Role, ours: &[f64]) -> (Vec<usize>, Vec<f64>) {
    let Role::Filters { count, shape } = role else { return (vec![ours.len()], ours.to_vec()) };
    let filter = |ours: &[f64]| {
        let number = |at: usize| ours[at % shape.pixels() * shape.channels + at / shape.pixels()];
        (0..shape.len()).map(number).collect::<Vec<_>>()
    };
    let values = ours.chunks_exact(shape.len()).flat_map(filter).collect();
    (vec![count, shape.channels, shape.height, shape.width], values)
}
