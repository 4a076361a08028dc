//! Every entry is seen.

use super::{MapKind, Sampling};
use crate::Error;

pub(super) const KIND: MapKind = MapKind {
    name: "identity",
    formula: "e_i e_jᵀ, all i, j",
    about: "every entry is seen once; nuclear, flat and balanced solutions coincide",
    sample: |_| Box::new(identity(5, 4).expect("small")),
};

/// All entries of a d1×d2 matrix, row by row.
///
/// # Errors
/// [`Error::Empty`] if a side is 0.
pub fn identity(d1: usize, d2: usize) -> Result<Sampling, Error> {
    let rows = (0..d1 as u32).flat_map(|i| std::iter::repeat_n(i, d2)).collect();
    let cols = (0..d1).flat_map(|_| 0..d2 as u32).collect();
    Ok(Sampling::new((d1, d2), rows, cols, vec![1.0; d1 * d2])?.named(KIND.name))
}
