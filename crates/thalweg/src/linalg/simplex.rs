//! Least squares over the unit simplex {u ≥ 0, Σ u = 1}, from normal equations.

use super::normal_equations::{cholesky, solve_factored};

/// Buffers of [`simplex_least_squares`], kept between calls.
#[derive(Debug, Default)]
pub struct SimplexWorkspace {
    passive: Vec<usize>,
    gradient: Vec<f64>,
    matrix: Vec<f64>,
    step: Vec<f64>,
}

/// Relative proximal weight that keeps singular systems factorable.
const PROXIMAL: f64 = 64.0 * f64::EPSILON;

/// Solves min ½ u G uᵀ − c uᵀ over the simplex exactly, from a point of it, by a primal active-set method.
///
/// `gram`: r×r, symmetric positive semidefinite. On the entries that are not at zero the step d with Σ d = 0 to the least value is found
/// from the reduced equations (one entry eliminated) and cut where an entry reaches zero; when it is taken whole, the entry whose gradient
/// is furthest below the common one is let in. Every step stays in the simplex and lowers the objective, so a search that is cut short by
/// its limit of 8r + 16 systems still does. Singular systems get a proximal term, which moves no solution.
///
/// Source: Nocedal, Wright (2006), algorithm 16.3, for one equality and bounds; Heinz, Chang (2001) for the use in unmixing.
#[inline(always)]
pub fn simplex_least_squares(gram: &[f64], cross: &[f64], u: &mut [f64], work: &mut SimplexWorkspace) {
    let r = u.len();
    let largest = (0..r).map(|k| gram[k * r + k]).fold(0.0, f64::max);
    if largest <= 0.0 {
        return;
    }
    work.passive.clear();
    work.passive.extend((0..r).filter(|&k| u[k] > 0.0));
    for _ in 0..8 * r + 16 {
        gradient(gram, cross, u, &mut work.gradient);
        if !step_on_passive(gram, u, PROXIMAL * r as f64 * largest, work) {
            break;
        }
        let reach = work.passive.iter().zip(&work.step).filter(|(_, d)| **d < 0.0).map(|(&k, d)| (u[k] / -d, k));
        let (length, blocking) = reach.fold((1.0, None), |(least, at), (t, k)| if t < least { (t, Some(k)) } else { (least, at) });
        for (&k, d) in work.passive.iter().zip(&work.step) {
            u[k] = (u[k] + length * d).max(0.0);
        }
        if let Some(k) = blocking {
            u[k] = 0.0;
            work.passive.retain(|&p| p != k);
            continue;
        }
        gradient(gram, cross, u, &mut work.gradient);
        let common: f64 = work.passive.iter().map(|&k| u[k] * work.gradient[k]).sum();
        let scale = cross.iter().fold(common.abs(), |s, c| s.max(c.abs()));
        let enters = (0..r).filter(|k| !work.passive.contains(k)).min_by(|&a, &b| work.gradient[a].total_cmp(&work.gradient[b]));
        match enters.filter(|&k| work.gradient[k] - common < -16.0 * r as f64 * f64::EPSILON * scale) {
            Some(k) => {
                let at = work.passive.partition_point(|&p| p < k);
                work.passive.insert(at, k);
            }
            None => break,
        }
    }
    let sum: f64 = u.iter().sum();
    u.iter_mut().for_each(|x| *x /= sum);
}

/// G u − c.
#[inline(always)]
fn gradient(gram: &[f64], cross: &[f64], u: &[f64], out: &mut Vec<f64>) {
    out.clear();
    out.extend(gram.chunks_exact(u.len()).zip(cross).map(|(g, c)| g.iter().zip(u).map(|(g, u)| g * u).sum::<f64>() - c));
}

