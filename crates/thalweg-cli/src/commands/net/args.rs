//! What `net` is given.

use crate::args::PrecisionArg;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use thalweg_net::Architecture;

/// `net`.
#[derive(Debug, Args)]
pub struct NetArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: NetCommand,
}

/// What to do with networks.
#[derive(Debug, Subcommand)]
pub enum NetCommand {
    /// Train a network on labelled images; the same command goes on where it stood.
    Train(TrainArgs),
    /// How far is the loss convex along random lines around a network?
    Convexity(ConvexityArgs),
    /// The loss on a plane of two random directions around a network.
    Surface(SurfaceArgs),
    /// The Hessian of the loss: largest eigenvalues, trace, density.
    Hessian(HessianArgs),
    /// The points of a training seen from its end: cosine of the gradient, curvature, star-convexity.
    Path(PathArgs),
    /// The loss on the segment between two networks, before and after their channels are matched.
    Compare(CompareArgs),
}

/// Which images.
#[derive(Debug, Args)]
pub struct ImageArgs {
    /// Labelled images: CIFAR-10 binary, IDX (its labels stand beside it), or a folder or archive with a folder of PNG or JPEG for each class.
    #[arg(long, value_name = "INPUT")]
    pub data: PathBuf,
    /// A part of them, such as train or test.
    #[arg(long, value_name = "NAME")]
    pub part: Option<String>,
}

/// Where and how a loss is measured.
#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// Which images.
    #[command(flatten)]
    pub images: ImageArgs,
    /// How many of them: the first of a fixed random order, of which `train` uses the first part too.
    #[arg(long = "images", value_name = "N", default_value_t = 2048)]
    pub count: usize,
    /// What batch normalisation normalises by.
    #[arg(long, value_enum, default_value = "eval")]
    pub norm: NormArg,
    /// Images that are normalised together with --norm batch.
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub batch: usize,
    /// What the network is, for a file that does not say: resnet20, resnet20x2-b, resnet20-plain, mlp-100-50, cnn-16-32.
    #[arg(long, value_name = "NAME")]
    pub network: Option<Architecture>,
    /// Arithmetic of the loss.
    #[arg(long, value_enum, default_value = "f32")]
    pub precision: PrecisionArg,
}

/// What batch normalisation normalises by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NormArg {
    /// The running statistics of the file; those of the images at hand for a network that was never trained.
    Eval,
    /// The statistics of each batch, taken anew at every point.
    Batch,
}

/// `net train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// resnetD (D = 8, 14, 20, 32, …), resnetDxK (K times as wide), -b (1 × 1 convolutions on shortcuts), -plain (no skips), mlp-N-…, cnn-C-….
    pub network: Architecture,
    /// Which images.
    #[command(flatten)]
    pub images: ImageArgs,
    /// Part of the images that is kept for the test, where --test names none.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.1)]
    pub holdout: f64,
    /// Images of the test.
    #[arg(long, value_name = "INPUT")]
    pub test: Option<PathBuf>,
    /// Passes over the images.
    #[arg(long, default_value_t = 300)]
    pub epochs: usize,
    /// Images of a step.
    #[arg(long, default_value_t = 128)]
    pub batch: usize,
    /// Learning rate; a tenth of it after 1/2, 3/4 and 11/12 of the epochs each.
    #[arg(long, default_value_t = 0.1)]
    pub rate: f64,
    /// Momentum.
    #[arg(long, default_value_t = 0.9)]
    pub momentum: f64,
    /// Weight decay.
    #[arg(long, default_value_t = 5e-4)]
    pub weight_decay: f64,
    /// Neither shift nor mirror images.
    #[arg(long)]
    pub no_augment: bool,
    /// Keep the network after these epochs too; 0 is the start.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub keep: Vec<usize>,
    /// Arithmetic.
    #[arg(long, value_enum, default_value = "f32")]
    pub precision: PrecisionArg,
}

/// `net convexity`.
#[derive(Debug, Args)]
pub struct ConvexityArgs {
    /// Networks (.safetensors).
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Where and how.
    #[command(flatten)]
    pub measure: MeasureArgs,
    /// Random lines for each network.
    #[arg(long, default_value_t = 25)]
    pub directions: usize,
    /// Cells of the finest grid; a half and a quarter of them are told too.
    #[arg(long, default_value_t = 100)]
    pub cells: usize,
    /// Take exact second derivatives too, and tell what kinks add to them.
    #[arg(long)]
    pub jets: bool,
    /// Draw the lines of the first network.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// `net surface`.
#[derive(Debug, Args)]
pub struct SurfaceArgs {
    /// The network (.safetensors).
    pub file: PathBuf,
    /// Where and how.
    #[command(flatten)]
    pub measure: MeasureArgs,
    /// Steps along each direction.
    #[arg(long, default_value_t = 25)]
    pub points: usize,
    /// How far to go along directions whose filters are as long as those of the network.
    #[arg(long, default_value_t = 1.0)]
    pub radius: f64,
    /// Draw it.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// `net hessian`.
#[derive(Debug, Args)]
pub struct HessianArgs {
    /// The network (.safetensors).
    pub file: PathBuf,
    /// Where and how.
    #[command(flatten)]
    pub measure: MeasureArgs,
    /// Eigenvalues of largest absolute value to tell.
    #[arg(long, default_value_t = 5)]
    pub top: usize,
    /// Hessian-vector products for each random start.
    #[arg(long, default_value_t = 30)]
    pub products: usize,
    /// Random starts for trace and density.
    #[arg(long, default_value_t = 4)]
    pub starts: usize,
}

/// `net path`.
#[derive(Debug, Args)]
pub struct PathArgs {
    /// Networks of one training, in order; the last is the end.
    #[arg(required = true, num_args = 2..)]
    pub files: Vec<PathBuf>,
    /// Where and how.
    #[command(flatten)]
    pub measure: MeasureArgs,
    /// Points on each segment to the end.
    #[arg(long, default_value_t = 25)]
    pub points: usize,
}

/// `net compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The network at 0.
    pub a: PathBuf,
    /// The network at 1, of the same kind.
    pub b: PathBuf,
    /// Where and how.
    #[command(flatten)]
    pub measure: MeasureArgs,
    /// Points on the segment.
    #[arg(long, default_value_t = 25)]
    pub points: usize,
    /// Draw both curves.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}
