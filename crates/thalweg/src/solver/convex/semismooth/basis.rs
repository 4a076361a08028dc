//! The singular vectors of S, and the coordinates in which the derivative of the prox is diagonal.

use crate::linalg::{mul, mul_transpose, row_major, symmetric_eigenvectors, thin_svd};
use crate::problem::Domain;

/// S = U diag(σ) Vᵀ, with U d1×k, V d2×k and k = min(d1, d2); of symmetric S the eigenvectors, V = U, and eigenvalues. The first r are active: their
/// size is above τ.
///
/// A matrix M has *free* coordinates, along which prox moves as S does, and *weighted* ones, along which it moves by ω < 1 of that, w = ω/(1−ω):
///
/// ```text
/// general      free: uₐᵀMvₐ, (uₐᵀMv_b + u_bᵀMvₐ)/√2                      a < b ≤ r
///              (uₐᵀMv_b − u_bᵀMvₐ)/√2           w = (xₐ + x_b)/2τ
///              (uₐᵀMvⱼ ± uⱼᵀMvₐ)/√2             w = xₐ/(τ ∓ σⱼ)           j > r
///              (I − UUᵀ)Mvₐ, (I − VVᵀ)Mᵀuₐ      w = xₐ/τ
/// symmetric    free: uₐᵀMuₐ, √2 uₐᵀMu_b where λₐ and λ_b have one sign
///              √2 uₐᵀMu_b                       w = (xₐ + x_b)/2τ         where they have not
///              √2 uₐᵀMuⱼ                        w = xₐ/(τ − sign(λₐ) λⱼ)
/// ```
///
/// with xₐ = |σₐ| − τ. All others stay where they are: ω = 0.
pub(super) struct Basis {
    shape: (usize, usize),
    u: Vec<f64>,
    v: Vec<f64>,
    values: Vec<f64>,
    is_symmetric: bool,
    tau: f64,
    /// r.
    pub rank: usize,
    /// Uᵣ and Vᵣ, row-major with r columns.
    pub active: (Vec<f64>, Vec<f64>),
}

/// The coordinates of one matrix.
#[derive(Default)]
pub(super) struct Coordinates {
    pub free: Vec<f64>,
    pub weighted: Vec<f64>,
}

/// τ − σⱼ is no smaller than this part of τ.
const NEAREST: f64 = 1e-13;

impl Basis {
    /// None if a decomposition fails.
    pub fn of(s: &[f64], shape: (usize, usize), tau: f64, domain: Domain) -> Option<Self> {
        let (d1, d2) = shape;
        let k = d1.min(d2);
        let (u, v, values) = match domain {
            Domain::General => {
                let svd = thin_svd(s, d1, d2)?;
                (svd.u, svd.v, svd.singular_values)
            }
            _ => {
                let (values, vectors) = symmetric_eigenvectors(s, d1)?;
                let size = |at: usize| if domain == Domain::Symmetric { values[at].abs() } else { values[at] };
                let mut order: Vec<usize> = (0..d1).collect();
                order.sort_by(|&a, &b| size(b).total_cmp(&size(a)));
                let u: Vec<f64> = (0..d1 * d1).map(|at| vectors[order[at % d1] * d1 + at / d1]).collect();
                (u.clone(), u, order.iter().map(|&at| values[at]).collect())
            }
        };
        let size = |value: f64| if domain == Domain::Symmetric { value.abs() } else { value };
        let rank = values.iter().take_while(|&&value| size(value) > tau).count();
        let leading = |a: &[f64]| a.chunks_exact(k).flat_map(|row| row[..rank].to_vec()).collect::<Vec<f64>>();
        let active = (leading(&u), leading(&v));
        Some(Basis { shape, u, v, values, is_symmetric: domain != Domain::General, tau, rank, active })
    }

    fn side(&self) -> usize {
        self.shape.0.min(self.shape.1)
    }

    /// xₐ.
    fn excess(&self, a: usize) -> f64 {
        self.values[a].abs() - self.tau
    }

    /// Σ sign(σₐ) xₐ uₐvₐᵀ, row-major.
    pub fn prox(&self) -> Vec<f64> {
        let (d1, d2) = self.shape;
        let weighted = self.active.0.iter().enumerate().map(|(at, u)| {
            let a = at % self.rank;
            u * self.excess(a) * self.values[a].signum()
        });
        let mut x = vec![0.0; d1 * d2];
        mul(row_major(&weighted.collect::<Vec<f64>>(), d1, self.rank), row_major(&self.active.1, d2, self.rank).transpose(), &mut x);
        x
    }

