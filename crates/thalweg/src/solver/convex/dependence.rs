//! Measurements that follow from others, and contradictions among them.

use crate::linalg::Cholesky;
use crate::map::{Gram, MeasurementMap};

/// Pivots below this part of the largest one belong to measurements that follow from earlier ones: singular values of A below 10⁻⁵ of the
/// largest one are taken for rounding.
const FLOOR: f64 = 1e-11;
/// A dependent measurement contradicts the others if it misses their combination by more than this, relative to the terms of the sum.
const CONTRADICTION: f64 = 1e-8;

/// What the measurements say of one another.
pub(super) enum Dependence {
    /// A largest independent set of them, in ascending order; the others agree with it.
    Independent(Vec<usize>),
    /// y with A*(y) = 0 and ⟨b, y⟩ ≠ 0, up to rounding.
    Contradiction(Vec<f64>),
}

/// Sorts out dependent measurements by Cholesky's factorisation of (⟨Aᵢ, Aⱼ⟩) with pivoting. None if the factor of the independent ones fails.
pub(super) fn examine(map: &dyn MeasurementMap, b: &[f64]) -> Option<Dependence> {
    let p = b.len();
    let gram = match map.gram() {
        Gram::Diagonal(_) => return Some(Dependence::Independent((0..p).collect())),
        Gram::Full(gram) => gram,
    };
    let chosen = pivots(&gram, p);
    let among: Vec<f64> = chosen.iter().flat_map(|&i| chosen.iter().map(move |&j| (i, j))).map(|(i, j)| gram[i * p + j]).collect();
    let factor = Cholesky::of(&among, chosen.len())?;
    for k in (0..p).filter(|k| chosen.binary_search(k).is_err()) {
        let mut combination: Vec<f64> = chosen.iter().map(|&j| gram[k * p + j]).collect();
        factor.solve(&mut combination);
        let terms = chosen.iter().zip(&combination).map(|(&j, c)| c * b[j]);
        let (sum, size) = terms.fold((0.0, b[k].abs()), |(sum, size), term| (sum + term, size + term.abs()));
        if (b[k] - sum).abs() > CONTRADICTION * size {
            let mut y = vec![0.0; p];
            chosen.iter().zip(&combination).for_each(|(&j, c)| y[j] = -c);
            y[k] = 1.0;
            return Some(Dependence::Contradiction(y));
        }
    }
    Some(Dependence::Independent(chosen))
}

/// Measurements that a pivoted factorisation takes, sorted.
fn pivots(gram: &[f64], p: usize) -> Vec<usize> {
    let mut left: Vec<f64> = (0..p).map(|i| gram[i * p + i]).collect();
    let largest = left.iter().copied().fold(0.0, f64::max);
    let mut columns: Vec<Vec<f64>> = Vec::new();
    let mut chosen = Vec::new();
    while chosen.len() < p {
        let (pivot, &size) = left.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).expect("one measurement at least");
        if size.is_nan() || size <= FLOOR * largest {
            break;
        }
        let root = size.sqrt();
        let mut column: Vec<f64> = gram[pivot * p..][..p].to_vec();
        for earlier in &columns {
            let weight = earlier[pivot];
            column.iter_mut().zip(earlier).for_each(|(c, e)| *c -= weight * e);
        }
        column.iter_mut().for_each(|c| *c /= root);
        left.iter_mut().zip(&column).for_each(|(l, c)| *l -= c * c);
        left[pivot] = f64::NEG_INFINITY;
        chosen.push(pivot);
        columns.push(column);
    }
    chosen.sort_unstable();
    chosen
}
