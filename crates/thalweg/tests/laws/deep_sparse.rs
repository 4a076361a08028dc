//! Deep sparse recovery: optimality from the data, certificates, and the statuses of what has no single answer.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use thalweg::Error;
use thalweg::certificate::certify_deep_sparse;
use thalweg::data::stream;
use thalweg::problem::{DeepSparse, Objective, RecoveryStatus, Witness};
use thalweg::solver::convex::deep_sparse::solve_deep_sparse;

fn normals(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = stream(seed, 11);
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

fn times(a: &[f64], x: &[f64]) -> Vec<f64> {
    a.chunks_exact(x.len()).map(|row| row.iter().zip(x).map(|(a, x)| a * x).sum()).collect()
}

/// A with columns of different lengths, and a truth with `nonzero` entries.
fn planted(p: usize, d: usize, nonzero: usize, depth: usize, seed: u64) -> (DeepSparse, Vec<f64>) {
    let mut a = normals(p * d, seed);
    a.chunks_exact_mut(d).for_each(|row| row.iter_mut().enumerate().for_each(|(j, a)| *a *= 0.5 + (j % 3) as f64));
    let mut truth = vec![0.0; d];
    normals(nonzero, seed + 1000).iter().enumerate().for_each(|(k, x)| truth[(k * 7 + seed as usize) % d] = *x);
    let b = times(&a, &truth);
    (DeepSparse::new(p, d, a, b, depth).unwrap(), truth)
}

fn distance(x: &[f64], y: &[f64]) -> f64 {
    let (off, size) = x.iter().zip(y).fold((0.0, 0.0), |(off, size), (x, y)| (off + (x - y) * (x - y), size + y * y));
    (off / size).sqrt()
}

#[test]
fn depth_two_recovers_what_is_sparse_and_proves_it() {
    let mut recovered = 0;
    for seed in 0..40 {
        let (problem, truth) = planted(30, 70, 1 + seed as usize % 4, 2, seed);
        let solution = solve_deep_sparse(&problem);
        assert_eq!(solution.status, RecoveryStatus::Converged);
        let certificate = certify_deep_sparse(&problem, &solution.x, &solution.multiplier).unwrap();
        assert!(certificate.certified, "seed {seed}: {certificate:?}");
        assert!(certificate.objective <= problem.objective(&truth) * (1.0 + 1e-12));
        recovered += usize::from(distance(&solution.x, &truth) < 1e-12);
    }
    assert!(recovered >= 36, "{recovered} of 40");
}

#[test]
fn depth_two_solves_what_is_not_sparse() {
    for seed in 0..20 {
        let (problem, _) = planted(12, 30, 30, 2, seed);
        let solution = solve_deep_sparse(&problem);
        let certificate = certify_deep_sparse(&problem, &solution.x, &solution.multiplier).unwrap();
        assert_eq!(solution.status, RecoveryStatus::Converged);
        assert!(certificate.certified && (certificate.objective / certificate.lower_bound - 1.0).abs() < 1e-11, "{certificate:?}");
        assert!(solution.x.iter().filter(|x| **x != 0.0).count() <= 12);
    }
}

#[test]
fn greater_depths_are_optimal_from_the_data_alone() {
    for depth in 3..=10 {
        for seed in 0..10 {
            let (problem, _) = planted(20, 50, 3, depth, seed);
            let solution = solve_deep_sparse(&problem);
            assert_eq!(solution.status, RecoveryStatus::Converged, "depth {depth} seed {seed}");
            let certificate = certify_deep_sparse(&problem, &solution.x, &solution.multiplier).unwrap();
            assert!(certificate.certified, "depth {depth} seed {seed}: {certificate:?}");
            assert!((certificate.objective / certificate.lower_bound - 1.0).abs() < 1e-11, "{certificate:?}");
            assert!(solution.iterations <= 20, "depth {depth}: {} steps", solution.iterations);
            // no neighbour that fits costs less: move along the kernel
            let kernel = kernel_direction(&problem, seed);
            for step in [1e-3, -1e-3] {
                let moved: Vec<f64> = solution.x.iter().zip(&kernel).map(|(x, k)| x + step * k).collect();
                assert!(problem.objective(&moved) > problem.objective(&solution.x));
            }
        }
    }
}

/// A direction with Ah = 0: what the least-norm solution leaves of a random vector.
fn kernel_direction(problem: &DeepSparse, seed: u64) -> Vec<f64> {
    let (p, d) = problem.shape();
    let h = normals(d, seed + 77);
    let image = times(problem.a(), &h);
    let fit = solve_deep_sparse(&DeepSparse::new(p, d, problem.a().to_vec(), image, 1).unwrap());
    h.iter().zip(&fit.x).map(|(h, x)| h - x).collect()
}

#[test]
fn near_misses_are_never_certified() {
    let mut tried = 0;
    for depth in [2, 3, 5, 10] {
        for seed in 0..10 {
            let (problem, _) = planted(20, 50, 3, depth, seed);
            let solution = solve_deep_sparse(&problem);
            let mut rng = stream(seed, 12);
            let norm = solution.x.iter().map(|x| x * x).sum::<f64>().sqrt();
            for digits in 4..=9 {
                let size = 2.0 * f64::powi(10.0, -digits);
                for _ in 0..4 {
                    let direction = normals(50, rng.random_range(0..1 << 40));
                    let length = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
                    let moved: Vec<f64> =
                        solution.x.iter().zip(&direction).map(|(x, e)| if *x == 0.0 { 0.0 } else { x + size * norm * e / length }).collect();
                    let off = distance(&moved, &solution.x);
                    let certificate = certify_deep_sparse(&problem, &moved, &solution.multiplier).unwrap();
                    assert!(!certificate.certified || off < 1e-10, "depth {depth}: {off:e} {certificate:?}");
                    let mut shifted = solution.multiplier.clone();
                    shifted.iter_mut().zip(&direction).for_each(|(y, e)| *y *= 1.0 + size * e);
                    let certificate = certify_deep_sparse(&problem, &moved, &shifted).unwrap();
                    assert!(!certificate.certified || off < 1e-10, "depth {depth}: {off:e} {certificate:?}");
                    tried += 2;
                }
            }
        }
    }
    assert!(tried >= 1900);
}

/// From one entry to more than can be recovered, so that what was planted is the minimiser or just not. Whatever is certified, no solution that
/// costs no more may lie beyond its radius.
#[test]
fn of_three_hundred_instances_near_the_threshold_none_is_certified_falsely() {
    let (mut of_planted, mut refused) = (0, 0);
    for seed in 0..300 {
        let (problem, truth) = planted(16, 40, 1 + seed as usize % 12, 2 + seed as usize / 100 % 3, 2000 + seed);
        let solution = solve_deep_sparse(&problem);
        let norm = solution.x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let mut nudged = solution.x.clone();
        let kernel = kernel_direction(&problem, seed);
        nudged.iter_mut().zip(&kernel).for_each(|(x, k)| *x += 1e-4 * norm * k);
        let candidates = [&truth, &solution.x, &nudged];
        let costs = candidates.map(|x| problem.objective(x));
        for (which, (x, cost)) in candidates.iter().zip(costs).enumerate() {
            let found = certify_deep_sparse(&problem, x, &solution.multiplier).unwrap();
            if !found.certified {
                refused += 1;
                continue;
            }
            of_planted += usize::from(which == 0);
            for (other, other_cost) in candidates.iter().zip(costs) {
                let apart = distance(other, x);
                let is_no_better = other_cost > cost * (1.0 - 1e-12);
                assert!(
                    is_no_better && (other_cost > cost * (1.0 + 1e-12) || apart < 2.0 * found.radius.max(1e-12)),
                    "seed {seed}: {apart:e} {found:?}"
                );
            }
        }
    }
    assert!(of_planted > 20 && refused > 300, "{of_planted} planted ones certified, {refused} refused");
}

#[test]
fn depth_one_orders_nothing() {
    let (problem, _) = planted(10, 30, 2, 1, 1);
    let solution = solve_deep_sparse(&problem);
    assert_eq!(solution.status, RecoveryStatus::UnderDetermined);
    let Some(Witness::SecondSolution(other)) = &solution.witness else { panic!("a second solution is due") };
    for x in [&solution.x, other] {
        assert!(problem.residual(x).iter().all(|r| r.abs() < 1e-12));
        assert_eq!(problem.objective(x), problem.objective(&solution.x));
    }
    assert!(distance(other, &solution.x) > 0.1);
    assert!(!certify_deep_sparse(&problem, &solution.x, &solution.multiplier).unwrap().certified);
    // as many rows as columns: one solution, whatever is minimised
    let (problem, truth) = planted(30, 30, 30, 1, 2);
    let solution = solve_deep_sparse(&problem);
    assert_eq!(solution.status, RecoveryStatus::Converged);
    assert!(distance(&solution.x, &truth) < 1e-9);
}

#[test]
fn contradictions_are_shown() {
    for depth in [1, 2, 3, 10] {
        for seed in 0..6 {
            let mut a = normals(6 * 20, seed);
            let copy = a[..20].to_vec();
            a[20..40].copy_from_slice(&copy);
            let b = normals(6, seed + 50);
            let problem = DeepSparse::new(6, 20, a.clone(), b.clone(), depth).unwrap();
            let solution = solve_deep_sparse(&problem);
            assert_eq!(solution.status, RecoveryStatus::Inconsistent, "depth {depth}");
            let Some(Witness::Multiplier(y)) = &solution.witness else { panic!("a witness is due") };
            let aty: Vec<f64> = (0..20).map(|j| (0..6).map(|i| a[i * 20 + j] * y[i]).sum()).collect();
            assert!(aty.iter().all(|x: &f64| x.abs() < 1e-12));
            assert!(b.iter().zip(y).map(|(b, y)| b * y).sum::<f64>() > 1e-3);
            assert!(!certify_deep_sparse(&problem, &solution.x, &solution.multiplier).unwrap().certified);
            // the same rows with equal right-hand sides do not contradict one another
            let mut b = b;
            b[1] = b[0];
            let solution = solve_deep_sparse(&DeepSparse::new(6, 20, a, b, depth).unwrap());
            assert_ne!(solution.status, RecoveryStatus::Inconsistent);
        }
    }
}

#[test]
fn powers_of_two_scale_the_answer_exactly() {
    for depth in [2, 3] {
        let (problem, _) = planted(20, 50, 3, depth, 3);
        let plain = solve_deep_sparse(&problem);
        for power in [-200, 100] {
            let b = problem.b().iter().map(|b| b * f64::powi(2.0, power)).collect();
            let scaled = DeepSparse::new(20, 50, problem.a().to_vec(), b, depth).unwrap();
            let solution = solve_deep_sparse(&scaled);
            assert_eq!(solution.iterations, plain.iterations);
            assert_eq!(solution.x, plain.x.iter().map(|x| x * f64::powi(2.0, power)).collect::<Vec<_>>());
        }
    }
}

#[test]
fn the_deep_model_has_the_derivatives_of_its_value() {
    for depth in [1, 2, 3, 5] {
        let (problem, _) = planted(6, 9, 3, depth, 4);
        let (v, d) = (normals(9 * depth, 5), normals(9 * depth, 6));
        let mut gradient = vec![0.0; v.len()];
        assert_eq!(Objective::dim(&problem), v.len());
        let value = problem.gradient(&v, &mut gradient);
        let mut image = vec![0.0; v.len()];
        problem.hessian_vec(&v, &d, &mut image);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let remainder = |t: f64| {
            let moved: Vec<f64> = v.iter().zip(&d).map(|(v, d)| v + t * d).collect();
            problem.value(&moved) - value - t * dot(&gradient, &d) - 0.5 * t * t * dot(&image, &d)
        };
        let ratio = remainder(1e-2).abs().max(1e-14) / remainder(5e-3).abs().max(1e-14);
        assert!(depth == 1 || (ratio - 8.0).abs() < 1.5, "depth {depth}: {ratio}");
    }
}

#[test]
fn flatness_of_the_deep_model_is_the_objective() {
    for depth in [2, 3, 5] {
        let (problem, truth) = planted(6, 9, 3, depth, 8);
        let balanced = problem.balanced_factors(&truth);
        let trace: f64 = (0..balanced.len())
            .map(|at| {
                let (mut unit, mut out) = (vec![0.0; balanced.len()], vec![0.0; balanced.len()]);
                unit[at] = 1.0;
                problem.hessian_vec(&balanced, &unit, &mut out);
                out[at]
            })
            .sum();
        // the paper's (9.5) lacks the factor 2
        let expected = 2.0 * depth as f64 * problem.objective(&truth);
        assert!((trace / expected - 1.0).abs() < 1e-12, "depth {depth}: {trace} instead of {expected}");
    }
}

#[test]
fn bad_input_is_refused() {
    assert!(matches!(DeepSparse::new(2, 2, vec![1.0; 3], vec![1.0; 2], 2), Err(Error::Shape { what: "A", .. })));
    assert!(matches!(DeepSparse::new(2, 2, vec![1.0; 4], vec![1.0; 3], 2), Err(Error::Shape { what: "b", .. })));
    assert!(matches!(DeepSparse::new(2, 2, vec![1.0; 4], vec![f64::NAN; 2], 2), Err(Error::NotFinite { what: "b", .. })));
    assert!(matches!(DeepSparse::new(2, 2, vec![1.0; 4], vec![1.0; 2], 0), Err(Error::Parameter { name: "depth", .. })));
    assert!(matches!(DeepSparse::new(0, 2, vec![], vec![], 2), Err(Error::Empty { .. })));
    // zeros: x = 0 is the minimiser
    let problem = DeepSparse::new(2, 3, normals(6, 1), vec![0.0; 2], 2).unwrap();
    assert_eq!(solve_deep_sparse(&problem).x, vec![0.0; 3]);
    // a column of zeros is not seen: its entry is 0, and nothing proves it
    let mut a = normals(6, 1);
    (a[1], a[4]) = (0.0, 0.0);
    let problem = DeepSparse::new(2, 3, a, vec![1.0, 2.0], 3).unwrap();
    let solution = solve_deep_sparse(&problem);
    assert_eq!(solution.x[1], 0.0);
    assert!(!certify_deep_sparse(&problem, &solution.x, &solution.multiplier).unwrap().certified);
}
