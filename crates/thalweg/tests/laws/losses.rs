//! Every loss on every kind of data in both precisions, by every method that takes it.

use super::planted;
use std::collections::HashMap;
use std::error::Error as StdError;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;
use thalweg::certificate::{Stationarity, stationarity};
use thalweg::data::{Matrix, read_npz};
use thalweg::problem::{Divergence, Loss, Nmf, ScaledPenalty};
use thalweg::solver::nmf::{Alternating, DIVERGENCE_METHODS, DivergenceMethod, Hals, Init, Mu, ScalarNewton, WorkingPrecision, transform_under};
use thalweg::solver::{Iteration, Solution, Status, Stop, run};
use thalweg::{Error, Factors, Side};

type Result<T = ()> = std::result::Result<T, Box<dyn StdError>>;

const RANK: usize = 4;
const BETAS: [f64; 8] = [-1.0, 0.0, 0.5, 1.0, 1.5, 1.9, 2.5, 3.0];

fn stationarity_under(data: &Matrix<f64>, factors: &Factors<f64>, loss: Loss) -> std::result::Result<Stationarity, Error> {
    thalweg::certificate::stationarity_under(data, factors, loss, &ScaledPenalty::default())
}

fn losses() -> impl Iterator<Item = Loss> {
    BETAS.into_iter().map(|beta| Loss::of_beta(beta).expect("in range"))
}

/// Positive data of every kind; the sparse ones have zeros, which only one loss takes.
fn kinds() -> Vec<(&'static str, Matrix<f64>)> {
    let (m, n) = (37, 29);
    let values: Vec<f64> = planted::product(&planted::factors(m, n, RANK, 3), 0.1, 3).iter().map(|x| x + 0.02).collect();
    let thinned: Vec<f64> = values.iter().enumerate().map(|(at, &x)| if at * 7 % 5 < 2 { x } else { 0.0 }).collect();
    vec![
        ("dense", planted::dense(m, n, &values)),
        ("sparse", planted::sparse(m, n, &thinned)),
        ("sparse with every entry", planted::sparse(m, n, &values)),
        ("observed", planted::observed(m, n, &values, |at| at * 11 % 7 < 4)),
        ("weighted", planted::weighted(m, n, &values, |at| (at % 4) as f64)),
        ("dense, all but", planted::all_but(planted::dense(m, n, &values), |at| at * 11 % 13 < 3)),
        ("sparse, all but", planted::all_but(planted::sparse(m, n, &thinned), |at| at * 11 % 13 < 3)),
    ]
}

fn has_zeros(kind: &str) -> bool {
    kind == "sparse" || kind == "sparse, all but"
}

fn each(test: impl Fn(&str, &dyn DivergenceMethod, &Matrix<f64>, Loss) -> Result) -> Result {
    for loss in losses() {
        for method in DIVERGENCE_METHODS.iter().filter(|m| m.betas().contains(&loss.beta())) {
            for (kind, data) in kinds().iter().filter(|(kind, _)| !has_zeros(kind) || loss == Loss::KullbackLeibler) {
                test(&format!("{} under {loss} on {kind} data", method.about().name), *method, data, loss)?;
            }
        }
    }
    Ok(())
}

fn fit<T: WorkingPrecision>(
    data: &Matrix<T>,
    method: &dyn DivergenceMethod,
    loss: Loss,
    iterations: usize,
    tol: f64,
) -> Result<Solution<Factors<T>>> {
    let problem = Divergence::new(data, RANK, loss)?;
    let start = Init::Random.factors(problem.nmf(), 7, 0)?;
    let mut iteration = Alternating::under(&problem, method, start)?;
    let mut go = |_: &Alternating<'_, T>, _: Duration| ControlFlow::Continue(());
    Ok(run(&mut iteration, &Stop { max_iters: iterations, max_time: None, tol }, &mut go))
}

fn relative_difference(a: &Factors<f64>, b: &Factors<f64>) -> f64 {
    let largest = a.as_slice().iter().fold(0.0f64, |s, x| s.max(x.abs()));
    a.as_slice().iter().zip(b.as_slice()).fold(0.0f64, |s, (x, y)| s.max((x - y).abs())) / largest
}

