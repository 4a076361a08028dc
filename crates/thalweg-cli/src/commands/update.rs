//! `thalweg update`.

use super::fit::{CHECKPOINT_EVERY, fit_in, tell};
use crate::args::numbers::parse_tolerance;
use crate::args::{Common, ReadArgs};
use crate::exit::Failure;
use crate::input;
use crate::plot::PlotArgs;
use clap::Args;
use std::path::PathBuf;
use thalweg::data::{ReadOptions, Scale};
use thalweg_lab::{FitData, FitError, FitSettings, InputRecord, Manifest, RunDir, Update, update};

/// `update`.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Run directory to go on from; it stays as it is.
    pub run: PathBuf,
    /// New rows, with the columns of the run's data.
    pub input: PathBuf,
    /// Small plots.
    #[command(flatten)]
    pub plot: PlotArgs,
    /// How to read the new rows.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Read the run's data from here instead of where its manifest says.
    #[arg(long, value_name = "INPUT")]
    pub data: Option<PathBuf>,
    /// Iteration limit [default: that of the run].
    #[arg(long)]
    pub max_iters: Option<usize>,
    /// Tolerance on the scale-free residual [default: that of the run].
    #[arg(long, value_parser = parse_tolerance)]
    pub tol: Option<f64>,
}

pub fn run(args: &UpdateArgs, common: &Common) -> Result<u8, Failure> {
    let Some(output) = &common.output else { return Err(Failure::Usage("update needs -o: the directory of the new run".into())) };
    let (run, dir) = (RunDir::new(&args.run), RunDir::new(output));
    let manifest: Manifest = run.read()?;
    let path = args.data.as_ref().unwrap_or(&manifest.input.path);
    let options = ReadOptions { max_memory: common.max_memory, ..manifest.input.read.clone() };
    let (old, _) = input::load(path, options)?;
    // in the units of the run
    let scale = args.read.scale.or_else(|| (old.scale != 1.0).then_some(Scale::By(old.scale)));
    let (new, _) = input::load_asked(&args.input, &ReadArgs { scale, ..args.read.clone() }, common)?;
    let about = |error| match error {
        FitError::Input(error) => Failure::about(&args.input, error),
        other => other.into(),
    };
    let Update { dataset, read, settings, given } = update(&run, &old, (&args.input, &new), &dir, common.max_memory).map_err(about)?;
    if manifest.settings.holdout.is_some() {
        common.say(format_args!("note: nothing is held out: the fit that is updated has seen most of what another draw would hold out"));
    }
    let settings = FitSettings { max_iters: args.max_iters.unwrap_or(settings.max_iters), tol: args.tol.unwrap_or(settings.tol), ..settings };
    let record = InputRecord::new(std::path::absolute(dir.path().join("data.npz")).unwrap_or_default(), read, &dataset);
    let (manifest, interrupt) = fit_in(FitData::Memory(&dataset), given, record, settings, dir.clone(), CHECKPOINT_EVERY, common)?;
    tell("update", &args.input, &manifest, &dir, args.plot.ink(common), common)?;
    Ok(interrupt.exit_code().unwrap_or_else(|| super::fit::exit_code(&manifest)))
}
