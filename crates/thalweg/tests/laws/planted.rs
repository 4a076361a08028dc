//! Small problems with a known answer, in every kind of data.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use thalweg::Factors;
use thalweg::data::{Dense, Duplicates, Matrix, Observed, Sparse, Triplet, stream};

/// Non-negative factors with some zeros.
pub(crate) fn factors(m: usize, n: usize, r: usize, seed: u64) -> Factors<f64> {
    let mut rng = stream(seed, 1000);
    let buffer = (0..(m + n) * r)
        .map(|_| {
            let g: f64 = StandardNormal.sample(&mut rng);
            if rng.random::<f64>() < 0.3 { 0.0 } else { g.abs() }
        })
        .collect();
    Factors::new(m, n, r, buffer).unwrap()
}

/// UVᵀ + noise·|g|, row-major.
pub(crate) fn product(f: &Factors<f64>, noise: f64, seed: u64) -> Vec<f64> {
    let mut rng = stream(seed, 2000);
    let mut values = Vec::new();
    for i in 0..f.rows() {
        for j in 0..f.cols() {
            let (u, v) = f.row_pair(i, j);
            let g: f64 = StandardNormal.sample(&mut rng);
            values.push(u.iter().zip(v).map(|(a, b)| a * b).sum::<f64>() + noise * g.abs());
        }
    }
    values
}

pub(crate) fn dense(m: usize, n: usize, values: &[f64]) -> Matrix<f64> {
    Matrix::Dense(Dense::new(m, n, values.to_vec()).unwrap())
}

fn triplets(n: usize, values: &[f64], keep: impl Fn(usize) -> bool) -> Vec<Triplet> {
    let all = values.iter().enumerate().filter(|&(at, _)| keep(at));
    all.map(|(at, &value)| Triplet { row: (at / n) as u32, col: (at % n) as u32, value }).collect()
}

pub(crate) fn sparse(m: usize, n: usize, values: &[f64]) -> Matrix<f64> {
    Matrix::Sparse(Sparse::from_triplets(m, n, triplets(n, values, |at| values[at] != 0.0), Duplicates::Sum).unwrap().0)
}

pub(crate) fn observed(m: usize, n: usize, values: &[f64], keep: impl Fn(usize) -> bool) -> Matrix<f64> {
    let entries = Sparse::from_triplets(m, n, triplets(n, values, keep), Duplicates::Sum).unwrap().0;
    Matrix::Observed(Observed { entries, weights: None })
}

pub(crate) fn weighted(m: usize, n: usize, values: &[f64], weight: impl Fn(usize) -> f64) -> Matrix<f64> {
    let weights: Vec<f64> = (0..values.len()).map(weight).collect();
    let of = |v: &[f64]| Sparse::from_triplets(m, n, triplets(n, v, |_| true), Duplicates::Sum).unwrap().0;
    Matrix::Observed(Observed { entries: of(values), weights: Some(of(&weights)) })
}

/// These data without the entries at which `hide` says so.
pub(crate) fn all_but(data: Matrix<f64>, hide: impl Fn(usize) -> bool) -> Matrix<f64> {
    let (m, n) = data.shape();
    data.hiding(&triplets(n, &vec![0.0; m * n], hide)).unwrap()
}

/// One noisy problem (37×29, rank 4) as each kind of data.
pub(crate) fn kinds(seed: u64) -> Vec<(&'static str, Matrix<f64>)> {
    let (m, n) = (37, 29);
    let values = product(&factors(m, n, 4, seed), 0.1, seed);
    let thinned: Vec<f64> = values.iter().enumerate().map(|(at, &x)| if at * 7 % 5 < 2 { x } else { 0.0 }).collect();
    vec![
        ("dense", dense(m, n, &values)),
        ("sparse", sparse(m, n, &thinned)),
        ("observed", observed(m, n, &values, |at| at * 11 % 7 < 4)),
        ("weighted", weighted(m, n, &values, |at| 0.25 + (at % 4) as f64)),
        ("dense, all but", all_but(dense(m, n, &values), |at| at * 11 % 13 < 3)),
        ("sparse, all but", all_but(sparse(m, n, &thinned), |at| at * 11 % 13 < 3)),
    ]
}
