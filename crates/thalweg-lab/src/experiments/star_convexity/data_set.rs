//! The paper's data sets, at a size that a scale can afford, and optima of their factorisations.

use crate::experiment::{Bench, Scale, seed_of};
use rand_distr::{Distribution, Uniform};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thalweg::audit::end_of_lines;
use thalweg::data::{Entry, Matrix, catalogue, planted_ratings, stream};
use thalweg::geometry::{StartMoments, expected_curvature};
use thalweg::problem::{Nmf, Objective};
use thalweg::solver::nmf::{Alternating, Init, Paper, default_method, half_normal_scale};
use thalweg::solver::{Stop, run};
use thalweg::{Error, Factors, Side};

/// A data set of the paper's Table 1, or a planted one of the same shape: its name, and the checksum of the file that it was read from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Set {
    pub name: String,
    pub sha256: String,
}

/// Planted ratings of the shape that Table 1 gives: the paper's files are not published.
struct Planted {
    name: &'static str,
    shape: (usize, usize),
    observed: usize,
    rank: usize,
}

const PLANTED: [Planted; 2] = [
    Planted { name: "netflix-planted", shape: (47928, 8963), observed: 5_200_000, rank: 20 },
    Planted { name: "goodbooks-planted", shape: (10000, 43461), observed: 956_000, rank: 50 },
];

/// In the place of a checksum.
const NO_FILE: &str = "planted";

/// The sets of Table 1 whose files are there.
pub fn sets(bench: &Bench) -> Vec<Set> {
    of_the_paper()
        .filter(|entry| bench.has(&entry.name))
        .map(|entry| Set { name: entry.name.clone(), sha256: entry.sha256[..12].to_owned() })
        .collect()
}

/// Planted sets of the shapes that the paper could not compute on.
pub fn planted_sets() -> Vec<Set> {
    PLANTED.iter().map(|planted| Set { name: planted.name.into(), sha256: NO_FILE.into() }).collect()
}

/// The eight entries of the catalogue that stand for Table 1.
pub fn of_the_paper() -> impl Iterator<Item = &'static Entry> {
    catalogue().iter().filter(|entry| entry.paper.is_some())
}

/// A sentence that names the sets of Table 1 without a trial, if there are any.
pub fn missing<'a>(done: impl Iterator<Item = &'a Set>) -> Option<String> {
    let done: Vec<&str> = done.map(|set| set.name.as_str()).collect();
    let missing: Vec<&str> = of_the_paper().map(|entry| entry.name.as_str()).filter(|name| !done.contains(name)).collect();
    (!missing.is_empty()).then(|| format!("Not drawn, for want of their files (--data) or, at this scale, of enough rows: {}.", missing.join(", ")))
}

impl Set {
    pub fn entry(&self) -> &'static Entry {
        catalogue().iter().find(|entry| entry.name == self.name).expect("trials name sets of the catalogue")
    }

    fn planted(&self) -> Option<&'static Planted> {
        PLANTED.iter().find(|planted| planted.name == self.name)
    }

    /// The rank that the paper gives it.
    pub fn rank(&self) -> usize {
        self.planted().map_or_else(|| self.entry().paper.expect("the set is in Table 1")[2], |planted| planted.rank)
    }

    /// Rows, columns and observed entries.
    fn size(&self) -> (usize, usize, u64) {
        match self.planted() {
            Some(&Planted { shape: (m, n), observed, .. }) => (m, n, observed as u64),
            None => (self.entry().shape.0, self.entry().shape.1, self.entry().observed),
        }
    }

    pub fn open(&self, bench: &Bench) -> Result<Arc<Matrix<f64>>, Error> {
        match self.planted() {
            None => bench.open(&self.name),
            Some(p) => bench.once(p.name, || Ok(Matrix::Observed(planted_ratings(p.shape, p.observed, p.rank, seed_of(self))?))),
        }
    }
}

/// A part of the rows and of the columns of a set, drawn uniformly without replacement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    pub set: Set,
    /// Share of the rows, and of the columns.
    pub rate: f64,
}

/// Entries that a matrix may have at a scale, dense ones and observed ones.
fn affordable(scale: Scale) -> [f64; 2] {
    match scale {
        Scale::Smoke => [2e3, 5e3],
        Scale::Reduced => [1.5e5, 6e4],
        Scale::Full => [f64::INFINITY; 2],
    }
}

