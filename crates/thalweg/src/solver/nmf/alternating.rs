//! Half-steps on U and V in turn, by any rule, on any data.

use super::{Batches, DivergenceMethod, NmfMethod, WorkingPrecision, check_method};
use crate::data::Matrix;
use crate::linalg::Real;
use crate::problem::{
    Compressed, Constraints, Divergence, DivergenceUpdate, LeastSquares, Measure, Nmf, RowSeparable, RowUpdate, Statistics, Stay, When,
};
use crate::solver::{Breakdown, Iteration, Progress};
use crate::{Error, Factors, Side};
use serde::{Deserialize, Serialize};

/// From which factors a half-step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// V from the new U.
    Alternating,
    /// V from the old U: one step of a method on (U, V) jointly.
    Simultaneous,
    /// V from the new U, both taken further in the direction of their last step; an iteration that would raise the objective is undone and
    /// followed by a plain one. See [`Momentum`].
    Extrapolated,
    /// The same, and first on a compressed stand-in for dense data, as long as that lowers the objective fast: see [`Compressed`].
    CompressedFirst,
    /// The same, and first by blocks of rows, V moving after each, as long as a pass over them lowers the objective fast: see [`Batches`].
    BatchesFirst,
}

/// The first iterations are all measured, later ones at this interval: measuring costs up to a sweep of HALS.
const MEASURE_EVERY: usize = 8;

/// On compressed data: the interval at which the objective is measured on the full data, half an iteration of theirs.
const CHECK_EVERY: usize = 16;

/// In blocks of rows: the relative fall of the objective in one pass that is worth another.
const WORTH_OPENING: f64 = 1e-3;

/// A run of an NMF method: one [`Iteration`] is a half-step on U and one on V.
pub struct Alternating<'a, T: Real> {
    fit: Fit<'a, T>,
    order: Order,
    factors: Factors<T>,
    /// What the V half-step needs of the old U, when the order is simultaneous.
    old_u: Vec<T>,
    /// The stand-in for the data, while there is one.
    compressed: Option<Compressed<T>>,
    /// The blocks of rows, while V moves after each of them.
    batches: Option<Batches>,
    /// Where an extrapolated iteration is tried.
    trial: Factors<T>,
    memory: Memory<T>,
}

/// A problem with the rule that moves its rows.
enum Fit<'a, T> {
    /// Least squares.
    Squares(&'a dyn LeastSquares<T>, &'a dyn RowUpdate<T>),
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

    fn stay(&self, side: Side, held: &[T], rows: &mut [T], when: When) -> Measure {
        match self {
            Fit::Squares(problem, _) => problem.half_step(side, held, rows, &Stay, when),
            Fit::Divergence(problem, _) => problem.half_step(side, held, rows, &Stay, when),
        }
    }

    /// Both half-steps, the second from what `between` makes of the rows of U that the first finds.
    fn both(&self, (u, v): (&mut [T], &mut [T]), [when_u, when_v]: [When; 2], between: &mut dyn FnMut(usize, &mut [T])) -> [Measure; 2] {
        match self {
            Fit::Squares(problem, rule) => problem.both_half_steps((u, v), *rule, [when_u, when_v], between),
            Fit::Divergence(problem, rule) => {
                let of_u = problem.half_step(Side::U, v, u, *rule, when_u);
                between(0, u);
                [of_u, problem.half_step(Side::V, u, v, *rule, when_v)]
            }
        }
    }

    /// What both sides measure where they stand.
    fn measure(&self, u: &mut [T], v: &mut [T]) -> [Measure; 2] {
        match self {
            Fit::Squares(problem, _) => problem.both_half_steps((u, v), &Stay, [When::Before; 2], &mut |_, _| {}),
            Fit::Divergence(..) => [self.stay(Side::U, v, u, When::Before), self.stay(Side::V, u, v, When::Before)],
        }
    }

    /// Whether the data are out of reach.
    fn has_failed(&self) -> bool {
        match self {
            Fit::Squares(problem, _) => problem.failure().is_some(),
            Fit::Divergence(..) => false,
        }
    }

    /// The problem as one of least squares on data in memory, where it is that.
    fn in_memory(&self) -> Option<&Nmf<'_, T>> {
        match self {
            Fit::Squares(problem, _) => problem.in_memory(),
            Fit::Divergence(..) => None,
        }
    }

    fn constraints(&self) -> &Constraints {
        match self {
            Fit::Squares(problem, _) => problem.constraints(),
            Fit::Divergence(problem, _) => problem.nmf().constraints(),
        }
    }

    /// ½‖X‖² over what is given.
    fn constant(&self) -> f64 {
        match self {
            Fit::Squares(problem, _) => problem.constant(),
            Fit::Divergence(problem, _) => problem.nmf().constant(),
        }
    }

    /// The stationarity residual from the sum of residuals of both sides.
    fn relative(&self, residual: f64) -> f64 {
        match self {
            Fit::Squares(problem, _) => (residual / (2.0 * problem.constant())).sqrt(),
            Fit::Divergence(problem, _) => problem.relative(residual),
        }
    }

    /// The objective where a V half-step left this sum of models: for least squares from the residuals where the model has lost its digits.
    fn objective(&self, model: f64, order: Order, u: &[T], v: &[T]) -> f64 {
        match self {
            Fit::Squares(problem, _) => {
                let cheap = problem.constant() + model;
                let is_exact = cheap > T::CHEAP_VALUE_FLOOR * problem.constant() && order != Order::Simultaneous;
                if is_exact { cheap } else { problem.value(u, v) }
            }
            Fit::Divergence(problem, _) => problem.in_units_of_data(model),
        }
    }
}

