//! A matrix held as blocks of rows, by one rank or several, is fitted as the matrix itself.

use super::planted;
use std::borrow::Cow;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use thalweg::certificate::{constrained_stationarity, stationarity_over_ranks};
use thalweg::comm::{Alone, Counted, Grid, equal_parts, grid_traffic, thread_ranks};
use thalweg::data::{BlocksInMemory, Matrix, RowBlocks};
use thalweg::linalg::Real;
use thalweg::problem::{Blocked, Constraints, FactorConstraint, LeastSquares, Nmf, Penalty, RowSeparable, RowSet, Stay, When};
use thalweg::solver::nmf::{Alternating, Init, NMF_METHODS, NmfMethod, Order, WorkingPrecision, check_method, method};
use thalweg::solver::{Iteration, Status, Stop, run};
use thalweg::{Error, Factors, Side};

const RANK: usize = 4;

/// Rows and columns of the grid of ranks, and how many blocks of rows on each.
type Layout = ((usize, usize), usize);

const LAYOUTS: [Layout; 8] = [((1, 1), 1), ((1, 1), 4), ((2, 1), 4), ((3, 1), 1), ((3, 1), 4), ((1, 3), 2), ((2, 2), 1), ((3, 2), 4)];

fn go<T: Real>(_: &Alternating<'_, T>, _: Duration) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn stop(max_iters: usize, tol: f64) -> Stop {
    Stop { max_iters, max_time: None, tol }
}

/// The rows and columns of one place.
fn place_of((m, n): (usize, usize), grid: Grid<'_>) -> [Range<usize>; 2] {
    let ((rows, columns), (i, j)) = (grid.shape(), grid.place());
    [equal_parts(m, rows).swap_remove(i), equal_parts(n, columns).swap_remove(j)]
}

fn part<T: Real>(data: &Matrix<T>, grid: Grid<'_>, blocks: usize) -> BlocksInMemory<'static, T> {
    let [rows, columns] = place_of(data.shape(), grid);
    let size = rows.len().div_ceil(blocks).max(1);
    BlocksInMemory::cut(data, (rows, columns), size).unwrap()
}

/// The factors of all ranks; those that hold the same rows have the same bits.
fn joined<T: Real>(parts: &[Factors<T>], (rows, columns): (usize, usize)) -> Factors<T> {
    let of = |i: usize, j: usize| &parts[i * columns + j];
    for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
        assert!(of(i, j).side(Side::U) == of(i, 0).side(Side::U) && of(i, j).side(Side::V) == of(0, j).side(Side::V), "ranks differ at {i}, {j}");
    }
    let u = (0..rows).flat_map(|i| of(i, 0).side(Side::U));
    let v = (0..columns).flat_map(|j| of(0, j).side(Side::V));
    let (m, n) = ((0..rows).map(|i| of(i, 0).rows()).sum(), (0..columns).map(|j| of(0, j).cols()).sum());
    Factors::new(m, n, parts[0].rank(), u.chain(v).copied().collect()).unwrap()
}

/// What a method goes by where data come in blocks.
fn order(rule: &dyn NmfMethod) -> Order {
    match rule.about().order {
        Order::CompressedFirst | Order::BatchesFirst => Order::Extrapolated,
        order => order,
    }
}

struct Settings<'a> {
    rule: &'a dyn NmfMethod,
    constraints: Constraints,
    penalty: Penalty,
    iterations: usize,
}

/// The factors of all ranks after some iterations from the random start, with the objective and the residual, which they agree about.
fn fit_blocked<T: WorkingPrecision>(data: &Matrix<T>, (shape, blocks): Layout, settings: &Settings<'_>) -> (Factors<T>, f64, f64) {
    let found = thread_ranks(shape.0 * shape.1, |comm| {
        let grid = Grid::new(comm, shape).unwrap();
        let held = part(data, grid, blocks);
        let problem = Blocked::new(&held, grid, RANK, settings.constraints.clone()).unwrap().with_penalty(&settings.penalty).unwrap();
        let start = Init::Random.factors(&problem, 7, 1).unwrap();
        let mut iteration = Alternating::start(&problem, settings.rule, start).unwrap();
        let solution = run(&mut iteration, &stop(settings.iterations, 0.0), &mut go);
        assert_eq!((solution.status, problem.failure().is_none()), (Status::MaxIters, true));
        let (u, v) = solution.point.split();
        (problem.value(u, v), iteration.kkt(), solution.point)
    });
    assert!(found.iter().all(|one| (one.0, one.1) == (found[0].0, found[0].1)), "ranks differ about the sums");
    let (value, kkt) = (found[0].0, found[0].1);
    (joined(&found.into_iter().map(|one| one.2).collect::<Vec<_>>(), shape), value, kkt)
}

