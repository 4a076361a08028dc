//! The problem that a fit solves, whatever its data and loss.

use super::ranks::{of_all, own_part};
use super::{FitError, FitJob, Keep, Kept};
use crate::{FitSettings, Restart};
use thalweg::comm::{Alone, Comm, Grid};
use thalweg::data::Matrix;
use thalweg::linalg::Real;
use thalweg::problem::{Blocked, Constraints, Divergence, LeastSquares, Loss, Nmf, ScaledPenalty};
use thalweg::solver::nmf::{
    Alternating, Batches, DivergenceMethod, INITS, Init, NMF_METHODS, NmfMethod, WorkingPrecision, check_method, divergence_method, method,
};
use thalweg::{Error, Factors};

/// The penalty in the units of the data.
pub(super) fn scaled_penalty<T: WorkingPrecision>(
    data: &Matrix<T>,
    settings: &FitSettings,
    constraints: &Constraints,
) -> Result<ScaledPenalty, Error> {
    let (loss, penalty) = (settings.loss, &settings.penalty);
    match loss {
        Loss::Frobenius => Ok(Nmf::constrained(data, settings.components(), constraints.clone())?.with_penalty(penalty)?.penalty()),
        _ if penalty.is_none() => Ok(ScaledPenalty::default()),
        _ => Err(Error::Parameter { name: "loss", expected: "frobenius with a penalty (--l1, --l2)".into(), got: loss.to_string() }),
    }
}

/// What is made small, and the method that does it.
pub(super) enum Problem<'a, T: WorkingPrecision> {
    Squares(Nmf<'a, T>, &'static dyn NmfMethod),
    Blocks(Box<Blocked<'a, T>>, &'static dyn NmfMethod),
    Divergence(Divergence<'a, T>, &'static dyn DivergenceMethod),
}

impl<'a, T: WorkingPrecision> Problem<'a, T> {
    pub fn new(data: &'a Matrix<T>, settings: &FitSettings, constraints: &Constraints, penalty: ScaledPenalty) -> Result<Self, Error> {
        let (rank, constraints) = (settings.components(), constraints.clone());
        Ok(match settings.loss {
            Loss::Frobenius => {
                let problem = Nmf::constrained(data, rank, constraints)?.with_scaled_penalty(penalty);
                let method = the_method(&settings.method)?;
                check_method(method, problem.constraints())?;
                Problem::Squares(problem, method)
            }
            loss => Problem::Divergence(Divergence::constrained(data, rank, loss, constraints)?, divergence_method(&settings.method, loss)?),
        })
    }

    /// Least squares on these blocks, by a method that works under the constraints.
    pub fn of_blocks(problem: Blocked<'a, T>, settings: &FitSettings) -> Result<Self, Error> {
        let method = the_method(&settings.method)?;
        check_method(method, problem.constraints())?;
        Ok(Problem::Blocks(Box::new(problem), method))
    }

    pub fn least_squares(&self) -> &dyn LeastSquares<T> {
        match self {
            Problem::Squares(problem, _) => problem,
            Problem::Blocks(problem, _) => &**problem,
            Problem::Divergence(problem, _) => problem.nmf(),
        }
    }

    /// The ranks that hold the data.
    pub fn comm(&self) -> &dyn Comm {
        self.grid().comm()
    }

    /// How they hold them.
    pub fn grid(&self) -> Grid<'_> {
        match self {
            Problem::Blocks(problem, _) => problem.grid(),
            Problem::Squares(..) | Problem::Divergence(..) => Grid::of_rows(&Alone),
        }
    }

    /// What one of several ranks holds of factors of all.
    pub fn own_part(&self, whole: &Factors<T>) -> Result<Factors<T>, Error> {
        own_part(self.least_squares(), whole)
    }

    /// Whether any rank says so.
    pub fn any(&self, own: bool) -> Result<bool, Error> {
        Ok(self.comm().agree(Ok([f64::from(u8::from(own))]))?.contains(&[1.0]))
    }

    /// Writes a restart of all ranks.
    pub fn save(&self, restart: &Restart<T>, keep: &Keep, number: usize) -> Result<(), Error> {
        let comm = self.comm();
        if comm.size() == 1 {
            return restart.save(&keep.dir.restart(number));
        }
        let whole = restart.with_factors(|own| of_all(self.least_squares(), self.grid(), own))?;
        comm.all_have(if comm.rank() == 0 { whole.save(&keep.dir.restart(number)) } else { Ok(()) })
    }

    /// Refuses a start that does not suit the problem, by name or given.
    pub fn check_starts(&self, job: &FitJob<'_>) -> Result<(), FitError> {
        let settings = &job.manifest.settings;
        the_start(&settings.init)?.check(self.least_squares())?;
        if let (Some(start), Some(path)) = (&job.given.start, &settings.start) {
            let started = self.own_part(&start.cast()).and_then(|start| self.start(start, settings, 0).map(drop));
            started.map_err(|error| FitError::Given { path: path.clone(), error })?;
        }
        Ok(())
    }

    pub fn start(&self, factors: Factors<T>, settings: &FitSettings, number: usize) -> Result<Alternating<'_, T>, Error> {
        let batches = Batches { rows: settings.batch_size.unwrap_or(Batches::default().rows), seed: settings.seed, trial: number as u64 };
        match self {
            Problem::Squares(problem, method) => Ok(Alternating::start(problem, *method, factors)?.in_batches(batches)),
            Problem::Blocks(problem, method) => Alternating::start(&**problem, *method, factors),
            Problem::Divergence(problem, method) => Alternating::under(problem, *method, factors),
        }
    }
}

/// The data in single precision, if it can hold them.
pub(super) fn narrow(data: &Matrix<f64>, kept: Kept<'_>, settings: &FitSettings) -> Result<Matrix<f32>, Error> {
    let summary = data.summary();
    let largest = summary.max.max(-summary.min);
    if !(f32::SMALLEST..=f32::LARGEST).contains(&largest) {
        // said of the numbers as they stand in the file: rounded they may be infinite
        return Err(Error::Range { largest, precision: f32::NAME });
    }
    let data = data.cast::<f32>();
    Problem::new(&data, settings, kept.constraints, kept.scaled_penalty)?;
    Ok(data)
}

fn the_method(name: &str) -> Result<&'static dyn NmfMethod, Error> {
    let names = || NMF_METHODS.iter().map(|m| m.about().name).collect::<Vec<_>>().join(", ");
    method(name).ok_or_else(|| Error::Parameter { name: "method", expected: format!("one of {}", names()), got: name.into() })
}

pub(super) fn the_start(name: &str) -> Result<Init, Error> {
    let names = || INITS.iter().map(|i| i.name()).collect::<Vec<_>>().join(", ");
    Init::named(name).ok_or_else(|| Error::Parameter { name: "init", expected: format!("one of {}", names()), got: name.into() })
}