impl Part {
    /// The largest part that the scale affords, times `rate`; none if it would have fewer rows or columns than the rank.
    pub fn of(set: &Set, scale: Scale, rate: f64) -> Option<Part> {
        let (m, n, observed) = set.size();
        let (m, n, observed) = (m as f64, n as f64, observed as f64);
        let largest = (affordable(scale)[usize::from(observed < m * n)] / observed).sqrt().min(1.0);
        // a rank of 3 needs three columns however few there are
        let least = (set.rank() as f64 / m.min(n)).min(1.0);
        let rate = rate * largest.max(least);
        let smallest = (rate * m).round().min((rate * n).round());
        (smallest >= set.rank() as f64).then(|| Part { set: set.clone(), rate })
    }

    /// The matrix. Everything measured on it is divided by entries × variance, so it is not scaled.
    pub fn matrix(&self, bench: &Bench) -> Result<Arc<Matrix<f64>>, Error> {
        let whole = self.set.open(bench)?;
        if self.rate == 1.0 {
            return Ok(whole);
        }
        let (m, n) = whole.shape();
        let seed = seed_of(self);
        Ok(Arc::new(whole.selected(&draw(m, self.rate, seed, 0), &draw(n, self.rate, seed, 1))?))
    }

    /// About how many multiplications a pass over the data takes: one over observed entries is bound by memory, four times as long.
    fn pass(&self) -> f64 {
        let (m, n, observed) = self.set.size();
        let is_dense = observed == (m * n) as u64;
        4.0 * if is_dense { 1.0 } else { 4.0 } * observed as f64 * self.rate.powi(2) * self.set.rank() as f64
    }

    /// The same of an iteration of the method that converges: over observed entries every row has a Gram matrix of its own.
    fn iteration(&self) -> f64 {
        let (m, n, observed) = self.set.size();
        if observed == (m * n) as u64 { self.pass() } else { self.pass() / 4.0 * self.set.rank() as f64 }
    }
}

/// round(rate·n) of 0 … n − 1, in order.
fn draw(n: usize, rate: f64, seed: u64, which: u64) -> Vec<usize> {
    let mut all: Vec<usize> = (0..n).collect();
    let mut rng = stream(seed, which);
    let count = ((rate * n as f64).round() as usize).clamp(1, n);
    for i in 0..count {
        let j = Uniform::new(i, n).expect("there is one left").sample(&mut rng);
        all.swap(i, j);
    }
    all.truncate(count);
    all.sort_unstable();
    all
}

/// How an optimum is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndPoint {
    /// The paper's 10⁴ gradient steps of 10⁻⁷, which do not converge.
    Literal,
    /// A stationary point, in the gauge that gradient flow from the start conserves.
    Converged,
}

pub const END_POINTS: [EndPoint; 2] = [EndPoint::Literal, EndPoint::Converged];

impl EndPoint {
    pub fn name(self) -> &'static str {
        match self {
            EndPoint::Literal => "literal",
            EndPoint::Converged => "converged",
        }
    }
}

/// How hard a scale tries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effort {
    /// 10⁴/merged steps of merged·10⁻⁷: the same path for steps this small (the loss differs by 7·10⁻⁵ at 100).
    merged: usize,
    /// Iterations of the method that converges.
    iterations: usize,
}

/// Multiplications that may be spent on an optimum: some five seconds of a core.
const AFFORDABLE_OPTIMUM: f64 = 1.1e11;

impl Effort {
    pub fn of(scale: Scale, part: &Part) -> Effort {
        let (steps, iterations) = match scale {
            Scale::Smoke => (20, 60),
            Scale::Reduced => (100, 600),
            Scale::Full => (1000, 2000),
        };
        let affordable = |cost: f64, most: usize| ((AFFORDABLE_OPTIMUM / cost) as usize).clamp(most.min(50), most);
        Effort { merged: 10_000 / affordable(4.0 * part.pass(), steps), iterations: affordable(part.iteration(), iterations) }
    }
}

/// A problem, and the starts and optima of the paper's experiments on it.
pub struct Field<'a> {
    pub problem: Nmf<'a, f64>,
    pub seed: u64,
    effort: Effort,
}

