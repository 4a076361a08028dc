//! Intervals of crossed designs.

use rand_distr::{Distribution, Uniform};
use thalweg::data::stream;

/// Resamples.
const RESAMPLES: usize = 400;

/// The central 95 % of a statistic of a table when its rows and its columns are drawn anew, each with replacement.
///
/// Values in one row share an optimum and values in one column a start: drawing single values would count each of them as new.
pub fn crossed_interval(table: &[Vec<f64>], statistic: impl Fn(&[f64]) -> f64) -> Option<(f64, f64)> {
    let (rows, cols) = (table.len(), table.first()?.len());
    let mut rng = stream(0, 0);
    let (row, col) = (Uniform::new(0, rows).ok()?, Uniform::new(0, cols).ok()?);
    let mut values: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let rows: Vec<usize> = (0..rows).map(|_| row.sample(&mut rng)).collect();
            let cols: Vec<usize> = (0..cols).map(|_| col.sample(&mut rng)).collect();
            let drawn: Vec<f64> = rows.iter().flat_map(|&i| cols.iter().map(move |&j| table[i][j])).collect();
            statistic(&drawn)
        })
        .filter(|value| value.is_finite())
        .collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get((share * (values.len() as f64 - 1.0)).round() as usize).copied();
    Some((at(0.025)?, at(0.975)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_between_rows_is_seen() {
        // rows differ, columns do not: as many independent values as rows
        let table: Vec<Vec<f64>> = (0..10).map(|i| vec![f64::from(i); 50]).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (low, high) = crossed_interval(&table, mean).expect("an interval");
        assert!(low < 3.3 && high > 5.7 && low > 2.0 && high < 7.0, "{low} {high}");
        assert_eq!(crossed_interval(&[], mean), None);
    }
}
