//! Products of a row-major matrix with a vector, and their rounding errors.

use super::{Real, simd};

/// Sums run side by side in so many lanes.
const LANES: usize = 32;
/// Each lane adds at most this many products before the lanes are added up.
const CHUNK: usize = 32 * LANES;

/// Σ xᵢ yᵢ.
///
/// In f64, |computed − exact| ≤ [`dot_error`]`(n)` · Σ |xᵢ yᵢ|, barring underflow: no product passes more additions than that.
#[inline]
pub fn dot<T: Real>(x: &[T], y: &[T]) -> T {
    simd(
        #[inline(always)]
        || dot_in_lanes(x, y),
    )
}

#[inline(always)]
fn dot_in_lanes<T: Real>(x: &[T], y: &[T]) -> T {
    let mut total = T::of(0.0);
    for (x, y) in x.chunks(CHUNK).zip(y.chunks(CHUNK)) {
        let (x, x_rest) = x.as_chunks::<LANES>();
        let (y, y_rest) = y.as_chunks::<LANES>();
        let mut lanes = lane_sums(x, y);
        for (lane, (&x, &y)) in lanes.iter_mut().zip(x_rest.iter().zip(y_rest)) {
            *lane += x * y;
        }
        let lanes: [T; 16] = halved(&lanes);
        let lanes: [T; 8] = halved(&lanes);
        let lanes: [T; 4] = halved(&lanes);
        let lanes: [T; 2] = halved(&lanes);
        total += lanes[0] + lanes[1];
    }
    total
}

/// By value: what is indexed by a variable elsewhere would stay in memory here.
#[inline(always)]
fn lane_sums<T: Real>(x: &[[T; LANES]], y: &[[T; LANES]]) -> [T; LANES] {
    let mut lanes = [T::of(0.0); LANES];
    for (x, y) in x.iter().zip(y) {
        for lane in 0..LANES {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes
}

/// Each of the first half and its partner in the second.
#[inline(always)]
fn halved<T: Real, const HALF: usize>(lanes: &[T]) -> [T; HALF] {
    std::array::from_fn(|lane| lanes[lane] + lanes[lane + HALF])
}

/// Bound on the relative rounding error of [`dot`] of n numbers in f64, relative to Σ |xᵢ yᵢ|.
pub fn dot_error(n: usize) -> f64 {
    // the product, one lane's sums, the rest's, the tree of lanes, the chunks
    let additions = 1 + CHUNK / LANES + 1 + LANES.ilog2() as usize + n.div_ceil(CHUNK);
    super::rounding(additions.min(n + 1))
}

/// out ← A x, of a row-major A with x.len() columns.
pub fn multiply_vector<T: Real>(a: &[T], x: &[T], out: &mut [T]) {
    let width = x.len();
    simd(
        #[inline(always)]
        || {
            for (out, row) in out.iter_mut().zip(a.chunks_exact(width.max(1))) {
                *out = dot_in_lanes(row, x);
            }
        },
    );
}

/// out ← Aᵀ y, of a row-major A with out.len() columns.
///
/// |computed − exact| ≤ γ_{p+1} Σᵢ |yᵢ| |aᵢⱼ| in f64, with p = y.len().
pub fn multiply_transposed_vector<T: Real>(a: &[T], y: &[T], out: &mut [T]) {
    let width = out.len();
    out.fill(T::of(0.0));
    simd(
        #[inline(always)]
        || {
            // four rows at a time: a quarter of the traffic on `out`
            let mut rows = a.chunks_exact(4 * width.max(1));
            let mut weights = y.chunks_exact(4);
            for (rows, y) in rows.by_ref().zip(weights.by_ref()) {
                let (r0, rest) = rows.split_at(width);
                let (r1, rest) = rest.split_at(width);
                let (r2, r3) = rest.split_at(width);
                for j in 0..width {
                    out[j] += (y[0] * r0[j] + y[1] * r1[j]) + (y[2] * r2[j] + y[3] * r3[j]);
                }
            }
            for (row, &y) in rows.remainder().chunks_exact(width.max(1)).zip(weights.remainder()) {
                for j in 0..width {
                    out[j] += y * row[j];
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_with_every_remainder() {
        for (rows, cols) in [(1, 1), (3, 7), (4, 32), (9, 65), (5, 3000)] {
            let a: Vec<f64> = (0..rows * cols).map(|k| ((k * 37 % 101) as f64 - 50.0) / 8.0).collect();
            let x: Vec<f64> = (0..cols).map(|k| ((k * 53 % 17) as f64 - 8.0) / 4.0).collect();
            let y: Vec<f64> = (0..rows).map(|k| k as f64 - 1.5).collect();
            let (mut ax, mut aty) = (vec![0.0; rows], vec![0.0; cols]);
            multiply_vector(&a, &x, &mut ax);
            multiply_transposed_vector(&a, &y, &mut aty);
            // small multiples of powers of two: exact
            for i in 0..rows {
                assert_eq!(ax[i], (0..cols).map(|j| a[i * cols + j] * x[j]).sum::<f64>());
            }
            for j in 0..cols {
                assert_eq!(aty[j], (0..rows).map(|i| a[i * cols + j] * y[i]).sum::<f64>());
            }
        }
    }
}
