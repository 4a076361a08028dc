//! Any objective looked at from a point: samples, with the error of each where it can be told.

use super::flatness::student_quantile;
use crate::Error;
use crate::data::stream;
use crate::linalg::{dot, lanczos};
use crate::problem::Objective;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// A mean over independent draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub value: f64,
    /// The value lies within this of the truth in 95 of 100 such estimates (Student's t; the draws are taken to be normal).
    pub half_width: f64,
    /// How many draws.
    pub samples: usize,
    /// Their seed.
    pub seed: u64,
}

/// Eigenvalues of a Hessian.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Eigenvalues {
    /// Those of largest absolute value, the largest first.
    pub values: Vec<f64>,
    /// An eigenvalue of the matrix lies within this of each: the norm of its residual.
    pub residuals: Vec<f64>,
    /// Products with the Hessian.
    pub products: usize,
    /// Seed of the first vector.
    pub seed: u64,
}

/// How far an objective is convex from a point along a direction of length 1, as sampled.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConvexityLength {
    /// The last sample before the first second difference below zero, or the reach.
    pub length: f64,
    /// Whether no second difference below zero was met: the length is at least this.
    pub is_censored: bool,
}

/// Convexity lengths of many directions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConvexityLengths {
    /// Each, in the order of the directions.
    pub each: Vec<ConvexityLength>,
    /// Their median; a lower bound of it where it is one of the censored.
    pub median: f64,
    /// Two of the lengths between which the median of all directions lies with a probability of at least 0.95, whatever the distribution
    /// (binomial order statistics); none of fewer than six.
    pub interval: Option<(f64, f64)>,
    /// How many are censored.
    pub censored: usize,
}

/// The streams of directions and of signs: far from those of starts.
const DIRECTION_STREAM: u64 = 6 << 60;
const SIGN_STREAM: u64 = 7 << 60;

/// f at `points` evenly spaced points from x (first) to y (last).
///
/// # Errors
/// [`Error::Shape`] unless both are points of the objective, [`Error::Parameter`] for fewer than two points.
pub fn sampled_line(objective: &dyn Objective, x: &[f64], y: &[f64], points: usize) -> Result<Vec<f64>, Error> {
    check_all(objective, &[x, y])?;
    at_least("points", points, 2)?;
    let at = |k: usize| {
        let t = k as f64 / (points - 1) as f64;
        // exact at both ends
        let moved = |(x, y): (&f64, &f64)| if k + 1 == points { *y } else { x + t * (y - x) };
        objective.value(&x.iter().zip(y).map(moved).collect::<Vec<_>>())
    };
    Ok((0..points).map(at).collect())
}

/// f at x + s·a + t·b, row-major over s (rows) and t (columns), both evenly spaced from −1 to 1.
///
/// # Errors
/// As [`sampled_line`].
pub fn sampled_plane(objective: &dyn Objective, x: &[f64], (a, b): (&[f64], &[f64]), points: usize) -> Result<Vec<f64>, Error> {
    check_all(objective, &[x, a, b])?;
    at_least("points", points, 2)?;
    let steps: Vec<f64> = (0..points).map(|k| 2.0 * k as f64 / (points - 1) as f64 - 1.0).collect();
    let at = |s: f64, t: f64| objective.value(&x.iter().zip(a).zip(b).map(|((x, a), b)| x + s * a + t * b).collect::<Vec<_>>());
    Ok(steps.iter().flat_map(|&s| steps.iter().map(move |&t| (s, t))).map(|(s, t)| at(s, t)).collect())
}

/// Directions of length 1, evenly distributed over the sphere.
pub fn random_directions(dim: usize, count: usize, seed: u64) -> Vec<Vec<f64>> {
    let draw = |k: usize| {
        let mut d: Vec<f64> = StandardNormal.sample_iter(stream(seed, DIRECTION_STREAM + k as u64)).take(dim).collect();
        let length = norm(&d);
        d.iter_mut().for_each(|x| *x /= length);
        d
    };
    (0..count).map(draw).collect()
}

/// tr ∇²f(x) as the mean of zᵀ∇²f(x)z over random signs z.
///
/// Source: Hutchinson (1990). The variance of one draw is 2 Σ_{i≠j} h_ij², so that a diagonal Hessian is met exactly. A draw asks for a second
/// derivative along one direction only; with Hessian-vector products, [`estimate_trace`](super::estimate_trace) is sharper.
///
/// # Errors
/// [`Error::Shape`] unless x is a point of the objective, [`Error::Parameter`] for fewer than four samples.
pub fn hessian_trace(objective: &dyn Objective, x: &[f64], samples: usize, seed: u64) -> Result<Estimate, Error> {
    check_all(objective, &[x])?;
    at_least("samples", samples, 4)?;
    let draw = |k: usize| {
        let mut signs = stream(seed, SIGN_STREAM + k as u64);
        let z: Vec<f64> = (0..x.len()).map(|_| if signs.random::<bool>() { 1.0 } else { -1.0 }).collect();
        objective.curvature(x, &z)
    };
    let draws: Vec<f64> = (0..samples).map(draw).collect();
    Ok(mean_of(&draws, seed))
}

