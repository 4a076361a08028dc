//! Every NMF method on every kind of data.

use super::planted;
use std::ops::ControlFlow;
use std::time::Duration;
use thalweg::certificate::stationarity;
use thalweg::data::{Law, Matrix, planted_factors, with_noise};
use thalweg::problem::Nmf;
use thalweg::solver::nmf::{Alternating, Init, NMF_METHODS, NmfMethod, Paper, method};
use thalweg::solver::{Iteration, Solution, Status, Stop, run};
use thalweg::{Factors, Side};

const RANK: usize = 4;

fn go(_: &Alternating<'_, f64>, _: Duration) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn fit(data: &Matrix<f64>, method: &dyn NmfMethod, init: Init, iterations: usize, tol: f64) -> Solution<Factors<f64>> {
    let problem = Nmf::new(data, RANK).unwrap();
    let start = init.factors(&problem, 7, 0).unwrap();
    let mut iteration = Alternating::<f64>::start(&problem, method, start).unwrap();
    run(&mut iteration, &Stop { max_iters: iterations, max_time: None, tol }, &mut go)
}

fn each(test: impl Fn(&str, &dyn NmfMethod, &Matrix<f64>)) {
    for method in NMF_METHODS {
        for (kind, data) in planted::kinds(3) {
            test(&format!("{} on {kind} data", method.about().name), *method, &data);
        }
    }
}

fn relative_difference(a: &Factors<f64>, b: &Factors<f64>) -> f64 {
    let largest = a.as_slice().iter().fold(0.0f64, |s, x| s.max(x.abs()));
    a.as_slice().iter().zip(b.as_slice()).fold(0.0f64, |s, (x, y)| s.max((x - y).abs())) / largest
}

#[test]
fn monotone_methods_never_raise_the_objective() {
    each(|name, method, data| {
        if !method.about().monotone {
            return;
        }
        let problem = Nmf::new(data, RANK).unwrap();
        let mut iteration = Alternating::<f64>::start(&problem, method, Init::Random.factors(&problem, 1, 0).unwrap()).unwrap();
        let mut last = problem.objective(iteration.point());
        for _ in 0..60 {
            iteration.step().unwrap();
            let now = problem.objective(iteration.point());
            assert!(now <= last * (1.0 + 1e-12), "{name}: {last} to {now} at {}", iteration.progress().iteration);
            last = now;
        }
    });
}

#[test]
fn factors_stay_finite_and_non_negative() {
    each(|name, method, data| {
        let solution = fit(data, method, method.about().init, 40, 0.0);
        assert!(solution.point.as_slice().iter().all(|x| x.is_finite() && *x >= 0.0), "{name}");
    });
}

#[test]
fn converged_means_stationary_when_recomputed_from_the_data() {
    each(|name, method, data| {
        let tol = 1e-6;
        let solution = fit(data, method, method.about().init, 20_000, tol);
        let proof = stationarity(data, &solution.point).unwrap();
        match solution.status {
            Status::Converged => assert!(proof.kkt <= tol * 1.0001, "{name}: {}", proof.kkt),
            Status::MaxIters => assert!(proof.kkt > tol * 0.9999, "{name}: {}", proof.kkt),
            other => panic!("{name}: {other:?}"),
        }
        // multiplicative updates come near zeros only as 1/iterations
        if method.about().monotone && method.about().name != "mu" {
            assert_eq!(solution.status, Status::Converged, "{name}");
        }
        let shown = solution.progress.objective;
        assert!((proof.objective - shown).abs() <= 1e-4 * proof.objective, "{name}: {shown} against {}", proof.objective);
    });
}

