//! Numbers for people: four significant digits, units in words, never an exponent in programmers' notation.

/// `x` to four significant digits: 0.01234, 1,234, 1.234×10⁻⁷.
pub fn short(x: f64) -> String {
    significant(x, 4)
}

/// `x` to the given number of significant digits, trailing zeros dropped.
pub(crate) fn significant(x: f64, digits: usize) -> String {
    if x.is_nan() {
        return "not a number".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "∞".into() } else { "−∞".into() };
    }
    if x == 0.0 {
        return "0".into();
    }
    let rounded = format!("{:.*e}", digits.max(1) - 1, x.abs());
    let (mantissa, exponent) = rounded.split_once('e').expect("`{:e}` always writes an exponent");
    let exponent: i32 = exponent.parse().expect("`{:e}` writes an integer exponent");
    let sign = if x < 0.0 { "−" } else { "" };
    if (-4..6).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        return format!("{sign}{}", grouped(trim(&format!("{:.*}", decimals, x.abs()))));
    }
    match trim(mantissa) {
        "1" => format!("{sign}10{}", superscript(exponent)),
        mantissa => format!("{sign}{mantissa}×10{}", superscript(exponent)),
    }
}

/// x·2^exponent, in binary notation where the product leaves the range of f64.
pub fn scaled(x: f64, exponent: i32) -> String {
    match times_power_of_two(x, exponent) {
        Some(product) => short(product),
        None => format!("{}·2{}", short(x), superscript(exponent)),
    }
}

/// x·2^exponent, or nothing where it overflows or vanishes.
pub fn times_power_of_two(x: f64, exponent: i32) -> Option<f64> {
    if x == 0.0 || !x.is_finite() {
        return Some(x);
    }
    // two factors, because 2^exponent alone may leave the range when the product does not
    let half = exponent / 2;
    let product = x * 2f64.powi(half) * 2f64.powi(exponent - half);
    (product.is_finite() && product != 0.0).then_some(product)
}

/// A whole number with its thousands apart: 10,304.
pub fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// A fraction in per cent, four significant digits.
pub fn percent(fraction: f64) -> String {
    if fraction.is_finite() { format!("{}\u{a0}%", short(100.0 * fraction)) } else { short(fraction) }
}

/// A duration: 0.034 s, 12.5 s, 3 min 20 s, 2 h 5 min.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 120.0 {
        return format!("{} s", significant(seconds, 3));
    }
    let whole = seconds.round() as u64;
    if whole < 7200 { format!("{} min {} s", whole / 60, whole % 60) } else { format!("{} h {} min", whole / 3600, whole % 3600 / 60) }
}

/// The exponent as superscript digits.
pub fn superscript(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    exponent.to_string().chars().map(|c| c.to_digit(10).map_or('⁻', |d| DIGITS[d as usize])).collect()
}

fn trim(decimal: &str) -> &str {
    if decimal.contains('.') { decimal.trim_end_matches('0').trim_end_matches('.') } else { decimal }
}

fn grouped(decimal: &str) -> String {
    let (whole, fraction) = decimal.split_at(decimal.find('.').unwrap_or(decimal.len()));
    let mut out = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits() {
        for (x, expected) in [
            (0.0, "0"),
            (-0.5, "−0.5"),
            (0.99996, "1"),
            (1234.56, "1,235"),
            (123456.7, "123,457"),
            (1.0e6, "10⁶"),
            (-1.23456e-7, "−1.235×10⁻⁷"),
            (5e-324, "4.941×10⁻³²⁴"),
            (f64::NAN, "not a number"),
            (f64::NEG_INFINITY, "−∞"),
        ] {
            assert_eq!(short(x), expected);
        }
        assert_eq!(count(1234567), "1,234,567");
        assert_eq!(percent(0.123456), "12.35\u{a0}%");
    }

    #[test]
    fn powers_of_two_beyond_f64() {
        assert_eq!(scaled(3.0, 2), "12");
        assert_eq!(scaled(1.5, 4000), "1.5·2⁴⁰⁰⁰");
        assert_eq!(scaled(0.0, 4000), "0");
        assert_eq!(times_power_of_two(2f64.powi(-600), 1500), Some(2f64.powi(900)));
    }

    #[test]
    fn durations() {
        assert_eq!(duration(0.01234), "0.0123 s");
        assert_eq!(duration(200.0), "3 min 20 s");
        assert_eq!(duration(7500.0), "2 h 5 min");
    }
}
