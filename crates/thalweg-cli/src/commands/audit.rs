//! `thalweg audit`.

use super::{print_json, print_text};
use crate::args::Common;
use crate::exit::{DONE, Failure, NOT_ESTABLISHED};
use crate::input;
use crate::plot::{self, PlotArgs};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use thalweg::audit::{Audit, AuditSettings, Status};
use thalweg::problem::Constraints;
use thalweg_lab::{Manifest, RunDir, RunView, audit_run};

/// `audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Run directory.
    pub dir: PathBuf,
    /// Random starts from which a line is drawn to each end point.
    #[arg(long, default_value_t = 50)]
    pub lines: usize,
    /// End points: answers of restarts, the best first.
    #[arg(long, default_value_t = 1)]
    pub points: usize,
    /// Small plots.
    #[command(flatten)]
    pub plot: PlotArgs,
    /// Read the data from here instead of where the manifest says.
    #[arg(long, value_name = "INPUT")]
    pub data: Option<PathBuf>,
}

/// What `audit --json` prints: the record without its curves.
#[derive(Debug, Serialize)]
struct AuditDocument {
    schema: u32,
    command: &'static str,
    #[serde(flatten)]
    audit: Audit,
}

pub fn run(args: &AuditArgs, common: &Common) -> Result<u8, Failure> {
    let dir = RunDir::new(&args.dir);
    let manifest: Manifest = dir.read()?;
    let path = args.data.as_ref().unwrap_or(&manifest.input.path);
    let options = thalweg::data::ReadOptions { max_memory: common.max_memory, ..manifest.input.read.clone() };
    let (dataset, _) = input::load(path, options)?;
    let settings = AuditSettings {
        tol: manifest.settings.tol,
        lines: args.lines,
        points: args.points,
        seed: common.seed,
        penalty: manifest.settings.penalty,
        loss: manifest.settings.loss,
        constraints: Constraints::default(),
    };
    let audit = audit_run(&dir, &manifest, &dataset, path, &settings).map_err(|error| Failure::about(path, error))?;
    dir.write(&audit).map_err(Failure::Output)?;
    let is_converged = audit.status == Status::Converged;
    if common.json {
        print_document(audit)?;
    } else {
        print_text(&format!("{}\n", audit.verdict))?;
        if let Some(ink) = args.plot.ink(common) {
            print_text(&format!("\n{}", plot::of_audit(&RunView::open(&dir)?, ink)))?;
        }
    }
    Ok(if is_converged { DONE } else { NOT_ESTABLISHED })
}

/// Prints the audit without its curves, which are in the run directory.
pub fn print_document(audit: Audit) -> Result<(), Failure> {
    print_json(&AuditDocument { schema: 1, command: "audit", audit: Audit { families: Vec::new(), ..audit } })
}
