//! The certificate of a minimiser of rank r.

use super::bounds::{ROOM, norm, up};
use super::coordinates::Coordinates;
use super::decomposition::Spectral;
use super::measured::Measured;
use super::noise::{Proved, Spread};
use super::verdict::{MISFIT_LIMIT, RADIUS_LIMIT, RecoveryVerdict, Unproved};
use crate::linalg::{exponent, mul, rounding, row_major, scale, scale_all};
use crate::problem::{Domain, Fidelity, Recovery};
use crate::{Error, Factors};

/// Numbers in one work array: a gigabyte.
const LARGEST_ARRAY: usize = 1 << 27;

/// Proves that every minimiser lies near X = UVᵀ, or says what is missing.
///
/// Let X̂ be of rank r with singular vectors U, V and tangent space T, Y = A*(y), ‖P_T Y − UVᵀ‖_F ≤ η, ‖P_T⊥Y‖ ≤ θ, ‖A(Z)‖ ≥ α‖Z‖_F on T and
/// ηκ/α < 1 − θ with κ ≥ ‖A‖. Then every X′ with ‖X′‖_* ≤ ‖X̂‖_* + s and A(X′) − A(X̂) = ρ obeys
///
/// ```text
/// ‖P_T⊥(X′ − X̂)‖_* ≤ (s + ‖y‖‖ρ‖ + η‖ρ‖/α) / (1 − θ − ηκ/α),  ‖P_T(X′ − X̂)‖_F ≤ (‖ρ‖ + κ‖P_T⊥(X′ − X̂)‖_F) / α.
/// ```
///
/// # Errors
/// [`Error::Shape`] if the factors or y do not fit, [`Error::NotFinite`].
pub fn verify(problem: &Recovery<'_>, factors: &Factors, multiplier: &[f64]) -> Result<RecoveryVerdict, Error> {
    let (d1, d2) = problem.map.shape();
    if (factors.rows(), factors.cols()) != (d1, d2) {
        return Err(Error::Shape { what: "the factors' product", expected: (d1, d2), got: (factors.rows(), factors.cols()) });
    }
    if multiplier.len() != problem.b.len() {
        return Err(Error::Shape { what: "the multiplier", expected: (problem.b.len(), 1), got: (multiplier.len(), 1) });
    }
    if let Some(row) = multiplier.iter().position(|y| !y.is_finite()) {
        return Err(Error::NotFinite { what: "the multiplier", row, col: 0, value: multiplier[row] });
    }
    if factors.rank() > 0
        && let Some((side, row, col)) = factors.first_not_finite()
    {
        let value = factors.side(side)[row * factors.rank() + col];
        return Err(Error::NotFinite { what: "a factor", row, col, value });
    }
    Ok(Check::of(problem, factors, multiplier))
}

pub(super) struct Check<'a> {
    pub problem: &'a Recovery<'a>,
    pub measured: Measured<'a>,
    pub coordinates: Coordinates,
    /// b, brought near 1.
    pub b: Vec<f64>,
    /// How b binds X, for A and b as they are here.
    pub fidelity: Fidelity,
    /// y, for A and the norm as they are here.
    pub y: Vec<f64>,
    /// X, for A and b as they are here,
    pub x: Vec<f64>,
    /// and its factors.
    pub factors: (Vec<f64>, Vec<f64>),
    pub rank: usize,
}

