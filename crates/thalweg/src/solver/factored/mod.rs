//! Recovery in factors (Burer, Monteiro): methods for ½‖A(UVᵀ) − b‖². To add one: a file here, and a line in [`FACTORED_METHODS`].

mod als;
mod descent;
mod gauss_newton;
mod start;

pub use als::AlternatingLeastSquares;
pub use descent::{Descent, Metric};
pub use gauss_newton::GaussNewton;
pub use start::spectral_start;

use crate::linalg::dot;
use crate::problem::{Factored, Objective};
use crate::solver::{Breakdown, Iteration, Progress};
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
}

/// A method at work.
pub trait Step {
    /// Moves x, whose residual A(UVᵀ) − b is `residual`, and brings that up to date. False if no step lowers the objective.
    fn step(&mut self, problem: &Factored<'_>, x: &mut Vec<f64>, residual: &mut Vec<f64>) -> bool;
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
    method: Box<dyn Step + 'p>,
    x: Vec<f64>,
    residual: Vec<f64>,
    point: Factors,
    progress: Progress,
}

impl<'p> FactoredRun<'p> {
    /// From factors of the problem's shape; for V = U, V is taken from U.
    ///
    /// # Errors
    /// [`Error::Shape`] if they do not fit, [`Error::NotFinite`], and what the method refuses.
    pub fn start(problem: &Factored<'p>, method: &dyn FactoredMethod, start: &Factors) -> Result<Self, Error> {
        let ((d1, d2), r) = (problem.map().shape(), problem.rank());
        if (start.rows(), start.cols(), start.rank()) != (d1, d2, r) {
            return Err(Error::Shape { what: "the start", expected: (d1 + d2, r), got: (start.rows() + start.cols(), start.rank()) });
        }
        if let Some((_, row, col)) = start.first_not_finite() {
            return Err(Error::NotFinite { what: "the start", row, col, value: f64::NAN });
        }
        let x = problem.point(start).to_vec();
        let residual = problem.residual(&x);
        let objective = 0.5 * dot(&residual, &residual);
        let progress = Progress { iteration: 0, objective, kkt: None, measured_at: 0, unchanged: 0 };
        Ok(FactoredRun { problem: *problem, method: method.begin(problem)?, point: problem.factors(&x), x, residual, progress })
    }

    /// ‖A(UVᵀ) − b‖ / ‖b‖.
    pub fn relative_residual(&self) -> f64 {
        let size = dot(self.problem.b(), self.problem.b());
        if size > 0.0 { (dot(&self.residual, &self.residual) / size).sqrt() } else { dot(&self.residual, &self.residual).sqrt() }
    }
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
        let moved = self.method.step(&self.problem, &mut self.x, &mut self.residual);
        let objective = 0.5 * dot(&self.residual, &self.residual);
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
        let size = dot(self.problem.b(), self.problem.b());
        let stationarity = (dot(&gradient, &gradient) * dot(&self.x, &self.x)).sqrt() / size;
        let kkt = self.relative_residual().min(if size > 0.0 { stationarity } else { f64::INFINITY });
        self.progress.kkt = Some(kkt);
        kkt
    }
}
