//! The certificate of a minimiser of rank r.

use super::bounds::{ROOM, floor_of_gram, largest_eigenvalue, largest_singular_value, least_eigenvalue_of_gram, norm, up};
use super::coordinates::Coordinates;
use super::measured::{Measured, Near};
use super::noise::{Proved, Spread};
use crate::linalg::{
    DoubleDouble, exponent, gram_between, mul, mul_transpose, rounding, row_major, scale, scale_all, symmetric_eigenvectors, thin_svd,
};
use crate::problem::{Domain, Fidelity, Recovery};
use crate::{Error, Factors};
use serde::{Deserialize, Serialize};

/// ‖A(X) − b‖ / ‖b‖ above which X does not count as fitting.
pub const MISFIT_LIMIT: f64 = 1e-10;
/// ‖X′ − X‖_F / ‖X‖_F, over all minimisers X′, above which X does not count as found.
pub const RADIUS_LIMIT: f64 = 1e-6;
/// Numbers in one work array: a gigabyte.
const LARGEST_ARRAY: usize = 1 << 27;

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
    const NOTHING: RecoveryVerdict = RecoveryVerdict {
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
    const ZERO: RecoveryVerdict =
        RecoveryVerdict { certified: true, misfit: Some(1.0), margin: Some(1.0), radius: Some(0.0), gap: Some(0.0), ..RecoveryVerdict::NOTHING };

    fn but(self, why: Unproved) -> Self {
        RecoveryVerdict { unproved: Some(why), ..self }
    }
}

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

/// X of rank r as factors of that width, each with half of the singular values: what a certificate keeps. None if a decomposition fails.
pub fn leading_factors(x: &[f64], (d1, d2): (usize, usize), rank: usize) -> Option<Factors> {
    let mut factors = Factors::zeros(d1, d2, rank);
    if rank == 0 {
        return Some(factors);
    }
    // the norm of x may be far from 1
    let exponent = exponent(x.iter().fold(0.0f64, |m, x| m.max(x.abs())))?;
    let near = scale_all(x, -exponent);
    let svd = thin_svd(&near, d1, d2)?;
    let width = d1.min(d2);
    let (u, v) = factors.split_mut();
    for k in 0..rank {
        let root = svd.singular_values[k].sqrt();
        (0..d1).for_each(|i| u[i * rank + k] = scale(root * svd.u[i * width + k], exponent / 2));
        (0..d2).for_each(|j| v[j * rank + k] = scale(root * svd.v[j * width + k], exponent - exponent / 2));
    }
    Some(factors)
}

/// X̂ = U diag(σ) Vᵀ, with U and V orthonormal up to `defect`.
pub(super) struct Spectral {
    pub u: Vec<f64>,
    pub v: Vec<f64>,
    pub sigma: Vec<f64>,
    /// ω with ‖UᵀU − I‖_F, ‖VᵀV − I‖_F ≤ ω: the nearest orthonormal factors are within ω.
    pub defect: f64,
}

impl Spectral {
    /// Whether two eigenvalues of a symmetric X̂ have one sign: V = U diag(±1).
    pub fn has_same_sign(&self, a: usize, b: usize) -> bool {
        let rank = self.sigma.len();
        let sign = |k: usize| (0..self.u.len() / rank).map(|i| self.u[i * rank + k] * self.v[i * rank + k]).sum::<f64>() > 0.0;
        sign(a) == sign(b)
    }
}