fn fit_ordinary<T: WorkingPrecision>(data: &Matrix<T>, settings: &Settings<'_>) -> (Factors<T>, f64, f64) {
    let problem = Nmf::constrained(data, RANK, settings.constraints.clone()).unwrap().with_penalty(&settings.penalty).unwrap();
    let start = Init::Random.factors(&problem, 7, 1).unwrap();
    let mut iteration = Alternating::with_rule(&problem, T::rule(settings.rule), order(settings.rule), start).unwrap();
    let solution = run(&mut iteration, &stop(settings.iterations, 0.0), &mut go);
    (solution.point.clone(), problem.objective(&solution.point), iteration.kkt())
}

fn agrees<T: WorkingPrecision>(what: &str, data: &Matrix<T>, settings: &Settings<'_>, layouts: &[Layout], tolerance: f64) {
    let (expected, value, kkt) = fit_ordinary(data, settings);
    let largest = expected.as_slice().iter().fold(0.0, |most: f64, x| most.max(x.f64().abs()));
    for &layout in layouts {
        let (found, found_value, found_kkt) = fit_blocked(data, layout, settings);
        let off = found.as_slice().iter().zip(expected.as_slice()).fold(0.0, |most: f64, (a, b)| most.max((a.f64() - b.f64()).abs()));
        let context = format!("{what}, {}, {layout:?}", settings.rule.about().name);
        assert!(off <= tolerance * largest, "{context}: factors off by {off:e} of {largest}");
        assert!((found_value - value).abs() <= tolerance * value, "{context}: objective {found_value} for {value}");
        assert!((found_kkt - kkt).abs() <= tolerance.sqrt() * kkt, "{context}: residual {found_kkt} for {kkt}");
    }
}

#[test]
fn every_method_finds_what_it_finds_in_memory_on_every_kind_of_data() {
    for (kind, data) in planted::kinds(11) {
        for &rule in NMF_METHODS {
            let settings = Settings { rule, constraints: Constraints::default(), penalty: Penalty::default(), iterations: 12 };
            agrees(kind, &data, &settings, &LAYOUTS, 1e-9);
            agrees(kind, &data.cast::<f32>(), &settings, &[((1, 1), 4), ((3, 1), 4), ((2, 3), 2)], 2e-3);
        }
    }
}

#[test]
fn penalties_and_constraints_are_those_of_the_whole() {
    let set = |rows| FactorConstraint { rows, ..FactorConstraint::default() };
    let sets = [[RowSet::NonNegative, RowSet::NonNegative], [RowSet::SumToOne, RowSet::NonNegative], [RowSet::NonNegative, RowSet::Free]];
    for (kind, data) in planted::kinds(12) {
        for [u, v] in sets {
            let constraints = Constraints { u: set(u), v: set(v) };
            let l1 = if v == RowSet::Free { 0.0 } else { 0.002 };
            let penalty = Penalty { scaling: thalweg::problem::PenaltyScaling::power(0.5).unwrap(), ..Penalty::both(0.02, l1) };
            // pairs of shares that are exchanged are chosen among equals by the last bit: other roundings, another path
            let names: &[&str] = if u == RowSet::SumToOne { &["anls"] } else { &["hals", "anls"] };
            for rule in names.iter().map(|name| method(name).unwrap()).filter(|rule| check_method(*rule, &constraints).is_ok()) {
                // exact solves from a bad start make of the last bit a hundred in each iteration
                let settings = Settings { rule, constraints: constraints.clone(), penalty, iterations: 4 };
                agrees(&format!("{kind}, {u:?} {v:?}"), &data, &settings, &[((1, 1), 4), ((3, 1), 2), ((2, 2), 2)], 1e-8);
            }
        }
    }
}