/// The mean of independent draws of a seed. Of a single draw nothing is known: its half width is infinite.
pub fn mean_of(draws: &[f64], seed: u64) -> Estimate {
    let samples = draws.len();
    let mean = draws.iter().sum::<f64>() / samples as f64;
    let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (samples as f64 - 1.0);
    let half_width = if samples < 2 { f64::INFINITY } else { student_quantile(samples - 1) * (variance / samples as f64).sqrt() };
    Estimate { value: mean, half_width, samples, seed }
}

/// The `count` eigenvalues of ∇²f(x) of largest absolute value, by at most `products` steps of Lanczos with full reorthogonalisation.
///
/// # Errors
/// [`Error::Shape`] unless x is a point of the objective, [`Error::Parameter`] unless 1 ≤ `count` ≤ `products`, [`Error::NotFinite`] where
/// Hessian-vector products are not.
pub fn hessian_eigenvalues(objective: &dyn Objective, x: &[f64], count: usize, products: usize, seed: u64) -> Result<Eigenvalues, Error> {
    check_all(objective, &[x])?;
    at_least("count", count, 1)?;
    at_least("products", products, count)?;
    let start = random_directions(x.len(), 1, seed).remove(0);
    let Some(ritz) = lanczos(&start, products, |d, out| objective.hessian_vec(x, d, out)) else {
        return Err(Error::NotFinite { what: "a Hessian-vector product", row: 0, col: 0, value: f64::NAN });
    };
    let mut order: Vec<usize> = (0..ritz.values.len()).collect();
    order.sort_by(|&a, &b| ritz.values[b].abs().total_cmp(&ritz.values[a].abs()));
    order.truncate(count);
    let of = |numbers: &[f64]| order.iter().map(|&k| numbers[k]).collect();
    Ok(Eigenvalues { values: of(&ritz.values), residuals: of(&ritz.residuals), products: ritz.values.len(), seed })
}

/// How far f is convex from x along each direction, sampled at `points` steps up to `reach` on the ray x + t d, t ≥ 0, ‖d‖ = 1.
///
/// A second difference counts as negative below −8 ε times the largest of its values: what rounding in f explains is no concave patch. A
/// concave patch between samples is not seen.
///
/// # Errors
/// [`Error::Shape`] for a direction that is none, [`Error::Parameter`] for fewer than three points or a reach that is not positive.
pub fn convexity_lengths(
    objective: &dyn Objective,
    x: &[f64],
    directions: &[Vec<f64>],
    reach: f64,
    points: usize,
) -> Result<ConvexityLengths, Error> {
    check_all(objective, &[x])?;
    at_least("points", points, 3)?;
    if !(reach > 0.0 && reach.is_finite()) {
        return Err(Error::Parameter { name: "reach", expected: "a positive number".into(), got: reach.to_string() });
    }
    let along = |d: &Vec<f64>| {
        check_all(objective, &[d])?;
        let at = |k: usize| {
            let t = reach * k as f64 / (points - 1) as f64 / norm(d);
            objective.value(&x.iter().zip(d).map(|(x, d)| x + t * d).collect::<Vec<_>>())
        };
        let (mut before, mut here) = (at(0), at(1));
        for k in 2..points {
            let next = at(k);
            let largest = before.abs().max(here.abs()).max(next.abs());
            // a value that is no number ends the convex stretch as well
            let bend = before - 2.0 * here + next;
            if bend.is_nan() || bend < -8.0 * f64::EPSILON * largest {
                return Ok(ConvexityLength { length: reach * (k - 1) as f64 / (points - 1) as f64, is_censored: false });
            }
            (before, here) = (here, next);
        }
        Ok(ConvexityLength { length: reach, is_censored: true })
    };
    at_least("directions", directions.len(), 1)?;
    Ok(together(directions.iter().map(along).collect::<Result<_, _>>()?))
}

fn together(each: Vec<ConvexityLength>) -> ConvexityLengths {
    let mut sorted: Vec<f64> = each.iter().map(|l| l.length).collect();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    let interval = below_median(count).map(|below| (sorted[below], sorted[count - 1 - below]));
    let median = 0.5 * (sorted[(count - 1) / 2] + sorted[count / 2]);
    ConvexityLengths { median, interval, censored: each.iter().filter(|l| l.is_censored).count(), each }
}

/// How many of the smallest can be left out so that the next one is below the median with a probability of at least 0.975.
fn below_median(count: usize) -> Option<usize> {
    let mut chance = 0.5f64.powi(i32::try_from(count).ok()?);
    let (mut sum, mut left_out) = (chance, None);
    for k in 0..count / 2 {
        if sum > 0.025 {
            break;
        }
        left_out = Some(k);
        chance *= (count - k) as f64 / (k + 1) as f64;
        sum += chance;
    }
    left_out
}

pub(super) fn check_all(objective: &dyn Objective, points: &[&[f64]]) -> Result<(), Error> {
    match points.iter().find(|p| p.len() != objective.dim()) {
        Some(p) => Err(Error::Shape { what: "a point or direction", expected: (objective.dim(), 1), got: (p.len(), 1) }),
        None => Ok(()),
    }
}

