//! Newton's method once the rank is known: the solution, and the multiplier that proves it.

use super::fit::Fit;
use super::semismooth::Polished;
use super::splitting::Snapshot;
use crate::linalg::{
    Cholesky, dot, gram_of_columns, mul, mul_transpose, multiply_vector, orthonormalise, row_major, singular_values, symmetric_eigenvalues,
    symmetric_eigenvectors, thin_svd,
};
use crate::map::{Definition, Jacobian, MeasurementMap};
use crate::problem::Domain;
use crate::{Factors, Side};

/// Gauss–Newton steps at most.
const STEPS: usize = 12;
/// ‖A(X) − b‖ / ‖b‖ that a start worth its name has reached after three steps.
const HOPELESS: f64 = 1e-3;
/// Relative shift that makes the normal equations of P_T A*(y) = UVᵀ, of which r² follow from the others, positive definite.
const SHIFT: f64 = 1e-12;
/// ‖P_T⊥ A*(y)‖ below which it is taken for less than 1.
const SEPARATING: f64 = 1.0 - 1e-8;
/// ‖P_T⊥ A*(y)‖ that y is moved to, and at which it is left: a wider margin makes a certificate sharper.
const AIM: f64 = 0.85;
const CLEAR: f64 = 0.95;
/// Movements of y at most, and the part of ‖P_T⊥ A*(y)‖ − AIM that a useful one leaves at most.
const MOVES: usize = 8;
const USEFUL: f64 = 0.6;

/// Dimension of the tangent space T at a matrix of rank r.
pub(super) fn tangent_dimension((d1, d2): (usize, usize), rank: usize, domain: Domain) -> usize {
    match domain {
        Domain::General => rank * (d1 + d2 - rank),
        Domain::Symmetric | Domain::PositiveSemidefinite => rank * d1 - rank * (rank - 1) / 2,
    }
}

/// Solves A(UVᵀ) = b by Gauss–Newton on the factors of rank r, then moves y as little as it takes to P_T A*(y) = UVᵀ. None unless both
/// succeed and ‖P_T⊥ A*(y)‖ < 1: then the rank was not that of the solution, or it is too early.
pub(super) fn polish(map: &dyn MeasurementMap, b: &[f64], domain: Domain, at: &Snapshot) -> Option<Polished> {
    let (factors, signs) = balanced_factors(&at.s, map.shape(), domain, at.rank, at.tau)?;
    let mut fit = Fit::start(map, b, domain, factors, signs);
    for round in 0..STEPS {
        if fit.is_over() || (round >= 3 && fit.relative() > HOPELESS) {
            break;
        }
        fit.step()?;
    }
    if !fit.fits() {
        return None;
    }
    let (factors, signs) = fit.factors();
    let point = Point::of_factors(factors, signs, domain)?;
    let multiplier = Dual::of(map, &point, domain)?.separating(&at.multiplier, 1.0)?;
    Some(Polished { x: point.x, multiplier, rank: factors.rank() })
}

