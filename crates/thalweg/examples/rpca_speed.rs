//! Times robust PCA on a dense file: `cargo run --release --example rpca_speed -- FILE [TOL]`.
//!
//! Prints one line of JSON: CPU and wall seconds without reading, objective, rank, steps.

use std::time::Instant;
use thalweg::certificate::certify_robust_pca;
use thalweg::data::{Matrix, Missing, ReadOptions, read};
use thalweg::problem::RobustPca;
use thalweg::solver::convex::robust_pca::{RobustPcaOptions, solve_robust_pca};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let options = ReadOptions { missing: Missing::Nan, ..Default::default() };
    let dataset = read(args[0].as_ref(), &options).expect("a dense file");
    let Matrix::Dense(x) = &dataset.matrix else { panic!("dense data are needed") };
    let (m, n) = dataset.matrix.shape();
    let problem = RobustPca::new(m, n, x.values().to_vec(), None).expect("finite data");
    let options = RobustPcaOptions { tol: args.get(1).map_or(1e-4, |t| t.parse().expect("a number")), ..Default::default() };
    let begin = Instant::now();
    let solution = solve_robust_pca(&problem, &options);
    let seconds = begin.elapsed().as_secs_f64();
    let certificate = certify_robust_pca(&problem, &solution.low_rank, &solution.dual, None).expect("the parts fit");
    let certified = begin.elapsed().as_secs_f64() - seconds;
    eprintln!("{certificate:?} gap {:e}", certificate.relative_gap());
    println!(
        "{{\"seconds\":{seconds},\"certificate_seconds\":{certified},\"status\":\"{:?}\",\"exact\":{},\"objective\":{},\"rank\":{},\"iterations\":{}}}",
        solution.status,
        solution.is_exact,
        problem.objective(&solution.low_rank),
        solution.low_rank.singular_values.len(),
        solution.iterations
    );
}
