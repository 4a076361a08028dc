//! `thalweg info`.

use super::{print_json, print_text};
use crate::args::{Common, ReadArgs};
use crate::exit::{DONE, Failure};
use crate::input;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use thalweg::data::{ImageShape, Precision};

/// `info`.
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// File, folder, archive, or data:NAME.
    pub input: PathBuf,
    /// How to read it.
    #[command(flatten)]
    pub read: ReadArgs,
}

/// What `info --json` prints.
#[derive(Debug, Serialize)]
struct Info<'a> {
    schema: u32,
    command: &'static str,
    input: String,
    format: &'a str,
    kind: &'a str,
    precision: Precision,
    shape: [usize; 2],
    scale: f64,
    stored: u64,
    observed: u64,
    missing: u64,
    zeros: u64,
    negatives: u64,
    min: Option<f64>,
    max: Option<f64>,
    mean: Option<f64>,
    sd: Option<f64>,
    empty_rows: usize,
    empty_cols: usize,
    row_labels: bool,
    col_labels: bool,
    image: Option<ImageShape>,
    sha256: &'a str,
    notes: &'a [String],
}

pub fn run(args: &InfoArgs, common: &Common) -> Result<u8, Failure> {
    let (data, _) = input::load_asked(&args.input, &args.read, common)?;
    let summary = data.matrix.summary();
    let (m, n) = data.matrix.shape();
    let (in_rows, in_cols) = data.matrix.observed_counts();
    let empty = |counts: &[usize]| counts.iter().filter(|&&c| c == 0).count();
    let known = |x: f64| x.is_finite().then_some(x);
    let unstored_zeros = summary.observed - summary.stored;
    let info = Info {
        schema: 1,
        command: "info",
        input: args.input.display().to_string(),
        format: data.format,
        kind: data.matrix.kind(),
        precision: data.precision,
        shape: [m, n],
        scale: data.scale,
        stored: summary.stored,
        observed: summary.observed,
        missing: m as u64 * n as u64 - summary.observed,
        zeros: summary.stored_zeros + unstored_zeros,
        negatives: summary.negatives,
        min: known(summary.min),
        max: known(summary.max),
        mean: known(summary.mean),
        sd: known(summary.sd),
        empty_rows: empty(&in_rows),
        empty_cols: empty(&in_cols),
        row_labels: data.row_labels.is_some(),
        col_labels: data.col_labels.is_some(),
        image: data.image,
        sha256: &data.sha256,
        notes: &data.notes,
    };
    if common.json {
        print_json(&info)?
    } else {
        print_text(&in_words(&info))?
    }
    Ok(DONE)
}

fn in_words(info: &Info<'_>) -> String {
    let number = |x: Option<f64>| x.map_or("none".to_owned(), |x| format!("{x:.6}"));
    let entries = info.shape[0] as f64 * info.shape[1] as f64;
    let mut lines = vec![
        format!("{}: {}, {} matrix of {} rows and {} columns", info.input, info.format, info.kind, info.shape[0], info.shape[1]),
        format!("observed  {} of {entries} entries ({:.4} %), {} missing", info.observed, 100.0 * info.observed as f64 / entries, info.missing),
        format!("values    {} to {}, mean {}, standard deviation {}", number(info.min), number(info.max), number(info.mean), number(info.sd)),
        format!("zeros     {}; negative entries {}", info.zeros, info.negatives),
    ];
    if info.empty_rows + info.empty_cols > 0 {
        lines.push(format!("empty     {} rows and {} columns without an observed entry", info.empty_rows, info.empty_cols));
    }
    if let Some(image) = info.image {
        lines.push(format!("images    each row is an image of {}x{} pixels (height x width)", image.height, image.width));
    }
    lines.push(format!("sha256    {}", info.sha256));
    lines.join("\n") + "\n"
}
