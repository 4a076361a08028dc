//! Depth 2: min ‖z‖₁ subject to Az = b, a linear program.

use super::DeepSparseSolution;
use super::dual_newton::weighted_factor;
use super::rows::Rows;
use crate::linalg::{Cholesky, dot, gram_of_rows};
use crate::problem::RecoveryStatus;

const MAX_STEPS: usize = 60;
/// Relative duality gap at which the support is read off, and at which nothing more is gained.
const IDENTIFIED: f64 = 1e-5;
const TOLERANCE: f64 = 1e-13;
/// The gap that counts as converged when steps bring no more.
const ACCEPTED: f64 = 1e-9;
/// Part of the way to the boundary that a step may go.
const INSIDE: f64 = 0.995;

/// z = u − v with u, v > 0; the dual's slacks 1 − Aᵀy and 1 + Aᵀy. Both sides are feasible from the start, and stay so.
struct Interior {
    u: Vec<f64>,
    v: Vec<f64>,
    y: Vec<f64>,
    above: Vec<f64>,
    below: Vec<f64>,
}

/// Mehrotra's predictor and corrector from z of least norm and y = 0; at a small gap the support is read off, and z and y are computed from
/// it.
pub(super) fn solve(rows: &Rows<'_>) -> DeepSparseSolution {
    let mut point = Interior::start(rows);
    let mut steps = 0;
    let status = loop {
        let gap = point.relative_gap(rows);
        if !gap.is_finite() {
            break RecoveryStatus::Breakdown;
        }
        if gap <= IDENTIFIED
            && let Some((z, y)) = from_support(rows, &point)
        {
            return rows.solution(&z, &y, 1.0, RecoveryStatus::Converged, steps);
        }
        if gap <= TOLERANCE {
            break RecoveryStatus::Converged;
        }
        if steps == MAX_STEPS {
            break if gap <= ACCEPTED { RecoveryStatus::Converged } else { RecoveryStatus::MaxIters };
        }
        if point.step(rows).is_none() {
            break if gap <= ACCEPTED { RecoveryStatus::Converged } else { RecoveryStatus::Stalled };
        }
        steps += 1;
    };
    rows.solution(&point.z(), &point.y, 1.0, status, steps)
}

impl Interior {
    fn start(rows: &Rows<'_>) -> Self {
        let z = rows.least_norm();
        let d = z.len();
        let shift = z.iter().map(|z| z.abs()).sum::<f64>() / d as f64;
        let part = |sign: f64| z.iter().map(|z| (sign * z).max(0.0) + shift).collect();
        Interior { u: part(1.0), v: part(-1.0), y: vec![0.0; rows.count], above: vec![1.0; d], below: vec![1.0; d] }
    }

    fn z(&self) -> Vec<f64> {
        self.u.iter().zip(&self.v).map(|(u, v)| u - v).collect()
    }

    /// (‖z‖₁ − bᵀy) / ‖z‖₁.
    fn relative_gap(&self, rows: &Rows<'_>) -> f64 {
        let norm: f64 = self.u.iter().zip(&self.v).map(|(u, v)| (u - v).abs()).sum();
        1.0 - dot(&rows.b, &self.y) / norm
    }

    fn complementarity(&self) -> f64 {
        (dot(&self.u, &self.above) + dot(&self.v, &self.below)) / (2 * self.u.len()) as f64
    }

    fn step(&mut self, rows: &Rows<'_>) -> Option<()> {
        let d = self.u.len();
        let weights: Vec<f64> = (0..d).map(|j| self.u[j] / self.above[j] + self.v[j] / self.below[j]).collect();
        let factor = weighted_factor(rows, &weights)?;
        let residual: Vec<f64> = rows.b.iter().zip(rows.apply(&self.z())).map(|(b, az)| b - az).collect();
        let mean = self.complementarity();
        let affine = self.direction(rows, &factor, &residual, 0.0, None);
        let (primal, dual) = self.lengths(&affine);
        let after: f64 = (0..d)
            .map(|j| {
                (self.u[j] + primal * affine.u[j]) * (self.above[j] - dual * affine.aty[j])
                    + (self.v[j] + primal * affine.v[j]) * (self.below[j] + dual * affine.aty[j])
            })
            .sum::<f64>()
            / (2 * d) as f64;
        let centre = (after / mean).powi(3).clamp(0.0, 1.0) * mean;
        let step = self.direction(rows, &factor, &residual, centre, Some(&affine));
        let (primal, dual) = self.lengths(&step);
        let (primal, dual) = (1.0f64.min(INSIDE * primal), 1.0f64.min(INSIDE * dual));
        for j in 0..d {
            self.u[j] += primal * step.u[j];
            self.v[j] += primal * step.v[j];
            self.above[j] -= dual * step.aty[j];
            self.below[j] += dual * step.aty[j];
        }
        self.y.iter_mut().zip(&step.y).for_each(|(y, s)| *y += dual * s);
        Some(())
    }

