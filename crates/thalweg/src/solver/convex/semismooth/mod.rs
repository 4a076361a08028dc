//! Newton's method where the minimiser has a rank too large for its tangent space to be determined by the measurements, or where noise binds it.

mod basis;

use super::splitting::Snapshot;
use crate::Side;
use crate::linalg::{Cholesky, gram_of_rows, mul, mul_transpose, multiply_transposed_vector, multiply_vector, row_major};
use crate::map::MeasurementMap;
use crate::problem::Domain;
use basis::{Basis, Coordinates};

/// Residual that is as small as it gets.
const TIGHT: f64 = 2e-13;
/// Residual at which the point is worth having.
const LOOSE: f64 = 1e-11;
/// Linear systems at most.
const SYSTEMS: usize = 60;
/// Levenberg–Marquardt factor at the start, and what it is divided and multiplied by.
const FIRST_DAMPING: f64 = 1e-2;
/// Steps over which the residual must fall to a third.
const PATIENCE: usize = 8;

/// What the multiplier y adds to A(X) − b = 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Slack {
    /// Nothing: A(X) = b.
    None,
    /// λy.
    Penalty(f64),
    /// εy/‖y‖.
    Ball(f64),
}

/// A solution to rounding.
pub(super) struct Polished {
    /// Row-major.
    pub x: Vec<f64>,
    pub multiplier: Vec<f64>,
    pub rank: usize,
}

/// The equations S − prox(S) = τA*(y) and A(prox(S)) + slack(y) = b.
struct Equations<'a> {
    map: &'a dyn MeasurementMap,
    b: &'a [f64],
    domain: Domain,
    slack: Slack,
    tau: f64,
}

/// A point with what it leaves of the equations.
struct State {
    s: Vec<f64>,
    y: Vec<f64>,
    basis: Basis,
    x: Vec<f64>,
    /// S − prox(S) − τA*(y).
    dual: Vec<f64>,
    /// A(prox(S)) + slack(y) − b.
    primal: Vec<f64>,
    /// Both, scaled to 1.
    residual: f64,
}