/// What a run needs to go on, bit for bit, beside its factors.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory<T> {
    /// The last progress.
    pub progress: Progress,
    /// Residual of the V side where the last iteration left it, if it was measured.
    pub v_residual: Option<f64>,
    /// Of an extrapolated run.
    pub momentum: Option<Momentum<T>>,
    /// Of a run in blocks of rows, while it is one.
    pub statistics: Option<Statistics<T>>,
}

/// State of the extrapolation. The point of the run is (Ũ, V): Ũ is the extrapolated U, V the factor that a half-step found for it.
///
/// Source: Ang, Gillis (2019), Neural Computation 31(2), algorithm 2 (hp = 1) with its rules for β. We undo an iteration that raises the
/// objective by going on from (Ũ, V) with one plain iteration, which cannot raise it, so that the points of a run never do.
#[derive(Debug, Clone, PartialEq)]
pub struct Momentum<T> {
    /// U before it was extrapolated, and Ṽ = V + β(V − V₋), or the nearest that is allowed, from which the next half-step is taken.
    pub shadow: Factors<T>,
    /// β.
    pub beta: f64,
    /// Upper bound of β.
    pub ceiling: f64,
    /// β of the last iteration that was kept.
    pub last_beta: f64,
    /// The objective of the point less its constant, of the data that are worked on.
    pub model: f64,
    /// Whether the next iteration is a plain one.
    pub is_plain: bool,
    /// Whether the run is still at its opening: on compressed data, or in blocks of rows.
    pub is_opening: bool,
}

/// β of the first extrapolation.
const FIRST_BETA: f64 = 0.5;
/// Growth of β after an iteration that was kept, growth of its bound, and what a restart divides it by.
const GROWTH: f64 = 1.05;
const CEILING_GROWTH: f64 = 1.01;
const DECAY: f64 = 1.5;

impl<'a, T: WorkingPrecision> Alternating<'a, T> {
    /// Starts a method at given factors.
    ///
    /// # Errors
    /// As [`Alternating::with_rule`] and [`check_method`].
    pub fn start(problem: &'a dyn LeastSquares<T>, method: &'a dyn NmfMethod, factors: Factors<T>) -> Result<Self, Error> {
        check_method(method, problem.constraints())?;
        Self::with_rule(problem, T::rule(method), method.about().order, factors)
    }
}

