//! Named arrays in NumPy's files: what runs store, and what other programs hand over.

mod factors;
pub(super) mod npy;
pub(super) mod npz;
pub(super) mod raw;

use crate::linalg::Real;
pub use factors::{read_factors, write_factors};
pub use npz::{read_npz, write_npz};

/// The numbers of an array, in C order.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// 32-bit floating point.
    F32(Vec<f32>),
    /// 64-bit floating point; integers where one is negative.
    F64(Vec<f64>),
    /// Integers and truth values.
    U64(Vec<u64>),
}

impl Numbers {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Numbers::F32(x) => x.len(),
            Numbers::F64(x) => x.len(),
            Numbers::U64(x) => x.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts them behind others, in their precision.
    pub(super) fn append_to<T: Real>(self, out: &mut Vec<T>) {
        match self {
            Numbers::F32(x) => out.extend(x.into_iter().map(|x| T::of(f64::from(x)))),
            Numbers::F64(x) => out.extend(x.into_iter().map(T::of)),
            Numbers::U64(x) => out.extend(x.into_iter().map(|x| T::of(x as f64))),
        }
    }

    /// In double precision. Integers beyond 2⁵³ are rounded.
    pub fn into_f64(self) -> Vec<f64> {
        match self {
            Numbers::F32(x) => x.into_iter().map(f64::from).collect(),
            Numbers::F64(x) => x,
            Numbers::U64(x) => x.into_iter().map(|x| x as f64).collect(),
        }
    }
}

/// An array of any number of dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Length along each axis.
    pub shape: Vec<usize>,
    /// The numbers, last axis fastest.
    pub values: Numbers,
}

impl Array {
    /// From a shape and as many numbers as it has places.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if there are more or fewer.
    pub fn new(shape: Vec<usize>, values: Numbers) -> Result<Self, crate::Error> {
        let places = shape.iter().try_fold(1usize, |n, &side| n.checked_mul(side));
        if places != Some(values.len()) {
            let expected = (places.unwrap_or(usize::MAX), 1);
            return Err(crate::Error::Shape { what: "the numbers of an array", expected, got: (values.len(), 1) });
        }
        Ok(Array { shape, values })
    }
}
