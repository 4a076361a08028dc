//! Constraints: every method that takes them, on every kind of data.

use super::planted;
use std::ops::ControlFlow;
use std::time::Duration;
use thalweg::certificate::{constrained_stationarity, spectral_bound};
use thalweg::data::{Matrix, stream};
use thalweg::problem::{Constraints, Divergence, FactorConstraint, GivenColumns, Loss, Nmf, Penalty, RowSet, ScaledPenalty};
use thalweg::solver::nmf::{Alternating, DIVERGENCE_METHODS, INITS, Init, NMF_METHODS, NmfMethod, transform_constrained};
use thalweg::solver::{Iteration, Solution, Status, Stop, run};
use thalweg::{Error, Factors, Side};

const RANK: usize = 4;
const SHAPE: (usize, usize) = (37, 29);

fn given(components: &[usize], rows: usize, sign: f64) -> GivenColumns {
    let value = |at: usize| if at % 5 == 2 { 0.0 } else { sign.powi((at % 2) as i32) * (0.3 + (at * 7 % 11) as f64 / 8.0) };
    GivenColumns { components: components.to_vec(), values: (0..rows * components.len()).map(value).collect() }
}

/// Constraints of every kind, and some together.
fn constraints() -> Vec<(&'static str, Constraints)> {
    let (m, n) = SHAPE;
    let of = |rows| FactorConstraint { rows, given: GivenColumns::default() };
    let with = |rows, given| FactorConstraint { rows, given };
    let (non_negative, shares, free) = (of(RowSet::NonNegative), of(RowSet::SumToOne), of(RowSet::Free));
    let both = |u: &FactorConstraint, v: &FactorConstraint| Constraints { u: u.clone(), v: v.clone() };
    let held = |components: &[usize], rows, set, sign| with(set, given(components, rows, sign));
    let plain = RowSet::NonNegative;
    vec![
        ("a column of U given", both(&held(&[0], m, plain, 1.0), &non_negative)),
        ("two columns of V given", both(&non_negative, &held(&[0, 1], n, plain, 1.0))),
        ("columns of both given", both(&held(&[0, 2], m, plain, 1.0), &held(&[1, 2], n, plain, 1.0))),
        ("all of V given", both(&non_negative, &held(&[0, 1, 2, 3], n, plain, 1.0))),
        ("rows of U sum to one", both(&shares, &non_negative)),
        ("rows of V sum to one", both(&non_negative, &shares)),
        ("rows of U sum to one, V free", both(&shares, &free)),
        ("rows of U sum to one, columns of V given", both(&shares, &held(&[0], n, plain, 1.0))),
        ("free", both(&free, &free)),
        ("U free", both(&free, &non_negative)),
        ("V free", both(&non_negative, &free)),
        ("free with columns given", both(&held(&[1], m, RowSet::Free, -1.0), &held(&[0], n, RowSet::Free, -1.0))),
    ]
}

fn each(test: impl Fn(&str, &dyn NmfMethod, &Matrix<f64>, &Constraints)) {
    for method in NMF_METHODS {
        for (kind, data) in planted::kinds(3) {
            for (what, constraints) in constraints() {
                if [constraints.u.rows, constraints.v.rows].into_iter().all(|set| method.takes(set)) {
                    test(&format!("{} on {kind} data, {what}", method.about().name), *method, &data, &constraints);
                }
            }
        }
    }
}

fn problem<'a>(data: &'a Matrix<f64>, constraints: &Constraints, ridge: f64) -> Nmf<'a> {
    Nmf::constrained(data, RANK, constraints.clone()).unwrap().with_penalty(&Penalty::both(ridge, 0.0)).unwrap()
}

