//! Where a run starts.

use crate::Factors;
use crate::data::stream;
use crate::linalg::Real;
use crate::problem::Nmf;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// How the first factors are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// The paper's: U = s|g|, V = s|g| with s = √(π·mean / 2r), so that the mean of UVᵀ is the mean of X.
    HalfNormal,
    /// The same with s split as s_u·s_v = s², s_v the power of two next below s: multiplying X by any power of two multiplies the
    /// start by powers of two. Methods that solve or sweep whole rows do not see the difference.
    Random,
}

/// Every start.
pub const INITS: &[Init] = &[Init::Random, Init::HalfNormal];

impl Init {
    /// As given to `--init`.
    pub fn name(self) -> &'static str {
        match self {
            Init::HalfNormal => "half-normal",
            Init::Random => "random",
        }
    }

    /// The start of that name.
    pub fn named(name: &str) -> Option<Init> {
        INITS.iter().copied().find(|i| i.name() == name)
    }

    /// s = √(π·mean / 2r), the scale of the half-normal start: E[(UVᵀ)ᵢⱼ] = r·s²·2/π is the mean of X.
    pub fn half_normal_scale<T: Real>(problem: &Nmf<'_, T>) -> f64 {
        (std::f64::consts::PI * problem.summary().mean / (2.0 * problem.rank() as f64)).sqrt()
    }

    /// The first factors of one trial. Rows without an observed entry get zeros: nothing would ever move them.
    ///
    /// Source: Bjorck, Gomes, Weinberger (2020), section 4.1; the mean is that of UVᵀ, not of U.
    pub fn factors<T: Real>(self, problem: &Nmf<'_, T>, seed: u64, trial: u64) -> Factors<T> {
        let (m, n) = problem.data().shape();
        let r = problem.rank();
        let scale = Self::half_normal_scale(problem);
        let (scale_u, scale_v) = match self {
            Init::HalfNormal => (scale, scale),
            Init::Random => {
                let square = std::f64::consts::PI * problem.summary().mean / (2.0 * r as f64);
                let scale_v = scale.log2().floor().exp2();
                (square / scale_v, scale_v)
            }
        };
        let mut rng = stream(seed, trial);
        let mut draw = |scale: f64| -> T {
            let g: f64 = StandardNormal.sample(&mut rng);
            T::of(scale * g.abs())
        };
        let mut factors = Factors::zeros(m, n, r);
        let (row_counts, col_counts) = problem.data().observed_counts();
        let (u, v) = factors.split_mut();
        for (rows, counts, scale) in [(u, row_counts, scale_u), (v, col_counts, scale_v)] {
            for (row, count) in rows.chunks_exact_mut(r).zip(counts) {
                // draw for every row, so that a mask does not shift the others' numbers
                row.fill_with(|| draw(scale));
                if count == 0 {
                    row.fill(T::of(0.0));
                }
            }
        }
        factors
    }
}
