//! A fit to data that stay on disk.

use super::{FitError, FitJob, Fitted, fit_blocks, refuse_without_all};
use std::sync::Arc;
use thalweg::Error;
use thalweg::comm::{Alone, Grid};
use thalweg::data::{Holdout, OnDisk, Precision, ReadAhead, RowBlocks, WithoutEntries, hold_out_of_blocks};
use thalweg::linalg::Real;

/// The same restarts as in memory, one after the other, with a block of rows in memory and the next on its way.
pub(super) fn fit_on_disk(job: FitJob<'_>, disk: &Arc<OnDisk>) -> Result<Fitted, FitError> {
    let settings = &job.manifest.settings;
    refuse_without_all(settings, "for data that stay on disk")?;
    let held = match settings.holdout {
        Some(fraction) => {
            check_memory_of_held(&job, disk, fraction)?;
            let blocks: Arc<dyn RowBlocks<f64> + Send> = disk.clone();
            Some(Arc::new(hold_out_of_blocks(&ReadAhead::new(blocks), fraction, settings.seed)?))
        }
        None => None,
    };
    let alone = Grid::of_rows(&Alone);
    match settings.precision {
        Precision::F32 => {
            // proofs are in double precision, whose blocks are twice as large: none of them is read ahead
            let judged = without(disk, held.as_ref());
            fit_blocks(job, &ReadAhead::<f32>::new(without(disk, held.as_ref())), &*judged, held.as_deref(), alone)
        }
        Precision::F64 => {
            let blocks = ReadAhead::<f64>::new(without(disk, held.as_ref()));
            fit_blocks(job, &blocks, &blocks, held.as_deref(), alone)
        }
    }
}

fn without<T: Real>(disk: &Arc<OnDisk>, held: Option<&Arc<Holdout>>) -> Arc<dyn RowBlocks<T> + Send> {
    match held {
        Some(held) => Arc::new(WithoutEntries::new(disk.clone(), held.clone())),
        None => disk.clone(),
    }
}

/// An entry that is held out.
const HELD_BYTES: f64 = 16.0;

/// Of a sparse matrix, zeros are held out as well.
fn check_memory_of_held(job: &FitJob<'_>, disk: &OnDisk, fraction: f64) -> Result<(), Error> {
    let Some(keep) = &job.keep else { return Ok(()) };
    // a list that grows is in memory twice
    let needed = (2.0 * HELD_BYTES * fraction * job.manifest.input.observed as f64) as u64;
    if needed <= keep.max_memory {
        return Ok(());
    }
    let what = format!("the entries held out of a matrix that is {}", disk.kind());
    Err(Error::Memory { path: job.manifest.input.path.clone(), what, needed, limit: keep.max_memory })
}
