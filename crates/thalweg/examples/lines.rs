//! Times 5000 exact lines, from 50 starts to 100 ends, on planted data of real shapes: `cargo run --release --example lines [netflix]`.

use rand::RngExt;
use std::time::Instant;
use thalweg::data::{Dense, Matrix, planted_ratings, stream};
use thalweg::geometry::{Verdict, lines};
use thalweg::{Error, Factors};

const STARTS: u64 = 50;
const ENDS: u64 = 100;

fn random(rows: usize, cols: usize, rank: usize, trial: u64) -> Result<Factors, Error> {
    let mut rng = stream(0, trial);
    Factors::new(rows, cols, rank, (0..(rows + cols) * rank).map(|_| rng.random::<f64>()).collect())
}

fn entry(f: &Factors, i: usize, j: usize) -> f64 {
    let (u, v) = f.row_pair(i, j);
    u.iter().zip(v).map(|(a, b)| a * b).sum()
}

fn planted_dense(rows: usize, cols: usize, rank: usize) -> Result<Matrix<f64>, Error> {
    let truth = random(rows, cols, rank, 1 << 40)?;
    let values = (0..rows * cols).map(|at| entry(&truth, at / cols, at % cols)).collect();
    Ok(Matrix::Dense(Dense::new(rows, cols, values)?))
}

fn time(name: &str, data: &Matrix<f64>, rank: usize) -> Result<(), Error> {
    let (rows, cols) = data.shape();
    let family = |first: u64, count: u64| (first..first + count).map(|trial| random(rows, cols, rank, trial)).collect::<Result<Vec<_>, _>>();
    let (starts, ends) = (family(0, STARTS)?, family(STARTS, ENDS)?);
    let clock = Instant::now();
    let lines = lines(data, &starts, &ends)?;
    let seconds = clock.elapsed().as_secs_f64();
    let convex = lines.iter().filter(|l| l.convex_on_segment == Verdict::Yes).count();
    let entries = data.summary().observed;
    println!("{name} {rows}x{cols}: {} lines over {entries} entries, rank {rank}: {seconds:.2} s, {convex} convex", lines.len());
    Ok(())
}

fn main() -> Result<(), Error> {
    let wanted = std::env::args().nth(1);
    let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
    for (name, (rows, cols), rank) in [("digits", (1797, 64), 10), ("faces", (400, 2576), 49)] {
        if is_wanted(name) {
            time(name, &planted_dense(rows, cols, rank)?, rank)?;
        }
    }
    let ratings = [("movielens", (6040, 3620), 1_000_000, 20), ("netflix", (47928, 8963), 5_200_000, 20), ("goodbooks", (10000, 43461), 956_000, 50)];
    for (name, shape, observed, rank) in ratings {
        if is_wanted(name) {
            time(name, &Matrix::Observed(planted_ratings(shape, observed, rank, 0)?), rank)?;
        }
    }
    Ok(())
}
