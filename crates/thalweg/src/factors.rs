//! The one layout of a factorisation: U, then V, in one buffer.

use crate::Error;
use crate::linalg::{MatMut, MatRef, Real, mul, row_major, row_major_mut};

/// Which factor of X ≈ U Vᵀ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// U, one row for each row of X.
    U,
    /// V, one row for each column of X.
    V,
}

impl Side {
    /// The other factor.
    pub fn other(self) -> Side {
        match self {
            Side::U => Side::V,
            Side::V => Side::U,
        }
    }
}

/// X ≈ U Vᵀ with U m×r and V n×r, both row-major, U first, in one buffer.
///
/// The buffer is the point that geometry moves along lines, the bytes that a store keeps, and two matrices for the solvers.
#[derive(Debug, Clone, PartialEq)]
pub struct Factors<T = f64> {
    rows: usize,
    cols: usize,
    rank: usize,
    buffer: Vec<T>,
}

impl<T: Real> Factors<T> {
    /// Both factors zero.
    pub fn zeros(rows: usize, cols: usize, rank: usize) -> Self {
        Factors { rows, cols, rank, buffer: vec![T::of(0.0); (rows + cols) * rank] }
    }

    /// From U then V, row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] unless the buffer holds (rows + cols)·rank numbers.
    pub fn new(rows: usize, cols: usize, rank: usize, buffer: Vec<T>) -> Result<Self, Error> {
        if buffer.len() != (rows + cols) * rank {
            return Err(Error::Shape { what: "the buffer of factors", expected: (rows + cols, rank), got: (buffer.len() / rank.max(1), rank) });
        }
        Ok(Factors { rows, cols, rank, buffer })
    }

    /// m, the rows of U.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// n, the rows of V.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// r, the columns of both.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// U then V as one vector of (m+n)·r numbers.
    pub fn as_slice(&self) -> &[T] {
        &self.buffer
    }

    /// The same, to write.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.buffer
    }

    /// Both factors as row-major slices.
    pub fn split(&self) -> (&[T], &[T]) {
        self.buffer.split_at(self.rows * self.rank)
    }

    /// Both factors as row-major slices to write.
    pub fn split_mut(&mut self) -> (&mut [T], &mut [T]) {
        self.buffer.split_at_mut(self.rows * self.rank)
    }

    /// The rows of one factor, as one row-major slice.
    pub fn side(&self, side: Side) -> &[T] {
        let (u, v) = self.split();
        match side {
            Side::U => u,
            Side::V => v,
        }
    }

    /// The number of rows of one factor.
    pub fn side_rows(&self, side: Side) -> usize {
        match side {
            Side::U => self.rows,
            Side::V => self.cols,
        }
    }

    /// U, m×r.
    pub fn u(&self) -> MatRef<'_, T> {
        row_major(self.split().0, self.rows, self.rank)
    }

    /// V, n×r.
    pub fn v(&self) -> MatRef<'_, T> {
        row_major(self.split().1, self.cols, self.rank)
    }

    /// U to write, m×r.
    pub fn u_mut(&mut self) -> MatMut<'_, T> {
        let (rows, rank) = (self.rows, self.rank);
        row_major_mut(self.split_mut().0, rows, rank)
    }

    /// V to write, n×r.
    pub fn v_mut(&mut self) -> MatMut<'_, T> {
        let (cols, rank) = (self.cols, self.rank);
        row_major_mut(self.split_mut().1, cols, rank)
    }

    /// Row i of U and row j of V.
    pub fn row_pair(&self, i: usize, j: usize) -> (&[T], &[T]) {
        let (u, v) = self.split();
        (&u[i * self.rank..][..self.rank], &v[j * self.rank..][..self.rank])
    }

    /// UVᵀ, row-major m×n.
    pub fn product(&self) -> Vec<T> {
        let mut x = vec![T::of(0.0); self.rows * self.cols];
        mul(self.u(), self.v().transpose(), &mut x);
        x
    }

    /// The same numbers in another precision.
    pub fn cast<S: Real>(&self) -> Factors<S> {
        Factors { rows: self.rows, cols: self.cols, rank: self.rank, buffer: self.buffer.iter().map(|&x| S::of(x.f64())).collect() }
    }

    /// Where the first number is that is not finite: (factor, row, column).
    pub fn first_not_finite(&self) -> Option<(Side, usize, usize)> {
        let at = self.buffer.iter().position(|x| !x.f64().is_finite())?;
        let (row, col) = (at / self.rank, at % self.rank);
        Some(if row < self.rows { (Side::U, row, col) } else { (Side::V, row - self.rows, col) })
    }
}
