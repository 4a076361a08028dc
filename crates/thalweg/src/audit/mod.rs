//! Can this answer be trusted? Certificates and geometry put together, in words that claim no more than was established.

mod evidence;
mod record;
mod verdict;

pub use evidence::{Answer, AuditSettings, audit};
pub use record::{
    AnswerPair, Audit, BarrierReport, LineFamily, LineKind, LineReport, RankEvidence, RestartReport, RestartSummary, Status, Uniqueness,
    UniquenessReport,
};
