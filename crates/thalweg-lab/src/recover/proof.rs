//! What was proved of an answer, kind by kind in the same words.

use serde::{Deserialize, Serialize};
use thalweg::certificate::recovery::RecoveryVerdict;
use thalweg::certificate::{DEEP_SPARSE_RADIUS, DeepSparseCertificate, ROBUST_PCA_RADIUS, RobustPcaCertificate};
use thalweg::problem::Fidelity;

/// What the instance proves of an answer and its multiplier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// Whether the answer is the minimiser, up to `radius`.
    pub certified: bool,
    /// By how much the conditions of the proof hold with room to spare; not positive where one fails.
    pub margin: Option<f64>,
    /// Distance of every minimiser from the answer, relative to its norm; none where nothing was proved.
    pub radius: Option<f64>,
    /// No other answer costs less by more than this part of the objective.
    pub gap: Option<f64>,
    /// What was proved, or why not more.
    pub why: String,
}

fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}

fn certified_words(of_what: &str, radius: f64, margin: f64) -> String {
    format!("every minimiser{of_what} is within {radius:.1e} of it, relative to its norm; margin {margin:.4}")
}

fn too_wide(radius: f64, most: f64) -> String {
    format!("minimisers are proved to lie within {radius:.1e} of it only, relative to its norm; {most:.0e} is asked for")
}

impl Proof {
    /// Of a matrix bound to its measurements in this way.
    pub fn of_measured(found: &RecoveryVerdict, fidelity: Fidelity) -> Proof {
        let why = match (found.unproved, found.gap) {
            (None, _) => {
                let of_what = of_what(found.independent, fidelity);
                certified_words(of_what, found.radius.unwrap_or(0.0), found.margin.unwrap_or(1.0))
            }
            (Some(unproved), Some(gap)) => format!("{}; {}", unproved.why(), proved_gap(gap, fidelity)),
            (Some(unproved), None) => unproved.why().to_owned(),
        };
        Proof { certified: found.certified, margin: found.margin, radius: found.radius, gap: found.gap, why }
    }
}

/// Of which problem the minimisers are spoken of, where that is not quite the given one.
fn of_what(independent: Option<bool>, fidelity: Fidelity) -> &'static str {
    match (independent, fidelity) {
        (Some(false), Fidelity::Exact) => " of the problem with the measurements that X has, which are within the misfit of the given ones,",
        (Some(false), _) => " of the problem with the radius that X has, which is the given one to rounding,",
        _ => "",
    }
}

/// What a duality gap proves by itself.
fn proved_gap(gap: f64, fidelity: Fidelity) -> String {
    match fidelity {
        Fidelity::Exact => format!("no matrix that fits has a norm smaller by more than {gap:.1e}, relative"),
        Fidelity::Ball { .. } => format!("no matrix within the noise has a norm smaller by more than {gap:.1e}, relative"),
        Fidelity::Penalised { .. } => format!("no matrix has an objective smaller by more than {gap:.1e}, relative"),
    }
}

impl From<&RobustPcaCertificate> for Proof {
    fn from(found: &RobustPcaCertificate) -> Proof {
        let gap = found.relative_gap();
        let radius = finite(found.radius);
        let why_not = match radius {
            _ if found.objective == 0.0 => "it costs more than the budget allows".to_owned(),
            Some(radius) if radius > ROBUST_PCA_RADIUS => too_wide(radius, ROBUST_PCA_RADIUS),
            Some(_) => "its multiplier is not 0 where nothing was observed".into(),
            None if found.off_tangent_norm >= 1.0 => "its multiplier has norm 1 or more off the tangent space".into(),
            None if found.off_support_ratio >= 1.0 => "its multiplier reaches λ off the corrupted entries".into(),
            None if found.overlap >= 1.0 => "tangent space and corrupted entries overlap too much to be told apart".into(),
            None => "the margins do not make up for rounding".into(),
        };
        let why = if found.certified {
            certified_words("", found.radius, found.margin)
        } else {
            format!("{why_not}; no other answer costs less by more than {gap:.1e} of the objective")
        };
        Proof { certified: found.certified, margin: finite(found.margin), radius, gap: Some(gap), why }
    }
}

impl From<&DeepSparseCertificate> for Proof {
    fn from(found: &DeepSparseCertificate) -> Proof {
        let gap = if found.objective > 0.0 { ((found.objective - found.lower_bound) / found.objective).max(0.0) } else { 0.0 };
        let radius = finite(found.radius);
        let why = match radius {
            _ if found.certified => certified_words("", found.radius, found.margin),
            Some(radius) if radius > DEEP_SPARSE_RADIUS => too_wide(radius, DEEP_SPARSE_RADIUS),
            _ if found.margin <= 0.0 => "its multiplier does not prove it the only minimiser".into(),
            _ => "columns or measurements are too nearly dependent to prove it".into(),
        };
        // the bound is of solutions of Ax = b, which an x that does not fit is none of
        let gap = if found.relative_residual < 1e-8 { finite(gap) } else { None };
        Proof { certified: found.certified, margin: finite(found.margin), radius, gap, why }
    }
}
