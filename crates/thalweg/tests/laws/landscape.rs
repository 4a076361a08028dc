//! The loss, its derivatives and its lines, on every kind of data.

use super::planted;
use proptest::prelude::*;
use thalweg::data::{Dense, Matrix, Observed};
use thalweg::geometry::{Verdict, line};
use thalweg::linalg::Polynomial;
use thalweg::problem::{Nmf, Objective, all_segments, segment};
use thalweg::{Error, Factors};

const RANK: usize = 4;

fn point(data: &Matrix<f64>, seed: u64) -> Factors {
    let (m, n) = data.shape();
    planted::factors(m, n, RANK, seed)
}

fn combination(a: &[f64], t: f64, d: &[f64]) -> Vec<f64> {
    a.iter().zip(d).map(|(a, d)| a + t * d).collect()
}

fn difference(a: &Factors, b: &Factors) -> Vec<f64> {
    combination(a.as_slice(), -1.0, b.as_slice())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn assert_close(a: &Polynomial, b: &Polynomial, what: &str) {
    assert_eq!(a.exponent, b.exponent, "{what}");
    for k in 0..5 {
        let allowed = a.error[k] + b.error[k] + 1e-14 * a.coefficients[k].abs();
        assert!((a.coefficients[k] - b.coefficients[k]).abs() <= allowed, "{what}: c{k} {} and {}", a.coefficients[k], b.coefficients[k]);
    }
}

#[test]
fn the_quartic_is_the_objective_on_the_segment() {
    for (kind, data) in planted::kinds(1) {
        let problem = Nmf::new(&data, RANK).unwrap();
        let (a, b) = (point(&data, 5), point(&data, 6));
        let quartic = problem.segment(a.as_slice(), b.as_slice()).unwrap();
        for t in [-0.5, 0.0, 0.25, 0.5, 0.9, 1.0, 2.0] {
            let value = problem.value(&combination(a.as_slice(), t, &difference(&b, &a)));
            assert!((quartic.value(t) - value).abs() <= 1e-12 * value, "{kind} data, t = {t}: {} and {value}", quartic.value(t));
        }
    }
}

#[test]
fn gradient_and_hessian_are_the_derivatives_of_the_quartic() {
    for (kind, data) in planted::kinds(2) {
        let problem = Nmf::new(&data, RANK).unwrap();
        let (a, b) = (point(&data, 7), point(&data, 8));
        let d = difference(&b, &a);
        let quartic = segment(&data, &a, &b).unwrap();
        let (mut gradient, mut hessian) = (vec![0.0; problem.dim()], vec![0.0; problem.dim()]);
        let value = problem.gradient(a.as_slice(), &mut gradient);
        problem.hessian_vec(a.as_slice(), &d, &mut hessian);
        let [c0, c1, c2] = [quartic.coefficients[0], quartic.coefficients[1], quartic.coefficients[2]];
        assert!((value - c0).abs() <= 1e-12 * c0, "{kind}");
        assert!((dot(&gradient, &d) - c1).abs() <= 1e-11 * c0, "{kind}: {} and {c1}", dot(&gradient, &d));
        assert!((dot(&hessian, &d) - 2.0 * c2).abs() <= 1e-11 * c0.max(c2), "{kind}: {} and {}", dot(&hessian, &d), 2.0 * c2);
    }
}

/// The remainders f(x+td) − f − t⟨∇f,d⟩ and that minus ½t²⟨d,Hd⟩ fall as t² and t³.
#[test]
fn taylor_remainders_have_the_right_slopes() {
    for (kind, data) in planted::kinds(3) {
        let problem = Nmf::new(&data, RANK).unwrap();
        let (x, other) = (point(&data, 9), point(&data, 10));
        let d = difference(&other, &x);
        let (mut gradient, mut hessian) = (vec![0.0; problem.dim()], vec![0.0; problem.dim()]);
        let value = problem.gradient(x.as_slice(), &mut gradient);
        problem.hessian_vec(x.as_slice(), &d, &mut hessian);
        let remainders = |t: f64| {
            let first = problem.value(&combination(x.as_slice(), t, &d)) - value - t * dot(&gradient, &d);
            (first.abs(), (first - 0.5 * t * t * dot(&d, &hessian)).abs())
        };
        let ((a1, a2), (b1, b2)) = (remainders(2e-3), remainders(1e-3));
        assert!(((a1 / b1).log2() - 2.0).abs() < 0.05, "{kind}: slope {}", (a1 / b1).log2());
        assert!(((a2 / b2).log2() - 3.0).abs() < 0.05, "{kind}: slope {}", (a2 / b2).log2());
    }
}

#[test]
fn the_hessian_is_symmetric() {
    for (kind, data) in planted::kinds(4) {
        let problem = Nmf::new(&data, RANK).unwrap();
        let x = point(&data, 11);
        let (d, e) = (difference(&point(&data, 12), &x), difference(&point(&data, 13), &x));
        let (mut hd, mut he) = (vec![0.0; d.len()], vec![0.0; d.len()]);
        problem.hessian_vec(x.as_slice(), &d, &mut hd);
        problem.hessian_vec(x.as_slice(), &e, &mut he);
        let (left, right) = (dot(&e, &hd), dot(&d, &he));
        assert!((left - right).abs() <= 1e-12 * left.abs().max(dot(&d, &hd).abs()), "{kind}: {left} and {right}");
    }
}

#[test]
fn dense_sparse_observed_and_unit_weights_agree() {
    let (m, n) = (37, 29);
    let values = planted::product(&planted::factors(m, n, RANK, 5), 0.1, 5);
    let dense = planted::dense(m, n, &values);
    let others = [planted::sparse(m, n, &values), planted::observed(m, n, &values, |_| true), planted::weighted(m, n, &values, |_| 1.0)];
    let (a, b) = (point(&dense, 14), point(&dense, 15));
    let quartic = segment(&dense, &a, &b).unwrap();
    for other in &others {
        assert_close(&quartic, &segment(other, &a, &b).unwrap(), other.kind());
    }
}

#[test]
fn reversing_the_line_reverses_the_quartic() {
    for (kind, data) in planted::kinds(6) {
        let (a, b) = (point(&data, 16), point(&data, 17));
        let (forth, back) = (segment(&data, &a, &b).unwrap(), segment(&data, &b, &a).unwrap());
        assert_close(&forth.reversed(), &back, kind);
    }
}

fn family(data: &Matrix<f64>, count: u64, seed: u64) -> Vec<Factors> {
    (0..count).map(|at| point(data, seed + at)).collect()
}

#[test]
fn all_pairs_are_single_lines() {
    for (kind, data) in planted::kinds(7) {
        // more than one vector of each, the last one not full; one pair coincides
        let (starts, mut ends) = (family(&data, 11, 100), family(&data, 9, 200));
        ends[3] = starts[5].clone();
        let all = all_segments(&data, &starts, &ends).unwrap();
        assert_eq!(all.len(), starts.len() * ends.len());
        for (at, quartic) in all.iter().enumerate() {
            let (p, q) = (at / starts.len(), at % starts.len());
            assert_close(quartic, &segment(&data, &starts[q], &ends[p]).unwrap(), &format!("{kind} {p} {q}"));
        }
        assert_eq!(all[3 * starts.len() + 5].coefficients[1..], [0.0; 4], "{kind}: the two points are the same");
    }
    let data = planted::kinds(7).remove(0).1;
    assert!(all_segments(&data, &[], &family(&data, 2, 1)).unwrap().is_empty());
    assert!(all_segments(&data, &family(&data, 2, 1), &[]).unwrap().is_empty());
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    // several blocks of rows
    let (m, n) = (700, 23);
    let values = planted::product(&planted::factors(m, n, RANK, 8), 0.1, 8);
    let kinds = [
        planted::dense(m, n, &values),
        planted::sparse(m, n, &values),
        planted::observed(m, n, &values, |at| at % 3 != 0),
        planted::weighted(m, n, &values, |at| (at % 4) as f64),
        planted::all_but(planted::dense(m, n, &values), |at| at % 7 == 0),
        planted::all_but(planted::sparse(m, n, &values), |at| at % 7 == 0),
    ];
    for data in &kinds {
        let (starts, ends) = (family(data, 3, 300), family(data, 2, 400));
        let problem = Nmf::new(data, RANK).unwrap();
        let work = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut gradient = vec![0.0; problem.dim()];
                let value = problem.gradient(starts[0].as_slice(), &mut gradient);
                // a line that ends where it starts goes the accurate way
                let accurate = segment(data, &ends[0], &ends[0]).unwrap();
                (all_segments(data, &starts, &ends).unwrap(), accurate, value, gradient)
            })
        };
        let one = work(1);
        assert_eq!(one, work(2), "{}", data.kind());
        assert_eq!(one, work(4), "{}", data.kind());
    }
}

