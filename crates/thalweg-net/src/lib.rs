//! Networks as objectives: forward, backward, exact derivatives along directions and Hessian-vector products, training, and how far the loss
//! is convex.

mod architecture;
mod cross_entropy;
mod elementwise;
mod images;
mod layer;
mod network;
mod objective;
mod pass;
mod series;
mod tensor;

pub use architecture::{Architecture, Skips};
pub use images::{Images, Standard};
pub use layer::{Activation, Convolution, Layer};
pub use network::{Group, Network, Node, Role, Statistics};
pub use objective::{Jet, NetworkLoss, NormMode, Score};
pub use tensor::{Shape, Tensor};
