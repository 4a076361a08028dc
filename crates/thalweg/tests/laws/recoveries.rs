//! What every recovery owes: the answer is optimal by the data alone, and nothing is certified that is not so.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use std::ops::ControlFlow;
use thalweg::Factors;
use thalweg::certificate::recovery::{RecoveryVerdict, leading_factors, nothing_fits_below, rules_out, verify};
use thalweg::data::stream;
use thalweg::linalg::scale;
use thalweg::map::{Gaussian, MAPS, MeasurementMap, OuterProducts, Sampling};
use thalweg::problem::{Fidelity, Norm, Recovered, Recovery, RecoveryStatus, Witness};
use thalweg::solver::Stop;
use thalweg::solver::convex::{RECOVERY_TOLERANCE, recover};

pub(super) const NORMS: [Norm; 2] = [Norm::Nuclear, Norm::Flat];

pub(super) fn normals(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = stream(seed, 78);
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

/// A map of each kind with enough measurements for rank one, and a matrix of that rank.
pub(super) fn planted(kind: &str, seed: u64) -> (Box<dyn MeasurementMap>, Factors, Vec<f64>) {
    let (d, rank) = (10, 1);
    let map: Box<dyn MeasurementMap> = match kind {
        "gaussian" => Box::new(Gaussian::new(70, (d, d - 1), normals(70 * d * (d - 1), seed)).unwrap()),
        "bilinear" => Box::new(OuterProducts::bilinear(80, (d, d + 1), normals(80 * d, seed), normals(80 * (d + 1), seed + 1)).unwrap()),
        "quadratic" => Box::new(OuterProducts::quadratic(50, d, normals(50 * d, seed)).unwrap()),
        "sampling" => {
            let mut rng = stream(seed, 79);
            let kept: Vec<(u32, u32)> =
                (0..20).flat_map(|i| (0..16).map(move |j| (i, j))).filter(|(i, j)| (i + j) % 4 == 0 || rng.random::<f64>() < 0.6).collect();
            let (rows, cols): (Vec<u32>, Vec<u32>) = kept.into_iter().unzip();
            let weights = vec![1.0; rows.len()];
            Box::new(Sampling::new((20, 16), rows, cols, weights).unwrap())
        }
        _ => (MAPS.iter().find(|k| k.name == kind).unwrap().sample)(seed),
    };
    let (d1, d2) = map.shape();
    let mut truth = Factors::new(d1, d2, rank, normals((d1 + d2) * rank, seed + 2)).unwrap();
    if map.is_symmetric() {
        let u = truth.split().0.to_vec();
        truth.split_mut().1.copy_from_slice(&u);
    }
    let mut b = vec![0.0; map.len()];
    map.apply_factored(&truth, &mut b);
    (map, truth, b)
}

fn solve(map: &dyn MeasurementMap, b: &[f64], norm: Norm) -> Recovered {
    let stop = Stop { max_iters: 4000, max_time: None, tol: RECOVERY_TOLERANCE };
    recover(&Recovery::new(map, b, norm).unwrap(), &stop, &mut |_, _| ControlFlow::Continue(())).unwrap()
}

fn verdict(map: &dyn MeasurementMap, b: &[f64], norm: Norm, found: &Recovered) -> RecoveryVerdict {
    let factors = leading_factors(&found.x, map.shape(), found.rank).unwrap();
    verify(&Recovery::new(map, b, norm).unwrap(), &factors, &found.multiplier).unwrap()
}

pub(super) fn distance(x: &[f64], y: &[f64]) -> f64 {
    let size = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    size(&mut x.iter().zip(y).map(|(a, b)| a - b)) / size(&mut y.iter().copied())
}

fn product(f: &Factors) -> Vec<f64> {
    (0..f.rows() * f.cols())
        .map(|at| {
            let (u, v) = f.row_pair(at / f.cols(), at % f.cols());
            u.iter().zip(v).map(|(a, b)| a * b).sum()
        })
        .collect()
}

#[test]
fn planted_matrices_are_recovered_and_certified() {
    let (mut certified, mut all) = (0, 0);
    for kind in MAPS {
        for norm in NORMS {
            for seed in 0..4 {
                let (map, truth, b) = planted(kind.name, 10 * seed);
                let found = solve(&*map, &b, norm);
                assert_eq!(found.status, RecoveryStatus::Converged, "{} {norm:?} {seed}", kind.name);
                let verdict = verdict(&*map, &b, norm, &found);
                all += 1;
                if distance(&found.x, &product(&truth)) < 1e-9 {
                    assert!(verdict.certified, "{} {norm:?} {seed}: {verdict:?}", kind.name);
                    assert!(verdict.gap.unwrap() < 1e-8, "{} {norm:?}: {verdict:?}", kind.name);
                    certified += 1;
                }
            }
        }
    }
    assert!(certified * 100 >= all * 95, "{certified} of {all} recovered");
}

#[test]
fn near_misses_are_not_certified() {
    for kind in MAPS {
        for norm in NORMS {
            let (map, _, b) = planted(kind.name, 5);
            let found = solve(&*map, &b, norm);
            let problem = Recovery::new(&*map, &b, norm).unwrap();
            let (d1, d2) = map.shape();
            let factors = leading_factors(&found.x, (d1, d2), found.rank).unwrap();
            assert!(verify(&problem, &factors, &found.multiplier).unwrap().certified, "{} {norm:?}", kind.name);
            for (trial, size) in [1e-4, 1e-6, 1e-8, 1e-9].into_iter().enumerate() {
                let mut moved = factors.clone();
                let noise = normals(moved.as_slice().len(), 40 + trial as u64);
                moved.as_mut_slice().iter_mut().zip(&noise).for_each(|(x, n)| *x *= 1.0 + size * n);
                assert!(!verify(&problem, &moved, &found.multiplier).unwrap().certified, "{} {norm:?} X off by {size}", kind.name);
            }
            // a multiplier that is too large, one of another problem, none
            let scaled: Vec<f64> = found.multiplier.iter().map(|y| 1.1 * y).collect();
            let other = normals(b.len(), 50);
            // where every entry is seen, X alone fits: whatever the multiplier, what is proved is true
            let misleading = if kind.name == "identity" { vec![] } else { vec![scaled, other, vec![0.0; b.len()]] };
            for y in misleading {
                assert!(!verify(&problem, &factors, &y).unwrap().certified, "{} {norm:?}", kind.name);
            }
            // the answer to other data
            let b: Vec<f64> = b.iter().map(|b| b * (1.0 + 1e-9 * b.sin())).collect();
            let problem = Recovery::new(&*map, &b, norm).unwrap();
            assert!(!verify(&problem, &factors, &found.multiplier).unwrap().certified, "{} {norm:?} other data", kind.name);
        }
    }
}

#[test]
fn powers_of_two_come_through() {
    for kind in MAPS {
        for norm in NORMS {
            let (map, _, b) = planted(kind.name, 7);
            let plain = solve(&*map, &b, norm);
            let expected = verdict(&*map, &b, norm, &plain);
            for (of_map, of_b) in [(-300, 0), (0, 250), (150, -200), (250, 250)] {
                let b: Vec<f64> = b.iter().map(|&b| scale(b, of_b)).collect();
                let map = map.scaled(of_map);
                let scaled = solve(&*map, &b, norm);
                assert_eq!((scaled.status, scaled.iterations), (plain.status, plain.iterations), "{} {norm:?} {of_map} {of_b}", kind.name);
                let same = plain.x.iter().zip(&scaled.x).all(|(x, s)| scale(*x, of_b - of_map).to_bits() == s.to_bits());
                assert!(same, "{} {norm:?} {of_map} {of_b}", kind.name);
                assert_eq!(verdict(&*map, &b, norm, &scaled), expected, "{} {norm:?} {of_map} {of_b}", kind.name);
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit_of_a_recovery() {
    let stop = Stop { max_iters: 4000, max_time: None, tol: RECOVERY_TOLERANCE };
    for kind in MAPS {
        for norm in NORMS {
            let (map, _, mut b) = planted(kind.name, 3);
            let noise = normals(b.len(), 80);
            let radius = 0.05 * noise.iter().map(|e| e * e).sum::<f64>().sqrt();
            for fidelity in [Fidelity::Exact, Fidelity::Ball { radius }] {
                if fidelity != Fidelity::Exact {
                    b.iter_mut().zip(&noise).for_each(|(b, e)| *b += 0.05 * e);
                }
                let problem = Recovery::new(&*map, &b, norm).unwrap().with_fidelity(fidelity).unwrap();
                let on = |threads: usize| {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    pool.install(|| recover(&problem, &stop, &mut |_, _| ControlFlow::Continue(())).unwrap())
                };
                let one = on(1);
                for threads in [2, 4] {
                    let other = on(threads);
                    let what = format!("{} {norm:?} {fidelity:?}, {threads} threads", kind.name);
                    assert_eq!((&one.x, &one.multiplier), (&other.x, &other.multiplier), "{what}");
                    assert_eq!((one.status, one.rank, one.iterations), (other.status, other.rank, other.iterations), "{what}");
                }
            }
        }
    }
}

#[test]
fn contradictions_have_a_witness() {
    for kind in ["gaussian", "bilinear", "quadratic"] {
        let (map, _, mut b) = planted(kind, 3);
        // the first measurement twice, with two results
        let all: Vec<usize> = (0..b.len()).chain([0]).collect();
        let map = map.selected(&all);
        b.push(b[0]);
        assert_eq!(solve(&*map, &b, Norm::Nuclear).status, RecoveryStatus::Converged, "{kind}");
        *b.last_mut().unwrap() *= 1.001;
        let found = solve(&*map, &b, Norm::Nuclear);
        assert_eq!(found.status, RecoveryStatus::Inconsistent, "{kind}");
        let Some(Witness::Multiplier(y)) = found.witness else { panic!("{kind} has no witness") };
        let problem = Recovery::new(&*map, &b, Norm::Nuclear).unwrap();
        // the planted matrix has norm of about 10
        assert!(nothing_fits_below(&problem, &y) > 1e6, "{kind}: {}", nothing_fits_below(&problem, &y));
        assert_eq!(nothing_fits_below(&problem, &vec![0.0; b.len()]), 0.0);
    }
}

#[test]
fn another_solution_is_shown_where_there_is_one() {
    // |x| ≤ 1 off the diagonal: all [[1, x], [x, 1]] have norm 2
    let map = Sampling::new((2, 2), vec![0, 1], vec![0, 1], vec![1.0, 1.0]).unwrap();
    let b = [1.0, 1.0];
    let found = solve(&map, &b, Norm::Nuclear);
    assert_eq!(found.status, RecoveryStatus::UnderDetermined);
    let Some(Witness::SecondSolution(other)) = found.witness else { panic!("no second solution") };
    assert!(distance(&other, &found.x) > 0.1);
    assert!((other[0] - 1.0).abs() < 1e-9 && (other[3] - 1.0).abs() < 1e-9);
    let norm = thalweg::linalg::singular_values(&other, 2, 2).unwrap().iter().sum::<f64>();
    assert!((norm - 2.0).abs() < 1e-8, "{norm}");
    let problem = Recovery::new(&map, &b, Norm::Nuclear).unwrap();
    for rank in [1, 2] {
        let factors = leading_factors(&found.x, (2, 2), rank).unwrap();
        assert!(!verify(&problem, &factors, &found.multiplier).unwrap().certified);
    }
}

/// The same over symmetric and over semidefinite X: from x₁₁ and x₂₂ alone, and where the eigenvalues have two signs.
#[test]
fn another_symmetric_solution_is_shown_where_there_is_one() {
    let map = OuterProducts::quadratic(2, 2, vec![1.0, 0.0, 0.0, 1.0]).unwrap();
    let stop = Stop { max_iters: 2000, max_time: None, tol: RECOVERY_TOLERANCE };
    let b = [1.0, 1.0];
    let symmetric = Recovery::new(&map, &b, Norm::Nuclear).unwrap();
    for problem in [symmetric, symmetric.positive_semidefinite().unwrap()] {
        let found = recover(&problem, &stop, &mut |_, _| ControlFlow::Continue(())).unwrap();
        assert_eq!(found.status, RecoveryStatus::UnderDetermined, "{:?}", problem.domain);
        let Some(Witness::SecondSolution(other)) = found.witness else { panic!("no second solution") };
        assert!(distance(&other, &found.x) > 0.1 && other[1] == other[2]);
        assert!((other[0] - 1.0).abs() < 1e-9 && (other[3] - 1.0).abs() < 1e-9);
        let norm = thalweg::linalg::singular_values(&other, 2, 2).unwrap().iter().sum::<f64>();
        assert!((norm - 2.0).abs() < 1e-8, "{norm}");
    }
    // diag(1, −1): a part off the diagonal makes the norm larger
    let b = [1.0, -1.0];
    let found = recover(&Recovery::new(&map, &b, Norm::Nuclear).unwrap(), &stop, &mut |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(found.status, RecoveryStatus::Converged);
    assert!(found.x[1].abs() < 1e-9);
}

#[test]
fn nothing_measured_is_nothing() {
    let map = (MAPS[0].sample)(1);
    let b = vec![0.0; map.len()];
    let found = solve(&*map, &b, Norm::Nuclear);
    assert_eq!((found.status, found.rank), (RecoveryStatus::Converged, 0));
    let problem = Recovery::new(&*map, &b, Norm::Nuclear).unwrap();
    let zero = leading_factors(&found.x, map.shape(), 0).unwrap();
    assert!(verify(&problem, &zero, &found.multiplier).unwrap().certified);
}

/// Instances of every status that is not an answer, small, and as many as a registry of maps gives.
#[test]
fn what_has_no_single_answer_is_told_so() {
    let mut counts = std::collections::BTreeMap::new();
    let mut tell = |expected: RecoveryStatus, found: &Recovered, name: &str| {
        assert_eq!(found.status, expected, "{name}");
        assert!(found.witness.is_some(), "{name} has no witness");
        *counts.entry(format!("{expected:?}")).or_insert(0) += 1;
    };
    for seed in 0..10 {
        for kind in ["gaussian", "bilinear", "quadratic"] {
            // measurement 1 + seed again, with another result
            let (map, _, mut b) = planted(kind, 20 + seed);
            let again = 1 + seed as usize;
            let map = map.selected(&(0..b.len()).chain([again]).collect::<Vec<usize>>());
            b.push(b[again] + 1e-3 * (1.0 + b[again].abs()));
            tell(RecoveryStatus::Inconsistent, &solve(&*map, &b, NORMS[seed as usize % 2]), &format!("{kind} {seed}"));
        }
        // no semidefinite X has a negative xᵀXx; nor, with more of them, measurements of an indefinite one
        let (d, norm) = (5, NORMS[seed as usize % 2]);
        for (name, p, signs) in [("negative", 8, [1.0, 1.0]), ("indefinite", 60, [1.0, -0.5])] {
            let x = normals(p * d, 30 + seed);
            let map = OuterProducts::quadratic(p, d, x).unwrap();
            let vectors = [normals(d, 50 + seed), normals(d, 70 + seed)];
            let truth: Vec<f64> = (0..d * d).map(|at| (0..2).map(|k| signs[k] * vectors[k][at / d] * vectors[k][at % d]).sum()).collect();
            let mut b = vec![0.0; p];
            map.apply(&truth, &mut b);
            if name == "negative" {
                b[seed as usize % p] = -0.1;
            }
            let problem = Recovery::new(&map, &b, norm).unwrap().positive_semidefinite().unwrap();
            let stop = Stop { max_iters: 4000, max_time: None, tol: RECOVERY_TOLERANCE };
            let found = recover(&problem, &stop, &mut |_, _| ControlFlow::Continue(())).unwrap();
            tell(RecoveryStatus::Infeasible, &found, &format!("{name} {seed}"));
            let Some(Witness::Multiplier(y)) = found.witness else { panic!("{name} {seed} has no multiplier") };
            assert!(rules_out(&problem, &y), "{name} {seed}");
            // the same multiplier proves nothing of what can be fitted
            let mut fitting = vec![0.0; p];
            map.apply(&(0..d * d).map(|at| vectors[0][at / d] * vectors[0][at % d]).collect::<Vec<f64>>(), &mut fitting);
            assert!(!rules_out(&Recovery { b: &fitting, ..problem }, &y), "{name} {seed}");
        }
        // a diagonal: the off-diagonal ones may be anything up to the geometric mean
        let side = 2 + seed as usize % 3;
        let places: Vec<u32> = (0..side as u32).collect();
        let map = Sampling::new((side, side), places.clone(), places, vec![1.0; side]).unwrap();
        let b: Vec<f64> = normals(side, 40 + seed).iter().map(|b| b.abs() + 0.5).collect();
        tell(RecoveryStatus::UnderDetermined, &solve(&map, &b, Norm::Nuclear), &format!("diagonal {seed}"));
    }
    let all: usize = counts.values().sum();
    assert!(all >= 60, "{counts:?}");
}

/// Too few measurements for the planted matrix: the minimiser is another one, of larger rank.
#[test]
fn minimisers_of_large_rank_are_solved_to_rounding() {
    let d = 12;
    let mut certified = 0;
    for seed in 0..4 {
        let maps: [Box<dyn MeasurementMap>; 4] = [
            Box::new(Gaussian::new(40, (d, d), normals(40 * d * d, seed)).unwrap()),
            Box::new(Gaussian::new(40, (d, d - 4), normals(40 * d * (d - 4), seed)).unwrap()),
            Box::new(OuterProducts::bilinear(40, (d - 3, d), normals(40 * (d - 3), seed), normals(40 * d, seed + 1)).unwrap()),
            Box::new(OuterProducts::quadratic(36, d, normals(36 * d, seed)).unwrap()),
        ];
        for map in maps {
            let (d1, d2) = map.shape();
            let (u, mut v) = (normals(d1 * 4, seed + 2), normals(d2 * 4, seed + 3));
            if map.is_symmetric() {
                v = u.iter().enumerate().map(|(at, u)| if at % 4 == 3 { -u } else { *u }).collect();
            }
            let truth = Factors::new(d1, d2, 4, u.into_iter().chain(v).collect()).unwrap();
            let mut b = vec![0.0; map.len()];
            map.apply_factored(&truth, &mut b);
            for norm in NORMS {
                let name = format!("{} {d1}x{d2} {norm:?} {seed}", map.name());
                let found = solve(&*map, &b, norm);
                assert_eq!(found.status, RecoveryStatus::Converged, "{name}");
                let freedom =
                    if map.is_symmetric() { found.rank * d1 - found.rank * (found.rank - 1) / 2 } else { found.rank * (d1 + d2 - found.rank) };
                if freedom <= map.len() {
                    continue;
                }
                let problem = Recovery::new(&*map, &b, norm).unwrap();
                let factors = leading_factors(&found.x, (d1, d2), found.rank).unwrap();
                let verdict = verify(&problem, &factors, &found.multiplier).unwrap();
                assert!(verdict.misfit.is_some_and(|m| m < 1e-11) && verdict.gap.is_some_and(|gap| gap < 1e-8), "{name}: {verdict:?}");
                certified += usize::from(verdict.certified);
                // an X off by more than the radius is not certified, nor is one of another multiplier
                let mut moved = factors.clone();
                let noise = normals(moved.as_slice().len(), seed + 9);
                moved.as_mut_slice().iter_mut().zip(&noise).for_each(|(x, n)| *x *= 1.0 + 1e-5 * n);
                assert!(!verify(&problem, &moved, &found.multiplier).unwrap().certified, "{name}");
                let y: Vec<f64> = found.multiplier.iter().map(|y| 0.999 * y).collect();
                assert!(!verify(&problem, &factors, &y).unwrap().certified, "{name}");
            }
        }
    }
    assert!(certified >= 8, "{certified} certified");
}
