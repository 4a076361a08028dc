//! What a fit adds to the memory that its data take, told before it begins.

use crate::FitSettings;
use serde::Serialize;
use thalweg::certificate::BOUND_LIMIT;
use thalweg::data::{Matrix, Precision};
use thalweg::problem::{Compressed, Loss};
use thalweg::solver::nmf::{Order, method};

/// Bytes that a fit takes beside its data. Arrays of a fixed size, some megabytes a thread, are not counted.
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
}

/// Factors that one restart has at the same time: the point; for extrapolation the trial and the shadow; a checkpoint of point and shadow;
/// and what the proof at its end needs.
const COPIES_AT_WORK: u64 = 6;

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
        }
    }

    /// Bytes that it adds at most at one time.
    pub fn added(&self) -> u64 {
        self.copies + self.factors + self.compressed.max(self.bound)
    }
}

/// Without the entries held out, and that or the whole once more in single precision.
fn copies(data: &Matrix<f64>, settings: &FitSettings) -> u64 {
    let whole = data.bytes();
    let training = settings.holdout.map_or(0, |share| {
        // entries of full data that are taken out are listed: position and value, by row and by column
        let listed = share * data.summary().observed as f64 * 24.0;
        whole + listed as u64
    });
    let narrow = match settings.precision {
        Precision::F32 => training.max(whole) * 2 / 3,
        Precision::F64 => 0,
    };
    training + narrow
}
