//! The command line, from which help, completions and the man page are made. Options of one command stand in its own file.

mod common;
mod constraints;
pub mod numbers;
mod penalty;
mod read;
mod suggestions;

pub use common::{Common, PrecisionArg};
pub use constraints::ConstraintArgs;
pub use penalty::PenaltyArgs;
pub use read::ReadArgs;
pub use suggestions::with_suggestion;

use crate::commands::{
    audit::AuditArgs, data::DataArgs, demo::DemoArgs, export::ExportArgs, fit::FitArgs, flatness::FlatnessArgs, info::InfoArgs, line::LineArgs,
    phase::PhaseArgs, predict::PredictArgs, rank::RankArgs, recover::RecoverArgs, report::ReportArgs, reproduce::ReproduceArgs,
    transform::TransformArgs, update::UpdateArgs, verify::VerifyArgs,
};
use crate::examples;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

/// Factor a matrix, and see how far to trust the answer.
///
/// X ≈ U Vᵀ with non-negative U (a row for each row of X) and V (a row for each column). `fit` makes a run directory, `audit` adds the
/// evidence, `report` draws it.
#[derive(Debug, Parser)]
#[command(name = "thalweg", version, max_term_width = 110, disable_help_subcommand = true)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// On rank 0 as it is; the others have nothing to tell.
    pub fn on_rank(self, rank: usize) -> Self {
        let quiet = self.common.quiet || rank > 0;
        Cli { common: Common { quiet, ..self.common }, ..self }
    }
}

/// The command line with its examples: what everything is made from.
pub fn command() -> clap::Command {
    let with_examples = |sub: clap::Command| {
        let end = examples::of(sub.get_name());
        sub.after_help(end)
    };
    Cli::command().after_help(examples::overview()).mut_subcommands(with_examples)
}

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
    ///
    /// Under `mpirun -n N` the rows of rpca, and of completion with --method als, are spread over N processes.
    Recover(RecoverArgs),
    /// Check a certificate of a recovery from the instance alone.
    Verify(VerifyArgs),
    /// One self-contained page about one or several runs.
    Report(ReportArgs),
    /// A figure, table or theorem of a paper, beside what is true; goes on where it stood.
    Reproduce(ReproduceArgs),
    /// How often is the measured matrix the minimiser? The phase diagram.
    Phase(PhaseArgs),
    /// Train networks, and see how far their loss is convex.
    #[cfg(feature = "net")]
    Net(crate::commands::net::NetArgs),
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
    /// Does thalweg work here as it should?
    ///
    /// Folders, threads, memory, and a small fit held against a stored one by code that shares nothing with the solver.
    Doctor,
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the man page.
    Man,
}
