//! Runs one NMF method on files and prints its trace as JSON, for `benches/compare.py`:
//! `cargo run --release --example fit_trace -- FOLDER METHOD SECONDS full|observed`.
//!
//! The folder holds `x.npy` or `x.npz`, and the start in `u.npy` and `v.npy`. METHOD is a name of the methods table, or `default`; with
//! `-f32` behind it the run is in single precision. Seconds are CPU seconds of the whole process, without reading files and evaluating the
//! objective; with held-out entries in `held.npz` the trace has their RMSE.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;
use thalweg::data::{Matrix, Missing, Observed, ReadOptions, read};
use thalweg::problem::Nmf;
use thalweg::solver::nmf::{Alternating, WorkingPrecision, default_method, method};
use thalweg::solver::{Iteration, Stop, run};
use thalweg::{Factors, Side};

fn values(path: &Path) -> Result<Matrix<f64>, thalweg::Error> {
    Ok(read(path, &ReadOptions { missing: Missing::Zero, ..ReadOptions::default() })?.matrix)
}

fn status(key: &str) -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    text.lines().find_map(|l| l.strip_prefix(key))?.split_whitespace().nth(1)?.parse().ok()
}

/// CPU seconds of all threads so far; elapsed time where the system does not tell.
fn cpu_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").ok();
    let of = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("schedstat")).ok()?.split_whitespace().next()?.parse::<f64>().ok();
    let spent: Option<f64> = tasks.map(|tasks| tasks.flatten().filter_map(of).sum());
    spent.expect("/proc tells the CPU time of each thread") * 1e-9
}

struct Judge<'a> {
    full: Nmf<'a, f64>,
    held: Option<Matrix<f64>>,
}

impl Judge<'_> {
    fn row(&self, seconds: f64, iteration: usize, factors: &Factors<f64>) -> String {
        let objective = self.full.objective(factors) / self.full.summary().norm_squared;
        let Some(held) = &self.held else { return format!("[{seconds}, {iteration}, {objective:e}]") };
        let (mut sum, mut count) = (0.0, 0.0);
        for i in 0..held.shape().0 {
            for (j, x, _) in held.row_entries(i) {
                let (u, v) = factors.row_pair(i, j);
                sum += (u.iter().zip(v).map(|(a, b)| a * b).sum::<f64>() - x).powi(2);
                count += 1.0;
            }
        }
        format!("[{seconds}, {iteration}, {objective:e}, {}]", f64::sqrt(sum / count))
    }
}

fn trace<T: WorkingPrecision>(x: &Matrix<T>, start: &Factors<f64>, name: &str, limit: f64, judge: &Judge<'_>) -> Vec<String> {
    let mut rows = vec![judge.row(0.0, 0, start)];
    let start = start.cast::<T>();
    let begin = cpu_seconds();
    let method = if name == "default" { default_method(x, start.rank()).0 } else { method(name).expect("a method of the table") };
    let problem = Nmf::new(x, start.rank()).expect("the data can be factored");
    let mut iteration = Alternating::start(&problem, method, start).expect("the start fits");
    let (mut judging, mut next) = (0.0, 0.0);
    let mut observer = |at: &Alternating<'_, T>, _: Duration| {
        let seconds = cpu_seconds() - begin - judging;
        if seconds >= next {
            rows.push(judge.row(seconds, at.progress().iteration, &at.point().cast()));
            judging = cpu_seconds() - begin - seconds;
            next = seconds * 1.04 + 1e-3;
        }
        if seconds > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    run(&mut iteration, &Stop { max_iters: usize::MAX, max_time: None, tol: 0.0 }, &mut observer);
    rows
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, name, limit, kind] = &args[..] else { return Err("usage: fit_trace FOLDER METHOD SECONDS full|observed".into()) };
    let folder = Path::new(folder);
    let as_asked = |x: Matrix<f64>| match x {
        Matrix::Sparse(entries) if kind == "observed" => Matrix::Observed(Observed { entries, weights: None }),
        x => x,
    };
    let dense = folder.join("x.npy");
    let x = as_asked(values(&if dense.exists() { dense } else { folder.join("x.npz") })?);
    let (mut buffer, mut rank) = (Vec::new(), 0);
    for side in ["u.npy", "v.npy"] {
        let Matrix::Dense(rows) = values(&folder.join(side))? else { return Err("factors are dense".into()) };
        rank = rows.view().ncols();
        buffer.extend_from_slice(rows.values());
    }
    let start = Factors::new(x.shape().0, x.shape().1, rank, buffer)?;
    debug_assert_eq!(start.side(Side::U).len(), x.shape().0 * rank);
    let held = folder.join("held.npz");
    let judge = Judge { full: Nmf::new(&x, rank)?, held: if held.exists() { Some(values(&held)?) } else { None } };
    let limit = limit.parse()?;
    let rows = match name.strip_suffix("-f32") {
        Some(name) => trace(&x.cast::<f32>(), &start, name, limit, &judge),
        None => trace(&x, &start, name, limit, &judge),
    };
    let peak = status("VmHWM").unwrap_or(f64::NAN) / 1024.0;
    println!("{{\"trace\": [{}], \"peak_mb\": {peak}}}", rows.join(", "));
    Ok(())
}