/// The step to the least value among the passive entries, their sum kept: the largest entry gives what the others take. False if the
/// equations cannot be factored.
#[inline(always)]
fn step_on_passive(gram: &[f64], u: &[f64], proximal: f64, work: &mut SimplexWorkspace) -> bool {
    let (r, p) = (u.len(), work.passive.len());
    let at = |k: usize, l: usize| gram[k * r + l];
    let Some(giver) = (0..p).max_by(|&a, &b| u[work.passive[a]].total_cmp(&u[work.passive[b]])) else { return false };
    let g0 = work.passive[giver];
    work.step.clear();
    work.matrix.clear();
    work.matrix.resize((p - 1) * (p - 1), 0.0);
    let others = |passive: &[usize], i: usize| passive[if i < giver { i } else { i + 1 }];
    for i in 0..p - 1 {
        let a = others(&work.passive, i);
        for j in i..p - 1 {
            let b = others(&work.passive, j);
            work.matrix[i * (p - 1) + j] = at(a, b) - at(a, g0) - at(b, g0) + at(g0, g0);
        }
        work.matrix[i * p] += proximal;
        work.step.push(work.gradient[g0] - work.gradient[a]);
    }
    if !cholesky(&mut work.matrix, p - 1) {
        return false;
    }
    solve_factored(&work.matrix, &mut work.step, p - 1);
    let given: f64 = work.step.iter().sum();
    work.step.insert(giver, -given);
    true
}

/// The nearest point of the simplex, in place.
///
/// Source: Held, Wolfe, Crowder (1974): u ← max(0, u − τ) with τ from the sorted entries.
pub fn project_onto_simplex(u: &mut [f64]) {
    let mut sorted = u.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (mut sum, mut shift) = (0.0, 0.0);
    for (k, &x) in sorted.iter().enumerate() {
        sum += x;
        let candidate = (sum - 1.0) / (k + 1) as f64;
        if x > candidate {
            shift = candidate;
        }
    }
    u.iter_mut().for_each(|x| *x = (*x - shift).max(0.0));
}

