//! Is x the minimiser of Σ Dⱼ |xⱼ|^q over Ax = b? From A, b, x and a multiplier alone, with all rounding bounded.

use super::bounds::gram_floor;
use crate::Error;
use crate::linalg::{dot, dot_error, multiply_transposed_vector, multiply_vector, rounding, row_major};
use crate::problem::DeepSparse;
use serde::{Deserialize, Serialize};

/// Distance of all minimisers, relative to ‖x‖, up to which x is said to be the one.
pub const DEEP_SPARSE_RADIUS: f64 = 5e-10;

/// What the data prove about x and y.
///
/// Let x* minimise, h = x* − x, ρ = b − Ax and S the support of x. At depth 2, with slacks gⱼ = Dⱼ − |aⱼᵀy| off S,
///
/// ```text
/// Σ_Sᶜ gⱼ|hⱼ| ≤ Σ Dⱼ|cⱼ| + |yᵀρ| + Σ_S |aⱼᵀy − Dⱼ sign xⱼ||hⱼ|,  ‖h_S‖ ≤ (‖ρ‖ + Σ_Sᶜ ‖aⱼ‖|hⱼ|)/σ_min(A_S)
/// ```
///
/// with c a solution of Ac = ρ, least in ‖D^½c‖. At greater depths the objective is strictly convex, and x lies near the minimiser of the Lagrangian
/// at y, whose curvature bounds what is left. At depth 1 nothing is minimised: x is certified if Ax = b has no other solution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DeepSparseCertificate {
    /// Every minimiser lies within [`DEEP_SPARSE_RADIUS`]·‖x‖ of x.
    pub certified: bool,
    /// Depth 2: the least of 1 − |aⱼᵀy|/Dⱼ off the support, from its bound. Other depths: 1 where certified, 0 elsewhere.
    pub margin: f64,
    /// Upper bound of the distance of any minimiser from x, relative to ‖x‖; infinite where nothing is proved.
    pub radius: f64,
    /// Σ Dⱼ |xⱼ|^q.
    pub objective: f64,
    /// The dual's value at y, scaled to be feasible: up to rounding no solution of Ax = b costs less.
    pub lower_bound: f64,
    /// ‖Ax − b‖ / ‖b‖.
    pub relative_residual: f64,
}

/// Checks x with the multiplier y of Ax = b.
///
/// # Errors
/// [`Error::Shape`] if x or y does not fit, [`Error::NotFinite`] if one holds a NaN or an infinity.
pub fn certify_deep_sparse(problem: &DeepSparse, x: &[f64], y: &[f64]) -> Result<DeepSparseCertificate, Error> {
    let (p, d) = problem.shape();
    for (what, values, expected) in [("x", x, d), ("the multiplier", y, p)] {
        if values.len() != expected {
            return Err(Error::Shape { what, expected: (expected, 1), got: (values.len(), 1) });
        }
        if let Some(row) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::NotFinite { what, row, col: 0, value: values[row] });
        }
    }
    let checked = Checked::of(problem, x, y);
    let (margin, distance) = match problem.depth() {
        1 => checked.only_solution(),
        2 => checked.sparse(),
        _ => checked.convex(),
    };
    let size = dot(x, x).sqrt();
    let radius = if distance == 0.0 { 0.0 } else { distance / size * SLACK };
    let radius = if radius.is_nan() { f64::INFINITY } else { radius };
    let residual = problem.residual(x);
    Ok(DeepSparseCertificate {
        certified: margin > 0.0 && radius <= DEEP_SPARSE_RADIUS,
        margin,
        radius,
        objective: problem.objective(x),
        lower_bound: checked.lower_bound(),
        relative_residual: (dot(&residual, &residual) / dot(problem.b(), problem.b()).max(f64::MIN_POSITIVE)).sqrt(),
    })
}

/// Covers the roundings of the few scalar operations on bounds, and of powers.
const SLACK: f64 = 1.0 + 1e-9;
/// Relative error of a power that is taken for granted.
const POWER: f64 = 1e-14;

/// x, y and what rounding may hide of them.
struct Checked<'a> {
    problem: &'a DeepSparse,
    x: &'a [f64],
    y: &'a [f64],
    /// aⱼᵀy, and the bound of its error.
    u: Vec<f64>,
    u_error: Vec<f64>,
    /// ‖aⱼ‖, from above.
    columns: Vec<f64>,
}

impl<'a> Checked<'a> {
    fn of(problem: &'a DeepSparse, x: &'a [f64], y: &'a [f64]) -> Self {
        let (p, d) = problem.shape();
        let absolute: Vec<f64> = problem.a().iter().map(|a| a.abs()).collect();
        let (mut u, mut sizes) = (vec![0.0; d], vec![0.0; d]);
        multiply_transposed_vector(problem.a(), y, &mut u);
        multiply_transposed_vector(&absolute, &y.iter().map(|y| y.abs()).collect::<Vec<_>>(), &mut sizes);
        let u_error = sizes.iter().map(|s| rounding(p + 2) * s * SLACK).collect();
        let columns = problem.weights().iter().map(|w| (w * p as f64).sqrt() * SLACK).collect();
        Checked { problem, x, y, u, u_error, columns }
    }

