//! One line on dense data from its residuals: a few rows of W₀, W₁, W₂ at a time, so that nothing cancels between Gram matrices.

use super::scaling::Scaling;
use super::{Facts, Sizes, size};
use crate::data::{Dense, Observed};
use crate::linalg::{MatRef, Polynomial, column_norms, multiply, row_major, row_major_mut, scale};
use crate::{Factors, Side};
use rayon::prelude::*;

/// Rows whose residuals are held at the same time.
const BLOCK: usize = 32;

/// One factor on the line, scaled: the start and the step, row-major.
struct Moving {
    start: Vec<f64>,
    step: Vec<f64>,
    rank: usize,
}

impl Moving {
    fn new(side: Side, a: &Factors, b: &Factors, scaling: &Scaling) -> Moving {
        let (rank, exponents) = (a.rank(), scaling.side(side));
        let scaled = |f: &Factors| -> Vec<f64> {
            f.side(side).chunks_exact(rank).flat_map(|row| row.iter().zip(exponents).map(|(&x, &k)| scale(x, k))).collect()
        };
        let (start, end) = (scaled(a), scaled(b));
        let step = end.iter().zip(&start).map(|(b, a)| b - a).collect();
        Moving { start, step, rank }
    }

    fn rows<'a>(&self, part: &'a [f64], first: usize, count: usize) -> MatRef<'a, f64> {
        row_major(&part[first * self.rank..][..count * self.rank], count, self.rank)
    }
}

/// The quartic and rigorous error bounds; O(mnr).
pub(super) fn segment(data: &Dense<f64>, hidden: Option<&Observed>, facts: &Facts, a: &Factors, b: &Factors) -> Polynomial {
    let scaling = Scaling::of([a, b].into_iter(), a.rank(), facts);
    let (u, v) = (Moving::new(Side::U, a, b, &scaling), Moving::new(Side::V, a, b, &scaling));
    let (m, n) = (a.rows(), a.cols());
    let (v0, e) = (v.rows(&v.start, 0, n).transpose(), v.rows(&v.step, 0, n).transpose());
    let firsts: Vec<usize> = (0..m).step_by(BLOCK).collect();
    let blocks = firsts.par_iter().map(|&first| {
        let count = BLOCK.min(m - first);
        let (u0, d) = (u.rows(&u.start, first, count), u.rows(&u.step, first, count));
        let product = |a: MatRef<'_, f64>, b: MatRef<'_, f64>| {
            let mut out = vec![0.0; count * n];
            multiply(a, b, row_major_mut(&mut out, count, n));
            for (i, row) in out.chunks_exact_mut(n).enumerate() {
                // the data are 0 there as well
                let hidden = hidden.map_or(&[][..], |h| h.entries.by_row.row(first + i).0);
                hidden.iter().for_each(|&j| row[j as usize] = 0.0);
            }
            out
        };
        let (w0, w1, w1_too, w2) = (product(u0, v0), product(d, v0), product(u0, e), product(d, e));
        let x = &data.values()[first * n..][..count * n];
        let mut sums = [0.0; 6];
        for at in 0..count * n {
            let (w0, w1, w2) = (w0[at] - scaling.of_x(x[at]), w1[at] + w1_too[at], w2[at]);
            for (sum, term) in sums.iter_mut().zip([w0 * w0, w0 * w1, w1 * w1, w0 * w2, w1 * w2, w2 * w2]) {
                *sum += term;
            }
        }
        sums
    });
    let mut total = [0.0; 6];
    for sums in blocks.collect::<Vec<_>>() {
        total.iter_mut().zip(sums).for_each(|(t, s)| *t += s);
    }
    let [w00, w01, w11, w02, w12, w22] = total;
    let longest_chain = (BLOCK * n + firsts.len() + 2 * a.rank() + 32) as f64;
    let errors = sizes(facts, &scaling, &u, &v).errors(f64::EPSILON * longest_chain);
    scaling.polynomial([0.5 * w00, w01, 0.5 * w11 + w02, w12, 0.5 * w22], errors)
}

fn sizes(facts: &Facts, scaling: &Scaling, u: &Moving, v: &Moving) -> Sizes {
    let norms = |part: &[f64]| column_norms(part, u.rank);
    let (u0, d, v0, e) = (norms(&u.start), norms(&u.step), norms(&v.start), norms(&v.step));
    Sizes([size(&u0, &v0) + scaling.of_x(facts.norm), size(&d, &v0) + size(&u0, &e), size(&d, &e)])
}
