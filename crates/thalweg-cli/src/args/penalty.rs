//! Penalties on the factors.

use super::numbers::parse_penalty;
use crate::exit::Failure;
use clap::Args;
use thalweg::problem::{FactorPenalty, Penalty, PenaltyScaling};

/// Penalty on the size of the factors, for each observed entry of data with unit root mean square.
#[derive(Debug, Args)]
#[command(next_help_heading = "Penalty")]
pub struct PenaltyArgs {
    /// λ₂ of ½λ₂‖·‖² on both factors: shrinks, and keeps rows with few entries from fitting them alone. On ratings, try 0.02.
    #[arg(long, value_name = "LAMBDA", value_parser = parse_penalty)]
    pub l2: Option<f64>,
    /// λ₁ of λ₁‖·‖₁ on both factors: makes zeros.
    #[arg(long, value_name = "LAMBDA", value_parser = parse_penalty)]
    pub l1: Option<f64>,
    /// λ₂ on U [default: --l2].
    #[arg(long, value_name = "LAMBDA", value_parser = parse_penalty)]
    pub l2_u: Option<f64>,
    /// λ₂ on V [default: --l2].
    #[arg(long, value_name = "LAMBDA", value_parser = parse_penalty)]
    pub l2_v: Option<f64>,
    /// λ₁ on U [default: --l1].
    #[arg(long, value_name = "LAMBDA", value_parser = parse_penalty)]
    pub l1_u: Option<f64>,
    /// λ₁ on V [default: --l1].
    #[arg(long, value_name = "LAMBDA", value_parser = parse_penalty)]
    pub l1_v: Option<f64>,
    /// How rows share the penalty: by their observed entries, evenly (rows with few are shrunk more), or by their number of entries to an
    /// exponent between 0 (even, as the nuclear norm) and 1 (entries, as the flat norm).
    #[arg(long, value_name = "entries|even|EXPONENT", default_value_t)]
    pub penalty_scaling: PenaltyScaling,
}

impl PenaltyArgs {
    /// The penalty that was asked for.
    pub fn read(&self) -> Result<Penalty, Failure> {
        let factor = |l2: Option<f64>, l1: Option<f64>| FactorPenalty { l2: l2.or(self.l2).unwrap_or(0.0), l1: l1.or(self.l1).unwrap_or(0.0) };
        let [u, v] = [factor(self.l2_u, self.l1_u), factor(self.l2_v, self.l1_v)];
        let penalty = Penalty { u, v, scaling: self.penalty_scaling, ..Penalty::default() };
        penalty.check_numbers()?;
        Ok(penalty)
    }
}