    /// w, in the order of [`Basis::coordinates`].
    pub fn weights(&self) -> Vec<f64> {
        let (r, k, tau) = (self.rank, self.side(), self.tau);
        let below = |gap: f64| gap.max(NEAREST * tau);
        let mut weights = Vec::new();
        for a in 0..r {
            weights.extend((a + 1..r).filter(|&b| !self.is_free(a, b)).map(|b| (self.excess(a) + self.excess(b)) / (2.0 * tau)));
        }
        for a in 0..r {
            for &value in &self.values[r..k] {
                match self.is_symmetric {
                    true => weights.push(self.excess(a) / below(tau - self.values[a].signum() * value)),
                    false => weights.extend([self.excess(a) / below(tau - value), self.excess(a) / (tau + value)]),
                }
            }
        }
        for _ in 0..self.remainder() {
            weights.extend((0..r).map(|a| self.excess(a) / tau));
        }
        weights
    }

    /// Rows of the two parts outside U and V.
    fn remainder(&self) -> usize {
        let outside = |d: usize| if d > self.side() { d } else { 0 };
        outside(self.shape.0) + outside(self.shape.1)
    }

    /// Whether the symmetric part of a pair a ≠ b of active vectors is free and, of symmetric matrices, there is no other part.
    fn is_free(&self, a: usize, b: usize) -> bool {
        self.is_symmetric && self.values[a].signum() == self.values[b].signum()
    }

    /// Appends the coordinates of M, of which MVᵣ (d1×r) and MᵀUᵣ (d2×r) are given.
    pub fn coordinates(&self, along: &[f64], across: &[f64], out: &mut Coordinates) {
        let (r, k) = (self.rank, self.side());
        let half = 0.5f64.sqrt();
        let of_v = self.projected(&self.u, along);
        let of_u = if self.is_symmetric { of_v.clone() } else { self.projected(&self.v, across) };
        out.free.extend((0..r).map(|a| of_v[a * r + a]));
        for a in 0..r {
            for b in a + 1..r {
                let (ab, ba) = (of_v[a * r + b], of_v[b * r + a]);
                match (self.is_symmetric, self.is_free(a, b)) {
                    (false, _) => {
                        out.free.push(half * (ab + ba));
                        out.weighted.push(half * (ab - ba));
                    }
                    (true, true) => out.free.push(half * (ab + ba)),
                    (true, false) => out.weighted.push(half * (ab + ba)),
                }
            }
        }
        for a in 0..r {
            for j in r..k {
                let (aj, ja) = (of_u[j * r + a], of_v[j * r + a]);
                match self.is_symmetric {
                    true => out.weighted.push(2.0 * half * ja),
                    false => out.weighted.extend([half * (aj + ja), half * (aj - ja)]),
                }
            }
        }
        if self.shape.0 > k {
            out.weighted.extend(self.outside(&self.u, along, &of_v));
        }
        if self.shape.1 > k {
            out.weighted.extend(self.outside(&self.v, across, &of_u));
        }
    }

