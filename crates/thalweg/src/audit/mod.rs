//! Can this answer be trusted? Certificates and geometry put together, in words that claim no more than was established.

mod record;

pub use record::{
    Alignment, Audit, BarrierReport, LineFamily, LineKind, LineReport, RankEvidence, RestartReport, RestartSummary, Status, Uniqueness,
    UniquenessReport,
};
