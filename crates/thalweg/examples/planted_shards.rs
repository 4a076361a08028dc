//! Large planted data, written row by row: ratings, or counts with zeros between.
//!
//!     cargo run --release --example planted_shards -- ratings 480189 17770 100000000 20 DIR [TEXT]
//!     cargo run --release --example planted_shards -- counts 1000000 28000 280000000 20 DIR
//!
//! With TEXT, every tenth rating goes to `TEXT.test` as `user item rating`, the others to `TEXT.train` and to the shards.

use rand::RngExt;
use rand_distr::{Distribution, Exp1, StandardNormal};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use thalweg::Error;
use thalweg::data::{Origin, ShardKind, ShardWriter, stream};

struct Size {
    rows: usize,
    cols: usize,
    entries: usize,
    rank: usize,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [kind, rows, cols, entries, rank, folder, rest @ ..] = &words[..] else {
        return Err("planted_shards ratings|counts ROWS COLS ENTRIES RANK DIR [TEXT]".into());
    };
    let size = Size { rows: rows.parse()?, cols: cols.parse()?, entries: entries.parse()?, rank: rank.parse()? };
    let folder = Path::new(folder);
    if kind == "counts" {
        counts(&size, folder)?
    } else {
        ratings(&size, folder, rest.first().map(PathBuf::from))?
    }
    Ok(())
}

/// Columns of one row: more of them in some rows than in others, and more often the first.
fn columns(size: &Size, rng: &mut impl rand::Rng) -> Vec<u32> {
    let share: f64 = Exp1.sample(rng);
    let count = ((share * size.entries as f64 / size.rows as f64) as usize).clamp(2, size.cols / 2);
    let mut columns: Vec<u32> = (0..count).map(|_| (size.cols as f64 * rng.random::<f64>().powf(1.7)) as u32).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// 1 to 5: a scaled inner product of non-negative factors, with noise, rounded.
fn ratings(size: &Size, folder: &Path, text: Option<PathBuf>) -> Result<(), Box<dyn std::error::Error>> {
    let rank = size.rank;
    let mut rng = stream(1, 0);
    let items: Vec<f64> = (0..size.cols * rank).map(|_| Distribution::<f64>::sample(&StandardNormal, &mut rng).abs()).collect();
    let mut writer = ShardWriter::create(folder, size.cols, ShardKind::Observed, 1 << 30)?;
    let open =
        |end: &str| text.as_ref().map(|text| File::create(text.with_extension(end)).map(|file| BufWriter::with_capacity(1 << 20, file))).transpose();
    let (mut train, mut test) = (open("train")?, open("test")?);
    let (mut kept, mut held) = (0, 0);
    for row in 0..size.rows {
        let mut rng = stream(2, row as u64);
        let user: Vec<f64> = (0..rank).map(|_| Distribution::<f64>::sample(&StandardNormal, &mut rng).abs()).collect();
        let (mut left, mut values) = (Vec::new(), Vec::new());
        for (at, col) in columns(size, &mut rng).into_iter().enumerate() {
            let item = &items[col as usize * rank..][..rank];
            let fit: f64 = user.iter().zip(item).map(|(u, v)| u * v).sum::<f64>() * 3.5 / (rank as f64 * 2.0 / std::f64::consts::PI);
            let noise: f64 = StandardNormal.sample(&mut rng);
            let value = (fit + 0.6 * noise).round().clamp(1.0, 5.0);
            let is_held = text.is_some() && (row + at).is_multiple_of(10);
            if let Some(out) = if is_held { &mut test } else { &mut train } {
                writeln!(out, "{row} {col} {value}")?;
            }
            if is_held {
                held += 1;
            } else {
                left.push(col);
                values.push(value);
            }
        }
        kept += left.len();
        writer.row(&left, &values, &[])?;
    }
    for out in [train, test].into_iter().flatten() {
        out.into_inner().map_err(|error| error.into_error())?.sync_all()?;
    }
    finish(writer)?;
    println!("{kept} ratings, {held} held out");
    Ok(())
}

/// Each row has a topic, and most of its entries in the columns of that.
fn counts(size: &Size, folder: &Path) -> Result<(), Error> {
    let mut writer = ShardWriter::create(folder, size.cols, ShardKind::Sparse, 1 << 30)?;
    let (each, band) = (size.entries / size.rows, size.cols / size.rank);
    let mut stored = 0;
    for row in 0..size.rows {
        let mut rng = stream(3, row as u64);
        let first = (row % size.rank) * band;
        let mut of_topic = |_| if rng.random::<f64>() < 0.7 { first + rng.random_range(0..band) } else { rng.random_range(0..size.cols) };
        let mut columns: Vec<u32> = (0..each).map(|at| of_topic(at) as u32).collect();
        columns.sort_unstable();
        columns.dedup();
        let values: Vec<f64> = columns.iter().map(|_| 1.0 + Distribution::<f64>::sample(&Exp1, &mut rng).floor()).collect();
        stored += columns.len();
        writer.row(&columns, &values, &[])?;
    }
    finish(writer)?;
    println!("{stored} entries");
    Ok(())
}

fn finish(writer: ShardWriter) -> Result<(), Error> {
    writer.finish(Origin { source: "planted".into(), sha256: String::new(), ..Origin::default() }, [None, None])
}
