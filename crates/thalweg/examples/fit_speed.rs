//! Times iterations against what their products cost, and those against the machine: `cargo run --release --example fit_speed -- [NAME …]`.
//!
//! For each planted problem, precision and number of threads (1 and 2): milliseconds of an iteration; of its products alone (the normal
//! equations of both half-steps with a rule that moves nothing); their share of the iteration; and the products' arithmetic beside that of a
//! square matrix product, or the rate at which they read X beside that of a plain sum, whichever binds. On two threads and dense data also what
//! fixed orders of summation cost: XV and XᵀU beside the same with parts and sums as threads find them.

use faer::linalg::matmul::matmul;
use faer::{Accum, Par};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use std::hint::black_box;
use std::time::Instant;
use thalweg::data::{Dense, Duplicates, Matrix, Observed, Sparse, Triplet, stream};
use thalweg::linalg::{MatRef, mul, mul_transpose, multiply, row_major, row_major_mut};
use thalweg::problem::{Nmf, RowSeparable, Stay, When};
use thalweg::solver::Iteration;
use thalweg::solver::nmf::{Alternating, Init, WorkingPrecision, default_method, method};
use thalweg::{Factors, Side};

enum Kind {
    Dense,
    Sparse,
    Observed,
}

/// Name, kind, shape, entries, rank.
type Planted = (&'static str, Kind, (usize, usize), usize, usize);

const PROBLEMS: &[Planted] = &[
    ("D1", Kind::Dense, (2000, 1500), 0, 20),
    ("D2", Kind::Dense, (5120, 1246), 0, 88),
    ("D3", Kind::Dense, (94249, 162), 0, 4),
    ("D4", Kind::Dense, (400, 10304), 0, 49),
    ("S1", Kind::Sparse, (20000, 10000), 2_000_000, 20),
    ("M1", Kind::Observed, (3953, 6041), 900_000, 20),
    ("M2", Kind::Observed, (47928, 8963), 5_200_000, 20),
];

fn planted(kind: &Kind, (m, n): (usize, usize), entries: usize, r: usize) -> Matrix<f64> {
    let mut rng = stream(1, 1);
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let (u, v): (Vec<f64>, Vec<f64>) = ((0..m * r).map(|_| normal().abs()).collect(), (0..n * r).map(|_| normal().abs()).collect());
    let product = |i: usize, j: usize| (0..r).map(|k| u[i * r + k] * v[j * r + k]).sum::<f64>();
    if matches!(kind, Kind::Dense) {
        let values = (0..m * n).map(|at| product(at / n, at % n) + 0.1 * normal().abs()).collect();
        return Matrix::Dense(Dense::new(m, n, values).expect("shape"));
    }
    let mut place = stream(1, 2);
    let mut at = || {
        let (row, col) = (place.random_range(0..m), place.random_range(0..n));
        Triplet { row: row as u32, col: col as u32, value: product(row, col) + 0.1 * normal().abs() }
    };
    let (entries, _) = Sparse::from_triplets(m, n, (0..entries).map(|_| at()).collect(), Duplicates::Sum).expect("shape");
    match kind {
        Kind::Observed => Matrix::Observed(Observed { entries, weights: None }),
        _ => Matrix::Sparse(entries),
    }
}

/// Median milliseconds of a call, over half a second of them.
fn milliseconds(mut call: impl FnMut()) -> f64 {
    let (begin, mut times) = (Instant::now(), Vec::new());
    while times.len() < 3 || (begin.elapsed().as_secs_f64() < 0.5 && times.len() < 200) {
        let start = Instant::now();
        call();
        times.push(1e3 * start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Arithmetic rate of a 1024³ product, in 10⁹ operations a second.
fn gemm_ceiling<T: WorkingPrecision>() -> f64 {
    let (d, a) = (1024, vec![T::of(0.5); 1024 * 1024]);
    let mut out = a.clone();
    2.0 * (d * d * d) as f64 / 1e6 / milliseconds(|| mul(row_major(&a, d, d), row_major(&a, d, d), black_box(&mut out)))
}

/// Rate at which the entries of X are read by a sum, in GB/s.
fn sum_ceiling<T: WorkingPrecision>(values: &[T]) -> f64 {
    let sum = |block: &[T]| {
        let mut sums = [T::of(0.0); 64];
        for chunk in block.chunks_exact(64) {
            sums.iter_mut().zip(chunk).for_each(|(sum, &x)| *sum += x);
        }
        // all of them: what is not used is not read
        sums.iter().fold(T::of(0.0), |sum, &x| sum + x)
    };
    let ms = milliseconds(|| {
        black_box(values.par_chunks(1 << 16).map(sum).collect::<Vec<T>>());
    });
    size_of_val(values) as f64 / 1e6 / ms
}

/// Milliseconds of XV and XᵀU with fixed orders of summation, and with one part for each thread: of the rows in XV, of the rows or of the columns
/// in XᵀU, by our kernel or by faer's threads, whichever is faster.
fn orders<T: WorkingPrecision>(x: &Dense<T>, (u, v): (&[T], &[T]), r: usize, threads: usize) -> (f64, f64) {
    let (m, n, x) = (u.len() / r, v.len() / r, x.view());
    let (u, v) = (row_major(u, m, r), row_major(v, n, r));
    let (mut xv, mut xtu) = (vec![T::of(0.0); m * r], vec![T::of(0.0); n * r]);
    let fixed = milliseconds(|| mul(x, v, black_box(&mut xv))) + milliseconds(|| mul_transpose(x, u, black_box(&mut xtu)));
    let in_parts = |a: MatRef<'_, T>, b: MatRef<'_, T>, out: &mut [T]| {
        let part = a.nrows().div_ceil(threads);
        out.par_chunks_mut(part * r).enumerate().for_each(|(at, out)| {
            let rows = out.len() / r;
            multiply(a.subrows(at * part, rows), b, row_major_mut(out, rows, r));
        });
    };
    let by_faer = |a: MatRef<'_, T>, b: MatRef<'_, T>, out: &mut [T]| {
        matmul(row_major_mut(out, a.nrows(), r), Accum::Replace, a, b, T::of(1.0), Par::rayon(threads));
    };
    let sums_of_rows = |out: &mut [T]| {
        let (part, starts) = (m.div_ceil(threads), (0..threads).into_par_iter());
        let sums: Vec<Vec<T>> = starts
            .map(|at| {
                let (first, rows) = (at * part, part.min(m - at * part));
                let mut sum = vec![T::of(0.0); n * r];
                multiply(x.subrows(first, rows).transpose(), u.subrows(first, rows), row_major_mut(&mut sum, n, r));
                sum
            })
            .collect();
        out.fill(T::of(0.0));
        sums.iter().for_each(|sum| out.iter_mut().zip(sum).for_each(|(all, one)| *all += *one));
    };
    let rows = milliseconds(|| in_parts(x, v, black_box(&mut xv))).min(milliseconds(|| by_faer(x, v, black_box(&mut xv))));
    let columns = milliseconds(|| in_parts(x.transpose(), u, black_box(&mut xtu)))
        .min(milliseconds(|| by_faer(x.transpose(), u, black_box(&mut xtu))))
        .min(milliseconds(|| sums_of_rows(black_box(&mut xtu))));
    (fixed, rows + columns)
}

fn measure<T: WorkingPrecision>(name: &str, x: &Matrix<T>, r: usize, threads: usize) {
    let problem = Nmf::new(x, r).expect("planted data are good");
    let start: Factors<T> = Init::Random.factors(&problem, 0, 0).expect("random starts suit all data");
    // on the data themselves: the stand-in has other products
    let rule = match default_method(x, r).0.about().name {
        "compressed" => method("extrapolated-hals").expect("a method of the table"),
        "compressed-anls" => method("extrapolated-anls").expect("a method of the table"),
        _ => default_method(x, r).0,
    };
    let mut iteration = Alternating::start(&problem, rule, start.clone()).expect("the start fits");
    for _ in 0..10 {
        iteration.step().expect("finite");
    }
    let whole = milliseconds(|| iteration.step().expect("finite"));
    let mut factors = start;
    let (u, v) = factors.split_mut();
    let products = milliseconds(|| {
        black_box(problem.half_step(Side::U, v, u, &Stay, When::Never));
        black_box(problem.half_step(Side::V, u, v, &Stay, When::Never));
    });
    let (entries, kind) = match x {
        Matrix::Dense(x) => (x.values().len(), "dense"),
        Matrix::Sparse(x) => (x.by_row.values().len(), "sparse"),
        Matrix::Observed(x) => (x.entries.by_row.values().len(), "observed"),
        Matrix::AllBut(_) => unreachable!("no planted problem hides entries"),
    };
    // for each entry and side a row of r, and for observed data half a Gram matrix
    let operations = 4.0 * (entries * r) as f64 + if kind == "observed" { 2.0 * (entries * r * (r + 1)) as f64 } else { 0.0 };
    let rate = operations / 1e6 / products;
    let ceiling = gemm_ceiling::<T>();
    print!("{name} {kind:8} r {r:2} {} {threads} thread(s): iteration {whole:8.2} ms, ", T::NAME);
    print!("products {products:8.2} ms = {:3.0} %; {rate:6.1} of {ceiling:6.1} GF/s = {:3.0} %", 100.0 * products / whole, 100.0 * rate / ceiling);
    match x {
        Matrix::Dense(x) => {
            if threads > 1 {
                let (fixed, free) = orders(x, (u, v), r, threads);
                print!("; XV and XᵀU {fixed:.2} ms in fixed order, {free:.2} ms in any");
            }
            let (rate, ceiling) = (2.0 * size_of_val(x.values()) as f64 / 1e6 / products, sum_ceiling(x.values()));
            println!("; {rate:5.1} of {ceiling:5.1} GB/s = {:3.0} %", 100.0 * rate / ceiling);
        }
        _ => println!(),
    }
}

fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    for (name, kind, shape, entries, r) in PROBLEMS {
        if !names.is_empty() && !names.iter().any(|n| n == name) {
            continue;
        }
        let x = planted(kind, *shape, *entries, *r);
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| measure(name, &x, *r, threads));
        }
        let x = x.cast::<f32>();
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| measure(name, &x, *r, threads));
        }
    }
}
