//! Extreme eigenvalues of a symmetric operator known by its products.

use super::{dot, symmetric_eigenvectors};

/// Part of the size of A below which a new direction is rounding: the vectors so far span an invariant subspace.
const EXHAUSTED: f64 = 1e-13;

/// Ritz values of a Krylov space.
#[derive(Debug, Clone, PartialEq)]
pub struct Ritz {
    /// All of them, largest first.
    pub values: Vec<f64>,
    /// An eigenvalue lies within this of each: the norm of the residual of its Ritz vector.
    pub residuals: Vec<f64>,
    /// Whether the space is invariant: it then holds every eigenvalue that the start has a part in.
    pub is_invariant: bool,
    /// Of the Krylov space, and the eigenvectors in its coordinates, one after the other.
    basis: Vec<Vec<f64>>,
    rotation: Vec<f64>,
}

impl Ritz {
    /// The square of the part that the vector of this index has in the start, both of length 1.
    pub fn share(&self, index: usize) -> f64 {
        self.rotation[index * self.values.len()].powi(2)
    }

    /// The unit vector that belongs to the value of this index.
    pub fn vector(&self, index: usize) -> Vec<f64> {
        let k = self.values.len();
        let mut out = vec![0.0; self.basis[0].len()];
        for (q, weight) in self.basis.iter().zip(&self.rotation[index * k..][..k]) {
            out.iter_mut().zip(q).for_each(|(x, q)| *x += weight * q);
        }
        out
    }
}

/// `steps` steps of Lanczos' method with full reorthogonalisation, from a start that is not zero. `apply(x, out)`: out ← A x. None if numbers
/// go bad.
pub fn lanczos(start: &[f64], steps: usize, mut apply: impl FnMut(&[f64], &mut [f64])) -> Option<Ritz> {
    let n = start.len();
    let length = |x: &[f64]| dot(x, x).sqrt();
    let unit = |x: &[f64], norm: f64| x.iter().map(|x| x / norm).collect::<Vec<f64>>();
    let mut basis = vec![unit(start, length(start))];
    let (mut diagonal, mut beside) = (Vec::new(), Vec::<f64>::new());
    let mut size = 0.0f64;
    let mut is_invariant = false;
    while diagonal.len() < steps.min(n) {
        let last = basis.last().expect("the start is there");
        let mut next = vec![0.0; n];
        apply(last, &mut next);
        size = size.max(length(&next));
        diagonal.push(dot(&next, last));
        // twice is enough (Kahan, Parlett)
        for _ in 0..2 {
            for q in &basis {
                let part = dot(q, &next);
                next.iter_mut().zip(q).for_each(|(x, q)| *x -= part * q);
            }
        }
        let norm = length(&next);
        if norm <= EXHAUSTED * size * (n as f64).sqrt() || diagonal.len() == n {
            is_invariant = true;
            break;
        }
        beside.push(norm);
        basis.push(unit(&next, norm));
    }
    let k = diagonal.len();
    let mut tridiagonal = vec![0.0; k * k];
    diagonal.iter().enumerate().for_each(|(i, d)| tridiagonal[i * k + i] = *d);
    for (i, &b) in beside.iter().take(k - 1).enumerate() {
        (tridiagonal[i * k + i + 1], tridiagonal[(i + 1) * k + i]) = (b, b);
    }
    if tridiagonal.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let (values, vectors) = symmetric_eigenvectors(&tridiagonal, k)?;
    let left = if is_invariant { 0.0 } else { beside.last().copied().unwrap_or(0.0) };
    let residuals = (0..k).map(|i| (left * vectors[i * k + k - 1]).abs()).collect();
    Some(Ritz { values, residuals, is_invariant, basis, rotation: vectors })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_ends_of_a_spectrum() {
        let eigenvalues: Vec<f64> = (0..50).map(|i| (i as f64 / 10.0).sin() * 3.0).collect();
        let times = |x: &[f64], out: &mut [f64]| out.iter_mut().zip(x.iter().zip(&eigenvalues)).for_each(|(o, (x, l))| *o = l * x);
        let start = vec![1.0; 50];
        let (most, least) = (eigenvalues.iter().copied().fold(f64::MIN, f64::max), eigenvalues.iter().copied().fold(f64::MAX, f64::min));
        let ritz = lanczos(&start, 50, times).unwrap();
        assert!((ritz.values[0] - most).abs() < 1e-12 && (ritz.values.last().unwrap() - least).abs() < 1e-12);
        let few = lanczos(&start, 10, times).unwrap();
        assert!(few.values[0] <= most + 1e-12 && few.values[0] > most - 0.1 && !few.is_invariant);
        // an operator with three eigenvalues is exhausted after three steps
        let three = lanczos(&start, 50, |x, out| out.iter_mut().enumerate().for_each(|(i, o)| *o = (i % 3) as f64 * x[i])).unwrap();
        assert!(three.is_invariant && three.values.len() == 3 && (three.values[0] - 2.0).abs() < 1e-13, "{three:?}");
    }
}
