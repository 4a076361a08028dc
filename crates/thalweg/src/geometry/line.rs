//! The exact loss on a segment and what it proves.

use serde::{Deserialize, Serialize};

/// A statement that was proved, refuted, or lost in rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "VerdictRecord", into = "VerdictRecord")]
pub enum Verdict {
    /// Holds, rounding included.
    Yes,
    /// Fails, rounding included.
    No,
    /// The margin is smaller than the rounding error.
    Undecided,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum VerdictRecord {
    Known(bool),
    Word(String),
}

impl From<Verdict> for VerdictRecord {
    fn from(v: Verdict) -> Self {
        match v {
            Verdict::Yes => VerdictRecord::Known(true),
            Verdict::No => VerdictRecord::Known(false),
            Verdict::Undecided => VerdictRecord::Word("undecided".into()),
        }
    }
}

impl From<VerdictRecord> for Verdict {
    fn from(r: VerdictRecord) -> Self {
        match r {
            VerdictRecord::Known(true) => Verdict::Yes,
            VerdictRecord::Known(false) => Verdict::No,
            VerdictRecord::Word(_) => Verdict::Undecided,
        }
    }
}

/// The loss ℓ(λ) on the segment from A (λ = 0) to B (λ = 1).
///
/// `coefficients`, `alpha` and `barrier` are to be multiplied by 2^`exponent`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// c₀ … c₄ of ℓ(λ) = Σ cₖ λᵏ.
    pub coefficients: [f64; 5],
    /// 0 unless the true values leave the range of f64.
    pub exponent: i32,
    /// α = min over [0, 1] of ℓ″.
    pub alpha: f64,
    /// Where ℓ″ is least.
    pub alpha_at: f64,
    /// ℓ″ ≥ 0 on [0, 1].
    pub convex_on_segment: Verdict,
    /// ℓ″ ≥ 0 on all of R.
    pub convex_everywhere: Verdict,
    /// ℓ(x*) ≥ ℓ(x) + ⟨∇ℓ(x), x* − x⟩ for every x on the segment, x* = B: star-convexity of the paper's Definition 1 on this ray.
    pub star_towards_b: Verdict,
    /// −∇ℓ at A points towards B.
    pub gradient_towards_b: Verdict,
    /// max over [0, 1] of ℓ minus the larger end value, at least 0.
    pub barrier: f64,
}
