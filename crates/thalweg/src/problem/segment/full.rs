//! All lines between two families of points when every entry counts: matrix products, never an m×n residual.

use super::scaling::{Family, Scaling};
use crate::Side;
use crate::data::Matrix;
use crate::linalg::{ROW_BLOCK, mul_transpose, row_major};
use rayon::prelude::*;

/// c₀ … c₄ of the lines from each of `starts` (q) to each of `ends` (p), at p·Q + q.
///
/// With P_ab = U_a V_bᵀ and S = P_pq + P_qp the residual's parts are W₀ = P_qq − X, W₁ = S − 2 P_qq, W₂ = P_pp + P_qq − S; every inner
/// product comes from ⟨U_a V_bᵀ, U_c V_dᵀ⟩ = Σ_kl (U_aᵀU_c)_kl (V_bᵀV_d)_kl and from X·V.
pub(super) fn quartics(data: &Matrix<f64>, x_norm: f64, scaling: &Scaling, starts: &Family, ends: &Family) -> Vec<[f64; 5]> {
    let (starts, ends) = (&Stack::new(starts), &Stack::new(ends));
    let cross = Cross {
        u: transposed_product(starts, ends, Side::U),
        v: transposed_product(starts, ends, Side::V),
        starts: Own::new(data, starts),
        ends: Own::new(data, ends),
        starts_width: starts.padded,
        ends_width: ends.padded,
        rank: starts.rank,
    };
    let (m, rank) = (data.shape().0, starts.rank);
    // ⟨X, U_p V_qᵀ⟩ = ⟨U_p, X V_q⟩ with (row, k) as one long index
    let (p, q) = (ends.padded, starts.padded);
    let flat = |x| move |width| row_major(x, m * rank, width);
    let (mut x_pq, mut x_qp) = (vec![0.0; p * q], vec![0.0; p * q]);
    mul_transpose(flat(ends.side(Side::U))(p), flat(&cross.starts.x_v)(q), &mut x_pq);
    mul_transpose(flat(&cross.ends.x_v)(p), flat(starts.side(Side::U))(q), &mut x_qp);

    let lines = (0..ends.points).into_par_iter().map(|end| {
        let inner = cross.contract(end);
        let with_x = |x: f64| scaling.of_x(x);
        let line = |start: usize| {
            let at = end * q + start;
            let x = [cross.ends.x_uv[end], x_pq[at] + x_qp[at], cross.starts.x_uv[start]].map(with_x);
            quartic(inner[start], cross.ends.pp[end], cross.starts.pp[start], x, x_norm * x_norm)
        };
        (0..starts.points).map(line).collect::<Vec<_>>()
    });
    lines.collect::<Vec<_>>().concat()
}

/// Both factors of many points side by side, (row, k, point).
struct Stack {
    u: Vec<f64>,
    v: Vec<f64>,
    points: usize,
    padded: usize,
    rank: usize,
}

impl Stack {
    fn new(family: &Family) -> Stack {
        let [u, v] = [Side::U, Side::V].map(|side| family.stack(side));
        Stack { u, v, points: family.points.len(), padded: family.padded, rank: family.rank }
    }

    fn side(&self, side: Side) -> &[f64] {
        match side {
            Side::U => &self.u,
            Side::V => &self.v,
        }
    }
}

/// ⟨S,S⟩, ⟨S,P_qq⟩, ⟨S,P_pp⟩ and ⟨P_pp,P_qq⟩ of one line.
#[derive(Clone, Copy, Default)]
struct Inner {
    ss: f64,
    sq: f64,
    sp: f64,
    pq: f64,
}

fn quartic(Inner { ss, sq, sp, pq }: Inner, pp: f64, qq: f64, [x_p, x_s, x_q]: [f64; 3], xx: f64) -> [f64; 5] {
    [
        0.5 * (qq - 2.0 * x_q + xx),
        (sq - x_s) - 2.0 * (qq - x_q),
        0.5 * (ss - 4.0 * sq + 4.0 * qq) + (pq + qq - sq) - (x_p + x_q - x_s),
        (sp - ss) + 3.0 * sq - 2.0 * (pq + qq),
        0.5 * (pp + qq + ss) + pq - sp - sq,
    ]
}