/// S cut to a rank and shrunk by τ, split evenly; for symmetric matrices V = U diag(signs), the signs beside it.
pub(super) fn balanced_factors(s: &[f64], (d1, d2): (usize, usize), domain: Domain, rank: usize, tau: f64) -> Option<(Factors, Vec<f64>)> {
    let mut factors = Factors::zeros(d1, d2, rank);
    let (u, v) = factors.split_mut();
    let mut signs = vec![1.0; rank];
    let Spectrum { values, left, right } = Spectrum::of(s, (d1, d2), domain)?;
    for k in 0..rank {
        let root = (values[k] - tau).max(0.0).sqrt();
        (0..d1).for_each(|i| u[i * rank + k] = root * left[k * d1 + i]);
        (0..d2).for_each(|j| v[j * rank + k] = root * right[k * d2 + j]);
        let is_negative = domain != Domain::General && dot(&left[k * d1..][..d1], &right[k * d2..][..d2]) < 0.0;
        signs[k] = if is_negative { -1.0 } else { 1.0 };
    }
    Some((factors, signs))
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// A Gram matrix, shifted and factored.
fn shifted(mut gram: Vec<f64>) -> Option<Cholesky> {
    let width = gram.len().isqrt();
    let trace = (0..width).map(|k| gram[k * width + k]).sum::<f64>();
    (0..width).for_each(|k| gram[k * width + k] += SHIFT * trace / width as f64);
    Cholesky::of(&gram, width)
}

/// X = U Σ Vᵀ of rank r.
pub(super) struct Point {
    /// Row-major d1×d2.
    pub x: Vec<f64>,
    /// d1×r, orthonormal columns.
    pub u: Vec<f64>,
    /// d2×r; U diag(signs) for symmetric X.
    pub v: Vec<f64>,
    /// Of the eigenvalues of a symmetric X; else 1.
    pub signs: Vec<f64>,
    pub rank: usize,
}

impl Point {
    /// UVᵀ, or U diag(signs) Uᵀ, none of whose singular values is 0. None if a decomposition fails, or semidefinite X have a negative eigenvalue.
    pub fn of_factors(factors: &Factors, signs: &[f64], domain: Domain) -> Option<Self> {
        let point = if domain == Domain::General { decomposed(factors)? } else { decomposed_symmetric(factors, signs)? };
        (domain != Domain::PositiveSemidefinite || !point.signs.contains(&-1.0)).then_some(point)
    }

    /// A matrix known in full, of the rank that its singular values, largest first, tell. None if a decomposition fails.
    pub fn of(x: Vec<f64>, (d1, d2): (usize, usize), domain: Domain, rank: impl FnOnce(&[f64]) -> usize) -> Option<Self> {
        let width = d1.min(d2);
        let column = |a: &[f64], k: usize| a.iter().skip(k).step_by(width).copied().collect::<Vec<f64>>();
        // singular value, left vector, sign of the right one, right vector
        let mut parts: Vec<(f64, Vec<f64>, f64, Vec<f64>)> = match domain {
            Domain::General => {
                let svd = thin_svd(&x, d1, d2)?;
                (0..width).map(|k| (svd.singular_values[k], column(&svd.u, k), 1.0, column(&svd.v, k))).collect()
            }
            Domain::Symmetric | Domain::PositiveSemidefinite => {
                let (values, vectors) = symmetric_eigenvectors(&x, d1)?;
                let part = |(l, q): (&f64, &[f64])| (l.abs(), q.to_vec(), l.signum(), q.iter().map(|q| q * l.signum()).collect());
                values.iter().zip(vectors.chunks_exact(d1)).map(part).collect()
            }
        };
        parts.sort_by(|a, b| b.0.total_cmp(&a.0));
        let rank = rank(&parts.iter().map(|part| part.0).collect::<Vec<f64>>()).min(parts.len());
        parts.truncate(rank);
        let beside = |rows: usize, of: &dyn Fn(usize) -> Vec<f64>| {
            let columns: Vec<Vec<f64>> = (0..rank).map(of).collect();
            (0..rows * rank).map(|at| columns[at % rank][at / rank]).collect::<Vec<f64>>()
        };
        let (u, v) = (beside(d1, &|k| parts[k].1.clone()), beside(d2, &|k| parts[k].3.clone()));
        Some(Point { x, u, v, signs: parts.iter().map(|part| part.2).collect(), rank })
    }
}

/// Aᵀ B of row-major factors with r columns each.
fn cross(a: &[f64], b: &[f64], rank: usize) -> Vec<f64> {
    crate::linalg::gram_between(a, b, rank)
}

/// A·B of a row-major factor with r columns and an r×r matrix.
fn times(a: &[f64], b: &[f64], rank: usize) -> Vec<f64> {
    let mut out = vec![0.0; a.len()];
    mul(row_major(a, a.len() / rank, rank), row_major(b, rank, rank), &mut out);
    out
}

fn decomposed(factors: &Factors) -> Option<Point> {
    let rank = factors.rank();
    let (mut u, mut v) = (factors.split().0.to_vec(), factors.split().1.to_vec());
    orthonormalise(&mut u, rank);
    orthonormalise(&mut v, rank);
    // UVᵀ = P (PᵀU)(QᵀV)ᵀ Qᵀ
    let (left, right) = (cross(&u, factors.split().0, rank), cross(&v, factors.split().1, rank));
    let mut middle = vec![0.0; rank * rank];
    mul(row_major(&left, rank, rank), row_major(&right, rank, rank).transpose(), &mut middle);
    let svd = thin_svd(&middle, rank, rank)?;
    Some(Point { x: factors.product(), u: times(&u, &svd.u, rank), v: times(&v, &svd.v, rank), signs: vec![1.0; rank], rank })
}

fn decomposed_symmetric(factors: &Factors, signs: &[f64]) -> Option<Point> {
    let rank = factors.rank();
    let mut basis = factors.split().0.to_vec();
    orthonormalise(&mut basis, rank);
    let inner = cross(&basis, factors.split().0, rank);
    let signed: Vec<f64> = inner.iter().enumerate().map(|(at, x)| x * signs[at % rank]).collect();
    let mut middle = vec![0.0; rank * rank];
    mul(row_major(&signed, rank, rank), row_major(&inner, rank, rank).transpose(), &mut middle);
    let (values, vectors) = symmetric_eigenvectors(&middle, rank)?;
    // eigenvectors one after the other are the columns
    let rotation: Vec<f64> = (0..rank * rank).map(|at| vectors[at % rank * rank + at / rank]).collect();
    let u = times(&basis, &rotation, rank);
    let signs: Vec<f64> = values.iter().map(|l| l.signum()).collect();
    let v = u.iter().enumerate().map(|(at, x)| x * signs[at % rank]).collect();
    let x = factors.product();
    let d = factors.rows();
    let x = (0..d * d).map(|at| 0.5 * (x[at] + x[at % d * d + at / d])).collect();
    Some(Point { x, u, v, signs, rank })
}

/// The equations P_T A*(y) = UVᵀ, factored.
pub(super) struct Dual<'a> {
    map: &'a dyn MeasurementMap,
    point: &'a Point,
    domain: Domain,
    /// ‖Aᵢ‖ for sampled entries, so that those of different weight count alike; else 1.
    sizes: Vec<f64>,
    /// The derivative of A(X) along T, its rows divided by the sizes.
    jacobian: Jacobian,
    target: Vec<f64>,
    normal: Cholesky,
}

