//! Runs that begin with blocks of rows, on every kind of data.

use super::planted;
use std::ops::ControlFlow;
use std::time::Duration;
use thalweg::data::Matrix;
use thalweg::linalg::Real;
use thalweg::problem::{Nmf, Penalty, RowSeparable, Stay, When};
use thalweg::solver::nmf::{AcceleratedHals, Alternating, Batches, Init, WorkingPrecision, method};
use thalweg::solver::{Iteration, Status, Stop, run};
use thalweg::{Factors, Side};

const RANK: usize = 4;
const BLOCKS: Batches = Batches { rows: 8, seed: 3, trial: 1 };

fn go<T: Real>(_: &Alternating<'_, T>, _: Duration) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn start<'a, T: WorkingPrecision>(problem: &'a Nmf<'a, T>) -> Alternating<'a, T> {
    let factors = Init::Random.factors(problem, 7, 0).unwrap();
    Alternating::start(problem, method("minibatch").unwrap(), factors).unwrap().in_batches(BLOCKS)
}

/// From blocks in any order, each replaced once, the V half-step is that from all of U.
#[test]
fn statistics_of_blocks_are_those_of_all_rows() {
    for (kind, data) in planted::kinds(4) {
        let problem = Nmf::new(&data, RANK).unwrap().with_penalty(&Penalty::both(0.01, 0.001)).unwrap();
        let (m, n) = data.shape();
        let (before, after) = (planted::factors(m, n, RANK, 1), planted::factors(m, n, RANK, 2));
        let (u, v) = after.split();
        let mut statistics = problem.no_statistics();
        let zeros = vec![0.0; m * RANK];
        for (old, new) in [(&zeros[..], before.side(Side::U)), (before.side(Side::U), u)] {
            for first in [16, 0, 32, 8, 24] {
                let rows = first..m.min(first + 8);
                let of = |x: &[f64]| x[rows.start * RANK..rows.end * RANK].to_vec();
                problem.replace_rows(&mut statistics, rows.clone(), &of(old), &of(new));
            }
        }
        let (mut direct, mut from_blocks) = (v.to_vec(), v.to_vec());
        let expected = problem.half_step(Side::V, u, &mut direct, &AcceleratedHals, When::After);
        let found = problem.half_step_from(&statistics, u, &mut from_blocks, &AcceleratedHals, When::After);
        assert!((expected.model - found.model).abs() < 1e-10 * expected.model.abs(), "{kind}: {expected:?} {found:?}");
        assert!(direct.iter().zip(&from_blocks).all(|(a, b)| (a - b).abs() < 1e-9 * (1.0 + a)), "{kind}");
    }
}

#[test]
fn passes_after_the_first_never_raise_the_objective_and_the_end_is_stationary() {
    for (kind, data) in planted::kinds(5) {
        let problem = Nmf::new(&data, RANK).unwrap();
        let mut iteration = start::<f64>(&problem);
        iteration.step().unwrap();
        let mut last = problem.objective(iteration.point());
        let first = last;
        while iteration.memory().statistics.is_some() {
            iteration.step().unwrap();
            let now = problem.objective(iteration.point());
            assert!((now - iteration.progress().objective).abs() < 1e-9 * now, "{kind}: what it says of itself");
            assert!(now <= last * (1.0 + 1e-12), "{kind}: {last} to {now}");
            last = now;
        }
        assert!(last < 0.9 * first && iteration.progress().iteration > 2, "{kind}: {first} to {last}");
        let stop = Stop { max_iters: 20_000, max_time: None, tol: 1e-7 };
        assert_eq!(run(&mut iteration, &stop, &mut go).status, Status::Converged, "{kind}");
    }
}

fn same_bits<T: WorkingPrecision>(kind: &str, data: &Matrix<T>) {
    let problem = Nmf::new(data, RANK).unwrap();
    let whole = |threads: usize, stop: Stop| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&mut start::<T>(&problem), &stop, &mut go).point)
    };
    let stop = Stop { max_iters: 60, max_time: None, tol: 1e-12 };
    let one: Factors<T> = whole(1, stop);
    assert_eq!(one, whole(3, stop), "{kind}: threads");
    for cut in [1, 2, 3, 11] {
        let mut begun = start::<T>(&problem);
        let part = run(&mut begun, &Stop { max_iters: cut, ..stop }, &mut go);
        let again = Alternating::start(&problem, method("minibatch").unwrap(), part.point).unwrap();
        let mut again = again.in_batches(BLOCKS).resume(begun.memory());
        assert_eq!(run(&mut again, &stop, &mut go).point, one, "{kind}: cut at {cut}");
    }
    // a checkpoint that lost its statistics goes on with all rows
    let mut begun = start::<T>(&problem);
    let part = run(&mut begun, &Stop { max_iters: 2, ..stop }, &mut go);
    let mut memory = begun.memory();
    memory.statistics = None;
    let mut again = Alternating::start(&problem, method("minibatch").unwrap(), part.point).unwrap().resume(memory);
    again.step().unwrap();
    assert!(again.kkt().is_finite());
    let (u, v) = one.split();
    assert!(problem.half_step(Side::U, v, &mut u.to_vec(), &Stay, When::After).model.is_finite());
}

#[test]
fn threads_and_interruptions_change_no_bit_in_either_precision() {
    for (kind, data) in planted::kinds(6) {
        same_bits(kind, &data);
        same_bits(kind, &data.cast::<f32>());
    }
}
