//! Can this answer be trusted? Certificates and geometry put together, in words that claim no more than was established.

mod evidence;
mod rank;
mod record;
mod verdict;

pub use evidence::{Answer, AuditSettings, audit, audit_unless, end_of_lines};
pub use rank::{
    RankOutcome, RankReport, RankRow, RankSettings, RankTrial, SpectrumAgainstNoise, five_digits, rank_report, rank_trials, run_rank_trial,
    survey_ranks, survey_ranks_unless, usual_fraction,
};
pub use record::{
    AnswerPair, Audit, BarrierReport, FlatnessReport, LineFamily, LineKind, LineReport, RankEvidence, RestartReport, RestartSummary, Status,
    Uniqueness, UniquenessReport,
};
pub use verdict::{EQUALLY_GOOD, SAME_ANSWER};
