//! Questions about small problems, in JSON, and the library's answers: what the explorer's page asks of its WebAssembly module.
//!
//! Conversions only. Every number comes from `thalweg`, with the same seed the same as in Rust, Python and the command line; `sin`, `exp` and
//! fused products round differently from one machine to the next, so that digits near the last may differ.

pub mod factor;
pub mod figures;
mod fit;
#[cfg(target_family = "wasm")]
mod memory;
pub mod recovery;
pub mod sparse;
pub mod surface;
pub mod table;

use figures::Shown;
use serde::{Deserialize, Serialize};
use thalweg::Error;

/// Everything that can be asked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Question {
    /// Plant a non-negative factorisation, fit it, audit the fit.
    Factor(factor::Question),
    /// The loss on a plane, and the way of a fit on it.
    Surface(surface::Question),
    /// Plant a low-rank matrix, measure it, recover it.
    Recover(recovery::Question),
    /// The same over the number of measurements.
    Sweep(recovery::SweepQuestion),
    /// Plant a sparse vector, measure it, recover it at several depths.
    Sparse(sparse::Question),
    /// Read a table, factor it, audit the fit.
    Table(table::Question),
}

/// What is said of a question: the numbers, and figures of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Said<T> {
    Answer {
        #[serde(flatten)]
        answer: T,
        figures: Vec<Shown>,
    },
    /// A sentence.
    Error(String),
}

/// The answer to a question in JSON, in JSON: `{"answer": {…, "figures": […]}}` or `{"error": "a sentence"}`. `file`: the bytes of a table.
pub fn answer(question: &str, file: Vec<u8>) -> String {
    match serde_json::from_str(question) {
        Ok(Question::Factor(asked)) => said(asked.answer(), |found| {
            let mut shown = figures::of_fit(&found.fitted);
            shown.push(figures::of_spread(found));
            shown
        }),
        Ok(Question::Surface(asked)) => said(asked.answer(), |_| Vec::new()),
        Ok(Question::Recover(asked)) => said(asked.answer(), |_| Vec::new()),
        Ok(Question::Sweep(asked)) => said(asked.answer(), figures::of_sweep),
        Ok(Question::Sparse(asked)) => said(asked.answer(), |found| figures::of_sparse(found, asked.depth)),
        Ok(Question::Table(asked)) => said(asked.answer(file), |found| figures::of_fit(&found.fitted)),
        Err(why) => written(&Said::<()>::Error(format!("not a question that is known: {why}"))),
    }
}

fn said<T: Serialize>(found: Result<T, Error>, figures: impl FnOnce(&T) -> Vec<Shown>) -> String {
    written(&match found {
        Ok(answer) => Said::Answer { figures: figures(&answer), answer },
        Err(error) => Said::Error(error.to_string()),
    })
}

fn written<T: Serialize>(said: &Said<T>) -> String {
    serde_json::to_string(said).expect("records of numbers and texts have a form in JSON")
}
