//! Sparse vectors from few measurements, through the flat minima of a deep diagonal network.

use super::{BlockTrace, Objective};
use crate::Error;
use crate::linalg::{column_norms, fixed_order_sum, multiply_transposed_vector, multiply_vector};

/// min Σⱼ Dⱼ |xⱼ|^q subject to Ax = b, with q = 2 − 2/k and Dⱼ = ‖aⱼ‖²/p over the columns aⱼ of A.
///
/// Its minimisers are the flat minima of the depth-k model ‖A(v₁∘…∘v_k) − b‖². At k = 1 the Hessian is the same everywhere and q = 0: every
/// solution of Ax = b is as flat as any other. At k = 2 it is a weighted ℓ₁ norm. As k grows q tends to 2, and nothing favours sparse x.
///
/// Source: FM, eqs. (9.5)–(9.7).
#[derive(Debug, Clone, PartialEq)]
pub struct DeepSparse {
    measurements: usize,
    dim: usize,
    a: Vec<f64>,
    b: Vec<f64>,
    depth: usize,
    weights: Vec<f64>,
}

impl DeepSparse {
    /// A row-major p×d, b of p numbers, depth k ≥ 1.
    ///
    /// # Errors
    /// [`Error::Shape`] unless the arrays fit, [`Error::Empty`] if p or d is 0, [`Error::NotFinite`], [`Error::Parameter`] for depth 0.
    pub fn new(measurements: usize, dim: usize, a: Vec<f64>, b: Vec<f64>, depth: usize) -> Result<Self, Error> {
        if measurements == 0 || dim == 0 {
            return Err(Error::Empty { what: "A", why: "there is nothing to recover" });
        }
        if measurements.checked_mul(dim) != Some(a.len()) {
            return Err(Error::Shape { what: "A", expected: (measurements, dim), got: (a.len() / dim, dim) });
        }
        if b.len() != measurements {
            return Err(Error::Shape { what: "b", expected: (measurements, 1), got: (b.len(), 1) });
        }
        if let Some(at) = a.iter().position(|x| !x.is_finite()) {
            return Err(Error::NotFinite { what: "A", row: at / dim, col: at % dim, value: a[at] });
        }
        if let Some(row) = b.iter().position(|x| !x.is_finite()) {
            return Err(Error::NotFinite { what: "b", row, col: 0, value: b[row] });
        }
        if depth == 0 {
            return Err(Error::Parameter { name: "depth", expected: "1 or more".into(), got: "0".into() });
        }
        let weights = column_norms(&a, dim).iter().map(|norm| norm * norm / measurements as f64).collect();
        Ok(DeepSparse { measurements, dim, a, b, depth, weights })
    }

    /// (p, d).
    pub fn shape(&self) -> (usize, usize) {
        (self.measurements, self.dim)
    }

    /// A, row-major.
    pub fn a(&self) -> &[f64] {
        &self.a
    }

    /// b.
    pub fn b(&self) -> &[f64] {
        &self.b
    }

    /// k.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// D.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// q = 2 − 2/k.
    pub fn exponent(&self) -> f64 {
        2.0 - 2.0 / self.depth as f64
    }

    /// Σ Dⱼ |xⱼ|^q; Σ Dⱼ for k = 1.
    pub fn objective(&self, x: &[f64]) -> f64 {
        let q = self.exponent();
        let terms: Vec<f64> = x.iter().zip(&self.weights).map(|(x, w)| if q == 0.0 { *w } else { w * x.abs().powf(q) }).collect();
        fixed_order_sum(&terms)
    }

    /// b − Ax.
    pub fn residual(&self, x: &[f64]) -> Vec<f64> {
        let mut ax = vec![0.0; self.measurements];
        multiply_vector(&self.a, x, &mut ax);
        self.b.iter().zip(&ax).map(|(b, ax)| b - ax).collect()
    }

    /// v₁ = … = v_k with product |x|, the first with the signs of x: a factorisation that is flat if x minimises.
    pub fn balanced_factors(&self, x: &[f64]) -> Vec<f64> {
        let root = 1.0 / self.depth as f64;
        let even = x.iter().map(|x| x.abs().powf(root));
        let first = x.iter().map(|x| x.signum() * x.abs().powf(root));
        first.chain((1..self.depth).flat_map(|_| even.clone())).collect()
    }
}