    /// Bound of ‖b − Ax‖ for x within `error` of the given one, entry by entry.
    fn residual_bound(&self, x: &[f64], error: &[f64]) -> f64 {
        let d = x.len();
        let absolute: Vec<f64> = self.problem.a().iter().map(|a| a.abs()).collect();
        let (mut sizes, mut moved) = (vec![0.0; self.y.len()], vec![0.0; self.y.len()]);
        multiply_vector(&absolute, &x.iter().map(|x| x.abs()).collect::<Vec<_>>(), &mut sizes);
        multiply_vector(&absolute, error, &mut moved);
        // adding 0 rounds nothing
        let terms = x.iter().filter(|x| **x != 0.0).count();
        let gamma = dot_error(d).min(rounding(terms + 1)) + f64::EPSILON;
        let bound = |(r, (s, m)): (&f64, (&f64, &f64))| (r.abs() + gamma * s + m) * SLACK;
        let bounds: Vec<f64> = self.problem.residual(x).iter().zip(sizes.iter().zip(&moved)).map(bound).collect();
        dot(&bounds, &bounds).sqrt() * SLACK
    }

    /// The relative error of the weights as computed.
    fn weight_error(&self) -> f64 {
        2.0 * rounding(self.y.len() + 8)
    }

    /// Lower bound of σ_min of the columns in `support`; 0 if none is proved.
    fn smallest_singular_value(&self, support: &[usize]) -> f64 {
        let (p, d) = self.problem.shape();
        if support.is_empty() || support.len() > p {
            return 0.0;
        }
        let columns: Vec<f64> = support.iter().flat_map(|&j| (0..p).map(move |i| i * d + j)).map(|at| self.problem.a()[at]).collect();
        gram_floor(row_major(&columns, support.len(), p).transpose()).map_or(0.0, f64::sqrt) / SLACK
    }

    /// Lower bound of λ_min(A diag(w) Aᵀ); 0 if none is proved.
    fn smallest_eigenvalue(&self, roots: &[f64]) -> f64 {
        let (p, d) = self.problem.shape();
        if p > d {
            return 0.0;
        }
        let scaled: Vec<f64> = self.problem.a().chunks_exact(d).flat_map(|row| row.iter().zip(roots).map(|(a, w)| a * w)).collect();
        gram_floor(row_major(&scaled, p, d).transpose()).unwrap_or(0.0) / SLACK
    }

    fn only_solution(&self) -> (f64, f64) {
        let all: Vec<usize> = (0..self.x.len()).collect();
        let smallest = self.smallest_singular_value(&all);
        if smallest > 0.0 { (1.0, self.residual_bound(self.x, &vec![0.0; self.x.len()]) / smallest) } else { (0.0, f64::INFINITY) }
    }

    fn sparse(&self) -> (f64, f64) {
        let weights = self.problem.weights();
        let (support, rest): (Vec<usize>, Vec<usize>) = (0..self.x.len()).partition(|&j| self.x[j] != 0.0);
        let off = self.weight_error();
        let slack = |j: usize| weights[j] * (1.0 - off) - self.u[j].abs() - self.u_error[j];
        let margin = rest.iter().map(|&j| if weights[j] > 0.0 { slack(j) / weights[j] } else { 0.0 }).fold(1.0, f64::min);
        let smallest = self.smallest_singular_value(&support);
        let range = self.smallest_eigenvalue(&weights.iter().map(|w| 1.0 / w.sqrt()).collect::<Vec<_>>()).sqrt();
        if margin.is_nan() || margin <= 0.0 || (smallest <= 0.0 && !support.is_empty()) || range <= 0.0 {
            return (margin.min(0.0), f64::INFINITY);
        }
        let mismatch =
            support.iter().map(|&j| (self.u[j] - weights[j].copysign(self.x[j])).abs() + self.u_error[j] + off * weights[j]).fold(0.0, f64::max);
        let residual = self.residual_bound(self.x, &vec![0.0; self.x.len()]);
        // Σ‖aⱼ‖|hⱼ| and Σ|hⱼ| off the support, for each unit of Σ gⱼ|hⱼ|
        let most = |of: &dyn Fn(usize) -> f64| rest.iter().map(|&j| of(j) / slack(j)).fold(0.0, f64::max) * SLACK;
        let (image, length) = (most(&|j| self.columns[j]), most(&|_| 1.0));
        let lever = if support.is_empty() { 0.0 } else { mismatch * (support.len() as f64).sqrt() / smallest };
        // Σ Dⱼ|cⱼ| ≤ √(ΣDⱼ) ‖D^½c‖ for the c that is least in that norm
        let correction = weights.iter().sum::<f64>().sqrt() / range;
        let loss = (correction + dot(self.y, self.y).sqrt() + lever) * residual * SLACK;
        let pull = 1.0 - lever * image * SLACK;
        if pull <= 0.0 {
            return (margin, f64::INFINITY);
        }
        let outside = loss / pull;
        let inside = if support.is_empty() { 0.0 } else { (residual + image * outside) / smallest };
        (margin, (length * outside + inside) * SLACK)
    }

