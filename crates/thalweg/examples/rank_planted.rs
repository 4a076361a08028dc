//! Is the planted rank found? `cargo run --release --example rank_planted -- ROWS COLS LAST RANK NOISE [SEED [REPEATS [MAX_ITERS [TOL [L2]]]]]`.
//!
//! Prints the survey of ranks 1 to LAST on half-normal factors of the given rank with a third of their entries zero, plus Gaussian noise of
//! NOISE times the root mean square of their product, clipped at 0; noise below 0 is relative to each entry instead.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use thalweg::audit::{RankSettings, survey_ranks};
use thalweg::data::{Dense, Matrix, stream};

fn planted(m: usize, n: usize, r: usize, noise: f64, seed: u64) -> Matrix<f64> {
    let mut rng = stream(seed, 1);
    let mut draw = |count: usize| -> Vec<f64> {
        let mut one = || {
            let g: f64 = StandardNormal.sample(&mut rng);
            if rng.random::<f64>() < 1.0 / 3.0 { 0.0 } else { g.abs() }
        };
        (0..count).map(|_| one()).collect()
    };
    let (u, v) = (draw(m * r), draw(n * r));
    let mut values: Vec<f64> = (0..m * n).map(|at| (0..r).map(|k| u[at / n * r + k] * v[at % n * r + k]).sum()).collect();
    let rms = (values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64).sqrt();
    for x in &mut values {
        let g: f64 = StandardNormal.sample(&mut rng);
        *x = (*x + if noise < 0.0 { -noise * *x } else { noise * rms } * g).max(0.0);
    }
    Matrix::Dense(Dense::new(m, n, values).expect("shape"))
}

fn main() {
    let args: Vec<f64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let arg = |at: usize, or: f64| args.get(at).copied().unwrap_or(or);
    let data = planted(arg(0, 120.0) as usize, arg(1, 90.0) as usize, arg(3, 8.0) as usize, arg(4, 0.1), arg(5, 0.0) as u64);
    let settings = RankSettings {
        last: arg(2, 12.0) as usize,
        repeats: arg(6, 8.0) as u32,
        max_iters: arg(7, 200.0) as usize,
        tol: arg(8, 1e-3),
        penalty: thalweg::problem::Penalty::both(arg(9, 0.0), 0.0),
        ..RankSettings::default()
    };
    let begin = std::time::Instant::now();
    let report = survey_ranks(&data, &settings).expect("planted data are good");
    for r in &report.ranks {
        println!(
            "{:>4}  {:.6} ± {:.6}  excess {:+.6} ± {:.6}  agreement {:.4}  relative error {:.5}  unfinished {}",
            r.rank,
            r.holdout.unwrap_or(f64::NAN),
            r.holdout_se.unwrap_or(f64::NAN),
            r.excess.unwrap_or(f64::NAN),
            r.excess_se.unwrap_or(f64::NAN),
            r.agreement.unwrap_or(f64::NAN),
            r.relative_error,
            r.unfinished
        );
    }
    println!("supported {:?}, suggested {:?}, {:.1} s\n{}", report.supported, report.suggested, begin.elapsed().as_secs_f64(), report.verdict);
}