    /// Σ cᵢEᵢ over the unit matrices Eᵢ of the coordinates, row-major.
    pub fn combined(&self, at: &Coordinates) -> Vec<f64> {
        let ((d1, d2), r, k) = (self.shape, self.rank, self.side());
        let half = 0.5f64.sqrt();
        let (mut of_v, mut of_u) = (vec![0.0; k * r], vec![0.0; k * r]);
        let (mut free, mut weighted) = (at.free.iter().copied(), at.weighted.iter().copied());
        let mut next_free = || free.next().unwrap_or(0.0);
        (0..r).for_each(|a| of_v[a * r + a] = next_free());
        let mut next_weighted = || weighted.next().unwrap_or(0.0);
        for a in 0..r {
            for b in a + 1..r {
                let (even, odd) = match (self.is_symmetric, self.is_free(a, b)) {
                    (false, _) => (next_free(), next_weighted()),
                    (true, true) => (next_free(), 0.0),
                    (true, false) => (next_weighted(), 0.0),
                };
                of_v[a * r + b] = half * (even + odd);
                of_v[b * r + a] = half * (even - odd);
            }
        }
        for a in 0..r {
            for j in r..k {
                let even = next_weighted();
                let odd = if self.is_symmetric { 0.0 } else { next_weighted() };
                of_u[j * r + a] = half * (even + odd);
                of_v[j * r + a] = half * (even - odd);
            }
        }
        let (mut left, mut right) = (vec![0.0; d1 * r], vec![0.0; d2 * r]);
        mul(row_major(&self.u, d1, k), row_major(&of_v, k, r), &mut left);
        mul(row_major(&self.v, d2, k), row_major(&of_u, k, r), &mut right);
        if d1 > k {
            left.iter_mut().for_each(|x| *x += next_weighted());
        }
        if d2 > k {
            right.iter_mut().for_each(|x| *x += next_weighted());
        }
        let (mut out, mut other) = (vec![0.0; d1 * d2], vec![0.0; d1 * d2]);
        mul(row_major(&left, d1, r), row_major(&self.active.1, d2, r).transpose(), &mut out);
        mul(row_major(&self.active.0, d1, r), row_major(&right, d2, r).transpose(), &mut other);
        out.iter_mut().zip(other).for_each(|(x, y)| *x += y);
        out
    }

    /// QᵀB, k×r.
    fn projected(&self, q: &[f64], b: &[f64]) -> Vec<f64> {
        let (k, d) = (self.side(), b.len() / self.rank);
        let mut out = vec![0.0; k * self.rank];
        mul_transpose(row_major(q, d, k), row_major(b, d, self.rank), &mut out);
        out
    }

    /// B − Q(QᵀB).
    fn outside(&self, q: &[f64], b: &[f64], inside: &[f64]) -> Vec<f64> {
        let (k, d) = (self.side(), b.len() / self.rank);
        let mut out = vec![0.0; b.len()];
        mul(row_major(q, d, k), row_major(inside, k, self.rank), &mut out);
        b.iter().zip(out).map(|(b, inside)| b - inside).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// prox(S + tM) − prox(S) over t is w/(1+w) of M along weighted coordinates, and M along free ones.
    #[test]
    fn coordinates_make_the_derivative_of_the_prox_diagonal() {
        let wave = |count: usize, by: f64| (0..count).map(|k| (by * (k * k + 1) as f64).sin()).collect::<Vec<f64>>();
        for (shape, domain) in [((5, 5), Domain::General), ((6, 4), Domain::General), ((4, 7), Domain::General), ((6, 6), Domain::Symmetric)] {
            let (d1, d2) = shape;
            let symmetric = |x: Vec<f64>| (0..d1 * d2).map(|at| x[at] + x[at % d1 * d1 + at / d1]).collect::<Vec<f64>>();
            let drawn = |by: f64| if domain == Domain::General { wave(d1 * d2, by) } else { symmetric(wave(d1 * d2, by)) };
            let (s, m) = (drawn(0.37), drawn(0.91));
            let tau = 1.1;
            let basis = Basis::of(&s, shape, tau, domain).unwrap();
            assert!(basis.rank > 1 && basis.rank < d1.min(d2), "{shape:?} {}", basis.rank);
            let (mut along, mut across) = (vec![0.0; d1 * basis.rank], vec![0.0; d2 * basis.rank]);
            mul(row_major(&m, d1, d2), row_major(&basis.active.1, d2, basis.rank), &mut along);
            mul_transpose(row_major(&m, d1, d2), row_major(&basis.active.0, d1, basis.rank), &mut across);
            let mut at = Coordinates::default();
            basis.coordinates(&along, &across, &mut at);
            at.weighted.iter_mut().zip(basis.weights()).for_each(|(c, w)| *c *= w / (1.0 + w));
            let expected = basis.combined(&at);
            let step = 1e-6;
            let moved = |t: f64| Basis::of(&s.iter().zip(&m).map(|(s, m)| s + t * m).collect::<Vec<f64>>(), shape, tau, domain).unwrap().prox();
            let measured: Vec<f64> = moved(step).iter().zip(moved(-step)).map(|(a, b)| (a - b) / (2.0 * step)).collect();
            let size = expected.iter().fold(0.0f64, |m, x| m.max(x.abs()));
            assert!(measured.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-7 * size), "{shape:?} {domain:?}");
        }
    }
}
