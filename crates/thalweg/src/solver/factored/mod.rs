//! Recovery in factors (Burer, Monteiro): methods for ½‖A(UVᵀ) − b‖². To add one: a file here, and a line in [`FACTORED_METHODS`].

mod als;
mod descent;
mod gauss_newton;
mod start;

pub use als::AlternatingLeastSquares;
pub use descent::{Descent, Metric};
pub use gauss_newton::GaussNewton;
pub use start::{spectral_start, spectral_start_on_ranks};

use crate::comm::Comm;
use crate::linalg::dot;
use crate::problem::{Factored, Objective};
use crate::solver::{Breakdown, Iteration, Progress, Ranks};
use crate::{Error, Factors};

/// A method, with what its users should know.
pub trait FactoredMethod: Sync {
    /// Its entry in help texts and in the methods table.
    fn about(&self) -> FactoredAbout;

    /// What the method keeps between steps.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the method does not work on this problem.
    fn begin<'p>(&self, problem: &Factored<'p>) -> Result<Box<dyn Step + 'p>, Error>;

    /// The same on one of several ranks.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless the method is made for them.
    fn begin_on_ranks<'p>(&self, _: &Factored<'p>) -> Result<Box<dyn Step + 'p>, Error> {
        Err(Error::Parameter { name: "method", expected: "als on several ranks".into(), got: self.about().name.into() })
    }
}

/// A method at work.
pub trait Step {
    /// Moves x, whose residual A(UVᵀ) − b is `residual`, and brings that up to date. False if no step lowers the objective, or a rank is lost.
    fn step(&mut self, problem: &Factored<'_>, ranks: &Ranks<'_>, x: &mut Vec<f64>, residual: &mut Vec<f64>) -> bool;
}

/// What help texts and the methods table say of a method.
#[derive(Debug, Clone, Copy)]
pub struct FactoredAbout {
    /// As given to `--method`.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Work of one step.
    pub cost: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Whether it works with V = U.
    pub semidefinite: bool,
}

/// Every method, the default first. All lower the objective with each step.
pub const FACTORED_METHODS: &[&dyn FactoredMethod] =
    &[&GaussNewton, &AlternatingLeastSquares, &Descent { metric: Metric::Scaled }, &Descent { metric: Metric::Euclidean }];

/// The method of that name.
pub fn factored_method(name: &str) -> Option<&'static dyn FactoredMethod> {
    FACTORED_METHODS.iter().copied().find(|m| m.about().name == name)
}

/// A method and its point, to be handed to [`run`](crate::solver::run).
///
/// The stationarity residual is the smaller of ‖A(UVᵀ) − b‖/‖b‖ and ‖∇f‖·‖(U, V)‖/‖b‖²: 0 exactly where b is fitted or f is stationary,
/// and the same for multiples of A, b, U or V.
pub struct FactoredRun<'p> {
    problem: Factored<'p>,
    ranks: Ranks<'p>,
    method: Box<dyn Step + 'p>,
    x: Vec<f64>,
    residual: Vec<f64>,
    /// ‖b‖² and ‖A(UVᵀ) − b‖², over all ranks.
    size: f64,
    square: f64,
    point: Factors,
    progress: Progress,
}

impl<'p> FactoredRun<'p> {
    /// From factors of the problem's shape; for V = U, V is taken from U.
    ///
    /// # Errors
    /// [`Error::Shape`] if they do not fit, [`Error::NotFinite`], and what the method refuses.
    pub fn start(problem: &Factored<'p>, method: &dyn FactoredMethod, start: &Factors) -> Result<Self, Error> {
        Self::held_by(Ranks::alone(problem.map().shape().0), problem, method, start)
    }

    /// The same where the problem is the part that one of several ranks holds: `start`, and the point, are this rank's rows of U, and V. To be
    /// called by all ranks alike. The numbers of one process but for the rounding of sums taken in another order; the same bits for the same
    /// ranks.
    ///
    /// # Errors
    /// As [`FactoredRun::start`], and [`Error::Peer`].
    pub fn start_on_ranks(problem: &Factored<'p>, method: &dyn FactoredMethod, start: &Factors, comm: &'p dyn Comm) -> Result<Self, Error> {
        Self::held_by(Ranks::join(comm, problem.map().shape().0)?, problem, method, start)
    }

