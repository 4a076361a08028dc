//! Norms that neither overflow nor underflow.

use super::power_of_two::{exponent, scale};
use super::{Real, simd};

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

/// ‖x − y‖², summed in f64.
pub fn squared_distance<T: Real>(x: &[T], y: &[T]) -> f64 {
    const LANES: usize = 32;
    simd(
        #[inline(always)]
        || {
            let (x, x_rest) = x.as_chunks::<LANES>();
            let (y, y_rest) = y.as_chunks::<LANES>();
            let mut lanes = [0.0; LANES];
            for (x, y) in x.iter().zip(y) {
                for lane in 0..LANES {
                    let d = x[lane].f64() - y[lane].f64();
                    lanes[lane] += d * d;
                }
            }
            let rest: f64 = x_rest.iter().zip(y_rest).map(|(x, y)| (x.f64() - y.f64()).powi(2)).sum();
            lanes.iter().sum::<f64>() + rest
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
    fn distances_with_every_remainder() {
        for n in [0, 1, 31, 32, 33, 100] {
            let (x, y): (Vec<f32>, Vec<f32>) = (0..n).map(|i| (i as f32, 3.0 * i as f32 - 7.0)).unzip();
            // whole numbers: exact
            assert_eq!(squared_distance(&x, &y), (0..n).map(|i| (2.0 * f64::from(i) - 7.0).powi(2)).sum::<f64>());
        }
    }

    #[test]
    fn over_the_whole_range() {
        let rows = [[3.0, 3e200, 3e-200, 0.0, 5e-324], [4.0, 4e200, 4e-200, 0.0, 0.0]];
        let norms = column_norms(rows.as_flattened(), 5);
        for (norm, expected) in norms.iter().zip([5.0, 5e200, 5e-200, 0.0, 5e-324]) {
            assert!((norm - expected).abs() <= 4.0 * f64::EPSILON * expected, "{norm:e} instead of {expected:e}");
        }
    }
}
