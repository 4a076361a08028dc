//! What is to be known of a matrix before it is factored.

use super::{Matrix, Observed};
use crate::linalg::{Real, fixed_order_sum, simd};
use rayon::prelude::*;

/// Sums over the observed entries of a matrix, each in a fixed order.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Summary {
    /// Observed entries, N. Zeros of a sparse matrix count.
    pub observed: u64,
    /// Stored entries.
    pub stored: u64,
    /// Σ w x².
    pub norm_squared: f64,
    /// Mean of the observed entries (unweighted).
    pub mean: f64,
    /// Population standard deviation of the observed entries (ddof 0, unweighted).
    pub sd: f64,
    /// Smallest observed entry.
    pub min: f64,
    /// Largest observed entry.
    pub max: f64,
    /// Negative entries.
    pub negatives: u64,
    /// Stored zeros.
    pub stored_zeros: u64,
}

impl Summary {
    /// That of all parts of a matrix, from those of the parts.
    pub fn of_parts(parts: &[Summary]) -> Summary {
        let parts: Vec<&Summary> = parts.iter().filter(|part| part.observed > 0).collect();
        let count = |f: fn(&Summary) -> u64| parts.iter().map(|part| f(part)).sum::<u64>();
        let sum = |f: &dyn Fn(&Summary) -> f64| fixed_order_sum(&parts.iter().map(|part| f(part)).collect::<Vec<_>>());
        let observed = count(|part| part.observed);
        let mean = sum(&|part| part.observed as f64 * part.mean) / observed as f64;
        // each part about its own mean, then the parts about that of all
        let spread = sum(&|part| part.observed as f64 * (part.sd * part.sd + (part.mean - mean) * (part.mean - mean)));
        Summary {
            observed,
            stored: count(|part| part.stored),
            norm_squared: sum(&|part| part.norm_squared),
            mean,
            sd: (spread / observed as f64).sqrt(),
            min: parts.iter().fold(f64::INFINITY, |least, part| least.min(part.min)),
            max: parts.iter().fold(f64::NEG_INFINITY, |most, part| most.max(part.max)),
            negatives: count(|part| part.negatives),
            stored_zeros: count(|part| part.stored_zeros),
        }
    }
}

/// Sums over some entries.
struct Partial {
    count: f64,
    sum: f64,
    /// Σx².
    square: f64,
    /// Σ(x − their mean)².
    spread: f64,
    min: f64,
    max: f64,
    negatives: u64,
    zeros: u64,
}

impl Partial {
    /// Entries in a part: few enough to stay in the first cache between two passes.
    const LENGTH: usize = 2048;

    fn of<T: Real>(values: &[T]) -> Partial {
        simd(
            #[inline(always)]
            || {
                const L: usize = 16;
                let (mut sum, mut square, mut spread) = ([0.0; L], [0.0; L], [0.0; L]);
                let (mut min, mut max) = ([f64::INFINITY; L], [f64::NEG_INFINITY; L]);
                let (mut negatives, mut zeros) = ([0u64; L], [0u64; L]);
                for chunk in values.chunks(L) {
                    for (i, x) in chunk.iter().enumerate() {
                        let x = x.f64();
                        sum[i] += x;
                        square[i] += x * x;
                        min[i] = if x < min[i] { x } else { min[i] };
                        max[i] = if x > max[i] { x } else { max[i] };
                        negatives[i] += u64::from(x < 0.0);
                        zeros[i] += u64::from(x == 0.0);
                    }
                }
                let count = values.len() as f64;
                let mean = sum.iter().sum::<f64>() / count;
                for chunk in values.chunks(L) {
                    for (i, x) in chunk.iter().enumerate() {
                        spread[i] += (x.f64() - mean) * (x.f64() - mean);
                    }
                }
                Partial {
                    count,
                    sum: sum.iter().sum(),
                    square: square.iter().sum(),
                    spread: spread.iter().sum(),
                    min: min.into_iter().fold(f64::INFINITY, f64::min),
                    max: max.into_iter().fold(f64::NEG_INFINITY, f64::max),
                    negatives: negatives.iter().sum(),
                    zeros: zeros.iter().sum(),
                }
            },
        )
    }
}

impl<T: Real> Matrix<T> {
    /// Sums over the observed entries.
    pub fn summary(&self) -> Summary {
        let (m, full) = (self.shape().0, self.full_and_hidden().0);
        let observed = self.observed();
        let stored = match full {
            Matrix::Sparse(x) => x.by_row.stored() as u64,
            _ => observed,
        };
        let slices = |x: &[T]| x.par_chunks(Partial::LENGTH).map(Partial::of).collect();
        // what is hidden in sparse data is not stored either
        let parts: Vec<Partial> = match if self.has_unstored_zeros() { full } else { self } {
            Matrix::Dense(x) => slices(x.values()),
            Matrix::Sparse(x) => slices(x.by_row.values()),
            Matrix::Observed(Observed { entries, weights: None }) => (0..m).into_par_iter().map(|i| Partial::of(entries.by_row.row(i).1)).collect(),
            Matrix::Observed(_) | Matrix::AllBut(_) => (0..m)
                .into_par_iter()
                .map(|i| {
                    let mut part = Partial::of(&self.row_entries(i).map(|(_, x, _)| x).collect::<Vec<_>>());
                    part.square = self.row_entries(i).map(|(_, x, w)| w.f64() * x.f64() * x.f64()).sum();
                    part
                })
                .collect(),
        };
        let sum_of = |f: fn(&Partial) -> f64| fixed_order_sum(&parts.iter().map(f).collect::<Vec<_>>());
        let count = observed as f64;
        let mean = sum_of(|p| p.sum) / count;
        let extreme = if observed > stored { (0.0, 0.0) } else { (f64::INFINITY, f64::NEG_INFINITY) };
        let (min, max) = parts.iter().fold(extreme, |(min, max), p| (f64::min(min, p.min), f64::max(max, p.max)));
        let negatives = parts.iter().map(|p| p.negatives).sum();
        let stored_zeros = parts.iter().map(|p| p.zeros).sum();
        // each part about its own mean, then the parts about that of all: keeps the digits that Σx² − N mean² would lose
        let spread: Vec<f64> = parts.iter().filter(|p| p.count > 0.0).map(|p| p.spread + p.count * (p.sum / p.count - mean).powi(2)).collect();
        let norm_squared = sum_of(|p| p.square);
        let variance = (fixed_order_sum(&spread) + (observed - stored) as f64 * mean * mean) / count;
        Summary { observed, stored, norm_squared, mean, sd: variance.sqrt(), min, max, negatives, stored_zeros }
    }
}
