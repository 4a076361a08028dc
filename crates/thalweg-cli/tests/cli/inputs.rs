//! Planted matrices in the files that users have.

use super::desk::Desk;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt::Write as _;
use std::io::Write as _;
use thalweg::data::{Array, Numbers, write_npz};

/// Uniform numbers in [0, 1) from a seed (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed)
    }

    pub(crate) fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

pub(crate) type Rows = Vec<Vec<f64>>;

/// UVᵀ of rank r with a third of the factors' entries zero, and a little noise.
pub(crate) fn planted(m: usize, n: usize, r: usize, seed: u64) -> Rows {
    let mut dice = Dice::new(seed);
    let mut factor = |rows: usize| -> Rows {
        let mut entry = || if dice.roll() < 0.3 { 0.0 } else { dice.roll() };
        (0..rows).map(|_| (0..r).map(|_| entry()).collect()).collect()
    };
    let (u, v) = (factor(m), factor(n));
    let mut noise = || 0.05 * dice.roll();
    u.iter().map(|u| v.iter().map(|v| u.iter().zip(v).map(|(a, b)| a * b).sum::<f64>() + noise()).collect()).collect()
}

/// Plain numbers, shortest form that reads back to the same bits.
pub(crate) fn csv(rows: &[Vec<f64>]) -> String {
    rows.iter().map(|row| row.iter().map(f64::to_string).collect::<Vec<_>>().join(",") + "\n").collect()
}

/// With names of rows (g1, g2, …) and columns (t1, t2, …).
pub(crate) fn labelled_csv(rows: &[Vec<f64>]) -> String {
    let header: String = (1..=rows[0].len()).map(|j| format!(",t{j}")).collect();
    let lines = csv(rows);
    let named: String = lines.lines().enumerate().map(|(i, line)| format!("g{},{line}\n", i + 1)).collect();
    format!("gene{header}\n{named}")
}

/// A CSV in which about a share of the fields is empty.
pub(crate) fn gappy_csv(rows: &[Vec<f64>], share: f64, seed: u64) -> String {
    let mut dice = Dice::new(seed);
    let mut field = |x: &f64| if dice.roll() < share { "NaN".to_owned() } else { x.to_string() };
    rows.iter().map(|row| row.iter().map(&mut field).collect::<Vec<_>>().join(",") + "\n").collect()
}

fn entries(rows: &[Vec<f64>], share: f64, seed: u64) -> Vec<(usize, usize, f64)> {
    let mut dice = Dice::new(seed);
    let all = rows.iter().enumerate().flat_map(|(i, row)| row.iter().enumerate().map(move |(j, &x)| (i, j, x)));
    all.filter(|_| dice.roll() < share).collect()
}

/// Matrix Market coordinates of about a share of the entries.
pub(crate) fn mtx(rows: &[Vec<f64>], share: f64, seed: u64) -> String {
    let kept = entries(rows, share, seed);
    let mut text = format!("%%MatrixMarket matrix coordinate real general\n{} {} {}\n", rows.len(), rows[0].len(), kept.len());
    for (i, j, x) in kept {
        writeln!(text, "{} {} {x}", i + 1, j + 1).expect("a string can be written to");
    }
    text
}

/// `user::item::rating::time` for about a share of the entries.
pub(crate) fn ratings(rows: &[Vec<f64>], share: f64, seed: u64) -> String {
    let kept = entries(rows, share, seed);
    kept.iter().map(|(i, j, x)| format!("u{}::i{}::{}::978300760\n", i + 1, j + 1, (1.0 + 4.0 * x).clamp(1.0, 5.0).round())).collect()
}

/// One row as a binary PGM.
pub(crate) fn pgm(row: &[f64], width: usize) -> Vec<u8> {
    let mut bytes = format!("P5\n{width} {}\n255\n", row.len() / width).into_bytes();
    bytes.extend(row.iter().map(|x| (255.0 * x / 4.0).clamp(0.0, 255.0) as u8));
    bytes
}

/// An `.npz` with one matrix.
pub(crate) fn put_npz(desk: &Desk, name: &str, rows: &[Vec<f64>]) {
    let array = Array::new(vec![rows.len(), rows[0].len()], Numbers::F64(rows.concat())).expect("a matrix");
    write_npz(&desk.path(name), &[("X", array)]).expect("writes");
}

/// Rows × columns of uniform numbers in a .npy file of this precision.
pub(crate) fn uniform((m, n): (usize, usize), descr: &str) -> Vec<u8> {
    let mut dice = Dice::new((m * n) as u64);
    let numbers = (0..m * n).map(|_| dice.roll());
    let body: Vec<u8> = match descr {
        "<f4" => numbers.flat_map(|x| (x as f32).to_le_bytes()).collect(),
        _ => numbers.flat_map(f64::to_le_bytes).collect(),
    };
    npy(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({m}, {n}), }}"), &body)
}

/// A `.npy` with this header text and these bytes.
pub(crate) fn npy(header: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let padded = format!("{header:<117}\n");
    bytes.extend((padded.len() as u16).to_le_bytes());
    bytes.extend(padded.as_bytes());
    bytes.extend(body);
    bytes
}

/// A `.npy` of f64.
pub(crate) fn npy_of(rows: &[Vec<f64>]) -> Vec<u8> {
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}, {}), }}", rows.len(), rows[0].len());
    npy(&header, &rows.concat().iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
}

pub(crate) fn times(rows: &[Vec<f64>], factor: f64) -> Rows {
    rows.iter().map(|row| row.iter().map(|x| x * factor).collect()).collect()
}

pub(crate) fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).expect("a vector can be written to");
    out.finish().expect("a vector can be written to")
}