pub(super) struct Check<'a> {
    problem: &'a Recovery<'a>,
    pub measured: Measured,
    pub coordinates: Coordinates,
    /// b, brought near 1.
    pub b: Vec<f64>,
    /// How b binds X, for A and b as they are here.
    pub fidelity: Fidelity,
    /// y, for A and the norm as they are here.
    pub y: Vec<f64>,
    /// X, for A and b as they are here.
    x: Vec<f64>,
    rank: usize,
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
        let check = Check { problem, measured, coordinates, b, fidelity, y, x, rank };
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
        let Some((theta, dual_norm)) = self.off_tangent(&dual, &spectral) else { return verdict.but(Unproved::Margin) };
        verdict.margin = Some(1.0 - theta);
        verdict.gap = self.gap(&residual, x_norm, dual_norm);
        if !self.fits(misfit, MISFIT_LIMIT * b_norm) {
            return verdict.but(Unproved::Misfit);
        }
        let eta = self.tangent_defect(&dual, &spectral);
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
    fn size(&self) -> f64 {
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
    fn shift(&self) -> f64 {
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

    /// The singular value decomposition of X̃ ≈ P1⁻¹ X P2⁻ᵀ, cut to the rank claimed; of symmetric X the eigenvectors, V = U diag(±1).
    fn decompose(&self) -> Option<Spectral> {
        let (d1, d2) = self.measured.shape;
        let mut x = self.x.clone();
        if !self.coordinates.is_identity() {
            let mut halfway = vec![0.0; d1 * d2];
            mul(row_major(&self.coordinates.left.inverse, d1, d1), row_major(&self.x, d1, d2), &mut halfway);
            mul(row_major(&halfway, d1, d2), row_major(&self.coordinates.right.inverse, d2, d2).transpose(), &mut x);
        }
        let rank = self.rank;
        let (u, v, sigma) = if self.problem.domain == Domain::General {
            let svd = thin_svd(&x, d1, d2)?;
            let width = d1.min(d2);
            let leading = |a: &[f64], rows: usize| (0..rows).flat_map(|i| a[i * width..][..rank].to_vec()).collect::<Vec<f64>>();
            (leading(&svd.u, d1), leading(&svd.v, d2), svd.singular_values[..rank].to_vec())
        } else {
            let symmetric: Vec<f64> = (0..d1 * d1).map(|at| 0.5 * (x[at] + x[at % d1 * d1 + at / d1])).collect();
            let (values, vectors) = symmetric_eigenvectors(&symmetric, d1)?;
            let mut order: Vec<usize> = (0..d1).collect();
            order.sort_by(|&a, &b| values[b].abs().total_cmp(&values[a].abs()));
            if self.problem.domain == Domain::PositiveSemidefinite && order[..rank].iter().any(|&k| values[k] < 0.0) {
                return None;
            }
            let u: Vec<f64> = (0..d1 * rank).map(|at| vectors[order[at % rank] * d1 + at / rank]).collect();
            let v = u.iter().enumerate().map(|(at, u)| u * values[order[at % rank]].signum()).collect();
            (u, v, order[..rank].iter().map(|&k| values[k].abs()).collect())
        };
        if sigma.iter().any(|s| s.is_nan() || *s <= 0.0) {
            return None;
        }
        let defect = |a: &[f64]| {
            // in twice the precision: what is left is the defect, not the rounding of the sum
            let exact = |k: usize, l: usize| {
                let products = a.chunks_exact(rank).map(|row| DoubleDouble::from(row[k]) * DoubleDouble::from(row[l]));
                products.fold(DoubleDouble::from(if k == l { -1.0 } else { 0.0 }), |sum, x| sum + x).f64()
            };
            let gram: Vec<f64> = (0..rank * rank).map(|at| exact(at / rank, at % rank)).collect();
            up(norm(&gram) + 1e-25)
        };
        let defect = defect(&u).max(defect(&v));
        (defect < 1e-3).then_some(Spectral { u, v, sigma, defect })
    }

    /// ‖X − P1 X̂ P2ᵀ‖_F, with X̂ made of exactly orthonormal factors.
    fn distance(&self, at: &Spectral) -> f64 {
        let (d1, d2) = self.measured.shape;
        let rank = self.rank;
        let weighted: Vec<f64> = at.u.iter().enumerate().map(|(k, u)| u * at.sigma[k % rank]).collect();
        let mut x = vec![0.0; d1 * d2];
        mul(row_major(&weighted, d1, rank), row_major(&at.v, d2, rank).transpose(), &mut x);
        let Coordinates { left, right, .. } = &self.coordinates;
        if !self.coordinates.is_identity() {
            let (inner, mut halfway) = (x, vec![0.0; d1 * d2]);
            x = vec![0.0; d1 * d2];
            mul(row_major(&left.p, d1, d1), row_major(&inner, d1, d2), &mut halfway);
            mul(row_major(&halfway, d1, d2), row_major(&right.p, d2, d2).transpose(), &mut x);
        }
        let difference: Vec<f64> = self.x.iter().zip(&x).map(|(a, b)| a - b).collect();
        let sigma = norm(&at.sigma);
        let products = if self.coordinates.is_identity() { rank + 4 } else { rank + d1 + d2 + 8 };
        let rounded = rounding(products) * 2.0 * left.norm * right.norm * sigma * (rank as f64).sqrt();
        // X itself is the rounded product of its factors, and its symmetric part
        let stored = rounding(rank + 4) * (norm(&self.x) + sigma * left.norm * right.norm) * 2.0 * (rank as f64).sqrt();
        up(norm(&difference) + rounded + stored + 2.5 * at.defect * sigma * left.norm * right.norm)
    }

    /// θ ≥ ‖P_T⊥ Y‖ (over semidefinite X its largest eigenvalue), and a bound on ‖Y‖.
    fn off_tangent(&self, dual: &Near, at: &Spectral) -> Option<(f64, f64)> {
        let (d1, d2) = self.measured.shape;
        let rank = self.rank;
        let size = norm(&dual.values);
        let (u, v) = (row_major(&at.u, d1, rank), row_major(&at.v, d2, rank));
        let mut w = dual.values.clone();
        let mut inner = vec![0.0; rank * d2];
        mul_transpose(u, row_major(&w, d1, d2), &mut inner);
        let mut part = vec![0.0; d1 * d2];
        mul(u, row_major(&inner, rank, d2), &mut part);
        w.iter_mut().zip(&part).for_each(|(w, p)| *w -= p);
        let mut outer = vec![0.0; d1 * rank];
        mul(row_major(&w, d1, d2), v, &mut outer);
        mul(row_major(&outer, d1, rank), v.transpose(), &mut part);
        w.iter_mut().zip(&part).for_each(|(w, p)| *w -= p);
        // projectors of orthonormal factors within `defect` of these differ by at most 2.1 of it; four products of width d or r
        let error = up(dual.error * 1.01 + size * (5.0 * at.defect + 4.0 * rounding(d1 + d2 + 2 * rank + 8) * rank as f64));
        let theta = match self.problem.domain {
            Domain::PositiveSemidefinite => largest_eigenvalue_of(&w, d1)?,
            _ => largest_singular_value(&w, d2)?,
        };
        Some((up(theta + error), self.dual_norm(dual)?))
    }

    /// At least the dual norm of Y: over semidefinite X its largest eigenvalue, or 0.
    pub(super) fn dual_norm(&self, dual: &Near) -> Option<f64> {
        let (d1, d2) = self.measured.shape;
        let whole = match self.problem.domain {
            Domain::PositiveSemidefinite => largest_eigenvalue_of(&dual.values, d1)?,
            _ => largest_singular_value(&dual.values, d2)?,
        };
        Some(up(whole + dual.error + rounding(4) * norm(&dual.values)))
    }

    /// η ≥ ‖P_T Y − UVᵀ‖_F ≤ ‖UᵀY − Vᵀ‖_F + ‖YV − U‖_F.
    fn tangent_defect(&self, dual: &Near, at: &Spectral) -> f64 {
        let (d1, d2) = self.measured.shape;
        let rank = self.rank;
        let y = row_major(&dual.values, d1, d2);
        let (mut rows, mut columns) = (vec![0.0; d2 * rank], vec![0.0; d1 * rank]);
        mul_transpose(y, row_major(&at.u, d1, rank), &mut rows);
        mul(y, row_major(&at.v, d2, rank), &mut columns);
        rows.iter_mut().zip(&at.v).for_each(|(a, v)| *a -= v);
        columns.iter_mut().zip(&at.u).for_each(|(a, u)| *a -= u);
        let size = norm(&dual.values);
        let rounded = rounding(d1 + d2 + 4) * (size + 1.0) * 2.0 * (rank as f64).sqrt();
        up(norm(&rows) + norm(&columns) + rounded + 2.0 * dual.error + 2.5 * at.defect * (size + 2.0))
    }

    /// α with ‖A(P1 Z P2ᵀ)‖ ≥ α‖Z‖_F for Z in T.
    fn injectivity(&self, at: &Spectral) -> Option<f64> {
        let (d1, d2) = self.measured.shape;
        let rank = self.rank;
        let Coordinates { left, right, .. } = &self.coordinates;
        let symmetric = self.problem.domain != Domain::General;
        let width = if symmetric { d1 * rank } else { (d1 + d2) * rank };
        let diagonal = |p: &[f64], d: usize| (0..d).map(|k| p[k * d + k]).collect::<Vec<f64>>();
        let by = (&diagonal(&left.p, d1)[..], &diagonal(&right.p, d2)[..]);
        let correction = |weight: f64| up(weight * (3.0 * at.defect + rounding(4 * rank + 8) * rank as f64));
        let bound = match self.measured.gram_of_entries(by, &at.u, &at.v, rank) {
            Some(gram) => {
                let weight = (0..width).map(|k| gram[k * width + k]).sum::<f64>() / width as f64;
                // rows are not projected: on coordinates (P, Q) with QᵀV = 0 that is the same
                floor_of_gram(gram, width, self.measured.p, Some(&inside_gauge(&at.v, d1, rank, weight)))? - correction(weight)
            }
            None => {
                let rows = self.tangent_rows(at, symmetric);
                let weight = norm(&rows).powi(2) / width as f64;
                let gauge = if symmetric { skew_gauge(&at.v, rank, weight) } else { inside_gauge(&at.v, d1, rank, weight) };
                least_eigenvalue_of_gram(&rows, width, Some(&gauge))? - correction(weight)
            }
        };
        if bound <= 0.0 {
            return None;
        }
        let sizes = left.norm * right.norm * self.measured.size * (rank as f64).sqrt();
        let error = up((8.0 * rounding(2 * (d1 + d2) + 4 * rank + 16) + 8.0 * at.defect) * sizes);
        // over symmetric Z = sym(PUᵀ), ‖Z‖² ≤ 2‖P‖²
        let alpha = (bound.sqrt() * (1.0 - ROOM) - error) * if symmetric { 0.5f64.sqrt() } else { 1.0 };
        let shifted = up(self.shift() * self.size());
        (alpha > shifted).then_some((alpha - shifted) * (1.0 - ROOM))
    }

    /// Row i: the coordinates of P1ᵀ Aᵢ P2 as a form on T.
    fn tangent_rows(&self, at: &Spectral, symmetric: bool) -> Vec<f64> {
        let ((d1, d2), rank) = (self.measured.shape, self.rank);
        let Coordinates { left, right, .. } = &self.coordinates;
        let along = pulled(self.measured.along(&product(&right.p, &at.v, rank), rank), &left.p, rank, self.coordinates.is_identity());
        if symmetric {
            // (2 I − UUᵀ) ÃᵢU for Z = sym(P Uᵀ); V = U diag(±1) differs from U by signs that change no norm
            along.chunks_exact(d1 * rank).flat_map(|a| reflected(a, &at.v, rank)).collect::<Vec<f64>>()
        } else {
            let across = pulled(self.measured.across(&product(&left.p, &at.u, rank), rank), &right.p, rank, self.coordinates.is_identity());
            let mut rows = vec![0.0; along.len() + across.len()];
            let pairs = along.chunks_exact(d1 * rank).zip(across.chunks_exact(d2 * rank));
            // not projected: on coordinates (P, Q) with QᵀV = 0 that is the same
            for (row, (along, across)) in rows.chunks_exact_mut((d1 + d2) * rank).zip(pairs) {
                row[..d1 * rank].copy_from_slice(along);
                row[d1 * rank..].copy_from_slice(across);
            }
            rows
        }
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

/// An upper bound on the largest eigenvalue of the symmetric part, at least 0.
fn largest_eigenvalue_of(g: &[f64], d: usize) -> Option<f64> {
    let symmetric: Vec<f64> = (0..d * d).map(|k| 0.5 * (g[k] + g[k % d * d + k / d])).collect();
    largest_eigenvalue(&symmetric, d, up(norm(g) * (d as f64).sqrt()))
}

/// P·C of a d×d matrix and a row-major d×r one.
pub(super) fn product(p: &[f64], c: &[f64], rank: usize) -> Vec<f64> {
    let d = c.len() / rank;
    let mut out = vec![0.0; c.len()];
    mul(row_major(p, d, d), row_major(c, d, rank), &mut out);
    out
}

/// Measurements whose products with a factor are formed at once.
const TOGETHER: usize = 32;

/// PᵀB of each row B (d×r) of `rows`.
pub(super) fn pulled(mut rows: Vec<f64>, p: &[f64], rank: usize, is_identity: bool) -> Vec<f64> {
    if is_identity {
        return rows;
    }
    let d = p.len().isqrt();
    let (mut beside, mut out) = (vec![0.0; TOGETHER * d * rank], vec![0.0; TOGETHER * d * rank]);
    for some in rows.chunks_mut(TOGETHER * d * rank) {
        let width = some.len() / d;
        let place = |at: usize| at % d * width + at / d * rank;
        some.chunks_exact(rank).enumerate().for_each(|(at, row)| beside[place(at)..][..rank].copy_from_slice(row));
        mul_transpose(row_major(p, d, d), row_major(&beside[..some.len()], d, width), &mut out[..some.len()]);
        some.chunks_exact_mut(rank).enumerate().for_each(|(at, row)| row.copy_from_slice(&out[place(at)..][..rank]));
    }
    rows
}

/// (2I − VVᵀ) B.
fn reflected(b: &[f64], v: &[f64], rank: usize) -> Vec<f64> {
    let inside = gram_between(v, b, rank);
    let along = times(v, &inside, rank);
    b.iter().zip(along).map(|(b, a)| 2.0 * b - a).collect()
}

fn times(v: &[f64], small: &[f64], rank: usize) -> Vec<f64> {
    let mut out = vec![0.0; v.len()];
    mul(row_major(v, v.len() / rank, rank), row_major(small, rank, rank), &mut out);
    out
}

/// weight · (0 ⊕ VVᵀ ⊗ I): zero on the coordinates (P, Q) with QᵀV = 0 of T, positive on the others.
fn inside_gauge(v: &[f64], d1: usize, rank: usize, weight: f64) -> Vec<f64> {
    let d2 = v.len() / rank;
    let (n, start) = ((d1 + d2) * rank, d1 * rank);
    let mut gauge = vec![0.0; n * n];
    for i in 0..d2 {
        for j in 0..d2 {
            let inner: f64 = (0..rank).map(|k| v[i * rank + k] * v[j * rank + k]).sum();
            (0..rank).for_each(|k| gauge[(start + i * rank + k) * n + start + j * rank + k] = weight * inner);
        }
    }
    gauge
}

/// weight · CᵀC, C the skew part of VᵀP: zero on the coordinates P of symmetric matrices.
fn skew_gauge(v: &[f64], rank: usize, weight: f64) -> Vec<f64> {
    let n = v.len();
    let mut gauge = vec![0.0; n * n];
    for a in 0..rank {
        for b in a + 1..rank {
            let mut form = vec![0.0; n];
            for i in 0..n / rank {
                form[i * rank + b] = v[i * rank + a] * 0.5f64.sqrt();
                form[i * rank + a] = -v[i * rank + b] * 0.5f64.sqrt();
            }
            for (at, &f) in form.iter().enumerate().filter(|(_, f)| **f != 0.0) {
                gauge[at * n..][..n].iter_mut().zip(&form).for_each(|(g, other)| *g += weight * f * other);
            }
        }
    }
    gauge
}
