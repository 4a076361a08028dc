//! Robust PCA of a table whose rows are spread over ranks finds what one process finds.

use super::robust_pca::{Planted, distance, planted, problem};
use rand_distr::{Distribution, StandardNormal};
use std::cell::{Cell, RefCell};
use thalweg::Error;
use thalweg::certificate::certify_robust_pca;
use thalweg::comm::{Comm, Counted, equal_parts, thread_ranks};
use thalweg::data::stream;
use thalweg::linalg::relative_error;
use thalweg::problem::{RecoveryStatus, RobustPca, RobustPcaRows};
use thalweg::solver::convex::robust_pca::{RobustPcaOptions, RobustPcaSolution, solve_robust_pca, solve_robust_pca_over_ranks};

/// This rank's part of the long side, as rows.
fn part<'a>(y: &[f64], (m, n): (usize, usize), comm: &'a dyn Comm) -> Result<RobustPcaRows<'a>, Error> {
    let (long, short) = (m.max(n), m.min(n));
    let part = equal_parts(long, comm.size()).swap_remove(comm.rank());
    let entry = |i: usize, j: usize| if m >= n { y[i * n + j] } else { y[j * n + i] };
    RobustPcaRows::new(comm, short, part.flat_map(|i| (0..short).map(move |j| (i, j))).map(|(i, j)| entry(i, j)).collect(), None)
}

/// What the first of so many ranks has in the end.
fn solve_on(ranks: usize, y: &[f64], shape: (usize, usize), options: &RobustPcaOptions) -> RobustPcaSolution {
    let found = thread_ranks(ranks, |comm| {
        let rows = part(y, shape, comm)?;
        solve_robust_pca_over_ranks(&rows, options, &|| false)?.gathered(&rows, shape)
    });
    let mut found: Vec<_> = found.into_iter().map(|found| found.expect("all are there")).collect();
    assert!(found[1..].iter().all(|found| found.is_none()), "only the first has the whole");
    found.swap_remove(0).expect("the first has the whole")
}

/// The same bits in everything that was found.
fn assert_same(one: &RobustPcaSolution, other: &RobustPcaSolution, what: &str) {
    assert_eq!((&one.low_rank, &one.dual, one.floor), (&other.low_rank, &other.dual, other.floor), "{what}");
    assert_eq!((one.status, one.iterations, one.is_exact), (other.status, other.iterations, other.is_exact), "{what}");
}

/// Tall, wide, square, and with the Gram matrix and the subspace; some with entries that were not observed.
fn tables() -> Vec<Planted> {
    let shapes = [((90, 40), 0.0), ((40, 90), 0.05), ((60, 60), 0.0), ((300, 70), 0.03), ((70, 700), 0.0)];
    shapes.into_iter().zip(20..).map(|((shape, missing), seed)| planted(shape, 2, 0.03, missing, seed)).collect()
}

#[test]
fn any_number_of_ranks_finds_what_one_process_finds() {
    for table in tables() {
        let problem = problem(&table);
        let alone = solve_robust_pca(&problem, &RobustPcaOptions::default());
        let proof = certify_robust_pca(&problem, &alone.low_rank, &alone.dual, None).unwrap();
        let (m, n) = table.shape;
        let expected = alone.low_rank.to_dense(m, n);
        assert!(alone.is_exact, "{:?}", table.shape);
        for ranks in [1, 2, 3, 5] {
            let found = solve_on(ranks, &table.y, table.shape, &RobustPcaOptions::default());
            let context = format!("{:?} on {ranks} ranks", table.shape);
            if ranks == 1 {
                assert_same(&found, &alone, &context);
            }
            assert_eq!((found.status, found.iterations, found.is_exact), (alone.status, alone.iterations, true), "{context}");
            let off = relative_error(&found.low_rank.to_dense(m, n), &expected);
            assert!(off < 1e-12 && distance(&table, &found.low_rank) < 1e-12, "{context}: off by {off:e}");
            let proved = certify_robust_pca(&problem, &found.low_rank, &found.dual, None).unwrap();
            assert_eq!(proved.certified, proof.certified, "{context}: {proved:?} for {proof:?}");
            assert!((proved.objective - proof.objective).abs() <= 1e-11 * proof.objective, "{context}: {proved:?} for {proof:?}");
        }
    }
}