/// Solves for S and y from where a splitting stands, y in the coordinates of b. None unless the residual falls below 10⁻¹¹.
///
/// In the coordinates of [`Basis`], a step t of τy must satisfy
///
/// ```text
/// (G W Gᵀ + slack′/τ) t + B z = −F₂ + G W f,   Bᵀ t = g
/// ```
///
/// where G and B hold the weighted and free coordinates of the Aᵢ, and f and g those of F₁. It is accepted if the residual falls; else the
/// damping grows.
///
/// Source: semismooth Newton in the basis of singular vectors; Jiang, Sun, Toh (2014) use it within a proximal point method.
pub(super) fn newton(map: &dyn MeasurementMap, b: &[f64], domain: Domain, slack: Slack, at: &Snapshot, multiplier: &[f64]) -> Option<Polished> {
    let equations = Equations { map, b, domain, slack, tau: at.tau };
    let mut state = equations.state(at.s.clone(), multiplier.to_vec())?;
    let (mut damping, mut systems) = (FIRST_DAMPING, 0);
    let mut history = vec![state.residual];
    while state.residual > TIGHT {
        let system = equations.linearised(&state)?;
        let next = loop {
            if systems == SYSTEMS || damping > 1e6 {
                break None;
            }
            systems += 1;
            match system.step(&equations, &state, damping) {
                Some(next) if next.residual < 0.999 * state.residual => break Some(next),
                _ => damping = (8.0 * damping).max(1e-8),
            }
            if state.residual < LOOSE {
                break None;
            }
        };
        let Some(next) = next else { break };
        let fall = next.residual / state.residual;
        damping *= if fall < 0.25 {
            0.2
        } else if fall > 0.7 {
            3.0
        } else {
            1.0
        };
        state = next;
        history.push(state.residual);
        if history.len() > PATIENCE && state.residual > 0.3 * history[history.len() - 1 - PATIENCE] {
            break;
        }
    }
    (state.residual < LOOSE).then_some(Polished { rank: state.basis.rank, x: state.x, multiplier: state.y })
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

impl Equations<'_> {
    fn state(&self, s: Vec<f64>, y: Vec<f64>) -> Option<State> {
        let shape = self.map.shape();
        let basis = Basis::of(&s, shape, self.tau, self.domain)?;
        let side = shape.0.min(shape.1);
        if basis.rank == 0 {
            return None;
        }
        let x = basis.prox();
        let mut dual = vec![0.0; s.len()];
        self.map.adjoint(&y, &mut dual);
        dual.iter_mut().zip(s.iter().zip(&x)).for_each(|(d, (s, x))| *d = s - x - self.tau * *d);
        let mut primal = vec![0.0; self.b.len()];
        self.map.apply(&x, &mut primal);
        let (weight, _) = self.slack_and_slope(&y);
        primal.iter_mut().zip(self.b.iter().zip(&y)).for_each(|(p, (b, y))| *p += weight * y - b);
        let residual = (norm(&dual) / (self.tau * (side as f64).sqrt())).hypot(norm(&primal) / norm(self.b));
        residual.is_finite().then_some(State { s, y, basis, x, dual, primal, residual })
    }

    /// c with slack(y) = cy, and the weight of ŷŷᵀ in slack′ = c(I − weight·ŷŷᵀ).
    fn slack_and_slope(&self, y: &[f64]) -> (f64, f64) {
        match self.slack {
            Slack::None => (0.0, 0.0),
            Slack::Penalty(lambda) => (lambda, 0.0),
            Slack::Ball(radius) => (radius / norm(y).max(f64::MIN_POSITIVE), 1.0),
        }
    }

    fn linearised(&self, at: &State) -> Option<System> {
        let ((d1, d2), p, basis) = (self.map.shape(), self.b.len(), &at.basis);
        let (u, v) = &basis.active;
        let rank = basis.rank;
        let is_general = self.domain == Domain::General;
        let (mut along, mut across) = (vec![0.0; p * d1 * rank], vec![0.0; if is_general { p * d2 * rank } else { 0 }]);
        self.map.jacobian(Side::U, v, rank, &mut along);
        if is_general {
            self.map.jacobian(Side::V, u, rank, &mut across);
        }
        let mut rows = Coordinates::default();
        for (i, along) in along.chunks_exact(d1 * rank).enumerate() {
            let across = if is_general { &across[i * d2 * rank..][..d2 * rank] } else { &[][..] };
            basis.coordinates(along, across, &mut rows);
        }
        let of_dual = self.coordinates(basis, &at.dual);
        let weights = basis.weights();
        let (free_width, width) = (of_dual.free.len(), weights.len());
        let mut sorted = weights.clone();
        sorted.sort_by(f64::total_cmp);
        // the free coordinates enter with a weight like that of the others: their equations hold whatever it is
        let free_weight = 10.0 * sorted.get(width / 2).copied().unwrap_or(1.0);
        let mut whole = Vec::with_capacity(p * (free_width + width));
        for (free, weighted) in rows.free.chunks_exact(free_width).zip(rows.weighted.chunks_exact(width.max(1))) {
            whole.extend(free.iter().map(|x| free_weight.sqrt() * x));
            whole.extend(weighted.iter().zip(&weights).map(|(x, w)| w.sqrt() * x));
        }
        let mut matrix = vec![0.0; p * p];
        gram_of_rows(&whole, p, &mut matrix);
        let (slack, slope) = self.slack_and_slope(&at.y);
        let direction: Vec<f64> = at.y.iter().map(|y| slope.sqrt() * y / norm(&at.y).max(f64::MIN_POSITIVE)).collect();
        for i in 0..p {
            matrix[i * p + i] += slack / self.tau;
            (0..p).for_each(|j| matrix[i * p + j] -= slack / self.tau * direction[i] * direction[j]);
        }
        // −F₂ + G W f + weight·B g
        let mut right = vec![0.0; p];
        let scaled_free = of_dual.free.iter().map(|g| free_weight.sqrt() * g);
        let scaled: Vec<f64> = scaled_free.chain(of_dual.weighted.iter().zip(&weights).map(|(f, w)| w.sqrt() * f)).collect();
        multiply_vector(&whole, &scaled, &mut right);
        right.iter_mut().zip(&at.primal).for_each(|(r, p)| *r -= p);
        Some(System { matrix, right, free: rows.free, weights, target: of_dual.free })
    }

    fn coordinates(&self, basis: &Basis, m: &[f64]) -> Coordinates {
        let ((d1, d2), rank) = (self.map.shape(), basis.rank);
        let (mut along, mut across) = (vec![0.0; d1 * rank], vec![0.0; d2 * rank]);
        mul(row_major(m, d1, d2), row_major(&basis.active.1, d2, rank), &mut along);
        mul_transpose(row_major(m, d1, d2), row_major(&basis.active.0, d1, rank), &mut across);
        let mut out = Coordinates::default();
        basis.coordinates(&along, &across, &mut out);
        out
    }
}

