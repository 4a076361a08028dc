//! Networks as objectives: forward, backward, exact derivatives along directions and Hessian-vector products, training, and how far the loss
//! is convex.

mod architecture;
mod buffers;
mod checkpoint;
mod cross_entropy;
mod elementwise;
mod images;
mod layer;
mod measure;
mod network;
mod objective;
mod pass;
mod safetensors;
mod series;
mod tensor;
mod train;

pub use architecture::{Architecture, Skips};
pub use checkpoint::{Checkpoint, Description};
pub use images::{Images, Standard, read_images};
pub use layer::{Activation, Convolution, Layer};
pub use measure::{
    Convexity, ConvexityPlan, Kinks, Line, Resolution, Segment, Subject, WayToEnd, convexity, filter_normalised, filter_normalised_directions,
    match_channels, segment, ways_to_end,
};
pub use network::{Group, Network, Node, Role, Statistics};
pub use objective::{Jet, NetworkLoss, NormMode, Score};
pub use safetensors::{Array, Precision, SafeTensors};
pub use tensor::{Shape, Tensor};
pub use train::{Position, Trainer, Training};
