//! `thalweg predict`.

use super::{print_json, print_text};
use crate::args::Common;
use crate::exit::{DONE, Failure};
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use thalweg::data::{did_you_mean, write_atomically};
use thalweg_lab::{Labels, Prediction, RunDir, predict, write_predictions};

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

/// What the first unknown name most likely means, where the run knows names.
fn suggestion(dir: &Path, predictions: &[Prediction]) -> Result<String, Failure> {
    let dir = RunDir::new(dir);
    let labels: Labels = if dir.has::<Labels>() { dir.read()? } else { Labels::default() };
    let (Some(rows), Some(cols)) = (&labels.rows, &labels.cols) else { return Ok(String::new()) };
    let of = |asked: &str, known: &[String]| match known.iter().any(|name| name == asked) {
        true => String::new(),
        false => did_you_mean(asked, known.iter().map(String::as_str)),
    };
    let first = predictions.iter().find(|p| p.value.is_none());
    Ok(first.map_or(String::new(), |p| of(&p.row, rows) + &of(&p.col, cols)))
}

pub fn run(args: &PredictArgs, common: &Common) -> Result<u8, Failure> {
    let predictions = predict(&RunDir::new(&args.dir), &args.pairs)?;
    let unknown = predictions.iter().filter(|p| p.value.is_none()).count();
    if unknown > 0 {
        let near = suggestion(&args.dir, &predictions)?;
        common.say(format_args!("{unknown} of {} pairs have a row or a column that the fit does not know{near}", predictions.len()));
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
