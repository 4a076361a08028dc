//! Exact scaling by powers of two.

/// 2ᵏ for −1022 ≤ k ≤ 1023.
fn power(k: i32) -> f64 {
    debug_assert!((-1022..=1023).contains(&k));
    f64::from_bits(((k + 1023) as u64) << 52)
}

/// x · 2ᵏ, rounded once where the result is subnormal; ±∞ where it leaves the range.
pub fn scale(x: f64, k: i32) -> f64 {
    if k >= -1022 {
        // upwards in steps is exact until it overflows
        let mut x = x;
        let mut k = k;
        while k > 1023 && x != 0.0 && x.is_finite() {
            x *= power(1023);
            k -= 1023;
        }
        return x * power(k.min(1023));
    }
    // downwards: bring x to [1, 2) first, so that only the last product rounds
    match exponent(x) {
        Some(e) if e + k >= -1022 => scale(x, -e) * power(e + k),
        Some(e) => scale(x, -e) * power((e + k + 60).max(-1022)) * power(-60),
        None => x,
    }
}

/// x · 2ᵏ of every number.
pub fn scale_all(x: &[f64], k: i32) -> Vec<f64> {
    if (-1022..=1023).contains(&k) {
        // one product, as in `scale`
        let factor = power(k);
        return x.iter().map(|x| x * factor).collect();
    }
    x.iter().map(|&x| scale(x, k)).collect()
}

/// ⌊log₂|x|⌋; none for 0 and for what is not finite.
pub fn exponent(x: f64) -> Option<i32> {
    if x == 0.0 || !x.is_finite() {
        return None;
    }
    let biased = ((x.to_bits() >> 52) & 0x7ff) as i32;
    // subnormal numbers have no exponent of their own
    Some(if biased == 0 { (((x * power(64)).to_bits() >> 52) & 0x7ff) as i32 - 1023 - 64 } else { biased - 1023 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_is_exact_and_reaches_both_ends_of_the_range() {
        for x in [1.0, -1.75, 1.0 / 3.0, 1e300, 1e-300, 5e-324] {
            assert_eq!(scale(x, 0), x);
            assert_eq!(scale(scale(x, 3), -3), x);
            let e = exponent(x).unwrap();
            assert!((1.0..2.0).contains(&scale(x, -e).abs()), "{x} {e}");
            assert_eq!(scale(scale(x, -e), e), x);
        }
        for k in [-1100, -1022, -1, 0, 1023, 1100] {
            let x = [1.0, 1.0 / 3.0, -0.0, 1e300];
            assert_eq!(scale_all(&x, k), x.map(|x| scale(x, k)));
        }
        assert_eq!(scale(1.0, -1074), 5e-324);
        assert_eq!(scale(1.0, -1100), 0.0);
        assert_eq!(scale(1.0, 1024), f64::INFINITY);
        assert_eq!(scale(5e-324, 2097), scale(1.0, 1023));
        assert_eq!(scale(0.0, 5000), 0.0);
        assert_eq!(exponent(0.0), None);
    }
}