#[test]
fn what_is_proved_of_blocks_is_what_is_proved_of_the_whole() {
    let set = |rows| FactorConstraint { rows, ..FactorConstraint::default() };
    for (kind, data) in planted::kinds(19) {
        let (m, n) = data.shape();
        for rows in [RowSet::NonNegative, RowSet::SumToOne] {
            let constraints = Constraints { u: set(rows), ..Constraints::default() };
            let problem = Nmf::constrained(&data, RANK, constraints.clone()).unwrap().with_penalty(&Penalty::both(0.03, 0.002)).unwrap();
            let penalty = problem.penalty();
            let mut factors = planted::factors(m, n, RANK, 3);
            if rows == RowSet::SumToOne {
                factors = Init::Random.factors(&problem, 3, 1).unwrap();
            }
            let expected = constrained_stationarity(&data, &factors, &constraints, thalweg::problem::Loss::Frobenius, &penalty).unwrap();
            for (shape, blocks) in LAYOUTS {
                let found = thread_ranks(shape.0 * shape.1, |comm| {
                    let grid = Grid::new(comm, shape).unwrap();
                    let [of_u, of_v] = place_of((m, n), grid);
                    let (u, v) = factors.split();
                    let buffer = [&u[of_u.start * RANK..of_u.end * RANK], &v[of_v.start * RANK..of_v.end * RANK]].concat();
                    let mine = Factors::new(of_u.len(), of_v.len(), RANK, buffer).unwrap();
                    let held = part(&data, grid, blocks);
                    let found = stationarity_over_ranks(&held, grid, &mine, &constraints, &penalty).unwrap();
                    let mut spoilt = mine.clone();
                    if comm.rank() + 1 == comm.size() {
                        // a row of U that is none
                        let wrong = if rows == RowSet::SumToOne { 0.0 } else { f64::NAN };
                        spoilt.as_mut_slice()[..RANK].fill(wrong);
                    }
                    (found, stationarity_over_ranks(&held, grid, &spoilt, &constraints, &penalty).is_err())
                });
                for (found, is_refused) in found {
                    let pairs = [(found.kkt, expected.kkt), (found.objective, expected.objective), (found.penalty, expected.penalty)];
                    assert!(pairs.iter().all(|(a, b)| (a - b).abs() <= 1e-12 * b), "{kind}, {rows:?}: {found:?} for {expected:?}");
                    assert!((found.relative_error - expected.relative_error).abs() <= 1e-10, "{kind}, {rows:?}");
                    assert!(is_refused, "{kind}, {rows:?}: a point that is none");
                }
            }
        }
    }
}

#[test]
fn the_same_layout_finds_the_same_bits_on_any_number_of_threads() {
    for (kind, data) in planted::kinds(13) {
        let settings =
            Settings { rule: method("extrapolated-hals").unwrap(), constraints: Constraints::default(), penalty: Penalty::default(), iterations: 30 };
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            thread_ranks(2, |comm| {
                let held = part(&data, Grid::of_rows(comm), 3);
                pool.install(|| {
                    let problem = Blocked::new(&held, Grid::of_rows(&Alone), RANK, settings.constraints.clone()).unwrap();
                    let start = Init::Random.factors(&problem, 7, 1).unwrap();
                    run(&mut Alternating::start(&problem, settings.rule, start).unwrap(), &stop(30, 0.0), &mut go).point
                })
            })
        };
        assert_eq!(on(1), on(3), "{kind}");
        for layout in [((3, 1), 2), ((2, 2), 2)] {
            assert_eq!(fit_blocked(&data, layout, &settings), fit_blocked(&data, layout, &settings), "{kind}");
        }
    }
}

fn scaled(data: &Matrix<f64>, factor: f64) -> Matrix<f64> {
    // a power of two: exact
    let of = |x: &[f64]| x.iter().map(|x| x * factor).collect();
    match data {
        Matrix::Dense(x) => planted::dense(x.view().nrows(), x.view().ncols(), &Vec::<f64>::clone(&of(x.values()))),
        _ => unreachable!("only dense data are scaled here"),
    }
}

#[test]
fn scaling_the_data_by_a_power_of_two_scales_the_product_and_nothing_else() {
    let (_, data) = planted::kinds(14).swap_remove(0);
    for &rule in NMF_METHODS.iter().filter(|rule| rule.about().name != "paper") {
        let settings = Settings { rule, constraints: Constraints::default(), penalty: Penalty::both(0.01, 0.001), iterations: 20 };
        for layout in [((3, 1), 2), ((2, 2), 1)] {
            let (small, value, kkt) = fit_blocked(&data, layout, &settings);
            let (large, large_value, large_kkt) = fit_blocked(&scaled(&data, 1024.0), layout, &settings);
            let product: Vec<f64> = small.product().iter().map(|x| 1024.0 * x).collect();
            assert_eq!((large.product(), large_value, large_kkt), (product, 1024.0 * 1024.0 * value, kkt), "{}", rule.about().name);
        }
    }
}

