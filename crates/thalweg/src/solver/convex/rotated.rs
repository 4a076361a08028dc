//! A in coordinates of Rᵖ in which its measurements are orthogonal to one another: what a bond with noise takes.

use crate::linalg::{
    Real, dot, gram_lower, gram_of_rows, mul, mul_transpose, multiply_transposed_vector, multiply_vector, row_major, symmetric_eigenvectors,
};
use crate::map::{Definition, Gaussian, Gram, MeasurementMap};
use crate::problem::Fidelity;

/// R = EᵀA with orthogonal E and k ≤ min(p, d1·d2) rows that are not zero: ⟨Rₖ, Rₗ⟩ = 0, ‖Rₖ‖² = hₖ. Then
///
/// ```text
/// ‖A(X) − b‖² = Σ (⟨Rₖ, X⟩ − βₖ)² + ρ²,   β = Eᵀb,   ρ the distance of b from the range of A.
/// ```
///
/// E comes from the eigenvectors of AA* or A*A, whichever is smaller. Sampled entries are orthogonal as they stand.
pub(super) struct Rotated {
    rows: Rows<f64>,
    /// hₖ; 0 where a row is rounding error.
    pub squares: Vec<f64>,
}

/// The rows of R in the precision of a first-order phase.
#[derive(Clone)]
pub(super) enum Rows<T> {
    /// R, k×(d1·d2).
    Dense(Vec<T>),
    /// lᵢ and rᵢ, and the eigenvectors that combine lᵢrᵢᵀ to R, one after the other.
    OuterProducts { left: Vec<T>, right: Vec<T>, vectors: Vec<T> },
    /// Positions in a row-major matrix, and weights.
    Entries { positions: Vec<usize>, weights: Vec<T> },
}

/// b in the coordinates of [`Rotated`].
pub(super) struct Target {
    /// β; 0 where hₖ is.
    pub beta: Vec<f64>,
    /// b − A(X) for the least-squares X: the part of b outside the range of A.
    pub outside: Vec<f64>,
    /// The smallest least-squares X.
    pub least_squares: Vec<f64>,
}

/// Part of ‖β‖² that a ball always leaves to the misfit within the range of A: one that b's distance from the range fills is met to 10⁻¹².
const LEAST_ROOM: f64 = 1e-24;

impl Target {
    /// ε² − ρ², what a ball leaves to Σ (⟨Rₖ, X⟩ − βₖ)².
    pub fn room(&self, fidelity: Fidelity) -> f64 {
        let square = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
        match fidelity {
            Fidelity::Ball { radius } => (radius * radius - square(&self.outside)).max(LEAST_ROOM * square(&self.beta)),
            _ => 0.0,
        }
    }

    /// 1/μ with b − A(X) = μy: 1/λ, or ‖η‖ over the root of the room.
    pub fn outside_weight(&self, fidelity: Fidelity, eta: &[f64]) -> f64 {
        match fidelity {
            Fidelity::Exact => 0.0,
            Fidelity::Penalised { lambda } => 1.0 / lambda,
            Fidelity::Ball { .. } => (eta.iter().map(|y| y * y).sum::<f64>() / self.room(fidelity)).sqrt(),
        }
    }
}

/// Eigenvalues of AA* below this part of the largest one, times their number, are rounding error.
const FLOOR: f64 = 10.0 * f64::EPSILON;

/// Rows that are written out at once when outer products outnumber the entries of X.
const BLOCK: usize = 256;

impl Rotated {
    /// None if an eigenvalue iteration does not end.
    pub fn of(map: &dyn MeasurementMap) -> Option<Self> {
        let ((d1, d2), p) = (map.shape(), map.len());
        let entries = d1 * d2;
        let (mut rows, mut squares) = match map.definition() {
            Definition::Entries(rows, cols, weights) => {
                let positions = rows.iter().zip(cols).map(|(&i, &j)| i as usize * d2 + j as usize).collect();
                (Rows::Entries { positions, weights: weights.to_vec() }, weights.iter().map(|w| w * w).collect())
            }
            Definition::Dense(a) if p <= entries => {
                let mut gram = vec![0.0; p * p];
                gram_of_rows(a, p, &mut gram);
                let (squares, vectors) = symmetric_eigenvectors(&gram, p)?;
                let mut rows = vec![0.0; a.len()];
                mul(row_major(&vectors, p, p), row_major(a, p, entries), &mut rows);
                (Rows::Dense(rows), squares)
            }
            Definition::OuterProducts(left, right) if p <= entries => {
                let Gram::Full(gram) = map.gram() else { return None };
                let (squares, vectors) = symmetric_eigenvectors(&gram, p)?;
                (Rows::OuterProducts { left: left.to_vec(), right: right.to_vec(), vectors }, squares)
            }
            _ => {
                let (squares, mut rows) = symmetric_eigenvectors(&normal_matrix(map), entries)?;
                rows.chunks_exact_mut(entries).zip(&squares).for_each(|(row, h)| row.iter_mut().for_each(|x| *x *= h.max(0.0).sqrt()));
                (Rows::Dense(rows), squares)
            }
        };
        let largest = squares.iter().copied().fold(0.0, f64::max);
        let floor = FLOOR * squares.len() as f64 * largest;
        let is_diagonal = matches!(rows, Rows::Entries { .. });
        squares.iter_mut().filter(|h| !is_diagonal && **h <= floor).for_each(|h| *h = 0.0);
        if let Rows::Dense(rows) = &mut rows {
            rows.chunks_exact_mut(entries).zip(&squares).filter(|(_, h)| **h == 0.0).for_each(|(row, _)| row.fill(0.0));
        }
        Some(Rotated { rows, squares })
    }

