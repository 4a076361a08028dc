//! A run directory as the report sees it.

use crate::{HistoryRow, Labels, Manifest, RunDir, RunView};
use std::fs;
use thalweg::Error;
use thalweg::data::read_factors;

impl RunView {
    /// Reads what a report needs of a run.
    ///
    /// # Errors
    /// [`Error::Io`] if the manifest, the factors or the history is not there, [`Error::Malformed`] if one is damaged.
    pub fn open(dir: &RunDir) -> Result<RunView, Error> {
        let read_or_default = |has: bool| if has { dir.read::<Labels>() } else { Ok(Labels::default()) };
        Ok(RunView {
            name: dir.path().display().to_string(),
            manifest: dir.read::<Manifest>()?,
            audit: if dir.has::<thalweg::audit::Audit>() { Some(dir.read()?) } else { None },
            history: read_history(dir)?,
            factors: read_factors(&dir.factors())?,
            labels: read_or_default(dir.has::<Labels>())?,
        })
    }
}

fn read_history(dir: &RunDir) -> Result<Vec<HistoryRow>, Error> {
    let path = dir.history();
    let text = fs::read(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
    csv::Reader::from_reader(text.as_slice())
        .deserialize()
        .map(|row| {
            row.map_err(|reason| Error::Malformed {
                path: path.clone(),
                place: reason.position().map_or("a row".into(), |p| format!("line {}", p.line())),
                expected: "restart, seconds, iteration, objective, kkt and holdout_rmse".into(),
                found: reason.to_string(),
            })
        })
        .collect()
}
