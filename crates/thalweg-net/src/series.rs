//! Arithmetic of truncated Taylor series of single numbers.

use std::ops::{Add, Mul, Neg, Sub};

/// s₀ + s₁t + s₂t².
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Series(pub [f64; 3]);

impl Series {
    /// A constant.
    pub fn of(x: f64) -> Self {
        Series([x, 0.0, 0.0])
    }

    /// f(s), from f(s₀), f′(s₀) and f″(s₀).
    fn compose(self, value: f64, first: f64, second: f64) -> Self {
        let [_, a, b] = self.0;
        Series([value, first * a, first * b + 0.5 * second * a * a])
    }

    /// s^(−½).
    pub fn inverse_root(self) -> Self {
        let x = self.0[0];
        let value = 1.0 / x.sqrt();
        self.compose(value, -0.5 * value / x, 0.75 * value / (x * x))
    }

    /// 1/s.
    pub fn inverse(self) -> Self {
        let value = 1.0 / self.0[0];
        self.compose(value, -value * value, 2.0 * value * value * value)
    }

    /// eˢ.
    pub fn exp(self) -> Self {
        let value = self.0[0].exp();
        self.compose(value, value, value)
    }

    /// ln s.
    pub fn ln(self) -> Self {
        let inverse = 1.0 / self.0[0];
        self.compose(self.0[0].ln(), inverse, -inverse * inverse)
    }

    /// x s.
    pub fn times(self, x: f64) -> Self {
        Series(self.0.map(|s| x * s))
    }
}

impl Add for Series {
    type Output = Series;
    fn add(self, other: Series) -> Series {
        Series(std::array::from_fn(|k| self.0[k] + other.0[k]))
    }
}

impl Sub for Series {
    type Output = Series;
    fn sub(self, other: Series) -> Series {
        Series(std::array::from_fn(|k| self.0[k] - other.0[k]))
    }
}

impl Neg for Series {
    type Output = Series;
    fn neg(self) -> Series {
        self.times(-1.0)
    }
}

impl Mul for Series {
    type Output = Series;
    fn mul(self, other: Series) -> Series {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        Series([a * x, a * y + b * x, a * z + b * y + c * x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_what_they_say() {
        let s = Series([2.0, -0.7, 0.3]);
        let close = |a: Series, b: Series| a.0.iter().zip(b.0).all(|(a, b)| (a - b).abs() < 1e-15);
        assert!(close(s * s.inverse(), Series::of(1.0)));
        assert!(close(s * s.inverse_root() * s.inverse_root(), Series::of(1.0)));
        assert!(close(s.ln().exp(), s));
        assert!(close((s + s).ln() - s.ln(), Series::of(2f64.ln())));
    }
}
