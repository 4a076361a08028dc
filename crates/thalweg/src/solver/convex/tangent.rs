//! Newton's method once the rank is known: the solution, and the multiplier that proves it.

use super::semismooth::Polished;
use super::splitting::Snapshot;
use crate::linalg::{Cholesky, mul, mul_transpose, orthonormalise, row_major};
use crate::linalg::{singular_values, symmetric_eigenvectors, thin_svd};
use crate::map::{Definition, Jacobian, MeasurementMap};
use crate::problem::Domain;
use crate::{Factors, Side};

/// Gauss–Newton steps at most.
const STEPS: usize = 12;
/// ‖A(X) − b‖ / ‖b‖ that is as small as it gets.
const TIGHT: f64 = 1e-14;
/// The same, above which the rank was wrong.
const LOOSE: f64 = 1e-11;
/// ‖A(X) − b‖ / ‖b‖ that a start worth its name has reached after three steps.
const HOPELESS: f64 = 1e-3;
/// Relative shift that makes the normal equations of (U, V) ↦ UVᵀ, which have a null space of dimension r², positive definite.
const SHIFT: f64 = 1e-13;

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
    let (factors, signs) = starting_factors(map, domain, at)?;
    let factors = match domain {
        Domain::General => fit(map, b, factors)?,
        _ => fit_symmetric(map, b, factors, &signs)?,
    };
    let point = match domain {
        Domain::General => decomposed(&factors)?,
        _ => decomposed_symmetric(&factors, &signs)?,
    };
    if domain == Domain::PositiveSemidefinite && point.signs.contains(&-1.0) {
        return None;
    }
    let multiplier = Dual::of(map, &point, domain)?.separating(&at.multiplier)?;
    Some(Polished { x: point.x, multiplier, rank: factors.rank() })
}

/// S cut to its rank and shrunk, split evenly; for symmetric matrices V = U diag(signs).
fn starting_factors(map: &dyn MeasurementMap, domain: Domain, at: &Snapshot) -> Option<(Factors, Vec<f64>)> {
    let ((d1, d2), rank) = (map.shape(), at.rank);
    let mut factors = Factors::zeros(d1, d2, rank);
    let (u, v) = factors.split_mut();
    let mut signs = vec![1.0; rank];
    match domain {
        Domain::General => {
            let svd = thin_svd(&at.s, d1, d2)?;
            let width = d1.min(d2);
            for k in 0..rank {
                let root = (svd.singular_values[k] - at.tau).max(0.0).sqrt();
                (0..d1).for_each(|i| u[i * rank + k] = root * svd.u[i * width + k]);
                (0..d2).for_each(|j| v[j * rank + k] = root * svd.v[j * width + k]);
            }
        }
        Domain::Symmetric | Domain::PositiveSemidefinite => {
            let (values, vectors) = symmetric_eigenvectors(&at.s, d1)?;
            let mut order: Vec<usize> = (0..d1).collect();
            let size = |k: usize| if domain == Domain::Symmetric { values[k].abs() } else { values[k] };
            order.sort_by(|&a, &b| size(b).total_cmp(&size(a)));
            for (k, &at_value) in order[..rank].iter().enumerate() {
                let root = (size(at_value) - at.tau).max(0.0).sqrt();
                signs[k] = values[at_value].signum();
                for i in 0..d1 {
                    u[i * rank + k] = root * vectors[at_value * d1 + i];
                    v[i * rank + k] = signs[k] * u[i * rank + k];
                }
            }
        }
    }
    Some((factors, signs))
}

