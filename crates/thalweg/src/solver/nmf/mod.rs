//! NMF methods: each is a rule on a panel of rows. To add one: a file here, and a line in [`NMF_METHODS`].

mod accelerated_hals;
mod alternating;
mod anls;
mod batches;
mod extrapolated;
mod gradient;
mod hals;
mod init;
mod mu;
mod online;
mod scalar_newton;
mod sum_to_one;
mod transform;

pub use accelerated_hals::AcceleratedHals;
pub use alternating::{Alternating, Memory, Momentum, Order};
pub use anls::Anls;
pub use batches::Batches;
pub use extrapolated::Extrapolated;
pub use gradient::{Gradient, Paper};
pub use hals::Hals;
pub use init::{INITS, Init, half_normal_scale};
pub use mu::Mu;
pub use online::Online;
pub use scalar_newton::ScalarNewton;
pub use transform::{transform, transform_constrained, transform_under};

use crate::Error;
use crate::data::Matrix;
use crate::linalg::Real;
use crate::problem::{Compressed, Constraints, DivergenceUpdate, Loss, RowSet, RowUpdate, spectral_fall};
use extrapolated::{COMPRESSED, COMPRESSED_ANLS, EXTRAPOLATED_ANLS, EXTRAPOLATED_HALS, MINIBATCH};
use std::ops::RangeInclusive;

/// A rule in both precisions, with what its users should know.
pub trait NmfMethod: RowUpdate<f32> + RowUpdate<f64> {
    /// Its entry in help texts and in the methods table.
    fn about(&self) -> About;
    /// Whether it moves rows that lie in this set.
    fn takes(&self, _: RowSet) -> bool {
        true
    }
}

/// A precision that methods work in.
pub trait WorkingPrecision: Real {
    /// The method's rule in this precision.
    fn rule(method: &dyn NmfMethod) -> &dyn RowUpdate<Self>;
}

impl WorkingPrecision for f32 {
    fn rule(method: &dyn NmfMethod) -> &dyn RowUpdate<f32> {
        method
    }
}

impl WorkingPrecision for f64 {
    fn rule(method: &dyn NmfMethod) -> &dyn RowUpdate<f64> {
        method
    }
}

/// What help texts and the methods table say of a method.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// As given to `--method`.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Arithmetic for each row beside its normal equations.
    pub cost_per_row: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Whether V is moved from the new U or from the old one.
    pub order: Order,
    /// The start it is meant for.
    pub init: Init,
    /// An iteration count that belongs to the method.
    pub iterations: Option<usize>,
    /// Whether each half-step lowers the objective.
    pub monotone: bool,
}

/// Every method, the default for full data first.
pub const NMF_METHODS: &[&dyn NmfMethod] = &[
    &Hals,
    &AcceleratedHals,
    &Anls,
    &EXTRAPOLATED_HALS,
    &EXTRAPOLATED_ANLS,
    &COMPRESSED,
    &COMPRESSED_ANLS,
    &MINIBATCH,
    &Gradient,
    &Mu,
    &Paper { step: 1e-7, iterations: 10_000 },
];

/// The method of that name.
pub fn method(name: &str) -> Option<&'static dyn NmfMethod> {
    NMF_METHODS.iter().copied().find(|m| m.about().name == name)
}

/// Whether a method moves rows that lie where these constraints want them.
///
/// # Errors
/// [`Error::Parameter`] with the names of those that do.
pub fn check_method(method: &dyn NmfMethod, constraints: &Constraints) -> Result<(), Error> {
    let sets = [constraints.u.rows, constraints.v.rows];
    let Some(set) = sets.into_iter().find(|&set| !method.takes(set)) else { return Ok(()) };
    let names: Vec<&str> = NMF_METHODS.iter().filter(|m| m.takes(set)).map(|m| m.about().name).collect();
    let expected = format!("one of {} where the rows of a factor are to be {}", names.join(", "), set.name());
    Err(Error::Parameter { name: "method", expected, got: method.about().name.into() })
}

/// Up to this rank rows of dense data are solved exactly at less cost than sweeps take to come as far.
const EXACT_ROWS_UP_TO: usize = 24;

/// A spectrum that falls like this at the rank, or more than it does from there on to the rank, is that of a matrix of low rank and noise, on
/// which sweeps are slow. Those of faces, photographs, clothes and birdsong fall by 1.05 at most: where they have a step, more decay follows.
const SHARP_FALL: f64 = 1.1;

