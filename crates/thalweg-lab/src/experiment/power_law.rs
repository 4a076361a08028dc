//! y = d + c xᵠ by weighted least squares.

/// A fit, with the error of its exponent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerLaw {
    /// q.
    pub exponent: f64,
    /// Its standard error: where χ² has risen by 1, or by χ² per degree of freedom where the fit is worse than its error bars.
    pub exponent_error: f64,
    /// χ².
    pub chi_squared: f64,
}

/// Exponents that are tried.
const STEP: f64 = 0.005;
const LARGEST: f64 = 3.0;

impl PowerLaw {
    /// From (x, y, standard error of y); none with fewer than four points, which always fit.
    pub fn fit(points: &[(f64, f64, f64)]) -> Option<PowerLaw> {
        if points.len() < 4 {
            return None;
        }
        let tried: Vec<(f64, f64)> = (1..=(LARGEST / STEP) as usize).map(|i| i as f64 * STEP).map(|q| (q, chi_squared(points, q))).collect();
        let (exponent, best) = tried.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1))?;
        let rise = (best / (points.len() - 3) as f64).max(1.0);
        let inside = tried.iter().filter(|(_, chi)| *chi <= best + rise);
        let exponent_error = inside.map(|(q, _)| (q - exponent).abs()).fold(0.0, f64::max).max(STEP);
        Some(PowerLaw { exponent, exponent_error, chi_squared: best })
    }
}

/// χ² of the best d and c for this exponent.
fn chi_squared(points: &[(f64, f64, f64)], q: f64) -> f64 {
    let [mut w, mut wx, mut wy, mut wxx, mut wxy] = [0.0; 5];
    for &(x, y, error) in points {
        let (weight, x) = (1.0 / (error * error), x.powf(q));
        w += weight;
        wx += weight * x;
        wy += weight * y;
        wxx += weight * x * x;
        wxy += weight * x * y;
    }
    let c = (w * wxy - wx * wy) / (w * wxx - wx * wx);
    let d = (wy - c * wx) / w;
    points.iter().map(|&(x, y, error)| ((y - d - c * x.powf(q)) / error).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_power_law_is_found() {
        let points: Vec<_> = [4.0f64, 6.0, 8.0, 16.0, 32.0].map(|x| (x, 0.7 + 0.3 * x.powf(1.3), 0.05)).into();
        let fit = PowerLaw::fit(&points).expect("enough points");
        assert!((fit.exponent - 1.3).abs() < 1e-9 && fit.chi_squared < 1e-9, "{fit:?}");
        assert!((0.01..0.3).contains(&fit.exponent_error), "{fit:?}");
        assert_eq!(PowerLaw::fit(&points[..3]), None);
    }
}
