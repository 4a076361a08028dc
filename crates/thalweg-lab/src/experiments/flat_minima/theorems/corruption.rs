//! Theorem 6.1: a low-rank matrix with few corruptions in each row and column is the flat minimiser of robust PCA.

use super::super::planted::distance;
use super::{Outcome, Trial, normals};
use crate::figure::{Axis, Figure, Grid, Kind};
use rand_distr::{Distribution, Uniform};
use serde::{Deserialize, Serialize};
use thalweg::Error;
use thalweg::certificate::certify_robust_pca;
use thalweg::data::stream;
use thalweg::linalg::{dot, singular_values};
use thalweg::map::{Ensemble, planted_matrix};
use thalweg::problem::{RobustPca, default_lambda};
use thalweg::solver::convex::Recovers;
use thalweg::solver::convex::robust_pca::{RobustPcaOptions, solve_robust_pca};

/// d×d of rank r with l corrupted entries in each row and column.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Corrupted {
    pub side: usize,
    pub rank: usize,
    pub corruptions: usize,
}

/// Multiples of 1/√d that are tried for λ.
const LAMBDAS: [f64; 5] = [1.0, 0.7, 1.4, 0.5, 2.0];
/// Of log λ, between the largest that exceeds the budget and the smallest that keeps it.
const BISECTIONS: usize = 8;
const MAX_ITERS: usize = 300;
/// A corruption is up to so many times the root mean square of the entries.
const SIZE: f64 = 10.0;
/// Relative distance within which a matrix counts as the measured one.
const SUCCESS: f64 = 1e-6;

impl Corrupted {
    /// Y = M + S.
    fn draw(&self, seed: u64) -> (Vec<f64>, Vec<f64>) {
        let d = self.side;
        let low_rank: Vec<f64> = planted_matrix(Ensemble::Sensing, (d, d), self.rank, seed, 0).iter().map(|x| x * d as f64).collect();
        let mut rng = stream(seed, 2);
        let [shifts, columns] = [0, 1].map(|which| random_order(d, seed, which));
        let size = Uniform::new(-SIZE, SIZE).expect("an interval");
        let mut sparse = vec![0.0; d * d];
        for (i, shift) in (0..d).flat_map(|i| shifts[..self.corruptions].iter().map(move |shift| (i, shift))) {
            // distinct shifts of one permutation meet each row and column once
            sparse[i * d + columns[(i + shift) % d]] = size.sample(&mut rng);
        }
        (low_rank, sparse)
    }

    /// Is M the only minimiser of ‖X‖_* over ‖Y − X‖₁ ≤ ‖S‖₁ (6.9)? *Yes* once it is certified for (6.8) under some λ: whoever fits the budget
    /// with no larger norm would be optimal there too. *No* once some X within the budget has a smaller norm.
    pub fn recovers(&self, seed: u64) -> Result<Recovers, Error> {
        let question = Question::new(self, seed);
        // λ below which the budget is exceeded, and above which it is kept
        let (mut low, mut high) = (f64::NAN, f64::NAN);
        for multiple in LAMBDAS {
            match question.at(multiple)? {
                Seen::Answer(recovers) => return Ok(recovers),
                Seen::Exceeds => low = low.max(multiple),
                Seen::Keeps => high = high.min(multiple),
            }
        }
        for _ in 0..BISECTIONS {
            let middle = (low * high).sqrt();
            if middle.is_nan() {
                break;
            }
            match question.at(middle)? {
                Seen::Answer(recovers) => return Ok(recovers),
                Seen::Exceeds => low = middle,
                Seen::Keeps => high = middle,
            }
        }
        Ok(Recovers::Open)
    }
}

/// What the minimiser of (6.8) under one λ says.
enum Seen {
    Answer(Recovers),
    Exceeds,
    Keeps,
}

/// Y = M + S with what they cost.
struct Question {
    side: usize,
    low_rank: Vec<f64>,
    y: Vec<f64>,
    norm: f64,
    budget: f64,
}

impl Question {
    fn new(cell: &Corrupted, seed: u64) -> Self {
        let (low_rank, sparse) = cell.draw(seed);
        let y = low_rank.iter().zip(&sparse).map(|(m, s)| m + s).collect();
        Question { side: cell.side, norm: nuclear_norm(&low_rank, cell.side), low_rank, y, budget: sparse.iter().map(|s| s.abs()).sum() }
    }

