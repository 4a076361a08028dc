//! Factored recovery: every method on every map.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use std::ops::ControlFlow;
use thalweg::data::stream;
use thalweg::map::{MAPS, MeasurementMap, OuterProducts, Sampling};
use thalweg::problem::{Factored, Objective};
use thalweg::solver::factored::{FACTORED_METHODS, FactoredMethod, FactoredRun, GaussNewton, spectral_start};
use thalweg::solver::{Iteration, Solution, Status, Stop, run};
use thalweg::{Error, Factors};

fn normals(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = stream(seed, 21);
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

fn solve(problem: &Factored<'_>, method: &dyn FactoredMethod, start: &Factors, max_iters: usize) -> Solution<Factors> {
    let mut iteration = FactoredRun::start(problem, method, start).unwrap();
    let stop = Stop { max_iters, max_time: None, tol: 1e-12 };
    run(&mut iteration, &stop, &mut |_: &FactoredRun<'_>, _: std::time::Duration| ControlFlow::Continue(()))
}

fn distance(map: &dyn MeasurementMap, x: &Factors, truth: &Factors) -> f64 {
    let ((d1, d2), r) = (map.shape(), truth.rank());
    let entry = |f: &Factors, i: usize, j: usize| -> f64 {
        let (u, v) = f.row_pair(i, j);
        (0..r).map(|k| u[k] * v[k]).sum()
    };
    let (mut off, mut size) = (0.0, 0.0);
    for i in 0..d1 {
        for j in 0..d2 {
            // a symmetric map sees the symmetric part only
            let of = |f: &Factors| if map.is_symmetric() { 0.5 * (entry(f, i, j) + entry(f, j, i)) } else { entry(f, i, j) };
            off += (of(x) - of(truth)).powi(2);
            size += of(truth).powi(2);
        }
    }
    (off / size).sqrt()
}

/// Rank one, which every sample of a map determines.
fn planted(map: &dyn MeasurementMap, seed: u64) -> (Factors, Vec<f64>) {
    let (d1, d2) = map.shape();
    let mut values = normals(d1 + d2, seed);
    if map.is_symmetric() {
        let (u, v) = values.split_at_mut(d1);
        v.copy_from_slice(u);
    }
    let truth = Factors::new(d1, d2, 1, values).unwrap();
    let mut b = vec![0.0; map.len()];
    map.apply_factored(&truth, &mut b);
    (truth, b)
}

#[test]
fn every_method_recovers_on_every_map() {
    for kind in MAPS {
        for method in FACTORED_METHODS {
            for seed in 0..4 {
                let map = (kind.sample)(seed);
                let (truth, b) = planted(&*map, seed);
                let semidefinite = map.is_symmetric() && method.about().semidefinite;
                if map.is_symmetric() && !semidefinite {
                    // with U and V apart, UVᵀ + VUᵀ has rank two, which these few measurements do not determine
                    continue;
                }
                let problem = Factored::new(&*map, &b, 1, semidefinite).unwrap();
                let start = spectral_start(&problem, seed).unwrap();
                let found = solve(&problem, *method, &start, 3000);
                let what = format!("{} by {} from seed {seed}", kind.name, method.about().name);
                assert_eq!(found.status, Status::Converged, "{what}: {:?}", found.progress);
                assert!(distance(&*map, &found.point, &truth) < 1e-9, "{what}: {:e}", distance(&*map, &found.point, &truth));
            }
        }
    }
}

#[test]
fn no_step_raises_the_objective() {
    for kind in MAPS {
        for method in FACTORED_METHODS {
            let map = (kind.sample)(3);
            let b = normals(map.len(), 30);
            let problem = Factored::new(&*map, &b, 2, false).unwrap();
            let start = spectral_start(&problem, 0).unwrap();
            let mut iteration = FactoredRun::start(&problem, *method, &start).unwrap();
            let mut last = iteration.progress().objective;
            for _ in 0..30 {
                iteration.step().unwrap();
                let now = problem.value(problem.point(iteration.point()));
                assert!(now <= last * (1.0 + 1e-12), "{} by {}: {last:e} to {now:e}", kind.name, method.about().name);
                last = now;
            }
        }
    }
}

#[test]
fn derivatives_match_the_quartic() {
    for kind in MAPS {
        let map = (kind.sample)(1);
        let b = normals(map.len(), 5);
        for semidefinite in [false, true] {
            let Ok(problem) = Factored::new(&*map, &b, 2, semidefinite) else { continue };
            let (x, y) = (normals(problem.dim(), 6), normals(problem.dim(), 7));
            let d: Vec<f64> = x.iter().zip(&y).map(|(x, y)| y - x).collect();
            let quartic = problem.segment(&x, &y).unwrap();
            let (mut gradient, mut image) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            let value = problem.gradient(&x, &mut gradient);
            problem.hessian_vec(&x, &d, &mut image);
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let scale = quartic.coefficients.iter().map(|c| c.abs()).fold(0.0, f64::max);
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-12 * scale;
            assert!(close(quartic.coefficients[0], value), "{}", kind.name);
            assert!(close(quartic.coefficients[1], dot(&gradient, &d)), "{}", kind.name);
            assert!(close(2.0 * quartic.coefficients[2], dot(&image, &d)), "{}", kind.name);
            assert!(close(quartic.coefficients.iter().sum(), problem.value(&y)), "{}", kind.name);
        }
    }
}

#[test]
fn powers_of_two_scale_b_exactly() {
    // b·4ᵏ moves both factors by 2ᵏ
    for kind in MAPS {
        for method in FACTORED_METHODS {
            let map = (kind.sample)(2);
            let (_, b) = planted(&*map, 2);
            let scaled: Vec<f64> = b.iter().map(|b| b * f64::powi(2.0, 40)).collect();
            let (plain, large) = (Factored::new(&*map, &b, 1, false).unwrap(), Factored::new(&*map, &scaled, 1, false).unwrap());
            let one = solve(&plain, *method, &spectral_start(&plain, 0).unwrap(), 20);
            let two = solve(&large, *method, &spectral_start(&large, 0).unwrap(), 20);
            assert_eq!(one.progress.iteration, two.progress.iteration, "{} by {}", kind.name, method.about().name);
            let expected: Vec<f64> = one.point.as_slice().iter().map(|x| x * f64::powi(2.0, 20)).collect();
            assert_eq!(two.point.as_slice(), expected, "{} by {}", kind.name, method.about().name);
        }
    }
}

#[test]
fn phases_are_retrieved_to_ten_digits() {
    let (d, p) = (40, 240);
    for seed in 0..10 {
        let map = OuterProducts::quadratic(p, d, normals(p * d, seed)).unwrap();
        let (truth, b) = planted(&map, seed + 100);
        let problem = Factored::new(&map, &b, 1, true).unwrap();
        let found = solve(&problem, &GaussNewton, &spectral_start(&problem, seed).unwrap(), 60);
        assert_eq!(found.status, Status::Converged, "seed {seed}: {:?}", found.progress);
        assert!(distance(&map, &found.point, &truth) < 1e-10, "seed {seed}");
    }
}

#[test]
fn completion_at_rank_three_from_a_third_of_the_entries() {
    let (d1, d2, r) = (120, 90, 3);
    let truth = Factors::new(d1, d2, r, normals((d1 + d2) * r, 1)).unwrap();
    let mut rng = stream(4, 4);
    let positions: Vec<(u32, u32)> = (0..d1 * d2).filter(|_| rng.random::<f64>() < 0.35).map(|at| ((at / d2) as u32, (at % d2) as u32)).collect();
    let (rows, cols): (Vec<u32>, Vec<u32>) = positions.into_iter().unzip();
    let weights = vec![1.0; rows.len()];
    let map = Sampling::new((d1, d2), rows, cols, weights).unwrap();
    let mut b = vec![0.0; map.len()];
    map.apply_factored(&truth, &mut b);
    let problem = Factored::new(&map, &b, r, false).unwrap();
    for method in FACTORED_METHODS {
        let found = solve(&problem, *method, &spectral_start(&problem, 0).unwrap(), 2000);
        assert_eq!(found.status, Status::Converged, "{}: {:?}", method.about().name, found.progress);
        assert!(distance(&map, &found.point, &truth) < 1e-10, "{}", method.about().name);
    }
}

#[test]
fn bad_input_is_refused() {
    let map = (MAPS[0].sample)(0);
    let b = normals(map.len(), 1);
    assert!(matches!(Factored::new(&*map, &b[1..], 1, false), Err(Error::Shape { what: "b", .. })));
    assert!(matches!(Factored::new(&*map, &b, 0, false), Err(Error::Rank { rank: 0, .. })));
    assert!(matches!(Factored::new(&*map, &b, 1, true), Err(Error::Parameter { name: "domain", .. })));
    let problem = Factored::new(&*map, &b, 1, false).unwrap();
    assert!(matches!(FactoredRun::start(&problem, &GaussNewton, &Factors::zeros(1, 1, 1)), Err(Error::Shape { what: "the start", .. })));
}