impl<'a> Field<'a> {
    pub fn new(part: &Part, matrix: &'a Matrix<f64>, effort: Effort) -> Result<Self, Error> {
        Ok(Field { problem: Nmf::new(matrix, part.set.rank())?, seed: seed_of(part), effort })
    }

    /// Half-normal start number `number`.
    pub fn start(&self, number: u64) -> Result<Factors, Error> {
        Init::HalfNormal.factors(&self.problem, self.seed, number)
    }

    /// Entries × variance: what loss and curvature are divided by, as the paper scales its data to variance 1.
    pub fn unit(&self) -> f64 {
        let summary = self.problem.summary();
        summary.observed as f64 * summary.sd * summary.sd
    }

    /// The rule of the paper, in fewer and longer steps.
    pub fn literal_steps(&self) -> Paper {
        Paper { step: 1e-7 * self.effort.merged as f64, iterations: 10_000 / self.effort.merged }
    }

    /// An optimum from start `number`, which no line begins at.
    pub fn optimum(&self, end: EndPoint, number: u64) -> Result<Factors, Error> {
        let start = self.start(number)?;
        match end {
            EndPoint::Literal => self.literal_end(start),
            EndPoint::Converged => {
                let (method, _) = default_method(self.problem.data(), self.problem.rank());
                let mut path = Alternating::start(&self.problem, method, start)?;
                let stop = Stop { max_iters: self.effort.iterations, max_time: None, tol: 1e-4 };
                Ok(end_of_lines(&self.problem, &run(&mut path, &stop, &mut no_observer).point))
            }
        }
    }

    /// Where the steps of [`Field::literal_steps`] lead, from gradients alone: the normal equations that the rule takes as one of the methods
    /// cost r times as much where each observed row has its own.
    fn literal_end(&self, start: Factors) -> Result<Factors, Error> {
        let ((m, n), rank) = (self.problem.data().shape(), self.problem.rank());
        let Paper { step, iterations } = self.literal_steps();
        let step = step / self.problem.summary().sd;
        let mut x = start.as_slice().to_vec();
        let mut gradient = vec![0.0; x.len()];
        for _ in 0..iterations {
            self.problem.gradient(&x, &mut gradient);
            x.iter_mut().zip(&gradient).for_each(|(x, g)| *x = (*x - step * g).max(0.0));
        }
        Factors::new(m, n, rank, x)
    }

    /// min over [0, 1] of E ℓ″ over half-normal starts, per entry of variance 1: an upper bound of the mean of α.
    pub fn score(&self, end: &Factors) -> Result<f64, Error> {
        let moments = StartMoments::half_normal(half_normal_scale(&self.problem));
        Ok(expected_curvature(self.problem.data(), end, moments)?.least / self.unit())
    }
}

fn no_observer(_: &Alternating<'_, f64>, _: std::time::Duration) -> std::ops::ControlFlow<()> {
    std::ops::ControlFlow::Continue(())
}

/// variance / mean² of the entries of U and of V.
pub fn spreads(factors: &Factors) -> [f64; 2] {
    [Side::U, Side::V].map(|side| {
        let entries = factors.side(side);
        let mean = entries.iter().sum::<f64>() / entries.len() as f64;
        entries.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / entries.len() as f64 / (mean * mean)
    })
}

/// Numbers of optima begin here, so that no line begins where an optimum was found from.
pub const OPTIMA: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use thalweg::solver::nmf::Order;

    #[test]
    fn gradients_and_normal_equations_take_the_same_steps() {
        let set = planted_sets().swap_remove(0);
        let part = Part { set, rate: 1.0 };
        let matrix = Matrix::Observed(planted_ratings((60, 50), 900, 4, 3).expect("fits"));
        let field = Field::new(&part, &matrix, Effort { merged: 100, iterations: 1 }).expect("fits");
        let rule = field.literal_steps();
        let start = field.start(1).expect("fits");
        let mut path = Alternating::with_rule(&field.problem, &rule, Order::Simultaneous, start.clone()).expect("fits");
        let stop = Stop { max_iters: rule.iterations, max_time: None, tol: 0.0 };
        let expected = run(&mut path, &stop, &mut no_observer).point;
        let found = field.optimum(EndPoint::Literal, 1).expect("fits");
        assert_ne!(found.as_slice(), start.as_slice());
        for (found, expected) in found.as_slice().iter().zip(expected.as_slice()) {
            assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{found} {expected}");
        }
    }
}
