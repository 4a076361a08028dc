//! The audit as a record: what the command line prints as JSON and the report draws.

use crate::geometry::{Balance, Line};
use crate::problem::Loss;
use serde::{Deserialize, Serialize};

pub use crate::solver::Status;

/// One restart as the audit sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestartSummary {
    /// Its place in the list.
    pub restart: usize,
    /// How it ended.
    pub status: Status,
    /// Its objective.
    pub objective: f64,
    /// Residual recomputed from the data.
    pub kkt: f64,
    /// Mean cosine between its components and the matched ones of the best restart.
    pub cosine_to_best: f64,
}

/// All restarts together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestartReport {
    /// How many.
    pub count: usize,
    /// Least objective.
    pub best: f64,
    /// (largest − least objective) / least.
    pub spread: f64,
    /// Mean over pairs of the mean cosine between matched components, in [0, 1]; none with one restart.
    pub agreement: Option<f64>,
    /// For each component of the best restart, the mean cosine to its match over the other restarts.
    pub component_agreement: Vec<f64>,
    /// Each restart.
    pub each: Vec<RestartSummary>,
}

/// Where a family of lines comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// From random starts (λ = 0) to the answer (λ = 1).
    StartToAnswer,
    /// Between random starts.
    StartToStart,
    /// From another restart's answer to the best, components as they came.
    AnswerToAnswer,
    /// The same after balancing and matching components.
    AlignedAnswerToAnswer,
}

/// Lines of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineFamily {
    /// Where they run.
    pub kind: LineKind,
    /// Each line; coefficients are not divided by the number of entries.
    pub lines: Vec<Line>,
}

/// Curvature on lines from random starts to the answer, per observed entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineReport {
    /// How many lines.
    pub count: usize,
    /// Fraction proved convex on the segment.
    pub convex_fraction: f64,
    /// Fraction proved star-convex towards the answer (Definition 1).
    pub star_fraction: f64,
    /// Fraction on which the negative gradient at the start points to the answer.
    pub gradient_fraction: f64,
    /// Fraction left undecided by rounding.
    pub undecided_fraction: f64,
    /// Least α / N.
    pub alpha_min: f64,
    /// Mean of α / N.
    pub alpha_mean: f64,
    /// Standard deviation of α / N over the lines (ddof 0).
    pub alpha_sd: f64,
}

/// Barriers between pairs of answers, relative to the larger objective of the pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BarrierReport {
    /// How many pairs.
    pub count: usize,
    /// Highest, components as they came.
    pub max: f64,
    /// Highest after balancing and matching components.
    pub aligned_max: f64,
}

/// Two of the best answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerPair {
    /// First restart.
    pub a: usize,
    /// Second restart.
    pub b: usize,
    /// Mean cosine between matched rank-one terms.
    pub cosine: f64,
    /// Barrier of the straight line, relative to the larger objective.
    pub barrier: f64,
    /// The same after alignment.
    pub aligned_barrier: f64,
}

/// What the singular values say about the rank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankEvidence {
    /// The rank that was fitted.
    pub rank: usize,
    /// Leading singular values of the data (all entries observed), most 64.
    pub singular_values: Vec<f64>,
    /// Σ_{k≤r} σ² / Σ σ²: the largest share of ‖X‖² that any rank-r matrix explains.
    pub best_share: f64,
    /// The share that this factorisation explains.
    pub share: f64,
}

/// Is UVᵀ the product of other non-negative factors too?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uniqueness {
    /// Proved: only order and scale are free.
    Unique,
    /// A second factorisation was constructed.
    NotUnique,
    /// Neither was established.
    Unknown,
}

/// The uniqueness verdict and its reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UniquenessReport {
    /// The verdict.
    pub status: Uniqueness,
    /// Why.
    pub why: String,
}

/// How flat the objective is at the best answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FlatnessReport {
    /// Trace of the Hessian.
    pub trace: f64,
    /// The trace in U over the rows of U, and the same of V.
    pub scaled_trace: f64,
    /// The largest eigenvalue of the Hessian lies here with probability 0.95 or more.
    pub largest_eigenvalue: (f64, f64),
    /// Whether U and V are of equal size; none where their product is 0.
    pub balance: Option<Balance>,
}

/// The trust report of one factorisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// In plain words, one sentence a line.
    pub verdict: String,
    /// What the fit made small.
    #[serde(default)]
    pub loss: Loss,
    /// What its factors were held to beyond U, V ≥ 0.
    #[serde(default)]
    pub constraints: Option<String>,
    /// Entries that the fit saw, N.
    pub entries: u64,
    /// How the best restart ended, after its residual was recomputed.
    pub status: Status,
    /// Scale-free projected-gradient residual recomputed from the data.
    pub kkt: f64,
    /// The tolerance it was held against.
    pub tol: f64,
    /// ½ Σ w (X − UVᵀ)² and the penalty, or Σ w d_β(X | UVᵀ) under another loss.
    pub objective: f64,
    /// The penalty's part of it.
    #[serde(default)]
    pub penalty: f64,
    /// √(Σ w (X − UVᵀ)² / Σ w X²); under another loss, that divergence over that of the best constant.
    pub relative_error: f64,
    /// Proved lower bound of the objective over all factorisations of this rank.
    pub lower_bound: Option<f64>,
    /// (objective − lower_bound) / objective.
    pub gap: Option<f64>,
    /// Restarts.
    pub restarts: RestartReport,
    /// Lines from random starts to the answer.
    pub lines: Option<LineReport>,
    /// Barriers between answers.
    pub barriers: Option<BarrierReport>,
    /// Pairs of answers.
    pub pairs: Vec<AnswerPair>,
    /// Rank evidence.
    pub rank: Option<RankEvidence>,
    /// Uniqueness of the factorisation of UVᵀ.
    pub uniqueness: UniquenessReport,
    /// Traces and largest eigenvalue of the Hessian, for least squares. Audits of earlier versions have none.
    #[serde(default)]
    pub flatness: Option<FlatnessReport>,
    /// Rows without a single observed entry: no factor.
    pub empty_rows: Vec<usize>,
    /// Columns without a single observed entry: no factor.
    pub empty_cols: Vec<usize>,
    /// The lines themselves, for figures.
    pub families: Vec<LineFamily>,
}