impl<'a> Check<'a> {
    fn of(problem: &'a Recovery<'a>, factors: &Factors, multiplier: &[f64]) -> RecoveryVerdict {
        let nothing = RecoveryVerdict::NOTHING;
        let ((d1, d2), rank) = (problem.map.shape(), factors.rank());
        if problem.b.iter().all(|&b| b == 0.0) {
            // X = 0 fits, and nothing else has norm 0
            let zero = factors.as_slice().iter().all(|&x| x == 0.0);
            return if zero { RecoveryVerdict { misfit: Some(0.0), ..RecoveryVerdict::ZERO } } else { nothing.but(Unproved::Misfit) };
        }
        let Some(measured) = Measured::of(problem.map) else { return nothing.but(Unproved::Misfit) };
        if rank > d1.min(d2) || (rank == 0 && problem.fidelity == Fidelity::Exact) {
            return nothing.but(Unproved::Rank);
        }
        if measured.p.saturating_mul((d1 + d2) * rank) > LARGEST_ARRAY || measured.p.saturating_mul(measured.p) > LARGEST_ARRAY {
            return nothing.but(Unproved::TooLarge);
        }
        let Some(coordinates) = Coordinates::of(&measured, problem.norm) else { return nothing.but(Unproved::SingularRescaling) };
        let of_b = exponent(problem.b.iter().fold(0.0f64, |m, b| m.max(b.abs()))).expect("b is not zero");
        let mut x = vec![0.0; d1 * d2];
        // two exact scalings, so that neither factor leaves the range
        let shift = measured.exponent - of_b;
        let (u, v) = (scale_all(factors.split().0, shift / 2), scale_all(factors.split().1, shift - shift / 2));
        mul(row_major(&u, d1, rank), row_major(&v, d2, rank).transpose(), &mut x);
        if problem.domain != Domain::General {
            x = (0..d1 * d1).map(|at| 0.5 * (x[at] + x[at % d1 * d1 + at / d1])).collect();
        }
        let fidelity = match problem.fidelity {
            Fidelity::Ball { radius } if radius > 0.0 => Fidelity::Ball { radius: scale(radius, -of_b) },
            Fidelity::Ball { .. } | Fidelity::Exact => Fidelity::Exact,
            Fidelity::Penalised { lambda } => Fidelity::Penalised { lambda: scale(lambda, -of_b - measured.exponent) },
        };
        let (b, y) = (scale_all(problem.b, -of_b), scale_all(multiplier, measured.exponent));
        let check = Check { problem, measured, coordinates, b, fidelity, y, x, factors: (u, v), rank };
        match rank {
            0 if check.zero_is_optimal() => RecoveryVerdict::ZERO,
            0 => nothing.but(Unproved::Rank),
            _ => check.run(),
        }
    }

    fn run(&self) -> RecoveryVerdict {
        let mut verdict = RecoveryVerdict::NOTHING;
        let b_norm = norm(&self.b) * (1.0 - 2.0 * rounding(self.b.len() + 2)) * (1.0 - 3.0 * ROOM);
        // ‖A(X) − b‖
        let fitted = self.measured.fitted(&self.x);
        let difference: Vec<f64> = fitted.values.iter().zip(&self.b).map(|(f, b)| f - b).collect();
        let misfit = up(norm(&difference) * (1.0 + rounding(2)) + fitted.error + rounding(1) * norm(&self.b));
        verdict.misfit = Some(up(misfit / b_norm));
        let Some(spectral) = self.decompose() else { return verdict.but(Unproved::Rank) };
        // X̂ stands for X from here on: ‖X − P1 X̂ P2ᵀ‖_F ≤ distance
        let distance = up(self.distance(&spectral) + self.shift() * self.coordinates.left.norm * self.coordinates.right.norm * norm(&spectral.sigma));
        let residual = self.residual(&fitted, distance);
        let mut dual = self.coordinates.pulled_back(&self.measured.combined(&self.y));
        dual.error = up(dual.error + self.shift() * (norm(&dual.values) + dual.error));
        let x_norm: f64 = up(spectral.sigma.iter().sum());
        let Some(theta) = self.off_tangent(&dual, &spectral) else { return verdict.but(Unproved::Margin) };
        let eta = self.tangent_defect(&dual, &spectral);
        verdict.margin = Some(1.0 - theta);
        verdict.gap = self.dual_norm(&dual, theta, eta).and_then(|dual_norm| self.gap(&residual, x_norm, dual_norm));
        if !self.fits(misfit, MISFIT_LIMIT * b_norm) {
            return verdict.but(Unproved::Misfit);
        }
        verdict.tangent = Some(eta);
        // each of these is false for NaN
        let separates = theta < 1.0;
        if !separates {
            return verdict.but(Unproved::Margin);
        }
        let Some(alpha) = self.injectivity(&spectral) else { return self.beyond_tangent(verdict, &spectral, eta, x_norm, distance) };
        verdict.injectivity = Some(alpha / self.size());
        let size = self.size_of_products();
        let room = (1.0 - theta) * (1.0 - ROOM) - up(eta * size / alpha);
        let has_room = room > 0.0;
        if !has_room {
            return verdict.but(Unproved::Tangent);
        }
        let is_inside = self.is_inside(&residual);
        let reach = if is_inside { None } else { self.reach() };
        verdict.independent = (!is_inside).then_some(reach.is_some());
        let proved = Proved { skew: up(eta / alpha), room, norm: x_norm, reach };
        let spread = match self.fidelity {
            Fidelity::Exact => Some(self.exact_spread(up(misfit + self.measured.operator_norm * distance), &proved)),
            _ => self.spread(&residual, &proved),
        };
        let Some(Spread { off, measured: rho }) = spread else { return verdict.but(Unproved::Tangent) };
        let on = up((rho + size * off) / alpha);
        self.within(verdict, off + on, distance)
    }

