//! Where a run starts.

mod drawn;
mod separable;
mod spectral;

use crate::data::Matrix;
use crate::linalg::Real;
use crate::problem::{LeastSquares, Nmf, RowSet};
use crate::{Error, Factors};
use serde::{Deserialize, Serialize};

pub use drawn::half_normal_scale;

/// How the first factors are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// U = s_u|g|, V = s_v|g| with g ~ N(0,1) and s_u·s_v = π·mean / 2r, so that the mean of UVᵀ is the mean of X; s_v is a power of two,
    /// so that multiplying X by any power of two multiplies the start by powers of two.
    Random,
    /// The paper's: the same with s_u = s_v. Methods that solve or sweep whole rows do not see the difference.
    HalfNormal,
    /// Non-negative double SVD (Boutsidis, Gallopoulos 2008): of each singular pair the larger of its positive and negative parts.
    Nndsvd,
    /// The same with zeros replaced by √(mean of X / (10·rank)), so that rules that cannot leave zero work.
    Nndsvda,
    /// Pure columns by successive projection (Araújo et al. 2001; Gillis, Vavasis 2014): U holds r columns of X, V is solved from them.
    /// Exact on separable data.
    Spa,
    /// The best unconstrained factors, rotated towards the non-negative orthant from a random rotation, then pulled in: the idea of
    /// Lu et al. (2026), *An Exterior Method for Nonnegative Matrix Factorization*.
    Exterior,
    /// The leading singular vectors, U = P√Σ and V = Q√Σ: of free factors without a penalty the best there are (Eckart, Young 1936).
    Svd,
}

/// Every start.
pub const INITS: &[Init] = &[Init::Random, Init::HalfNormal, Init::Nndsvd, Init::Nndsvda, Init::Spa, Init::Exterior, Init::Svd];

impl Init {
    /// As given to `--init`.
    pub fn name(self) -> &'static str {
        match self {
            Init::Random => "random",
            Init::HalfNormal => "half-normal",
            Init::Nndsvd => "nndsvd",
            Init::Nndsvda => "nndsvda",
            Init::Spa => "spa",
            Init::Exterior => "exterior",
            Init::Svd => "svd",
        }
    }

    /// The start of that name.
    pub fn named(name: &str) -> Option<Init> {
        INITS.iter().copied().find(|i| i.name() == name)
    }

    /// Whether every trial begins elsewhere. Starts that do not draw serve trial 0; the other trials of theirs are [`Init::Random`].
    pub fn is_drawn(self) -> bool {
        matches!(self, Init::Random | Init::HalfNormal | Init::Exterior)
    }

    /// Whether a run can begin so.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the start needs every entry and the data are observed-only, or does not suit the constraints: free factors begin
    /// as [`Init::Random`] or, if both are, as [`Init::Svd`]; rows that sum to one as [`Init::Random`] or [`Init::Spa`].
    pub fn check<T: Real>(self, problem: &dyn LeastSquares<T>) -> Result<(), Error> {
        let needs_all = !matches!(self, Init::Random | Init::HalfNormal);
        let lacks = match problem.in_memory().map(|problem| problem.data()) {
            Some(Matrix::Dense(_) | Matrix::Sparse(_)) => None,
            Some(_) => Some("random or half-normal where entries are missing (the others need every entry)"),
            None => Some("random or half-normal where data come in blocks of rows (the others need all at once)"),
        };
        if let (true, Some(expected)) = (needs_all, lacks) {
            return Err(Error::Parameter { name: "init", expected: expected.into(), got: self.name().into() });
        }
        let sets = [&problem.constraints().u, &problem.constraints().v].map(|c| c.rows);
        let fitting: &[Init] = match sets {
            [RowSet::Free, RowSet::Free] => &[Init::Random, Init::Svd],
            _ if sets.contains(&RowSet::Free) => &[Init::Random],
            _ if sets.contains(&RowSet::SumToOne) => &[Init::Random, Init::Spa],
            _ => &INITS[..INITS.len() - 1],
        };
        if !fitting.contains(&self) {
            let names: Vec<&str> = fitting.iter().map(|i| i.name()).collect();
            let words = problem.constraints().in_words().unwrap_or("both factors are non-negative".into());
            let expected = format!("{} where {words}", names.join(" or "));
            return Err(Error::Parameter { name: "init", expected, got: self.name().into() });
        }
        Ok(())
    }

    /// The first factors of one trial: of a rank that holds some rows, the same numbers for those. Rows without an observed entry get zeros: nothing would ever move them.
    ///
    /// # Errors
    /// As [`Init::check`].
    pub fn factors<T: Real>(self, problem: &dyn LeastSquares<T>, seed: u64, trial: u64) -> Result<Factors<T>, Error> {
        self.check(problem)?;
        let mut factors = match problem.in_memory().and_then(|problem| self.read_off(problem, seed, trial)) {
            Some(factors) => factors,
            None if self == Init::HalfNormal => drawn::symmetric(problem, seed, trial),
            None => drawn::scaled_by_powers_of_two(problem, seed, trial),
        };
        problem.constraints().impose(&mut factors);
        Ok(factors)
    }

    /// Of a start that is read off the entries.
    fn read_off<T: Real>(self, problem: &Nmf<'_, T>, seed: u64, trial: u64) -> Option<Factors<T>> {
        match self {
            Init::Exterior => Some(spectral::exterior(problem, seed, trial)),
            Init::Nndsvd if trial == 0 => Some(spectral::nndsvd(problem, seed, false)),
            Init::Nndsvda if trial == 0 => Some(spectral::nndsvd(problem, seed, true)),
            Init::Spa if trial == 0 => Some(separable::spa(problem)),
            Init::Svd if trial == 0 => Some(spectral::svd(problem, seed)),
            _ => None,
        }
    }
}