/// The least of Σ ½ h_k d_k² + g_k d_k over steps d that lead from u into the simplex, as Σ h_k d_k².
///
/// d_k = max(−u_k, (ν − g_k)/h_k) with the ν that makes Σ (u + d) = 1, found among the sorted places where entries reach zero. 0 exactly at
/// stationary points. Entries with h_k = 0 cost nothing: they take what the others leave, as long as that is not negative.
pub fn diagonal_step_onto_simplex(u: &[f64], gradient: &[f64], curvature: &[f64]) -> f64 {
    let mut curved: Vec<usize> = (0..u.len()).filter(|&k| curvature[k] > 0.0).collect();
    let leaves = |k: usize| gradient[k] - curvature[k] * u[k];
    curved.sort_by(|&a, &b| leaves(a).total_cmp(&leaves(b)));
    // Σ over entries above zero of u + d = Σ (ν − leaves)/h
    let (mut rate, mut offset, mut nu) = (0.0, 0.0, f64::INFINITY);
    for (at, &k) in curved.iter().enumerate() {
        rate += 1.0 / curvature[k];
        offset += leaves(k) / curvature[k];
        nu = (1.0 + offset) / rate;
        if curved.get(at + 1).is_none_or(|&next| nu <= leaves(next)) {
            break;
        }
    }
    if curved.len() < u.len() {
        nu = nu.min(0.0);
    }
    curved.iter().map(|&k| curvature[k] * (-u[k]).max((nu - gradient[k]) / curvature[k]).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, StandardNormal};

    fn objective(gram: &[f64], cross: &[f64], u: &[f64]) -> f64 {
        let r = u.len();
        (0..r).map(|k| u[k] * (0.5 * (0..r).map(|l| gram[k * r + l] * u[l]).sum::<f64>() - cross[k])).sum()
    }

    /// Least value over all supports, each by eliminating its last entry: the definition.
    fn by_enumeration(gram: &[f64], cross: &[f64], r: usize) -> f64 {
        let mut best = f64::INFINITY;
        for support in 1u32..1 << r {
            let kept: Vec<usize> = (0..r).filter(|k| support >> k & 1 == 1).collect();
            let (&last, others) = kept.split_last().unwrap();
            let p = others.len();
            let g = |a: usize, b: usize| gram[a * r + b];
            let mut a: Vec<f64> =
                others.iter().flat_map(|&k| others.iter().map(move |&l| g(k, l) - g(k, last) - g(l, last) + g(last, last))).collect();
            let mut x: Vec<f64> = others.iter().map(|&k| cross[k] - cross[last] - g(k, last) + g(last, last)).collect();
            if cholesky(&mut a, p) {
                solve_factored(&a, &mut x, p);
                let mut u = vec![0.0; r];
                others.iter().zip(&x).for_each(|(&k, &x)| u[k] = x);
                u[last] = 1.0 - x.iter().sum::<f64>();
                if u.iter().all(|&x| x >= 0.0) {
                    best = best.min(objective(gram, cross, &u));
                }
            }
        }
        best
    }

    #[test]
    fn equals_the_best_support() {
        let mut rng = crate::data::stream(2, 0);
        let mut work = SimplexWorkspace::default();
        for trial in 0..300 {
            let (r, depth) = (1 + trial % 6, 8);
            let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
            let rows: Vec<f64> = (0..depth * r).map(|_| draw() + 0.5).collect();
            let target: Vec<f64> = (0..depth).map(|_| draw()).collect();
            let gram: Vec<f64> = (0..r * r).map(|at| (0..depth).map(|d| rows[d * r + at / r] * rows[d * r + at % r]).sum()).collect();
            let cross: Vec<f64> = (0..r).map(|k| (0..depth).map(|d| rows[d * r + k] * target[d]).sum()).collect();
            let mut u: Vec<f64> = (0..r).map(|_| draw()).collect();
            project_onto_simplex(&mut u);
            simplex_least_squares(&gram, &cross, &mut u, &mut work);
            assert!(u.iter().all(|&v| v >= 0.0) && (u.iter().sum::<f64>() - 1.0).abs() < 1e-14, "trial {trial}: {u:?}");
            let (got, best) = (objective(&gram, &cross, &u), by_enumeration(&gram, &cross, r));
            assert!((got - best).abs() <= 1e-10 * (1.0 + best.abs()), "trial {trial}: {got} against {best}");
            let g: Vec<f64> = (0..r).map(|k| (0..r).map(|l| gram[k * r + l] * u[l]).sum::<f64>() - cross[k]).collect();
            let h: Vec<f64> = (0..r).map(|k| gram[k * r + k]).collect();
            assert!(diagonal_step_onto_simplex(&u, &g, &h) < 1e-20 * h.iter().sum::<f64>(), "trial {trial}");
        }
    }

    #[test]
    fn projections_and_steps() {
        for (from, to) in [(vec![0.2, 0.8], vec![0.2, 0.8]), (vec![2.0, 0.0], vec![1.0, 0.0]), (vec![1.0, 1.0, -5.0], vec![0.5, 0.5, 0.0])] {
            let mut u = from.clone();
            project_onto_simplex(&mut u);
            assert_eq!(u, to, "{from:?}");
        }
        // a vertex whose gradient asks for another one; then one that asks for nothing
        assert!(diagonal_step_onto_simplex(&[1.0, 0.0], &[1.0, 0.0], &[1.0, 1.0]) > 0.1);
        assert_eq!(diagonal_step_onto_simplex(&[1.0, 0.0], &[0.0, 1.0], &[1.0, 1.0]), 0.0);
        // a component without weight takes what the others leave
        assert_eq!(diagonal_step_onto_simplex(&[0.5, 0.5], &[0.0, 0.0], &[1.0, 0.0]), 0.0);
        assert!(diagonal_step_onto_simplex(&[0.5, 0.5], &[0.1, 0.0], &[1.0, 0.0]) > 0.0);
    }
}
