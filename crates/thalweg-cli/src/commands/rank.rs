//! `thalweg rank`.

use super::{print_json, print_text};
use crate::args::numbers::{parse_fraction, parse_ranks, parse_tolerance};
use crate::args::{Common, PenaltyArgs, ReadArgs};
use crate::exit::{DONE, Failure, LIMIT, NOT_ESTABLISHED};
use crate::input;
use crate::progress::TrialBar;
use crate::signals::Interrupt;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;
use thalweg::audit::{RankReport, RankSettings, five_digits, usual_fraction};
use thalweg::comm::Comm;
use thalweg_lab::{FitError, RankJob, RankSurvey, RunDir, survey_on_disk, write_rank_report};

/// `rank`.
#[derive(Debug, Args)]
pub struct RankArgs {
    /// File, folder, archive, or data:NAME.
    pub input: PathBuf,
    /// Ranks to try, both ends included.
    #[arg(short = 'k', long = "ranks", value_name = "FIRST:LAST", value_parser = parse_ranks)]
    pub ranks: (usize, usize),
    /// How to read it.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Penalty on the size of the factors.
    #[command(flatten)]
    pub penalty: PenaltyArgs,
    /// Fraction of the observed entries that each mask holds out [default: 0.1, less in very sparse data with zeros].
    #[arg(long, value_name = "FRACTION", value_parser = parse_fraction)]
    pub holdout: Option<f64>,
    /// Masks, the same for every rank; more of them make smaller standard errors.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..))]
    pub repeats: u32,
    /// Random starts for each rank.
    #[arg(long, default_value_t = 5)]
    pub restarts: usize,
    /// Iteration limit of each fit.
    #[arg(long, default_value_t = 200)]
    pub max_iters: usize,
    /// Tolerance of each fit.
    #[arg(long, default_value = "1e-3", value_parser = parse_tolerance)]
    pub tol: f64,
}

/// What `rank --json` prints.
#[derive(Debug, Serialize)]
struct RankDocument<'a> {
    schema: u32,
    command: &'static str,
    #[serde(flatten)]
    report: &'a RankReport,
    page: PathBuf,
}

pub fn run(args: &RankArgs, common: &Common, comm: &dyn Comm) -> Result<u8, Failure> {
    let is_first = comm.rank() == 0;
    let common = &Common { quiet: common.quiet || !is_first, ..common.clone() };
    let (dataset, record) = comm.all_have(input::load_asked(&args.input, &args.read, common))?;
    let (first, last) = args.ranks;
    let penalty = args.penalty.read()?;
    penalty.check()?;
    let settings = RankSettings {
        first,
        last,
        repeats: args.repeats,
        fraction: args.holdout.unwrap_or_else(|| usual_fraction(&dataset.matrix)),
        restarts: args.restarts,
        max_iters: args.max_iters,
        tol: args.tol,
        seed: common.seed,
        penalty,
    };
    let dir = RunDir::new(common.output.clone().unwrap_or_else(|| PathBuf::from(format!("thalweg-{}-rank", super::fit::stem(&args.input)))));
    let interrupt = Interrupt::listen();
    let bar = TrialBar::new(common.quiet);
    let outcome = survey_on_disk(&RankJob {
        survey: RankSurvey { schema: 1, thalweg: env!("CARGO_PKG_VERSION").to_owned(), input: record, settings, result: None },
        comm,
        dataset: &dataset,
        dir: dir.clone(),
        threads: common.thread_count(),
        max_time: common.max_time.map(Duration::from_secs_f64),
        stop: &interrupt.flag,
        observe: &|done, all| bar.observe(done, all),
    });
    bar.finish();
    let survey = outcome.map_err(|error| match error {
        FitError::Input(error) => Failure::about(&args.input, error),
        other => other.into(),
    })?;
    if !is_first {
        return Ok(DONE);
    }
    let Some(report) = &survey.result else {
        common.say(format_args!("not finished; give the same command again to go on ({})", dir.path().display()));
        return Ok(interrupt.exit_code().unwrap_or(LIMIT));
    };
    let page = dir.path().join("rank.html");
    write_rank_report(&survey, &page).map_err(Failure::Output)?;
    if common.json {
        print_json(&RankDocument { schema: 1, command: "rank", report, page })?;
    } else {
        print_text(&in_words(report, &page))?;
    }
    Ok(if report.suggested.is_some() { DONE } else { NOT_ESTABLISHED })
}

fn in_words(report: &RankReport, page: &std::path::Path) -> String {
    let number = |x: Option<f64>| x.map_or("-".to_owned(), five_digits);
    let mut lines = vec!["rank   held-out RMSE  standard error  agreement  relative error".to_owned()];
    for r in &report.ranks {
        let agreement = r.agreement.map_or("-".to_owned(), |a| format!("{a:.4}"));
        let mark = if report.supported.contains(&r.rank) { " *" } else { "" };
        lines.push(format!("{:>4} {:>15} {:>15} {agreement:>10} {:>15.6}{mark}", r.rank, number(r.holdout), number(r.holdout_se), r.relative_error));
    }
    format!("{}\n* not ruled out\n\n{}\n\nThe evidence is drawn in {}\n", lines.join("\n"), report.verdict, page.display())
}
