//! The result of a fit, and what the directory gets of it.

use super::restarts::{Judged, is_final};
use super::{FitData, FitError, FitJob, Fitted, Kept};
use crate::{FitRecord, HistoryRow, Manifest, RunDir};
use std::io::Write;
use thalweg::Error;
use thalweg::audit::Status;
use thalweg::data::{Precision, write_atomically, write_factors};
use thalweg::problem::Loss;

/// Picks the best restart, and writes what the run found if it is kept.
pub(super) fn finish(job: FitJob<'_>, kept: Kept<'_>, judged: Vec<Judged>) -> Result<Fitted, FitError> {
    let best = (0..judged.len()).min_by(|&a, &b| judged[a].proof.objective.total_cmp(&judged[b].proof.objective)).expect("one restart at least");
    let is_whole = judged.len() == job.manifest.settings.restarts;
    let is_over = is_whole && judged.iter().all(|j| is_final(j.record.status));
    let winner = &judged[best];
    // one restart that was cut short leaves the run unfinished, whatever the best one did
    let unfinished = judged.iter().map(|j| j.record.status).find(|&s| !is_final(s)).or((!is_whole).then_some(Status::Stopped));
    let result = FitRecord {
        status: unfinished.unwrap_or(winner.record.status),
        best,
        objective: winner.proof.objective,
        penalty: winner.proof.penalty,
        scaled_penalty: kept.scaled_penalty,
        relative_error: winner.proof.relative_error,
        kkt: winner.proof.kkt,
        lower_bound: if job.bound && is_over && job.manifest.settings.loss == Loss::Frobenius {
            kept.lower_bound(job.manifest.settings.components())
        } else {
            None
        },
        iterations: winner.record.iterations,
        seconds: judged.iter().map(|j| j.record.seconds).sum(),
        passes: match job.data {
            FitData::Disk(disk) => Some(disk.passes()),
            FitData::Memory(_) | FitData::Ranks(_) => None,
        },
        ranks: match job.data {
            FitData::Ranks(held) => Some(held.record()),
            FitData::Memory(_) | FitData::Disk(_) => None,
        },
        holdout_rmse: kept.holdout.and_then(|h| h.rmse(&winner.factors)),
        restarts: judged.iter().map(|j| j.record.clone()).collect(),
    };
    let fitted = Fitted { manifest: Manifest { result: Some(result), ..job.manifest }, answers: judged };
    if let Some(keep) = job.keep.as_ref().filter(|_| job.data.comm().rank() == 0) {
        write(&keep.dir, &fitted, best).map_err(FitError::Output)?;
    }
    Ok(fitted)
}

/// The best factors, the history, and last the manifest that speaks of them.
fn write(dir: &RunDir, fitted: &Fitted, best: usize) -> Result<(), Error> {
    let (path, factors) = (dir.factors(), &fitted.answers[best].factors);
    match fitted.manifest.settings.precision {
        Precision::F64 => write_factors(&path, factors)?,
        Precision::F32 => write_factors(&path, &factors.cast::<f32>())?,
    }
    write_history(dir, fitted.answers.iter().flat_map(|j| &j.history))?;
    dir.write(&fitted.manifest)
}

fn write_history<'a>(dir: &RunDir, rows: impl Iterator<Item = &'a HistoryRow>) -> Result<(), Error> {
    write_atomically(&dir.history(), |out| {
        writeln!(out, "restart,seconds,iteration,objective,kkt,holdout_rmse")?;
        for h in rows {
            let shown = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
            writeln!(out, "{},{},{},{},{},{}", h.restart, h.seconds, h.iteration, h.objective, shown(h.kkt), shown(h.holdout_rmse))?;
        }
        Ok(())
    })
}