#[test]
fn full_data_give_the_same_iterates_in_every_storage() {
    let (m, n) = (37, 29);
    let values = planted::product(&planted::factors(m, n, RANK, 3), 0.1, 3);
    let storages = [planted::sparse(m, n, &values), planted::observed(m, n, &values, |_| true), planted::weighted(m, n, &values, |_| 1.0)];
    for method in NMF_METHODS {
        let reference = fit(&planted::dense(m, n, &values), *method, Init::HalfNormal, 25, 0.0);
        for data in &storages {
            let difference = relative_difference(&reference.point, &fit(data, *method, Init::HalfNormal, 25, 0.0).point);
            assert!(difference < 1e-9, "{} on {} data: {difference:e}", method.about().name, data.kind());
        }
    }
}

/// A row and a column with few entries left: what is taken out must not cancel.
#[test]
fn entries_hidden_or_not_listed_give_the_same_iterates() {
    let (m, n) = (37, 29);
    let values = planted::product(&planted::factors(m, n, RANK, 3), 0.1, 3);
    let hidden = |at: usize| at % 5 == 1 || (at / n == 4 && at % 7 > 1) || (at % n == 9 && at / n != 5 && at / n != 10 && at / n < 30);
    let all_but = [planted::dense(m, n, &values), planted::sparse(m, n, &values)].map(|data| planted::all_but(data, hidden));
    for method in NMF_METHODS {
        let reference = fit(&planted::observed(m, n, &values, |at| !hidden(at)), *method, Init::HalfNormal, 25, 0.0);
        for data in &all_but {
            assert!(matches!(data, Matrix::AllBut(_)));
            let difference = relative_difference(&reference.point, &fit(data, *method, Init::HalfNormal, 25, 0.0).point);
            assert!(difference < 1e-9, "{}: {difference:e}", method.about().name);
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    each(|name, method, data| {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(data, method, method.about().init, 30, 1e-9).point)
        };
        let one = on(1);
        for threads in [2, 3, 4, 8] {
            assert_eq!(one, on(threads), "{name}, {threads} threads");
        }
    });
}

#[test]
fn multiplying_the_data_by_a_power_of_two_multiplies_the_factors() {
    for method in NMF_METHODS.iter().filter(|m| m.about().init == Init::Random) {
        let name = method.about().name;
        let (m, n) = (37, 29);
        let values = planted::product(&planted::factors(m, n, RANK, 3), 0.1, 3);
        for kept in [1, 2] {
            let plain = fit(&planted::observed(m, n, &values, |at| at % 3 < kept + 1), *method, Init::Random, 200, 1e-7);
            for exponent in [-300, -101, -40, -1, 1, 40, 100, 300] {
                let scale = 2f64.powi(exponent);
                let scaled: Vec<f64> = values.iter().map(|x| x * scale).collect();
                let got = fit(&planted::observed(m, n, &scaled, |at| at % 3 < kept + 1), *method, Init::Random, 200, 1e-7);
                assert_eq!(got.progress.iteration, plain.progress.iteration, "{name}, 2^{exponent}");
                for side in [Side::U, Side::V] {
                    let first = |f: &Factors<f64>| f.side(side).iter().copied().find(|x| *x > 0.0).unwrap();
                    let ratio = first(&got.point) / first(&plain.point);
                    assert_eq!(ratio.log2().fract(), 0.0, "{name}, 2^{exponent}: a power of two");
                    let undone: Vec<f64> = got.point.side(side).iter().map(|x| x / ratio).collect();
                    assert_eq!(undone, plain.point.side(side), "{name}, 2^{exponent}");
                }
            }
        }
    }
}

#[test]
fn a_run_taken_up_again_ends_in_the_same_bits() {
    each(|name, method, data| {
        let problem = Nmf::new(data, RANK).unwrap();
        let stop = Stop { max_iters: 120, max_time: None, tol: 1e-9 };
        let start = method.about().init.factors(&problem, 7, 0).unwrap();
        let mut unbroken = Alternating::<f64>::start(&problem, method, start.clone()).unwrap();
        let whole = run(&mut unbroken, &stop, &mut go);
        for cut in [1, 7, 8, 9, 50] {
            let mut first = Alternating::<f64>::start(&problem, method, start.clone()).unwrap();
            let part = run(&mut first, &Stop { max_iters: cut, ..stop }, &mut go);
            let mut second = Alternating::<f64>::start(&problem, method, part.point).unwrap().resume(first.memory());
            let rest = run(&mut second, &stop, &mut go);
            assert_eq!((rest.point, rest.status, rest.progress), (whole.point.clone(), whole.status, whole.progress), "{name}, cut at {cut}");
        }
    });
}

