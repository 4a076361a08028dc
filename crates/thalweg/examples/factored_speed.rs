//! Times recovery in factors on planted data: `cargo run --release --example factored_speed -- phase D P` (phase retrieval), or
//! `completion ROWS COLS RANK ENTRIES [METHOD]`.
//!
//! Prints one line of JSON; seconds are CPU seconds of all threads and elapsed ones, without making the data.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};
use thalweg::Factors;
use thalweg::data::stream;
use thalweg::map::{MeasurementMap, OuterProducts, Sampling};
use thalweg::problem::Factored;
use thalweg::solver::factored::{FactoredMethod, FactoredRun, GaussNewton, factored_method, spectral_start};
use thalweg::solver::{Stop, run};

fn normals(count: usize, trial: u64) -> Vec<f64> {
    let mut rng = stream(1, trial);
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

/// CPU seconds of all threads so far.
fn cpu_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("/proc tells the CPU time of each thread");
    let of = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("schedstat")).ok()?.split_whitespace().next()?.parse::<f64>().ok();
    tasks.flatten().filter_map(of).sum::<f64>() * 1e-9
}

/// Means of so many runs: the clock of a thread may move in steps of milliseconds.
fn time(problem: &Factored<'_>, method: &dyn FactoredMethod, truth: &Factors, tol: f64, repeats: u32) -> Result<(), thalweg::Error> {
    let stop = Stop { max_iters: 500, max_time: Some(Duration::from_secs(400)), tol };
    let once = || {
        let begin = Instant::now();
        let start = spectral_start(problem, 0).expect("the decomposition ends");
        let started = begin.elapsed().as_secs_f64();
        let mut iteration = FactoredRun::start(problem, method, &start)?;
        let found = run(&mut iteration, &stop, &mut |_: &FactoredRun<'_>, _: Duration| ControlFlow::Continue(()));
        Ok::<_, thalweg::Error>((iteration, found, started))
    };
    let (cpu, begin) = (cpu_seconds(), Instant::now());
    let (iteration, found, started) = (1..repeats).try_fold(once()?, |_, _| once())?;
    let per_run = |seconds: f64| seconds / f64::from(repeats);
    let (cpu, elapsed) = (per_run(cpu_seconds() - cpu), per_run(begin.elapsed().as_secs_f64()));
    let (mut off, mut size) = (0.0, 0.0);
    // a sample of entries: the whole matrix may not fit
    for at in 0..20_000usize {
        let (i, j) = (at * 7919 % truth.rows(), at * 104_729 % truth.cols());
        let entry = |f: &Factors| -> f64 { f.row_pair(i, j).0.iter().zip(f.row_pair(i, j).1).map(|(u, v)| u * v).sum() };
        off += (entry(&found.point) - entry(truth)).powi(2);
        size += entry(truth).powi(2);
    }
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = memory.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|size| size.split_whitespace().next()).unwrap_or("null");
    println!(
        "{{\"method\":\"{}\",\"cpu_seconds\":{cpu:.5},\"start_seconds\":{started:.5},\"elapsed_seconds\":{elapsed:.5},\"status\":\"{:?}\",\"iterations\":{},\"relative_residual\":{:.2e},\"relative_error\":{:.2e},\"peak_kib\":{peak}}}",
        method.about().name,
        found.status,
        found.progress.iteration,
        iteration.relative_residual(),
        (off / size).sqrt()
    );
    Ok(())
}

fn main() -> Result<(), thalweg::Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| -> usize { args[at].parse().expect("a number") };
    if args[0] == "phase" {
        let (d, p) = (number(1), number(2));
        let map = OuterProducts::quadratic(p, d, normals(p * d, 1))?;
        let u = normals(d, 2);
        let truth = Factors::new(d, d, 1, [u.clone(), u].concat())?;
        let mut b = vec![0.0; p];
        map.apply_factored(&truth, &mut b);
        let problem = Factored::new(&map, &b, 1, true)?;
        return time(&problem, &GaussNewton, &truth, 1e-13, 100);
    }
    let (d1, d2, r, entries) = (number(1), number(2), number(3), number(4));
    let truth = Factors::new(d1, d2, r, normals((d1 + d2) * r, 3))?;
    let mut rng = stream(1, 4);
    let mut positions: Vec<(u32, u32)> = (0..entries).map(|_| (rng.random_range(0..d1 as u32), rng.random_range(0..d2 as u32))).collect();
    positions.sort_unstable();
    positions.dedup();
    let (rows, cols): (Vec<u32>, Vec<u32>) = positions.into_iter().unzip();
    let weights = vec![1.0; rows.len()];
    let map = Sampling::new((d1, d2), rows, cols, weights)?;
    let mut b = vec![0.0; map.len()];
    map.apply_factored(&truth, &mut b);
    let problem = Factored::new(&map, &b, r, false)?;
    let method = factored_method(args.get(5).map_or("als", String::as_str)).expect("a method");
    time(&problem, method, &truth, 1e-11, 1)
}
