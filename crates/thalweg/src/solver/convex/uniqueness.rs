//! A second minimiser beside the first, where there is one in reach.

use super::RecoveryPoint;
use crate::linalg::{gram_of_columns, row_major, symmetric_eigenvectors, thin_svd};
use crate::map::MeasurementMap;
use crate::problem::Domain;
use crate::{Factors, Side};

/// ‖A(U S Vᵀ)‖² over ‖A‖² below which S is a direction that no measurement sees.
const BLIND: f64 = 1e-16;

/// Numbers of a table up to which directions are compared: one gibibyte.
const LARGEST_TABLE: usize = 1 << 27;

/// X + U S Vᵀ with A(U S Vᵀ) = 0, S symmetric: it fits b, and as long as Σ + S ⪰ 0 its norm is tr(Σ + S) = ‖X‖_*, because
/// tr S = ⟨A*(y), U S Vᵀ⟩ = 0 when P_T A*(y) = UVᵀ. None if A is injective on these directions, or
/// they are too many to compare.
pub(super) fn second_solution(map: &dyn MeasurementMap, at: &RecoveryPoint, domain: Domain) -> Option<Vec<f64>> {
    let (d1, d2) = map.shape();
    let rank = at.rank;
    if rank == 0 || domain != Domain::General || rank * d1.max(rank) > LARGEST_TABLE / map.len() {
        return None;
    }
    let svd = thin_svd(&at.x, d1, d2)?;
    let width = d1.min(d2);
    let columns = |a: &[f64], rows: usize| (0..rows).flat_map(|i| a[i * width..][..rank].to_vec()).collect::<Vec<f64>>();
    let (u, v) = (columns(&svd.u, d1), columns(&svd.v, d2));
    let mut along = vec![0.0; map.len() * d1 * rank];
    map.jacobian(Side::U, &v, rank, &mut along);
    let pairs: Vec<(usize, usize)> = (0..rank).flat_map(|a| (a..rank).map(move |b| (a, b))).collect();
    // row i: uₐᵀ Aᵢ v_b + u_bᵀ Aᵢ vₐ over √2, and uₐᵀ Aᵢ vₐ
    let mut rows = Vec::with_capacity(map.len() * pairs.len());
    for along in along.chunks_exact(d1 * rank) {
        let form = |a: usize, b: usize| (0..d1).map(|i| u[i * rank + a] * along[i * rank + b]).sum::<f64>();
        rows.extend(pairs.iter().map(|&(a, b)| if a == b { form(a, a) } else { (form(a, b) + form(b, a)) * 0.5f64.sqrt() }));
    }
    let gram = gram_of_columns(row_major(&rows, map.len(), pairs.len()));
    let (values, vectors) = symmetric_eigenvectors(&gram, pairs.len())?;
    let smallest = *values.last()?;
    let scale = along.iter().map(|x| x * x).sum::<f64>() / rank as f64;
    if smallest > BLIND * scale {
        return None;
    }
    let direction = &vectors[(pairs.len() - 1) * pairs.len()..];
    let step = 0.5 * svd.singular_values[rank - 1];
    let mut moved = Factors::zeros(d1, d2, rank);
    let (left, right) = moved.split_mut();
    right.copy_from_slice(&v);
    for (&(a, b), &s) in pairs.iter().zip(direction) {
        let s = step * if a == b { s } else { s * 0.5f64.sqrt() };
        for i in 0..d1 {
            left[i * rank + b] += s * u[i * rank + a];
            if a != b {
                left[i * rank + a] += s * u[i * rank + b];
            }
        }
    }
    let mut x = at.x.clone();
    for i in 0..d1 {
        for j in 0..d2 {
            let (l, r) = moved.row_pair(i, j);
            x[i * d2 + j] += l.iter().zip(r).map(|(l, r)| l * r).sum::<f64>();
        }
    }
    Some(x)
}
