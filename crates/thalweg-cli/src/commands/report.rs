//! `thalweg report`.

use super::{print_json, print_text};
use crate::args::{Common, ImageOrderArg, ReportArgs};
use crate::exit::{DONE, Failure};
use serde::Serialize;
use std::path::PathBuf;
use thalweg_lab::{PictureOptions, PixelOrder, RunDir, Views};

/// What `report --json` prints.
#[derive(Debug, Serialize)]
struct ReportDocument {
    schema: u32,
    command: &'static str,
    report: PathBuf,
    figures: Vec<PathBuf>,
}

pub fn run(args: &ReportArgs, common: &Common) -> Result<u8, Failure> {
    let dirs: Vec<RunDir> = args.dirs.iter().map(RunDir::new).collect();
    let path = common.output.clone().unwrap_or_else(|| args.dirs[0].join("report.html"));
    let order = match args.image_order {
        ImageOrderArg::Rows => PixelOrder::Rows,
        ImageOrderArg::Columns => PixelOrder::Columns,
    };
    let pictures = PictureOptions { shape: args.image_shape, order, which: args.images.clone() };
    let files = Views::open(&dirs, &pictures)?.write(&path).map_err(Failure::Output)?;
    if common.json {
        print_json(&ReportDocument { schema: 1, command: "report", report: files.html, figures: files.figures })?;
    } else {
        print_text(&format!("{}\n", files.html.display()))?;
    }
    Ok(DONE)
}
