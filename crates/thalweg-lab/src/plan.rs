//! What a fit adds to the memory that its data take, told before it begins.

use crate::{FitSettings, RankBlock};
use serde::Serialize;
use thalweg::certificate::BOUND_LIMIT;
use thalweg::data::{Matrix, OnDisk, Precision, RowBlocks, ShardKind};
use thalweg::problem::{Compressed, Loss};
use thalweg::solver::nmf::{Order, method};

/// Bytes that a fit takes beside its data, from above: what is at work at different times is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Copies of the data: without the entries that are held out, in single precision.
    pub copies: u64,
    /// Factors: of the restarts at work, where they stood and are tried, what is being saved, and of the restarts that have ended.
    pub factors: u64,
    /// The stand-ins of low rank that dense data are opened on.
    pub compressed: u64,
    /// The Gram matrix of the lower bound and its eigenvalues, after the restarts.
    pub bound: u64,
    /// Blocks of rows of data that stay on disk: the one that is worked on and the next, twice as large where proofs need them so.
    pub blocks: u64,
    /// The normal equations of V that are summed over blocks.
    pub equations: u64,
    /// Stacks and tiles of the threads, whatever the data.
    pub buffers: u64,
}

/// Copies of its factors that a restart makes: where it stands, the trial and the shadow of the extrapolation, a checkpoint of point and
/// shadow and their bytes on the way to the file, the gradients of the proof at its end and the partial sums that keep their bits.
const COPIES_AT_WORK: u64 = 12;

/// Of one thread.
const BUFFERS: u64 = 6 << 20;

/// Rows of dense data whose residuals a thread forms at once in a proof.
const PROVED_TOGETHER: u64 = 64;

/// A Gram matrix, its copy that the eigenvalues are found in, and their workspace.
const COPIES_OF_GRAM: u64 = 3;

impl Plan {
    /// Of a fit on so many threads.
    pub fn of(data: &Matrix<f64>, settings: &FitSettings, threads: usize) -> Plan {
        let ((m, n), rank) = (data.shape(), settings.components());
        let size = match settings.precision {
            Precision::F32 => 4,
            Precision::F64 => 8,
        };
        let at_work = threads.clamp(1, settings.restarts) as u64;
        let factors = |size: u64| (m + n) as u64 * rank as u64 * size;
        let is_compressed = settings.loss == Loss::Frobenius
            && matches!(data, Matrix::Dense(_))
            && method(&settings.method).is_some_and(|method| method.about().order == Order::CompressedFirst);
        let width = if is_compressed { Compressed::<f64>::width(m, n, rank).unwrap_or(0) } else { 0 };
        // the basis of the shorter side is made orthonormal in a copy
        let stand_in = ((m + n) + 2 * m.min(n)) as u64 * width as u64 * size;
        let short = m.min(n);
        let is_bounded = settings.loss == Loss::Frobenius && matches!(data, Matrix::Dense(_) | Matrix::Sparse(_)) && short <= BOUND_LIMIT;
        Plan {
            copies: copies(data, settings),
            factors: at_work * COPIES_AT_WORK * factors(size) + settings.restarts as u64 * factors(8),
            compressed: at_work * stand_in,
            bound: if is_bounded { COPIES_OF_GRAM * 8 * (short * short) as u64 } else { 0 },
            blocks: 0,
            equations: 0,
            buffers: BUFFERS * (threads as u64 + 1),
        }
    }

    /// Of a fit to data that stay on disk: its restarts are run one after the other.
    pub fn on_disk(disk: &OnDisk, settings: &FitSettings, threads: usize) -> Plan {
        let ((m, n), rank) = (disk.shape(), settings.components() as u64);
        let observed = disk.shards().filter(|shards| shards.kind() != ShardKind::Sparse).map(|shards| shards.stored());
        let is_full = observed.is_none() && settings.holdout.is_none();
        let size = if settings.precision == Precision::F32 { 4 } else { 8 };
        let factors = |size: u64| (m + n) as u64 * rank * size;
        let block = |precision| disk.block_bytes(precision);
        let held = settings.holdout.map_or(0.0, |share| share * observed.unwrap_or(m as u64 * n as u64) as f64);
        // without the entries that are held out a block is made anew, and allocators do not give back what a block of one piece took at once
        let copies = u64::from(settings.holdout.is_some()) + u64::from(disk.shards().is_none());
        let at_work = match settings.precision {
            Precision::F64 => (2 + copies) * block(Precision::F64),
            // the one that was read ahead waits while proofs are made
            Precision::F32 => (2 + copies) * block(Precision::F32) + block(Precision::F64),
        };
        let grams = if is_full { 1 } else { n as u64 };
        let counts = 2 * 8 * (m + n) as u64;
        Plan {
            copies: (2.0 * TRIPLET * held) as u64,
            factors: COPIES_AT_WORK * factors(size) + settings.restarts as u64 * factors(8) + counts,
            compressed: 0,
            bound: 0,
            blocks: at_work + if disk.shards().is_none() { PROVED_TOGETHER * 8 * n as u64 * threads as u64 } else { 0 },
            equations: 2 * (grams * rank + n as u64) * rank * size,
            buffers: BUFFERS * (threads as u64 + 1),
        }
    }

    /// Of one of several ranks. Factors are gathered whole for checkpoints and at the end.
    pub fn on_ranks(held: &RankBlock<'_>, settings: &FitSettings, threads: usize) -> Plan {
        let ((m, n), rank) = (RowBlocks::<f64>::shape(&held.block), settings.components() as u64);
        let (m, n, (rows, columns)) = (m as u64, n as u64, held.grid);
        let size = if settings.precision == Precision::F32 { 4 } else { 8 };
        let all = (m * rows as u64 + n * columns as u64) * rank;
        // of the rows of V, and of U where other ranks hold entries of theirs
        let equations = if columns > 1 { m.max(n) } else { n };
        let grams = if matches!(held.kind, "dense" | "sparse") { 1 } else { equations };
        Plan {
            copies: if settings.precision == Precision::F32 { held.block.bytes() / 2 } else { 0 },
            factors: COPIES_AT_WORK * all * size + settings.restarts as u64 * all * 8,
            compressed: 0,
            bound: 0,
            blocks: 0,
            equations: 2 * (grams * rank + equations) * rank * size,
            buffers: BUFFERS * (threads as u64 + 1),
        }
    }

    /// Bytes that it adds at most at one time, beside the buffers.
    pub fn added(&self) -> u64 {
        self.copies + self.factors + self.compressed.max(self.bound) + self.blocks + self.equations
    }
}

/// Of a triplet, and of an entry listed by row and by column.
const TRIPLET: f64 = 16.0;
const LISTED: f64 = 24.0;

/// Without the entries held out, and that or the whole once more in single precision.
fn copies(data: &Matrix<f64>, settings: &FitSettings) -> u64 {
    let whole = data.bytes();
    let training = settings.holdout.map_or(0, |share| {
        let observed = data.observed() as f64;
        // of full data, the fewer are listed: those that are taken out, or those that are left
        let listed = if matches!(data, Matrix::Observed(_)) { 1.0 - share } else { share.min(1.0 - share) };
        // held out: a list that grows; listed: triplets, sorted both ways
        whole + (observed * (2.0 * TRIPLET * share + (LISTED + 2.0 * TRIPLET) * listed)) as u64
    });
    let narrow = match settings.precision {
        Precision::F32 => training.max(whole) / 2,
        Precision::F64 => 0,
    };
    training + narrow
}