/// Blocks that cannot be read any more after so many.
struct Failing<'a> {
    blocks: BlocksInMemory<'a, f64>,
    left: AtomicUsize,
}

impl RowBlocks<f64> for Failing<'_> {
    fn shape(&self) -> (usize, usize) {
        self.blocks.shape()
    }

    fn ranges(&self) -> &[Range<usize>] {
        self.blocks.ranges()
    }

    fn block(&self, k: usize) -> Result<Cow<'_, Matrix<f64>>, Error> {
        let is_left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if is_left { self.blocks.block(k) } else { Err(Error::Empty { what: "the file", why: "it is gone" }) }
    }
}

#[test]
fn data_lost_in_the_middle_end_the_run_on_every_rank_with_the_last_point_kept() {
    let (_, data) = planted::kinds(15).swap_remove(0);
    let layouts = [(3, 1), (3, 1), (3, 1), (3, 1), (2, 2), (1, 3)];
    let losses = [(3, "hals"), (40, "hals"), (41, "extrapolated-anls"), (43, "gradient"), (49, "hals"), (54, "anls")];
    for (shape, (at, name)) in layouts.into_iter().zip(losses) {
        let ended = thread_ranks(shape.0 * shape.1, |comm| {
            let left = if comm.rank() == 1 { at } else { usize::MAX };
            let grid = Grid::new(comm, shape).unwrap();
            let held = Failing { blocks: part(&data, grid, 4), left: AtomicUsize::new(left) };
            let problem = match Blocked::new(&held, grid, RANK, Constraints::default()) {
                Ok(problem) => problem,
                Err(error) => return (error, None),
            };
            let start = Init::Random.factors(&problem, 7, 1).unwrap();
            let solution = run(&mut Alternating::start(&problem, method(name).unwrap(), start).unwrap(), &stop(100, 0.0), &mut go);
            (problem.into_failure().expect("the data are lost"), Some(solution))
        });
        for (rank, (error, solution)) in ended.into_iter().enumerate() {
            match rank {
                1 => assert!(matches!(error, Error::Empty { what: "the file", .. }), "{error}"),
                _ => assert!(matches!(error, Error::Peer { rank: 1 }), "{error}"),
            }
            assert_eq!(solution.is_none(), at == 3, "what cannot be read at first is refused");
            if let Some(solution) = solution {
                assert_eq!(solution.status, Status::Breakdown);
                assert!(solution.progress.iteration > 0 && solution.point.first_not_finite().is_none());
            }
        }
    }
}

#[test]
fn a_rank_that_is_gone_keeps_nobody_waiting() {
    let (_, data) = planted::kinds(16).swap_remove(2);
    for (shape, expected) in [((3, 1), vec![Status::Breakdown; 2]), ((2, 2), vec![Status::Breakdown; 3])] {
        let ended = thread_ranks(shape.0 * shape.1, |comm| {
            let grid = Grid::new(comm, shape).unwrap();
            let held = part(&data, grid, 2);
            let problem = Blocked::new(&held, grid, RANK, Constraints::default()).unwrap();
            let start = Init::Random.factors(&problem, 7, 1).unwrap();
            let most = if comm.rank() + 1 == comm.size() { 5 } else { 100 };
            run(&mut Alternating::start(&problem, method("anls").unwrap(), start).unwrap(), &stop(most, 0.0), &mut go).status
        });
        assert_eq!(ended, [expected, vec![Status::MaxIters]].concat());
    }
}

#[test]
fn a_run_cut_in_two_ends_with_the_same_bits() {
    for (kind, data) in planted::kinds(17) {
        let ends = thread_ranks(4, |comm| {
            let grid = Grid::new(comm, (2, 2)).unwrap();
            let held = part(&data, grid, 3);
            let problem = Blocked::new(&held, grid, RANK, Constraints::default()).unwrap();
            let rule = method("minibatch").unwrap();
            let begin = || Alternating::start(&problem, rule, Init::Random.factors(&problem, 7, 1).unwrap()).unwrap();
            let whole = run(&mut begin(), &stop(40, 0.0), &mut go).point;
            let mut first = begin();
            let middle = run(&mut first, &stop(13, 0.0), &mut go).point;
            let mut second = Alternating::start(&problem, rule, middle).unwrap().resume(first.memory());
            whole == run(&mut second, &stop(40, 0.0), &mut go).point
        });
        assert_eq!(ends, [true; 4], "{kind}");
    }
}

