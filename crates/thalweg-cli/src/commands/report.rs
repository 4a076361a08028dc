//! `thalweg report`.

use super::{print_json, print_text};
use crate::args::{Common, ImageOrderArg, ReportArgs};
use crate::exit::{DONE, Failure};
use serde::Serialize;
use std::path::{Path, PathBuf};
use thalweg_lab::{PictureOptions, PixelOrder, RecoveryView, ReportFiles, RunDir, RunView, write_recovery_report, write_report};

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
    let files = match dirs.iter().filter(|dir| RecoveryView::is_in(dir)).count() {
        0 => of_fits(args, &dirs, &path)?,
        n if n == dirs.len() => of_recoveries(args, &dirs, &path)?,
        _ => return Err(Failure::Usage("fits and recoveries have pages of their own: give the directories of one or the other".into())),
    };
    if common.json {
        print_json(&ReportDocument { schema: 1, command: "report", report: files.html, figures: files.figures })?;
    } else {
        print_text(&format!("{}\n", files.html.display()))?;
    }
    Ok(DONE)
}

fn of_fits(args: &ReportArgs, dirs: &[RunDir], path: &Path) -> Result<ReportFiles, Failure> {
    if args.image_shape.is_some() || !args.images.is_empty() || args.image_order != ImageOrderArg::Rows {
        return Err(Failure::Usage("--image-shape, --image-order and --images are for recoveries".into()));
    }
    let runs: Vec<RunView> = dirs.iter().map(RunView::open).collect::<Result<_, _>>()?;
    write_report(&runs, path).map_err(Failure::Output)
}

fn of_recoveries(args: &ReportArgs, dirs: &[RunDir], path: &Path) -> Result<ReportFiles, Failure> {
    let order = match args.image_order {
        ImageOrderArg::Rows => PixelOrder::Rows,
        ImageOrderArg::Columns => PixelOrder::Columns,
    };
    let options = PictureOptions { shape: args.image_shape, order, which: args.images.clone() };
    let runs: Vec<RecoveryView> = dirs.iter().map(|dir| RecoveryView::open(dir, &options)).collect::<Result<_, _>>()?;
    write_recovery_report(&runs, path).map_err(Failure::Output)
}
