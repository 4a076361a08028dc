//! Times the lower bound of one rank against that of all singular values: `cargo run --release --example bound_speed`.
//!
//! For planted dense data and ranks within, at and beyond the planted one: seconds of each, and by what part the first is below the second.

use rand::RngExt;
use std::time::Instant;
use thalweg::Error;
use thalweg::certificate::{rank_bound, spectral_bound};
use thalweg::data::{Dense, Matrix, stream};
use thalweg::linalg::{multiply_onto, row_major, row_major_mut};

/// Shape, planted rank, size of the noise.
const PROBLEMS: &[((usize, usize), usize, f64)] =
    &[((3000, 2100), 20, 0.1), ((3000, 2100), 0, 1.0), ((4000, 3000), 5, 1e-3), ((8000, 4000), 40, 0.1)];

fn main() -> Result<(), Error> {
    for &((m, n), planted, noise) in PROBLEMS {
        let mut rng = stream(1, 0);
        let mut uniform = |count: usize, most: f64| -> Vec<f64> { (0..count).map(|_| most * rng.random::<f64>()).collect() };
        let (u, v, mut x) = (uniform(m * planted, 1.0), uniform(n * planted, 1.0), uniform(m * n, noise));
        if planted > 0 {
            multiply_onto(row_major(&u, m, planted), row_major(&v, n, planted).transpose(), row_major_mut(&mut x, m, n));
        }
        let data = Matrix::Dense(Dense::new(m, n, x)?);
        let begin = Instant::now();
        let all = spectral_bound(&data).expect("the side is within the limit");
        println!("{m}x{n}, rank {planted} and noise {noise}: all singular values {:.2} s", begin.elapsed().as_secs_f64());
        for rank in [1, 5, 10, 20, 40, 88] {
            let begin = Instant::now();
            let (bound, of_all) = (rank_bound(&data, rank).expect("as above"), all.lower_bound(rank));
            let seconds = begin.elapsed().as_secs_f64();
            println!("  rank {rank:2}: {seconds:.2} s, below by {:8.1e} of {of_all:.4e}", (of_all - bound) / of_all.max(f64::MIN_POSITIVE));
        }
    }
    Ok(())
}