    fn held_by(ranks: Ranks<'p>, problem: &Factored<'p>, method: &dyn FactoredMethod, start: &Factors) -> Result<Self, Error> {
        let ((d1, d2), r) = (problem.map().shape(), problem.rank());
        if (start.rows(), start.cols(), start.rank()) != (d1, d2, r) {
            return Err(Error::Shape { what: "the start", expected: (d1 + d2, r), got: (start.rows() + start.cols(), start.rank()) });
        }
        if let Some((_, row, col)) = start.first_not_finite() {
            return Err(Error::NotFinite { what: "the start", row, col, value: f64::NAN });
        }
        let x = problem.point(start).to_vec();
        let residual = problem.residual(&x);
        let method = if ranks.is_alone() { method.begin(problem)? } else { method.begin_on_ranks(problem)? };
        let [size, square] = sums(&ranks, [dot(problem.b(), problem.b()), dot(&residual, &residual)]);
        let progress = Progress { iteration: 0, objective: 0.5 * square, kkt: None, measured_at: 0, unchanged: 0 };
        Ok(FactoredRun { problem: *problem, ranks, method, point: problem.factors(&x), x, residual, size, square, progress })
    }

    /// What has ended the work, if a rank is lost.
    pub fn into_failure(self) -> Option<Error> {
        self.ranks.into_failure()
    }

    /// ‖A(UVᵀ) − b‖ / ‖b‖.
    pub fn relative_residual(&self) -> f64 {
        if self.size > 0.0 { (self.square / self.size).sqrt() } else { self.square.sqrt() }
    }

    /// ‖x‖², over all rows of U.
    fn square_of(&self, x: &[f64]) -> f64 {
        if self.ranks.is_alone() {
            return dot(x, x);
        }
        let (u, v) = x.split_at(self.problem.left_len());
        let [of_u] = sums(&self.ranks, [dot(u, u)]);
        of_u + dot(v, v)
    }
}

/// Σ over ranks; NaN once one is lost.
fn sums<const N: usize>(ranks: &Ranks<'_>, own: [f64; N]) -> [f64; N] {
    ranks.sums(own).unwrap_or([f64::NAN; N])
}

impl Iteration for FactoredRun<'_> {
    type Point = Factors;

    fn point(&self) -> &Factors {
        &self.point
    }

    fn progress(&self) -> Progress {
        self.progress
    }

    fn step(&mut self) -> Result<(), Breakdown> {
        let moved = self.method.step(&self.problem, &self.ranks, &mut self.x, &mut self.residual);
        [self.square] = sums(&self.ranks, [dot(&self.residual, &self.residual)]);
        let objective = 0.5 * self.square;
        let iteration = self.progress.iteration + 1;
        if !objective.is_finite() {
            return Err(Breakdown::NotFinite { iteration });
        }
        let unchanged = if moved && objective < self.progress.objective { 0 } else { self.progress.unchanged + 1 };
        self.point = self.problem.factors(&self.x);
        self.progress = Progress { iteration, objective, kkt: Some(self.relative_residual()), measured_at: iteration, unchanged };
        Ok(())
    }

    fn kkt(&mut self) -> f64 {
        self.residual = self.problem.residual(&self.x);
        let mut gradient = vec![0.0; self.problem.dim()];
        self.problem.transposed(&self.x, &self.residual, &mut gradient);
        [self.square] = sums(&self.ranks, [dot(&self.residual, &self.residual)]);
        let of_v = self.ranks.sum(gradient.split_off(self.problem.left_len()));
        gradient.extend(of_v.unwrap_or_else(|| vec![f64::NAN]));
        let stationarity = (self.square_of(&gradient) * self.square_of(&self.x)).sqrt() / self.size;
        let kkt = self.relative_residual().min(if self.size > 0.0 { stationarity } else { f64::INFINITY });
        self.progress.kkt = Some(kkt);
        kkt
    }
}
