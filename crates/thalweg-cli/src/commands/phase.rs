//! `thalweg phase`.

use super::reproduce::Plan;
use crate::args::{Common, PhaseArgs};
use crate::exit::Failure;
use std::path::PathBuf;
use thalweg::map::ENSEMBLES;
use thalweg_lab::Phase;
use thalweg_lab::experiment::Scale;

pub fn run(args: &PhaseArgs, common: &Common) -> Result<u8, Failure> {
    let model = ENSEMBLES.iter().find(|(_, name)| *name == args.model).expect("the parser knows the models").0;
    let phase = Phase::new(model, args.x, args.y, &args.at, args.trials, common.seed).map_err(|error| Failure::Usage(error.to_string()))?;
    let dir = common.output.clone().unwrap_or_else(|| PathBuf::from("thalweg-phase"));
    Plan { experiments: vec![&phase], scale: Scale::Full, shard: args.shard, merge: &args.merge, data: None, dir }.carry_out(common)
}
