//! What a certificate may say.

use serde::{Deserialize, Serialize};

/// ‖A(X) − b‖ / ‖b‖ above which X does not count as fitting.
pub const MISFIT_LIMIT: f64 = 1e-10;
/// ‖X′ − X‖_F / ‖X‖_F, over all minimisers X′, above which X does not count as found.
pub const RADIUS_LIMIT: f64 = 1e-6;

/// Why a certificate was not established.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unproved {
    /// There is no theorem for this kind of problem here.
    Unsupported,
    /// The measured arrays would not fit into memory.
    TooLarge,
    /// A rescaling matrix is singular to working precision.
    SingularRescaling,
    /// ‖A(X) − b‖ / ‖b‖ is above [`MISFIT_LIMIT`], or above that of the ball by more.
    Misfit,
    /// X has not the rank that was claimed, or a decomposition failed.
    Rank,
    /// ‖P_T⊥ A*(y)‖ is not below 1.
    Margin,
    /// A is not injective on the tangent space, as far as could be shown.
    Injectivity,
    /// P_T A*(y) is too far from UVᵀ for the margin.
    Tangent,
    /// The bound on the distance of minimisers from X is above [`RADIUS_LIMIT`].
    Radius,
}

impl Unproved {
    /// In words.
    pub fn why(self) -> &'static str {
        match self {
            Unproved::Unsupported => "there is no certificate for this kind of problem",
            Unproved::TooLarge => "the proof would take more memory than it may",
            Unproved::SingularRescaling => "a rescaling matrix is singular: some direction is seen by no measurement",
            Unproved::Misfit => "X does not fit the measurements to rounding, or to the noise allowed for",
            Unproved::Rank => "X has not the rank that the certificate claims",
            Unproved::Margin => "the multiplier does not separate: its norm off the tangent space is not below 1",
            Unproved::Injectivity => "the measurements are not shown to be injective on the tangent space, so another minimiser is not ruled out",
            Unproved::Tangent => "the multiplier is not a subgradient at X to the accuracy that the proof needs",
            Unproved::Radius => "minimisers are not shown to lie close enough to X",
        }
    }
}

/// What was proved of X.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecoveryVerdict {
    /// Every minimiser of the problem lies within `radius` of X.
    pub certified: bool,
    /// What stands in the way.
    pub unproved: Option<Unproved>,
    /// Upper bound on ‖A(X) − b‖ / ‖b‖.
    pub misfit: Option<f64>,
    /// 1 − θ, θ an upper bound on ‖P_T⊥ A*(y)‖.
    pub margin: Option<f64>,
    /// Upper bound on ‖P_T A*(y) − UVᵀ‖_F.
    pub tangent: Option<f64>,
    /// Lower bound on ‖A(Z)‖ / ‖Z‖_F over the tangent space, divided by an upper bound on ‖A‖.
    pub injectivity: Option<f64>,
    /// Upper bound on ‖X′ − X‖_F / ‖X‖_F over all minimisers X′.
    pub radius: Option<f64>,
    /// Whether the measurements are proved independent. Then `radius` speaks of the measurements as they stand; otherwise of any measurements
    /// in the range of A within the misfit of them, among them A(X); with noise, of the ball that X lies in. None where that does not matter:
    /// X is proved to lie in the ball, or there is a penalty.
    pub independent: Option<bool>,
    /// Relative duality gap: no X that fits has a norm, or no X an objective, smaller than that of X by more than this part. Proved even where
    /// the rest is not.
    pub gap: Option<f64>,
}

impl RecoveryVerdict {
    pub(super) const NOTHING: RecoveryVerdict = RecoveryVerdict {
        certified: false,
        unproved: None,
        misfit: None,
        margin: None,
        tangent: None,
        injectivity: None,
        radius: None,
        independent: None,
        gap: None,
    };

    /// X = 0 is the only minimiser.
    pub(super) const ZERO: RecoveryVerdict =
        RecoveryVerdict { certified: true, misfit: Some(1.0), margin: Some(1.0), radius: Some(0.0), gap: Some(0.0), ..RecoveryVerdict::NOTHING };

    pub(super) fn but(self, why: Unproved) -> Self {
        RecoveryVerdict { unproved: Some(why), ..self }
    }
}
