//! `thalweg phase`.

use super::reproduce::{Plan, parse_shard};
use crate::args::Common;
use crate::exit::Failure;
use clap::Args;
use std::path::PathBuf;
use thalweg::comm::Comm;
use thalweg::map::ENSEMBLES;
use thalweg_lab::Phase;
use thalweg_lab::experiment::Scale;
use thalweg_lab::experiment::Shard;
use thalweg_lab::{Parameter, Sweep};

/// `phase`.
#[derive(Debug, Args)]
pub struct PhaseArgs {
    /// How the matrix is measured.
    #[arg(value_parser = ensemble_names())]
    pub model: String,
    /// What varies from left to right: d, d1, d2, rank, skew, rate (p/d; in completion the share of entries seen) or p.
    #[arg(long, value_name = "PARAMETER=LOW:HIGH:COUNT", value_parser = parse_sweep)]
    pub x: Sweep,
    /// What varies upwards.
    #[arg(long, value_name = "PARAMETER=LOW:HIGH:COUNT", value_parser = parse_sweep)]
    pub y: Sweep,
    /// What another parameter is [default: d=30, rank=2 (3 for quadratic), rate=6 (0.5 for completion), skew=0].
    #[arg(long, value_name = "PARAMETER=VALUE", value_parser = parse_setting)]
    pub at: Vec<(Parameter, f64)>,
    /// Random maps for each cell.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub trials: u64,
    /// Do part I of N parts only: for N machines, whose results are merged.
    #[arg(long, value_name = "I/N", default_value = "1/1", value_parser = parse_shard)]
    pub shard: Shard,
    /// Take over the trials of another output folder first.
    #[arg(long, value_name = "DIR")]
    pub merge: Vec<PathBuf>,
}

fn ensemble_names() -> Vec<&'static str> {
    ENSEMBLES.iter().map(|(_, name)| *name).collect()
}

fn parse_setting(text: &str) -> Result<(Parameter, f64), String> {
    let (name, value) = text.split_once('=').ok_or("expected PARAMETER=VALUE")?;
    let parameter = Parameter::named(name).map_err(|error| error.to_string())?;
    match value.parse() {
        Ok(value) if f64::is_finite(value) => Ok((parameter, value)),
        _ => Err(format!("expected a number after {name}=")),
    }
}

fn parse_sweep(text: &str) -> Result<Sweep, String> {
    let expected = || "expected PARAMETER=LOW:HIGH:COUNT, both ends included".to_owned();
    let (head, rest) = text.split_once(':').ok_or_else(expected)?;
    let (parameter, low) = parse_setting(head)?;
    let (high, count) = rest.split_once(':').ok_or_else(expected)?;
    let (high, count): (f64, usize) = (high.parse().map_err(|_| expected())?, count.parse().map_err(|_| expected())?);
    Sweep::new(parameter, low, high, count).map_err(|error| error.to_string())
}

pub fn run(args: &PhaseArgs, common: &Common, comm: &dyn Comm) -> Result<u8, Failure> {
    let model = ENSEMBLES.iter().find(|(_, name)| *name == args.model).expect("the parser knows the models").0;
    let phase = Phase::new(model, args.x, args.y, &args.at, args.trials, common.seed).map_err(|error| Failure::Usage(error.to_string()))?;
    let dir = common.output.clone().unwrap_or_else(|| PathBuf::from("thalweg-phase"));
    Plan { experiments: vec![&phase], scale: Scale::Full, shard: args.shard, merge: &args.merge, data: None, dir, comm }.carry_out(common)
}