#[test]
fn bad_input_is_refused() {
    let data = planted::kinds(9).remove(0).1;
    let (m, n) = data.shape();
    let good = point(&data, 20);
    let mut bad = good.clone();
    bad.as_mut_slice()[m * RANK + 2 * RANK + 1] = f64::NAN;
    match segment(&data, &good, &bad) {
        Err(Error::NotFinite { what: "v", row: 2, col: 1, .. }) => {}
        other => panic!("{other:?}"),
    }
    for (rows, cols, rank, what) in [(m + 1, n, RANK, "u"), (m, n - 1, RANK, "v"), (m, n, RANK - 1, "u")] {
        match segment(&data, &good, &planted::factors(rows, cols, rank, 1)) {
            Err(Error::Shape { what: found, .. }) => assert_eq!(found, what),
            other => panic!("{other:?}"),
        }
    }
    let nothing = Factors::zeros(m, n, 0);
    assert!(matches!(segment(&data, &nothing, &nothing), Err(Error::Rank { rank: 0, .. })));
    let mut values = vec![1.0; m * n];
    values[3] = f64::INFINITY;
    assert!(matches!(segment(&planted::dense(m, n, &values), &good, &good), Err(Error::NotFinite { row: 0, col: 3, .. })));
}

/// Multiplying U by 2ᵃ, V by 2ᵇ and X by 2ᵃ⁺ᵇ multiplies every coefficient by 4ᵃ⁺ᵇ, bit by bit.
fn scaled(data: &Matrix<f64>, power: i32) -> Matrix<f64> {
    let by = |x: &f64| thalweg::linalg::scale(*x, power);
    match data {
        Matrix::Dense(x) => {
            let (m, n) = data.shape();
            Matrix::Dense(Dense::new(m, n, x.values().iter().map(by).collect()).unwrap())
        }
        Matrix::Sparse(x) | Matrix::Observed(Observed { entries: x, weights: None }) => {
            let (m, n) = data.shape();
            let entry = |i: usize| x.by_row.row(i).0.iter().zip(x.by_row.row(i).1).map(move |(&j, v)| (i, j, by(v)));
            let list = (0..m).flat_map(entry).map(|(i, col, value)| thalweg::data::Triplet { row: i as u32, col, value }).collect();
            let (entries, _) = thalweg::data::Sparse::from_triplets(m, n, list, thalweg::data::Duplicates::Sum).unwrap();
            match data {
                Matrix::Sparse(_) => Matrix::Sparse(entries),
                _ => Matrix::Observed(Observed { entries, weights: None }),
            }
        }
        Matrix::AllBut(x) => scaled(x.full(), power).hiding(&hidden(data)).unwrap(),
        Matrix::Observed(_) => unreachable!("weights are not scaled here"),
    }
}

