//! Which rank? On data whose rank is known, and where there is none to know.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use thalweg::Error;
use thalweg::audit::{RankReport, RankSettings, rank_trials, survey_ranks, usual_fraction};
use thalweg::data::{Dense, Duplicates, Matrix, Observed, Sparse, Triplet, stream};
use thalweg::problem::Penalty;

/// Half-normal factors with a third of their entries zero, and Gaussian noise of this share of the product's root mean square, clipped at 0.
fn planted(m: usize, n: usize, r: usize, noise: f64, seed: u64) -> Vec<f64> {
    let mut rng = stream(seed, 1);
    let mut draw = |count: usize| -> Vec<f64> {
        let mut one = || {
            let g: f64 = StandardNormal.sample(&mut rng);
            if rng.random::<f64>() < 1.0 / 3.0 { 0.0 } else { g.abs() }
        };
        (0..count).map(|_| one()).collect()
    };
    let (u, v) = (draw(m * r), draw(n * r));
    let mut values: Vec<f64> = (0..m * n).map(|at| (0..r).map(|k| u[at / n * r + k] * v[at % n * r + k]).sum()).collect();
    let rms = (values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64).sqrt();
    for x in &mut values {
        let g: f64 = StandardNormal.sample(&mut rng);
        *x = (*x + noise * rms * g).max(0.0);
    }
    values
}

fn dense(m: usize, n: usize, values: Vec<f64>) -> Matrix<f64> {
    Matrix::Dense(Dense::new(m, n, values).unwrap())
}

fn observed(m: usize, n: usize, values: &[f64], keep: impl Fn(usize) -> bool) -> Matrix<f64> {
    let kept = values.iter().enumerate().filter(|(at, _)| keep(*at));
    let list = kept.map(|(at, &value)| Triplet { row: (at / n) as u32, col: (at % n) as u32, value }).collect();
    Matrix::Observed(Observed { entries: Sparse::from_triplets(m, n, list, Duplicates::Sum).unwrap().0, weights: None })
}

fn settings(first: usize, last: usize) -> RankSettings {
    RankSettings { first, last, repeats: 6, restarts: 3, ..RankSettings::default() }
}

fn survey(data: &Matrix<f64>, first: usize, last: usize) -> RankReport {
    let report = survey_ranks(data, &settings(first, last)).unwrap();
    println!("{}", report.verdict);
    for r in &report.ranks {
        println!("{:>3} {:?} ± {:?} excess {:?} ± {:?} agreement {:?}", r.rank, r.holdout, r.holdout_se, r.excess, r.excess_se, r.agreement);
    }
    report
}

/// The planted rank is suggested, it is not ruled out, and smaller ones are.
fn finds(rank: usize, noise: f64, seed: u64, first: usize, last: usize) {
    let report = survey(&dense(120, 90, planted(120, 90, rank, noise, seed)), first, last);
    assert_eq!(report.suggested, Some(rank), "noise {noise}");
    assert!(report.supported.contains(&rank) && report.supported.iter().all(|&r| r >= rank), "{:?}", report.supported);
    assert!(report.supported.len() <= 2, "{:?}", report.supported);
}

#[test]
fn rank_3_is_found() {
    finds(3, 0.05, 1, 1, 6);
    finds(3, 0.2, 2, 1, 6);
}

#[test]
fn rank_8_is_found() {
    finds(8, 0.05, 3, 5, 10);
    finds(8, 0.15, 4, 5, 10);
}

#[test]
fn rank_15_is_found() {
    finds(15, 0.05, 5, 13, 17);
    finds(15, 0.12, 6, 13, 17);
}

#[test]
fn a_mask_or_a_ridge_changes_nothing_of_it() {
    let data = observed(120, 90, &planted(120, 90, 4, 0.1, 7), |at| at * 7 % 10 < 7);
    let report = survey(&data, 2, 6);
    assert_eq!((report.suggested, report.spectrum), (Some(4), None));
    let penalty = Penalty::both(1e-3, 0.0);
    assert_eq!(survey_ranks(&data, &RankSettings { penalty, ..settings(2, 6) }).unwrap().suggested, Some(4));
}

#[test]
fn noise_supports_nothing_beyond_rank_1() {
    let mut rng = stream(3, 3);
    let data = dense(60, 50, (0..3000).map(|_| rng.random::<f64>()).collect());
    for (first, supported, suggested) in [(1, vec![1], Some(1)), (2, vec![], None)] {
        let report = survey(&data, first, 5);
        assert_eq!((report.supported, report.suggested), (supported, suggested));
        assert!(report.verdict.starts_with("No structure beyond rank 1 is supported"), "{}", report.verdict);
        assert_eq!(report.spectrum.unwrap().above_noise, 1);
    }
}

#[test]
fn constant_data_have_rank_1_and_exact_data_their_own() {
    let report = survey(&dense(20, 15, vec![3.0; 300]), 1, 4);
    assert_eq!((report.supported, report.suggested), (vec![1], Some(1)));
    let spectrum = report.spectrum.unwrap();
    assert!(spectrum.is_exact && spectrum.above_noise == 1);
    let report = survey_ranks(&dense(40, 30, planted(40, 30, 2, 0.0, 1)), &RankSettings { max_iters: 2000, tol: 1e-8, ..settings(1, 4) }).unwrap();
    assert_eq!((report.suggested, report.spectrum.unwrap().is_exact), (Some(2), true), "{}", report.verdict);
}

