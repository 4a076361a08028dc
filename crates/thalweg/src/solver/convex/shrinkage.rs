//! Singular values, shrunk.

use crate::linalg::{Real, gram_of_rows, mul, mul_transpose, multiply, orthonormalise, row_major, row_major_mut, symmetric_eigenvectors};
use crate::problem::Domain;

/// prox of τ‖·‖_* at S, over a domain, with what it knows of the spectrum.
pub(super) struct Shrunk<T> {
    /// Row-major d1×d2.
    pub x: Vec<T>,
    /// Singular values of S (absolute eigenvalues of a symmetric S; of a semidefinite domain, eigenvalues), largest first.
    pub spectrum: Vec<T>,
    /// How many are above τ: the rank of `x`.
    pub rank: usize,
}

/// Σ max(σₖ − τ, 0) uₖvₖᵀ; over symmetric S, Σ sign(λₖ) max(|λₖ| − τ, 0) qₖqₖᵀ; over semidefinite ones, Σ max(λₖ − τ, 0) qₖqₖᵀ.
///
/// Singular vectors come from the eigenvectors of SᵀS or SSᵀ, whichever is smaller: accurate enough for singular values near τ, which is where
/// accuracy counts. None if the eigenvalue iteration does not end.
pub(super) fn shrink<T: Real>(s: &[T], (d1, d2): (usize, usize), tau: T, domain: Domain) -> Option<Shrunk<T>> {
    match domain {
        Domain::General => shrink_singular_values(s, (d1, d2), tau),
        Domain::Symmetric => shrink_eigenvalues(s, d1, tau, |l| if l < T::of(0.0) { -l } else { l }),
        Domain::PositiveSemidefinite => shrink_eigenvalues(s, d1, tau, |l| l),
    }
}

fn shrink_singular_values<T: Real>(s: &[T], shape: (usize, usize), tau: T) -> Option<Shrunk<T>> {
    shrink_with_vectors(s, shape, tau).map(|(shrunk, _)| shrunk)
}

/// The shrinkage, and the singular vectors of the smaller side, one after the other.
fn shrink_with_vectors<T: Real>(s: &[T], (d1, d2): (usize, usize), tau: T) -> Option<(Shrunk<T>, Vec<T>)> {
    let d = d1.min(d2);
    let view = row_major(s, d1, d2);
    let mut gram = vec![T::of(0.0); d * d];
    if d2 <= d1 {
        mul_transpose(view, view, &mut gram)
    } else {
        gram_of_rows(s, d1, &mut gram)
    }
    let (values, vectors) = symmetric_eigenvectors(&gram, d)?;
    let spectrum: Vec<T> = values.iter().map(|&l| T::of(l.f64().max(0.0).sqrt())).collect();
    let rank = spectrum.iter().take_while(|&&sigma| sigma > tau).count();
    let kept = row_major(&vectors[..rank * d], rank, d);
    let weights: Vec<T> = spectrum[..rank].iter().map(|&sigma| T::of(1.0) - tau / sigma).collect();
    let mut x = vec![T::of(0.0); d1 * d2];
    // S Q W Qᵀ, or Q W Qᵀ S
    if d2 <= d1 {
        let mut along = vec![T::of(0.0); d1 * rank];
        multiply(view, kept.transpose(), row_major_mut(&mut along, d1, rank));
        along.chunks_exact_mut(rank.max(1)).for_each(|row| row.iter_mut().zip(&weights).for_each(|(a, &w)| *a *= w));
        multiply(row_major(&along, d1, rank), kept, row_major_mut(&mut x, d1, d2));
    } else {
        let mut along = vec![T::of(0.0); rank * d2];
        mul(kept, view, &mut along);
        along.chunks_exact_mut(d2).zip(&weights).for_each(|(row, &w)| row.iter_mut().for_each(|a| *a *= w));
        multiply(kept.transpose(), row_major(&along, rank, d2), row_major_mut(&mut x, d1, d2));
    }
    Some((Shrunk { x, spectrum, rank }, vectors))
}

/// Vectors of the subspace beyond the rank, so that singular values that rise towards τ are seen before they pass it.
const SPARE: usize = 5;

/// The singular subspace that the last shrinkage kept, from which the next one starts.
///
/// S moves little from step to step, so two steps of subspace iteration from the last singular vectors find the next ones; a whole decomposition costs ten times as much at d = 50.
pub(super) struct Subspace<T> {
    /// Row-major d2×width, orthonormal columns.
    basis: Vec<T>,
    width: usize,
}

