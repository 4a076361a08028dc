//! Numbers of an earlier implementation in NumPy of the same experiments, other random draws: for comparison within sampling error.

use serde::Deserialize;
use std::sync::LazyLock;
use thalweg::map::Ensemble;

/// All of them.
pub static EARLIER: LazyLock<Earlier> =
    LazyLock::new(|| serde_json::from_str(include_str!("earlier.json")).expect("the file is part of the program"));

#[derive(Debug, Deserialize)]
pub struct Earlier {
    pub success: Vec<Success>,
    pub regularity: Vec<Measures>,
    pub depth: Errors,
    pub noise: Noisy,
    pub conditioning: Vec<Conditioning>,
}

/// Success frequencies: a row for each side, a column for each rate.
#[derive(Debug, Deserialize)]
pub struct Success {
    pub model: Ensemble,
    pub sides: Vec<usize>,
    pub rates: Vec<f64>,
    pub flat: Vec<Vec<f64>>,
    pub nuclear: Vec<Vec<f64>>,
}

/// Means over trials; none where D1 or D2 was singular.
#[derive(Debug, Deserialize)]
pub struct Measures {
    pub model: Ensemble,
    pub sides: Vec<usize>,
    pub rates: Vec<f64>,
    pub norm_excess: Vec<Vec<Option<f64>>>,
    pub imbalance: Vec<Vec<Option<f64>>>,
}

/// Relative errors: a row for each number of nonzeros, a column for each depth.
#[derive(Debug, Deserialize)]
pub struct Errors {
    pub depths: Vec<usize>,
    pub nonzeros: Vec<usize>,
    pub error: Vec<Vec<f64>>,
}

/// Mean errors: a row for each rank, a column for each level of noise.
#[derive(Debug, Deserialize)]
pub struct Noisy {
    pub ranks: Vec<usize>,
    pub sigmas: Vec<f64>,
    pub flat: Vec<Vec<f64>>,
    pub nuclear: Vec<Vec<f64>>,
}

/// The condition of D1 and D2 together.
#[derive(Debug, Deserialize)]
pub struct Conditioning {
    pub model: Ensemble,
    pub side: usize,
    pub rate: f64,
    pub condition: f64,
}

/// The entry of a table with a row for each of `sides` and a column for each of `rates`.
pub fn entry<T: Copy>(table: &[Vec<T>], (sides, rates): (&[usize], &[f64]), side: usize, rate: f64) -> Option<T> {
    let row = sides.iter().position(|s| *s == side)?;
    let column = rates.iter().position(|r| (r - rate).abs() < 1e-9)?;
    table.get(row)?.get(column).copied()
}
