//! `thalweg report`.

use super::{print_json, print_text};
use crate::args::{Common, ReportArgs};
use crate::exit::{DONE, Failure};
use serde::Serialize;
use std::path::PathBuf;
use thalweg_lab::{RunDir, RunView, write_report};

/// What `report --json` prints.
#[derive(Debug, Serialize)]
struct ReportDocument {
    schema: u32,
    command: &'static str,
    report: PathBuf,
    figures: Vec<PathBuf>,
}

pub fn run(args: &ReportArgs, common: &Common) -> Result<u8, Failure> {
    let runs: Vec<RunView> = args.dirs.iter().map(|dir| RunView::open(&RunDir::new(dir))).collect::<Result<_, _>>()?;
    let path = common.output.clone().unwrap_or_else(|| args.dirs[0].join("report.html"));
    let files = write_report(&runs, &path).map_err(Failure::Output)?;
    if common.json {
        print_json(&ReportDocument { schema: 1, command: "report", report: files.html, figures: files.figures })?;
    } else {
        print_text(&format!("{}\n", files.html.display()))?;
    }
    Ok(DONE)
}
