//! Networks by name.

use crate::layer::{Activation, Convolution, Layer};
use crate::network::{Builder, Network};
use crate::tensor::Shape;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thalweg::Error;

/// What a network is made of. As text: `resnet20`, `resnet20x4` (width 4), `resnet20-b` (shortcut B), `resnet20-plain` (no skips),
/// `mlp-100-50`, `cnn-16-32`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Architecture {
    /// A residual network for small images, He et al. (2016), section 4.2.
    Resnet {
        /// 6n + 2: three stages of n blocks of two convolutions, the first convolution and the classifier.
        depth: usize,
        /// k: channels are 16k, 32k, 64k.
        width: usize,
        /// What stands beside the two convolutions of a block.
        skips: Skips,
    },
    /// Matrices with ReLU between them.
    Mlp {
        /// Outputs of the hidden ones.
        hidden: Vec<usize>,
    },
    /// 3 × 3 convolutions of stride 2, each with batch normalisation and ReLU; then the mean of each channel and the classifier.
    Cnn {
        /// Of each convolution.
        channels: Vec<usize>,
    },
}

/// What is added to the convolutions of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skips {
    /// Nothing.
    None,
    /// The block's input; where its shape changes, every second pixel with zeros in new channels.
    A,
    /// The block's input; where its shape changes, a 1 × 1 convolution of stride 2 with batch normalisation.
    B,
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, sizes: &[usize]| sizes.iter().try_for_each(|size| write!(f, "-{size}"));
        match self {
            Architecture::Resnet { depth, width, skips } => {
                write!(f, "resnet{depth}")?;
                if *width > 1 {
                    write!(f, "x{width}")?;
                }
                f.write_str(match skips {
                    Skips::None => "-plain",
                    Skips::A => "",
                    Skips::B => "-b",
                })
            }
            Architecture::Mlp { hidden } => f.write_str("mlp").and_then(|()| list(f, hidden)),
            Architecture::Cnn { channels } => f.write_str("cnn").and_then(|()| list(f, channels)),
        }
    }
}

/// Channels and hidden outputs that are allowed at most.
const WIDEST: usize = 1 << 14;

impl FromStr for Architecture {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Parameter {
            name: "network",
            expected: "resnetD, resnetDxK (D = 8, 14, 20, 32, …, at most 1202; K at most 16) with -b or -plain after it, mlp-N-…, or cnn-C-…".into(),
            got: text.chars().take(60).collect(),
        };
        let sizes = |list: &str| -> Option<Vec<usize>> {
            let size = |word: &str| word.parse().ok().filter(|size| (1..=WIDEST).contains(size));
            list.strip_prefix('-')?.split('-').map(size).collect::<Option<Vec<_>>>().filter(|sizes| sizes.len() <= 64)
        };
        if let Some(rest) = text.strip_prefix("mlp") {
            return sizes(rest).map(|hidden| Architecture::Mlp { hidden }).ok_or_else(wrong);
        }
        if let Some(rest) = text.strip_prefix("cnn") {
            return sizes(rest).map(|channels| Architecture::Cnn { channels }).ok_or_else(wrong);
        }
        let rest = text.strip_prefix("resnet").ok_or_else(wrong)?;
        let (size, kind) = rest.split_once('-').unwrap_or((rest, "a"));
        let (depth, width) = size.split_once('x').unwrap_or((size, "1"));
        let (depth, width): (usize, usize) = (depth.parse().map_err(|_| wrong())?, width.parse().map_err(|_| wrong())?);
        let skips = match kind {
            "a" => Skips::A,
            "b" => Skips::B,
            "plain" => Skips::None,
            _ => return Err(wrong()),
        };
        if !(8..=1202).contains(&depth) || depth % 6 != 2 || !(1..=16).contains(&width) {
            return Err(wrong());
        }
        Ok(Architecture::Resnet { depth, width, skips })
    }
}

impl From<Architecture> for String {
    fn from(architecture: Architecture) -> String {
        architecture.to_string()
    }
}

