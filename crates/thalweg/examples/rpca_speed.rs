//! Times robust PCA on a dense file: `cargo run --release --example rpca_speed -- FILE [GAP] [X.npz]`, and keeps X if asked.
//!
//! Prints one line of JSON; seconds are CPU seconds of all threads, without reading.

use std::path::Path;
use thalweg::certificate::certify_robust_pca;
use thalweg::data::{Array, Matrix, Missing, Numbers, ReadOptions, read, write_npz};
use thalweg::problem::RobustPca;
use thalweg::solver::convex::robust_pca::{RobustPcaOptions, solve_robust_pca};

/// CPU seconds of all threads so far.
fn cpu_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("/proc tells the CPU time of each thread");
    let of = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("schedstat")).ok()?.split_whitespace().next()?.parse::<f64>().ok();
    tasks.flatten().filter_map(of).sum::<f64>() * 1e-9
}

fn main() -> Result<(), thalweg::Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let dataset = read(args[0].as_ref(), &ReadOptions { missing: Missing::Nan, ..Default::default() })?;
    let Matrix::Dense(x) = &dataset.matrix else { panic!("dense data are needed") };
    let (m, n) = dataset.matrix.shape();
    let problem = RobustPca::new(m, n, x.values().to_vec(), None)?;
    let options = RobustPcaOptions { tol: args.get(1).map_or(1e-4, |t| t.parse().expect("a number")), ..Default::default() };
    let begin = cpu_seconds();
    let solution = solve_robust_pca(&problem, &options);
    let solved = cpu_seconds();
    let certificate = certify_robust_pca(&problem, &solution.low_rank, &solution.dual, None)?;
    let judged = cpu_seconds();
    if let Some(path) = args.get(2) {
        write_npz(Path::new(path), &[("X", Array { shape: vec![m, n], values: Numbers::F64(solution.low_rank.to_dense(m, n)) })])?;
    }
    let (cpu, check) = (solved - begin, judged - solved);
    let (objective, rank) = (problem.objective(&solution.low_rank), solution.low_rank.singular_values.len());
    println!(
        "{{\"cpu_seconds\":{cpu},\"certificate_seconds\":{check},\"exact\":{},\"objective\":{objective},\"rank\":{rank},\"iterations\":{},\"certified\":{},\"margin\":{:?},\"gap\":{},\"radius\":\"{:e}\"}}",
        solution.is_exact,
        solution.iterations,
        certificate.certified,
        certificate.margin.max(-1.0),
        certificate.relative_gap(),
        certificate.radius
    );
    Ok(())
}
