//! Options of `thalweg recover`.

use crate::args::ReadArgs;
use crate::args::numbers::{parse_fraction, parse_lambda, parse_penalty, parse_tolerance};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use thalweg::data::INSTANCE_KINDS;
use thalweg::solver::factored::FACTORED_METHODS;
use thalweg_lab::RecoverKind;

/// `recover`.
#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// What was measured: matrices A and b; vectors a, c and b; vectors x and b (symmetric); some entries; a table with corrupted entries
    /// (rpca); or A and b of a sparse vector.
    #[arg(value_parser = recover_names())]
    pub kind: String,
    /// The instance: .npz with the arrays of its kind; for completion and rpca anything that `fit` reads, data:NAME too.
    pub input: PathBuf,
    /// The norm that is minimised.
    #[arg(long, value_enum, default_value = "nuclear")]
    pub objective: NormArg,
    /// Among positive semidefinite matrices (quadratic only).
    #[arg(long)]
    pub positive: bool,
    /// Allow for noise: A(X) may differ from b by this much, in the Euclidean norm and the units of b.
    #[arg(long, value_name = "EPS", value_parser = parse_penalty)]
    pub noise: Option<f64>,
    /// Allow for noise: minimise ½‖A(X) − b‖² + LAMBDA·norm.
    #[arg(long, value_name = "LAMBDA", value_parser = parse_lambda, conflicts_with = "noise")]
    pub penalty: Option<f64>,
    /// convex: the matrix of smallest norm; the others: factors of a given --rank [default: convex, als where the matrix is large].
    #[arg(long, value_parser = factored_names())]
    pub method: Option<String>,
    /// Columns of the factors, for the methods that need it.
    #[arg(short = 'k', long)]
    pub rank: Option<usize>,
    /// Completion: hide all but this part of the entries first, and tell the error on those.
    #[arg(long, value_name = "FRACTION", value_parser = parse_fraction)]
    pub keep: Option<f64>,
    /// rpca: weight of the corruptions [default: 1/√max(rows, columns)].
    #[arg(long, value_name = "LAMBDA", conflicts_with = "budget")]
    pub lambda: Option<f64>,
    /// rpca: the smallest norm among all X whose entries differ from the table by this in sum.
    #[arg(long, value_name = "TAU")]
    pub budget: Option<f64>,
    /// sparse: depth K of the network whose flattest fit is sought; 2 is a weighted sum of absolute values [default: 2].
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub depth: Option<u32>,
    /// Prove the answer from the instance, and write the certificate.
    #[arg(long)]
    pub certify: bool,
    /// Iteration limit [default: 5000; rpca 1000].
    #[arg(long)]
    pub max_iters: Option<usize>,
    /// Relative duality gap and misfit at which it has converged [default: 1e-9; rpca 1e-4, which an exact finish exceeds].
    #[arg(long, value_parser = parse_tolerance)]
    pub tol: Option<f64>,
    /// How to read entries.
    #[command(flatten)]
    pub read: ReadArgs,
}

/// What a recovery minimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NormArg {
    /// The sum of the singular values.
    Nuclear,
    /// The same of D1 X D2: its minimisers are the flat minima.
    Flat,
}

/// The method that needs no rank.
pub const CONVEX: &str = "convex";

fn recover_names() -> Vec<&'static str> {
    RecoverKind::all().map(RecoverKind::name).collect()
}

/// Names of the kinds of measurements.
pub fn instance_names() -> Vec<&'static str> {
    INSTANCE_KINDS.iter().map(|(_, name)| *name).collect()
}

fn factored_names() -> Vec<&'static str> {
    std::iter::once(CONVEX).chain(FACTORED_METHODS.iter().map(|m| m.about().name)).collect()
}