/// The method that suits the data at this rank, and why; from the measurements in `docs/benchmarks.md`.
pub fn default_method<T: Real>(data: &Matrix<T>, rank: usize) -> (&'static dyn NmfMethod, &'static str) {
    let (m, n) = data.shape();
    match data {
        Matrix::Dense(_) if Compressed::<T>::width(m, n, rank).is_some() && rank <= EXACT_ROWS_UP_TO => (
            &COMPRESSED_ANLS,
            "iterations on a low-rank stand-in for dense data this large cost little, at this rank even with rows solved exactly; the run leaves it \
             as soon as steps on the data gain more",
        ),
        Matrix::Dense(x) if Compressed::<T>::width(m, n, rank).is_some() && spectral_fall(x, rank) > SHARP_FALL => (
            &COMPRESSED_ANLS,
            "iterations on a low-rank stand-in for dense data this large cost little; the singular values fall off sharply here, and then rows solved \
             exactly get further than sweeps",
        ),
        Matrix::Dense(_) if Compressed::<T>::width(m, n, rank).is_some() => (
            &COMPRESSED,
            "iterations on a low-rank stand-in for dense data this large cost little; the run leaves it as soon as steps on the data gain more",
        ),
        Matrix::Dense(_) => {
            (&EXTRAPOLATED_HALS, "data this small beside the rank gain nothing from a low-rank stand-in; extrapolation saves iterations")
        }
        Matrix::Sparse(_) => {
            (&EXTRAPOLATED_HALS, "all rows share one Gram matrix, so sweeps of coordinate descent are cheap; extrapolation saves iterations")
        }
        Matrix::Observed(_) | Matrix::AllBut(_) => {
            (&EXTRAPOLATED_ANLS, "each row has its own Gram matrix, which costs more than solving the row exactly; extrapolation saves iterations")
        }
    }
}

/// A rule for divergences other than least squares, with what its users should know.
pub trait DivergenceMethod: DivergenceUpdate {
    /// Its entry in help texts and in the methods table.
    fn about(&self) -> About;
    /// The β for which it lowers the objective.
    fn betas(&self) -> RangeInclusive<f64>;
}

/// Every method for divergences, the default where it applies first.
pub const DIVERGENCE_METHODS: &[&dyn DivergenceMethod] = &[&ScalarNewton, &Mu];

/// The method of that name, if it works under this loss.
///
/// # Errors
/// [`Error::Parameter`] with the names that do.
pub fn divergence_method(name: &str, loss: Loss) -> Result<&'static dyn DivergenceMethod, Error> {
    let fitting = || DIVERGENCE_METHODS.iter().copied().filter(|m| m.betas().contains(&loss.beta()));
    fitting().find(|m| m.about().name == name).ok_or_else(|| {
        let names: Vec<&str> = fitting().map(|m| m.about().name).collect();
        Error::Parameter { name: "method", expected: format!("one of {} under the loss \"{loss}\"", names.join(", ")), got: name.into() }
    })
}

/// The method that suits the loss, and why.
pub fn default_divergence_method(loss: Loss) -> (&'static dyn DivergenceMethod, &'static str) {
    if ScalarNewton.betas().contains(&loss.beta()) {
        (&ScalarNewton, "along each entry this loss is convex, and Newton steps go further than multiplicative ones")
    } else {
        (&Mu, "multiplicative updates lower every β-divergence")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Law, planted_factors, with_noise};

    #[test]
    fn rows_are_solved_exactly_where_the_spectrum_falls_off() -> Result<(), Error> {
        let planted = planted_factors(Law::HalfNormal, (330, 320), 28, 1, 0)?;
        let chosen = |noise, rank| -> Result<&str, Error> {
            let data = Matrix::Dense(with_noise(&planted, noise, 2, 0)?);
            Ok(default_method(&data, rank).0.about().name)
        };
        assert_eq!(chosen(0.02, 28)?, "compressed-anls");
        assert_eq!(chosen(0.0, 28)?, "compressed-anls");
        // noise has no rank, and neither have the leading parts of a matrix of larger rank
        assert_eq!(chosen(3.0, 28)?, "compressed");
        assert_eq!(chosen(0.02, 26)?, "compressed");
        Ok(())
    }
}
