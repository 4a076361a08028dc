//! Passes over the numbers of one image, with one coefficient for each channel.

use crate::tensor::Shape;
use thalweg::linalg::{Real, simd};

/// One number for each channel, repeated along a row of pixels: inner loops are as long as a row.
pub struct Row<T>(Vec<T>);

impl<T: Real> Row<T> {
    /// Repeats.
    pub fn of(shape: Shape, channels: impl Iterator<Item = f64>) -> Self {
        let channels: Vec<T> = channels.map(T::of).collect();
        Row(channels.repeat(shape.width))
    }
}

/// y ← a x + b.
pub fn affine<T: Real>(y: &mut [T], x: &[T], a: &Row<T>, b: &Row<T>) {
    let row = a.0.len();
    simd(
        #[inline(always)]
        || {
            for (y, x) in y.chunks_exact_mut(row).zip(x.chunks_exact(row)) {
                for (((y, x), a), b) in y.iter_mut().zip(x).zip(&a.0).zip(&b.0) {
                    *y = *a * *x + *b;
                }
            }
        },
    );
}

/// y ← a y.
pub fn times<T: Real>(y: &mut [T], a: &Row<T>) {
    simd(
        #[inline(always)]
        || {
            for y in y.chunks_exact_mut(a.0.len()) {
                y.iter_mut().zip(&a.0).for_each(|(y, a)| *y *= *a);
            }
        },
    );
}

/// y ← y + a x.
pub fn add_times<T: Real>(y: &mut [T], x: &[T], a: &Row<T>) {
    let row = a.0.len();
    simd(
        #[inline(always)]
        || {
            for (y, x) in y.chunks_exact_mut(row).zip(x.chunks_exact(row)) {
                for ((y, x), a) in y.iter_mut().zip(x).zip(&a.0) {
                    *y += *a * *x;
                }
            }
        },
    );
}

/// y ← a y + p x + q.
pub fn combine<T: Real>(y: &mut [T], x: &[T], a: &Row<T>, p: &Row<T>, q: &Row<T>) {
    let row = a.0.len();
    simd(
        #[inline(always)]
        || {
            for (y, x) in y.chunks_exact_mut(row).zip(x.chunks_exact(row)) {
                for ((((y, x), a), p), q) in y.iter_mut().zip(x).zip(&a.0).zip(&p.0).zip(&q.0) {
                    *y = *a * *y + (*p * *x + *q);
                }
            }
        },
    );
}

/// y ← y + x.
pub fn add<T: Real>(y: &mut [T], x: &[T]) {
    simd(
        #[inline(always)]
        || {
            for (y, x) in y.iter_mut().zip(x) {
                *y += *x;
            }
        },
    );
}

/// y ← 0 wherever the output of a ReLU is.
pub fn mask<T: Real>(y: &mut [T], output: &[T]) {
    let zero = T::of(0.0);
    simd(
        #[inline(always)]
        || {
            for (y, out) in y.iter_mut().zip(output) {
                *y = if *out > zero { *y } else { zero };
            }
        },
    );
}

/// max(y₀, 0), and the other parts where y₀ is positive; all parts of one image.
pub fn relu<T: Real>(parts: &mut [T], len: usize) {
    let zero = T::of(0.0);
    let (value, rest) = parts.split_at_mut(len);
    simd(
        #[inline(always)]
        || {
            for y in value.iter_mut() {
                *y = if *y > zero { *y } else { zero };
            }
        },
    );
    rest.chunks_exact_mut(len).for_each(|part| mask(part, value));
}

/// Rows that are summed in T before their sum goes on in f64.
const ROWS: usize = 32;

/// Σ over pixels of f(a − m, b − n) for each channel.
#[inline(always)]
fn reduced<T: Real>(shape: Shape, (a, m): (&[T], &Row<T>), (b, n): (&[T], &Row<T>), f: impl Fn(T, T) -> T) -> Vec<f64> {
    let (row, channels) = (shape.width * shape.channels, shape.channels);
    let mut sums = vec![0.0; channels];
    let mut partial = vec![T::of(0.0); row];
    for (a, b) in a.chunks(ROWS * row).zip(b.chunks(ROWS * row)) {
        partial.fill(T::of(0.0));
        for (a, b) in a.chunks_exact(row).zip(b.chunks_exact(row)) {
            for ((((sum, a), b), m), n) in partial.iter_mut().zip(a).zip(b).zip(&m.0).zip(&n.0) {
                *sum += f(*a - *m, *b - *n);
            }
        }
        for pixel in partial.chunks_exact(channels) {
            sums.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += x.f64());
        }
    }
    sums
}

/// Σ a for each channel.
pub fn channel_sums<T: Real>(shape: Shape, a: &[T]) -> Vec<f64> {
    let zero = Row::of(shape, (0..shape.channels).map(|_| 0.0));
    simd(
        #[inline(always)]
        || {
            reduced(
                shape,
                (a, &zero),
                (a, &zero),
                #[inline(always)]
                |a, _| a,
            )
        },
    )
}

/// Σ (a − m)(b − n) for each channel.
pub fn channel_products<T: Real>(shape: Shape, a: (&[T], &Row<T>), b: (&[T], &Row<T>)) -> Vec<f64> {
    simd(
        #[inline(always)]
        || {
            reduced(
                shape,
                a,
                b,
                #[inline(always)]
                |a, b| a * b,
            )
        },
    )
}