impl<'a> Dual<'a> {
    /// At a matrix of low rank. None if the normal equations cannot be factored.
    pub fn of(map: &'a dyn MeasurementMap, point: &'a Point, domain: Domain) -> Option<Self> {
        let (jacobian, target) = equations(map, point, domain)?;
        let sizes: Vec<f64> = match map.definition() {
            Definition::Entries(_, _, weights) => weights.iter().map(|w| w.abs()).collect(),
            _ => vec![1.0; map.len()],
        };
        let jacobian = jacobian.weighted(&sizes.iter().map(|s| 1.0 / s).collect::<Vec<f64>>());
        let normal = shifted(jacobian.gram())?;
        Some(Dual { map, point, domain, sizes, jacobian, target, normal })
    }

    /// The y nearest to a given one that satisfies them, if it proves X optimal: ‖P_T⊥ A*(y)‖ < `below`, at most 1.
    pub fn separating(&self, y: &[f64], below: f64) -> Option<Vec<f64>> {
        let y = self.nearest(y)?;
        let ((d1, d2), off) = (self.map.shape(), self.off_tangent(&y));
        let largest = match self.domain {
            Domain::PositiveSemidefinite => symmetric_eigenvalues(&off, d1)?[0],
            _ => singular_values(&off, d1, d2)?[0],
        };
        (largest < below.min(SEPARATING)).then_some(y)
    }