#[test]
fn what_is_not_low_rank_ends_with_the_same_gap_on_any_number_of_ranks() {
    let mut rng = stream(31, 3);
    for (shape, missing) in [((150, 40), 0.0), ((40, 150), 0.1)] {
        let y: Vec<f64> =
            (0..6000).map(|at| if (at * 7919 % 1000) as f64 > 1e3 * (1.0 - missing) { f64::NAN } else { StandardNormal.sample(&mut rng) }).collect();
        let problem = RobustPca::new(shape.0, shape.1, y.clone(), None).unwrap();
        for (tol, agreement) in [(1e-4, 1e-4), (1e-7, 1e-9)] {
            let options = RobustPcaOptions { tol, ..Default::default() };
            let alone = solve_robust_pca(&problem, &options);
            let expected = alone.low_rank.to_dense(shape.0, shape.1);
            for ranks in [2, 3, 5] {
                let found = solve_on(ranks, &y, shape, &options);
                assert_eq!((found.status, found.is_exact), (RecoveryStatus::Converged, false), "{shape:?} on {ranks}");
                let proved = certify_robust_pca(&problem, &found.low_rank, &found.dual, None).unwrap();
                assert!(!proved.certified && proved.relative_gap() <= 1.1 * tol, "{shape:?} on {ranks}: {proved:?}");
                // the first tolerance is reached in single precision, the second in double
                let off = relative_error(&found.low_rank.to_dense(shape.0, shape.1), &expected);
                println!("{shape:?}, tolerance {tol:e}, {ranks} ranks: {} steps for {}, off by {off:e}", found.iterations, alone.iterations);
                assert!(found.iterations == alone.iterations && off < agreement, "{shape:?} on {ranks}: off by {off:e}");
            }
        }
    }
}

#[test]
fn more_ranks_than_rows_do_no_harm() {
    for (shape, value) in [((7, 5), 0.0), ((5, 7), 1.0), ((1, 1), 2.0), ((1, 4), 0.0)] {
        let mut y = planted(shape, 1, 0.0, 0.0, 3).y;
        y[0] += value;
        let alone = solve_robust_pca(&RobustPca::new(shape.0, shape.1, y.clone(), None).unwrap(), &RobustPcaOptions::default());
        let expected = alone.low_rank.to_dense(shape.0, shape.1);
        for ranks in [3, 9] {
            let found = solve_on(ranks, &y, shape, &RobustPcaOptions::default());
            assert_eq!((found.status, found.low_rank.singular_values.len()), (alone.status, alone.low_rank.singular_values.len()), "{shape:?}");
            let off = relative_error(&found.low_rank.to_dense(shape.0, shape.1), &expected);
            assert!(off < 1e-4 || expected.iter().all(|x| *x == 0.0), "{shape:?} on {ranks} ranks: off by {off:e}");
        }
    }
    let nothing = solve_on(3, &[0.0; 12], (4, 3), &RobustPcaOptions::default());
    assert_eq!((nothing.status, nothing.dual), (RecoveryStatus::Converged, vec![0.0; 12]));
}

#[test]
fn the_same_ranks_find_the_same_bits_on_any_number_of_threads() {
    let table = planted((700, 60), 2, 0.05, 0.02, 5);
    let on = |threads: usize| {
        let found = thread_ranks(3, |comm| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let rows = part(&table.y, table.shape, comm)?;
                solve_robust_pca_over_ranks(&rows, &RobustPcaOptions::default(), &|| false)?.gathered(&rows, table.shape)
            })
        });
        found.into_iter().next().and_then(|first| first.expect("all are there")).expect("the first has the whole")
    };
    assert_same(&on(1), &on(2), "threads");
    assert_same(&on(1), &solve_on(3, &table.y, table.shape, &RobustPcaOptions::default()), "again");
}

#[test]
fn powers_of_two_scale_the_answer_exactly() {
    let table = planted((90, 60), 2, 0.05, 0.02, 4);
    let plain = solve_on(3, &table.y, table.shape, &RobustPcaOptions::default());
    for power in [-300, 20] {
        let factor = f64::powi(2.0, power);
        let y: Vec<f64> = table.y.iter().map(|y| y * factor).collect();
        let mut scaled = solve_on(3, &y, table.shape, &RobustPcaOptions::default());
        scaled.low_rank.singular_values.iter_mut().for_each(|s| *s /= factor);
        scaled.floor /= factor;
        assert_same(&scaled, &plain, &format!("2^{power}"));
    }
}

/// Whichever rank is asked to stop, all do after the same step, and stand where a limit of so many steps leaves them.
#[test]
fn any_rank_stops_all() {
    let table = planted((50, 40), 2, 0.05, 0.02, 5);
    let limited = solve_on(3, &table.y, table.shape, &RobustPcaOptions { max_iters: 3, ..Default::default() });
    assert_eq!(limited.status, RecoveryStatus::MaxIters);
    for asked in 0..3 {
        let found = thread_ranks(3, |comm| {
            let rows = part(&table.y, table.shape, comm)?;
            let steps = Cell::new(0);
            let is_stopped = || steps.replace(steps.get() + 1) == 3 && comm.rank() == asked;
            solve_robust_pca_over_ranks(&rows, &RobustPcaOptions::default(), &is_stopped)?.gathered(&rows, table.shape)
        });
        let stopped = found.into_iter().next().and_then(|first| first.expect("all are there")).expect("the first has the whole");
        assert_eq!((stopped.status, stopped.iterations), (RecoveryStatus::Stopped, 3));
        assert_eq!((&stopped.low_rank, &stopped.dual), (&limited.low_rank, &limited.dual));
    }
}

