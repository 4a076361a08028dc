//! Measurement maps: X ↦ A(X) = (⟨A₁, X⟩, …, ⟨A_p, X⟩), each kind in the smallest form that its structure allows.

mod ensemble;
mod gaussian;
mod identity;
mod jacobian;
mod outer_products;
mod rescaling;
mod sampling;
mod weighted;

pub use ensemble::{ENSEMBLES, Ensemble, planted_matrix};
pub use gaussian::Gaussian;
pub use identity::identity;
pub use jacobian::Jacobian;
pub use outer_products::OuterProducts;
pub use rescaling::{Moment, Rescaling, Weight};
pub use sampling::Sampling;

use crate::data::{Instance, Measurements};
use crate::{Error, Factors, Side};
use std::fmt::Debug;

/// The arrays that define a map, for whoever must not trust its products.
#[derive(Debug, Clone, Copy)]
pub enum Definition<'a> {
    /// Aᵢ, row-major, one after the other: p×(d1·d2).
    Dense(&'a [f64]),
    /// Aᵢ = lᵢ rᵢᵀ: p×d1 and p×d2, row-major.
    OuterProducts(&'a [f64], &'a [f64]),
    /// Aᵢ = wᵢ e_{row} e_{col}ᵀ: rows, columns, weights.
    Entries(&'a [u32], &'a [u32], &'a [f64]),
}

/// ⟨Aᵢ, Aⱼ⟩ of all pairs.
#[derive(Debug, Clone, PartialEq)]
pub enum Gram {
    /// Zero for i ≠ j: ‖Aᵢ‖².
    Diagonal(Vec<f64>),
    /// p×p, row-major.
    Full(Vec<f64>),
}

/// A linear map from d1×d2 matrices to Rᵖ. Matrices are row-major slices, factors U d1×r and V d2×r as in [`Factors`].
pub trait MeasurementMap: Sync + Debug {
    /// Its name in [`MAPS`].
    fn name(&self) -> &'static str;

    /// (d1, d2).
    fn shape(&self) -> (usize, usize);

    /// p, the number of measurements.
    fn len(&self) -> usize;

    /// Whether there are no measurements.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether X is symmetric, d×d; then every Aᵢ is.
    fn is_symmetric(&self) -> bool {
        false
    }

    /// The arrays that it was made from.
    fn definition(&self) -> Definition<'_>;

    /// A(X) into `out`.
    fn apply(&self, x: &[f64], out: &mut [f64]);

    /// A*(y) = Σ yᵢ Aᵢ into `out`, d1×d2.
    fn adjoint(&self, y: &[f64], out: &mut [f64]);

    /// A(UVᵀ) into `out`, without the product.
    fn apply_factored(&self, factors: &Factors, out: &mut [f64]);

    /// A*(y)·V into `out`, d1×r, for [`Side::U`]; A*(y)ᵀ·U, d2×r, for [`Side::V`]. `factor` is V or U: the gradient of ⟨y, A(UVᵀ)⟩.
    fn adjoint_times(&self, y: &[f64], side: Side, factor: &[f64], rank: usize, out: &mut [f64]);

    /// Row i: AᵢV, d1×r, for [`Side::U`]; AᵢᵀU, d2×r, for [`Side::V`]. The Jacobian of A(UVᵀ) in one factor.
    fn jacobian(&self, side: Side, factor: &[f64], rank: usize, out: &mut [f64]);

    /// The Jacobian of A(UVᵀ) in both factors.
    fn factored_jacobian(&self, factors: &Factors) -> Jacobian {
        Jacobian::dense(self, factors)
    }

    /// Σ AᵢAᵢᵀ and Σ AᵢᵀAᵢ, from which the rescaling is made.
    fn second_moments(&self) -> (Moment, Moment);

    /// ⟨Aᵢ, Aⱼ⟩.
    fn gram(&self) -> Gram;

    /// The map X ↦ A(L X R), with L, R symmetric: Aᵢ becomes L Aᵢ R.
    ///
    /// A kind that keeps single entries takes diagonal weights only, which is what its own moments are.
    fn transformed(&self, left: &Weight, right: &Weight) -> Box<dyn MeasurementMap>;

    /// The map of these measurements alone.
    fn selected(&self, measurements: &[usize]) -> Box<dyn MeasurementMap>;

    /// The map 2ᵏ·A, exactly.
    fn scaled(&self, exponent: i32) -> Box<dyn MeasurementMap>;
}

/// One kind of map.
pub struct MapKind {
    /// Name.
    pub name: &'static str,
    /// Aᵢ as a formula.
    pub formula: &'static str,
    /// What it stands for.
    pub about: &'static str,
    /// A small random one.
    pub sample: fn(u64) -> Box<dyn MeasurementMap>,
}

/// Every kind of map. Laws loop over it.
pub const MAPS: &[MapKind] = &[gaussian::KIND, outer_products::BILINEAR, outer_products::QUADRATIC, sampling::KIND, identity::KIND];

/// The map that an instance measures with.
///
/// # Errors
/// As the constructors.
pub fn map_of(instance: &Instance) -> Result<Box<dyn MeasurementMap>, Error> {
    let (shape, p) = (instance.shape, instance.b.len());
    Ok(match &instance.measurements {
        Measurements::Dense(matrices) => Box::new(Gaussian::new(p, shape, matrices.clone())?),
        Measurements::Bilinear(a, c) => Box::new(OuterProducts::bilinear(p, shape, a.clone(), c.clone())?),
        Measurements::Quadratic(x) => Box::new(OuterProducts::quadratic(p, shape.0, x.clone())?),
        Measurements::Entries(rows, cols) => Box::new(Sampling::new(shape, rows.clone(), cols.clone(), vec![1.0; p])?),
    })
}

/// d1·d2, if there is anything to measure.
fn checked_size(what: &'static str, p: usize, d1: usize, d2: usize) -> Result<usize, Error> {
    if p == 0 {
        return Err(Error::Empty { what, why: "there are no measurements" });
    }
    match d1.checked_mul(d2) {
        Some(size) if size > 0 => Ok(size),
        _ => Err(Error::Empty { what, why: "the matrix to recover has no entries" }),
    }
}

/// Finite numbers in the expected count.
fn checked(what: &'static str, values: &[f64], rows: usize, width: usize) -> Result<(), Error> {
    if rows.checked_mul(width) != Some(values.len()) {
        return Err(Error::Shape { what, expected: (rows, width), got: (values.len() / width.max(1), width) });
    }
    match values.iter().position(|x| !x.is_finite()) {
        Some(at) => Err(Error::NotFinite { what, row: at / width, col: at % width, value: values[at] }),
        None => Ok(()),
    }
}

/// These rows of a row-major array.
fn rows_of(values: &[f64], width: usize, rows: &[usize]) -> Vec<f64> {
    rows.iter().flat_map(|&i| values[i * width..][..width].iter().copied()).collect()
}
