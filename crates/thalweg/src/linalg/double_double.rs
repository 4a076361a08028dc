//! Numbers of twice the precision of f64, for verdicts that hang on the last digits.

use std::ops::{Add, AddAssign, Mul, Neg, Sub};

/// hi + lo, unevaluated, |lo| ≤ ½ ulp(hi): about 32 decimal digits in the range of f64.
///
/// A product or a sum has a relative error of at most 2⁻¹⁰³, as long as no part underflows.
///
/// Source: Dekker (1971); Hida, Li, Bailey (2001), "accurate" addition.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DoubleDouble {
    hi: f64,
    lo: f64,
}

/// a + b exactly.
fn two_sum(a: f64, b: f64) -> DoubleDouble {
    let hi = a + b;
    let from_b = hi - a;
    DoubleDouble { hi, lo: (a - (hi - from_b)) + (b - from_b) }
}

/// a + b exactly, for |a| ≥ |b| or a = 0.
fn quick_two_sum(a: f64, b: f64) -> DoubleDouble {
    let hi = a + b;
    DoubleDouble { hi, lo: b - (hi - a) }
}

/// a·b exactly. Splits by hand: a fused multiply-add is a library call where the processor is not known to have one.
fn two_product(a: f64, b: f64) -> DoubleDouble {
    let split = |x: f64| {
        let t = 134_217_729.0 * x; // 2²⁷ + 1
        let high = t - (t - x);
        (high, x - high)
    };
    let hi = a * b;
    let ((a1, a2), (b1, b2)) = (split(a), split(b));
    DoubleDouble { hi, lo: ((a1 * b1 - hi) + a1 * b2 + a2 * b1) + a2 * b2 }
}

impl DoubleDouble {
    /// a − b exactly.
    pub fn difference(a: f64, b: f64) -> Self {
        two_sum(a, -b)
    }

    /// The nearest f64.
    pub fn f64(self) -> f64 {
        self.hi
    }

    /// Half of it, exactly.
    pub fn half(self) -> Self {
        DoubleDouble { hi: 0.5 * self.hi, lo: 0.5 * self.lo }
    }
}

impl From<f64> for DoubleDouble {
    fn from(hi: f64) -> Self {
        DoubleDouble { hi, lo: 0.0 }
    }
}

impl Add for DoubleDouble {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let (high, low) = (two_sum(self.hi, other.hi), two_sum(self.lo, other.lo));
        let sum = quick_two_sum(high.hi, high.lo + low.hi);
        quick_two_sum(sum.hi, sum.lo + low.lo)
    }
}

impl Mul for DoubleDouble {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let product = two_product(self.hi, other.hi);
        quick_two_sum(product.hi, product.lo + (self.hi * other.lo + self.lo * other.hi))
    }
}

impl Neg for DoubleDouble {
    type Output = Self;
    fn neg(self) -> Self {
        DoubleDouble { hi: -self.hi, lo: -self.lo }
    }
}

impl Sub for DoubleDouble {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl AddAssign for DoubleDouble {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_f64_loses() {
        let third = DoubleDouble { hi: 1.0 / 3.0, lo: 1.0 / 3.0 / f64::powi(2.0, 54) };
        let tiny = DoubleDouble::from(1e-20);
        assert_eq!((DoubleDouble::from(1.0) + tiny - DoubleDouble::from(1.0)).f64(), 1e-20);
        // (1 + 2⁻⁴⁰)² − 1 − 2⁻³⁹ = 2⁻⁸⁰
        let e = f64::powi(2.0, -40);
        let x = DoubleDouble::from(1.0 + e);
        assert_eq!((x * x - DoubleDouble::from(1.0 + 2.0 * e)).f64(), e * e);
        let error = third * DoubleDouble::from(3.0) - DoubleDouble::from(1.0);
        assert!(error.f64().abs() < 1e-31);
        assert_eq!(DoubleDouble::difference(1e16, 1e-16).f64(), 1e16);
        assert_eq!((DoubleDouble::difference(1e16, 1e-16) - DoubleDouble::from(1e16)).f64(), -1e-16);
    }
}
