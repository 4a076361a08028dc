//! Times deep sparse recovery: `cargo run --release --example sparse_speed -- INSTANCE.npz DEPTH`, with arrays A (p, d) and b (p,).
//!
//! Prints one line of JSON; seconds are CPU seconds of one solution, the mean of several.

use thalweg::certificate::certify_deep_sparse;
use thalweg::data::read_npz;
use thalweg::problem::DeepSparse;
use thalweg::solver::convex::deep_sparse::solve_deep_sparse;

const REPEATS: u32 = 50;

/// CPU seconds of all threads so far.
fn cpu_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("/proc tells the CPU time of each thread");
    let of = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("schedstat")).ok()?.split_whitespace().next()?.parse::<f64>().ok();
    tasks.flatten().filter_map(of).sum::<f64>() * 1e-9
}

fn main() -> Result<(), thalweg::Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut arrays = read_npz(args[0].as_ref(), u64::MAX)?;
    let (a, b) = (arrays.remove("A").expect("A"), arrays.remove("b").expect("b"));
    let depth = args[1].parse().expect("a number");
    let problem = DeepSparse::new(a.shape[0], a.shape[1], a.values.into_f64(), b.values.into_f64(), depth)?;
    let begin = cpu_seconds();
    let mut solution = solve_deep_sparse(&problem);
    for _ in 1..REPEATS {
        solution = solve_deep_sparse(&problem);
    }
    let seconds = (cpu_seconds() - begin) / f64::from(REPEATS);
    let begin = cpu_seconds();
    let certificate = certify_deep_sparse(&problem, &solution.x, &solution.multiplier)?;
    let check = cpu_seconds() - begin;
    println!(
        "{{\"cpu_seconds\":{seconds},\"certificate_seconds\":{check},\"objective\":{},\"iterations\":{},\"certified\":{},\"radius\":\"{:e}\"}}",
        certificate.objective, solution.iterations, certificate.certified, certificate.radius
    );
    Ok(())
}