/// What belongs to single points of a family.
struct Own {
    /// UᵀU as (k, l, point).
    gram_u: Vec<f64>,
    /// VᵀV as (k, l, point).
    gram_v: Vec<f64>,
    /// ‖UVᵀ‖².
    pp: Vec<f64>,
    /// X·V as (row, k, point).
    x_v: Vec<f64>,
    /// ⟨X, UVᵀ⟩.
    x_uv: Vec<f64>,
}

impl Own {
    fn new(data: &Matrix<f64>, stack: &Stack) -> Own {
        let (gram_u, gram_v) = (own_grams(stack, Side::U), own_grams(stack, Side::V));
        let width = stack.rank * stack.padded;
        let mut x_v = vec![0.0; data.shape().0 * width];
        data.multiply(Side::U, stack.side(Side::V), width, &mut x_v);
        let pp = sum_products(&gram_u, &gram_v, stack.padded);
        let x_uv = sum_products(stack.side(Side::U), &x_v, stack.padded);
        Own { gram_u, gram_v, pp, x_v, x_uv }
    }
}

/// Σ a b over all but the last index, which has `width` values.
fn sum_products(a: &[f64], b: &[f64], width: usize) -> Vec<f64> {
    let mut sums = vec![0.0; width];
    for (a, b) in a.chunks_exact(width.max(1)).zip(b.chunks_exact(width.max(1))) {
        add_products(&mut sums, a, b);
    }
    sums
}

fn add_products(sums: &mut [f64], a: &[f64], b: &[f64]) {
    sums.iter_mut().zip(a).zip(b).for_each(|((s, a), b)| *s += a * b);
}

/// The Gram matrix of each point's factor, (k, l, point): all points at once, never those of two points.
fn own_grams(stack: &Stack, side: Side) -> Vec<f64> {
    let (rank, width) = (stack.rank, stack.padded);
    let blocks: Vec<Vec<f64>> = stack
        .side(side)
        .par_chunks((ROW_BLOCK * rank * width).max(1))
        .map(|rows| {
            let mut gram = vec![0.0; rank * rank * width];
            for row in rows.chunks_exact(rank * width) {
                for (kl, gram) in gram.chunks_exact_mut(width).enumerate() {
                    add_products(gram, &row[kl / rank * width..][..width], &row[kl % rank * width..][..width]);
                }
            }
            gram
        })
        .collect();
    let mut gram = vec![0.0; rank * rank * width];
    for block in blocks {
        gram.iter_mut().zip(block).for_each(|(g, b)| *g += b);
    }
    gram
}

/// \[U_p…\]ᵀ\[U_q…\] or the same of V, as ((k, p), (l, q)).
fn transposed_product(starts: &Stack, ends: &Stack, side: Side) -> Vec<f64> {
    let (p, q) = (ends.rank * ends.padded, starts.rank * starts.padded);
    let rows = starts.side(side).len() / q.max(1);
    let mut out = vec![0.0; p * q];
    mul_transpose(row_major(ends.side(side), rows, p), row_major(starts.side(side), rows, q), &mut out);
    out
}

struct Cross {
    u: Vec<f64>,
    v: Vec<f64>,
    starts: Own,
    ends: Own,
    starts_width: usize,
    ends_width: usize,
    rank: usize,
}

impl Cross {
    /// The inner products of the lines from all starts to one end.
    fn contract(&self, end: usize) -> Vec<Inner> {
        let (rank, width) = (self.rank, self.starts_width);
        let mut inner = vec![Inner::default(); width];
        for k in 0..rank {
            for l in 0..rank {
                let (kl, kpl) = (k * rank + l, ((k * self.ends_width + end) * rank + l) * width);
                let lpk = ((l * self.ends_width + end) * rank + k) * width;
                let (u_p, v_p) = (self.ends.gram_u[kl * self.ends_width + end], self.ends.gram_v[kl * self.ends_width + end]);
                let (u_q, v_q) = (&self.starts.gram_u[kl * width..][..width], &self.starts.gram_v[kl * width..][..width]);
                let (u_pq, v_pq, v_qp) = (&self.u[kpl..][..width], &self.v[kpl..][..width], &self.v[lpk..][..width]);
                for (q, inner) in inner.iter_mut().enumerate() {
                    inner.ss += u_p * v_q[q] + u_q[q] * v_p + 2.0 * u_pq[q] * v_qp[q];
                    inner.sq += u_pq[q] * v_q[q] + u_q[q] * v_pq[q];
                    inner.sp += u_p * v_pq[q] + u_pq[q] * v_p;
                    inner.pq += u_pq[q] * v_pq[q];
                }
            }
        }
        inner
    }
}