    fn at(&self, multiple: f64) -> Result<Seen, Error> {
        let d = self.side;
        let problem = RobustPca::new(d, d, self.y.clone(), Some(multiple * default_lambda(d, d)))?;
        let found = solve_robust_pca(&problem, &RobustPcaOptions { max_iters: MAX_ITERS, tol: 1e-5, max_time: None });
        let x = found.low_rank.to_dense(d, d);
        let is_near = distance(&x, &self.low_rank) <= SUCCESS * dot(&self.low_rank, &self.low_rank).sqrt();
        if is_near && certify_robust_pca(&problem, &found.low_rank, &found.dual, None)?.certified {
            return Ok(Seen::Answer(Recovers::Yes));
        }
        let is_within = problem.deviation(&found.low_rank) <= self.budget;
        // whatever is within SUCCESS of M costs more than this
        let is_cheaper = nuclear_norm(&x, d) < self.norm * (1.0 - SUCCESS * (d as f64).sqrt());
        Ok(match is_within {
            true if is_cheaper => Seen::Answer(Recovers::No),
            true => Seen::Keeps,
            false => Seen::Exceeds,
        })
    }
}

pub fn corrupted(done: &[(Trial, Outcome)]) -> Option<String> {
    let of = |(trial, outcome): &(Trial, Outcome)| match trial {
        Trial::Corruption { cell, draws } => Some((*cell, *draws as f64, outcome.numbers[0], outcome.numbers[1])),
        _ => None,
    };
    type Counted = (Corrupted, f64, f64, f64);
    let all: Vec<Counted> = done.iter().filter_map(of).collect();
    let share = |cell: &Corrupted| (cell.rank * cell.corruptions) as f64 / cell.side as f64;
    let first_loss = all.iter().filter(|c| c.3 > 0.0).map(|c| share(&c.0)).fold(f64::INFINITY, f64::min);
    let last_win = all.iter().filter(|c| c.2 == c.1).map(|c| share(&c.0)).fold(0.0, f64::max);
    let [won, lost, draws] = [|c: &Counted| c.2, |c: &Counted| c.3, |c: &Counted| c.1].map(|of| all.iter().map(of).sum::<f64>());
    (!all.is_empty()).then(|| {
        format!(
            "Robust PCA (theorem 6.1, l corruptions in each row and column): of {draws} instances {won} are certified to be the only minimiser and {lost} shown not to be one, {} \
             left open. Losses begin at lr/d = {first_loss:.2}; all of a cell are won up to {last_win:.2}.",
            draws - won - lost
        )
    })
}

pub fn corruption_grid(done: &[(Trial, Outcome)]) -> Option<Figure> {
    let of = |(trial, outcome): &(Trial, Outcome)| match trial {
        Trial::Corruption { cell, draws } => Some((cell.rank as f64, cell.corruptions as f64, outcome.numbers[0] / *draws as f64, cell.side)),
        _ => None,
    };
    let cells: Vec<(f64, f64, f64, usize)> = done.iter().filter_map(of).collect();
    let sorted = |of: fn(&(f64, f64, f64, usize)) -> f64| {
        let mut values: Vec<f64> = cells.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    };
    let (xs, ys) = (sorted(|c| c.1), sorted(|c| c.0));
    let at = |y: f64, x: f64| cells.iter().find(|c| (c.0, c.1) == (y, x)).map_or(f64::NAN, |c| c.2);
    let values = ys.iter().flat_map(|&y| xs.iter().map(move |&x| (y, x))).map(|(y, x)| at(y, x)).collect();
    let side = cells.first()?.3;
    Some(Figure {
        id: "corruption".into(),
        title: "Robust PCA: certified recovery over rank and corruptions".into(),
        caption: format!(
            "Share of {side}×{side} matrices that are certified to be the only minimiser of (6.9), over the number of corruptions in each row and column."
        ),
        alt: "Shaded grid: recovery fails as rank times corruptions grows.".into(),
        kind: Kind::Grid(Grid {
            x: Axis::linear("corruptions a line"),
            y: Axis::linear("rank"),
            xs,
            ys,
            value_kind: "certified".into(),
            range: (0.0, 1.0),
            values,
            curves: Vec::new(),
        }),
    })
}

fn random_order(d: usize, seed: u64, which: u64) -> Vec<usize> {
    let keys = normals(d, seed, which);
    let mut order: Vec<usize> = (0..d).collect();
    order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
    order
}

fn nuclear_norm(x: &[f64], d: usize) -> f64 {
    singular_values(x, d, d).map_or(f64::NAN, |values| values.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_and_column_has_its_corruptions() {
        let cell = Corrupted { side: 12, rank: 2, corruptions: 3 };
        let (_, sparse) = cell.draw(5);
        let count = |at: &dyn Fn(usize) -> usize| (0..12).filter(|&k| sparse[at(k)] != 0.0).count();
        assert!((0..12).all(|i| count(&|k| i * 12 + k) == 3 && count(&|k| k * 12 + i) == 3));
    }

    #[test]
    fn few_corruptions_are_taken_off_and_many_are_not() {
        assert_eq!(Corrupted { side: 30, rank: 1, corruptions: 1 }.recovers(1).unwrap(), Recovers::Yes);
        assert_eq!(Corrupted { side: 30, rank: 4, corruptions: 8 }.recovers(1).unwrap(), Recovers::No);
    }
}
