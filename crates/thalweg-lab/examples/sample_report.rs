//! Writes sample reports from synthetic data: `cargo run -p thalweg-lab --example sample_report -- FOLDER`.

#[path = "../tests/sample/mod.rs"]
mod sample;

use std::path::PathBuf;
use thalweg::Error;
use thalweg::data::ImageShape;
use thalweg_lab::report::write_report;

fn main() -> Result<(), Error> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "thalweg-demo".into()));
    let faces = sample::images(ImageShape { height: 112, width: 92 }, 400, 25, 10);
    let words = sample::words();
    let mut unaudited = sample::words();
    unaudited.audit = None;
    unaudited.name = "runs/reports-again".into();
    let reports = [("faces", vec![faces.clone()]), ("words", vec![words.clone()]), ("several", vec![faces, words, unaudited])];
    for (name, runs) in reports {
        let files = write_report(&runs, &folder.join(name).join("report.html"))?;
        println!("{}  {} bytes, {} figure files", files.html.display(), files.html_bytes, files.figures.len());
    }
    Ok(())
}
