//! Completion of a matrix whose rows are spread over ranks finds what one process finds.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use std::ops::ControlFlow;
use std::time::Duration;
use thalweg::comm::{Comm, Counted, equal_parts, thread_ranks};
use thalweg::data::stream;
use thalweg::linalg::relative_error;
use thalweg::map::{MeasurementMap, Sampling};
use thalweg::problem::Factored;
use thalweg::solver::factored::{AlternatingLeastSquares, FACTORED_METHODS, FactoredRun, spectral_start, spectral_start_on_ranks};
use thalweg::solver::{Iteration, Solution, Status, Stop, run};
use thalweg::{Error, Factors, Side};

struct Planted {
    map: Sampling,
    b: Vec<f64>,
    rank: usize,
}

/// About a share of the entries of a matrix of this rank, with noise of this size.
fn planted((d1, d2): (usize, usize), rank: usize, share: f64, noise: f64, seed: u64) -> Planted {
    let mut rng = stream(seed, 23);
    let mut normals = |count: usize| -> Vec<f64> { (0..count).map(|_| StandardNormal.sample(&mut rng)).collect() };
    let (truth, noises) = (Factors::new(d1, d2, rank, normals((d1 + d2) * rank)).unwrap(), normals(d1 * d2));
    let mut rng = stream(seed, 24);
    let drawn: Vec<usize> = (0..d1 * d2).filter(|at| at % (d2 + 1) < 2 || rng.random::<f64>() < share).collect();
    let places = |of: &dyn Fn(usize) -> usize| drawn.iter().map(|&at| of(at) as u32).collect();
    let map = Sampling::new((d1, d2), places(&|at| at / d2), places(&|at| at % d2), vec![1.0; drawn.len()]).unwrap();
    let mut b = vec![0.0; drawn.len()];
    map.apply_factored(&truth, &mut b);
    b.iter_mut().zip(&drawn).for_each(|(b, &at)| *b += noise * noises[at]);
    Planted { map, b, rank }
}

fn go(_: &FactoredRun<'_>, _: Duration) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn solve_alone(planted: &Planted, stop: &Stop) -> Solution<Factors> {
    let problem = Factored::new(&planted.map, &planted.b, planted.rank, false).unwrap();
    let start = spectral_start(&problem, 3).unwrap();
    run(&mut FactoredRun::start(&problem, &AlternatingLeastSquares, &start).unwrap(), stop, &mut go)
}

