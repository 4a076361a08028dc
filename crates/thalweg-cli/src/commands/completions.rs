//! `thalweg completions`.

use super::print_text;
use crate::args::command;
use crate::exit::{DONE, Failure};
use clap_complete::Shell;

pub fn run(shell: Shell) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "thalweg", &mut script);
    print_text(&String::from_utf8_lossy(&script))?;
    Ok(DONE)
}