/// Σ w d_β(x|p), entry by entry, zeros included.
fn by_definition(data: &Matrix<f64>, f: &Factors<f64>, loss: Loss) -> f64 {
    let m = data.shape().0;
    let product = |i: usize, j: usize| {
        let (u, v) = f.row_pair(i, j);
        u.iter().zip(v).map(|(a, b)| a * b).sum::<f64>()
    };
    let mut sum = 0.0;
    for i in 0..m {
        sum += data.observed_entries(i).filter(|e| e.2 > 0.0).map(|(j, x, w)| w * loss.divergence(x, product(i, j))).sum::<f64>();
    }
    sum
}

#[test]
fn values_are_the_definition_and_gradients_their_differences() -> Result {
    for loss in losses() {
        for (kind, data) in kinds().iter().filter(|(kind, _)| !has_zeros(kind) || loss == Loss::KullbackLeibler) {
            let problem = Divergence::new(data, RANK, loss)?;
            let f = Init::Random.factors(problem.nmf(), 5, 0)?;
            let (value, expected) = (problem.objective(&f), by_definition(data, &f, loss));
            assert!((value - expected).abs() <= 1e-12 * expected, "{loss} on {kind} data: {value} against {expected}");
            let proof = stationarity_under(data, &f, loss)?;
            assert!((proof.objective - expected).abs() <= 1e-12 * expected, "{loss} on {kind} data: the certificate says {}", proof.objective);
            // the gradient is that of data in [1, 2)·2^k
            let unit = problem.nmf().summary().max.log2().floor().exp2();
            for (side, first) in [(Side::U, 0), (Side::V, data.shape().0 * RANK)] {
                let gradient = problem.gradient(side, &f);
                for at in (0..gradient.len()).step_by(7) {
                    let h = 1e-5 * (1e-3 + f.side(side)[at]);
                    let moved = |t: f64| {
                        let mut g = f.clone();
                        g.as_mut_slice()[first + at] += t;
                        problem.objective(&g)
                    };
                    let slope = (moved(h) - moved(-h)) / (2.0 * h) / unit.powf(loss.beta());
                    let scale = gradient.iter().fold(0.0f64, |s, g| s.max(g.abs()));
                    assert!((slope - gradient[at]).abs() < 2e-5 * scale, "{loss} on {kind} data, {at}: {slope} against {}", gradient[at]);
                }
            }
        }
    }
    Ok(())
}

#[test]
fn the_objective_never_rises() -> Result {
    each(|name, method, data, loss| {
        let problem = Divergence::new(data, RANK, loss)?;
        let mut iteration = Alternating::under(&problem, method, Init::Random.factors(problem.nmf(), 1, 0)?)?;
        let mut last = problem.objective(iteration.point());
        for _ in 0..60 {
            iteration.step()?;
            let now = problem.objective(iteration.point());
            assert!(now <= last * (1.0 + 1e-12), "{name}: {last} to {now} at {}", iteration.progress().iteration);
            assert!(iteration.point().as_slice().iter().all(|x| x.is_finite() && *x >= 0.0), "{name}");
            last = now;
        }
        let kkt = iteration.kkt();
        let proof = stationarity_under(data, iteration.point(), loss)?;
        assert!((kkt - proof.kkt).abs() <= 1e-6 * proof.kkt + 1e-12, "{name}: kkt {kkt} against {}", proof.kkt);
        Ok(())
    })
}

#[test]
fn newton_converges_and_says_so() -> Result {
    each(|name, method, data, loss| {
        if method.about().name == "scalar-newton" {
            let solution = fit(data, method, loss, 20_000, 1e-6)?;
            assert_eq!(solution.status, Status::Converged, "{name}");
            assert!(stationarity_under(data, &solution.point, loss)?.kkt <= 1.0001e-6, "{name}");
        }
        Ok(())
    })
}