    /// The verdict where minimisers are within `apart` of X̂ in its coordinates, and X̂ within `distance` of X.
    fn within(&self, verdict: RecoveryVerdict, apart: f64, distance: f64) -> RecoveryVerdict {
        let (left, right) = (&self.coordinates.left, &self.coordinates.right);
        let radius = up(left.spectral * right.spectral * (1.0 + self.coordinates.shift()) * apart + distance);
        let radius = up(radius / (norm(&self.x) * (1.0 - 2.0 * rounding(self.x.len() + 2)) * (1.0 - 3.0 * ROOM)));
        let verdict = RecoveryVerdict { radius: Some(radius), ..verdict };
        let is_near = radius <= RADIUS_LIMIT;
        if is_near { RecoveryVerdict { certified: true, ..verdict } } else { verdict.but(Unproved::Radius) }
    }

    /// Where A is not injective on the tangent space, the face of the norm's ball may do; of the measurements that X has.
    fn beyond_tangent(&self, verdict: RecoveryVerdict, at: &Spectral, eta: f64, x_norm: f64, distance: f64) -> RecoveryVerdict {
        // in the coordinates of Q nothing is lost to the slack of a factor
        let Coordinates { left, right, .. } = &self.coordinates;
        let dual = self.coordinates.pulled_back(&self.measured.combined(&self.y));
        let moved = up(self.coordinates.shift() * (norm(&dual.values) + dual.error));
        let theta = up(1.0 - verdict.margin.unwrap_or(0.0) + moved);
        let apart = if self.fidelity == Fidelity::Exact { self.near_face(at, up(eta + moved), theta, x_norm) } else { None };
        let distance = up(distance + self.coordinates.shift() * left.norm * right.norm * norm(&at.sigma));
        match apart {
            None => verdict.but(Unproved::Injectivity),
            Some(apart) => self.within(RecoveryVerdict { independent: Some(false), ..verdict }, apart, distance),
        }
    }

    /// At least ‖A(P1 Z P2ᵀ)‖ / ‖Z‖_F.
    pub(super) fn size(&self) -> f64 {
        let Coordinates { left, right, .. } = &self.coordinates;
        up(left.spectral * self.measured.operator_norm * right.spectral * (1.0 + self.coordinates.shift()))
    }

    /// κ: at least ‖A(P1 Z P2ᵀ)‖ / ‖Z‖_*.
    fn size_of_products(&self) -> f64 {
        let Coordinates { left, right, product_norm } = &self.coordinates;
        let of_products = product_norm.map(|norm| up(left.spectral * norm * right.spectral * (1.0 + self.coordinates.shift())));
        of_products.map_or(self.size(), |size| size.min(self.size()))
    }

    /// What F may do, where the coordinates are those of Q: a penalty needs the norm itself, not ratios of it.
    pub(super) fn shift(&self) -> f64 {
        if matches!(self.fidelity, Fidelity::Penalised { .. }) { self.coordinates.shift() } else { 0.0 }
    }

    pub(super) fn domain(&self) -> Domain {
        self.problem.domain
    }

    /// How far minimisers with A(X′) = b may be. Without independent measurements, b stands for any measurements in the range of A within the
    /// residual.
    fn exact_spread(&self, residual: f64, proved: &Proved) -> Spread {
        let (rho, preimage) = match proved.reach {
            Some(reach) => (residual, up(reach * residual)),
            None => (0.0, 0.0),
        };
        let distortion = self.coordinates.distortion();
        let slack = up(distortion * proved.norm + (1.0 + distortion) * preimage);
        Spread { off: up((slack + norm(&self.y) * rho + up(proved.skew * rho)) / proved.room), measured: rho }
    }

    /// κ: every ρ has an X̃ with A(P1 X̃ P2ᵀ) = ρ and ‖X̃‖_* ≤ κ‖ρ‖. None unless the measurements are proved independent.
    fn reach(&self) -> Option<f64> {
        let independence = self.measured.independence()?;
        let Coordinates { left, right, .. } = &self.coordinates;
        let (d1, d2) = self.measured.shape;
        // X with A(X) = ρ and ‖X‖_F ≤ ‖ρ‖/independence; X̃ = P1⁻¹ X P2⁻ᵀ
        Some(up((d1.min(d2) as f64).sqrt() * left.inverse_norm * right.inverse_norm / independence))
    }
}
