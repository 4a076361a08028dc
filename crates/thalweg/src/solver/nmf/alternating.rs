//! Half-steps on U and V in turn, by any rule, on any data.

use super::{NmfMethod, WorkingPrecision};
use crate::linalg::Real;
use crate::problem::{Nmf, RowSeparable, RowUpdate, Stay, When};
use crate::solver::{Breakdown, Iteration, Progress};
use crate::{Error, Factors, Side};
use serde::{Deserialize, Serialize};

/// From which U the V half-step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// From the new one.
    Alternating,
    /// From the old one: one step of a method on (U, V) jointly.
    Simultaneous,
}

/// The first iterations are all measured, later ones at this interval: measuring costs up to a sweep of HALS.
const MEASURE_EVERY: usize = 8;

/// A run of an NMF method: one [`Iteration`] is a half-step on U and one on V.
pub struct Alternating<'a, T: Real> {
    problem: &'a Nmf<'a, T>,
    rule: &'a dyn RowUpdate<T>,
    order: Order,
    factors: Factors<T>,
    /// What the V half-step needs of the old U, when the order is simultaneous.
    old_u: Vec<T>,
    progress: Progress,
    /// Residual of the V side where the last iteration left it, if it was measured.
    v_residual: Option<f64>,
}

/// What a run needs to go on, bit for bit, beside its factors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// The last progress.
    pub progress: Progress,
    /// See [`Alternating`].
    pub v_residual: Option<f64>,
}

impl<'a, T: WorkingPrecision> Alternating<'a, T> {
    /// Starts a method at given factors.
    ///
    /// # Errors
    /// As [`Alternating::with_rule`].
    pub fn start(problem: &'a Nmf<'a, T>, method: &'a dyn NmfMethod, factors: Factors<T>) -> Result<Self, Error> {
        Self::with_rule(problem, T::rule(method), method.about().order, factors)
    }
}

impl<'a, T: Real> Alternating<'a, T> {
    /// Starts a rule at given factors.
    ///
    /// # Errors
    /// [`Error::Shape`] if the factors do not fit the problem, [`Error::NotFinite`] or [`Error::Negative`] if an entry cannot be one.
    pub fn with_rule(problem: &'a Nmf<'a, T>, rule: &'a dyn RowUpdate<T>, order: Order, factors: Factors<T>) -> Result<Self, Error> {
        let (m, n, r) = problem.shape();
        for (what, side, rows) in [("the start of U", Side::U, m), ("the start of V", Side::V, n)] {
            if (factors.side_rows(side), factors.rank()) != (rows, r) {
                return Err(Error::Shape { what, expected: (rows, r), got: (factors.side_rows(side), factors.rank()) });
            }
            for (at, value) in factors.side(side).iter().map(|x| x.f64()).enumerate() {
                if !value.is_finite() {
                    return Err(Error::NotFinite { what, row: at / r, col: at % r, value });
                }
                if value < 0.0 {
                    return Err(Error::Negative { row: at / r, col: at % r, value });
                }
            }
        }
        let objective = problem.objective(&factors);
        let progress = Progress { iteration: 0, objective, kkt: None, measured_at: 0, unchanged: 0 };
        Ok(Alternating { problem, rule, order, factors, old_u: Vec::new(), progress, v_residual: None })
    }

    /// What to keep, with the factors, to go on later.
    pub fn memory(&self) -> Memory {
        Memory { progress: self.progress, v_residual: self.v_residual }
    }

    /// Goes on where a run with this memory stood.
    pub fn resume(mut self, memory: Memory) -> Self {
        (self.progress, self.v_residual) = (memory.progress, memory.v_residual);
        self
    }

    fn half_step(&mut self, side: Side, when: When) -> crate::problem::Measure {
        let (u, v) = self.factors.split_mut();
        match (side, self.order) {
            (Side::U, _) => self.problem.half_step(side, v, u, self.rule, when),
            (Side::V, Order::Alternating) => self.problem.half_step(side, u, v, self.rule, when),
            (Side::V, Order::Simultaneous) => self.problem.half_step(side, &self.old_u, v, self.rule, when),
        }
    }

    /// √(Σ residuals) / ‖X‖.
    fn relative(&self, residual: f64) -> f64 {
        (residual / (2.0 * self.problem.constant())).sqrt()
    }

    /// The objective after a V half-step: from its model, or from the residuals where the model has lost its digits.
    fn objective_from(&self, model: f64) -> f64 {
        let constant = self.problem.constant();
        let cheap = constant + model;
        if cheap > T::CHEAP_VALUE_FLOOR * constant && self.order == Order::Alternating { cheap } else { self.problem.objective(&self.factors) }
    }
}

impl<T: Real> Iteration for Alternating<'_, T> {
    type Point = Factors<T>;

    fn point(&self) -> &Factors<T> {
        &self.factors
    }

    fn progress(&self) -> Progress {
        self.progress
    }

    fn step(&mut self) -> Result<(), Breakdown> {
        let iteration = self.progress.iteration + 1;
        let is_measured = |i: usize| i <= MEASURE_EVERY || i.is_multiple_of(MEASURE_EVERY);
        if self.order == Order::Simultaneous {
            self.old_u = self.factors.side(Side::U).to_vec();
        }
        // the U side before it moves and the V side after it moved last time are the residual of one point: the last one
        let when = if self.v_residual.is_some() { When::Before } else { When::Never };
        let u = self.half_step(Side::U, when);
        if let Some(v_residual) = self.v_residual.take() {
            self.progress.kkt = Some(self.relative(u.residual + v_residual));
        }
        let v = self.half_step(Side::V, if is_measured(iteration) { When::After } else { When::Never });
        self.progress.iteration = iteration;
        if is_measured(iteration) {
            let objective = self.objective_from(v.model);
            let is_unchanged = (self.progress.objective - objective).abs() <= 8.0 * T::EPSILON * objective.abs();
            self.progress.unchanged = if is_unchanged { self.progress.unchanged + 1 } else { 0 };
            self.progress.objective = objective;
            self.progress.measured_at = iteration;
            self.v_residual = (self.order == Order::Alternating).then_some(v.residual);
            if !self.progress.objective.is_finite() {
                return Err(Breakdown::NotFinite { iteration });
            }
        }
        Ok(())
    }

    fn kkt(&mut self) -> f64 {
        let (u, v) = self.factors.split_mut();
        let of_u = self.problem.half_step(Side::U, v, u, &Stay, When::Before);
        let of_v = self.problem.half_step(Side::V, u, v, &Stay, When::Before);
        self.relative(of_u.residual + of_v.residual)
    }
}
