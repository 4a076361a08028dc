//! The run directory that a fit begins or goes on with.

use super::{FitError, FitJob, Keep};
use crate::{FitSettings, Given, Labels, Manifest};
use std::fs::File;
use std::path::PathBuf;

use thalweg::data::ReadOptions;

/// Creates the directory, if there is to be one, or makes sure that it holds this very run.
pub(super) fn take_directory(job: &FitJob<'_>) -> Result<Option<File>, FitError> {
    let Some(keep) = &job.keep else { return Ok(None) };
    // the first rank writes; the others wait until there is something to write to
    let comm = job.data.comm();
    let lock = if comm.rank() == 0 { Some(prepare_directory(job, keep)?) } else { None };
    comm.agree(Ok([]))?;
    Ok(lock)
}

fn prepare_directory(job: &FitJob<'_>, Keep { dir, max_memory, .. }: &Keep) -> Result<File, FitError> {
    let lock = dir.lock().map_err(FitError::Output)?;
    if dir.has::<Manifest>() {
        let old: Manifest = dir.read()?;
        let what = if old.input.sha256 != job.manifest.input.sha256 {
            Some("input")
        } else if reading(&old.input.read) != reading(&job.manifest.input.read) {
            Some("reading of the input")
        } else if identity(&old.settings) != identity(&job.manifest.settings) {
            Some("rank, method, start, loss, penalty, constraints, seed, precision, hold-out, batch size or streaming")
        } else if Given::load(dir)? != job.given {
            Some("start or fixed columns")
        } else {
            None
        };
        if let Some(what) = what {
            return Err(FitError::Other { dir: dir.path().display().to_string(), what });
        }
        dir.create().map_err(FitError::Output)?;
        return Ok(lock);
    }
    dir.create().map_err(FitError::Output)?;
    let labels = job.data.labels(*max_memory)?;
    if labels != Labels::default() {
        dir.write(&labels).map_err(FitError::Output)?;
    }
    job.given.save(dir).map_err(FitError::Output)?;
    dir.write(&job.manifest).map_err(FitError::Output)?;
    Ok(lock)
}

/// What was read; the memory that it may take only decides whether.
pub(crate) fn reading(options: &ReadOptions) -> ReadOptions {
    ReadOptions { max_memory: 0, ..options.clone() }
}

/// What a run is; more restarts, more iterations or a smaller tolerance only take it further.
fn identity(settings: &FitSettings) -> FitSettings {
    // what was read from a path is compared itself
    let is_given = |path: &Option<PathBuf>| path.as_ref().map(|_| PathBuf::new());
    let [start, fix_u, fix_v] = [&settings.start, &settings.fix_u, &settings.fix_v].map(is_given);
    FitSettings { restarts: 0, max_iters: 0, tol: 0.0, method_reason: None, start, fix_u, fix_v, ..settings.clone() }
}