/// f(v₁, …, v_k) = ‖A(v₁∘…∘v_k) − b‖²/p, the factors one after the other. With Pᵢ = ∏_{h≠i} v_h and g = 2Aᵀ(A(∏v) − b)/p:
///
/// ```text
/// ∂f/∂vᵢ = g∘Pᵢ,  (∇²f·d)ᵢ = (2AᵀA Σ_h P_h∘d_h /p)∘Pᵢ + g∘Σ_{h≠i} (∏_{l≠i,h} v_l)∘d_h
/// ```
impl Objective for DeepSparse {
    fn dim(&self) -> usize {
        self.depth * self.dim
    }

    fn value(&self, v: &[f64]) -> f64 {
        let squares: Vec<f64> = self.residual(&self.product_without(v, &[])).iter().map(|r| r * r).collect();
        fixed_order_sum(&squares) / self.measurements as f64
    }

    fn gradient(&self, v: &[f64], gradient: &mut [f64]) -> f64 {
        let outer = self.outer_gradient(v);
        for (i, part) in gradient.chunks_exact_mut(self.dim).enumerate() {
            let others = self.product_without(v, &[i]);
            part.iter_mut().zip(outer.iter().zip(&others)).for_each(|(out, (g, p))| *out = g * p);
        }
        Objective::value(self, v)
    }

    fn hessian_vec(&self, v: &[f64], d: &[f64], out: &mut [f64]) {
        let outer = self.outer_gradient(v);
        let others: Vec<Vec<f64>> = (0..self.depth).map(|i| self.product_without(v, &[i])).collect();
        let moved: Vec<f64> = (0..self.dim).map(|j| (0..self.depth).map(|i| others[i][j] * d[i * self.dim + j]).sum()).collect();
        let mut image = vec![0.0; self.measurements];
        multiply_vector(&self.a, &moved, &mut image);
        let mut back = vec![0.0; self.dim];
        multiply_transposed_vector(&self.a, &image, &mut back);
        let scale = 2.0 / self.measurements as f64;
        for (i, part) in out.chunks_exact_mut(self.dim).enumerate() {
            part.iter_mut().enumerate().for_each(|(j, out)| *out = scale * back[j] * others[i][j]);
            for h in (0..self.depth).filter(|&h| h != i) {
                let rest = self.product_without(v, &[i, h]);
                part.iter_mut().enumerate().for_each(|(j, out)| *out += outer[j] * rest[j] * d[h * self.dim + j]);
            }
        }
    }

    /// 2 Σⱼ Dⱼ ∏_{h≠i} v_{h,j}² for each i: f is quadratic in each factor.
    ///
    /// Source: FM, eq. (9.5), which lacks the 2.
    fn block_traces(&self, v: &[f64]) -> Option<Vec<BlockTrace>> {
        let of_factor = |i: usize| {
            let terms: Vec<f64> = self.product_without(v, &[i]).iter().zip(&self.weights).map(|(p, w)| w * p * p).collect();
            BlockTrace { side: self.dim, trace: 2.0 * fixed_order_sum(&terms) }
        };
        Some((0..self.depth).map(of_factor).collect())
    }
}

impl DeepSparse {
    /// The entrywise product of all factors but those left out.
    fn product_without(&self, v: &[f64], left_out: &[usize]) -> Vec<f64> {
        let mut product = vec![1.0; self.dim];
        for (_, factor) in v.chunks_exact(self.dim).enumerate().filter(|(i, _)| !left_out.contains(i)) {
            product.iter_mut().zip(factor).for_each(|(p, v)| *p *= v);
        }
        product
    }

    /// 2Aᵀ(A∏v − b)/p.
    fn outer_gradient(&self, v: &[f64]) -> Vec<f64> {
        let residual = self.residual(&self.product_without(v, &[]));
        let mut outer = vec![0.0; self.dim];
        multiply_transposed_vector(&self.a, &residual, &mut outer);
        outer.iter_mut().for_each(|g| *g *= -2.0 / self.measurements as f64);
        outer
    }
}