    /// The smallest y that satisfies them, moved until it proves X optimal: while singular values of P_T⊥ A*(y) reach 1, the nearest y whose part
    /// between their vectors is 0.85 I. None where that does not settle.
    pub fn smallest_separating(&self) -> Option<Vec<f64>> {
        let mut y = self.nearest(&vec![0.0; self.map.len()])?;
        let (mut excess, mut separating) = (f64::INFINITY, None);
        for _ in 0..MOVES {
            let off = Spectrum::of(&self.off_tangent(&y), self.map.shape(), self.domain)?;
            let largest = off.values.first().copied().unwrap_or(0.0);
            let is_useful = largest - AIM <= USEFUL * excess;
            if is_useful && largest < SEPARATING {
                separating = Some(y.clone());
            }
            if largest < CLEAR || !is_useful {
                break;
            }
            excess = largest - AIM;
            let Some(lowered) = self.lowered(&y, &off) else { break };
            y = lowered;
        }
        separating
    }

    /// The y nearest to a given one that satisfies them, in the norm Σ yᵢ² ‖Aᵢ‖².
    pub fn nearest(&self, y: &[f64]) -> Option<Vec<f64>> {
        let mut y: Vec<f64> = y.iter().zip(&self.sizes).map(|(y, s)| y * s).collect();
        let mut left = f64::INFINITY;
        for _ in 0..4 {
            let mut missing = self.jacobian.transposed_times(&y);
            missing.iter_mut().zip(&self.target).for_each(|(m, t)| *m = t - *m);
            let size = norm(&missing);
            if size >= 0.5 * left {
                break;
            }
            left = size;
            self.normal.solve(&mut missing);
            y.iter_mut().zip(self.jacobian.times(&missing)).for_each(|(y, step)| *y += step);
        }
        (left < 1e-7).then(|| y.iter().zip(&self.sizes).map(|(y, s)| y / s).collect())
    }

    /// The y nearest to this one whose A*(y) has the same part in T, and between the leading vectors of P_T⊥ A*(y) the part AIM·I.
    fn lowered(&self, y: &[f64], off: &Spectrum) -> Option<Vec<f64>> {
        let (d1, d2) = self.map.shape();
        let m = off.values.iter().take_while(|&&value| value > AIM).count();
        let is_symmetric = self.domain != Domain::General;
        let pairs: Vec<(usize, usize)> = (0..m).flat_map(|k| (0..m).map(move |l| (k, l))).filter(|&(k, l)| !is_symmetric || k <= l).collect();
        let width = pairs.len();
        if width + self.jacobian.width() > self.map.len() {
            return None;
        }
        let right: Vec<f64> = (0..d2 * m).map(|at| off.right[at % m * d2 + at / m]).collect();
        let mut along = vec![0.0; self.map.len() * d1 * m];
        self.map.jacobian(Side::U, &right, m, &mut along);
        // row i: aₖᵀ Aᵢ bₗ / ‖Aᵢ‖
        let mut rows = Vec::with_capacity(self.map.len() * width);
        let mut inner = vec![0.0; m * m];
        for (along, size) in along.chunks_exact(d1 * m).zip(&self.sizes) {
            mul(row_major(&off.left[..m * d1], m, d1), row_major(along, d1, m), &mut inner);
            rows.extend(pairs.iter().map(|&(k, l)| inner[k * m + l] / size));
        }
        // what of these equations does not follow from those of T: B − J(JᵀJ)⁻¹JᵀB
        let free = self.free_of_tangent(rows, width);
        let mut wanted: Vec<f64> = pairs.iter().map(|&(k, l)| if k == l { AIM - off.values[k] } else { 0.0 }).collect();
        shifted(gram_of_columns(row_major(&free, y.len(), width)))?.solve(&mut wanted);
        let mut step = vec![0.0; y.len()];
        multiply_vector(&free, &wanted, &mut step);
        let moved: Vec<f64> = y.iter().zip(step.iter().zip(&self.sizes)).map(|(y, (step, size))| y + step / size).collect();
        self.nearest(&moved)
    }

