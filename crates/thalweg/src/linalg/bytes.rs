//! Numbers as the bytes that are sent.

use super::Real;
use pulp::bytemuck::{cast_slice, cast_slice_mut};

/// The bytes of these numbers, as this machine orders them.
pub fn bytes<T: Real>(numbers: &[T]) -> &[u8] {
    cast_slice(numbers)
}

/// The same, to write.
pub fn bytes_mut<T: Real>(numbers: &mut [T]) -> &mut [u8] {
    cast_slice_mut(numbers)
}