#[test]
fn an_iteration_sends_what_the_model_says_and_more_ranks_than_rows_do_no_harm() {
    let kinds = planted::kinds(18);
    for (kind, data) in [&kinds[0], &kinds[2]] {
        let (m, n) = data.shape();
        for shape in [(1, 1), (2, 1), (3, 1), (5, 1), (8, 1), (64, 1), (2, 2), (1, 4), (3, 5), (8, 8)] {
            let sent = thread_ranks(shape.0 * shape.1, |comm| {
                let counted = Counted::new(comm);
                let grid = Grid::new(&counted, shape).unwrap();
                let held = part(data, grid, 1);
                let problem = Blocked::new(&held, grid, RANK, Constraints::default()).unwrap();
                let (rows, columns) = held.shape();
                let (mut u, mut v) = (vec![1.0; rows * RANK], vec![1.0; columns * RANK]);
                let before = counted.traffic();
                problem.both_half_steps((&mut u, &mut v), &Stay, [When::Never; 2], &mut |_, _| {});
                let after = counted.traffic();
                (after.messages - before.messages, after.bytes - before.bytes)
            });
            let model = grid_traffic(shape, (m, n), RANK, matches!(data, Matrix::Dense(_)));
            assert_eq!(sent.iter().map(|s| s.1).sum::<u64>(), 8 * model.numbers as u64, "{kind} on {shape:?}");
            assert!(sent.iter().all(|s| s.0 == model.messages as u64), "{kind} on {shape:?}: {sent:?}");
        }
    }
    let (_, few) = planted::kinds(18).swap_remove(3);
    let few = few.selected(&[0, 5, 9, 11], &(0..few.shape().1).collect::<Vec<_>>()).unwrap();
    let settings = Settings { rule: method("hals").unwrap(), constraints: Constraints::default(), penalty: Penalty::default(), iterations: 5 };
    agrees("four rows", &few, &settings, &[((5, 1), 1), ((7, 1), 2), ((5, 2), 1)], 1e-9);
}

#[test]
fn what_is_wrong_is_said_of_the_row_in_all_of_the_data_and_on_every_rank() {
    let (m, n) = (9, 6);
    let mut values = vec![1.0; m * n];
    values[7 * n + 2] = -1.0;
    let bad = planted::dense(m, n, &values);
    let refused = thread_ranks(3, |comm| {
        let grid = Grid::of_rows(comm);
        Blocked::new(&part(&bad, grid, 2), grid, 2, Constraints::default()).err()
    });
    assert!(matches!(refused[2], Some(Error::Negative { row: 7, col: 2, .. })), "{refused:?}");
    assert!(matches!(refused[..2], [Some(Error::Peer { rank: 2 }), Some(Error::Peer { rank: 2 })]), "{refused:?}");
    let on_grid = thread_ranks(6, |comm| {
        let grid = Grid::new(comm, (2, 3)).unwrap();
        Blocked::new(&part(&bad, grid, 2), grid, 2, Constraints::default()).err()
    });
    assert!(matches!(on_grid[4], Some(Error::Negative { row: 7, col: 2, .. })), "{on_grid:?}");
    let good = planted::dense(m, n, &vec![1.0; m * n]);
    let too_large = thread_ranks(2, |comm| {
        let grid = Grid::of_rows(comm);
        Blocked::new(&part(&good, grid, 1), grid, 7, Constraints::default()).err()
    });
    assert!(too_large.iter().all(|error| matches!(error, Some(Error::Rank { rank: 7, rows: 9, cols: 6 }))), "{too_large:?}");
    let problem_of = BlocksInMemory::whole(&good);
    let problem = Blocked::new(&problem_of, Grid::of_rows(&Alone), 2, Constraints::default()).unwrap();
    assert!(matches!(Init::Nndsvd.factors(&problem, 0, 0), Err(Error::Parameter { name: "init", .. })));
}
