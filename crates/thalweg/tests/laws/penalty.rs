//! Penalties: every method on every kind of data.

use super::planted;
use std::ops::ControlFlow;
use std::time::Duration;
use thalweg::certificate::penalised_stationarity;
use thalweg::data::{Dense, Matrix};
use thalweg::problem::{FactorPenalty, Nmf, Objective, PENALTY_SCALINGS, Penalty, PenaltyScaling, PenaltyUnit};
use thalweg::solver::nmf::{Alternating, Init, NMF_METHODS, NmfMethod, transform};
use thalweg::solver::{Iteration, Solution, Status, Stop, run};
use thalweg::{Factors, Side};

const RANK: usize = 4;

fn penalties() -> Vec<Penalty> {
    let ridge = FactorPenalty { l2: 0.02, l1: 0.0 };
    let sparse = FactorPenalty { l2: 0.0, l1: 0.01 };
    let of = |u, v| PENALTY_SCALINGS.iter().map(move |&scaling| Penalty { u, v, scaling, ..Penalty::default() });
    let both = FactorPenalty { l2: 0.003, l1: 0.002 };
    of(ridge, ridge).chain(of(sparse, ridge)).chain(of(both, sparse)).collect()
}

fn each(test: impl Fn(&str, &dyn NmfMethod, &Matrix<f64>, &Penalty)) {
    for method in NMF_METHODS {
        for (kind, data) in planted::kinds(3) {
            for penalty in penalties() {
                test(&format!("{} on {kind} data, {penalty:?}", method.about().name), *method, &data, &penalty);
            }
        }
    }
}

fn problem<'a>(data: &'a Matrix<f64>, penalty: &Penalty) -> Nmf<'a> {
    Nmf::new(data, RANK).unwrap().with_penalty(penalty).unwrap()
}

