//! Options of `thalweg fit`.

use crate::args::numbers::{parse_fraction, parse_loss, parse_ranks, parse_seconds, parse_tolerance};
use crate::args::{ConstraintArgs, PenaltyArgs, PrecisionArg, ReadArgs};
use crate::plot::PlotArgs;
use clap::Args;
use clap::builder::{PossibleValue, TypedValueParser};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use thalweg::data::did_you_mean;
use thalweg::problem::Loss;
use thalweg::solver::nmf::{DIVERGENCE_METHODS, INITS, Init, NMF_METHODS, method};

/// `fit`.
#[derive(Debug, Args)]
pub struct FitArgs {
    /// File, folder, archive, or data:NAME.
    pub input: PathBuf,
    /// Rank: the number of components.
    #[arg(short = 'k', long, value_parser = parse_rank)]
    pub rank: usize,
    /// How to read it.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Method [default: by the kind of data and the loss].
    #[arg(long, value_parser = method_names())]
    pub method: Option<String>,
    /// What is made small: frobenius, kl (Kullback–Leibler), is (Itakura–Saito) or beta:B (β-divergence).
    #[arg(long, value_name = "LOSS", default_value = "frobenius", value_parser = parse_loss)]
    pub loss: Loss,
    /// Penalty on the size of the factors.
    #[command(flatten)]
    pub penalty: PenaltyArgs,
    /// What the factors are held to.
    #[command(flatten)]
    pub constraints: ConstraintArgs,
    /// Fraction of the observed entries to hold out; their RMSE is reported.
    #[arg(long, value_name = "FRACTION", value_parser = parse_fraction)]
    pub holdout: Option<f64>,
    /// Number of random starts.
    #[arg(long, default_value_t = 1)]
    pub restarts: usize,
    /// Start [default: the method's own], or a run directory or factors (.npz) at which restart 0 begins; with both, the other restarts begin
    /// as the name says.
    #[arg(long, value_name = "START|RUN", value_parser = InitParser)]
    pub init: Vec<InitArg>,
    /// Rows of a block under --method minibatch [default: 1024].
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch_size: Option<u32>,
    /// Arithmetic [default: that of the file].
    #[arg(long, value_enum)]
    pub precision: Option<PrecisionArg>,
    /// Leave the data on disk, a block of rows in memory at a time: a .npy file, or shards (`thalweg data shard`).
    #[arg(long)]
    pub stream: bool,
    /// Only tell what the fit would take: memory, passes over the data, seconds for its first iterations.
    #[arg(long)]
    pub plan: bool,
    /// On several ranks: rows and columns of the grid in which they hold blocks of X, such as 4x2 [default: the one that sends least].
    #[arg(long, value_name = "ROWSxCOLUMNS", value_parser = parse_grid)]
    pub grid: Option<(usize, usize)>,
    /// Iteration limit of each restart.
    #[arg(long, default_value_t = 2000)]
    pub max_iters: usize,
    /// Tolerance on the scale-free residual.
    #[arg(long, default_value = "1e-5", value_parser = parse_tolerance)]
    pub tol: f64,
    /// Small plots.
    #[command(flatten)]
    pub plot: PlotArgs,
    /// Seconds between two saves of a restart: what a kill can cost.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = parse_seconds)]
    pub checkpoint: f64,
}

/// Where a fit begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitArg {
    /// As made by a start of this name.
    Named(Init),
    /// At factors from a run directory or a file.
    Given(PathBuf),
}

/// Names of starts, and paths: whatever exists, or looks like a path by a separator or a dot.
#[derive(Debug, Clone)]
struct InitParser;

impl TypedValueParser for InitParser {
    type Value = InitArg;

    fn parse_ref(&self, command: &clap::Command, _: Option<&clap::Arg>, value: &OsStr) -> Result<InitArg, clap::Error> {
        let text = value.to_string_lossy();
        match Init::named(&text) {
            Some(init) => Ok(InitArg::Named(init)),
            None if text.contains(['/', '\\', '.']) || Path::new(value).exists() => Ok(InitArg::Given(value.into())),
            None => {
                let names: Vec<&str> = INITS.iter().map(|i| i.name()).collect();
                let near = did_you_mean(&text, names.iter().copied());
                let says = format!("--init: {text} is none of {}, nor a run directory or a file of factors{near}\n", names.join(", "));
                Err(clap::Error::raw(clap::error::ErrorKind::InvalidValue, says).with_cmd(command))
            }
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(INITS.iter().map(|i| PossibleValue::new(i.name()))))
    }
}

fn method_names() -> Vec<&'static str> {
    let others = DIVERGENCE_METHODS.iter().map(|m| m.about().name).filter(|name| method(name).is_none());
    NMF_METHODS.iter().map(|m| m.about().name).chain(others).collect()
}

fn parse_rank(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(rank) => Ok(rank),
        Err(_) if parse_ranks(text).is_ok() => Err(format!("a fit has one rank; `thalweg rank INPUT -k {text}` tells which the data support")),
        Err(_) => Err("expected a whole number".into()),
    }
}

fn parse_grid(text: &str) -> Result<(usize, usize), String> {
    let sides = text.split_once(['x', '×']).and_then(|(rows, columns)| Some((rows.parse().ok()?, columns.parse().ok()?)));
    sides.filter(|&(rows, columns): &(usize, usize)| rows > 0 && columns > 0).ok_or("expected two whole numbers, such as 4x2".into())
}
