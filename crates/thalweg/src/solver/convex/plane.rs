//! The affine set {X : A(X) = b}, in the precision of the first-order phase.

use crate::linalg::{Cholesky, Real, dot, gram_of_rows, mul, mul_transpose, multiply_transposed_vector, multiply_vector, row_major};
use crate::map::{Definition, MeasurementMap};

/// {X : A(X) = b} with what projecting on it takes.
///
/// Nothing is orthonormalised: the Cholesky factor of (⟨Aᵢ, Aⱼ⟩) is applied in each projection, which is cheaper than p triangular solves
/// beforehand.
pub(super) struct Plane<T: Real> {
    shape: (usize, usize),
    rows: Rows<T>,
    b: Vec<T>,
}

enum Rows<T: Real> {
    Dense { matrices: Vec<T>, gram: Cholesky<T> },
    OuterProducts { left: Vec<T>, right: Vec<T>, gram: Cholesky<T> },
    Entries { positions: Vec<usize>, weights: Vec<T> },
}

impl<T: Real> Plane<T> {
    /// None if measurements depend on one another at this precision.
    pub fn new(map: &dyn MeasurementMap, b: &[f64]) -> Option<Self> {
        let ((_, d2), p) = (map.shape(), map.len());
        let narrow = |x: &[f64]| x.iter().map(|&x| T::of(x)).collect::<Vec<T>>();
        let mut gram = vec![T::of(0.0); if matches!(map.definition(), Definition::Entries(..)) { 0 } else { p * p }];
        let rows = match map.definition() {
            Definition::Dense(matrices) => {
                let matrices = narrow(matrices);
                gram_of_rows(&matrices, p, &mut gram);
                Rows::Dense { matrices, gram: well_conditioned(&gram, p)? }
            }
            Definition::OuterProducts(left, right) => {
                let (left, right) = (narrow(left), narrow(right));
                let mut of_right = gram.clone();
                gram_of_rows(&left, p, &mut gram);
                gram_of_rows(&right, p, &mut of_right);
                gram.iter_mut().zip(of_right).for_each(|(g, r)| *g *= r);
                Rows::OuterProducts { left, right, gram: well_conditioned(&gram, p)? }
            }
            Definition::Entries(rows, cols, weights) => {
                let positions = rows.iter().zip(cols).map(|(&i, &j)| i as usize * d2 + j as usize).collect();
                Rows::Entries { positions, weights: narrow(weights) }
            }
        };
        Some(Plane { shape: map.shape(), rows, b: narrow(b) })
    }

    /// A(X).
    fn apply(&self, x: &[T]) -> Vec<T> {
        let mut out = vec![T::of(0.0); self.b.len()];
        match &self.rows {
            Rows::Dense { matrices, .. } => multiply_vector(matrices, x, &mut out),
            Rows::OuterProducts { left, right, .. } => {
                let (d1, d2) = self.shape;
                let mut products = vec![T::of(0.0); right.len()];
                mul(row_major(left, self.b.len(), d1), row_major(x, d1, d2), &mut products);
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
            Rows::Dense { matrices, .. } => multiply_transposed_vector(matrices, y, out),
            Rows::OuterProducts { left, right, .. } => {
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

    /// (A A*)⁻¹ y.
    pub fn solve(&self, y: &mut [T]) {
        match &self.rows {
            Rows::Dense { gram, .. } | Rows::OuterProducts { gram, .. } => gram.solve(y),
            Rows::Entries { weights, .. } => y.iter_mut().zip(weights).for_each(|(y, &w)| *y /= w * w),
        }
    }

    /// The y for which A*(y) is nearest to G.
    pub fn multiplier(&self, g: &[T]) -> Vec<T> {
        let mut y = self.apply(g);
        self.solve(&mut y);
        y
    }

    /// The nearest point of the set, in place.
    pub fn project(&self, x: &mut [T]) {
        if let Rows::Entries { positions, weights } = &self.rows {
            for ((&at, &w), &b) in positions.iter().zip(weights).zip(&self.b) {
                x[at] = b / w;
            }
            return;
        }
        let mut excess = self.apply(x);
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
        let mut x = vec![T::of(0.0); self.shape.0 * self.shape.1];
        self.adjoint(&y, &mut x);
        x
    }
}

/// The factor, unless a pivot is as good as zero in this precision.
fn well_conditioned<T: Real>(gram: &[T], p: usize) -> Option<Cholesky<T>> {
    let factor = Cholesky::of(gram, p)?;
    (factor.pivot_ratio() > 100.0 * T::EPSILON).then_some(factor)
}
