//! Does UVᵀ have another non-negative factorisation of the same rank?

use crate::Factors;

/// What was established about the factorisation of the product UVᵀ, up to order and scale of the components.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Evidence {
    /// U and V each hold, for every component, a row in which only that component is non-zero. Then a change of basis Q with UQ ≥ 0 and
    /// VQ⁻ᵀ ≥ 0 has Q ≥ 0 and Q⁻¹ ≥ 0, so it only permutes and scales.
    Unique,
    /// u_to ← u_to + t·u_from, v_from ← v_from − t·v_to keeps UVᵀ and both signs for 0 ≤ t ≤ `most` > 0: the support of v_to lies in
    /// that of v_from (or, with `swapped`, the same with U and V exchanged).
    Shear {
        /// Component that gives.
        from: usize,
        /// Component that takes.
        to: usize,
        /// Largest t.
        most: f64,
        /// t·‖v_to‖ / ‖v_from‖ at the largest t: the share of the giving component that is not pinned down.
        share: f64,
        /// The component vectors are those of U, not of V.
        swapped: bool,
    },
    /// A component whose product is zero: anything can stand in its non-zero half.
    ZeroComponent(usize),
    /// Neither test decides.
    Unknown,
}

/// Looks for a proof of uniqueness, then for an explicit second factorisation. Exact: zeros are the factors' own.
///
/// The first test is Donoho and Stodden's separability asked of both factors; the second is the simplest violation of the necessary
/// condition of Laurberg et al. (2008) that no support contains another.
pub fn uniqueness(factors: &Factors<f64>) -> Evidence {
    let (u, v) = (columns(factors.split().0, factors.rank()), columns(factors.split().1, factors.rank()));
    let r = factors.rank();
    let is_zero = |column: &Vec<f64>| column.iter().all(|&x| x == 0.0);
    if let Some(k) = (0..r).find(|&k| is_zero(&u[k]) || is_zero(&v[k])) {
        return Evidence::ZeroComponent(k);
    }
    if is_separable(factors.split().0, r) && is_separable(factors.split().1, r) {
        return Evidence::Unique;
    }
    let mut widest = Evidence::Unknown;
    let mut widest_share = 0.0;
    for (swapped, x) in [(false, &v), (true, &u)] {
        for from in 0..r {
            for to in (0..r).filter(|&to| to != from) {
                let most = largest_shear(&x[from], &x[to]);
                let share = most * norm(&x[to]) / norm(&x[from]);
                if share > widest_share {
                    widest_share = share;
                    widest = Evidence::Shear { from, to, most, share, swapped };
                }
            }
        }
    }
    widest
}

fn columns(rows: &[f64], r: usize) -> Vec<Vec<f64>> {
    (0..r).map(|k| rows.iter().skip(k).step_by(r).copied().collect()).collect()
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Largest t with from − t·to ≥ 0.
fn largest_shear(from: &[f64], to: &[f64]) -> f64 {
    from.iter().zip(to).filter(|&(_, &b)| b > 0.0).map(|(&a, &b)| a / b).fold(f64::INFINITY, f64::min)
}

/// For each component a row that holds nothing else.
fn is_separable(rows: &[f64], r: usize) -> bool {
    let mut pure = vec![false; r];
    for row in rows.chunks_exact(r) {
        let mut held = (0..r).filter(|&k| row[k] != 0.0);
        if let (Some(k), None) = (held.next(), held.next()) {
            pure[k] = true;
        }
    }
    pure.into_iter().all(|p| p)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(u: &[[f64; 2]], v: &[[f64; 2]]) -> Factors<f64> {
        let buffer = u.iter().chain(v).flatten().copied().collect();
        Factors::new(u.len(), v.len(), 2, buffer).unwrap()
    }

    #[test]
    fn pure_rows_on_both_sides_are_unique() {
        let f = factors(&[[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]], &[[0.5, 0.0], [0.0, 1.0]]);
        assert_eq!(uniqueness(&f), Evidence::Unique);
    }

    #[test]
    fn positive_factors_can_be_sheared_and_keep_their_product() {
        let f = factors(&[[1.0, 0.5], [0.5, 2.0], [3.0, 1.0]], &[[0.5, 1.0], [2.0, 1.0], [1.0, 1.0]]);
        let Evidence::Shear { from, to, most, swapped, share } = uniqueness(&f) else { panic!("not found") };
        assert!(most > 0.0 && share > 0.0);
        let mut g = f.clone();
        let (giving, taking) = if swapped {
            g.split_mut()
        } else {
            {
                let (u, v) = g.split_mut();
                (v, u)
            }
        };
        for row in giving.chunks_exact_mut(2) {
            row[from] -= most * row[to];
            assert!(row[from] >= -1e-15);
        }
        for row in taking.chunks_exact_mut(2) {
            row[to] += most * row[from];
        }
        for i in 0..3 {
            for j in 0..3 {
                let product = |f: &Factors<f64>| {
                    let (u, v) = f.row_pair(i, j);
                    u[0] * v[0] + u[1] * v[1]
                };
                assert!((product(&f) - product(&g)).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn a_zero_component_is_named() {
        let f = factors(&[[1.0, 0.0], [0.5, 0.0]], &[[0.5, 1.0], [2.0, 1.0]]);
        assert_eq!(uniqueness(&f), Evidence::ZeroComponent(1));
    }
}
