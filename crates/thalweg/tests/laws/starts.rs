//! Every start on every kind of data.

use super::planted;
use thalweg::data::Matrix;
use thalweg::problem::Nmf;
use thalweg::solver::nmf::{INITS, Init};
use thalweg::{Error, Factors};

const RANK: usize = 4;

fn each(test: impl Fn(&str, Init, &Matrix<f64>)) {
    for init in INITS {
        for (kind, data) in planted::kinds(3) {
            let problem = Nmf::new(&data, RANK).unwrap();
            match init.factors(&problem, 1, 0) {
                Ok(_) => test(&format!("{} on {kind} data", init.name()), *init, &data),
                Err(Error::Parameter { name: "init", .. }) => {
                    assert!(matches!(data, Matrix::Observed(_) | Matrix::AllBut(_)), "{} on {kind} data", init.name())
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