impl<T: Real> Subspace<T> {
    /// Σ max(σₖ − τ, 0) uₖvₖᵀ by subspace iteration. None if the subspace was too narrow, or a decomposition fails.
    pub fn shrink(&mut self, s: &[T], (d1, d2): (usize, usize), tau: T) -> Option<Shrunk<T>> {
        let width = self.width;
        let view = row_major(s, d1, d2);
        let mut along = vec![T::of(0.0); d1 * width];
        for _ in 0..2 {
            multiply(view, row_major(&self.basis, d2, width), row_major_mut(&mut along, d1, width));
            multiply(view.transpose(), row_major(&along, d1, width), row_major_mut(&mut self.basis, d2, width));
            orthonormalise(&mut self.basis, width);
        }
        multiply(view, row_major(&self.basis, d2, width), row_major_mut(&mut along, d1, width));
        // SQ = (SQ W) Wᵀ with orthogonal columns SQ W: Rayleigh–Ritz
        let mut gram = vec![T::of(0.0); width * width];
        mul_transpose(row_major(&along, d1, width), row_major(&along, d1, width), &mut gram);
        let (values, vectors) = symmetric_eigenvectors(&gram, width)?;
        let spectrum: Vec<T> = values.iter().map(|&l| T::of(l.f64().max(0.0).sqrt())).collect();
        let rank = spectrum.iter().take_while(|&&sigma| sigma > tau).count();
        if rank + SPARE > width + 1 {
            return None;
        }
        let rotation = row_major(&vectors, width, width).transpose();
        let (mut left, mut basis) = (vec![T::of(0.0); d1 * width], vec![T::of(0.0); d2 * width]);
        multiply(row_major(&along, d1, width), rotation, row_major_mut(&mut left, d1, width));
        multiply(row_major(&self.basis, d2, width), rotation, row_major_mut(&mut basis, d2, width));
        self.basis = basis;
        let weights: Vec<T> = spectrum.iter().map(|&sigma| if sigma > tau { T::of(1.0) - tau / sigma } else { T::of(0.0) }).collect();
        left.chunks_exact_mut(width).for_each(|row| row.iter_mut().zip(&weights).for_each(|(a, &w)| *a *= w));
        let mut x = vec![T::of(0.0); d1 * d2];
        let (left, right) = (row_major(&left, d1, width), row_major(&self.basis, d2, width));
        multiply(left.subcols(0, rank), right.subcols(0, rank).transpose(), row_major_mut(&mut x, d1, d2));
        Some(Shrunk { x, spectrum, rank })
    }

    /// The leading right singular vectors of S by a whole decomposition, if the rank is small enough for a subspace to pay; also the
    /// shrinkage.
    pub fn start(s: &[T], (d1, d2): (usize, usize), tau: T) -> Option<(Shrunk<T>, Option<Self>)> {
        let (shrunk, vectors) = shrink_with_vectors(s, (d1, d2), tau)?;
        let width = shrunk.rank + SPARE;
        if d2 > d1 || 3 * width > d2 {
            return Some((shrunk, None));
        }
        let basis = (0..d2 * width).map(|at| vectors[at % width * d2 + at / width]).collect();
        Some((shrunk, Some(Subspace { basis, width })))
    }
}

fn shrink_eigenvalues<T: Real>(s: &[T], d: usize, tau: T, size: impl Fn(T) -> T) -> Option<Shrunk<T>> {
    let (values, vectors) = symmetric_eigenvectors(s, d)?;
    let kept: Vec<usize> = (0..d).filter(|&k| size(values[k]) > tau).collect();
    let basis: Vec<T> = kept.iter().flat_map(|&k| vectors[k * d..][..d].iter().copied()).collect();
    let shrunk = |k: usize| if values[k] > T::of(0.0) { values[k] - tau } else { values[k] + tau };
    let weighted: Vec<T> = kept.iter().flat_map(|&k| vectors[k * d..][..d].iter().map(move |&q| (shrunk(k), q))).map(|(w, q)| w * q).collect();
    let mut x = vec![T::of(0.0); d * d];
    mul_transpose(row_major(&weighted, kept.len(), d), row_major(&basis, kept.len(), d), &mut x);
    let mut spectrum: Vec<T> = values.iter().map(|&l| size(l)).collect();
    spectrum.sort_by(|a, b| b.partial_cmp(a).expect("eigenvalues are numbers"));
    Some(Shrunk { x, spectrum, rank: kept.len() })
}