#[test]
fn single_precision_reaches_the_same_objective() {
    each(|name, method, data| {
        let narrow = data.cast::<f32>();
        let problem = Nmf::new(&narrow, RANK).unwrap();
        let start = method.about().init.factors(&problem, 7, 0).unwrap();
        let mut iteration = Alternating::<f32>::start(&problem, method, start).unwrap();
        let stop = Stop { max_iters: 300, max_time: None, tol: 1e-4 };
        let single = run(&mut iteration, &stop, &mut |_: &Alternating<'_, f32>, _: Duration| ControlFlow::Continue(()));
        let double = fit(data, method, method.about().init, 300, 1e-4);
        let (a, b) = (stationarity(data, &single.point.cast()).unwrap(), stationarity(data, &double.point).unwrap());
        assert!((a.objective - b.objective).abs() < 2e-2 * b.objective, "{name}: {} against {}", a.objective, b.objective);
    });
}

/// The objective is then a ten-thousandth of ½‖X‖², so that its difference from that has lost all digits but three.
#[test]
fn extrapolation_in_single_precision_goes_as_far_where_little_is_left() {
    let planted = planted_factors(Law::FoldedNormal, (300, 40), RANK, 2, 0).unwrap();
    let data = Matrix::Dense(with_noise(&planted, 0.01, 3, 0).unwrap());
    let problem = Nmf::new(&data, RANK).unwrap();
    for name in ["extrapolated-hals", "extrapolated-anls"] {
        let method = method(name).unwrap();
        let double = problem.objective(&fit(&data, method, Init::Random, 1500, 0.0).point);
        let single = data.cast::<f32>();
        let half = Nmf::new(&single, RANK).unwrap();
        let mut iteration = Alternating::<f32>::start(&half, method, Init::Random.factors(&half, 7, 0).unwrap()).unwrap();
        let stop = Stop { max_iters: 1500, max_time: None, tol: 0.0 };
        let found = run(&mut iteration, &stop, &mut |_: &Alternating<'_, f32>, _| ControlFlow::Continue(()));
        let single = problem.objective(&found.point.cast());
        assert!((single / double - 1.0).abs() < 1e-3, "{name}: {single} and {double}, after {} iterations", found.progress.iteration);
    }
}

#[test]
fn the_papers_setting_is_its_formula() {
    let (_, data) = planted::kinds(5).swap_remove(0);
    let Matrix::Dense(x) = &data else { unreachable!() };
    let (m, n) = data.shape();
    let problem = Nmf::new(&data, RANK).unwrap();
    let sd = problem.summary().sd;
    let paper = Paper { step: 2e-4, iterations: 50 };
    let start = Init::HalfNormal.factors(&problem, 1, 0).unwrap();
    let mut iteration = Alternating::<f64>::start(&problem, &paper, start.clone()).unwrap();
    let root = sd.sqrt();
    let mut f = Factors::new(m, n, RANK, start.as_slice().iter().map(|x| x / root).collect()).unwrap();
    for _ in 0..50 {
        iteration.step().unwrap();
        let mut gradient = vec![0.0; (m + n) * RANK];
        for i in 0..m {
            for j in 0..n {
                let (u, v) = f.row_pair(i, j);
                let residual = u.iter().zip(v).map(|(a, b)| a * b).sum::<f64>() - x.values()[i * n + j] / sd;
                for k in 0..RANK {
                    gradient[i * RANK + k] += residual * v[k];
                    gradient[(m + j) * RANK + k] += residual * u[k];
                }
            }
        }
        let moved = f.as_slice().iter().zip(&gradient).map(|(x, g)| (x - 2e-4 * g).max(0.0)).collect();
        f = Factors::new(m, n, RANK, moved).unwrap();
    }
    let scaled = Factors::new(m, n, RANK, f.as_slice().iter().map(|x| x * root).collect()).unwrap();
    assert!(relative_difference(&scaled, iteration.point()) < 1e-12);
}

#[test]
fn rows_and_columns_without_an_entry_get_no_factor() {
    let (m, n) = (20, 15);
    let values = planted::product(&planted::factors(m, n, RANK, 9), 0.1, 9);
    let data = planted::observed(m, n, &values, |at| at / n != 3 && at % n != 5);
    for method in NMF_METHODS {
        let f = fit(&data, *method, method.about().init, 30, 0.0).point;
        let (u, v) = f.row_pair(3, 5);
        assert!(u.iter().chain(v).all(|&x| x == 0.0), "{}", method.about().name);
    }
}

/// Data large enough to be compressed: the other laws are too small for it.
#[test]
fn compressed_runs_keep_the_laws() {
    let (m, n) = (320, 210);
    let values = planted::product(&planted::factors(m, n, RANK, 4), 0.1, 4);
    let data = planted::dense(m, n, &values);
    let problem = Nmf::new(&data, RANK).unwrap();
    let plain = fit(&data, thalweg::solver::nmf::method("extrapolated-hals").unwrap(), Init::Random, 300, 0.0);
    for name in ["compressed", "compressed-anls"] {
        let method = thalweg::solver::nmf::method(name).unwrap();
        let start = Init::Random.factors(&problem, 7, 0).unwrap();
        let begun = Alternating::<f64>::start(&problem, method, start.clone()).unwrap();
        assert!(begun.memory().momentum.is_some_and(|m| m.is_opening), "{name}");
        let stop = Stop { max_iters: 300, max_time: None, tol: 1e-9 };
        let run_on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&mut Alternating::<f64>::start(&problem, method, start.clone()).unwrap(), &stop, &mut go))
        };
        let whole = run_on(1);
        assert_eq!(whole.point, run_on(3).point, "{name}");
        let (reached, reference) = (problem.objective(&whole.point), problem.objective(&plain.point));
        assert!(reached <= 1.001 * reference, "{name}: {reached} against {reference}");
        for cut in [1, 15, 16, 17, 64, 150] {
            let mut first = Alternating::<f64>::start(&problem, method, start.clone()).unwrap();
            let part = run(&mut first, &Stop { max_iters: cut, ..stop }, &mut go);
            let mut second = Alternating::<f64>::start(&problem, method, part.point).unwrap().resume(first.memory());
            let rest = run(&mut second, &stop, &mut go);
            assert_eq!((rest.point, rest.progress), (whole.point.clone(), whole.progress), "{name}, cut at {cut}");
        }
        for exponent in [-60, 1, 60] {
            let scaled: Vec<f64> = values.iter().map(|x| x * 2f64.powi(exponent)).collect();
            let got = fit(&planted::dense(m, n, &scaled), method, Init::Random, 300, 1e-9);
            assert_eq!(got.progress.iteration, whole.progress.iteration, "{name}, 2^{exponent}");
            let undone = |side| {
                let ratio = got.point.side(side).iter().zip(whole.point.side(side)).find(|(_, w)| **w > 0.0).map(|(g, w)| g / w).unwrap();
                (ratio.log2().fract(), got.point.side(side).iter().map(|x| x / ratio).collect::<Vec<_>>())
            };
            for side in [Side::U, Side::V] {
                assert_eq!(undone(side), (0.0, whole.point.side(side).to_vec()), "{name}, 2^{exponent}");
            }
        }
    }
}
