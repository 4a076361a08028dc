//! Non-negative least squares from normal equations.

use super::Real;
use super::normal_equations::{cholesky, solve_factored};

/// Buffers of [`nnls`], kept between calls.
#[derive(Debug, Default)]
pub struct NnlsWorkspace<T> {
    factor: Vec<T>,
    solution: Vec<T>,
    gradient: Vec<T>,
    passive: Vec<usize>,
    is_passive: Vec<bool>,
}

/// Smallest of the relative proximal weights that keep a singular Gram matrix factorable.
const PROXIMAL: f64 = 64.0;

/// Solves min ½ u G uᵀ − c uᵀ over u ≥ 0 exactly, from the u that is given, by block principal pivoting.
///
/// `gram`: r×r, symmetric positive semidefinite. A proximal term ½ δ Σ G_kk (u_k − u_k⁰)², δ = 64 r ε, makes singular systems (rows
/// with fewer entries than r) well posed: it moves no solution, and no step raises the objective. Returns false if pivoting ended
/// without a solution, with `u` as it was.
///
/// Source: Kim, Park (2011), SIAM J. Sci. Comput. 33(6), algorithm 2 with the backup rule; the proximal term is ours.
#[inline(always)]
pub fn nnls<T: Real>(gram: &[T], cross: &[T], u: &mut [T], work: &mut NnlsWorkspace<T>) -> bool {
    let r = u.len();
    let delta = T::of(PROXIMAL * r as f64 * T::EPSILON);
    let diagonal = |k: usize| gram[k * r + k];
    let target = |k: usize, u: &[T]| cross[k] + delta * diagonal(k) * u[k];
    work.is_passive.clear();
    work.is_passive.extend((0..r).map(|k| u[k] > T::of(0.0) && diagonal(k) > T::of(0.0)));
    let (mut fewest, mut patience) = (r + 1, 3);
    for _ in 0..8 * r + 16 {
        if !solve_passive(gram, |k| target(k, u), delta, r, work) {
            return false;
        }
        // infeasible: a passive entry below zero, or an active one whose gradient is
        let mut infeasible = 0;
        let mut last = 0;
        for k in 0..r {
            if is_infeasible(k, r, diagonal(k), cross[k], work) {
                infeasible += 1;
                last = k;
            }
        }
        if infeasible == 0 {
            u.copy_from_slice(&work.solution);
            return true;
        }
        let swap_all = if infeasible < fewest {
            (fewest, patience) = (infeasible, 3);
            true
        } else {
            patience -= 1;
            patience >= 0
        };
        for k in 0..r {
            if (swap_all || k == last) && is_infeasible(k, r, diagonal(k), cross[k], work) {
                work.gradient[k] = T::of(0.0);
                work.is_passive[k] = !work.is_passive[k];
            }
        }
        if !swap_all {
            patience = 0; // stay with the backup rule until the count falls
        }
    }
    false
}

/// Whether entry k violates its sign. Entries without weight (G_kk = 0) never do.
#[inline(always)]
fn is_infeasible<T: Real>(k: usize, r: usize, diagonal: T, cross: T, work: &NnlsWorkspace<T>) -> bool {
    if diagonal <= T::of(0.0) {
        false
    } else if work.is_passive[k] {
        work.solution[k] < T::of(0.0)
    } else {
        let scale = if cross < T::of(0.0) { -cross } else { cross };
        work.gradient[k] < -T::of(16.0 * r as f64 * T::EPSILON) * scale
    }
}