    /// With x̂ the minimiser of the Lagrangian at y, c the correction of A(x̂ + c) = b that is least in Σ c²/h, h = |x̂|^(2−q):
    ///
    /// ```text
    /// Σ Dⱼ κ hⱼ*²/(|x̂ⱼ| + |hⱼ*|)^(2−q) ≤ f(x̂+c) − f(x̂) − ∇f(x̂)ᵀc ≤ Σ Dⱼ κ cⱼ² (|x̂ⱼ| − |cⱼ|)^(q−2),  κ = q(q−1)/2
    /// ```
    fn convex(&self) -> (f64, f64) {
        let (q, weights) = (self.problem.exponent(), self.problem.weights());
        let d = self.x.len();
        if weights.contains(&0.0) {
            return (0.0, f64::INFINITY);
        }
        let off = self.weight_error();
        let power = 1.0 / (q - 1.0);
        let at = |u: f64, w: f64| (u.max(0.0) / (q * w)).powf(power);
        let near: Vec<f64> = (0..d).map(|j| self.u[j].signum() * at(self.u[j].abs(), weights[j])).collect();
        let error: Vec<f64> = (0..d)
            .map(|j| {
                let (u, e, w) = (self.u[j].abs(), self.u_error[j], weights[j]);
                let (low, high) = (at(u - e, w * (1.0 + off)), at(u + e, w * (1.0 - off)));
                (high - low) * SLACK + 2.0 * POWER * high
            })
            .collect();
        let residual = self.residual_bound(&near, &error);
        // entries that are rounding themselves stay out of the correction
        let largest = near.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
        let metric: Vec<f64> = near.iter().map(|x| if x.abs() > 1e-12 * largest { x.abs().powf(2.0 - q) } else { 0.0 }).collect();
        let smallest = self.smallest_eigenvalue(&metric.iter().map(|h| h.sqrt()).collect::<Vec<_>>());
        if smallest <= 0.0 {
            return (0.0, f64::INFINITY);
        }
        let correction = residual / smallest.sqrt();
        let shrunk =
            (0..d).filter(|&j| metric[j] > 0.0).map(|j| 1.0 - (metric[j].sqrt() * correction + error[j]) / near[j].abs()).fold(1.0, f64::min);
        if shrunk <= 0.5 {
            return (0.0, f64::INFINITY);
        }
        let heaviest = weights.iter().fold(0.0f64, |a, &b| a.max(b));
        // κ stands on both sides
        let energy = heaviest * (1.0 + off) * correction * correction * shrunk.powf(q - 2.0) * SLACK;
        let moved = |j: usize| {
            let share = energy / (weights[j] * (1.0 - off));
            // |h| ≤ |x̂|: h² ≤ share (2|x̂|)^(2−q); else |h|^q ≤ share 2^(2−q)
            let (small, large) = ((share * (2.0 * (near[j].abs() + error[j])).powf(2.0 - q)).sqrt(), (share * f64::powf(2.0, 2.0 - q)).powf(1.0 / q));
            small.max(large) + error[j] + (near[j] - self.x[j]).abs()
        };
        let distances: Vec<f64> = (0..d).map(moved).collect();
        (1.0, dot(&distances, &distances).sqrt() * SLACK)
    }

    fn lower_bound(&self) -> f64 {
        let (q, weights) = (self.problem.exponent(), self.problem.weights());
        let inner = dot(self.problem.b(), self.y);
        match self.problem.depth() {
            1 => weights.iter().sum(),
            2 => {
                let ratio = |j: usize| if self.u[j] == 0.0 { 0.0 } else { (self.u[j].abs() + self.u_error[j]) / weights[j] };
                let excess = (0..self.x.len()).map(ratio).fold(1.0, f64::max);
                (inner / excess).max(0.0)
            }
            _ => {
                let conjugate: f64 = (0..self.x.len())
                    .map(|j| if self.u[j] == 0.0 { 0.0 } else { weights[j] * (self.u[j].abs() / (q * weights[j])).powf(q / (q - 1.0)) })
                    .sum();
                (inner - (q - 1.0) * conjugate).max(0.0)
            }
        }
    }
}
