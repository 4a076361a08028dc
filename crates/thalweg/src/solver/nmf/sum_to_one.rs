//! Rules for rows that are non-negative and sum to one.

use crate::linalg::{Grams, PANEL_LANES, Real, SimplexWorkspace, project_onto_simplex, simd, simplex_least_squares};
use crate::problem::Panel;

/// Each row solved exactly.
pub(super) fn solve<T: Real>(panel: &mut Panel<'_, T>) {
    let mut work = SimplexWorkspace::default();
    each_row(panel, |_, gram, cross, u| {
        simd(
            #[inline(always)]
            || simplex_least_squares(gram, cross, u, &mut work),
        );
    });
}

/// Sweeps of pair exchange, while a sweep moves the row by more than a tenth of what the first did: r times, the entry of largest gradient
/// above zero gives to the entry of least gradient what lowers the objective most. A sweep costs 2r², as one of coordinate descent does.
///
/// Source: Keerthi et al. (2001), the maximal violating pair of sequential minimal optimisation.
pub(super) fn exchange<T: Real>(panel: &mut Panel<'_, T>, sweeps: usize) {
    each_row(panel, |_, gram, cross, u| {
        let r = u.len();
        let mut gradient: Vec<f64> = gram.chunks_exact(r).zip(cross).map(|(g, c)| g.iter().zip(&*u).map(|(g, u)| g * u).sum::<f64>() - c).collect();
        let mut enough = 0.0;
        for sweep in 0..sweeps {
            let moved: f64 = (0..r).map(|_| exchange_once(gram, &mut gradient, u).powi(2)).sum();
            if sweep == 0 {
                enough = 0.01 * moved;
            }
            if moved <= enough {
                break;
            }
        }
        let sum: f64 = u.iter().sum();
        u.iter_mut().for_each(|x| *x /= sum);
    });
}

/// How much the worst pair exchanged.
fn exchange_once(gram: &[f64], gradient: &mut [f64], u: &mut [f64]) -> f64 {
    let r = u.len();
    let by_gradient = |a: &usize, b: &usize| gradient[*a].total_cmp(&gradient[*b]);
    let (Some(to), Some(from)) = ((0..r).min_by(by_gradient), (0..r).filter(|&k| u[k] > 0.0).max_by(by_gradient)) else { return 0.0 };
    let gap = gradient[from] - gradient[to];
    if gap <= 0.0 || to == from {
        return 0.0;
    }
    let curvature = gram[to * r + to] + gram[from * r + from] - 2.0 * gram[to * r + from];
    let step = if curvature > 0.0 { u[from].min(gap / curvature) } else { u[from] };
    u[to] += step;
    u[from] -= step;
    for (g, (a, b)) in gradient.iter_mut().zip(gram[to * r..][..r].iter().zip(&gram[from * r..][..r])) {
        *g += step * (a - b);
    }
    step
}

/// u ← the nearest point of the simplex to u − step · (G u − c), each row with its step.
pub(super) fn descend<T: Real>(panel: &mut Panel<'_, T>, steps: &[T; PANEL_LANES]) {
    each_row(panel, |lane, gram, cross, u| {
        let down: Vec<f64> = gram.chunks_exact(u.len()).zip(cross).map(|(g, c)| c - g.iter().zip(&*u).map(|(g, u)| g * u).sum::<f64>()).collect();
        u.iter_mut().zip(down).for_each(|(u, d)| *u += steps[lane].f64() * d);
        project_onto_simplex(u);
    });
}

/// Shows the number, G, c and u of each row in f64. Rows of zeros are none: padding, or without an entry.
fn each_row<T: Real>(panel: &mut Panel<'_, T>, mut update: impl FnMut(usize, &[f64], &[f64], &mut [f64])) {
    let (r, grams) = (panel.rank, panel.grams);
    let gram_of = |lane: usize| -> Vec<f64> { (0..r * r).map(|at| grams.entry(r, (at / r, at % r), lane).f64()).collect() };
    let mut gram = gram_of(0);
    let (mut u, mut c) = (vec![0.0; r], vec![0.0; r]);
    for lane in 0..PANEL_LANES {
        for k in 0..r {
            (u[k], c[k]) = (panel.rows[k * PANEL_LANES + lane].f64(), panel.cross[k * PANEL_LANES + lane].f64());
        }
        if u.iter().all(|&x| x == 0.0) {
            continue;
        }
        if matches!(grams, Grams::Each(_)) {
            gram = gram_of(lane);
        }
        update(lane, &gram, &c, &mut u);
        for k in 0..r {
            panel.rows[k * PANEL_LANES + lane] = T::of(u[k]);
        }
    }
}
