//! Times NMF iterations on planted data: `cargo run --release --example fit_speed -- ROWS COLS RANK [DENSITY]`.
//!
//! Prints, for each method, seconds per iteration and the objective after a few seconds. With a density below 1 the data are
//! observed-only.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use std::ops::ControlFlow;
use std::time::Duration;
use thalweg::data::{Dense, Duplicates, Matrix, Observed, Sparse, Triplet, stream};
use thalweg::problem::Nmf;
use thalweg::solver::nmf::{Alternating, Init, NMF_METHODS};
use thalweg::solver::{Iteration, Stop, run};

fn planted(m: usize, n: usize, r: usize, density: f64) -> Matrix<f64> {
    let mut rng = stream(1, 1);
    let mut draw = |count: usize| -> Vec<f64> {
        (0..count)
            .map(|_| {
                let g: f64 = StandardNormal.sample(&mut rng);
                g.abs()
            })
            .collect()
    };
    let (u, v) = (draw(m * r), draw(n * r));
    let mut rng = stream(1, 2);
    let mut value = |i: usize, j: usize| -> f64 {
        let g: f64 = StandardNormal.sample(&mut rng);
        (0..r).map(|k| u[i * r + k] * v[j * r + k]).sum::<f64>() + 0.1 * g.abs()
    };
    if density >= 1.0 {
        let values = (0..m * n).map(|at| value(at / n, at % n)).collect();
        return Matrix::Dense(Dense::new(m, n, values).expect("shape"));
    }
    let mut mask = stream(1, 3);
    let mut entries = Vec::new();
    for row in 0..m {
        for col in 0..n {
            if mask.random::<f64>() < density {
                entries.push(Triplet { row: row as u32, col: col as u32, value: value(row, col) });
            }
        }
    }
    let (entries, _) = Sparse::from_triplets(m, n, entries, Duplicates::Sum).expect("shape");
    Matrix::Observed(Observed { entries, weights: None })
}

fn main() {
    let args: Vec<f64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let [m, n, r] = [0, 1, 2].map(|at| args.get(at).copied().unwrap_or([2000.0, 1500.0, 20.0][at]) as usize);
    let data = planted(m, n, r, args.get(3).copied().unwrap_or(1.0));
    let problem = Nmf::new(&data, r).expect("planted data are good");
    for method in NMF_METHODS {
        let start = Init::Random.factors(&problem, 0, 0).expect("random starts suit all data");
        let mut iteration = Alternating::start(&problem, *method, start).expect("the start fits");
        let stop = Stop { max_iters: usize::MAX, max_time: Some(Duration::from_secs(5)), tol: 0.0 };
        let solution = run(&mut iteration, &stop, &mut |_: &Alternating<'_, f64>, _: Duration| ControlFlow::Continue(()));
        let relative = problem.objective(iteration.point()) / problem.summary().norm_squared;
        let per = solution.elapsed.as_secs_f64() / solution.progress.iteration as f64;
        let kkt = iteration.kkt();
        println!(
            "{:>10} {:>8} iterations, {:.3} ms each, relative objective {relative:.9}, kkt {kkt:.2e}",
            method.about().name,
            solution.progress.iteration,
            1e3 * per
        );
    }
}