impl TryFrom<String> for Architecture {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl Architecture {
    /// The network for images of this shape and so many classes.
    ///
    /// # Errors
    /// [`Error::Empty`] without pixels or classes.
    pub fn network(&self, input: Shape, classes: usize) -> Result<Network, Error> {
        if input.is_empty() || classes == 0 {
            return Err(Error::Empty { what: "the images", why: "a network needs pixels and classes" });
        }
        let mut builder = Builder::new(input);
        match self {
            Architecture::Resnet { depth, width, skips } => residual(&mut builder, (depth - 2) / 6, *width, *skips),
            Architecture::Mlp { hidden } => {
                for (number, &outputs) in hidden.iter().enumerate() {
                    builder.push(Layer::Linear { outputs }, Activation::Relu, &format!("fc{}", number + 1));
                }
            }
            Architecture::Cnn { channels } => {
                for (number, &filters) in channels.iter().enumerate() {
                    let layer = Layer::Convolution(Convolution { filters, size: 3, stride: 2 });
                    builder.push(layer, Activation::Identity, &format!("conv{}", number + 1));
                    builder.push(Layer::BatchNorm, Activation::Relu, &format!("bn{}", number + 1));
                }
                builder.push(Layer::AveragePool, Activation::Identity, "");
            }
        }
        builder.push(Layer::Linear { outputs: classes }, Activation::Identity, "fc");
        Ok(builder.finish(self.clone(), classes))
    }
}

fn convolution(filters: usize, size: usize, stride: usize) -> Layer {
    Layer::Convolution(Convolution { filters, size, stride })
}

fn residual(builder: &mut Builder, blocks: usize, width: usize, skips: Skips) {
    builder.push(convolution(16 * width, 3, 1), Activation::Identity, "conv1");
    builder.push(Layer::BatchNorm, Activation::Relu, "bn1");
    for stage in 0..3 {
        let filters = (16 * width) << stage;
        for number in 0..blocks {
            let stride = if stage > 0 && number == 0 { 2 } else { 1 };
            block(builder, filters, stride, skips, &format!("layer{}.{number}", stage + 1));
        }
    }
    builder.push(Layer::AveragePool, Activation::Identity, "");
}

fn block(builder: &mut Builder, filters: usize, stride: usize, skips: Skips, name: &str) {
    let input = builder.last();
    builder.push(convolution(filters, 3, stride), Activation::Identity, &format!("{name}.conv1"));
    builder.push(Layer::BatchNorm, Activation::Relu, &format!("{name}.bn1"));
    builder.push(convolution(filters, 3, 1), Activation::Identity, &format!("{name}.conv2"));
    let after = if skips == Skips::None { Activation::Relu } else { Activation::Identity };
    let inner = builder.push(Layer::BatchNorm, after, &format!("{name}.bn2"));
    let beside = match skips {
        Skips::None => return,
        _ if stride == 1 => input,
        Skips::A => builder.push_from(Layer::Subsample { channels: filters }, Activation::Identity, "", &[input]),
        Skips::B => {
            builder.push_from(convolution(filters, 1, stride), Activation::Identity, &format!("{name}.shortcut.0"), &[input]);
            builder.push(Layer::BatchNorm, Activation::Identity, &format!("{name}.shortcut.1"))
        }
    };
    builder.push_from(Layer::Add, Activation::Relu, "", &[inner, beside]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() -> Result<(), Error> {
        for name in ["resnet20", "resnet110x4", "resnet8-plain", "resnet14x2-b", "mlp-100-50", "cnn-16-32"] {
            assert_eq!(name.parse::<Architecture>()?.to_string(), name);
        }
        for name in ["", "resnet", "resnet21", "resnet2", "resnet20x0", "resnet20-c", "mlp", "mlp-", "mlp-0", "cnn-99999", "vgg16", "resnet20x99"] {
            assert!(matches!(name.parse::<Architecture>(), Err(Error::Parameter { name: "network", .. })), "{name}");
        }
        Ok(())
    }

    /// He et al., table 6: 0.27 M, 0.46 M, 0.66 M, 0.85 M, 1.7 M.
    #[test]
    fn sizes_are_those_of_the_literature() -> Result<(), Error> {
        let images = Shape { height: 32, width: 32, channels: 3 };
        let expected = [("resnet20", 269_722), ("resnet32", 464_154), ("resnet44", 658_586), ("resnet56", 853_018), ("resnet110", 1_727_962)];
        for (name, count) in expected {
            assert_eq!(name.parse::<Architecture>()?.network(images, 10)?.dim(), count, "{name}");
        }
        let mlp = "mlp-5-4".parse::<Architecture>()?.network(Shape { height: 2, width: 3, channels: 1 }, 3)?;
        assert_eq!(mlp.dim(), 6 * 5 + 5 + 5 * 4 + 4 + 4 * 3 + 3);
        Ok(())
    }
}