fn residual(map: &dyn MeasurementMap, b: &[f64], factors: &Factors) -> (Vec<f64>, f64) {
    let mut residual = vec![0.0; b.len()];
    map.apply_factored(factors, &mut residual);
    residual.iter_mut().zip(b).for_each(|(r, b)| *r = b - *r);
    let relative = norm(&residual) / norm(b);
    (residual, relative)
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The least-squares step of J·step = residual.
fn least_squares_step(jacobian: &Jacobian, residual: &[f64]) -> Option<Vec<f64>> {
    let mut step = jacobian.transposed_times(residual);
    normal(jacobian, SHIFT)?.solve(&mut step);
    Some(step)
}

/// JᵀJ + shift, factored.
fn normal(jacobian: &Jacobian, shift: f64) -> Option<Cholesky> {
    let (mut gram, width) = (jacobian.gram(), jacobian.width());
    let trace = (0..width).map(|k| gram[k * width + k]).sum::<f64>();
    (0..width).for_each(|k| gram[k * width + k] += shift * trace / width as f64);
    Cholesky::of(&gram, width)
}

/// Gauss–Newton until the residual no longer falls; the best point, if it fits.
fn descend(map: &dyn MeasurementMap, b: &[f64], mut factors: Factors, mut step: impl FnMut(&mut Factors, &[f64]) -> Option<()>) -> Option<Factors> {
    let (mut left, mut relative) = residual(map, b, &factors);
    for round in 0..STEPS {
        if relative < TIGHT || (round >= 3 && relative > HOPELESS) {
            break;
        }
        let mut next = factors.clone();
        step(&mut next, &left)?;
        let (next_left, next_relative) = residual(map, b, &next);
        if !next_relative.is_finite() || (relative < LOOSE && next_relative >= relative) {
            break;
        }
        (factors, left, relative) = (next, next_left, next_relative);
    }
    (relative <= LOOSE).then_some(factors)
}

fn fit(map: &dyn MeasurementMap, b: &[f64], factors: Factors) -> Option<Factors> {
    descend(map, b, factors, |factors, residual| {
        let step = least_squares_step(&map.factored_jacobian(factors), residual)?;
        factors.as_mut_slice().iter_mut().zip(step).for_each(|(x, step)| *x += step);
        Some(())
    })
}

/// X = U diag(signs) Uᵀ: the Jacobian is twice that in U.
fn fit_symmetric(map: &dyn MeasurementMap, b: &[f64], factors: Factors, signs: &[f64]) -> Option<Factors> {
    let rank = factors.rank();
    descend(map, b, factors, |factors, residual| {
        let step = least_squares_step(&Jacobian::of_side(map, Side::U, factors.side(Side::V), rank), residual)?;
        let (u, v) = factors.split_mut();
        for (at, step) in step.into_iter().enumerate() {
            u[at] += 0.5 * step;
            v[at] = signs[at % rank] * u[at];
        }
        Some(())
    })
}

/// X = U Σ Vᵀ of rank r.
pub(super) struct Point {
    /// Row-major d1×d2.
    pub x: Vec<f64>,
    /// d1×r, orthonormal columns.
    u: Vec<f64>,
    /// d2×r; U diag(signs) for symmetric X.
    v: Vec<f64>,
    /// Of the eigenvalues of a symmetric X.
    signs: Vec<f64>,
    pub rank: usize,
}

impl Point {
    /// A matrix known in full, singular values below this part of the largest one taken for rounding. None if a decomposition fails.
    pub fn of(x: Vec<f64>, (d1, d2): (usize, usize), domain: Domain, floor: f64) -> Option<Self> {
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
        let largest = parts.iter().fold(0.0, |most: f64, part| most.max(part.0));
        parts.retain(|part| part.0 > floor * largest);
        let rank = parts.len();
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
        let normal = normal(&jacobian, 10.0 * SHIFT)?;
        Some(Dual { map, point, domain, sizes, jacobian, target, normal })
    }

    /// The y nearest to a given one that satisfies them, if it proves X optimal: ‖P_T⊥ A*(y)‖ < 1.
    pub fn separating(&self, y: &[f64]) -> Option<Vec<f64>> {
        let y = self.nearest(y)?;
        (self.off_tangent_norm(&y)? < 1.0 - 1e-8).then_some(y)
    }

    /// The y nearest to a given one that satisfies them, in the norm Σ yᵢ² ‖Aᵢ‖².
    fn nearest(&self, y: &[f64]) -> Option<Vec<f64>> {
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

    /// ‖P_T⊥ A*(y)‖; over semidefinite X, the largest eigenvalue or 0.
    fn off_tangent_norm(&self, y: &[f64]) -> Option<f64> {
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
        match self.domain {
            Domain::PositiveSemidefinite => crate::linalg::symmetric_eigenvalues(&g, d1).map(|values| values[0].max(0.0)),
            _ => singular_values(&g, d1, d2).map(|values| values[0]),
        }
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
