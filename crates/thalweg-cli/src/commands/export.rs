//! `thalweg export`.

use super::{print_json, print_text};
use crate::args::Common;
use crate::exit::{DONE, Failure};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use thalweg::data::read_factors;
use thalweg_lab::{Labels, RunDir, write_factor_tables};

/// `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Run directory.
    pub dir: PathBuf,
}

/// What `export --json` prints.
#[derive(Debug, Serialize)]
struct ExportDocument {
    schema: u32,
    command: &'static str,
    files: Vec<PathBuf>,
}

pub fn run(args: &ExportArgs, common: &Common) -> Result<u8, Failure> {
    let dir = RunDir::new(&args.dir);
    let file = dir.factors();
    let factors = read_factors(&file).map_err(|error| Failure::about(&file, error))?;
    let labels: Labels = if dir.has::<Labels>() { dir.read()? } else { Labels::default() };
    let folder = common.output.clone().unwrap_or_else(|| args.dir.clone());
    let files = write_factor_tables(&factors, &labels, &folder).map_err(Failure::Output)?;
    if common.json {
        print_json(&ExportDocument { schema: 1, command: "export", files })?;
    } else {
        for file in &files {
            print_text(&format!("{}\n", file.display()))?;
        }
    }
    Ok(DONE)
}