    /// The rows in another precision.
    pub fn narrow<T: Real>(&self) -> Rows<T> {
        let narrow = |x: &[f64]| x.iter().map(|&x| T::of(x)).collect();
        match &self.rows {
            Rows::Dense(rows) => Rows::Dense(narrow(rows)),
            Rows::OuterProducts { left, right, vectors } => {
                Rows::OuterProducts { left: narrow(left), right: narrow(right), vectors: narrow(vectors) }
            }
            Rows::Entries { positions, weights } => Rows::Entries { positions: positions.clone(), weights: narrow(weights) },
        }
    }

    /// R as a map, where it is dense.
    pub fn dense(&self, shape: (usize, usize)) -> Option<Gaussian> {
        let Rows::Dense(rows) = &self.rows else { return None };
        Gaussian::new(self.squares.len(), shape, rows.clone()).ok()
    }

    /// b, rotated: β = R(A*(b)) / h, once more for what the first pass leaves.
    pub fn target(&self, map: &dyn MeasurementMap, b: &[f64]) -> Target {
        let shape = map.shape();
        let mut target = Target { beta: vec![0.0; self.squares.len()], outside: b.to_vec(), least_squares: vec![0.0; shape.0 * shape.1] };
        for _ in 0..2 {
            let mut pulled = vec![0.0; shape.0 * shape.1];
            map.adjoint(&target.outside, &mut pulled);
            let step = self.over_squares(&self.rows.apply(&pulled, shape));
            target.beta.iter_mut().zip(&step).for_each(|(beta, step)| *beta += step);
            self.rows.adjoint(&self.over_squares(&target.beta), shape, &mut target.least_squares);
            map.apply(&target.least_squares, &mut target.outside);
            target.outside.iter_mut().zip(b).for_each(|(fitted, b)| *fitted = b - *fitted);
        }
        target
    }

    /// y = Eη from η in the coordinates of R: A(R*(η/h)).
    pub fn original(&self, map: &dyn MeasurementMap, eta: &[f64]) -> Vec<f64> {
        let (d1, d2) = map.shape();
        let (mut x, mut y) = (vec![0.0; d1 * d2], vec![0.0; map.len()]);
        self.rows.adjoint(&self.over_squares(eta), (d1, d2), &mut x);
        map.apply(&x, &mut y);
        y
    }

    fn over_squares(&self, x: &[f64]) -> Vec<f64> {
        x.iter().zip(&self.squares).map(|(x, &h)| if h > 0.0 { x / h } else { 0.0 }).collect()
    }
}

/// A*A of a map with more measurements than X has entries, row-major.
fn normal_matrix(map: &dyn MeasurementMap) -> Vec<f64> {
    let (d1, d2) = map.shape();
    let entries = d1 * d2;
    let mut sum = vec![0.0; entries * entries];
    match map.definition() {
        Definition::Dense(a) => gram_lower(row_major(a, map.len(), entries).transpose(), &mut sum),
        Definition::OuterProducts(left, right) => {
            let mut part = vec![0.0; entries * entries];
            for (left, right) in left.chunks(BLOCK * d1).zip(right.chunks(BLOCK * d2)) {
                let pairs = left.chunks_exact(d1).zip(right.chunks_exact(d2));
                let dense: Vec<f64> = pairs.flat_map(|(l, r)| l.iter().flat_map(move |l| r.iter().map(move |r| l * r))).collect();
                gram_lower(row_major(&dense, dense.len() / entries, entries).transpose(), &mut part);
                sum.iter_mut().zip(&part).for_each(|(sum, part)| *sum += part);
            }
        }
        Definition::Entries(rows, cols, weights) => {
            for ((&i, &j), w) in rows.iter().zip(cols).zip(weights) {
                sum[(i as usize * d2 + j as usize) * (entries + 1)] += w * w;
            }
        }
    }
    sum
}

impl<T: Real> Rows<T> {
    /// (⟨Rₖ, X⟩).
    pub fn apply(&self, x: &[T], (d1, d2): (usize, usize)) -> Vec<T> {
        match self {
            Rows::Dense(rows) => {
                let mut out = vec![T::of(0.0); rows.len() / x.len()];
                multiply_vector(rows, x, &mut out);
                out
            }
            Rows::OuterProducts { left, right, vectors } => {
                let p = left.len() / d1;
                let mut products = vec![T::of(0.0); right.len()];
                mul(row_major(left, p, d1), row_major(x, d1, d2), &mut products);
                let forms: Vec<T> = products.chunks_exact(d2).zip(right.chunks_exact(d2)).map(|(a, c)| dot(a, c)).collect();
                let mut out = vec![T::of(0.0); p];
                multiply_vector(vectors, &forms, &mut out);
                out
            }
            Rows::Entries { positions, weights } => positions.iter().zip(weights).map(|(&at, &w)| w * x[at]).collect(),
        }
    }

    /// Σ yₖ Rₖ.
    pub fn adjoint(&self, y: &[T], (d1, d2): (usize, usize), out: &mut [T]) {
        match self {
            Rows::Dense(rows) => multiply_transposed_vector(rows, y, out),
            Rows::OuterProducts { left, right, vectors } => {
                let mut combined = vec![T::of(0.0); y.len()];
                multiply_transposed_vector(vectors, y, &mut combined);
                let weighted: Vec<T> = left.chunks_exact(d1).zip(&combined).flat_map(|(row, &y)| row.iter().map(move |&x| y * x)).collect();
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