#[test]
fn storages_of_the_same_data_give_the_same_iterates() -> Result {
    let (m, n) = (37, 29);
    let values: Vec<f64> = planted::product(&planted::factors(m, n, RANK, 3), 0.1, 3).iter().map(|x| x + 0.02).collect();
    let thinned: Vec<f64> = values.iter().enumerate().map(|(at, &x)| if at * 7 % 5 < 2 { x } else { 0.0 }).collect();
    for loss in losses() {
        for method in DIVERGENCE_METHODS.iter().filter(|m| m.betas().contains(&loss.beta())) {
            let same = |values: &[f64], storages: &[Matrix<f64>]| -> Result {
                let reference = fit(&planted::dense(m, n, values), *method, loss, 20, 0.0)?;
                for data in storages {
                    let difference = relative_difference(&reference.point, &fit(data, *method, loss, 20, 0.0)?.point);
                    assert!(difference < 1e-9, "{} under {loss} on {} data: {difference:e}", method.about().name, data.kind());
                }
                Ok(())
            };
            let full = [planted::sparse(m, n, &values), planted::observed(m, n, &values, |_| true), planted::weighted(m, n, &values, |_| 1.0)];
            same(&values, &full)?;
            if loss == Loss::KullbackLeibler {
                same(&thinned, &[planted::sparse(m, n, &thinned), planted::observed(m, n, &thinned, |_| true)])?;
            }
        }
    }
    Ok(())
}

#[test]
fn bits_do_not_depend_on_threads() -> Result {
    each(|name, method, data, loss| {
        let on = |threads: usize| -> Result<Factors<f64>> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
            // errors of this kind cannot cross threads
            Ok(pool.install(|| fit(data, method, loss, 12, 1e-9).map_err(|e| e.to_string()))?.point)
        };
        let one = on(1)?;
        for threads in [2, 5] {
            assert_eq!(one, on(threads)?, "{name}, {threads} threads");
        }
        Ok(())
    })
}

#[test]
fn a_run_taken_up_again_ends_in_the_same_bits() -> Result {
    each(|name, method, data, loss| {
        let problem = Divergence::new(data, RANK, loss)?;
        let start = Init::Random.factors(problem.nmf(), 7, 0)?;
        let mut go = |_: &Alternating<'_, f64>, _: Duration| ControlFlow::Continue(());
        let stop = Stop { max_iters: 40, max_time: None, tol: 1e-9 };
        let mut unbroken = Alternating::under(&problem, method, start.clone())?;
        let whole = run(&mut unbroken, &stop, &mut go);
        for cut in [1, 8, 9] {
            let mut first = Alternating::under(&problem, method, start.clone())?;
            let part = run(&mut first, &Stop { max_iters: cut, ..stop }, &mut go);
            let mut second = Alternating::under(&problem, method, part.point)?.resume(first.memory());
            let rest = run(&mut second, &stop, &mut go);
            assert_eq!((rest.point, rest.status, rest.progress), (whole.point.clone(), whole.status, whole.progress), "{name}, cut at {cut}");
        }
        Ok(())
    })
}

