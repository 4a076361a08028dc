//! How far a sampled line is convex around its middle.

use crate::Error;
use serde::{Deserialize, Serialize};

/// The widest run of convex cells that holds the middle of a sampled line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConvexStretch {
    /// Where it begins, from −½ to 0.
    pub low: f64,
    /// Where it ends, from 0 to ½.
    pub high: f64,
    /// high − low; 0 where the middle cell is not convex.
    pub length: f64,
    /// Whether it reaches −½ or ½: on a longer line it might go on.
    pub is_censored: bool,
}

/// The convex stretch of f(λ) on [−½, ½], from its values at λᵢ = i/G for i = −⌊G/2⌋ − 1 … ⌊G/2⌋ + 1, G being `cells`.
///
/// Cell i is [λᵢ − 1/2G, λᵢ + 1/2G], cut to [−½, ½], and convex if f(λᵢ₋₁) − 2 f(λᵢ) + f(λᵢ₊₁) ≥ −tolerance; a value that is no number makes
/// it not convex. Four times the error of one value is a tolerance that rounding alone does not fail. Bends narrower than a cell are not
/// seen: the length belongs to its G.
///
/// # Errors
/// [`Error::Parameter`] for fewer than two cells, [`Error::Shape`] for another count of values.
///
/// Source: Bjorck, Gomes, Weinberger (2020), tables 2, 4 and 5, which leave grid and noise open.
pub fn convex_stretch(values: &[f64], cells: usize, tolerance: f64) -> Result<ConvexStretch, Error> {
    if cells < 2 {
        return Err(Error::Parameter { name: "cells", expected: "at least 2".into(), got: cells.to_string() });
    }
    let middle = cells / 2;
    if values.len() != 2 * middle + 3 {
        return Err(Error::Shape { what: "values", expected: (2 * middle + 3, 1), got: (values.len(), 1) });
    }
    let is_convex = |cell: &usize| values[*cell] - 2.0 * values[cell + 1] + values[cell + 2] >= -tolerance;
    if !is_convex(&middle) {
        return Ok(ConvexStretch { low: 0.0, high: 0.0, length: 0.0, is_censored: false });
    }
    let below = (0..middle).rev().take_while(is_convex).count();
    let above = (middle + 1..2 * middle + 1).take_while(is_convex).count();
    let edge = |convex: usize| ((convex as f64 + 0.5) / cells as f64).min(0.5);
    let (low, high) = (-edge(below), edge(above));
    Ok(ConvexStretch { low, high, length: high - low, is_censored: below == middle || above == middle })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(cells: i32, f: impl Fn(f64) -> f64) -> Vec<f64> {
        (-cells / 2 - 1..=cells / 2 + 1).map(|i| f(f64::from(i) / f64::from(cells))).collect()
    }

    #[test]
    fn quadratics_and_quartics() -> Result<(), Error> {
        let bowl = convex_stretch(&sampled(50, |t| t * t), 50, 1e-15)?;
        assert_eq!((bowl.length, bowl.is_censored), (1.0, true));
        assert_eq!(convex_stretch(&sampled(50, |t| -t * t), 50, 1e-15)?.length, 0.0);
        // 6 a²t² − t⁴ is convex for |t| < a; cells beyond a are not
        for (cells, a) in [(25, 0.21), (50, 0.21), (100, 0.21), (50, 0.33)] {
            let stretch = convex_stretch(&sampled(cells, |t| 6.0 * a * a * t * t - t.powi(4)), cells as usize, 1e-15)?;
            let width = 1.0 / f64::from(cells);
            assert!((stretch.length - 2.0 * a).abs() <= 2.0 * width && stretch.low == -stretch.high && !stretch.is_censored, "{stretch:?}");
        }
        Ok(())
    }

    /// |t − 0.1| − 2|t − 0.3|: convex up to the kink that points down.
    #[test]
    fn kinks_and_bad_numbers() -> Result<(), Error> {
        let kinked = convex_stretch(&sampled(20, |t| (t - 0.1).abs() - 2.0 * (t - 0.3).abs()), 20, 1e-12)?;
        assert!(kinked.low == -0.5 && (kinked.high - 0.275).abs() < 1e-12 && kinked.is_censored, "{kinked:?}");
        let mut values = sampled(20, |t| t * t);
        values[3] = f64::NAN;
        assert!((convex_stretch(&values, 20, 0.0)?.low + 0.325).abs() < 1e-12);
        assert!(convex_stretch(&values[1..], 20, 0.0).is_err() && convex_stretch(&values[..3], 0, 0.0).is_err());
        Ok(())
    }
}