impl<'a, T: Real> Alternating<'a, T> {
    /// Starts a rule at given factors.
    ///
    /// # Errors
    /// [`Error::Shape`] if the factors do not fit the problem, [`Error::NotFinite`] or [`Error::Outside`] if an entry cannot be one.
    pub fn with_rule(problem: &'a dyn LeastSquares<T>, rule: &'a dyn RowUpdate<T>, order: Order, factors: Factors<T>) -> Result<Self, Error> {
        check_start(problem, &factors)?;
        let (u, v) = factors.split();
        let objective = problem.value(u, v);
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
        // under a constraint a run has no opening, nor on data that are not in memory
        let plain = fit.in_memory().filter(|problem| problem.constraints().is_plain());
        let compressed = match plain.map(|problem| (problem, problem.data())) {
            Some((problem, Matrix::Dense(x))) if order == Order::CompressedFirst && problem.has_no_penalty() => {
                Compressed::new(x, problem.rank(), problem.summary().sd, problem.summary().max)
            }
            _ => None,
        };
        let in_blocks = plain.filter(|_| order == Order::BatchesFirst);
        let (batches, statistics) = (in_blocks.map(|_| Batches::default()), in_blocks.map(|problem| problem.no_statistics()));
        let is_extrapolated = matches!(order, Order::Extrapolated | Order::CompressedFirst | Order::BatchesFirst);
        let momentum = is_extrapolated.then(|| Momentum {
            shadow: factors.clone(),
            beta: FIRST_BETA,
            ceiling: 1.0,
            last_beta: FIRST_BETA,
            model: f64::INFINITY,
            is_plain: true,
            is_opening: compressed.is_some() || statistics.is_some(),
        });
        let trial = if is_extrapolated { factors.clone() } else { Factors::zeros(0, 0, factors.rank()) };
        let memory = Memory { progress, v_residual: None, momentum, statistics };
        Alternating { fit, order, factors, old_u: Vec::new(), compressed, batches, trial, memory }
    }

    /// The same in these blocks of rows, where the method's order is [`Order::BatchesFirst`].
    pub fn in_batches(mut self, batches: Batches) -> Self {
        self.batches = self.batches.map(|_| batches);
        self
    }

    /// What to keep, with the factors, to go on later.
    pub fn memory(&self) -> Memory<T> {
        self.memory.clone()
    }

    /// Goes on where a run with this memory stood.
    pub fn resume(mut self, memory: Memory<T>) -> Self {
        let shape = |s: &Statistics<T>| (s.gram.len(), s.cross.len());
        let statistics = memory.statistics.filter(|s| self.memory.statistics.as_ref().map(shape) == Some(shape(s)));
        // a memory without momentum is that of a start
        let mut momentum = memory.momentum.or(self.memory.momentum.take());
        if let Some(momentum) = &mut momentum {
            // without its stand-in, or with the statistics of its blocks lost, an opening cannot go on, and its model is of other data
            if momentum.is_opening && !(if self.batches.is_some() { statistics.is_some() } else { self.compressed.is_some() }) {
                (momentum.is_opening, momentum.is_plain, momentum.model) = (false, true, f64::INFINITY);
            }
            if !momentum.is_opening {
                (self.compressed, self.batches) = (None, None);
            }
        }
        self.memory = Memory { momentum, statistics, ..memory };
        self
    }

    /// One half-step on each side from where the factors stand.
    fn plain_step(&mut self, is_measured: bool) -> Measure {
        // the U side before it moves and the V side after it moved last time are the residual of one point: the last one
        let of_u = if self.memory.v_residual.is_some() { When::Before } else { When::Never };
        let of_v = if is_measured { When::After } else { When::Never };
        let (u, v) = self.factors.split_mut();
        let [u, v] = if self.order == Order::Simultaneous {
            self.old_u = u.to_vec();
            [self.fit.half_step(Side::U, v, u, of_u), self.fit.half_step(Side::V, &self.old_u, v, of_v)]
        } else {
            self.fit.both((u, v), [of_u, of_v], &mut |_, _| {})
        };
        if let Some(v_residual) = self.memory.v_residual.take() {
            self.memory.progress.kkt = Some(self.fit.relative(u.residual + v_residual));
        }
        if is_measured {
            self.memory.v_residual = (self.order == Order::Alternating).then_some(v.residual);
        }
        v
    }

