//! `thalweg transform`.

use super::{fit::columns, line::factors, print_json, print_text};
use crate::args::numbers::parse_loss;
use crate::args::{Common, ReadArgs};
use crate::exit::{DONE, Failure};
use crate::input;
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use thalweg::certificate::constrained_stationarity;
use thalweg::data::{Scale, write_factors};
use thalweg::problem::{Constraints, FactorPenalty, Loss, ScaledPenalty};
use thalweg::solver::nmf::transform_constrained;
use thalweg::{Factors, Side};
use thalweg_lab::{Given, Manifest, RunDir};

/// `transform`.
#[derive(Debug, Args)]
pub struct TransformArgs {
    /// New rows, with the columns of the fitted matrix.
    pub input: PathBuf,
    /// Run directory, or factors (.npz).
    #[arg(long, value_name = "RUN")]
    pub model: PathBuf,
    /// What is made small [default: the loss of the run, or frobenius].
    #[arg(long, value_name = "LOSS", value_parser = parse_loss)]
    pub loss: Option<Loss>,
    /// The first columns of U for the new rows, where the fit was given them too.
    #[arg(long, value_name = "FILE")]
    pub fix_u: Option<PathBuf>,
    /// How to read them.
    #[command(flatten)]
    pub read: ReadArgs,
}

/// What `transform --json` prints.
#[derive(Debug, Serialize)]
struct TransformDocument {
    schema: u32,
    command: &'static str,
    shape: [usize; 2],
    rank: usize,
    objective: f64,
    relative_error: f64,
    factors: PathBuf,
}

/// What rows paid in the run that the model comes from; nothing where it is a file of factors.
fn penalty(model: &Path) -> Result<ScaledPenalty, Failure> {
    let dir = RunDir::new(model);
    let manifest = if dir.has::<Manifest>() { Some(dir.read::<Manifest>()?) } else { None };
    Ok(manifest.and_then(|m| m.result).map_or(ScaledPenalty::default(), |r| r.scaled_penalty))
}

/// What the entries of the run were divided by: new rows are in the same units as the old ones.
fn scale(model: &Path) -> Result<Scale, Failure> {
    let dir = RunDir::new(model);
    let manifest = if model.is_dir() && dir.has::<Manifest>() { Some(dir.read::<Manifest>()?) } else { None };
    Ok(manifest.map(|m| m.input.scale).filter(|&scale| scale != 1.0).map_or(Scale::None, Scale::By))
}

/// The loss that was asked for, or that of the run.
fn the_loss(args: &TransformArgs) -> Result<Loss, Failure> {
    let dir = RunDir::new(&args.model);
    match args.loss {
        Some(loss) => Ok(loss),
        None if args.model.is_dir() && dir.has::<Manifest>() => Ok(dir.read::<Manifest>()?.settings.loss),
        None => Ok(Loss::Frobenius),
    }
}

/// What new rows are held to: what those of the run were.
fn constraints(args: &TransformArgs, model: &Factors<f64>, rows: usize) -> Result<Constraints, Failure> {
    let dir = RunDir::new(&args.model);
    let fixed = args.fix_u.as_deref().map(|path| columns(path, Side::U)).transpose()?;
    if args.model.is_dir() && dir.has::<Manifest>() {
        let settings = dir.read::<Manifest>()?.settings;
        return Ok(settings.constraints_of_new_rows(model, rows, fixed.as_ref(), &Given::load(&dir)?)?);
    }
    match fixed {
        None => Ok(Constraints::default()),
        Some(_) => Err(Failure::Usage("--fix-u needs the directory of a run that was given columns of U".into())),
    }
}

pub fn run(args: &TransformArgs, common: &Common) -> Result<u8, Failure> {
    let model = factors(&args.model)?;
    let loss = the_loss(args)?;
    let scale = args.read.scale.map_or_else(|| scale(&args.model).map(Some), |asked| Ok(Some(asked)))?;
    let (dataset, _) = input::load_asked(&args.input, &ReadArgs { scale, ..args.read.clone() }, common)?;
    let (m, n) = dataset.matrix.shape();
    let about = |error| Failure::about(&args.input, error);
    let penalty = if loss == Loss::Frobenius { penalty(&args.model)? } else { ScaledPenalty::default() };
    let constraints = constraints(args, &model, m)?;
    constraints.check_side(Side::V, model.side(Side::V), model.rank(), "V").map_err(|error| Failure::about(&args.model, error))?;
    let fitted = transform_constrained(&dataset.matrix, &model, &constraints, loss, penalty).map_err(about)?;
    let of_rows = ScaledPenalty { v: FactorPenalty::default(), ..penalty };
    let proof = constrained_stationarity(&dataset.matrix, &fitted, &constraints, loss, &of_rows).map_err(about)?;
    let path = common.output.clone().unwrap_or_else(|| PathBuf::from("transformed.npz"));
    write_factors(&path, &fitted).map_err(Failure::Output)?;
    let rank = model.rank();
    let (objective, relative_error) = (proof.objective, proof.relative_error);
    if common.json {
        let factors = path;
        print_json(&TransformDocument { schema: 1, command: "transform", shape: [m, n], rank, objective, relative_error, factors })?;
    } else {
        print_text(&format!("{m} rows on {rank} components: relative error {relative_error:.6}, written to {}\n", path.display()))?;
    }
    Ok(DONE)
}
