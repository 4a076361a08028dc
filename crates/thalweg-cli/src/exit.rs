//! Exit codes, and which failure has which.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use thalweg::Error;
use thalweg_lab::FitError;

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
            Error::Malformed { .. } | Error::Memory { .. } | Error::Io { .. } | Error::Parameter { .. } => Failure::Input(error),
            _ => Failure::Content(path.to_owned(), error),
        }
    }

    /// The exit code of this failure.
    pub fn code(&self) -> u8 {
        match self {
            Failure::Usage(_) | Failure::Input(Error::Parameter { .. }) => USAGE,
            Failure::Input(Error::Memory { .. }) => LIMIT,
            Failure::Input(Error::Io { source, .. }) => match source.kind() {
                io::ErrorKind::NotFound => NO_INPUT,
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
