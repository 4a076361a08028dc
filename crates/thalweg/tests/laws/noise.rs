//! What recoveries from noisy measurements owe: a proved gap, no certificate that is not so, and the same answer however it was reached.

use super::recoveries::{NORMS, distance, normals, planted};
use std::ops::ControlFlow;
use thalweg::certificate::recovery::{RecoveryVerdict, leading_factors, nothing_fits_below, verify};
use thalweg::linalg::{scale, singular_values, symmetric_eigenvalues};
use thalweg::map::{Gaussian, MAPS, MeasurementMap, OuterProducts};
use thalweg::problem::{Domain, Fidelity, Norm, Recovered, Recovery, RecoveryStatus, Witness};
use thalweg::solver::Stop;
use thalweg::solver::convex::{PreparedMap, RECOVERY_TOLERANCE, WarmStart, recover};

const STOP: Stop = Stop { max_iters: 8000, max_time: None, tol: RECOVERY_TOLERANCE };

/// A map, measurements with noise, and the noise's norm.
struct Noisy {
    name: String,
    map: Box<dyn MeasurementMap>,
    b: Vec<f64>,
    noise: f64,
}

/// Every kind of map, and the dense, bilinear and quadratic ones with more measurements than unknowns.
fn instances(seed: u64) -> Vec<Noisy> {
    let planted = MAPS.iter().map(|kind| {
        let (map, _, b) = planted(kind.name, seed);
        (kind.name.to_owned(), map, b)
    });
    let (p, d) = (40, 5);
    let tall: [Box<dyn MeasurementMap>; 3] = [
        Box::new(Gaussian::new(p, (d, d - 1), normals(p * d * (d - 1), seed)).unwrap()),
        Box::new(OuterProducts::bilinear(p, (d, d + 1), normals(p * d, seed), normals(p * (d + 1), seed + 1)).unwrap()),
        Box::new(OuterProducts::quadratic(p, d, normals(p * d, seed)).unwrap()),
    ];
    let tall = tall.into_iter().map(|map| {
        let (d1, d2) = map.shape();
        let (u, v) = (normals(d1, seed + 2), normals(d2, seed + 3));
        let v = if map.is_symmetric() { &u } else { &v };
        let x: Vec<f64> = u.iter().flat_map(|u| v.iter().map(move |v| u * v)).collect();
        let mut b = vec![0.0; map.len()];
        map.apply(&x, &mut b);
        (format!("tall {}", map.name()), map, b)
    });
    let noisy = |(name, map, mut b): (String, Box<dyn MeasurementMap>, Vec<f64>)| {
        let size = norm(&b) / (b.len() as f64).sqrt();
        let noise: Vec<f64> = normals(b.len(), seed + 4).iter().map(|e| 0.05 * size * e).collect();
        b.iter_mut().zip(&noise).for_each(|(b, e)| *b += e);
        Noisy { name, map, b, noise: norm(&noise) }
    };
    planted.chain(tall).map(noisy).collect()
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The ball of the noise, and a penalty that leaves some singular values.
fn fidelities(noisy: &Noisy) -> [Fidelity; 2] {
    let (d1, d2) = noisy.map.shape();
    let mut g = vec![0.0; d1 * d2];
    noisy.map.adjoint(&noisy.b, &mut g);
    [Fidelity::Ball { radius: noisy.noise }, Fidelity::Penalised { lambda: 0.1 * singular_values(&g, d1, d2).unwrap()[0] }]
}

fn solve(problem: &Recovery<'_>) -> Recovered {
    recover(problem, &STOP, &mut |_, _| ControlFlow::Continue(())).unwrap()
}

fn verdict(problem: &Recovery<'_>, found: &Recovered) -> RecoveryVerdict {
    let factors = leading_factors(&found.x, problem.map.shape(), found.rank).unwrap();
    verify(problem, &factors, &found.multiplier).unwrap()
}

/// Every problem that an instance states: both norms, both kinds of noise, and semidefinite where it can be.
fn each_problem(seed: u64, mut check: impl FnMut(&str, &Recovery<'_>)) {
    for noisy in instances(seed) {
        for norm in NORMS {
            for fidelity in fidelities(&noisy) {
                let problem = Recovery::new(&*noisy.map, &noisy.b, norm).unwrap().with_fidelity(fidelity).unwrap();
                check(&format!("{} {norm:?} {fidelity:?}", noisy.name), &problem);
                if let Ok(positive) = problem.positive_semidefinite() {
                    check(&format!("{} {norm:?} {fidelity:?} semidefinite", noisy.name), &positive);
                }
            }
        }
    }
}

#[test]
fn noise_is_solved_to_a_proved_gap() {
    let (mut certified, mut all) = (0, 0);
    each_problem(3, |name, problem| {
        let found = solve(problem);
        assert_eq!(found.status, RecoveryStatus::Converged, "{name}");
        let verdict = verdict(problem, &found);
        assert!(verdict.gap.is_some_and(|gap| gap < 1e-8), "{name}: {verdict:?}");
        let (d1, d2) = problem.map.shape();
        if problem.domain == Domain::PositiveSemidefinite {
            let values = symmetric_eigenvalues(&found.x, d1).unwrap();
            assert!(values.iter().all(|&l| l > -1e-12 * values[0]), "{name}: {values:?}");
        }
        // a ball that binds is filled
        if let Fidelity::Ball { radius } = problem.fidelity {
            let mut fitted = vec![0.0; problem.b.len()];
            problem.map.apply(&found.x, &mut fitted);
            fitted.iter_mut().zip(problem.b).for_each(|(f, b)| *f -= b);
            assert!((norm(&fitted) - radius).abs() < 1e-7 * norm(problem.b), "{name}: {} {radius}", norm(&fitted));
        }
        assert!(found.rank > 0 && found.rank <= d1.min(d2), "{name}");
        (certified, all) = (certified + usize::from(verdict.certified), all + 1);
    });
    // a ball's radius is a square root of what rounding leaves open, and not always below the limit
    assert!(3 * certified > all, "{certified} of {all} certified");
}

#[test]
fn what_is_certified_within_noise_is_near_the_minimiser() {
    each_problem(5, |name, problem| {
        let found = solve(problem);
        let factors = leading_factors(&found.x, problem.map.shape(), found.rank).unwrap();
        for (trial, size) in [1e-3, 1e-5, 1e-6, 1e-8].into_iter().enumerate() {
            let mut moved = factors.clone();
            let noise = normals(moved.as_slice().len(), 60 + trial as u64);
            moved.as_mut_slice().iter_mut().zip(&noise).for_each(|(x, n)| *x *= 1.0 + size * n);
            if problem.domain != Domain::General {
                continue;
            }
            let verdict = verify(problem, &moved, &found.multiplier).unwrap();
            let x: Vec<f64> = (0..moved.rows() * moved.cols())
                .map(|at| {
                    let (u, v) = moved.row_pair(at / moved.cols(), at % moved.cols());
                    u.iter().zip(v).map(|(u, v)| u * v).sum()
                })
                .collect();
            // the answer itself is known to some nine digits, the square root of the gap at worst
            let apart = distance(&x, &found.x);
            assert!(!verdict.certified || apart <= verdict.radius.unwrap() + 1e-6, "{name} off by {size}: {apart:e} {verdict:?}");
        }
        for factor in [0.0, 0.9, 1.1, -1.0] {
            let y: Vec<f64> = found.multiplier.iter().map(|y| factor * y).collect();
            let verdict = verify(problem, &factors, &y).unwrap();
            assert!(!verdict.certified, "{name} multiplier times {factor}: {verdict:?}");
        }
    });
}

#[test]
fn noise_keeps_to_powers_of_two() {
    for noisy in instances(7) {
        for norm in NORMS {
            for fidelity in fidelities(&noisy) {
                let plain = Recovery::new(&*noisy.map, &noisy.b, norm).unwrap().with_fidelity(fidelity).unwrap();
                let (found, expected) = (solve(&plain), verdict(&plain, &solve(&plain)));
                for (of_map, of_b) in [(-300, 0), (0, 250), (150, -200)] {
                    let b: Vec<f64> = noisy.b.iter().map(|&b| scale(b, of_b)).collect();
                    let map = noisy.map.scaled(of_map);
                    let fidelity = match fidelity {
                        Fidelity::Ball { radius } => Fidelity::Ball { radius: scale(radius, of_b) },
                        Fidelity::Penalised { lambda } => Fidelity::Penalised { lambda: scale(lambda, of_b + of_map) },
                        Fidelity::Exact => unreachable!("there is noise"),
                    };
                    let problem = Recovery::new(&*map, &b, norm).unwrap().with_fidelity(fidelity).unwrap();
                    let scaled = solve(&problem);
                    let name = format!("{} {norm:?} {fidelity:?} {of_map} {of_b}", noisy.name);
                    assert_eq!((scaled.status, scaled.iterations), (found.status, found.iterations), "{name}");
                    assert!(found.x.iter().zip(&scaled.x).all(|(x, s)| scale(*x, of_b - of_map).to_bits() == s.to_bits()), "{name}");
                    assert_eq!(verdict(&problem, &scaled), expected, "{name}");
                }
            }
        }
    }
}

#[test]
fn a_path_ends_where_single_problems_do() {
    for noisy in instances(9) {
        let [_, Fidelity::Penalised { lambda }] = fidelities(&noisy) else { panic!("the second is a penalty") };
        let problem = Recovery::new(&*noisy.map, &noisy.b, Norm::Flat).unwrap();
        let prepared = PreparedMap::of(&problem).unwrap();
        let mut warm = WarmStart::default();
        let (mut on_path, mut alone) = (0, 0);
        for part in [4.0, 2.0, 1.0, 0.5] {
            let fidelity = Fidelity::Penalised { lambda: part * lambda };
            let cold = solve(&problem.with_fidelity(fidelity).unwrap());
            let found = prepared.recover(&noisy.b, fidelity, &mut warm, &STOP, &mut |_, _| ControlFlow::Continue(())).unwrap();
            assert_eq!((found.status, found.rank), (cold.status, cold.rank), "{} {part}", noisy.name);
            assert!(distance(&found.x, &cold.x) < 1e-5, "{} {part}: {:e}", noisy.name, distance(&found.x, &cold.x));
            let afresh = prepared.recover(&noisy.b, fidelity, &mut WarmStart::default(), &STOP, &mut |_, _| ControlFlow::Continue(())).unwrap();
            (on_path, alone) = (on_path + found.iterations, alone + afresh.iterations);
        }
        assert!(on_path <= 2 * alone, "{}: {on_path} against {alone}", noisy.name);
    }
}

#[test]
fn nothing_is_the_answer_where_noise_explains_all() {
    for noisy in instances(11) {
        let (d1, d2) = noisy.map.shape();
        let mut g = vec![0.0; d1 * d2];
        noisy.map.adjoint(&noisy.b, &mut g);
        let largest = singular_values(&g, d1, d2).unwrap()[0];
        for fidelity in [Fidelity::Ball { radius: 1.01 * norm(&noisy.b) }, Fidelity::Penalised { lambda: 1.01 * largest }] {
            let problem = Recovery::new(&*noisy.map, &noisy.b, Norm::Nuclear).unwrap().with_fidelity(fidelity).unwrap();
            let found = solve(&problem);
            assert_eq!((found.status, found.rank), (RecoveryStatus::Converged, 0), "{}", noisy.name);
            assert!(found.x.iter().all(|&x| x == 0.0) && verdict(&problem, &found).certified, "{} {fidelity:?}", noisy.name);
        }
        for fidelity in [Fidelity::Ball { radius: 0.99 * norm(&noisy.b) }, Fidelity::Penalised { lambda: 0.99 * largest }] {
            let problem = Recovery::new(&*noisy.map, &noisy.b, Norm::Nuclear).unwrap().with_fidelity(fidelity).unwrap();
            let zero = leading_factors(&vec![0.0; d1 * d2], (d1, d2), 0).unwrap();
            assert!(!verify(&problem, &zero, &noisy.b).unwrap().certified, "{} {fidelity:?}", noisy.name);
        }
    }
}

#[test]
fn a_ball_out_of_reach_is_told_with_a_witness() {
    for noisy in instances(13).into_iter().filter(|noisy| noisy.name.starts_with("tall")) {
        // of some 40 dimensions, 15 to 30 are in the range of A: the noise leaves it by about half
        let fidelity = Fidelity::Ball { radius: 0.1 * noisy.noise };
        let problem = Recovery::new(&*noisy.map, &noisy.b, Norm::Nuclear).unwrap().with_fidelity(fidelity).unwrap();
        let found = solve(&problem);
        assert_eq!(found.status, RecoveryStatus::Inconsistent, "{}", noisy.name);
        let Some(Witness::Multiplier(y)) = found.witness else { panic!("{} has no witness", noisy.name) };
        assert!(nothing_fits_below(&problem, &y) > 1e6, "{}: {:e}", noisy.name, nothing_fits_below(&problem, &y));
        let wide = Recovery { fidelity: Fidelity::Ball { radius: noisy.noise }, ..problem };
        assert_eq!(nothing_fits_below(&wide, &y), 0.0, "{}", noisy.name);
    }
}
