//! Options of every command.

use super::numbers::parse_seconds;
use crate::exit::Failure;
use crate::ranks::on_this_machine;
use clap::{Args, ValueEnum};
use std::fmt;
use std::path::PathBuf;

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Common {
    /// Seed of all randomness.
    #[arg(long, global = true, default_value_t = 0)]
    pub seed: u64,
    /// Threads [default: all cores]. Results do not depend on it.
    #[arg(long, global = true)]
    pub threads: Option<usize>,
    /// Print exactly one JSON document on standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// Say nothing but results and errors.
    #[arg(long, global = true)]
    pub quiet: bool,
    /// Say more.
    #[arg(short, global = true)]
    pub verbose: bool,
    /// Memory that data and factors may take, such as 500M or 4G.
    #[arg(long, global = true, value_name = "SIZE", default_value = "8G", value_parser = parse_size)]
    pub max_memory: u64,
    /// Stop after so many seconds; a run can be resumed.
    #[arg(long, global = true, value_name = "SECONDS", value_parser = parse_seconds)]
    pub max_time: Option<f64>,
    /// Where to write.
    #[arg(short, long, global = true, value_name = "PATH")]
    pub output: Option<PathBuf>,
}

impl Common {
    /// Starts the threads that everything runs on.
    pub fn start_threads(&self) -> Result<(), Failure> {
        if self.threads == Some(0) {
            return Err(Failure::Usage("--threads is 0: at least one is needed".into()));
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.thread_count());
        pool.build_global().map_err(|reason| Failure::Usage(format!("--threads: {reason}")))
    }

    /// How many; ranks on one machine share its cores.
    pub fn thread_count(&self) -> usize {
        let share = |cores: std::num::NonZero<usize>| (cores.get() / on_this_machine()).max(1);
        self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, share))
    }

    /// A line on standard error, unless quiet.
    pub fn say(&self, line: fmt::Arguments<'_>) {
        if !self.quiet {
            crate::exit::tell(line);
        }
    }

    /// A line on standard error, if verbose.
    pub fn detail(&self, line: fmt::Arguments<'_>) {
        if self.verbose {
            self.say(line);
        }
    }
}

fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        other => return Err(format!("{other} is no unit; use K, M, G or T")),
    };
    let number: f64 = digits.parse().map_err(|_| "expected a number and a unit, such as 500M or 4G".to_owned())?;
    let bytes = number * (1u64 << unit) as f64;
    if bytes >= 1.0 && bytes < u64::MAX as f64 { Ok(bytes as u64) } else { Err("expected a size of at least one byte".into()) }
}

/// Arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArg {
    /// 64 bits.
    F64,
    /// 32 bits: half the memory, about twice the speed.
    F32,
}
