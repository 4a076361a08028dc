//! Runs one NMF method on files and prints its trace as JSON, for `benches/compare.py`:
//! `cargo run --release --example fit_trace -- FOLDER METHOD SECONDS full|observed cpu|wall`.
//!
//! The folder holds `x.npy` or `x.npz`, and the start in `u.npy` and `v.npy`. METHOD is a name of the methods table, `default`, or `call`:
//! the default with its own start and stop rule. With `-f32` behind it the run is in single precision, with `@RIDGE` behind that it has a
//! ridge. Seconds are CPU seconds of the whole process or elapsed ones, without reading files and evaluating the objective; with held-out
//! entries in `held.npz` the trace has their RMSE.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use thalweg::data::{Matrix, Missing, Observed, ReadOptions, read};
use thalweg::problem::{Nmf, Penalty};
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

/// What to run, and for how long.
struct Asked<'a> {
    name: &'a str,
    ridge: f64,
    limit: f64,
    seconds: fn() -> f64,
}

fn trace<T: WorkingPrecision>(x: &Matrix<T>, start: &Factors<f64>, asked: &Asked<'_>, judge: &Judge<'_>) -> Vec<String> {
    let is_call = asked.name == "call";
    let mut rows = if is_call { Vec::new() } else { vec![judge.row(0.0, 0, start)] };
    let mut start = start.cast::<T>();
    let begin = (asked.seconds)();
    let method =
        if is_call || asked.name == "default" { default_method(x, start.rank()).0 } else { method(asked.name).expect("a method of the table") };
    let ridge = Penalty::both(asked.ridge, 0.0);
    let problem = Nmf::new(x, start.rank()).and_then(|p| p.with_penalty(&ridge)).expect("the data can be factored");
    if is_call {
        start = method.about().init.factors(&problem, 0, 0).expect("a start for these data");
    }
    let mut iteration = Alternating::start(&problem, method, start).expect("the start fits");
    let (mut judging, mut next) = (0.0, 0.0);
    let mut observer = |at: &Alternating<'_, T>, _: Duration| {
        let seconds = (asked.seconds)() - begin - judging;
        if !is_call && seconds >= next {
            rows.push(judge.row(seconds, at.progress().iteration, &at.point().cast()));
            judging = (asked.seconds)() - begin - seconds;
            next = seconds * 1.04 + 1e-3;
        }
        if !is_call && seconds > asked.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let stop = if is_call { Stop::default() } else { Stop { max_iters: usize::MAX, max_time: None, tol: 0.0 } };
    let solution = run(&mut iteration, &stop, &mut observer);
    if is_call {
        rows.push(judge.row((asked.seconds)() - begin, solution.progress.iteration, &solution.point.cast()));
    }
    rows
}

fn elapsed_seconds() -> f64 {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    BEGIN.get_or_init(Instant::now).elapsed().as_secs_f64()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, name, limit, kind, clock] = &args[..] else { return Err("usage: fit_trace FOLDER METHOD SECONDS full|observed cpu|wall".into()) };
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
    let (name, ridge) = name.split_once('@').unwrap_or((name, "0"));
    let seconds = if clock == "cpu" { cpu_seconds } else { elapsed_seconds };
    let asked = Asked { name: name.trim_end_matches("-f32"), ridge: ridge.parse()?, limit: limit.parse()?, seconds };
    let rows = match name.ends_with("-f32") {
        true => trace(&x.cast::<f32>(), &start, &asked, &judge),
        false => trace(&x, &start, &asked, &judge),
    };
    let peak = status("VmHWM").unwrap_or(f64::NAN) / 1024.0;
    println!("{{\"trace\": [{}], \"peak_mb\": {peak}}}", rows.join(", "));
    Ok(())
}