/// Where nothing is observed.
fn hidden(data: &Matrix<f64>) -> Vec<thalweg::data::Triplet> {
    let (m, n) = data.shape();
    let mut all = vec![true; m * n];
    (0..m).for_each(|i| data.observed_entries(i).for_each(|(j, ..)| all[i * n + j] = false));
    let places = (0..m * n).filter(|&at| all[at]);
    places.map(|at| thalweg::data::Triplet { row: (at / n) as u32, col: (at % n) as u32, value: 0.0 }).collect()
}

fn scaled_point(f: &Factors, u: i32, v: i32) -> Factors {
    let mut scaled = f.clone();
    let (to_u, to_v) = scaled.split_mut();
    to_u.iter_mut().for_each(|x| *x = thalweg::linalg::scale(*x, u));
    to_v.iter_mut().for_each(|x| *x = thalweg::linalg::scale(*x, v));
    scaled
}

#[test]
fn powers_of_two_scale_the_quartic_exactly() {
    for (kind, data) in planted::kinds(10).into_iter().filter(|(kind, _)| *kind != "weighted") {
        let (a, b) = (point(&data, 30), point(&data, 31));
        let plain = segment(&data, &a, &b).unwrap();
        for (u, v) in [(1, 0), (3, -5), (100, 101), (-200, 100), (300, -310), (260, 270), (-270, -280), (500, 480)] {
            let moved = segment(&scaled(&data, u + v), &scaled_point(&a, u, v), &scaled_point(&b, u, v)).unwrap();
            for k in 0..5 {
                let (expected, got) = (plain.coefficients[k], thalweg::linalg::scale(moved.coefficients[k], moved.exponent - 2 * (u + v)));
                if (u + v).abs() < 800 {
                    assert_eq!(expected, got, "{kind} 2^{u} 2^{v} c{k}");
                } else {
                    assert!((expected - got).abs() <= plain.error[k], "{kind} 2^{u} 2^{v} c{k}");
                }
            }
            assert_eq!(plain.is_convex(), moved.is_convex());
        }
    }
}

