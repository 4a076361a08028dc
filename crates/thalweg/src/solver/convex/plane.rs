//! The affine set {X : A(X) = b}, in the precision of the first-order phase.

use crate::linalg::{Cholesky, Real, dot, gram_of_rows, mul, mul_transpose, multiply_transposed_vector, multiply_vector, row_major};
use crate::map::{Definition, MeasurementMap};

/// A in the precision of a first-order phase.
pub(super) struct Narrow<T> {
    shape: (usize, usize),
    /// p.
    len: usize,
    rows: Rows<T>,
}

enum Rows<T> {
    Dense(Vec<T>),
    OuterProducts { left: Vec<T>, right: Vec<T> },
    Entries { positions: Vec<usize>, weights: Vec<T> },
}

impl<T: Real> Narrow<T> {
    pub fn of(map: &dyn MeasurementMap) -> Self {
        let d2 = map.shape().1;
        let narrow = |x: &[f64]| x.iter().map(|&x| T::of(x)).collect::<Vec<T>>();
        let rows = match map.definition() {
            Definition::Dense(matrices) => Rows::Dense(narrow(matrices)),
            Definition::OuterProducts(left, right) => Rows::OuterProducts { left: narrow(left), right: narrow(right) },
            Definition::Entries(rows, cols, weights) => {
                let positions = rows.iter().zip(cols).map(|(&i, &j)| i as usize * d2 + j as usize).collect();
                Rows::Entries { positions, weights: narrow(weights) }
            }
        };
        Narrow { shape: map.shape(), len: map.len(), rows }
    }

    /// (AA*)⁻¹. None if measurements depend on one another at this precision.
    fn inverse_gram(&self) -> Option<Inverse<T>> {
        let p = self.len;
        let whole = || vec![T::of(0.0); p * p];
        let gram = match &self.rows {
            Rows::Entries { weights, .. } => return Some(Inverse::Diagonal(weights.iter().map(|&w| w * w).collect())),
            Rows::Dense(matrices) => {
                let mut gram = whole();
                gram_of_rows(matrices, p, &mut gram);
                gram
            }
            Rows::OuterProducts { left, right } => {
                let (mut gram, mut of_right) = (whole(), whole());
                gram_of_rows(left, p, &mut gram);
                gram_of_rows(right, p, &mut of_right);
                gram.iter_mut().zip(of_right).for_each(|(g, r)| *g *= r);
                gram
            }
        };
        well_conditioned(&gram, p).map(Inverse::Full)
    }

    /// A(X).
    pub fn apply(&self, x: &[T]) -> Vec<T> {
        let mut out = vec![T::of(0.0); self.len];
        match &self.rows {
            Rows::Dense(matrices) => multiply_vector(matrices, x, &mut out),
            Rows::OuterProducts { left, right } => {
                let (d1, d2) = self.shape;
                let mut products = vec![T::of(0.0); right.len()];
                mul(row_major(left, self.len, d1), row_major(x, d1, d2), &mut products);
                for ((out, a), c) in out.iter_mut().zip(products.chunks_exact(d2)).zip(right.chunks_exact(d2)) {
                    *out = dot(a, c);
                }
            }
            Rows::Entries { positions, weights } => {
                for ((out, &at), &w) in out.iter_mut().zip(positions).zip(weights) {
                    *out = w * x[at];
                }
            }
        }
        out
    }

    /// A*(y).
    pub fn adjoint(&self, y: &[T], out: &mut [T]) {
        match &self.rows {
            Rows::Dense(matrices) => multiply_transposed_vector(matrices, y, out),
            Rows::OuterProducts { left, right } => {
                let (d1, d2) = self.shape;
                let weighted: Vec<T> = left.chunks_exact(d1).zip(y).flat_map(|(row, &y)| row.iter().map(move |&x| y * x)).collect();
                mul_transpose(row_major(&weighted, y.len(), d1), row_major(right, y.len(), d2), out);
            }
            Rows::Entries { positions, weights } => {
                out.fill(T::of(0.0));
                for ((&at, &w), &y) in positions.iter().zip(weights).zip(y) {
                    out[at] = w * y;
                }
            }
        }
    }
}

/// {X : A(X) = b} with what projecting on it takes.
///
/// Nothing is orthonormalised: the Cholesky factor of (⟨Aᵢ, Aⱼ⟩) is applied in each projection, which is cheaper than p triangular solves
/// beforehand.
pub(super) struct Plane<T: Real> {
    map: Narrow<T>,
    inverse: Inverse<T>,
    b: Vec<T>,
}

/// (AA*)⁻¹, by the factor of AA* or by its diagonal.
enum Inverse<T: Real> {
    Full(Cholesky<T>),
    Diagonal(Vec<T>),
}

impl<T: Real> Plane<T> {
    /// None if measurements depend on one another at this precision.
    pub fn new(map: &dyn MeasurementMap, b: &[f64]) -> Option<Self> {
        let map = Narrow::of(map);
        Some(Plane { inverse: map.inverse_gram()?, map, b: b.iter().map(|&b| T::of(b)).collect() })
    }

    /// A*(y).
    pub fn adjoint(&self, y: &[T], out: &mut [T]) {
        self.map.adjoint(y, out);
    }

    /// (A A*)⁻¹ y.
    pub fn solve(&self, y: &mut [T]) {
        match &self.inverse {
            Inverse::Full(gram) => gram.solve(y),
            Inverse::Diagonal(squares) => y.iter_mut().zip(squares).for_each(|(y, &square)| *y /= square),
        }
    }

    /// The y for which A*(y) is nearest to G.
    pub fn multiplier(&self, g: &[T]) -> Vec<T> {
        let mut y = self.map.apply(g);
        self.solve(&mut y);
        y
    }

    /// The nearest point of the set, in place.
    pub fn project(&self, x: &mut [T]) {
        if let Rows::Entries { positions, weights } = &self.map.rows {
            for ((&at, &w), &b) in positions.iter().zip(weights).zip(&self.b) {
                x[at] = b / w;
            }
            return;
        }
        let mut excess = self.map.apply(x);
        excess.iter_mut().zip(&self.b).for_each(|(e, &b)| *e -= b);
        self.solve(&mut excess);
        let mut correction = vec![T::of(0.0); x.len()];
        self.adjoint(&excess, &mut correction);
        x.iter_mut().zip(correction).for_each(|(x, c)| *x -= c);
    }

    /// The smallest solution, A⁺ b.
    pub fn least_norm(&self) -> Vec<T> {
        let mut y = self.b.clone();
        self.solve(&mut y);
        let mut x = vec![T::of(0.0); self.map.shape.0 * self.map.shape.1];
        self.adjoint(&y, &mut x);
        x
    }
}

/// The factor, unless a pivot is as good as zero in this precision.
fn well_conditioned<T: Real>(gram: &[T], p: usize) -> Option<Cholesky<T>> {
    let factor = Cholesky::of(gram, p)?;
    (factor.pivot_ratio() > 100.0 * T::EPSILON).then_some(factor)
}