#[test]
fn a_rank_that_is_gone_keeps_nobody_waiting() {
    let table = planted((60, 50), 2, 0.05, 0.0, 6);
    for steps in [0, 4] {
        let ended = thread_ranks(4, |comm| {
            let rows = part(&table.y, table.shape, comm)?;
            let left = RobustPcaOptions { max_iters: if comm.rank() == 2 { steps } else { 1000 }, ..Default::default() };
            if comm.rank() == 2 && steps == 0 {
                return Ok(None);
            }
            solve_robust_pca_over_ranks(&rows, &left, &|| false).map(Some)
        });
        for (rank, ended) in ended.into_iter().enumerate().filter(|(rank, _)| *rank != 2) {
            assert!(matches!(ended, Err(Error::Peer { .. })), "rank {rank}: {ended:?}");
        }
    }
}

#[test]
fn what_is_wrong_is_said_of_the_row_in_all_of_the_table_and_on_every_rank() {
    let refused = |y: &[f64], shape: (usize, usize)| thread_ranks(3, |comm| part(y, shape, comm).err());
    let mut y = vec![1.0; 9 * 4];
    y[7 * 4 + 2] = f64::INFINITY;
    let told = refused(&y, (9, 4));
    assert!(matches!(told[2], Some(Error::NotFinite { row: 7, col: 2, .. })), "{told:?}");
    assert!(matches!(told[..2], [Some(Error::Peer { rank: 2 }), Some(Error::Peer { rank: 2 })]), "{told:?}");
    assert!(refused(&[f64::NAN; 12], (4, 3)).iter().all(|told| matches!(told, Some(Error::Empty { .. }))));
    // one rank that has seen something is enough
    assert!(refused(&[&[1.0][..], &[f64::NAN; 11]].concat(), (4, 3)).iter().all(Option::is_none));
    assert!(refused(&[1e200; 12], (4, 3)).iter().all(|told| matches!(told, Some(Error::Range { .. }))));
    let wide = thread_ranks(2, |comm| RobustPcaRows::new(comm, 5, vec![1.0; 5], None).err());
    assert!(wide.iter().all(|told| matches!(told, Some(Error::Shape { expected: (5, 2), got: (2, 5), .. }))), "{wide:?}");
}

/// Bytes that all ranks together send between two questions whether to stop: the second question, and a step between them.
fn bytes_of_steps(table: &Planted, ranks: usize) -> Vec<u64> {
    let sent = thread_ranks(ranks, |comm| {
        let counted = Counted::new(comm);
        let rows = part(&table.y, table.shape, &counted)?;
        let seen = RefCell::new(vec![]);
        let is_stopped = || {
            seen.borrow_mut().push(counted.traffic().bytes);
            seen.borrow().len() > 6
        };
        solve_robust_pca_over_ranks(&rows, &RobustPcaOptions::default(), &is_stopped)?;
        Ok::<_, Error>(seen.into_inner())
    });
    let sent: Vec<Vec<u64>> = sent.into_iter().map(|sent| sent.expect("all are there")).collect();
    (1..6).map(|step| sent.iter().map(|sent| sent[step + 1] - sent[step]).sum()).collect()
}

#[test]
fn a_step_sends_what_the_model_says() {
    for ranks in [1, 2, 3, 4, 5, 8] {
        let others = ranks as u64 - 1;
        // what was measured, and whether to stop
        let told = 8 * (4 + 3) * ranks as u64 * others;
        // few singular values of a wide table: a subspace of twelve columns
        let (n, w) = (70, 12);
        let expected = others * (4 * (2 * w * w + 2 * n * w) + 8 * (w * w + w + 1)) + told;
        let found = bytes_of_steps(&planted((150, 70), 1, 0.03, 0.0, 7), ranks);
        assert_eq!(found, [expected; 5], "a subspace on {ranks} ranks");
        // a narrow table: its Gram matrix
        let n = 30;
        let expected = others * 8 * (n * (n + 1) + n * n + n + 1) + told;
        let found = bytes_of_steps(&planted((150, 30), 1, 0.03, 0.0, 7), ranks);
        assert_eq!(found, [expected; 5], "a Gram matrix on {ranks} ranks");
    }
}
