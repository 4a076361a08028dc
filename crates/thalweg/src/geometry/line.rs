//! The exact loss on a segment and what it proves.

use crate::data::Matrix;
use crate::linalg::Polynomial;
use crate::problem::{all_segments, segment};
use crate::{Error, Factors};
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

impl From<Option<bool>> for Verdict {
    fn from(proved: Option<bool>) -> Self {
        match proved {
            Some(true) => Verdict::Yes,
            Some(false) => Verdict::No,
            None => Verdict::Undecided,
        }
    }
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

impl Line {
    /// α, the verdicts and the barrier of a quartic. They nest where all are decided: convex on R ⇒ convex on the segment ⇒ star-convex.
    ///
    /// Source: Bjorck, Gomes, Weinberger (2020), eq. (6) for α, eqs. (3), (9) for convexity on R, Definition 1 for star-convexity (there
    /// λ = 0 is the optimum; here B, at λ = 1).
    ///
    /// # Panics
    /// Unless the polynomial has five coefficients.
    pub fn from_polynomial(loss: &Polynomial) -> Line {
        let (alpha_at, alpha) = loss.curvature().least();
        Line {
            coefficients: loss.coefficients.as_slice().try_into().expect("the loss on a line is a quartic"),
            exponent: loss.exponent,
            alpha,
            alpha_at,
            convex_on_segment: loss.is_convex_on_unit_interval().into(),
            convex_everywhere: loss.is_convex().into(),
            star_towards_b: loss.is_star_towards_one().into(),
            gradient_towards_b: loss.descends_at_zero().into(),
            barrier: loss.barrier(),
        }
    }
}

/// The loss ½ Σ w (X − UVᵀ)² from A to B, exactly.
///
/// ```
/// use thalweg::data::{Dense, Matrix};
/// use thalweg::geometry::{Verdict, line};
/// use thalweg::Factors;
///
/// // X = 0 and the two minima (1, 0), (0, 1): ℓ(λ) = ½ (λ (1 − λ))², a barrier between equally good points
/// let x = Matrix::Dense(Dense::new(1, 1, vec![0.0])?);
/// let (a, b) = (Factors::new(1, 1, 1, vec![1.0, 0.0])?, Factors::new(1, 1, 1, vec![0.0, 1.0])?);
/// let line = line(&x, &a, &b)?;
/// assert_eq!(line.coefficients, [0.0, 0.0, 0.5, -1.0, 0.5]);
/// assert_eq!((line.alpha_at, line.alpha, line.barrier), (0.5, -0.5, 1.0 / 32.0));
/// assert_eq!(line.convex_on_segment, Verdict::No);
/// # Ok::<(), thalweg::Error>(())
/// ```
///
/// # Errors
/// As [`segment`].
pub fn line(data: &Matrix<f64>, a: &Factors, b: &Factors) -> Result<Line, Error> {
    Ok(Line::from_polynomial(&segment(data, a, b)?))
}

/// The lines from every start (A) to every end (B), as [`all_segments`] orders them: start q to end p is element p·Q + q.
///
/// # Errors
/// As [`all_segments`].
pub fn lines(data: &Matrix<f64>, starts: &[Factors], ends: &[Factors]) -> Result<Vec<Line>, Error> {
    Ok(all_segments(data, starts, ends)?.iter().map(Line::from_polynomial).collect())
}
