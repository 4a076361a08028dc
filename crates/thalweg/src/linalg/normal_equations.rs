//! The normal equations of one row: small positive definite systems.

use super::Real;

/// A = RᵀR in place; only the upper triangle of `a` (p×p) is read and written. False if A is not positive definite.
#[inline(always)]
pub(super) fn cholesky<T: Real>(a: &mut [T], p: usize) -> bool {
    for k in 0..p {
        let (above, below) = a.split_at_mut((k + 1) * p);
        let row = &mut above[k * p..];
        let pivot = row[k].f64();
        if !(pivot > 0.0 && pivot.is_finite()) {
            return false;
        }
        let inverse = T::of(1.0 / pivot.sqrt());
        for value in &mut row[k..] {
            *value *= inverse;
        }
        for i in k + 1..p {
            let factor = row[i];
            let target = &mut below[(i - k - 1) * p + i..(i - k) * p];
            for (t, &value) in target.iter_mut().zip(&row[i..]) {
                *t -= factor * value;
            }
        }
    }
    true
}

/// Solves RᵀR x = b in place.
#[inline(always)]
pub(super) fn solve_factored<T: Real>(a: &[T], x: &mut [T], p: usize) {
    for k in 0..p {
        x[k] /= a[k * p + k];
        let xk = x[k];
        for (t, &value) in x[k + 1..].iter_mut().zip(&a[k * p + k + 1..][..p - k - 1]) {
            *t -= xk * value;
        }
    }
    for k in (0..p).rev() {
        let mut sum = x[k];
        for (&xl, &value) in x[k + 1..].iter().zip(&a[k * p + k + 1..][..p - k - 1]) {
            sum -= xl * value;
        }
        x[k] = sum / a[k * p + k];
    }
}

/// Relative proximal weight that keeps singular systems factorable.
const PROXIMAL: f64 = 64.0;

/// The normal equations of rows without a sign, factored once: min ½ u G uᵀ − c uᵀ over all u.
///
/// A proximal term ½ δ Σ G_kk d_k² on the step d, δ = 64 r ε, makes singular systems well posed: it moves no solution, and no step
/// raises the objective. Entries without weight (G_kk = 0) stay.
#[derive(Debug)]
pub struct NormalEquations<T> {
    gram: Vec<T>,
    factor: Vec<T>,
    step: Vec<T>,
}

impl<T: Real> NormalEquations<T> {
    /// Factors G (r×r); none if it is not positive semidefinite to rounding.
    #[inline(always)]
    pub fn new(gram: Vec<T>, r: usize) -> Option<Self> {
        let mut factor = gram.clone();
        let proximal = T::of(1.0 + PROXIMAL * r as f64 * T::EPSILON);
        for diagonal in factor.iter_mut().step_by(r + 1) {
            *diagonal = if *diagonal > T::of(0.0) { *diagonal * proximal } else { T::of(1.0) };
        }
        cholesky(&mut factor, r).then(|| NormalEquations { gram, factor, step: vec![T::of(0.0); r] })
    }

    /// Moves u to the least value.
    #[inline(always)]
    pub fn solve(&mut self, cross: &[T], u: &mut [T]) {
        let r = u.len();
        self.step.copy_from_slice(cross);
        for (&uk, gram) in u.iter().zip(self.gram.chunks_exact(r)) {
            self.step.iter_mut().zip(gram).for_each(|(s, &g)| *s -= uk * g);
        }
        solve_factored(&self.factor, &mut self.step, r);
        u.iter_mut().zip(&self.step).for_each(|(u, &d)| *u += d);
    }
}
