//! One file for each subcommand.

pub mod audit;
pub mod completions;
pub mod data;
pub mod demo;
pub mod doctor;
pub mod export;
pub mod fit;
pub mod flatness;
pub mod info;
pub mod line;
pub mod man;
#[cfg(feature = "net")]
pub mod net;
pub mod phase;
pub mod predict;
pub mod rank;
pub mod recover;
pub mod report;
pub mod reproduce;
pub mod transform;
pub mod update;
pub mod verify;

use crate::exit::Failure;
use serde::Serialize;
use std::io::Write;

/// Prints a record as one JSON document.
fn print_json<T: Serialize>(record: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(record).expect("records hold plain values");
    print_text(&format!("{text}\n"))
}

/// Prints to standard output; a reader that went away is no failure.
fn print_text(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(source) if source.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Output(thalweg::Error::Io { path: "standard output".into(), source }))
        }
        _ => Ok(()),
    }
}
