//! `thalweg predict`.

use super::{print_json, print_text};
use crate::args::Common;
use crate::exit::{DONE, Failure};
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use thalweg::data::write_atomically;
use thalweg_lab::{Prediction, RunDir, predict, write_predictions};

/// `predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// Run directory.
    pub dir: PathBuf,
    /// Text file with a row and a column on each line: labels where the run has some, else numbers from 1.
    #[arg(long, value_name = "FILE")]
    pub pairs: PathBuf,
}

/// What `predict --json` prints.
#[derive(Debug, Serialize)]
struct PredictDocument {
    schema: u32,
    command: &'static str,
    count: usize,
    unknown: usize,
    predictions: Vec<(String, String, Option<f64>)>,
}

pub fn run(args: &PredictArgs, common: &Common) -> Result<u8, Failure> {
    let predictions = predict(&RunDir::new(&args.dir), &args.pairs)?;
    let unknown = predictions.iter().filter(|p| p.value.is_none()).count();
    if unknown > 0 {
        common.say(format_args!("{unknown} of {} pairs have a row or a column that the fit does not know", predictions.len()));
    }
    let mut table = Vec::new();
    write_predictions(&predictions, &mut table).expect("a vector can be written to");
    if let Some(path) = &common.output {
        write_atomically(path, |out| out.write_all(&table)).map_err(Failure::Output)?;
    }
    if common.json {
        let count = predictions.len();
        let predictions = predictions.into_iter().map(|Prediction { row, col, value }| (row, col, value)).collect();
        print_json(&PredictDocument { schema: 1, command: "predict", count, unknown, predictions })?;
    } else if common.output.is_none() {
        print_text(&String::from_utf8_lossy(&table))?;
    }
    Ok(DONE)
}
