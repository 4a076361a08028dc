//! Exit codes, and which failure has which.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use thalweg::Error;
use thalweg::data::did_you_mean;
use thalweg_lab::{FitError, Manifest, Record};

/// Done, and every requested promise held.
pub const DONE: u8 = 0;
/// A bug.
pub const BUG: u8 = 1;
/// Wrong usage.
pub const USAGE: u8 = 2;
/// Finished, but a requested property was not established.
pub const NOT_ESTABLISHED: u8 = 3;
/// Bad input.
pub const BAD_INPUT: u8 = 65;
/// Input missing.
pub const NO_INPUT: u8 = 66;
/// Cannot write.
pub const CANNOT_WRITE: u8 = 73;
/// Input or output failed.
pub const IO: u8 = 74;
/// A limit was reached; the run can be resumed.
pub const LIMIT: u8 = 75;

/// A line on standard error; there is nobody to tell of an error there, and the exit code still speaks.
pub fn tell(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// The library refused, while reading or computing.
    Input(Error),
    /// The library refused what a file holds, and does not know its name.
    Content(PathBuf, Error),
    /// A result could not be written.
    Output(Error),
}

impl Failure {
    /// A failure with what this file holds; the file is named unless the error does it.
    pub fn about(path: &Path, error: Error) -> Self {
        match error {
            Error::Malformed { .. } | Error::Memory { .. } | Error::Io { .. } | Error::Parameter { .. } | Error::Peer { .. } => Failure::Input(error),
            _ => Failure::Content(path.to_owned(), error),
        }
    }

    /// The exit code of this failure.
    pub fn code(&self) -> u8 {
        match self {
            Failure::Usage(_) | Failure::Input(Error::Parameter { .. }) => USAGE,
            Failure::Input(Error::Memory { .. }) => LIMIT,
            Failure::Input(Error::Io { source, .. }) => match source.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => NO_INPUT,
                _ => IO,
            },
            Failure::Output(Error::Io { source, .. }) => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::Other => IO,
                io::ErrorKind::ResourceBusy => LIMIT,
                _ => CANNOT_WRITE,
            },
            Failure::Input(_) | Failure::Content(..) | Failure::Output(_) => BAD_INPUT,
        }
    }

    /// What to do about an input that is not there: the name that was meant, or how a run directory is made; nothing where neither is known.
    pub fn hint(&self) -> String {
        let Failure::Input(Error::Io { path, source }) = self else { return String::new() };
        let is_of_a_run = path.file_name().is_some_and(|name| name == Manifest::FILE);
        match source.kind() {
            io::ErrorKind::NotADirectory if is_of_a_run => NO_RUN.into(),
            io::ErrorKind::NotFound if is_of_a_run && path.parent().is_some_and(Path::is_dir) => NO_RUN.into(),
            io::ErrorKind::NotFound => nearest_in_folder(path).unwrap_or_default(),
            _ => String::new(),
        }
    }
}

const NO_RUN: &str = "; a run directory is made by `thalweg fit INPUT -k RANK -o DIR`";

/// The first part of the path that is not there, held against what stands beside it.
fn nearest_in_folder(path: &Path) -> Option<String> {
    let missing = path.ancestors().take_while(|part| !part.as_os_str().is_empty() && !part.exists()).last()?;
    let folder = missing.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names: Vec<String> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    Some(did_you_mean(&missing.file_name()?.to_string_lossy(), names.iter().map(String::as_str)))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(message) => f.write_str(message),
            Failure::Input(error) => error.fmt(f),
            Failure::Content(path, error) => write!(f, "{}: {error}", path.display()),
            Failure::Output(error) => write!(f, "cannot write {error}"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Input(error)
    }
}

impl From<FitError> for Failure {
    fn from(error: FitError) -> Self {
        match error {
            FitError::Input(error) => Failure::Input(error),
            FitError::Output(error) => Failure::Output(error),
            other => Failure::Usage(other.to_string()),
        }
    }
}