/// `work` with what this rank holds.
fn with_part<X>(planted: &Planted, comm: &dyn Comm, work: impl FnOnce(&Factored<'_>) -> Result<X, Error>) -> Result<X, Error> {
    let all_rows = planted.map.shape().0;
    let (map, here) = planted.map.in_rows(equal_parts(all_rows, comm.size()).swap_remove(comm.rank()));
    let b: Vec<f64> = here.iter().map(|&k| planted.b[k]).collect();
    work(&Factored::in_rows(&map, &b, planted.rank, all_rows)?)
}

/// What each of so many ranks has in the end.
fn solve_on(ranks: usize, planted: &Planted, stop: &Stop) -> Vec<Solution<Factors>> {
    let found = thread_ranks(ranks, |comm| {
        with_part(planted, comm, |problem| {
            let start = spectral_start_on_ranks(problem, 3, comm)?.expect("the decompositions end");
            let mut iteration = FactoredRun::start_on_ranks(problem, &AlternatingLeastSquares, &start, comm)?;
            let solution = run(&mut iteration, stop, &mut go);
            iteration.into_failure().map_or(Ok(solution), Err)
        })
    });
    found.into_iter().map(|found| found.expect("all are there")).collect()
}

/// U of all ranks, and V of the first, which is that of all.
fn joined(found: &[Solution<Factors>]) -> Factors {
    let first = &found[0].point;
    assert!(found.iter().all(|one| one.point.side(Side::V) == first.side(Side::V)), "ranks differ about V");
    assert!(found.iter().all(|one| (one.status, &one.progress) == (found[0].status, &found[0].progress)), "ranks differ about the end");
    let u = found.iter().flat_map(|one| one.point.side(Side::U)).chain(first.side(Side::V)).copied().collect();
    Factors::new(found.iter().map(|one| one.point.rows()).sum(), first.cols(), first.rank(), u).unwrap()
}

#[test]
fn any_number_of_ranks_finds_what_one_process_finds() {
    for (shape, noise) in [((60, 40), 0.0), ((30, 70), 0.0), ((300, 25), 0.05)] {
        let planted = planted(shape, 2, 0.5, noise, 5);
        for (stop, tolerance) in
            [(Stop { max_iters: 12, max_time: None, tol: 0.0 }, 1e-9), (Stop { max_iters: 500, max_time: None, tol: 1e-9 }, 1e-7)]
        {
            let alone = solve_alone(&planted, &stop);
            for ranks in [1, 2, 3, 5] {
                let found = solve_on(ranks, &planted, &stop);
                let whole = joined(&found);
                let context = format!("{shape:?} on {ranks} ranks");
                if ranks == 1 {
                    assert_eq!((&whole, found[0].progress), (&alone.point, alone.progress), "{context}");
                }
                assert_eq!(found[0].status, alone.status, "{context}");
                // with noise the run ends when rounding lets the objective fall no further
                let is_settled_by_rounding = noise > 0.0 && stop.tol > 0.0;
                assert!(is_settled_by_rounding || found[0].progress.iteration == alone.progress.iteration, "{context}");
                let off = relative_error(&whole.product(), &alone.point.product());
                assert!(off < tolerance, "{context}: off by {off:e}");
            }
        }
    }
}

#[test]
fn more_ranks_than_rows_do_no_harm() {
    let planted = planted((4, 9), 2, 1.0, 0.1, 6);
    let stop = Stop { max_iters: 5, max_time: None, tol: 0.0 };
    let alone = solve_alone(&planted, &stop).point.product();
    for ranks in [3, 7] {
        let off = relative_error(&joined(&solve_on(ranks, &planted, &stop)).product(), &alone);
        assert!(off < 1e-10, "{ranks} ranks: off by {off:e}");
    }
}

#[test]
fn the_same_ranks_find_the_same_bits_and_powers_of_two_scale_them() {
    let mut planted = planted((50, 40), 3, 0.4, 0.02, 7);
    let stop = Stop { max_iters: 9, max_time: None, tol: 0.0 };
    let plain = joined(&solve_on(3, &planted, &stop));
    assert_eq!(joined(&solve_on(3, &planted, &stop)), plain);
    // b·4ᵏ moves both factors by 2ᵏ
    planted.b.iter_mut().for_each(|b| *b *= f64::powi(2.0, 40));
    let scaled = joined(&solve_on(3, &planted, &stop));
    let expected: Vec<f64> = plain.as_slice().iter().map(|x| x * f64::powi(2.0, 20)).collect();
    assert_eq!(scaled.as_slice(), expected);
}

#[test]
fn methods_that_are_not_made_for_ranks_are_refused_by_name() {
    let planted = planted((20, 15), 1, 0.5, 0.0, 8);
    for method in FACTORED_METHODS.iter().filter(|method| method.about().name != "als") {
        let refused = thread_ranks(2, |comm| {
            with_part(&planted, comm, |problem| {
                let start = Factors::zeros(problem.map().shape().0, 15, 1);
                FactoredRun::start_on_ranks(problem, *method, &start, comm).map(drop)
            })
        });
        for refused in refused {
            assert!(matches!(&refused, Err(Error::Parameter { name: "method", got, .. }) if got == method.about().name), "{refused:?}");
        }
    }
}

#[test]
fn a_rank_that_is_gone_keeps_nobody_waiting() {
    let planted = planted((40, 30), 2, 0.5, 0.1, 9);
    let ended = thread_ranks(3, |comm| {
        with_part(&planted, comm, |problem| {
            let start = spectral_start_on_ranks(problem, 3, comm)?.expect("the decompositions end");
            let mut iteration = FactoredRun::start_on_ranks(problem, &AlternatingLeastSquares, &start, comm)?;
            let most = if comm.rank() == 2 { 4 } else { 100 };
            let solution = run(&mut iteration, &Stop { max_iters: most, max_time: None, tol: 0.0 }, &mut go);
            Ok((solution.status, iteration.into_failure().is_some()))
        })
    });
    let ended: Vec<_> = ended.into_iter().map(|ended| ended.expect("it began")).collect();
    assert_eq!(ended, [(Status::Breakdown, true), (Status::Breakdown, true), (Status::MaxIters, false)]);
}

#[test]
fn a_step_sends_what_the_model_says() {
    let (n, r) = (40, 3);
    let planted = planted((60, n), r, 0.5, 0.1, 10);
    for ranks in [1, 2, 3, 4, 5, 8] {
        let sent = thread_ranks(ranks, |comm| {
            let counted = Counted::new(comm);
            with_part(&planted, &counted, |problem| {
                let start = spectral_start_on_ranks(problem, 3, &counted)?.expect("the decompositions end");
                let mut iteration = FactoredRun::start_on_ranks(problem, &AlternatingLeastSquares, &start, &counted)?;
                let before = counted.traffic();
                iteration.step().expect("goes on");
                let after = counted.traffic();
                Ok((after.messages - before.messages, after.bytes - before.bytes))
            })
        });
        let sent: Vec<_> = sent.into_iter().map(|sent| sent.expect("all are there")).collect();
        let rounds = u64::from(usize::BITS - (ranks - 1).leading_zeros());
        // equations and V, and the objective
        let numbers = n * (r * r + r) + n * r + 2 * ranks;
        assert_eq!(sent.iter().map(|s| s.1).sum::<u64>(), 8 * (numbers * (ranks - 1)) as u64, "{ranks} ranks");
        assert!(sent.iter().all(|s| s.0 == 3 * rounds), "{ranks} ranks: {sent:?}");
    }
}