/// One held-out entry in a column that a component has to itself is extrapolated without bound: such a rank must not hide in its own error.
#[test]
fn a_rank_with_erratic_errors_is_ruled_out() {
    let report = survey(&dense(120, 90, planted(120, 90, 3, 0.3, 0)), 2, 8);
    assert_eq!(report.suggested, Some(3));
    assert!(report.supported.iter().all(|r| (3..=4).contains(r)), "{:?}", report.supported);
}

/// Sparse data whose zeros count: two thirds of the products are thinned away, the rest keeps the planted parts.
#[test]
fn zeros_that_are_not_stored_are_held_out_too() {
    let (m, n) = (150, 120);
    let mut rng = stream(9, 1);
    let blocks = |i: usize, j: usize| i % 3 == j % 3;
    let values: Vec<f64> = (0..m * n).map(|at| if blocks(at / n, at % n) { 1.0 + 0.2 * rng.random::<f64>() } else { 0.0 }).collect();
    let stored = values.iter().enumerate().filter(|e| *e.1 > 0.0);
    let list = stored.map(|(at, &value)| Triplet { row: (at / n) as u32, col: (at % n) as u32, value }).collect();
    let data = Matrix::Sparse(Sparse::from_triplets(m, n, list, Duplicates::Sum).unwrap().0);
    let report = survey(&data, 1, 5);
    assert_eq!(report.suggested, Some(3));
    let same = survey(&dense(m, n, values), 1, 5);
    for (a, b) in report.ranks.iter().zip(&same.ranks).take(3) {
        assert!((a.holdout.unwrap() - b.holdout.unwrap()).abs() < 1e-6, "{a:?} {b:?}");
    }
    assert!((usual_fraction(&data) - 0.1).abs() < 1e-12);
}

/// Ratings of few entries a row, without a ridge: the verdict says what to do, and says it no more once it is done.
#[test]
fn erratic_errors_ask_for_a_ridge() {
    let data = observed(100, 80, &planted(100, 80, 2, 0.3, 4), |at| at * 7919 % 100 < 12);
    let plain = survey(&data, 1, 6);
    assert!(!plain.erratic.is_empty() && plain.verdict.contains("--l2"), "{}", plain.verdict);
    let penalty = Penalty::both(0.05, 0.0);
    let tamed = survey_ranks(&data, &RankSettings { penalty, ..settings(1, 6) }).unwrap();
    assert!(tamed.erratic.is_empty() && !tamed.verdict.contains("--l2"), "{}", tamed.verdict);
}

#[test]
fn ranges_are_clipped_or_refused() {
    let data = dense(6, 40, planted(6, 40, 2, 0.1, 1));
    let report = survey(&data, 1, 50);
    assert_eq!(report.ranks.last().unwrap().rank, 6);
    assert!(report.verdict.contains("ranks above 6 were left out"), "{}", report.verdict);
    assert!(matches!(survey_ranks(&data, &settings(7, 9)), Err(Error::Rank { rank: 7, .. })));
    assert!(matches!(survey_ranks(&data, &settings(3, 2)), Err(Error::Parameter { .. })));
    assert!(matches!(survey_ranks(&data, &RankSettings { repeats: 1, ..settings(1, 2) }), Err(Error::Parameter { .. })));
    // nothing can be held out of one row: each entry is the last of its column
    let report = survey(&dense(1, 30, (1..=30).map(f64::from).collect()), 1, 1);
    assert_eq!((report.ranks[0].holdout, report.suggested), (None, None));
    assert!(report.verdict.starts_with("Nothing can be said"), "{}", report.verdict);
}

#[test]
fn the_result_depends_on_neither_threads_nor_scale() {
    let values = planted(30, 20, 2, 0.1, 5);
    let on = |threads: usize, scale: f64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let data = dense(30, 20, values.iter().map(|x| x * scale).collect());
        pool.install(|| survey_ranks(&data, &settings(1, 3)).unwrap())
    };
    let one = on(1, 1.0);
    assert_eq!(one, on(3, 1.0));
    let scaled = on(2, 8.0);
    assert_eq!((one.supported, one.suggested), (scaled.supported, scaled.suggested));
    for (a, b) in one.ranks.iter().zip(&scaled.ranks) {
        assert_eq!((a.holdout.map(|h| 8.0 * h), a.relative_error), (b.holdout, b.relative_error));
        assert!((a.agreement.unwrap() - b.agreement.unwrap()).abs() < 1e-12);
    }
}

#[test]
fn trials_have_names_of_their_own() {
    let trials = rank_trials(&settings(2, 5));
    let names: std::collections::BTreeSet<String> = trials.iter().map(|t| t.name()).collect();
    assert_eq!(names.len(), trials.len());
    assert!(names.contains("rank-1-mask-0") && !names.contains("rank-1-restarts"));
}
