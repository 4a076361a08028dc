//! Times 5000 exact lines, from 50 starts to 100 ends, on planted data of real shapes: `cargo run --release --example lines`.

use rand::RngExt;
use std::time::Instant;
use thalweg::data::{Dense, Duplicates, Matrix, Observed, Sparse, Triplet, stream};
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

/// About `count` entries, popular rows and columns first.
fn planted_observed(rows: usize, cols: usize, rank: usize, count: usize) -> Result<Matrix<f64>, Error> {
    let truth = random(rows, cols, rank, 1 << 40)?;
    let mut rng = stream(0, 1 << 41);
    let mut skewed = |size: usize| (rng.random::<f64>().powf(1.5) * size as f64) as usize;
    let mut places: Vec<(usize, usize)> = (0..count + count / 4).map(|_| (skewed(rows), skewed(cols))).collect();
    places.sort_unstable();
    places.dedup();
    places.truncate(count);
    let list = places.into_iter().map(|(i, j)| Triplet { row: i as u32, col: j as u32, value: entry(&truth, i, j) }).collect();
    let (entries, _) = Sparse::from_triplets(rows, cols, list, Duplicates::Sum)?;
    Ok(Matrix::Observed(Observed { entries, weights: None }))
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
    println!("{name}: {} lines over {entries} entries, rank {rank}: {seconds:.2} s, {convex} convex", lines.len());
    Ok(())
}

fn main() -> Result<(), Error> {
    time("digits 1797x64", &planted_dense(1797, 64, 10)?, 10)?;
    time("faces 400x2576", &planted_dense(400, 2576, 49)?, 49)?;
    time("ratings 6040x3620", &planted_observed(6040, 3620, 20, 1_000_000)?, 20)
}
