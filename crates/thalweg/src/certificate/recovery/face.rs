//! The certificate of a minimiser whose tangent space has more dimensions than there are measurements.

use super::bounds::{ROOM, least_eigenvalue_of_gram, up};
use super::decomposition::Spectral;
use super::minimiser::Check;
use super::tangent::{product, pulled};
use crate::linalg::{mul_transpose, rounding, row_major};
use crate::problem::Domain;

impl Check<'_> {
    /// Bounds ‖X′ − X̂‖_F over all minimisers X′ with A(X′) = A(X̂).
    ///
    /// They lie near the face {U S Vᵀ : S symmetric} of the norm's ball. With c = 1/(1 − θ), ‖A(U S Vᵀ)‖ ≥ α‖S‖_F, C = 1 + κ/α and Ccη ≤ ¼,
    ///
    /// ```text
    /// ‖P_T(X′ − X̂)‖_F ≤ τ := 14 C² c η ‖X̂‖_*,   ‖P_T⊥(X′ − X̂)‖_* ≤ cητ.
    /// ```
    ///
    /// The guide's page on recovery has the proof. None if A is not shown to be injective on the face.
    pub(super) fn near_face(&self, at: &Spectral, eta: f64, theta: f64, x_norm: f64) -> Option<f64> {
        let alpha = self.injectivity_on_face(at)?;
        let separates = theta < 1.0;
        if !separates {
            return None;
        }
        let c = up(1.0 / (1.0 - theta));
        let (left, right) = (&self.coordinates.left, &self.coordinates.right);
        let size = up(left.spectral * self.measured.sharp_norm() * right.spectral * (1.0 + self.coordinates.shift()));
        let spread = up(1.0 + size / alpha);
        if up(spread * c * eta) > 0.25 {
            return None;
        }
        Some(up(14.0 * spread * spread * c * eta * x_norm * (1.0 + c * eta)))
    }

    /// α with ‖A(Q1 U S Vᵀ Q2ᵀ)‖ ≥ α‖S‖_F for symmetric S; over symmetric X, for those between vectors whose eigenvalues have one sign.
    fn injectivity_on_face(&self, at: &Spectral) -> Option<f64> {
        let ((d1, _), rank) = (self.measured.shape, at.sigma.len());
        let (left, right) = (&self.coordinates.left, &self.coordinates.right);
        let along =
            pulled(self.measured.along(0..self.measured.p, &product(&right.p, &at.v, rank), rank), &left.p, rank, self.coordinates.is_identity());
        let is_pair = |a: usize, b: usize| self.domain() == Domain::General || at.has_same_sign(a, b);
        let pairs: Vec<(usize, usize)> = (0..rank).flat_map(|a| (a..rank).map(move |b| (a, b))).filter(|&(a, b)| is_pair(a, b)).collect();
        let mut rows = Vec::with_capacity(self.measured.p * pairs.len());
        let mut inner = vec![0.0; rank * rank];
        for along in along.chunks_exact(d1 * rank) {
            mul_transpose(row_major(&at.u, d1, rank), row_major(along, d1, rank), &mut inner);
            let entry = |a: usize, b: usize| inner[a * rank + b];
            rows.extend(pairs.iter().map(|&(a, b)| if a == b { entry(a, a) } else { (entry(a, b) + entry(b, a)) * 0.5f64.sqrt() }));
        }
        let bound = least_eigenvalue_of_gram(&rows, pairs.len())?;
        let sizes = left.norm * right.norm * self.measured.size * rank as f64;
        let error = up((8.0 * rounding(3 * (d1 + self.measured.shape.1) + 4 * rank + 16) + 8.0 * at.defect + self.coordinates.shift()) * sizes);
        let alpha = bound.sqrt() * (1.0 - ROOM) - error;
        (alpha > 0.0).then_some(alpha)
    }
}