/// The linear equations at a point.
struct System {
    /// G W Gᵀ + weight·BBᵀ + slack′/τ.
    matrix: Vec<f64>,
    right: Vec<f64>,
    /// B, p×n.
    free: Vec<f64>,
    /// W.
    weights: Vec<f64>,
    /// g.
    target: Vec<f64>,
}

impl System {
    /// The next point under this damping. None if a factorisation fails.
    fn step(&self, equations: &Equations<'_>, at: &State, damping: f64) -> Option<State> {
        let (p, n) = (self.right.len(), self.target.len());
        let mut matrix = self.matrix.clone();
        let mean = (0..p).map(|k| matrix[k * p + k]).sum::<f64>() / p as f64;
        let shift = (damping * at.residual).max(1e-15) * mean;
        (0..p).for_each(|k| matrix[k * p + k] += shift);
        let factor = Cholesky::of(&matrix, p)?;
        let mut t = self.right.clone();
        factor.solve(&mut t);
        let mut solved = self.free.clone();
        factor.solve_columns(&mut solved, n);
        let mut schur = vec![0.0; n * n];
        mul_transpose(row_major(&self.free, p, n), row_major(&solved, p, n), &mut schur);
        let mean = (0..n).map(|k| schur[k * n + k]).sum::<f64>() / n as f64;
        let shift = (1e-3 * damping * at.residual).max(1e-14) * mean;
        (0..n).for_each(|k| schur[k * n + k] += shift);
        let mut z = vec![0.0; n];
        multiply_transposed_vector(&self.free, &t, &mut z);
        z.iter_mut().zip(&self.target).for_each(|(z, g)| *z -= g);
        Cholesky::of(&schur, n)?.solve(&mut z);
        let mut correction = vec![0.0; p];
        multiply_vector(&solved, &z, &mut correction);
        t.iter_mut().zip(correction).for_each(|(t, c)| *t -= c);
        // S moves by (1 + w) of A*(t) − F₁ along weighted coordinates, by z along free ones
        let mut moved = vec![0.0; at.s.len()];
        equations.map.adjoint(&t, &mut moved);
        moved.iter_mut().zip(&at.dual).for_each(|(m, f)| *m -= f);
        let mut coordinates = equations.coordinates(&at.basis, &moved);
        coordinates.weighted.iter_mut().zip(&self.weights).for_each(|(c, w)| *c *= w);
        coordinates.free.iter_mut().zip(&z).for_each(|(c, z)| *c = z - *c);
        let extra = at.basis.combined(&coordinates);
        let mut s: Vec<f64> = at.s.iter().zip(moved.iter().zip(&extra)).map(|(s, (m, e))| s + m + e).collect();
        if equations.domain != Domain::General {
            let d = equations.map.shape().0;
            s = (0..d * d).map(|k| 0.5 * (s[k] + s[k % d * d + k / d])).collect();
        }
        let y = at.y.iter().zip(&t).map(|(y, t)| y + t / equations.tau).collect();
        equations.state(s, y)
    }
}