    /// B − J(JᵀJ)⁻¹JᵀB of row-major B, twice for rounding.
    fn free_of_tangent(&self, mut rows: Vec<f64>, width: usize) -> Vec<f64> {
        for _ in 0..2 {
            let mut inside = self.jacobian.transposed_times_columns(&rows, width);
            self.normal.solve_columns(&mut inside, width);
            let along = self.jacobian.times_columns(&inside, width);
            rows.iter_mut().zip(along).for_each(|(b, a)| *b -= a);
        }
        rows
    }

    /// P_T⊥ A*(y).
    fn off_tangent(&self, y: &[f64]) -> Vec<f64> {
        let (map, Point { u, v, rank, .. }) = (self.map, self.point);
        let ((d1, d2), rank) = (map.shape(), *rank);
        let mut g = vec![0.0; d1 * d2];
        map.adjoint(y, &mut g);
        // (I − UUᵀ) G (I − VVᵀ)
        let mut inner = vec![0.0; rank * d2];
        mul_transpose(row_major(u, d1, rank), row_major(&g, d1, d2), &mut inner);
        let mut part = vec![0.0; d1 * d2];
        mul(row_major(u, d1, rank), row_major(&inner, rank, d2), &mut part);
        g.iter_mut().zip(&part).for_each(|(g, part)| *g -= part);
        let mut outer = vec![0.0; d1 * rank];
        mul(row_major(&g, d1, d2), row_major(v, d2, rank), &mut outer);
        mul(row_major(&outer, d1, rank), row_major(v, d2, rank).transpose(), &mut part);
        g.iter_mut().zip(&part).for_each(|(g, part)| *g -= part);
        g
    }
}

/// Singular values and vectors of a matrix, largest first, the vectors one after the other; over semidefinite X, eigenvalues that are not negative.
pub(super) struct Spectrum {
    pub values: Vec<f64>,
    left: Vec<f64>,
    right: Vec<f64>,
}

impl Spectrum {
    pub fn of(g: &[f64], (d1, d2): (usize, usize), domain: Domain) -> Option<Self> {
        if domain != Domain::General {
            let (eigenvalues, vectors) = symmetric_eigenvectors(g, d1)?;
            let size = |k: usize| if domain == Domain::Symmetric { eigenvalues[k].abs() } else { eigenvalues[k].max(0.0) };
            let mut order: Vec<usize> = (0..d1).collect();
            order.sort_by(|&k, &l| size(l).total_cmp(&size(k)));
            let left = order.iter().flat_map(|&k| vectors[k * d1..][..d1].iter().copied()).collect();
            let signed = |k: usize| (eigenvalues[k].signum(), &vectors[k * d1..][..d1]);
            let right = order.iter().map(|&k| signed(k)).flat_map(|(sign, q)| q.iter().map(move |q| sign * q)).collect();
            return Some(Spectrum { values: order.iter().map(|&k| size(k)).collect(), left, right });
        }
        let svd = thin_svd(g, d1, d2)?;
        let width = d1.min(d2);
        let by_column = |a: &[f64], d: usize| (0..width * d).map(|at| a[at % d * width + at / d]).collect();
        Some(Spectrum { left: by_column(&svd.u, d1), right: by_column(&svd.v, d2), values: svd.singular_values })
    }
}

/// J and its right side: A*(y)V = U and A*(y)ᵀU = V, of which r² equations follow from the others; over symmetric X, A*(y)U = V.
fn equations(map: &dyn MeasurementMap, Point { u, v, rank, .. }: &Point, domain: Domain) -> Option<(Jacobian, Vec<f64>)> {
    if domain != Domain::General {
        return Some((Jacobian::of_side(map, Side::U, u, *rank), v.clone()));
    }
    let (d1, d2) = map.shape();
    let both: Vec<f64> = u.iter().chain(v).copied().collect();
    Some((map.factored_jacobian(&Factors::new(d1, d2, *rank, both.clone()).ok()?), both))
}
