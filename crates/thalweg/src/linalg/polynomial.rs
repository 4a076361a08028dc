//! Polynomials in one variable with bounds on the rounding errors of their coefficients.

/// Σ cₖ tᵏ · 2^exponent, lowest power first.
#[derive(Debug, Clone, PartialEq)]
pub struct Polynomial {
    /// cₖ.
    pub coefficients: Vec<f64>,
    /// A bound on the absolute rounding error of each cₖ.
    pub error: Vec<f64>,
    /// 0 unless the true values leave the range of f64.
    pub exponent: i32,
}
