//! Gauss–Newton steps, damped as Levenberg and Marquardt do.

use super::{FactoredAbout, FactoredMethod, Step};
use crate::linalg::{Cholesky, among_workers, dot};
use crate::map::Jacobian;
use crate::problem::{Factored, Objective};
use crate::solver::Ranks;
use crate::{Error, Side};

/// (JᵀJ + μI) δ = −Jᵀr with J the derivative of A(UVᵀ): by a Cholesky factor where J is small, else by conjugate gradients that know J
/// only by its products.
pub struct GaussNewton;

/// Unknowns, and numbers in J, up to which J is formed.
const DENSE_UNKNOWNS: usize = 1500;
const DENSE_ENTRIES: usize = 20_000_000;
/// μ starts at this part of the mean diagonal of JᵀJ, and never falls below the second: J is singular along U → UG, V → VG⁻ᵀ.
const FIRST_DAMPING: f64 = 1e-3;
const LEAST_DAMPING: f64 = 1e-14;
/// Steps of conjugate gradients, and the factor by which they lower their residual.
const INNER_STEPS: usize = 60;
const INNER_TOLERANCE: f64 = 1e-2;
/// Dampings that are tried before a step is given up.
const TRIALS: usize = 12;

impl FactoredMethod for GaussNewton {
    fn about(&self) -> FactoredAbout {
        FactoredAbout {
            name: "gauss-newton",
            summary: "damped Gauss–Newton: ten digits within some ten steps",
            cost: "p((d₁+d₂)r)², or some tens of applications of A and A*",
            source: "Levenberg (1944), Marquardt (1963)",
            semidefinite: true,
        }
    }

    fn begin<'p>(&self, _: &Factored<'p>) -> Result<Box<dyn Step + 'p>, Error> {
        Ok(Box::new(Damped { damping: FIRST_DAMPING }))
    }
}

struct Damped {
    damping: f64,
}

/// JᵀJ, formed or not.
enum Normal {
    /// Row-major, and the mean of its diagonal.
    Formed(Vec<f64>, f64),
    /// An estimate of the mean of its diagonal.
    Products(f64),
}

impl Step for Damped {
    fn step(&mut self, problem: &Factored<'_>, _: &Ranks<'_>, x: &mut Vec<f64>, residual: &mut Vec<f64>) -> bool {
        among_workers(|| self.lower(problem, x, residual))
    }
}

impl Damped {
    fn lower(&mut self, problem: &Factored<'_>, x: &mut Vec<f64>, residual: &mut Vec<f64>) -> bool {
        let value = dot(residual, residual);
        let mut descent = vec![0.0; problem.dim()];
        problem.transposed(x, residual, &mut descent);
        descent.iter_mut().for_each(|g| *g = -*g);
        let normal = Normal::of(problem, x, &descent);
        for _ in 0..TRIALS {
            if let Some(step) = normal.solve(problem, x, &descent, self.damping) {
                let next: Vec<f64> = x.iter().zip(&step).map(|(x, s)| x + s).collect();
                let next_residual = problem.residual(&next);
                if dot(&next_residual, &next_residual) < value {
                    (*x, *residual) = (next, next_residual);
                    self.damping = (0.1 * self.damping).max(LEAST_DAMPING);
                    return true;
                }
            }
            self.damping = 8.0 * self.damping.max(1e-8);
        }
        self.damping = FIRST_DAMPING;
        false
    }
}

impl Normal {
    fn of(problem: &Factored<'_>, x: &[f64], descent: &[f64]) -> Self {
        let (p, n) = (problem.b().len(), problem.dim());
        if n > DENSE_UNKNOWNS || p * n > DENSE_ENTRIES {
            let image = problem.derivative(x, descent);
            return Normal::Products(dot(&image, &image) / dot(descent, descent).max(f64::MIN_POSITIVE));
        }
        let factors = problem.factors(x);
        let normal = if problem.is_semidefinite() {
            // UUᵀ moves by twice what U alone would move it
            let mut gram = Jacobian::of_side(problem.map(), Side::U, factors.side(Side::V), problem.rank()).gram();
            gram.iter_mut().for_each(|g| *g *= 4.0);
            gram
        } else {
            problem.map().factored_jacobian(&factors).gram()
        };
        debug_assert_eq!(normal.len(), n * n);
        let mean = (0..n).map(|k| normal[k * n + k]).sum::<f64>() / n as f64;
        Normal::Formed(normal, mean)
    }

    /// (JᵀJ + damping·mean·I)⁻¹ · descent.
    fn solve(&self, problem: &Factored<'_>, x: &[f64], descent: &[f64], damping: f64) -> Option<Vec<f64>> {
        match self {
            Normal::Formed(normal, mean) => {
                let n = descent.len();
                let mut lifted = normal.clone();
                (0..n).for_each(|k| lifted[k * n + k] += damping * mean);
                let mut step = descent.to_vec();
                Cholesky::of(&lifted, n)?.solve(&mut step);
                Some(step)
            }
            Normal::Products(mean) => Some(by_conjugate_gradients(problem, x, descent, damping * mean)),
        }
    }
}

fn by_conjugate_gradients(problem: &Factored<'_>, x: &[f64], descent: &[f64], lift: f64) -> Vec<f64> {
    let mut step = vec![0.0; descent.len()];
    let (mut residual, mut direction) = (descent.to_vec(), descent.to_vec());
    let first = dot(&residual, &residual);
    let mut square = first;
    let mut image = vec![0.0; descent.len()];
    for _ in 0..INNER_STEPS {
        problem.transposed(x, &problem.derivative(x, &direction), &mut image);
        image.iter_mut().zip(&direction).for_each(|(i, d)| *i += lift * d);
        let curvature = dot(&direction, &image);
        if curvature.is_nan() || curvature <= 0.0 {
            break;
        }
        let length = square / curvature;
        step.iter_mut().zip(&direction).for_each(|(s, d)| *s += length * d);
        residual.iter_mut().zip(&image).for_each(|(r, i)| *r -= length * i);
        let next = dot(&residual, &residual);
        if next <= INNER_TOLERANCE * INNER_TOLERANCE * first {
            break;
        }
        let beta = next / square;
        direction.iter_mut().zip(&residual).for_each(|(d, r)| *d = r + beta * *d);
        square = next;
    }
    step
}
