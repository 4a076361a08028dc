//! Depth 3 and more: the dual of Σ |zⱼ|^q, 1 < q < 2, is smooth.

use super::DeepSparseSolution;
use super::rows::Rows;
use crate::linalg::{Cholesky, dot, gram_of_rows};
use crate::problem::RecoveryStatus;

const MAX_STEPS: usize = 100;
/// Residual ‖Az − b‖ relative to ‖b‖ at which nothing more is gained.
const TOLERANCE: f64 = 1e-14;
/// The residual that counts as converged when steps bring no more.
const ACCEPTED: f64 = 1e-11;

/// The dual's state at y: u = Aᵀy, z = sign(u)(|u|/q)^(1/(q−1)), the residual b − Az and the value bᵀy − (q−1)Σ|z|^q.
struct Point {
    y: Vec<f64>,
    u: Vec<f64>,
    z: Vec<f64>,
    residual: Vec<f64>,
    value: f64,
}

impl Point {
    fn at(rows: &Rows<'_>, y: Vec<f64>, q: f64) -> Self {
        let u = rows.transposed(&y);
        let z: Vec<f64> = u.iter().map(|u| u.signum() * (u.abs() / q).powf(1.0 / (q - 1.0))).collect();
        let residual: Vec<f64> = rows.b.iter().zip(rows.apply(&z)).map(|(b, az)| b - az).collect();
        let value = dot(&rows.b, &y) - (q - 1.0) * z.iter().map(|z| z.abs().powf(q)).sum::<f64>();
        Point { y, u, z, residual, value }
    }

    fn error(&self) -> f64 {
        dot(&self.residual, &self.residual).sqrt()
    }
}

/// max bᵀy − (q−1)Σ|z(y)|^q by damped Newton steps (A H Aᵀ)Δ = b − Az, H = diag(|z|/((q−1)|u|)).
pub(super) fn solve(rows: &Rows<'_>, q: f64) -> DeepSparseSolution {
    let size = dot(&rows.b, &rows.b).sqrt();
    let mut point = Point::at(rows, start(rows, q), q);
    let mut steps = 0;
    while steps < MAX_STEPS && point.error() > TOLERANCE * size {
        let Some(next) = newton_step(rows, &point, q) else { break };
        point = next;
        steps += 1;
    }
    let status = match point.error() {
        error if error <= ACCEPTED * size => RecoveryStatus::Converged,
        error if !error.is_finite() => RecoveryStatus::Breakdown,
        _ if steps == MAX_STEPS => RecoveryStatus::MaxIters,
        _ => RecoveryStatus::Stalled,
    };
    rows.solution(&point.z, &point.y, q, status, steps)
}

/// The y whose Aᵀy is nearest to the gradient at the solution of least norm.
fn start(rows: &Rows<'_>, q: f64) -> Vec<f64> {
    let gradient: Vec<f64> = rows.least_norm().iter().map(|x| q * x.signum() * x.abs().powf(q - 1.0)).collect();
    let mut y = rows.apply(&gradient);
    rows.factor.solve(&mut y);
    y
}

fn newton_step(rows: &Rows<'_>, point: &Point, q: f64) -> Option<Point> {
    let curvature: Vec<f64> = point.z.iter().zip(&point.u).map(|(z, u)| if *u == 0.0 { 0.0 } else { z / u / (q - 1.0) }).collect();
    let mut step = point.residual.clone();
    weighted_factor(rows, &curvature)?.solve(&mut step);
    let slope = dot(&point.residual, &step);
    let mut length = 1.0;
    while length > 1e-10 {
        let y = point.y.iter().zip(&step).map(|(y, s)| y + length * s).collect();
        let next = Point::at(rows, y, q);
        // near the end the value no longer tells, the residual does
        if next.value >= point.value + 1e-4 * length * slope && length < 1.0 || next.error() < 0.5 * point.error() {
            return Some(next);
        }
        if length == 1.0 && next.value >= point.value + 1e-4 * slope {
            return Some(next);
        }
        length *= 0.5;
    }
    None
}

/// The factor of A diag(w) Aᵀ, lifted by rounding.
pub(super) fn weighted_factor(rows: &Rows<'_>, w: &[f64]) -> Option<Cholesky> {
    let r = rows.count;
    let roots: Vec<f64> = w.iter().map(|w| w.sqrt()).collect();
    let scaled: Vec<f64> = rows.a.chunks_exact(roots.len()).flat_map(|row| row.iter().zip(&roots).map(|(a, w)| a * w)).collect();
    let mut gram = vec![0.0; r * r];
    gram_of_rows(&scaled, r, &mut gram);
    let lift = 1e-14 * (0..r).map(|k| gram[k * r + k]).sum::<f64>() / r as f64;
    (0..r).for_each(|k| gram[k * r + k] += lift);
    Cholesky::of(&gram, r)
}
