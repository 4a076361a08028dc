//! How much the loss rises on the straight line between two answers.

use super::{Alignment, Line, align, line};
use crate::data::Matrix;
use crate::{Error, Factors};

/// The lines between two answers, as they came and after matching components.
#[derive(Debug, Clone, PartialEq)]
pub struct Barrier {
    /// A to B as they came: a permutation of components alone makes a barrier here.
    pub raw: Line,
    /// A to B, balanced and with components matched: what is left is a difference between the answers.
    pub aligned: Line,
    /// The matching.
    pub alignment: Alignment,
}

/// Both lines from A to B. Heights are `raw.barrier` and `aligned.barrier`: max over the segment of ½ Σ w (X − UVᵀ)² minus the larger
/// end value.
///
/// # Errors
/// As [`line()`] and [`align`].
pub fn barrier(data: &Matrix<f64>, a: &Factors, b: &Factors) -> Result<Barrier, Error> {
    let raw = line(data, a, b)?;
    let alignment = align(a, b)?;
    let aligned = line(data, &alignment.a, &alignment.b)?;
    Ok(Barrier { raw, aligned, alignment })
}
