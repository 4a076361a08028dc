//! A second minimiser beside the first, where there is one in reach.

use super::tangent::Point;
use crate::linalg::{dot, gram_of_columns, mul, mul_transpose, row_major, symmetric_eigenvectors};
use crate::map::MeasurementMap;
use crate::problem::Domain;
use crate::{Factors, Side};

/// ‖A(U S Vᵀ)‖² over ‖A‖² below which S is a direction that no measurement sees.
const BLIND: f64 = 1e-16;

/// Numbers of a table up to which directions are compared: one gibibyte.
const LARGEST_TABLE: usize = 1 << 27;

/// X + U S Vᵀ with A(U S Vᵀ) = 0, S symmetric: it fits b, and as long as Σ + S ⪰ 0 its norm is tr(Σ + S) = ‖X‖_*, because
/// tr S = ⟨A*(y), U S Vᵀ⟩ = 0 when P_T A*(y) = UVᵀ. Over symmetric X, V = U diag(±1) and S joins vectors of one sign only. None if A is
/// injective on these directions, or they are too many to compare.
pub(super) fn second_solution(map: &dyn MeasurementMap, at: &Point, domain: Domain) -> Option<Vec<f64>> {
    let ((d1, d2), rank) = (map.shape(), at.rank);
    if rank == 0 || rank * d1.max(rank) > LARGEST_TABLE / map.len() {
        return None;
    }
    let mut along = vec![0.0; map.len() * d1 * rank];
    map.jacobian(Side::U, &at.v, rank, &mut along);
    let pairs: Vec<(usize, usize)> = (0..rank).flat_map(|a| (a..rank).map(move |b| (a, b))).filter(|&(a, b)| at.signs[a] == at.signs[b]).collect();
    // row i: uₐᵀ Aᵢ v_b + u_bᵀ Aᵢ vₐ over √2, and uₐᵀ Aᵢ vₐ
    let mut rows = Vec::with_capacity(map.len() * pairs.len());
    let mut forms = vec![0.0; rank * rank];
    for along in along.chunks_exact(d1 * rank) {
        mul_transpose(row_major(&at.u, d1, rank), row_major(along, d1, rank), &mut forms);
        let form = |a: usize, b: usize| forms[a * rank + b];
        rows.extend(pairs.iter().map(|&(a, b)| if a == b { form(a, a) } else { (form(a, b) + form(b, a)) * 0.5f64.sqrt() }));
    }
    let gram = gram_of_columns(row_major(&rows, map.len(), pairs.len()));
    let (values, vectors) = symmetric_eigenvectors(&gram, pairs.len())?;
    let scale = along.iter().map(|x| x * x).sum::<f64>() / rank as f64;
    if *values.last()? > BLIND * scale {
        return None;
    }
    let step = 0.5 * at.least_singular_value((d1, d2));
    let mut s = vec![0.0; rank * rank];
    for (&(a, b), &x) in pairs.iter().zip(&vectors[(pairs.len() - 1) * pairs.len()..]) {
        let x = step * if a == b { x } else { x * 0.5f64.sqrt() };
        (s[a * rank + b], s[b * rank + a]) = (x, x);
    }
    Some(moved(at, &s, (d1, d2), domain))
}

/// X + U S Vᵀ.
fn moved(at: &Point, s: &[f64], (d1, d2): (usize, usize), domain: Domain) -> Vec<f64> {
    let rank = at.rank;
    let mut left = vec![0.0; d1 * rank];
    mul(row_major(&at.u, d1, rank), row_major(s, rank, rank), &mut left);
    let added = Factors::new(d1, d2, rank, [left, at.v.clone()].concat()).expect("factors of the point's shape").product();
    let symmetric = |k: usize| 0.5 * (added[k] + added[k % d1 * d1 + k / d1]);
    at.x.iter().enumerate().map(|(k, x)| x + if domain == Domain::General { added[k] } else { symmetric(k) }).collect()
}

impl Point {
    /// σᵣ = uᵣᵀ X vᵣ over the last singular vectors.
    fn least_singular_value(&self, (d1, d2): (usize, usize)) -> f64 {
        let column = |a: &[f64], rows: usize| (0..rows).map(|i| a[i * self.rank + self.rank - 1]).collect::<Vec<f64>>();
        let (u, v) = (column(&self.u, d1), column(&self.v, d2));
        self.x.chunks_exact(d2).zip(&u).map(|(row, u)| u * dot(row, &v)).sum::<f64>().abs()
    }
}
