//! Which component of one answer is which of another.

use super::gauge::balance;
use crate::linalg::{best_assignment, column_norms, mul_transpose};
use crate::{Error, Factors};

/// Two answers with their components balanced and those of B in the order of A's.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    /// A, balanced.
    pub a: Factors,
    /// B, balanced, its components permuted to match A's.
    pub b: Factors,
    /// Component k of A is matched with component `assignment[k]` of B.
    pub assignment: Vec<usize>,
    /// ⟨uₖvₖᵀ, u*v*ᵀ⟩ / (‖uₖvₖᵀ‖‖u*v*ᵀ‖) of the matched rank-one terms; 0 where one of them is 0.
    pub cosines: Vec<f64>,
}

impl Alignment {
    /// The mean of the cosines: 1 for the same answer up to order and scale.
    pub fn mean_cosine(&self) -> f64 {
        self.cosines.iter().sum::<f64>() / self.cosines.len() as f64
    }
}

/// Matches the components of B to those of A: both are balanced (‖uₖ‖ = ‖vₖ‖), then the permutation maximises
/// Σ ⟨uₖvₖᵀ, u*_π(k) v*_π(k)ᵀ⟩. O((m+n)r² + r³). Permuting and rescaling the components of B changes nothing but `assignment`.
///
/// # Errors
/// [`Error::Shape`] unless both have the same rows, columns and rank.
pub fn align(a: &Factors, b: &Factors) -> Result<Alignment, Error> {
    if (a.rows(), a.rank()) != (b.rows(), b.rank()) {
        return Err(Error::Shape { what: "u", expected: (a.rows(), a.rank()), got: (b.rows(), b.rank()) });
    }
    if a.cols() != b.cols() {
        return Err(Error::Shape { what: "v", expected: (a.cols(), a.rank()), got: (b.cols(), b.rank()) });
    }
    let rank = a.rank();
    let (a, b) = (balance(a), balance(b));
    let (mut u, mut v) = (vec![0.0; rank * rank], vec![0.0; rank * rank]);
    mul_transpose(a.u(), b.u(), &mut u);
    mul_transpose(a.v(), b.v(), &mut v);
    let score: Vec<f64> = u.iter().zip(&v).map(|(u, v)| u * v).collect();
    let assignment = best_assignment(&score, rank);
    let lengths = |f: &Factors| -> Vec<f64> {
        let (u, v) = f.split();
        column_norms(u, rank).iter().zip(column_norms(v, rank)).map(|(u, v)| u * v).collect()
    };
    let (a_lengths, b_lengths) = (lengths(&a), lengths(&b));
    let cosine = |(k, &match_): (usize, &usize)| {
        let lengths = a_lengths[k] * b_lengths[match_];
        if lengths > 0.0 { (score[k * rank + match_] / lengths).clamp(-1.0, 1.0) } else { 0.0 }
    };
    let cosines = assignment.iter().enumerate().map(cosine).collect();
    let b = permuted(&b, &assignment);
    Ok(Alignment { a, b, assignment, cosines })
}

/// Component k of the result is component `order[k]`.
fn permuted(factors: &Factors, order: &[usize]) -> Factors {
    let mut permuted = factors.clone();
    let rank = factors.rank().max(1);
    for (to, from) in permuted.as_mut_slice().chunks_exact_mut(rank).zip(factors.as_slice().chunks_exact(rank)) {
        to.iter_mut().zip(order).for_each(|(to, &k)| *to = from[k]);
    }
    permuted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::stream;
    use rand::Rng;

    #[test]
    fn order_and_scale_of_components_do_not_matter() -> Result<(), Error> {
        let mut rng = stream(3, 0);
        let mut random = || f64::from(rng.next_u32()) / f64::from(u32::MAX);
        let (m, n, r) = (7, 5, 4);
        let mut draw = || Factors::new(m, n, r, (0..(m + n) * r).map(|_| random()).collect());
        let (a, b) = (draw()?, draw()?);
        let plain = align(&a, &b)?;
        let order = [2, 0, 3, 1];
        let mut other = permuted(&b, &order);
        let scales = [2.0, 0.125, 3.0, 1e-3];
        for (at, x) in other.as_mut_slice().iter_mut().enumerate() {
            let s = scales[at % r];
            *x *= if at < m * r { s } else { 1.0 / s };
        }
        let same = align(&a, &other)?;
        assert_eq!(same.assignment.iter().map(|&k| order[k]).collect::<Vec<_>>(), plain.assignment);
        for (x, y) in same.b.as_slice().iter().zip(plain.b.as_slice()) {
            assert!((x - y).abs() < 1e-14);
        }
        assert!((same.mean_cosine() - plain.mean_cosine()).abs() < 1e-14);
        assert!((align(&a, &a)?.mean_cosine() - 1.0).abs() < 1e-14);
        Ok(())
    }

    #[test]
    fn a_zero_component_matches_nothing() -> Result<(), Error> {
        let a = Factors::new(1, 2, 2, vec![1.0, 0.0, 1.0, 5.0, 1.0, 5.0])?;
        let aligned = align(&a, &a)?;
        assert_eq!(aligned.assignment, [0, 1]);
        assert_eq!(aligned.cosines[1], 0.0);
        assert!((aligned.cosines[0] - 1.0).abs() < 1e-15);
        Ok(())
    }
}