    /// One extrapolated iteration, kept or undone; the model of the point where it ends.
    fn extrapolated_step(&mut self, momentum: &mut Momentum<T>) -> Measure {
        let rank = self.factors.rank();
        let ((u, v), (shadow_u, shadow_v), (trial_u, trial_v)) = (self.factors.split_mut(), momentum.shadow.split_mut(), self.trial.split_mut());
        trial_u.copy_from_slice(u);
        trial_v.copy_from_slice(shadow_v);
        // the found U goes to the shadow, the extrapolated one to the trial; what they replace is in u until the trial is kept
        let beta = T::of(if momentum.is_plain { 0.0 } else { momentum.beta });
        let mut extrapolate = |first: usize, rows: &mut [T]| {
            for (found, before) in rows.iter_mut().zip(&mut shadow_u[first * rank..]) {
                let ahead = *found + beta * (*found - *before);
                *before = *found;
                *found = ahead;
            }
            self.fit.constraints().project(Side::U, rows, rank);
        };
        let when = [if self.memory.v_residual.is_some() { When::Before } else { When::Never }, When::After];
        let [of_u, of_v] = match (&self.compressed, &self.fit) {
            (Some(compressed), Fit::Squares(_, rule)) => compressed.both_half_steps((trial_u, trial_v), *rule, when, &mut extrapolate),
            (_, fit) => fit.both((trial_u, trial_v), when, &mut extrapolate),
        };
        if let (Some(v_residual), None) = (self.memory.v_residual.take(), &self.compressed) {
            // of a point between two, which is as near as a warning has to be
            self.memory.progress.kkt = Some(self.fit.relative(of_u.residual + v_residual));
        }
        let model = match self.compressed {
            Some(_) => of_v.model,
            None => self.fit.objective(of_v.model, self.order, trial_u, trial_v) - self.fit.constant(),
        };
        // a plain one cannot raise the objective: to undo it for its rounding would hold the run where it is
        if model > momentum.model && !momentum.is_plain {
            // undone: the next iteration is a plain one from the point
            shadow_u.copy_from_slice(u);
            shadow_v.copy_from_slice(v);
            momentum.ceiling = momentum.last_beta;
            momentum.beta /= DECAY;
            momentum.is_plain = true;
            return Measure { model: momentum.model, residual: f64::NAN };
        }
        momentum.last_beta = momentum.beta;
        let beta = T::of(momentum.beta);
        for ((ahead, &found), before) in shadow_v.iter_mut().zip(trial_v.iter()).zip(v.iter()) {
            *ahead = found + beta * (found - *before);
        }
        self.fit.constraints().project(Side::V, shadow_v, rank);
        std::mem::swap(&mut self.factors, &mut self.trial);
        momentum.beta = momentum.ceiling.min(GROWTH * momentum.beta);
        momentum.ceiling = (CEILING_GROWTH * momentum.ceiling).min(1.0);
        momentum.model = model;
        momentum.is_plain = false;
        Measure { model, ..of_v }
    }

    /// Of the point, from the model there.
    fn objective(&self, model: f64) -> f64 {
        let (u, v) = self.factors.split();
        self.fit.objective(model, self.order, u, v)
    }

    /// Measures the point on the full data.
    fn check(&mut self) -> Measure {
        let (u, v) = self.factors.split_mut();
        self.fit.stay(Side::V, u, v, When::After)
    }

    /// One pass over the rows of X, block by block: rows of U by the rule, then V from the rows seen so far.
    fn pass(&mut self, batches: Batches) -> Measure {
        let Fit::Squares(problem, rule) = &self.fit else { unreachable!("only least squares begin in blocks of rows") };
        let problem = problem.in_memory().expect("blocks of rows are taken from data in memory");
        let (r, pass) = (problem.rank(), self.memory.progress.iteration as u64);
        let statistics = self.memory.statistics.as_mut().expect("kept as long as there are blocks");
        let (u, v) = self.factors.split_mut();
        for rows in batches.of_pass(u.len() / r, pass) {
            let u = &mut u[rows.start * r..rows.end * r];
            let old = if pass == 1 { vec![T::of(0.0); u.len()] } else { u.to_vec() };
            problem.move_rows(Side::U, rows.start, v, u, *rule, When::Never);
            problem.replace_rows(statistics, rows, &old, u);
            problem.half_step_from(statistics, u, v, *rule, When::Never);
        }
        problem.half_step_from(statistics, u, v, &Stay, When::After)
    }