    /// Solves u·above = v·below = centre to first order, with the second-order terms of `affine` if given.
    fn direction(&self, rows: &Rows<'_>, factor: &Cholesky, residual: &[f64], centre: f64, affine: Option<&Direction>) -> Direction {
        let d = self.u.len();
        let second = |j: usize| affine.map_or((0.0, 0.0), |a| (-a.u[j] * a.aty[j], a.v[j] * a.aty[j]));
        // u moves to `towards` plus what y's step brings
        let towards_u: Vec<f64> = (0..d).map(|j| (centre - second(j).0) / self.above[j] - self.u[j]).collect();
        let towards_v: Vec<f64> = (0..d).map(|j| (centre - second(j).1) / self.below[j] - self.v[j]).collect();
        let moved: Vec<f64> = towards_u.iter().zip(&towards_v).map(|(u, v)| u - v).collect();
        let mut y: Vec<f64> = residual.iter().zip(rows.apply(&moved)).map(|(r, m)| r - m).collect();
        factor.solve(&mut y);
        let aty = rows.transposed(&y);
        let u = (0..d).map(|j| towards_u[j] + self.u[j] / self.above[j] * aty[j]).collect();
        let v = (0..d).map(|j| towards_v[j] - self.v[j] / self.below[j] * aty[j]).collect();
        Direction { u, v, y, aty }
    }

    /// How far u, v and the slacks let the step go.
    fn lengths(&self, step: &Direction) -> (f64, f64) {
        let limit = |x: &[f64], d: &[f64], sign: f64| x.iter().zip(d).filter(|(_, d)| sign * **d < 0.0).map(|(x, d)| x / d.abs()).fold(1e3, f64::min);
        let primal = limit(&self.u, &step.u, 1.0).min(limit(&self.v, &step.v, 1.0));
        let dual = limit(&self.above, &step.aty, -1.0).min(limit(&self.below, &step.aty, 1.0));
        (primal, dual)
    }
}

struct Direction {
    u: Vec<f64>,
    v: Vec<f64>,
    y: Vec<f64>,
    aty: Vec<f64>,
}

/// z on the columns whose slack is smaller than their entry, and the y nearest to the interior one with Aᵀy = sign(z) there. None unless z
/// fits b, has the expected signs, and |Aᵀy| < 1 elsewhere.
fn from_support(rows: &Rows<'_>, point: &Interior) -> Option<(Vec<f64>, Vec<f64>)> {
    let (d, r) = (rows.dim(), rows.count);
    let z0 = point.z();
    let largest = z0.iter().fold(0.0f64, |largest, z| largest.max(z.abs()));
    let support: Vec<usize> = (0..d).filter(|&j| z0[j].abs() / largest > point.above[j].min(point.below[j])).collect();
    let s = support.len();
    if s == 0 || s > r {
        return None;
    }
    let columns: Vec<f64> = support.iter().flat_map(|&j| (0..r).map(move |i| i * d + j)).map(|at| rows.a[at]).collect();
    let mut gram = vec![0.0; s * s];
    gram_of_rows(&columns, s, &mut gram);
    let factor = Cholesky::of(&gram, s)?;
    let mut z = vec![0.0; d];
    for _ in 0..3 {
        // refinement of the normal equations
        let residual: Vec<f64> = rows.b.iter().zip(rows.apply(&z)).map(|(b, az)| b - az).collect();
        let mut step: Vec<f64> = columns.chunks_exact(r).map(|a| dot(a, &residual)).collect();
        factor.solve(&mut step);
        support.iter().zip(&step).for_each(|(&j, step)| z[j] += step);
    }
    let residual: Vec<f64> = rows.b.iter().zip(rows.apply(&z)).map(|(b, az)| b - az).collect();
    if dot(&residual, &residual) > 1e-24 * dot(&rows.b, &rows.b) || support.iter().any(|&j| z[j] * z0[j] <= 0.0) {
        return None;
    }
    let mut y = point.y.clone();
    for _ in 0..3 {
        let mut step: Vec<f64> = columns.chunks_exact(r).zip(&support).map(|(a, &j)| z[j].signum() - dot(a, &y)).collect();
        factor.solve(&mut step);
        columns.chunks_exact(r).zip(&step).for_each(|(a, step)| y.iter_mut().zip(a).for_each(|(y, a)| *y += step * a));
    }
    let slack = rows.transposed(&y);
    let is_dual = (0..d).all(|j| z[j] != 0.0 || slack[j].abs() < 1.0);
    is_dual.then_some((z, y))
}