fn fit(problem: &Nmf<'_>, method: &dyn NmfMethod, iterations: usize, tol: f64) -> Solution<Factors> {
    let mut iteration = Alternating::<f64>::start(problem, method, Init::Random.factors(problem, 7, 0).unwrap()).unwrap();
    let stop = Stop { max_iters: iterations, max_time: None, tol };
    run(&mut iteration, &stop, &mut |_: &Alternating<'_, f64>, _: Duration| ControlFlow::Continue(()))
}

#[test]
fn monotone_methods_stay_in_the_set_and_never_raise_the_objective() {
    each(|name, method, data, constraints| {
        for ridge in [0.0, 0.02] {
            let problem = problem(data, constraints, ridge);
            let mut iteration = Alternating::<f64>::start(&problem, method, Init::Random.factors(&problem, 1, 0).unwrap()).unwrap();
            let mut last = problem.objective(iteration.point());
            for _ in 0..30 {
                iteration.step().unwrap();
                let (point, progress) = (iteration.point(), iteration.progress());
                constraints.check_factors(&data.observed_counts(), point, ["U", "V"]).unwrap_or_else(|e| panic!("{name}: {e}"));
                let now = problem.objective(point);
                assert!(!method.about().monotone || now <= last * (1.0 + 1e-12), "{name}: {last} to {now} at {}", progress.iteration);
                if progress.measured_at == progress.iteration && method.about().monotone {
                    assert!((progress.objective - now).abs() <= 1e-8 * now, "{name}: {} instead of {now}", progress.objective);
                }
                last = now;
            }
        }
    });
}

#[test]
fn converged_means_stationary_when_recomputed_from_the_data() {
    each(|name, method, data, constraints| {
        if !method.about().monotone || method.about().name == "mu" {
            return;
        }
        let problem = problem(data, constraints, 0.01);
        let tol = 1e-5;
        let solution = fit(&problem, method, 20_000, tol);
        let proof = constrained_stationarity(data, &solution.point, constraints, Loss::Frobenius, &problem.penalty()).unwrap();
        assert!(proof.kkt <= tol * 1.0001 && solution.status == Status::Converged, "{name}: {} {:?}", proof.kkt, solution.status);
    });
}

#[test]
fn the_certificate_and_the_solver_measure_the_same() {
    for (kind, data) in planted::kinds(3) {
        for (what, constraints) in constraints() {
            for ridge in [0.0, 0.05] {
                let problem = problem(&data, &constraints, ridge);
                let start = Init::Random.factors(&problem, 2, 0).unwrap();
                let mut iteration = Alternating::<f64>::start(&problem, NMF_METHODS[0], start).unwrap();
                for _ in 0..4 {
                    let proof = constrained_stationarity(&data, iteration.point(), &constraints, Loss::Frobenius, &problem.penalty()).unwrap();
                    let (kkt, objective) = (iteration.kkt(), problem.objective(iteration.point()));
                    assert!((kkt - proof.kkt).abs() <= 1e-9 * proof.kkt + 1e-14, "{kind}, {what}: {kkt} and {}", proof.kkt);
                    assert!((objective - proof.objective).abs() <= 1e-11 * objective, "{kind}, {what}: {objective} and {}", proof.objective);
                    iteration.step().unwrap();
                }
            }
        }
    }
}

#[test]
fn a_moved_column_or_a_broken_sum_is_no_certificate() {
    let (_, data) = planted::kinds(3).swap_remove(0);
    for (what, constraints) in constraints().into_iter().filter(|(what, _)| !what.contains("free") && *what != "all of V given") {
        let problem = problem(&data, &constraints, 0.0);
        let mut point = fit(&problem, NMF_METHODS[0], 5, 0.0).point;
        let side = if constraints.u.is_plain() { Side::V } else { Side::U };
        let at = if side == Side::U { 0 } else { SHAPE.0 * RANK } + constraints.side(side).given.components.first().unwrap_or(&0);
        point.as_mut_slice()[at] += 0.25;
        let result = constrained_stationarity(&data, &point, &constraints, Loss::Frobenius, &ScaledPenalty::default());
        assert!(matches!(result, Err(Error::Outside { .. })), "{what}");
    }
}

#[test]
fn full_data_give_the_same_iterates_in_every_storage() {
    let (m, n) = SHAPE;
    let values = planted::product(&planted::factors(m, n, RANK, 3), 0.1, 3);
    let storages = [planted::sparse(m, n, &values), planted::observed(m, n, &values, |_| true), planted::weighted(m, n, &values, |_| 1.0)];
    let dense = planted::dense(m, n, &values);
    for (what, constraints) in constraints() {
        let reference = fit(&problem(&dense, &constraints, 0.01), NMF_METHODS[2], 12, 0.0).point;
        let largest = reference.as_slice().iter().fold(0.0f64, |s, x| s.max(x.abs()));
        for data in &storages {
            let got = fit(&problem(data, &constraints, 0.01), NMF_METHODS[2], 12, 0.0).point;
            let difference = got.as_slice().iter().zip(reference.as_slice()).fold(0.0f64, |s, (x, y)| s.max((x - y).abs()));
            assert!(difference < 1e-7 * largest, "{what} on {} data: {difference:e}", data.kind());
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_threads_or_interruptions() {
    for method in NMF_METHODS.iter().filter(|m| m.takes(RowSet::SumToOne)) {
        for (kind, data) in planted::kinds(3) {
            for (what, constraints) in constraints() {
                let problem = problem(&data, &constraints, 0.01);
                let on = |threads: usize| {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    pool.install(|| fit(&problem, *method, 12, 0.0).point)
                };
                let one = on(1);
                assert_eq!(one, on(3), "{} on {kind} data, {what}", method.about().name);
                let start = Init::Random.factors(&problem, 7, 0).unwrap();
                let mut first = Alternating::<f64>::start(&problem, *method, start).unwrap();
                (0..7).for_each(|_| first.step().unwrap());
                let mut second = Alternating::<f64>::start(&problem, *method, first.point().clone()).unwrap().resume(first.memory());
                (0..5).for_each(|_| second.step().unwrap());
                assert_eq!(&one, second.point(), "{} on {kind} data, {what}", method.about().name);
            }
        }
    }
}

#[test]
fn multiplying_the_data_by_a_power_of_two_multiplies_the_product() {
    let (m, n) = SHAPE;
    let values = planted::product(&planted::factors(m, n, RANK, 3), 0.1, 3);
    let product = |f: &Factors| -> Vec<f64> {
        (0..m * n)
            .map(|at| {
                let (u, v) = f.row_pair(at / n, at % n);
                u.iter().zip(v).map(|(a, b)| a * b).sum()
            })
            .collect()
    };
    // a column that is given does not follow the data, so its other half does: where that is given too or sums to one, nothing can
    let can_follow = |what: &str| !["columns of both given", "rows of U sum to one, columns of V given"].contains(&what);
    for (what, constraints) in constraints().into_iter().filter(|(what, _)| can_follow(what)) {
        for name in ["anls", "extrapolated-anls"] {
            let method = thalweg::solver::nmf::method(name).unwrap();
            let at = |exponent: i32| {
                let scaled: Vec<f64> = values.iter().map(|x| x * 2f64.powi(exponent)).collect();
                let data = planted::observed(m, n, &scaled, |at| at % 3 < 2);
                product(&fit(&problem(&data, &constraints, 0.01), method, 20, 0.0).point)
            };
            let plain = at(0);
            for exponent in [-200, -1, 1, 40] {
                let undone: Vec<f64> = at(exponent).iter().map(|x| x * 2f64.powi(-exponent)).collect();
                assert_eq!(undone, plain, "{name}, {what}, 2^{exponent}");
            }
        }
    }
}

/// The definition: no other point of the set is better, row by row.
#[test]
fn new_rows_are_the_best_of_their_set() {
    let (m, n) = SHAPE;
    let model = planted::factors(m, n, RANK, 12);
    for (kind, data) in planted::kinds(13) {
        for (what, constraints) in constraints().into_iter().filter(|(what, c)| c.v.given.components.is_empty() && *what != "rows of V sum to one") {
            let fitted = transform_constrained(&data, &model, &constraints, Loss::Frobenius, ScaledPenalty::default()).unwrap();
            let proof = constrained_stationarity(&data, &fitted, &constraints, Loss::Frobenius, &ScaledPenalty::default()).unwrap();
            let problem = problem(&data, &constraints, 0.0);
            let mut rng = stream(5, 5);
            for spread in [1e-3, 0.1, 1.0] {
                for _ in 0..20 {
                    let mut other = fitted.clone();
                    let (u, _) = other.split_mut();
                    for row in u.chunks_exact_mut(RANK) {
                        for (k, x) in row.iter_mut().enumerate().filter(|&(k, _)| constraints.u.is_free(k)) {
                            let draw: f64 = rand_distr::Distribution::sample(&rand_distr::StandardNormal, &mut rng);
                            *x += spread * draw * (1.0 + k as f64);
                            *x = if constraints.u.rows == RowSet::Free { *x } else { x.abs() };
                        }
                        if constraints.u.rows == RowSet::SumToOne {
                            let sum: f64 = row.iter().sum();
                            row.iter_mut().for_each(|x| *x /= sum);
                        }
                    }
                    let value = problem.objective(&other);
                    assert!(value >= proof.objective * (1.0 - 1e-12), "{kind}, {what}: {value} below {}", proof.objective);
                }
            }
        }
    }
}

#[test]
fn free_factors_reach_the_bound_of_the_singular_values() {
    let (m, n) = SHAPE;
    let values: Vec<f64> = planted::product(&planted::factors(m, n, 6, 3), 0.1, 3).iter().map(|x| x - 1.0).collect();
    let constraints = constraints().into_iter().find(|(what, _)| *what == "free").unwrap().1;
    for data in [planted::dense(m, n, &values), planted::sparse(m, n, &values)] {
        let bound = spectral_bound(&data).unwrap().lower_bound(RANK);
        let problem = problem(&data, &constraints, 0.0);
        let best = problem.objective(&Init::Svd.factors(&problem, 1, 0).unwrap());
        assert!(best >= bound * (1.0 - 1e-12) && best <= bound * (1.0 + 1e-6), "{best} and {bound}");
        for method in NMF_METHODS.iter().filter(|m| m.takes(RowSet::Free) && m.about().monotone) {
            let reached = problem.objective(&fit(&problem, *method, 3000, 1e-7).point);
            assert!(reached >= bound * (1.0 - 1e-12) && reached <= bound * (1.0 + 1e-6), "{}: {reached} and {bound}", method.about().name);
        }
    }
}

#[test]
fn given_components_under_every_loss() {
    // zeros that are not stored are refused under most losses
    for (kind, data) in planted::kinds(3).into_iter().filter(|(_, data)| !data.has_unstored_zeros()) {
        for (what, constraints) in constraints().into_iter().filter(|(_, c)| c.u.rows == RowSet::NonNegative && c.v.rows == RowSet::NonNegative) {
            for loss in [Loss::KullbackLeibler, Loss::Beta(1.5), Loss::Beta(0.5)] {
                let problem = Divergence::constrained(&data, RANK, loss, constraints.clone()).unwrap();
                for method in DIVERGENCE_METHODS.iter().filter(|m| m.betas().contains(&loss.beta())) {
                    let name = format!("{} under {loss} on {kind} data, {what}", method.about().name);
                    let start = Init::Random.factors(problem.nmf(), 7, 0).unwrap();
                    let mut iteration = Alternating::<f64>::under(&problem, *method, start).unwrap();
                    let mut last = problem.objective(iteration.point());
                    for _ in 0..25 {
                        iteration.step().unwrap();
                        constraints.check_factors(&data.observed_counts(), iteration.point(), ["U", "V"]).unwrap_or_else(|e| panic!("{name}: {e}"));
                        let now = problem.objective(iteration.point());
                        assert!(now <= last * (1.0 + 1e-11), "{name}: {last} to {now}");
                        last = now;
                    }
                    let proof = constrained_stationarity(&data, iteration.point(), &constraints, loss, &ScaledPenalty::default()).unwrap();
                    let kkt = iteration.kkt();
                    assert!((kkt - proof.kkt).abs() <= 1e-7 * kkt, "{name}: {kkt} and {}", proof.kkt);
                }
            }
        }
    }
}

#[test]
fn single_precision_stays_in_the_set() {
    for (kind, data) in planted::kinds(3) {
        let narrow = data.cast::<f32>();
        for (what, constraints) in constraints() {
            let single = Nmf::constrained(&narrow, RANK, constraints.clone()).unwrap();
            let mut iteration = Alternating::<f32>::start(&single, NMF_METHODS[2], Init::Random.factors(&single, 7, 0).unwrap()).unwrap();
            (0..40).for_each(|_| iteration.step().unwrap());
            let proof = constrained_stationarity(&data, &iteration.point().cast(), &constraints, Loss::Frobenius, &ScaledPenalty::default()).unwrap();
            let double = problem(&data, &constraints, 0.0);
            let reference = double.objective(&fit(&double, NMF_METHODS[2], 40, 0.0).point);
            assert!((proof.objective - reference).abs() < 5e-2 * reference, "{kind}, {what}: {} and {reference}", proof.objective);
        }
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let (_, data) = planted::kinds(3).swap_remove(0);
    let all = constraints();
    let named = |name: &str| all.iter().find(|(what, _)| *what == name).unwrap().1.clone();
    for name in ["free", "rows of U sum to one"] {
        let problem = problem(&data, &named(name), 0.0);
        let start = || Init::Random.factors(&problem, 1, 0).unwrap();
        let refused = Alternating::<f64>::start(&problem, thalweg::solver::nmf::method("mu").unwrap(), start());
        assert!(matches!(refused, Err(Error::Parameter { name: "method", .. })), "{name}");
        assert!(matches!(Divergence::constrained(&data, RANK, Loss::KullbackLeibler, named(name)), Err(Error::Parameter { name: "loss", .. })));
        let taken = INITS.iter().filter(|init| init.check(&problem).is_ok()).count();
        assert_eq!(taken, 2, "{name}");
    }
    let free = Nmf::constrained(&data, RANK, named("free")).unwrap();
    assert!(matches!(free.with_penalty(&Penalty::both(0.0, 0.1)), Err(Error::Parameter { name: "l1", .. })));
    let shares = named("rows of U sum to one");
    let both = Constraints { v: shares.u.clone(), ..shares.clone() };
    assert!(matches!(Nmf::constrained(&data, RANK, both), Err(Error::Parameter { name: "sum-to-one", .. })));
    let short = Constraints { u: FactorConstraint { rows: RowSet::NonNegative, given: given(&[0], 5, 1.0) }, ..Constraints::default() };
    assert!(matches!(Nmf::constrained(&data, RANK, short), Err(Error::Shape { what: "the given columns of U", .. })));
    let negative = Constraints { u: FactorConstraint { rows: RowSet::NonNegative, given: given(&[0], SHAPE.0, -1.0) }, ..Constraints::default() };
    assert!(matches!(Nmf::constrained(&data, RANK, negative), Err(Error::Outside { what: "the given columns of U", .. })));
    let mixed = Constraints { u: FactorConstraint { rows: RowSet::SumToOne, given: given(&[0], SHAPE.0, 1.0) }, ..Constraints::default() };
    assert!(Nmf::constrained(&data, RANK, mixed).is_err());
    // negative data, where a factor is free and nowhere else
    let values: Vec<f64> = (0..SHAPE.0 * SHAPE.1).map(|at| (at % 7) as f64 - 2.0).collect();
    let negative = planted::dense(SHAPE.0, SHAPE.1, &values);
    assert!(matches!(Nmf::new(&negative, RANK), Err(Error::Negative { .. })));
    assert!(Nmf::constrained(&negative, RANK, named("U free")).is_ok());
}
