//! What noise changes in the certificate: X is bound to b by a ball or a penalty.

use super::bounds::{ROOM, norm, up};
use super::measured::Near;
use super::minimiser::Check;
use crate::linalg::{dot, dot_error, rounding};
use crate::problem::Fidelity;

/// How far minimisers may be from X̂.
pub(super) struct Spread {
    /// ‖P_T⊥(X′ − X̂)‖_* is at most this,
    pub off: f64,
    /// and ‖A(X′ − X̂)‖ at most this.
    pub measured: f64,
}

/// b − A(X̂), with a bound on its error.
pub(super) struct Residual {
    pub values: Vec<f64>,
    pub error: f64,
}

impl Residual {
    fn most(&self) -> f64 {
        up(norm(&self.values) + self.error)
    }

    fn least(&self) -> f64 {
        (norm(&self.values) * (1.0 - 2.0 * rounding(self.values.len() + 2)) * (1.0 - 3.0 * ROOM) - self.error).max(0.0)
    }
}

/// What was proved of X̂ and its multiplier.
pub(super) struct Proved {
    /// ‖P_T Y − UVᵀ‖_F / α.
    pub skew: f64,
    /// 1 − θ − ηκ/α.
    pub room: f64,
    /// At least ‖X̂‖_*.
    pub norm: f64,
    /// κ with every ρ = A(P1 X̃ P2ᵀ) for some ‖X̃‖_* ≤ κ‖ρ‖, where measurements are proved independent.
    pub reach: Option<f64>,
}

impl Check<'_> {
    /// Let e = b − A(X̂), d = e − μy. With f(X′) ≤ f(X̂), or with X′ in the ball and ‖X′‖_* ≤ ‖X̂‖_* + s, H = X′ − X̂ and ρ = A(H) obey
    ///
    /// ```text
    /// (1 − θ − ηκ/α) ‖P_T⊥H‖_* + ‖ρ‖²/2μ ≤ c₀ + c₁‖ρ‖,   c₀ = s + (ε² − ‖e‖²)₊/2μ,   c₁ = ‖d‖/μ + η/α,
    /// ```
    ///
    /// so ‖ρ‖ ≤ 2μc₁ + √(2μc₀). μ is λ, or ‖e‖/‖y‖ for a ball. The guide's page on recovery has the proof. None if y says nothing.
    pub(super) fn spread(&self, residual: &Residual, proved: &Proved) -> Option<Spread> {
        let (most, least, length) = (residual.most(), residual.least(), norm(&self.y));
        let (mu, slack) = match self.fidelity {
            Fidelity::Exact => return None,
            Fidelity::Penalised { lambda } => {
                let doubt = self.coordinates.doubt()?;
                (lambda * (1.0 - doubt), up(2.0 * doubt / (1.0 - doubt) * proved.norm))
            }
            Fidelity::Ball { radius } => {
                let distortion = self.coordinates.distortion();
                let moved = proved.reach.map_or(0.0, |reach| up(reach * (most - radius).max(0.0)));
                let mu = least / length;
                // without a way into the ball, the ball is the one that X̂ lies in
                let widest = if proved.reach.is_none() { radius.max(most) } else { radius };
                let beyond = up((widest - least).max(0.0) * (widest + least) * 0.5);
                (mu, up(distortion * proved.norm + (1.0 + distortion) * moved + beyond / mu))
            }
        };
        let is_usable = mu > 0.0 && mu.is_finite();
        if !is_usable {
            return None;
        }
        let skewed: Vec<f64> = residual.values.iter().zip(&self.y).map(|(e, y)| e - mu * y).collect();
        let skewed = up(norm(&skewed) + residual.error + rounding(4) * (most + mu * length));
        let slope = up(skewed / mu + proved.skew);
        let measured = up(2.0 * mu * slope + (2.0 * mu * slack).sqrt());
        Some(Spread { off: up((slack + 0.5 * mu * slope * slope) / proved.room), measured })
    }

    /// Whether A(X) is near enough to b to count: it must be in the ball, or not more than `limit` outside.
    pub(super) fn fits(&self, misfit: f64, limit: f64) -> bool {
        match self.fidelity {
            Fidelity::Exact => misfit <= limit,
            Fidelity::Ball { radius } => misfit <= radius + limit,
            Fidelity::Penalised { .. } => misfit.is_finite(),
        }
    }

    /// Whether all minimisers of the given ball, and not of one a rounding wider, are spoken of without a way from X̂ into it.
    pub(super) fn is_inside(&self, residual: &Residual) -> bool {
        match self.fidelity {
            Fidelity::Exact => false,
            Fidelity::Ball { radius } => residual.most() <= radius,
            Fidelity::Penalised { .. } => true,
        }
    }

    /// 1 − (lower bound of the minimum) / f(X̂), for any y:
    ///
    /// ```text
    /// A(X) = b:         ‖X‖ ≥ ⟨b, y⟩ / max(1, ‖Y‖)
    /// ‖A(X) − b‖ ≤ ε:   ‖X‖ ≥ (⟨b, y⟩ − ε‖y‖) / max(1, ‖Y‖)
    /// penalty:          f(X) ≥ t⟨b, y⟩ − ½t²‖y‖² for every t with t‖Y‖ ≤ λ
    /// ```
    pub(super) fn gap(&self, residual: &Residual, x_norm: f64, dual_norm: f64) -> Option<f64> {
        let length = norm(&self.y);
        let product = dot(&self.b, &self.y) - up(dot_error(self.b.len()) * norm(&self.b) * length);
        let below = |product: f64| product.max(0.0) / dual_norm.max(1.0) / (1.0 + self.coordinates.distortion()) * (1.0 - ROOM);
        let (bound, value) = match self.fidelity {
            Fidelity::Exact => (below(product), x_norm),
            Fidelity::Ball { radius } => (below(product - up(radius * length)), x_norm),
            Fidelity::Penalised { lambda } => {
                let (doubt, most) = (self.coordinates.doubt()?, residual.most());
                let largest = lambda * (1.0 - doubt) / dual_norm * (1.0 - ROOM);
                let t = largest.min(product.max(0.0) / (length * length));
                let bound = t * product * (1.0 - ROOM) - up(0.5 * t * t * length * length);
                (bound.max(0.0) * (1.0 - ROOM), up(0.5 * most * most + lambda * (1.0 + doubt) * x_norm))
            }
        };
        Some(up((1.0 - bound / value).max(0.0)))
    }

    /// Whether X = 0 is the only minimiser: ‖b‖ ≤ ε, or ‖A*(b)‖ < λ.
    pub(super) fn zero_is_optimal(&self) -> bool {
        match self.fidelity {
            Fidelity::Exact => false,
            Fidelity::Ball { radius } => norm(&self.b) <= radius,
            Fidelity::Penalised { lambda } => {
                let pulled = self.coordinates.pulled_back(&self.measured.combined(&self.b));
                let bound = self.whole_norm(&pulled).zip(self.coordinates.doubt());
                bound.is_some_and(|(dual_norm, doubt)| up(dual_norm * (1.0 + self.coordinates.shift())) < lambda * (1.0 - doubt) * (1.0 - ROOM))
            }
        }
    }

    /// b − A(X̂) from A(X), which is within `distance` of A(X̂).
    pub(super) fn residual(&self, fitted: &Near, distance: f64) -> Residual {
        let values = self.b.iter().zip(&fitted.values).map(|(b, f)| b - f).collect();
        let rounded = rounding(1) * (norm(&self.b) + norm(&fitted.values));
        Residual { values, error: up(fitted.error + rounded + self.measured.operator_norm * distance) }
    }
}