#[test]
fn data_times_a_power_of_two_give_factors_times_powers_of_two() -> Result {
    let (m, n) = (37, 29);
    let values: Vec<f64> = planted::product(&planted::factors(m, n, RANK, 3), 0.1, 3).iter().map(|x| x + 0.02).collect();
    for loss in losses() {
        for method in DIVERGENCE_METHODS.iter().filter(|m| m.betas().contains(&loss.beta())) {
            let plain = fit(&planted::dense(m, n, &values), *method, loss, 30, 1e-7)?;
            for exponent in [-200, -7, 1, 200] {
                let scaled: Vec<f64> = values.iter().map(|x| x * 2f64.powi(exponent)).collect();
                let name = format!("{} under {loss}, 2^{exponent}", method.about().name);
                let got = fit(&planted::dense(m, n, &scaled), *method, loss, 30, 1e-7)?;
                assert_eq!((got.progress.iteration, got.progress.kkt), (plain.progress.iteration, plain.progress.kkt), "{name}");
                for side in [Side::U, Side::V] {
                    let first = |f: &Factors<f64>| f.side(side).iter().copied().find(|x| *x > 0.0).expect("not all zero");
                    let ratio = first(&got.point) / first(&plain.point);
                    assert_eq!(ratio.log2().fract(), 0.0, "{name}: a power of two");
                    let undone: Vec<f64> = got.point.side(side).iter().map(|x| x / ratio).collect();
                    assert_eq!(undone, plain.point.side(side), "{name}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn single_precision_reaches_the_same_objective() -> Result {
    each(|name, method, data, loss| {
        let single = fit(&data.cast::<f32>(), method, loss, 60, 0.0)?;
        let double = fit(data, method, loss, 60, 0.0)?;
        let (a, b) = (stationarity_under(data, &single.point.cast(), loss)?.objective, stationarity_under(data, &double.point, loss)?.objective);
        assert!((a - b).abs() < 1e-2 * b, "{name}: {a} against {b}");
        Ok(())
    })
}

/// β → 2 is least squares: mu's exponent, the Newton step (that of coordinate descent), objective and residual.
#[test]
fn the_limit_at_two_is_least_squares() -> Result {
    for (kind, data) in kinds().iter().filter(|(kind, _)| !has_zeros(kind)) {
        let (squares, near) = (Nmf::new(data, RANK)?, Divergence::new(data, RANK, Loss::Beta(2.0 - 1e-12))?);
        let start = Init::Random.factors(&squares, 3, 0)?;
        let pairs = [
            (Alternating::start(&squares, &Mu, start.clone())?, Alternating::under(&near, &Mu, start.clone())?),
            (Alternating::start(&squares, &Hals, start.clone())?, Alternating::under(&near, &ScalarNewton, start.clone())?),
        ];
        for (at, (mut a, mut b)) in pairs.into_iter().enumerate() {
            // where fits reach zero the limit is not uniform: for β < 2 they bend without bound there, and coordinate descent goes there
            if at == 1 && *kind != "dense" {
                continue;
            }
            for _ in 0..if at == 0 { 15 } else { 2 } {
                a.step()?;
                b.step()?;
            }
            let difference = relative_difference(a.point(), b.point());
            assert!(difference < 1e-8, "{kind} data, pair {at}: {difference:e}");
            let (p, q) = (stationarity(data, a.point())?, stationarity_under(data, a.point(), Loss::Beta(2.0 - 1e-12))?);
            assert!((p.objective - q.objective).abs() < 1e-8 * p.objective, "{kind} data: {} against {}", p.objective, q.objective);
        }
    }
    Ok(())
}

#[test]
fn what_a_loss_cannot_take_is_refused() -> Result {
    let (m, n) = (37, 29);
    let values = planted::product(&planted::factors(m, n, RANK, 3), 0.1, 3);
    let with_zeros: Vec<f64> = values.iter().enumerate().map(|(at, &x)| if at % 3 == 0 { 0.0 } else { x }).collect();
    for loss in losses() {
        let sparse = planted::sparse(m, n, &with_zeros);
        let refused = matches!(Divergence::new(&sparse, RANK, loss), Err(Error::UnstoredZeros { .. }));
        assert_eq!(refused, loss != Loss::KullbackLeibler, "{loss} on sparse data");
        assert_eq!(stationarity_under(&sparse, &Factors::zeros(m, n, RANK), loss).is_err(), refused, "{loss} certified");
        for data in [planted::dense(m, n, &with_zeros), planted::observed(m, n, &with_zeros, |_| true)] {
            let refused = matches!(Divergence::new(&data, RANK, loss), Err(Error::InfiniteLoss { row: 0, col: 0, .. }));
            assert_eq!(refused, loss.beta() <= 0.0, "{loss} on {} data with zeros", data.kind());
        }
        // an entry that has no weight is not there
        Divergence::new(&planted::weighted(m, n, &with_zeros, |at| f64::from(u8::from(at % 3 != 0))), RANK, loss)?;
    }
    let data = planted::dense(m, n, &values);
    let problem = Divergence::new(&data, RANK, Loss::ItakuraSaito)?;
    let start = Init::Random.factors(problem.nmf(), 1, 0)?;
    assert!(matches!(Alternating::under(&problem, &ScalarNewton, start), Err(Error::Parameter { .. })));
    Ok(())
}

/// Multiplicative updates cannot leave zero; what they call an answer must not be called stationary.
#[test]
fn entries_stuck_at_zero_are_noticed() -> Result {
    let (_, data) = kinds().swap_remove(0);
    for loss in [Loss::KullbackLeibler, Loss::ItakuraSaito] {
        let problem = Divergence::new(&data, RANK, loss)?;
        let mut start = Init::Random.factors(problem.nmf(), 1, 0)?;
        start.split_mut().0.iter_mut().skip(1).step_by(RANK).take(20).for_each(|u| *u = 0.0);
        let mut iteration = Alternating::under(&problem, &Mu, start)?;
        let mut go = |_: &Alternating<'_, f64>, _: Duration| ControlFlow::Continue(());
        let stuck = run(&mut iteration, &Stop { max_iters: 3000, max_time: None, tol: 1e-4 }, &mut go);
        assert_ne!(stuck.status, Status::Converged, "{loss}");
        assert!(stationarity_under(&data, &stuck.point, loss)?.kkt > 1e-3, "{loss}");
    }
    Ok(())
}

#[test]
fn a_zero_in_the_fit_under_data_that_are_not_is_no_nan() -> Result {
    let (_, data) = kinds().swap_remove(0);
    for loss in losses() {
        for method in DIVERGENCE_METHODS.iter().filter(|m| m.betas().contains(&loss.beta())) {
            let problem = Divergence::new(&data, RANK, loss)?;
            let mut start = Init::Random.factors(problem.nmf(), 1, 0)?;
            start.split_mut().0[..RANK].fill(0.0);
            let mut iteration = Alternating::under(&problem, *method, start)?;
            for _ in 0..10 {
                iteration.step()?;
            }
            let name = method.about().name;
            assert!(iteration.point().as_slice().iter().all(|x| x.is_finite() && *x >= 0.0), "{name} under {loss}");
            assert!(problem.objective(iteration.point()).is_finite(), "{name} under {loss}");
        }
    }
    Ok(())
}

#[test]
fn transform_finds_the_rows_of_a_fit_again() -> Result {
    for loss in [Loss::KullbackLeibler, Loss::Beta(1.5), Loss::ItakuraSaito] {
        for (kind, data) in kinds().iter().filter(|(kind, _)| !has_zeros(kind) || loss == Loss::KullbackLeibler) {
            let (method, _) = thalweg::solver::nmf::default_divergence_method(loss);
            let fitted = fit(data, method, loss, 3000, 1e-7)?.point;
            let again = transform_under(data, &fitted, loss, ScaledPenalty::default())?;
            assert_eq!(again.side(Side::V), fitted.side(Side::V));
            let (a, b) = (stationarity_under(data, &fitted, loss)?.objective, stationarity_under(data, &again, loss)?.objective);
            assert!((a - b).abs() < 1e-3 * a, "{loss} on {kind} data: {a} against {b}");
        }
    }
    Ok(())
}

/// Where this comes from stands in golden/mu/generate.py.
#[test]
fn multiplicative_updates_are_those_of_scikit_learn() -> Result {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/mu/mu.npz");
    let arrays: HashMap<String, (Vec<usize>, Vec<f64>)> =
        read_npz(&path, u64::MAX)?.into_iter().map(|(name, array)| (name, (array.shape.clone(), array.values.into_f64()))).collect();
    let point = |prefix: &str| Factors::new(17, 13, RANK, [&arrays[&format!("{prefix}U")].1[..], &arrays[&format!("{prefix}V")].1].concat());
    let (m, n) = (17, 13);
    let (dense, sparse) = (planted::dense(m, n, &arrays["X"].1), planted::sparse(m, n, &arrays["counts"].1));
    let mut cases: Vec<(String, &Matrix<f64>)> =
        ["frobenius", "kl", "is", "beta:0.5", "beta:1.5", "beta:3", "beta:-1"].map(|name| (name.to_owned(), &dense)).into();
    cases.extend([("sparse frobenius".into(), &sparse), ("sparse kl".into(), &sparse)]);
    for (name, data) in cases {
        let loss: Loss = name.trim_start_matches("sparse ").parse()?;
        let expected = point(&format!("{name} "))?;
        let (squares, divergence) =
            (Nmf::new(data, RANK)?, Divergence::new(data, RANK, if loss == Loss::Frobenius { Loss::KullbackLeibler } else { loss })?);
        let mut iteration = match loss {
            Loss::Frobenius => Alternating::start(&squares, &Mu, point("")?)?,
            _ => Alternating::under(&divergence, &Mu, point("")?)?,
        };
        for _ in 0..25 {
            iteration.step()?;
        }
        let difference = relative_difference(&expected, iteration.point());
        assert!(difference < 1e-12, "{name}: {difference:e}");
        if let Some((_, objective)) = arrays.get(&format!("{name} objective")) {
            let got = stationarity_under(data, iteration.point(), loss)?.objective;
            assert!((got / objective[0] - 1.0).abs() < 1e-12, "{name}: {got} against {}", objective[0]);
        }
    }
    Ok(())
}
