//! Memory of tensors, used again: asking the system for it anew in every pass took a quarter of the time of a step of training.

use crate::tensor::{Shape, Tensor};
use std::sync::{Mutex, PoisonError};
use thalweg::linalg::Real;

/// Memory that is free.
pub struct Buffers<T>(Mutex<Vec<Vec<T>>>);

impl<T> Default for Buffers<T> {
    fn default() -> Self {
        Buffers(Mutex::default())
    }
}

impl<T: Real> Buffers<T> {
    /// A tensor whose numbers are what they were: each must be written.
    pub fn unset(&self, shape: Shape, images: usize, parts: usize) -> Tensor<T> {
        let len = images * parts * shape.len();
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = free.iter().rposition(|data| data.len() == len).map(|at| free.swap_remove(at));
        drop(free);
        Tensor { shape, images, parts, data: found.unwrap_or_else(|| vec![T::of(0.0); len]) }
    }

    /// A tensor of zeros.
    pub fn zeros(&self, shape: Shape, images: usize, parts: usize) -> Tensor<T> {
        use rayon::prelude::*;
        let mut tensor = self.unset(shape, images, parts);
        tensor.data.par_chunks_mut(1 << 16).for_each(|data| data.fill(T::of(0.0)));
        tensor
    }

    /// A copy.
    pub fn copy(&self, of: &Tensor<T>) -> Tensor<T> {
        use rayon::prelude::*;
        let mut tensor = self.unset(of.shape, of.images, of.parts);
        tensor.data.par_chunks_mut(1 << 16).zip(of.data.par_chunks(1 << 16)).for_each(|(to, from)| to.copy_from_slice(from));
        tensor
    }

    /// Takes the memory of a tensor.
    pub fn keep(&self, tensor: Tensor<T>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tensor.data);
    }
}
