//! Half-steps on U and V in turn, by any rule, on any data.

use super::{DivergenceMethod, NmfMethod, WorkingPrecision};
use crate::linalg::Real;
use crate::problem::{Divergence, DivergenceUpdate, Measure, Nmf, RowSeparable, RowUpdate, Stay, When};
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
    fit: Fit<'a, T>,
    order: Order,
    factors: Factors<T>,
    /// What the V half-step needs of the old U, when the order is simultaneous.
    old_u: Vec<T>,
    progress: Progress,
    /// Residual of the V side where the last iteration left it, if it was measured.
    v_residual: Option<f64>,
}

/// A problem with the rule that moves its rows.
enum Fit<'a, T> {
    /// Least squares.
    Squares(&'a Nmf<'a, T>, &'a dyn RowUpdate<T>),
    /// Another divergence.
    Divergence(&'a Divergence<'a, T>, &'a dyn DivergenceUpdate),
}

impl<T: Real> Fit<'_, T> {
    fn half_step(&self, side: Side, held: &[T], rows: &mut [T], when: When) -> Measure {
        match self {
            Fit::Squares(problem, rule) => problem.half_step(side, held, rows, *rule, when),
            Fit::Divergence(problem, rule) => problem.half_step(side, held, rows, *rule, when),
        }
    }

    fn stay(&self, side: Side, held: &[T], rows: &mut [T]) -> Measure {
        match self {
            Fit::Squares(problem, _) => problem.half_step(side, held, rows, &Stay, When::Before),
            Fit::Divergence(problem, _) => problem.half_step(side, held, rows, &Stay, When::Before),
        }
    }

    /// The stationarity residual from the sum of residuals of both sides.
    fn relative(&self, residual: f64) -> f64 {
        match self {
            Fit::Squares(problem, _) => (residual / (2.0 * problem.constant())).sqrt(),
            Fit::Divergence(problem, _) => problem.relative(residual),
        }
    }

    /// The objective after a V half-step with this sum of models: for least squares from the residuals where the model has lost its digits.
    fn objective(&self, model: f64, order: Order, factors: &Factors<T>) -> f64 {
        match self {
            Fit::Squares(problem, _) => {
                let cheap = problem.constant() + model;
                let is_exact = cheap > T::CHEAP_VALUE_FLOOR * problem.constant() && order == Order::Alternating;
                if is_exact { cheap } else { problem.objective(factors) }
            }
            Fit::Divergence(problem, _) => problem.in_units_of_data(model),
        }
    }
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
        check_start(problem, &factors)?;
        let objective = problem.objective(&factors);
        Ok(Self::begin(Fit::Squares(problem, rule), order, factors, objective))
    }

    /// Starts a method for divergences at given factors.
    ///
    /// # Errors
    /// As [`Alternating::with_rule`], and [`Error::Parameter`] if the method does not work under the loss.
    pub fn under(problem: &'a Divergence<'a, T>, method: &'a dyn DivergenceMethod, factors: Factors<T>) -> Result<Self, Error> {
        let (beta, betas) = (problem.loss().beta(), method.betas());
        if !betas.contains(&beta) {
            let expected = format!("from {} to {} for the method {}", betas.start(), betas.end(), method.about().name);
            return Err(Error::Parameter { name: "beta", expected, got: beta.to_string() });
        }
        check_start(problem.nmf(), &factors)?;
        let objective = problem.objective(&factors);
        Ok(Self::begin(Fit::Divergence(problem, method), Order::Alternating, factors, objective))
    }

    fn begin(fit: Fit<'a, T>, order: Order, factors: Factors<T>, objective: f64) -> Self {
        let progress = Progress { iteration: 0, objective, kkt: None, measured_at: 0, unchanged: 0 };
        Alternating { fit, order, factors, old_u: Vec::new(), progress, v_residual: None }
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

    fn half_step(&mut self, side: Side, when: When) -> Measure {
        let (u, v) = self.factors.split_mut();
        match (side, self.order) {
            (Side::U, _) => self.fit.half_step(side, v, u, when),
            (Side::V, Order::Alternating) => self.fit.half_step(side, u, v, when),
            (Side::V, Order::Simultaneous) => self.fit.half_step(side, &self.old_u, v, when),
        }
    }
}

fn check_start<T: Real>(problem: &Nmf<'_, T>, factors: &Factors<T>) -> Result<(), Error> {
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
    Ok(())
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
            self.progress.kkt = Some(self.fit.relative(u.residual + v_residual));
        }
        let v = self.half_step(Side::V, if is_measured(iteration) { When::After } else { When::Never });
        self.progress.iteration = iteration;
        if is_measured(iteration) {
            let objective = self.fit.objective(v.model, self.order, &self.factors);
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
        let (of_u, of_v) = (self.fit.stay(Side::U, v, u), self.fit.stay(Side::V, u, v));
        self.fit.relative(of_u.residual + of_v.residual)
    }
}
