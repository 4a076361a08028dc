//! Times 5000 exact lines, from 50 starts to 100 ends, on planted data of real shapes: `cargo run --release --example lines [netflix]`.

use rand::RngExt;
use std::time::Instant;
use thalweg::data::{Dense, Matrix, planted_ratings, stream};
use thalweg::geometry::{Verdict, lines};
use thalweg::{Error, Factors};

const STARTS: u64 = 50;
const ENDS: u64 = 100;
/// Bytes that points may take; the lines' own copy of one factor comes on top.
const POINTS_BYTES: usize = 1_600_000_000;

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

/// With all starts in memory, and a multiple of eight ends at a time.
fn time(name: &str, data: &Matrix<f64>, rank: usize) -> Result<(), Error> {
    let (rows, cols) = data.shape();
    let family = |block: std::ops::Range<u64>| block.map(|trial| random(rows, cols, rank, trial)).collect::<Result<Vec<_>, _>>();
    let together = (POINTS_BYTES / ((rows + cols) * rank * 8)) as u64;
    let ends_together = (together.saturating_sub(STARTS) / 8 * 8).max(8);
    let starts = family(0..STARTS)?;
    let (mut seconds, mut count, mut convex) = (0.0, 0, 0);
    for first in (STARTS..STARTS + ENDS).step_by(ends_together as usize) {
        let ends = family(first..(first + ends_together).min(STARTS + ENDS))?;
        let clock = Instant::now();
        let lines = lines(data, &starts, &ends)?;
        seconds += clock.elapsed().as_secs_f64();
        count += lines.len();
        convex += lines.iter().filter(|l| l.convex_on_segment == Verdict::Yes).count();
    }
    let entries = data.summary().observed;
    println!("{name} {rows}x{cols}: {count} lines over {entries} entries, rank {rank}: {seconds:.2} s, {convex} convex");
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