pub(super) fn at_least(name: &'static str, got: usize, least: usize) -> Result<(), Error> {
    if got >= least { Ok(()) } else { Err(Error::Parameter { name, expected: format!("at least {least}"), got: got.to_string() }) }
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ½ xᵀHx with H = diag(1, …, p) + 0.1, and −cos on top where asked.
    struct Bowl {
        dim: usize,
        waves: f64,
    }

    impl Objective for Bowl {
        fn dim(&self) -> usize {
            self.dim
        }
        fn value(&self, x: &[f64]) -> f64 {
            let sum: f64 = x.iter().sum();
            let bowl = x.iter().zip(1..).map(|(x, k)| f64::from(k) * x * x).sum::<f64>() + 0.1 * sum * sum;
            0.5 * bowl - self.waves * x[0].cos()
        }
        fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
            let sum: f64 = x.iter().sum();
            gradient.iter_mut().zip(x).zip(1..).for_each(|((g, x), k)| *g = f64::from(k) * x + 0.1 * sum);
            gradient[0] += self.waves * x[0].sin();
            self.value(x)
        }
        fn hessian_vec(&self, x: &[f64], d: &[f64], out: &mut [f64]) {
            let sum: f64 = d.iter().sum();
            out.iter_mut().zip(d).zip(1..).for_each(|((h, d), k)| *h = f64::from(k) * d + 0.1 * sum);
            out[0] += self.waves * x[0].cos() * d[0];
        }
    }

    #[test]
    fn the_trace_lies_in_its_interval_and_eigenvalues_within_their_residuals() -> Result<(), Error> {
        let (bowl, x) = (Bowl { dim: 20, waves: 0.0 }, vec![0.5; 20]);
        let truth = 210.0 + 2.0;
        let covered = (0..200).map(|seed| hessian_trace(&bowl, &x, 12, seed)).collect::<Result<Vec<_>, _>>()?;
        let inside = covered.iter().filter(|e| (e.value - truth).abs() <= e.half_width).count();
        assert!((165..=200).contains(&inside), "{inside} of 200 intervals cover the trace");
        let found = hessian_eigenvalues(&bowl, &x, 3, 20, 1)?;
        // D + 0.1·11ᵀ interlaces: its largest eigenvalues lie a little above those of D
        for (k, (value, residual)) in found.values.iter().zip(&found.residuals).enumerate() {
            assert!(*value > 20.0 - k as f64 && *value < 21.2 - k as f64 && *residual < 1e-8, "{value} within {residual}");
        }
        let rough = hessian_eigenvalues(&bowl, &x, 1, 6, 1)?;
        assert!((rough.values[0] - found.values[0]).abs() <= rough.residuals[0]);
        Ok(())
    }

    #[test]
    fn convex_stretches_end_where_the_curvature_changes_sign() -> Result<(), Error> {
        // along the first axis the curvature is 1.1 + 4 cos t, negative from t = acos(−1.1 / 4)
        let bowl = Bowl { dim: 3, waves: 4.0 };
        let axes = vec![vec![2.0, 0.0, 0.0], vec![0.0, 1.0, 0.0]];
        let lengths = convexity_lengths(&bowl, &[0.0; 3], &axes, 3.0, 3001)?;
        assert!((lengths.each[0].length - (-1.1f64 / 4.0).acos()).abs() < 2e-3 && !lengths.each[0].is_censored);
        assert_eq!(lengths.each[1], ConvexityLength { length: 3.0, is_censored: true });
        assert_eq!((lengths.censored, lengths.interval), (1, None));
        Ok(())
    }

    #[test]
    fn lines_and_planes_are_values_at_their_points() -> Result<(), Error> {
        let bowl = Bowl { dim: 2, waves: 1.0 };
        let (x, y) = ([0.1, 0.2], [0.7, -0.4]);
        let line = sampled_line(&bowl, &x, &y, 5)?;
        assert_eq!((line[0], line[4], line.len()), (bowl.value(&x), bowl.value(&y), 5));
        let plane = sampled_plane(&bowl, &x, (&[1.0, 0.0], &[0.0, 1.0]), 3)?;
        assert_eq!((plane[4], plane[0], plane[5]), (bowl.value(&x), bowl.value(&[-0.9, -0.8]), bowl.value(&[0.1, 1.2])));
        assert!(sampled_line(&bowl, &x, &[0.0], 5).is_err() && sampled_line(&bowl, &x, &y, 1).is_err());
        Ok(())
    }

    /// The tables of the sign test: 25 lengths, the 8th and the 18th.
    #[test]
    fn order_statistics_around_the_median() {
        assert_eq!([5, 6, 10, 25].map(below_median), [None, Some(0), Some(1), Some(7)]);
        let each = (0..25).map(|k| ConvexityLength { length: f64::from(k), is_censored: false }).collect();
        let ConvexityLengths { median, interval, .. } = together(each);
        assert_eq!((median, interval), (12.0, Some((7.0, 17.0))));
    }
}
