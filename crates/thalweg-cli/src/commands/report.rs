//! `thalweg report`.

use super::{print_json, print_text};
use crate::args::Common;
use crate::exit::{DONE, Failure};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::path::PathBuf;
use thalweg::data::ImageShape;
use thalweg_lab::{PictureOptions, PixelOrder, RunDir, Views};

/// `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Run directories, of fits or of recoveries.
    #[arg(required = true)]
    pub dirs: Vec<PathBuf>,
    /// Recoveries: rows (or columns) of the data are images of so many pixels.
    #[arg(long, value_name = "HEIGHT,WIDTH", value_parser = parse_image_shape)]
    pub image_shape: Option<ImageShape>,
    /// How the pixels of an image stand in a row of the data.
    #[arg(long, value_enum, default_value = "rows")]
    pub image_order: ImageOrderArg,
    /// The images to show, counted from 0 [default: six, evenly spread].
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub images: Vec<usize>,
}

/// How the pixels of an image stand in a row of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImageOrderArg {
    /// Pixel row after pixel row.
    Rows,
    /// Pixel column after pixel column, as MATLAB stores them.
    Columns,
}

fn parse_image_shape(text: &str) -> Result<ImageShape, String> {
    let expected = || "expected HEIGHT,WIDTH in pixels, such as 192,168".to_owned();
    let (height, width) = text.split_once([',', 'x']).ok_or_else(expected)?;
    let (height, width) = (height.trim().parse().map_err(|_| expected())?, width.trim().parse().map_err(|_| expected())?);
    if height > 0 && width > 0 { Ok(ImageShape { height, width }) } else { Err(expected()) }
}

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
