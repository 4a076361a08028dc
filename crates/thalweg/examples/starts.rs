//! What a start is worth at equal time: `cargo run --release --example starts -- [FILE RANK …]`.
//!
//! Matrices with an exact factorisation, dense and with sparse factors, and files. For each start, from five seeds, by the default method on
//! one thread: the median relative error ‖X − UVᵀ‖/‖X‖ when a tenth of the time and all of it is over, the making of the start included, and
//! how many runs came below 10⁻⁶.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};
use thalweg::Error;
use thalweg::data::{Dense, Law, Matrix, Missing, ReadOptions, planted_factors, read};
use thalweg::problem::Nmf;
use thalweg::solver::nmf::{Alternating, Init, default_method};
use thalweg::solver::{Iteration, Stop, run};

const STARTS: [Init; 4] = [Init::Random, Init::Nndsvda, Init::Spa, Init::Exterior];
const SEEDS: u64 = 5;
const BELOW: f64 = 1e-6;

/// X = UVᵀ with entries that are zero with probability `zeros`.
fn exact((rows, cols): (usize, usize), rank: usize, zeros: f64) -> Result<Matrix<f64>, Error> {
    let (entries, kept) =
        (planted_factors(Law::HalfNormal, (rows, cols), rank, 1, 0)?, planted_factors(Law::Bernoulli(1.0 - zeros), (rows, cols), rank, 1, 1)?);
    let masked = entries.as_slice().iter().zip(kept.as_slice()).map(|(x, kept)| x * kept).collect();
    let truth = thalweg::Factors::new(rows, cols, rank, masked)?;
    let product = |at: usize| {
        let (u, v) = truth.row_pair(at / cols, at % cols);
        u.iter().zip(v).map(|(u, v)| u * v).sum()
    };
    Ok(Matrix::Dense(Dense::new(rows, cols, (0..rows * cols).map(product).collect())?))
}

/// The relative error after a tenth of the time and after all of it.
fn run_from(start: Init, seed: u64, problem: &Nmf<'_, f64>, limit: Duration) -> Result<[f64; 2], Error> {
    let begin = Instant::now();
    let error = |factors: &thalweg::Factors| (2.0 * problem.objective(factors) / problem.summary().norm_squared).max(0.0).sqrt();
    let (method, _) = default_method(problem.data(), problem.rank());
    let mut path = Alternating::start(problem, method, start.factors(problem, seed, 0)?)?;
    let mut early = None;
    let stop = Stop { max_iters: usize::MAX, max_time: None, tol: 0.0 };
    let found = run(&mut path, &stop, &mut |at: &Alternating<'_, f64>, _| {
        if early.is_none() && begin.elapsed() > limit / 10 {
            early = Some(error(at.point()));
        }
        if begin.elapsed() > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let last = error(&found.point);
    Ok([early.unwrap_or(last), last])
}

fn compare(name: &str, x: &Matrix<f64>, rank: usize, seconds: f64) -> Result<(), Error> {
    let problem = Nmf::new(x, rank)?;
    let (rows, cols) = x.shape();
    println!("{name} {rows}x{cols}, rank {rank}, {seconds} s");
    for start in STARTS {
        let seeds = if start.is_drawn() { SEEDS } else { 1 };
        let mut errors = Vec::new();
        for seed in 0..seeds {
            errors.push(run_from(start, seed, &problem, Duration::from_secs_f64(seconds))?);
        }
        let median = |when: usize| {
            let mut at: Vec<f64> = errors.iter().map(|e| e[when]).collect();
            at.sort_by(f64::total_cmp);
            at[at.len() / 2]
        };
        let below = errors.iter().filter(|e| e[1] < BELOW).count();
        println!("  {:<10} {:.3e}  {:.3e}  {below} of {seeds}", start.name(), median(0), median(1));
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
    for (name, zeros) in [("exact, dense factors", 0.0), ("exact, half of the factors zero", 0.5)] {
        for rank in [10, 20] {
            compare(name, &exact((300, 200), rank, zeros)?, rank, 1.0)?;
        }
    }
    for file in args.chunks_exact(2) {
        let x = read(Path::new(&file[0]), &ReadOptions { missing: Missing::Zero, ..ReadOptions::default() })?.matrix;
        compare(&file[0], &x, file[1].parse()?, 5.0)?;
    }
    Ok(())
}
