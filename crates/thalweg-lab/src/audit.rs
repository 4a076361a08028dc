//! The audit of a run on disk.

use crate::fit::split;
use crate::{Given, Manifest, Restart, RunDir};
use std::path::Path;
use thalweg::Error;
use thalweg::audit::{Answer, Audit, AuditSettings, Status, audit};
use thalweg::data::{Dataset, ReadOptions};

/// Audits every restart of a run that has begun, against the data it was fitted to (without what was held out), read from `path`, under the loss of the
/// manifest.
///
/// # Errors
/// [`Error::Malformed`] if the data are not those of the manifest or no restart has begun; as [`audit`].
pub fn audit_run(dir: &RunDir, manifest: &Manifest, dataset: &Dataset, path: &Path, settings: &AuditSettings) -> Result<Audit, Error> {
    if dataset.sha256 != manifest.input.sha256 {
        return Err(Error::Malformed {
            path: path.to_owned(),
            place: "the whole of it".into(),
            expected: format!("the data that were fitted, sha256 {}", manifest.input.sha256),
            found: format!("sha256 {}", dataset.sha256),
        });
    }
    let held = split(dataset, manifest)?;
    let training = held.as_ref().map_or(&dataset.matrix, |(training, _)| training);
    let mut answers = Vec::new();
    for number in 0..manifest.settings.restarts {
        let path = dir.restart(number);
        if path.exists() {
            let restart: Restart<f64> = Restart::load(&path, number, ReadOptions::default().max_memory)?;
            answers.push(Answer { factors: restart.factors, status: restart.status.unwrap_or(Status::Stopped) });
        }
    }
    let constraints = manifest.settings.constraints(&Given::load(dir)?, training)?;
    audit(training, &answers, &AuditSettings { loss: manifest.settings.loss, constraints, ..settings.clone() })
}
