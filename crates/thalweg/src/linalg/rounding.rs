//! Bounds on rounding errors, for verdicts that must not hang on them.

/// Unit roundoff of f64.
const UNIT: f64 = f64::EPSILON / 2.0;

/// γₙ = n u / (1 − n u), rounded up: the relative error that n roundings in a row can make, u = 2⁻⁵³ (Higham 2002, section 3.1).
pub fn rounding(n: usize) -> f64 {
    let nu = n as f64 * UNIT;
    // the factor covers the few roundings of this line
    nu / (1.0 - nu) * (1.0 + 8.0 * UNIT)
}
