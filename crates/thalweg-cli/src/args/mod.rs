//! The command line, from which help, completions and the man page are made. Options of one command stand in its own file.

mod common;
mod constraints;
pub mod numbers;
mod penalty;
mod read;

pub use common::Common;
pub use constraints::ConstraintArgs;
pub use penalty::PenaltyArgs;
pub use read::ReadArgs;

use crate::commands::{
    audit::AuditArgs, data::DataArgs, demo::DemoArgs, export::ExportArgs, fit::FitArgs, flatness::FlatnessArgs, info::InfoArgs, line::LineArgs,
    phase::PhaseArgs, predict::PredictArgs, rank::RankArgs, recover::RecoverArgs, report::ReportArgs, reproduce::ReproduceArgs,
    transform::TransformArgs, update::UpdateArgs, verify::VerifyArgs,
};
use clap::{Parser, Subcommand};
use clap_complete::Shell;

/// Factor a matrix, and see how far to trust the answer.
///
/// X ≈ U Vᵀ with non-negative U (a row for each row of X) and V (a row for each column). `fit` makes a run directory, `audit` adds the
/// evidence, `report` draws it.
#[derive(Debug, Parser)]
#[command(name = "thalweg", version, after_help = EXAMPLES, max_term_width = 110, disable_help_subcommand = true)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  thalweg demo                                            the whole of it on handwritten digits
  thalweg info expression.tsv                             what would be read
  thalweg rank expression.tsv -k 2:8                      which rank do the data support?
  thalweg fit expression.tsv -k 5 --restarts 10 -o run    factor, ten random starts
  thalweg fit ratings.dat -k 20 --holdout 0.1 --l2 0.02   observed entries only, RMSE on a tenth of them
  thalweg recover sensing instance.npz --certify          the matrix of smallest nuclear norm, proved
  thalweg recover rpca frames.npy -o run                  low-rank background and sparse corruptions
  thalweg fit data:metabolic --data-dir data -k 3         a named data set, read and scaled as its paper does
  thalweg audit run && thalweg report run -o report.html  how far to trust it

Exit codes: 0 done, 2 usage, 3 finished but not established (not converged), 65 bad input, 66 no input,
73 cannot write, 74 input or output failed, 75 limit reached (run the command again to go on), 130 and 143 signals.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Factor the embedded handwritten digits, audit, and write the report.
    Demo(DemoArgs),
    /// Tell what would be read: format, shape, range, missing entries.
    Info(InfoArgs),
    /// Factor a matrix; the same command goes on where a run was cut.
    Fit(FitArgs),
    /// Which ranks do the data support? With the evidence.
    Rank(RankArgs),
    /// How far can a fit be trusted? Adds the evidence to its directory.
    Audit(AuditArgs),
    /// The exact loss on the segment between two factorisations.
    Line(LineArgs),
    /// How flat is the loss at a fit, a recovery, or factors from a file?
    Flatness(FlatnessArgs),
    /// Recover a low-rank matrix or a sparse vector, with a proof if asked for.
    Recover(RecoverArgs),
    /// Check a certificate of a recovery from the instance alone.
    Verify(VerifyArgs),
    /// One self-contained page about one or several runs.
    Report(ReportArgs),
    /// A figure, table or theorem of a paper, beside what is true; goes on where it stood.
    Reproduce(ReproduceArgs),
    /// How often is the measured matrix the minimiser? The phase diagram.
    Phase(PhaseArgs),
    /// Factor new rows with the V of a fit.
    Transform(TransformArgs),
    /// Append new rows to the data of a run, and take its fit further on all of them.
    Update(UpdateArgs),
    /// Predict entries, asked for by label or number.
    Predict(PredictArgs),
    /// Write factors as CSV with labels.
    Export(ExportArgs),
    /// The named data sets: what they are, how to get them, whether they are whole.
    Data(DataArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the man page.
    Man,
}