    /// Leaves the opening for the full data if that promises more; the first pass over blocks is no measure of it.
    ///
    /// Half the residual of V is what its entries would gain on X, each by itself, where on a stand-in they have just been fitted: it shows
    /// how wrong the stand-in's gradient is. The stand-in is worth its while as long as the objective of X has fallen by more than that in
    /// the time of one iteration on X. On data of low rank and noise the residual is small to the end; on a slowly falling spectrum it soon
    /// is not.
    fn judge_opening(&mut self, momentum: &mut Momentum<T>, of_v: Measure) {
        let objective = self.objective(of_v.model);
        let progress = &self.memory.progress;
        let is_worth_more = match &self.compressed {
            Some(stand_in) => {
                let fall = (progress.objective - objective) / (progress.iteration - progress.measured_at) as f64;
                fall * stand_in.speedup() > 0.5 * of_v.residual
            }
            None => progress.measured_at == 0 || objective < (1.0 - WORTH_OPENING) * progress.objective,
        };
        if is_worth_more {
            return;
        }
        (self.compressed, self.batches, self.memory.statistics) = (None, None, None);
        momentum.is_opening = false;
        momentum.shadow.clone_from(&self.factors);
        // not from sums in which blocks replaced each other, which have lost a digit or two
        let model = self.check().model;
        momentum.model = self.objective(model) - self.fit.constant();
        momentum.is_plain = true;
    }

    /// One iteration, measured where that is due.
    fn advance(&mut self, iteration: usize) -> Result<(), Breakdown> {
        let is_due = iteration <= MEASURE_EVERY || iteration.is_multiple_of(MEASURE_EVERY);
        let Some(mut momentum) = self.memory.momentum.take() else {
            let v = self.plain_step(is_due);
            return if is_due { self.note(self.objective(v.model)) } else { Ok(()) };
        };
        let (v, is_due) = match (self.batches, self.compressed.is_some()) {
            (Some(batches), _) => (self.pass(batches), true),
            (None, false) => (self.extrapolated_step(&mut momentum), is_due),
            (None, true) => {
                let v = self.extrapolated_step(&mut momentum);
                let is_due = iteration.is_multiple_of(CHECK_EVERY);
                (if is_due { self.check() } else { v }, is_due)
            }
        };
        let is_opening = momentum.is_opening;
        if is_due && is_opening {
            self.judge_opening(&mut momentum, v);
        }
        self.memory.v_residual = (is_due && !is_opening && !v.residual.is_nan()).then_some(v.residual);
        self.memory.momentum = Some(momentum);
        if !is_due {
            return Ok(());
        }
        self.note(self.objective(v.model))
    }

    /// Takes down a measurement after the present iteration.
    fn note(&mut self, objective: f64) -> Result<(), Breakdown> {
        let progress = &mut self.memory.progress;
        let is_unchanged = (progress.objective - objective).abs() <= 8.0 * T::EPSILON * objective.abs();
        progress.unchanged = if is_unchanged { progress.unchanged + 1 } else { 0 };
        progress.objective = objective;
        progress.measured_at = progress.iteration;
        if objective.is_finite() { Ok(()) } else { Err(Breakdown::NotFinite { iteration: progress.iteration }) }
    }
}

fn check_start<T: Real>(problem: &dyn LeastSquares<T>, factors: &Factors<T>) -> Result<(), Error> {
    let (m, n, r) = problem.shape();
    for (what, side, rows) in [("the start of U", Side::U, m), ("the start of V", Side::V, n)] {
        if (factors.side_rows(side), factors.rank()) != (rows, r) {
            return Err(Error::Shape { what, expected: (rows, r), got: (factors.side_rows(side), factors.rank()) });
        }
    }
    problem.constraints().check_factors(&problem.observed_counts(), factors, ["the start of U", "the start of V"])
}

impl<T: Real> Iteration for Alternating<'_, T> {
    type Point = Factors<T>;

    fn point(&self) -> &Factors<T> {
        &self.factors
    }

    fn progress(&self) -> Progress {
        self.memory.progress
    }

    fn step(&mut self) -> Result<(), Breakdown> {
        self.memory.progress.iteration += 1;
        let iteration = self.memory.progress.iteration;
        let stepped = self.advance(iteration);
        if self.fit.has_failed() { Err(Breakdown::DataLost { iteration }) } else { stepped }
    }

    fn kkt(&mut self) -> f64 {
        let (u, v) = self.factors.split_mut();
        let [of_u, of_v] = self.fit.measure(u, v);
        self.fit.relative(of_u.residual + of_v.residual)
    }
}