/// Where the ends are ever closer together, and where X = UVᵀ exactly, verdicts stay right: α is ½‖W₁‖²·2 > 0 at a minimum.
#[test]
fn near_pairs_at_an_exact_fit_are_convex() {
    for seed in 0..4 {
        let (m, n) = (37, 29);
        let end = planted::factors(m, n, RANK, 50 + seed);
        let data = planted::dense(m, n, &planted::product(&end, 0.0, 1));
        let d = difference(&planted::factors(m, n, RANK, 60 + seed), &end);
        for distance in [1e-2, 1e-5, 1e-8, 1e-10] {
            let start = Factors::new(m, n, RANK, combination(end.as_slice(), distance, &d)).unwrap();
            let found = line(&data, &start, &end).unwrap();
            if distance <= 1e-5 {
                assert_eq!(found.convex_on_segment, Verdict::Yes, "{distance}");
            }
            assert!(found.convex_on_segment != Verdict::Undecided && found.convex_everywhere != Verdict::Undecided);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Signed factors of any shape and rank, any mask: the quartic is the objective.
    #[test]
    fn any_shape_any_mask(m in 1usize..7, n in 1usize..7, r in 1usize..9, seed in 0u64..1000, kept in 0usize..5) {
        let signed = |seed: u64| {
            let mut f = planted::factors(m, n, r, seed);
            f.as_mut_slice().iter_mut().enumerate().for_each(|(at, x)| if at * 13 % 5 == 0 { *x = -*x });
            f
        };
        let (a, b) = (signed(seed), signed(seed + 1));
        let values = planted::product(&signed(seed + 2), 1.0, seed);
        let seen = |at: usize| at % 5 < kept;
        let observed = planted::observed(m, n, &values, seen);
        let direct = |x: &Factors, seen: &dyn Fn(usize) -> bool| -> f64 {
            let product = planted::product(x, 0.0, 0);
            (0..m * n).filter(|&at| seen(at)).map(|at| 0.5 * (values[at] - product[at]).powi(2)).sum()
        };
        let all_but = planted::all_but(planted::dense(m, n, &values), |at| !seen(at));
        let zeros_too = planted::all_but(planted::sparse(m, n, &values), |at| !seen(at));
        let seen = &seen as &dyn Fn(usize) -> bool;
        for (data, seen) in [(observed, seen), (all_but, seen), (zeros_too, seen), (planted::dense(m, n, &values), &|_| true)] {
            let quartic = segment(&data, &a, &b).unwrap();
            for t in [0.0, 0.3, 0.7, 1.0] {
                let x = Factors::new(m, n, r, combination(a.as_slice(), t, &difference(&b, &a))).unwrap();
                let value = direct(&x, seen);
                prop_assert!((quartic.value(t) - value).abs() <= 1e-10 * (1.0 + value), "{} {}", quartic.value(t), value);
            }
        }
    }
}