/// Solves the passive entries, zero elsewhere, and the gradient at the active ones.
#[inline(always)]
fn solve_passive<T: Real>(gram: &[T], target: impl Fn(usize) -> T, delta: T, r: usize, work: &mut NnlsWorkspace<T>) -> bool {
    work.passive.clear();
    work.passive.extend((0..r).filter(|&k| work.is_passive[k]));
    let p = work.passive.len();
    work.factor.clear();
    work.factor.resize(p * (p + 1), T::of(0.0));
    let (a, x) = work.factor.split_at_mut(p * p);
    for (i, &k) in work.passive.iter().enumerate() {
        for (j, &l) in work.passive.iter().enumerate().skip(i) {
            a[i * p + j] = gram[k * r + l];
        }
        a[i * p + i] += delta * gram[k * r + k];
        x[i] = target(k);
    }
    if !cholesky(a, p) {
        return false;
    }
    solve_factored(a, x, p);
    work.solution.clear();
    work.solution.resize(r, T::of(0.0));
    work.gradient.clear();
    work.gradient.resize(r, T::of(0.0));
    for k in 0..r {
        work.gradient[k] = -target(k);
    }
    for (&k, &xk) in work.passive.iter().zip(x.iter()) {
        work.solution[k] = xk;
        for (g, &gkl) in work.gradient.iter_mut().zip(&gram[k * r..][..r]) {
            *g += gkl * xk;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, StandardNormal};

    /// Least objective over all 2ʳ supports: the definition.
    fn by_enumeration(gram: &[f64], cross: &[f64], r: usize) -> f64 {
        let mut best = 0.0f64;
        for support in 1u32..1 << r {
            let kept: Vec<usize> = (0..r).filter(|k| support >> k & 1 == 1).collect();
            let p = kept.len();
            let mut a: Vec<f64> = kept.iter().flat_map(|&k| kept.iter().map(move |&l| gram[k * r + l])).collect();
            let mut x: Vec<f64> = kept.iter().map(|&k| cross[k]).collect();
            let is_solved = cholesky(&mut a, p);
            solve_factored(&a, &mut x, p);
            if is_solved && x.iter().all(|&v| v >= 0.0) {
                best = best.min(-0.5 * kept.iter().zip(&x).map(|(&k, &v)| cross[k] * v).sum::<f64>());
            }
        }
        best
    }

    fn objective(gram: &[f64], cross: &[f64], u: &[f64]) -> f64 {
        let r = u.len();
        (0..r).map(|k| u[k] * (0.5 * (0..r).map(|l| gram[k * r + l] * u[l]).sum::<f64>() - cross[k])).sum()
    }

    #[test]
    fn equals_the_best_support() {
        let mut rng = crate::data::stream(1, 0);
        let mut work = NnlsWorkspace::default();
        for trial in 0..300 {
            let (r, depth) = (1 + trial % 6, 8);
            let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
            let rows: Vec<f64> = (0..depth * r).map(|_| draw() + 0.5).collect();
            let target: Vec<f64> = (0..depth).map(|_| draw()).collect();
            let gram: Vec<f64> = (0..r * r).map(|at| (0..depth).map(|d| rows[d * r + at / r] * rows[d * r + at % r]).sum()).collect();
            let cross: Vec<f64> = (0..r).map(|k| (0..depth).map(|d| rows[d * r + k] * target[d]).sum()).collect();
            let mut u: Vec<f64> = (0..r).map(|_| draw().max(0.0)).collect();
            assert!(nnls(&gram, &cross, &mut u, &mut work), "trial {trial}");
            assert!(u.iter().all(|&v| v >= 0.0));
            let (got, best) = (objective(&gram, &cross, &u), by_enumeration(&gram, &cross, r));
            assert!((got - best).abs() <= 1e-10 * (1.0 + best.abs()), "trial {trial}: {got} against {best}");
        }
    }

    #[test]
    fn singular_equations_keep_a_solution() {
        // one observation, three components: any u with ⟨v, u⟩ = x is a solution, and so is the one we stand at
        let v = [1.0, 2.0, 0.5];
        let gram: Vec<f64> = (0..9).map(|at| v[at / 3] * v[at % 3]).collect();
        let cross: Vec<f64> = v.iter().map(|a| 3.0 * a).collect();
        let mut u = vec![1.0, 1.0, 0.0];
        assert!(nnls(&gram, &cross, &mut u, &mut NnlsWorkspace::default()));
        let fit: f64 = u.iter().zip(v).map(|(a, b)| a * b).sum();
        assert!((fit - 3.0).abs() < 1e-9, "{fit}");
    }
}
