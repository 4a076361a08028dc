//! `thalweg demo`: the main job on the embedded digits.

use super::print_text;
use crate::args::Common;
use crate::commands::fit::{CHECKPOINT_EVERY, fit_in};
use crate::exit::{DONE, Failure, LIMIT, NOT_ESTABLISHED};
use clap::Args;
use std::path::PathBuf;
use thalweg::audit::{AuditSettings, Status};
use thalweg::data::{ReadOptions, digits};
use thalweg_lab::{FitData, FitSettings, Given, InputRecord, RunDir, RunView, audit_run, write_report};

/// `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Random starts.
    #[arg(long, default_value_t = 6)]
    pub restarts: usize,
}

/// Ten components: one for each digit, if they were that simple.
const RANK: usize = 10;

pub fn run(args: &DemoArgs, common: &Common) -> Result<u8, Failure> {
    let dataset = digits();
    let record = InputRecord::new("(embedded) UCI optical digits".into(), ReadOptions::default(), &dataset);
    let dir = RunDir::new(common.output.clone().unwrap_or_else(|| PathBuf::from("thalweg-demo")));
    let settings = FitSettings { restarts: args.restarts.max(1), seed: common.seed, ..FitSettings::plain(RANK) };
    common.say(format_args!("1797 handwritten digits of 8x8 pixels, rank {RANK}, {} random starts", settings.restarts));
    let (manifest, interrupt) = fit_in(FitData::Memory(&dataset), Given::default(), record, settings, dir.clone(), CHECKPOINT_EVERY, common)?;
    if let Some(code) = interrupt.exit_code() {
        return Ok(code);
    }
    let result = manifest.result.as_ref().expect("a fit that returns has a result");
    if result.status == Status::TimeLimit {
        return Ok(LIMIT);
    }
    let tol = manifest.settings.tol;
    let audit = audit_run(&dir, &manifest, &dataset, &manifest.input.path, &AuditSettings { tol, seed: common.seed, ..AuditSettings::default() })?;
    dir.write(&audit).map_err(Failure::Output)?;
    let files = write_report(&[RunView::open(&dir)?], &dir.path().join("report.html")).map_err(Failure::Output)?;
    if common.json {
        super::audit::print_document(audit)?;
    } else {
        print_text(&format!("{}\n\nThe report is at {}\n", audit.verdict, files.html.display()))?;
    }
    Ok(if result.status == Status::Converged { DONE } else { NOT_ESTABLISHED })
}
