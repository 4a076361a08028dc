//! The numbers of a NumPy array, used where they are.
#![allow(unsafe_code)]

use numpy::{Element, PyArray2, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::{Bound, Py};
use std::slice;

/// A C-ordered array, kept alive by a reference of its own.
pub struct Borrowed<T: Element> {
    start: *const T,
    len: usize,
    _array: Py<PyArray2<T>>,
}

// SAFETY: the numbers are only read, and the reference to the array may be dropped on any thread.
unsafe impl<T: Element + Sync> Send for Borrowed<T> {}
// SAFETY: as above.
unsafe impl<T: Element + Sync> Sync for Borrowed<T> {}

impl<T: Element> Borrowed<T> {
    /// Without a copy; none unless the array is aligned and its numbers stand one after the other, row by row.
    pub fn of(array: &Bound<'_, PyArray2<T>>) -> Option<Self> {
        let is_aligned = array.data().is_aligned();
        (array.is_c_contiguous() && is_aligned).then(|| Borrowed { start: array.data(), len: array.len(), _array: array.clone().unbind() })
    }
}

impl<T: Element> AsRef<[T]> for Borrowed<T> {
    fn as_ref(&self) -> &[T] {
        // SAFETY: NumPy keeps the memory of an array as long as there are references to it, `len` numbers long since it is C-ordered. As with
        // every NumPy function that releases the lock, the caller must not write into an array while it is being worked on.
        unsafe { slice::from_raw_parts(self.start, self.len) }
    }
}
