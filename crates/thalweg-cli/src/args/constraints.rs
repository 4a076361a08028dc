//! What the factors are held to.

use crate::exit::Failure;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use thalweg::problem::RowSet;

/// What the factors are held to.
#[derive(Debug, Args)]
#[command(next_help_heading = "Constraints")]
pub struct ConstraintArgs {
    /// Signs of the entries of the factors.
    #[arg(long, value_enum, default_value = "nonnegative")]
    pub signs: SignsArg,
    /// The rows of this factor are not negative and sum to one, such as abundances in a pixel.
    #[arg(long, value_enum, value_name = "FACTOR")]
    pub sum_to_one: Option<FactorArg>,
    /// The first columns of U are these, and stay: a table, .npy or .npz with a row for each row of the data, or a run directory.
    #[arg(long, value_name = "FILE|RUN")]
    pub fix_u: Option<PathBuf>,
    /// The first columns of V are these, and stay: a row for each column of the data (such as known spectra).
    #[arg(long, value_name = "FILE|RUN")]
    pub fix_v: Option<PathBuf>,
    /// Fit a bias for each row and each column (and, with free factors, the mean) beside the components.
    #[arg(long)]
    pub biases: bool,
}

impl ConstraintArgs {
    /// Where the rows of U and V lie.
    pub fn row_sets(&self) -> Result<[RowSet; 2], Failure> {
        let of = |is_free, factor| match (is_free, self.sum_to_one == Some(factor)) {
            (true, true) => Err(Failure::Usage("rows that sum to one are not free: --sum-to-one and --signs ask both of one factor".into())),
            (true, false) => Ok(RowSet::Free),
            (false, true) => Ok(RowSet::SumToOne),
            (false, false) => Ok(RowSet::NonNegative),
        };
        let u = of(matches!(self.signs, SignsArg::Free | SignsArg::FreeU), FactorArg::U)?;
        let v = of(matches!(self.signs, SignsArg::Free | SignsArg::FreeV), FactorArg::V)?;
        Ok([u, v])
    }
}

/// Signs of the factors' entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SignsArg {
    /// U and V are not negative.
    Nonnegative,
    /// U and V have entries of either sign: low-rank factorisation.
    Free,
    /// U has entries of either sign, V none below zero.
    FreeU,
    /// V has entries of either sign, U none below zero.
    FreeV,
}

/// One of the two factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FactorArg {
    /// The factor with a row for each row of X.
    U,
    /// The factor with a row for each column of X.
    V,
}