fn fit_from(problem: &Nmf<'_>, method: &dyn NmfMethod, start: Factors, iterations: usize, tol: f64) -> Solution<Factors> {
    let mut iteration = Alternating::<f64>::start(problem, method, start).unwrap();
    let stop = Stop { max_iters: iterations, max_time: None, tol };
    run(&mut iteration, &stop, &mut |_: &Alternating<'_, f64>, _: Duration| ControlFlow::Continue(()))
}

fn fit(data: &Matrix<f64>, penalty: &Penalty, method: &dyn NmfMethod, init: Init, iterations: usize, tol: f64) -> Solution<Factors> {
    let problem = problem(data, penalty);
    let start = init.factors(&problem, 7, 0).unwrap();
    fit_from(&problem, method, start, iterations, tol)
}

/// The objective from its definition, entry by entry, in free units.
fn by_definition(data: &Matrix<f64>, f: &Factors, penalty: &Penalty) -> f64 {
    let (m, n) = data.shape();
    let (mut row_weight, mut col_weight, mut squares, mut total) = (vec![0.0; m], vec![0.0; n], 0.0, 0.0);
    let (mut loss, mut sum, mut count) = (0.0, 0.0, 0.0);
    for i in 0..m {
        for (j, x, w) in data.observed_entries(i) {
            let (u, v) = f.row_pair(i, j);
            loss += 0.5 * w * (x - u.iter().zip(v).map(|(a, b)| a * b).sum::<f64>()).powi(2);
            (row_weight[i], col_weight[j]) = (row_weight[i] + w, col_weight[j] + w);
            (squares, total, sum, count) = (squares + w * x * x, total + w, sum + x, count + 1.0);
        }
    }
    for weights in [&mut row_weight, &mut col_weight] {
        weights.iter_mut().for_each(|w| *w = w.powf(penalty.scaling.exponent()));
        let level = total / weights.iter().sum::<f64>();
        weights.iter_mut().for_each(|w| *w *= level);
    }
    let q = (squares / total).sqrt();
    let b = (std::f64::consts::PI * sum / count / (2.0 * RANK as f64)).sqrt().log2().floor().exp2();
    let side = |rows: &[f64], unit: f64, p: FactorPenalty, weights: &[f64]| -> f64 {
        let of_row = |row: &[f64]| row.iter().map(|x| x / unit).map(|x| 0.5 * p.l2 * x * x + p.l1 * x).sum::<f64>();
        rows.chunks_exact(RANK).zip(weights).map(|(row, w)| w * of_row(row)).sum()
    };
    let (u, v) = f.split();
    loss + q * q * (side(u, q / b, penalty.u, &row_weight) + side(v, b, penalty.v, &col_weight))
}

#[test]
fn the_objective_is_its_definition() {
    for (kind, data) in planted::kinds(4) {
        for penalty in penalties() {
            let f = planted::factors(data.shape().0, data.shape().1, RANK, 8);
            let (problem, exact) = (problem(&data, &penalty), by_definition(&data, &f, &penalty));
            let certified = penalised_stationarity(&data, &f, &problem.penalty()).unwrap();
            for value in [problem.objective(&f), certified.objective] {
                assert!((value - exact).abs() <= 1e-12 * exact, "{kind} {penalty:?}: {value} instead of {exact}");
            }
            assert!(certified.penalty > 0.0 && certified.penalty < certified.objective);
        }
    }
}

#[test]
fn monotone_methods_never_raise_the_penalised_objective() {
    each(|name, method, data, penalty| {
        if !method.about().monotone {
            return;
        }
        let problem = problem(data, penalty);
        let mut iteration = Alternating::<f64>::start(&problem, method, Init::Random.factors(&problem, 1, 0).unwrap()).unwrap();
        let mut last = problem.objective(iteration.point());
        for _ in 0..40 {
            iteration.step().unwrap();
            let now = problem.objective(iteration.point());
            assert!(now <= last * (1.0 + 1e-12), "{name}: {last} to {now}");
            let progress = iteration.progress();
            if progress.measured_at == progress.iteration {
                assert!((progress.objective - now).abs() <= 1e-9 * now, "{name}: {} instead of {now}", progress.objective);
            }
            last = now;
        }
    });
}

#[test]
fn converged_means_stationary_when_recomputed_from_the_data() {
    each(|name, method, data, penalty| {
        // multiplicative updates are monotone, and take far more iterations than this
        if !method.about().monotone || method.about().name == "mu" {
            return;
        }
        let tol = 1e-5;
        let solution = fit(data, penalty, method, method.about().init, 5000, tol);
        let proof = penalised_stationarity(data, &solution.point, &problem(data, penalty).penalty()).unwrap();
        assert!(proof.kkt <= tol * 1.0001 && solution.status == Status::Converged, "{name}: {} {:?}", proof.kkt, solution.status);
    });
}

#[test]
fn full_data_give_the_same_iterates_in_every_storage_and_scaling() {
    let (m, n) = (37, 29);
    let values = planted::product(&planted::factors(m, n, RANK, 3), 0.1, 3);
    let storages = [planted::sparse(m, n, &values), planted::observed(m, n, &values, |_| true), planted::weighted(m, n, &values, |_| 1.0)];
    for method in NMF_METHODS {
        let penalty = Penalty::both(0.01, 0.001);
        let reference = fit(&planted::dense(m, n, &values), &penalty, *method, Init::HalfNormal, 25, 0.0).point;
        for data in &storages {
            for &scaling in PENALTY_SCALINGS {
                let got = fit(data, &Penalty { scaling, ..penalty }, *method, Init::HalfNormal, 25, 0.0).point;
                let largest = reference.as_slice().iter().fold(0.0f64, |s, x| s.max(*x));
                let difference = got.as_slice().iter().zip(reference.as_slice()).fold(0.0f64, |s, (x, y)| s.max((x - y).abs()));
                assert!(difference < 1e-9 * largest, "{} on {} data: {difference:e}", method.about().name, data.kind());
            }
        }
    }
}

#[test]
fn multiplying_the_data_by_a_power_of_two_multiplies_the_factors() {
    let (m, n) = (37, 29);
    let values = planted::product(&planted::factors(m, n, RANK, 3), 0.1, 3);
    for method in NMF_METHODS.iter().filter(|m| m.about().init == Init::Random) {
        for penalty in penalties() {
            let at = |exponent: i32| {
                let scaled: Vec<f64> = values.iter().map(|x| x * 2f64.powi(exponent)).collect();
                fit(&planted::observed(m, n, &scaled, |at| at % 3 < 2), &penalty, *method, Init::Random, 60, 1e-7)
            };
            let plain = at(0);
            for exponent in [-300, -101, -1, 1, 40, 299] {
                let got = at(exponent);
                let name = format!("{}, {penalty:?}, 2^{exponent}", method.about().name);
                assert_eq!(got.progress.iteration, plain.progress.iteration, "{name}");
                for side in [Side::U, Side::V] {
                    let first = |f: &Factors| f.side(side).iter().copied().find(|x| *x > 0.0).unwrap();
                    let ratio = first(&got.point) / first(&plain.point);
                    let undone: Vec<f64> = got.point.side(side).iter().map(|x| x / ratio).collect();
                    assert_eq!((ratio.log2().fract(), undone.as_slice()), (0.0, plain.point.side(side)), "{name}");
                }
            }
        }
    }
}

/// λ does not depend on the number of rows: every row twice gives the same components.
#[test]
fn rows_listed_twice_change_no_component() {
    let (m, n) = (37, 29);
    let values = planted::product(&planted::factors(m, n, RANK, 6), 0.1, 6);
    let (once, twice) = (planted::dense(m, n, &values), Matrix::Dense(Dense::new(2 * m, n, [values.clone(), values].concat()).unwrap()));
    let penalty = Penalty::both(0.01, 0.001);
    let (a, b) = (problem(&once, &penalty), problem(&twice, &penalty));
    let start = Init::Random.factors(&a, 1, 0).unwrap();
    let (u, v) = start.split();
    let doubled = Factors::new(2 * m, n, RANK, [u, u, v].concat()).unwrap();
    for method in NMF_METHODS.iter().filter(|m| m.about().monotone) {
        let (one, two) = (fit_from(&a, *method, start.clone(), 20, 0.0).point, fit_from(&b, *method, doubled.clone(), 20, 0.0).point);
        for (x, y) in one.side(Side::V).iter().zip(two.side(Side::V)) {
            assert!((x - y).abs() <= 1e-9, "{}: {x} and {y}", method.about().name);
        }
    }
}

#[test]
fn derivatives_and_segments_have_the_penalty() {
    for (kind, data) in planted::kinds(5) {
        for penalty in penalties() {
            let problem = problem(&data, &penalty);
            let (m, n) = data.shape();
            let (x, y) = (planted::factors(m, n, RANK, 1), planted::factors(m, n, RANK, 2));
            let d: Vec<f64> = x.as_slice().iter().zip(y.as_slice()).map(|(x, y)| y - x).collect();
            let dot = |a: &[f64]| a.iter().zip(&d).map(|(a, b)| a * b).sum::<f64>();
            let (mut gradient, mut hessian) = (vec![0.0; problem.dim()], vec![0.0; problem.dim()]);
            let value = problem.gradient(x.as_slice(), &mut gradient);
            problem.hessian_vec(x.as_slice(), &d, &mut hessian);
            let quartic = problem.segment(x.as_slice(), y.as_slice()).unwrap();
            for (k, expected) in [value, dot(&gradient), 0.5 * dot(&hessian)].into_iter().enumerate() {
                assert!((quartic.coefficients[k] - expected).abs() <= 1e-11 * value, "{kind} c{k}: {} and {expected}", quartic.coefficients[k]);
            }
            let end = problem.objective(&y);
            assert!((quartic.value(1.0) - end).abs() <= 1e-11 * end, "{kind}: {} and {end}", quartic.value(1.0));
        }
    }
}

/// A row with one entry fits it alone, however large its components become; with a penalty it stays of the size of the others.
#[test]
fn a_ridge_tames_rows_with_few_entries() {
    let (m, n) = (40, 30);
    let values = planted::product(&planted::factors(m, n, RANK, 9), 0.1, 9);
    let data = planted::observed(m, n, &values, |at| at / n != 3 || at % n == 5);
    for method in NMF_METHODS.iter().filter(|m| m.about().monotone) {
        for &scaling in PENALTY_SCALINGS {
            let f = fit(&data, &Penalty { scaling, ..Penalty::both(0.1, 0.0) }, *method, Init::Random, 2000, 1e-7).point;
            let norm = |i: usize| f.side(Side::U)[i * RANK..][..RANK].iter().map(|x| x * x).sum::<f64>().sqrt();
            let largest = (0..m).filter(|&i| i != 3).map(norm).fold(0.0, f64::max);
            assert!(norm(3) < largest, "{}: {} against {largest}", method.about().name, norm(3));
        }
    }
}

#[test]
fn fitted_rows_come_out_of_transform_again() {
    for (kind, data) in planted::kinds(11) {
        for penalty in penalties() {
            let scaled = problem(&data, &penalty).penalty();
            let fitted = fit(&data, &penalty, NMF_METHODS[2], Init::Random, 5000, 1e-9).point;
            let again = transform(&data, &fitted, scaled).unwrap();
            let largest = fitted.side(Side::U).iter().fold(0.0f64, |s, x| s.max(*x));
            for (a, b) in again.side(Side::U).iter().zip(fitted.side(Side::U)) {
                assert!((a - b).abs() <= 1e-6 * largest, "{kind} {penalty:?}: {a} and {b}");
            }
        }
    }
}

#[test]
fn a_penalty_on_one_factor_alone_is_refused() {
    let (_, data) = planted::kinds(1).swap_remove(0);
    let none = FactorPenalty::default();
    for (u, v) in [(FactorPenalty { l2: 1.0, l1: 0.0 }, none), (none, FactorPenalty { l2: 0.0, l1: 1.0 })] {
        assert!(Nmf::new(&data, 2).unwrap().with_penalty(&Penalty { u, v, ..Penalty::default() }).is_err());
    }
    assert!(Nmf::new(&data, 2).unwrap().with_penalty(&Penalty::both(-1.0, 0.0)).is_err());
    assert!(Nmf::new(&data, 2).unwrap().with_penalty(&Penalty::both(f64::NAN, 0.0)).is_err());
}

/// In units of the data a penalty is what it says, whatever the data: n per entry of U and m per entry of V, as scikit-learn has it.
#[test]
fn in_units_of_the_data_nothing_is_scaled() {
    let (u, v) = (FactorPenalty { l2: 0.3, l1: 0.2 }, FactorPenalty { l2: 0.1, l1: 0.7 });
    let penalty = Penalty { u, v, unit: PenaltyUnit::Data, ..Penalty::default() };
    let data = Matrix::Dense(Dense::new(2, 3, vec![1.0, 4.0, 0.0, 2.0, 30.0, 5.0]).unwrap());
    let f = Factors::new(2, 3, 1, vec![1.0, 2.0, 0.5, 3.0, 1.5]).unwrap();
    let problem = Nmf::new(&data, 1).unwrap().with_penalty(&penalty).unwrap();
    let pays = |p: FactorPenalty, rows: &[f64]| rows.iter().map(|x| 0.5 * p.l2 * x * x + p.l1 * x).sum::<f64>();
    let expected = Nmf::new(&data, 1).unwrap().objective(&f) + 3.0 * pays(u, f.side(Side::U)) + 2.0 * pays(v, f.side(Side::V));
    assert!((problem.objective(&f) - expected).abs() < 1e-12 * expected, "{} against {expected}", problem.objective(&f));
}

#[test]
fn scalings_are_read_as_they_are_written() {
    for &scaling in PENALTY_SCALINGS {
        assert_eq!(scaling.to_string().parse::<PenaltyScaling>().unwrap(), scaling);
        let json = serde_json::to_string(&scaling).unwrap();
        assert_eq!(serde_json::from_str::<PenaltyScaling>(&json).unwrap(), scaling, "{json}");
    }
    assert_eq!(("1".parse::<PenaltyScaling>().unwrap(), "0".parse().unwrap()), (PenaltyScaling::ENTRIES, PenaltyScaling::EVEN));
    for bad in ["half", "-0.1", "1.5", "nan", ""] {
        assert!(bad.parse::<PenaltyScaling>().is_err(), "{bad}");
    }
}
