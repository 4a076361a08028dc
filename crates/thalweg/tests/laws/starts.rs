//! Every start on every kind of data.

use super::planted;
use thalweg::data::Matrix;
use thalweg::problem::Nmf;
use thalweg::solver::Iteration;
use thalweg::solver::nmf::{Alternating, INITS, Init, NMF_METHODS, Order};
use thalweg::{Error, Factors};

const RANK: usize = 4;

fn each(test: impl Fn(&str, Init, &Matrix<f64>)) {
    for init in INITS {
        for (kind, data) in planted::kinds(3) {
            let problem = Nmf::new(&data, RANK).unwrap();
            match init.factors(&problem, 1, 0) {
                Ok(_) => test(&format!("{} on {kind} data", init.name()), *init, &data),
                // singular vectors are no start for non-negative factors
                Err(Error::Parameter { name: "init", .. }) => {
                    assert!(*init == Init::Svd || matches!(data, Matrix::Observed(_) | Matrix::AllBut(_)), "{} on {kind} data", init.name());
                }
                Err(other) => panic!("{} on {kind} data: {other}", init.name()),
            }
        }
    }
}

fn start(init: Init, data: &Matrix<f64>, seed: u64, trial: u64) -> Factors<f64> {
    init.factors(&Nmf::new(data, RANK).unwrap(), seed, trial).unwrap()
}

#[test]
fn starts_are_finite_non_negative_and_better_than_nothing_twice_over() {
    each(|name, init, data| {
        let problem = Nmf::new(data, RANK).unwrap();
        for trial in 0..3 {
            let f = start(init, data, 1, trial);
            assert!(f.as_slice().iter().all(|x| x.is_finite() && *x >= 0.0), "{name}");
            assert!(problem.objective(&f) < problem.summary().norm_squared, "{name}: {}", problem.objective(&f));
        }
    });
}

#[test]
fn trials_differ_and_seeds_repeat_on_any_number_of_threads() {
    each(|name, init, data| {
        assert_ne!(start(init, data, 1, 1), start(init, data, 1, 2), "{name}");
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| start(init, data, 1, 0))
        };
        assert_eq!(on(1), on(3), "{name}");
    });
}

#[test]
fn starts_from_the_spectrum_begin_near_the_data() {
    let (m, n) = (60, 50);
    let data = planted::dense(m, n, &planted::product(&planted::factors(m, n, RANK, 8), 0.01, 8));
    let problem = Nmf::new(&data, RANK).unwrap();
    let random = problem.objective(&start(Init::Random, &data, 1, 0));
    for init in [Init::Nndsvd, Init::Nndsvda, Init::Exterior] {
        let value = problem.objective(&start(init, &data, 1, 0));
        assert!(value < 0.5 * random, "{}: {value} against {random}", init.name());
    }
}

/// Methods that remember nothing but the factors go on from them as if they had not stopped.
#[test]
fn a_run_begun_at_the_end_of_another_goes_on_in_the_same_bits() {
    for method in NMF_METHODS.iter().filter(|m| matches!(m.about().order, Order::Alternating | Order::Simultaneous)) {
        for (kind, data) in planted::kinds(3) {
            let problem = Nmf::new(&data, RANK).unwrap();
            let steps = |from: Factors<f64>, count: usize| {
                let mut iteration = Alternating::<f64>::start(&problem, *method, from).unwrap();
                (0..count).for_each(|_| iteration.step().unwrap());
                iteration.point().clone()
            };
            let begin = || start(Init::HalfNormal, &data, 1, 0);
            assert_eq!(steps(steps(begin(), 11), 14), steps(begin(), 25), "{} on {kind} data", method.about().name);
        }
    }
}

#[test]
fn factors_that_are_none_are_refused() {
    let (_, data) = planted::kinds(3).swap_remove(0);
    let problem = Nmf::new(&data, RANK).unwrap();
    let good = start(Init::Random, &data, 1, 0);
    let error = |factors: Factors<f64>| Alternating::<f64>::start(&problem, NMF_METHODS[0], factors).err().unwrap();
    assert!(matches!(error(Factors::zeros(37, 29, RANK + 1)), Error::Shape { what: "the start of U", .. }));
    assert!(matches!(error(Factors::zeros(37, 28, RANK)), Error::Shape { what: "the start of V", .. }));
    let with = |at: usize, value: f64| {
        let mut factors = good.clone();
        factors.as_mut_slice()[at] = value;
        error(factors)
    };
    assert!(matches!(with(5, -1e-300), Error::Outside { what: "the start of U", row: 1, col: 1, .. }));
    assert!(matches!(with(37 * RANK + 2, f64::NAN), Error::NotFinite { what: "the start of V", row: 0, col: 2, .. }));
}
