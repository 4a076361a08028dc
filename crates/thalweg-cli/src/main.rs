//! `thalweg`: factor a matrix, audit the answer, write the report.
//!
//! A subcommand parses, calls the library and prints a record: results to standard output, everything else to standard error.

mod args;
mod commands;
mod download;
mod examples;
mod exit;
mod input;
mod memory;
mod plot;
mod progress;
mod ranks;
mod signals;

use args::{Cli, Command};
use clap::FromArgMatches;
use examples::WELCOME;
use exit::Failure;
use ranks::Ranks;
use std::process::ExitCode;
use thalweg::Error;

fn main() -> ExitCode {
    if std::env::args_os().len() < 2 {
        exit::tell(format_args!("{WELCOME}"));
        return ExitCode::from(exit::USAGE);
    }
    let ranks = match Ranks::join() {
        Ok(ranks) => ranks,
        Err(failure) => return ExitCode::from(tell_failure(&failure)),
    };
    let cli = match args::command().try_get_matches().and_then(|found| Cli::from_arg_matches(&found)) {
        Ok(cli) => cli.on_rank(ranks.comm().rank()),
        Err(error) => {
            let error = args::with_suggestion(error);
            // help and version are results, everything else is a usage error
            let code = if error.use_stderr() { exit::USAGE } else { exit::DONE };
            // all ranks have the same command line
            if ranks.comm().rank() == 0 {
                let _ = error.print();
            }
            return ExitCode::from(code);
        }
    };
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| dispatch(&cli, &ranks)));
    match outcome {
        Ok(Ok(code)) => ExitCode::from(code),
        // the other rank says why, and ends this one
        Ok(Err(Failure::Input(Error::Peer { .. }))) => ExitCode::from(exit::DONE),
        Ok(Err(failure)) => {
            ranks.let_the_first_tell();
            ExitCode::from(ranks.end_all(tell_failure(&failure)))
        }
        Err(_) => {
            exit::tell(format_args!("thalweg: this is a bug; please report it with the message above and the command line"));
            ExitCode::from(ranks.end_all(exit::BUG))
        }
    }
}

/// Says why; returns the exit code.
fn tell_failure(failure: &Failure) -> u8 {
    exit::tell(format_args!("thalweg: {failure}{}", failure.hint()));
    failure.code()
}

fn dispatch(cli: &Cli, ranks: &Ranks) -> Result<u8, Failure> {
    let common = &cli.common;
    common.start_threads()?;
    let comm = ranks.comm();
    match (&cli.command, comm.size()) {
        (Command::Fit(args), 2..) => return commands::fit::run_on_ranks(args, common, comm),
        (Command::Recover(args), 2..) => return commands::recover::run_on_ranks(args, common, comm),
        (Command::Rank(_) | Command::Reproduce(_) | Command::Phase(_), _) => {}
        _ => ranks.refuse_several()?,
    }
    match &cli.command {
        Command::Demo(args) => commands::demo::run(args, common),
        Command::Info(args) => commands::info::run(args, common),
        Command::Fit(args) => commands::fit::run(args, common),
        Command::Audit(args) => commands::audit::run(args, common),
        Command::Line(args) => commands::line::run(args, common),
        Command::Rank(args) => commands::rank::run(args, common, comm),
        Command::Flatness(args) => commands::flatness::run(args, common),
        Command::Recover(args) => commands::recover::run(args, common),
        Command::Verify(args) => commands::verify::run(args, common),
        Command::Reproduce(args) => commands::reproduce::run(args, common, comm),
        Command::Phase(args) => commands::phase::run(args, common, comm),
        #[cfg(feature = "net")]
        Command::Net(args) => commands::net::run(args, common),
        Command::Report(args) => commands::report::run(args, common),
        Command::Transform(args) => commands::transform::run(args, common),
        Command::Update(args) => commands::update::run(args, common),
        Command::Predict(args) => commands::predict::run(args, common),
        Command::Export(args) => commands::export::run(args, common),
        Command::Data(args) => commands::data::run(args, common),
        Command::Doctor => commands::doctor::run(common),
        Command::Completions { shell } => commands::completions::run(*shell),
        Command::Man => commands::man::run(),
    }
}
