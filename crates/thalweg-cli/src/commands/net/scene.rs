//! A network from a file and the images to measure it on.

use super::args::{MeasureArgs, NormArg};
use crate::args::{Common, PrecisionArg};
use crate::exit::Failure;
use serde::Serialize;
use std::path::{Path, PathBuf};
use thalweg::problem::Objective;
use thalweg_net::{Checkpoint, Description, Images, NetworkLoss, NormMode, read_images};

/// What a loss is measured with.
pub struct Scene {
    /// The network.
    pub checkpoint: Checkpoint,
    /// The images, standardised as in its training.
    pub images: Images,
    /// As asked for.
    pub mode: NormMode,
    /// Images at a time.
    pub batch: usize,
    precision: PrecisionArg,
}

/// The part of a record that says what was measured.
#[derive(Debug, Serialize)]
pub struct Setting {
    file: PathBuf,
    network: String,
    parameters: usize,
    steps: Option<u64>,
    images: usize,
    norm: &'static str,
    batch: usize,
    precision: &'static str,
}

impl Scene {
    /// Reads both.
    pub fn open(file: &Path, args: &MeasureArgs, common: &Common) -> Result<Scene, Failure> {
        let all = read_images(&args.images.data, args.images.part.as_deref(), common.max_memory)?;
        let shape = all.shape();
        let given = args.network.clone().map(|network| Description {
            network,
            input: [shape.height, shape.width, shape.channels],
            classes: all.classes(),
            standard: None,
            steps: None,
            training: None,
        });
        let checkpoint = Checkpoint::read(file, given, common.max_memory)?;
        let (mut images, _) = all.shuffled().split(args.count);
        if let Some(standard) = checkpoint.description.standard.clone() {
            images = images.standardised(standard).map_err(|error| Failure::about(&args.images.data, error))?;
        }
        let mut scene = Scene { checkpoint, images, mode: NormMode::Batch, batch: args.batch, precision: args.precision };
        if args.norm == NormArg::Eval {
            let is_new = scene.checkpoint.description.steps == Some(0) && scene.checkpoint.network.channels > 0;
            if is_new {
                common.say(format_args!("note: {} was never trained: statistics are those of the images at hand", file.display()));
                scene.checkpoint.statistics = scene.loss::<f64>(&args.images.data)?.batch_statistics(&scene.checkpoint.weights);
            }
            scene.mode = NormMode::Eval(scene.checkpoint.statistics.clone());
        }
        Ok(scene)
    }

    fn loss<T: thalweg::linalg::Real>(&self, data: &Path) -> Result<NetworkLoss<'_, T>, Failure> {
        NetworkLoss::new(&self.checkpoint.network, &self.images, self.mode.clone(), self.batch).map_err(|error| Failure::about(data, error))
    }

    /// The loss, in the arithmetic that was asked for.
    pub fn objective(&self, data: &Path) -> Result<Box<dyn Objective + '_>, Failure> {
        Ok(match self.precision {
            PrecisionArg::F32 => Box::new(self.loss::<f32>(data)?),
            PrecisionArg::F64 => Box::new(self.loss::<f64>(data)?),
        })
    }

    /// What a record says of it.
    pub fn setting(&self, file: &Path) -> Setting {
        let Scene { checkpoint, images, mode, batch, precision } = self;
        Setting {
            file: file.to_owned(),
            network: checkpoint.network.architecture.to_string(),
            parameters: checkpoint.network.dim(),
            steps: checkpoint.description.steps,
            images: images.count(),
            norm: if *mode == NormMode::Batch { "batch" } else { "eval" },
            batch: *batch,
            precision: if *precision == PrecisionArg::F32 { "f32" } else { "f64" },
        }
    }
}
