//! The two precisions of data and factors.

use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

/// `f32` or `f64`: what matrices and factors are made of. Long sums are taken in `f64` for both.
pub trait Real:
    faer::traits::RealField
    + pulp::bytemuck::Pod
    + Copy
    + Debug
    + Display
    + Default
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
{
    /// `f32` or `f64`.
    const NAME: &'static str;
    /// Largest magnitude whose products and Gram matrices stay in range with room to spare.
    const LARGEST: f64;
    /// Smallest such magnitude.
    const SMALLEST: f64;
    /// Unit roundoff.
    const EPSILON: f64;
    /// Relative objective below which ½‖X‖² − ⟨C,U⟩ + ½⟨UᵀU,G⟩ has lost too many digits to cancellation.
    const CHEAP_VALUE_FLOOR: f64;
    /// Exact for `f32`.
    fn f64(self) -> f64;
    /// Rounded to nearest for `f32`.
    fn of(x: f64) -> Self;
    /// self · a + b, in one instruction if `is_fused`: see [`super::simd_fused`].
    fn times_plus(self, a: Self, b: Self, is_fused: bool) -> Self;
    /// As many numbers as a vector register holds.
    type Vector<S: pulp::Simd>: Copy;
    /// Whole vectors of a slice.
    fn vectors<S: pulp::Simd>(x: &[Self]) -> &[Self::Vector<S>];
    /// The same, to write.
    fn vectors_mut<S: pulp::Simd>(x: &mut [Self]) -> &mut [Self::Vector<S>];
    /// Less than a whole vector, with zeros in the other lanes.
    fn partial<S: pulp::Simd>(simd: S, x: &[Self]) -> Self::Vector<S>;
    /// One number in all lanes.
    fn splat<S: pulp::Simd>(simd: S, x: Self) -> Self::Vector<S>;
    /// a·b + c, lane by lane, in one instruction where there is one.
    fn multiply_add<S: pulp::Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>, c: Self::Vector<S>) -> Self::Vector<S>;
    /// a − b.
    fn subtract<S: pulp::Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// a/b.
    fn divide<S: pulp::Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// √a.
    fn root<S: pulp::Simd>(simd: S, a: Self::Vector<S>) -> Self::Vector<S>;
    /// Σ of all lanes.
    fn sum<S: pulp::Simd>(simd: S, a: Self::Vector<S>) -> Self;
    /// The smaller or the larger of the two, lane by lane.
    fn extreme<S: pulp::Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>, larger: bool) -> Self::Vector<S>;
    /// The larger of the two.
    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        if self < other { other } else { self }
    }
}

impl Real for f64 {
    const NAME: &'static str = "f64";
    const LARGEST: f64 = 1e140;
    const SMALLEST: f64 = 1e-140;
    const EPSILON: f64 = f64::EPSILON / 2.0;
    const CHEAP_VALUE_FLOOR: f64 = 1e-5;
    #[inline(always)]
    fn f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn times_plus(self, a: f64, b: f64, is_fused: bool) -> f64 {
        if is_fused { self.mul_add(a, b) } else { self * a + b }
    }
    type Vector<S: pulp::Simd> = S::f64s;
    #[inline(always)]
    fn vectors<S: pulp::Simd>(x: &[f64]) -> &[S::f64s] {
        S::as_simd_f64s(x).0
    }
    #[inline(always)]
    fn vectors_mut<S: pulp::Simd>(x: &mut [f64]) -> &mut [S::f64s] {
        S::as_mut_simd_f64s(x).0
    }
    #[inline(always)]
    fn partial<S: pulp::Simd>(simd: S, x: &[f64]) -> S::f64s {
        simd.partial_load_f64s(x)
    }
    #[inline(always)]
    fn splat<S: pulp::Simd>(simd: S, x: f64) -> S::f64s {
        simd.splat_f64s(x)
    }
    #[inline(always)]
    fn multiply_add<S: pulp::Simd>(simd: S, a: S::f64s, b: S::f64s, c: S::f64s) -> S::f64s {
        // may round twice where there is no such instruction, instead of calling a library for it
        simd.mul_add_e_f64s(a, b, c)
    }
    #[inline(always)]
    fn subtract<S: pulp::Simd>(simd: S, a: S::f64s, b: S::f64s) -> S::f64s {
        simd.sub_f64s(a, b)
    }
    #[inline(always)]
    fn divide<S: pulp::Simd>(simd: S, a: S::f64s, b: S::f64s) -> S::f64s {
        simd.div_f64s(a, b)
    }
    #[inline(always)]
    fn root<S: pulp::Simd>(simd: S, a: S::f64s) -> S::f64s {
        simd.sqrt_f64s(a)
    }
    #[inline(always)]
    fn sum<S: pulp::Simd>(simd: S, a: S::f64s) -> f64 {
        simd.reduce_sum_f64s(a)
    }
    #[inline(always)]
    fn extreme<S: pulp::Simd>(simd: S, a: S::f64s, b: S::f64s, larger: bool) -> S::f64s {
        if larger { simd.max_f64s(a, b) } else { simd.min_f64s(a, b) }
    }
}

impl Real for f32 {
    const NAME: &'static str = "f32";
    // factors scale as the root of the data, cross products as its power 3/2: 2^60 still leaves a factor 2^37
    const LARGEST: f64 = 1e18;
    const SMALLEST: f64 = 1e-18;
    const EPSILON: f64 = (f32::EPSILON / 2.0) as f64;
    const CHEAP_VALUE_FLOOR: f64 = 1e-1;
    #[inline(always)]
    fn f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn of(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn times_plus(self, a: f32, b: f32, is_fused: bool) -> f32 {
        if is_fused { self.mul_add(a, b) } else { self * a + b }
    }
    type Vector<S: pulp::Simd> = S::f32s;
    #[inline(always)]
    fn vectors<S: pulp::Simd>(x: &[f32]) -> &[S::f32s] {
        S::as_simd_f32s(x).0
    }
    #[inline(always)]
    fn vectors_mut<S: pulp::Simd>(x: &mut [f32]) -> &mut [S::f32s] {
        S::as_mut_simd_f32s(x).0
    }
    #[inline(always)]
    fn partial<S: pulp::Simd>(simd: S, x: &[f32]) -> S::f32s {
        simd.partial_load_f32s(x)
    }
    #[inline(always)]
    fn splat<S: pulp::Simd>(simd: S, x: f32) -> S::f32s {
        simd.splat_f32s(x)
    }
    #[inline(always)]
    fn multiply_add<S: pulp::Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
        // may round twice where there is no such instruction, instead of calling a library for it
        simd.mul_add_e_f32s(a, b, c)
    }
    #[inline(always)]
    fn subtract<S: pulp::Simd>(simd: S, a: S::f32s, b: S::f32s) -> S::f32s {
        simd.sub_f32s(a, b)
    }
    #[inline(always)]
    fn divide<S: pulp::Simd>(simd: S, a: S::f32s, b: S::f32s) -> S::f32s {
        simd.div_f32s(a, b)
    }
    #[inline(always)]
    fn root<S: pulp::Simd>(simd: S, a: S::f32s) -> S::f32s {
        simd.sqrt_f32s(a)
    }
    #[inline(always)]
    fn sum<S: pulp::Simd>(simd: S, a: S::f32s) -> f32 {
        simd.reduce_sum_f32s(a)
    }
    #[inline(always)]
    fn extreme<S: pulp::Simd>(simd: S, a: S::f32s, b: S::f32s, larger: bool) -> S::f32s {
        if larger { simd.max_f32s(a, b) } else { simd.min_f32s(a, b) }
    }
}
