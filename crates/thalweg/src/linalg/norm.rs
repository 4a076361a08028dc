//! Norms that neither overflow nor underflow.

use super::power_of_two::{exponent, scale};
use super::simd;

/// max |xᵢ| over the numbers, 0 where there are none; NaN counts as 0.
pub fn largest_magnitude(x: &[f64]) -> f64 {
    const LANES: usize = 32;
    simd(
        #[inline(always)]
        || {
            let mut largest = [0.0f64; LANES];
            for x in x.chunks(LANES) {
                largest.iter_mut().zip(x).for_each(|(largest, x)| *largest = if x.abs() > *largest { x.abs() } else { *largest });
            }
            largest.iter().fold(0.0, |m: f64, &x| m.max(x))
        },
    )
}

/// ‖aₖ‖ of each column of a row-major matrix with `width` columns; positive wherever the column is not zero.
///
/// Each column is scaled by a power of two first. The backend's norm of a strided column squares before it scales.
pub fn column_norms(a: &[f64], width: usize) -> Vec<f64> {
    let rows = || a.chunks_exact(width.max(1));
    let mut largest = vec![0.0f64; width];
    for row in rows() {
        largest.iter_mut().zip(row).for_each(|(largest, x)| *largest = largest.max(x.abs()));
    }
    let exponents: Vec<i32> = largest.iter().map(|&x| exponent(x).unwrap_or(0)).collect();
    // two factors, because 2⁻ᵏ itself may leave the range
    let halves: Vec<(f64, f64)> = exponents.iter().map(|&k| (scale(1.0, -(k / 2)), scale(1.0, k / 2 - k))).collect();
    let mut squares = vec![0.0; width];
    for row in rows() {
        for ((square, x), (first, second)) in squares.iter_mut().zip(row).zip(&halves) {
            let x = x * first * second;
            *square += x * x;
        }
    }
    squares.iter().zip(exponents).map(|(square, k)| scale(square.sqrt(), k)).collect()
}

/// ‖x − truth‖ / ‖truth‖, in plain arithmetic.
pub fn relative_error(x: &[f64], truth: &[f64]) -> f64 {
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    norm(&mut truth.iter().zip(x).map(|(t, x)| t - x)) / norm(&mut truth.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_the_whole_range() {
        let rows = [[3.0, 3e200, 3e-200, 0.0, 5e-324], [4.0, 4e200, 4e-200, 0.0, 0.0]];
        let norms = column_norms(rows.as_flattened(), 5);
        for (norm, expected) in norms.iter().zip([5.0, 5e200, 5e-200, 0.0, 5e-324]) {
            assert!((norm - expected).abs() <= 4.0 * f64::EPSILON * expected, "{norm:e} instead of {expected:e}");
        }
    }
}
