//! The library's errors as Python's: the same sentences as the command line's.

use pyo3::PyErr;
use pyo3::exceptions::{PyMemoryError, PyOSError, PyValueError};
use thalweg::Error;
use thalweg_lab::FitError;

/// `MemoryError` for a limit of memory, `OSError` for the system's refusals, else `ValueError`.
pub fn raised(error: Error) -> PyErr {
    match &error {
        Error::Memory { .. } => PyMemoryError::new_err(error.to_string()),
        Error::Io { .. } => PyOSError::new_err(error.to_string()),
        // the words by which scikit-learn's users and tests know this refusal
        Error::Negative { .. } => PyValueError::new_err(format!("Negative values in data: {error}")),
        _ => PyValueError::new_err(error.to_string()),
    }
}

/// As [`raised`].
pub fn fit_raised(error: FitError) -> PyErr {
    match error {
        FitError::Input(error) | FitError::Output(error) => raised(error),
        other => PyValueError::new_err(other.to_string()),
    }
}

/// Settings that do not parse, without their place in a text that nobody wrote.
pub fn unreadable(reason: serde_json::Error) -> PyErr {
    let text = reason.to_string();
    let sentence = text.rsplit_once(" at line ").map_or(text.as_str(), |(sentence, _)| sentence);
    PyValueError::new_err(sentence.to_owned())
}
