//! What geometry, gradient methods and networks share.

use crate::linalg::Polynomial;

/// The trace of one diagonal block of a Hessian: the second derivatives in the entries of one factor.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct BlockTrace {
    /// Rows of the factor: what the scaled trace divides by.
    pub side: usize,
    /// Σ ∂²f/∂u².
    pub trace: f64,
}

/// f: Rᵖ → R with its derivatives, on a flat slice.
pub trait Objective: Sync {
    /// p.
    fn dim(&self) -> usize;

    /// f(x).
    fn value(&self, x: &[f64]) -> f64;

    /// ∇f(x) into `gradient`; returns f(x).
    fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64;

    /// ∇²f(x)·d into `out`.
    fn hessian_vec(&self, x: &[f64], d: &[f64], out: &mut [f64]);

    /// dᵀ∇²f(x)d.
    fn curvature(&self, x: &[f64], d: &[f64]) -> f64 {
        let mut product = vec![0.0; self.dim()];
        self.hessian_vec(x, d, &mut product);
        product.iter().zip(d).map(|(h, d)| h * d).sum()
    }

    /// t → f(x + t (y − x)), where it is an exact polynomial.
    fn segment(&self, x: &[f64], y: &[f64]) -> Option<Polynomial> {
        let _ = (x, y);
        None
    }

    /// Traces of the diagonal blocks of ∇²f(x), one for each factor, where a closed form is known.
    fn block_traces(&self, x: &[f64]) -> Option<Vec<BlockTrace>> {
        let _ = x;
        None
    }
}
