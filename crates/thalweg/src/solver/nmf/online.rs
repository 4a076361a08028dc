//! A fit to rows that come in blocks and are not kept.

use super::{Anls, Hals, Init};
use crate::data::Matrix;
use crate::problem::{Constraints, Nmf, RowSeparable, Statistics, When};
use crate::{Error, Factors, Side};

/// V ≥ 0 fitted to blocks of rows, each seen once: of a block only its share of the normal equations of V is kept,
///
/// ```text
/// G = Σ w uᵢᵀuᵢ,  C = XᵀU      over all rows seen, uᵢ as it was when its block was there
/// ```
///
/// A block's U is solved for V, then V moved by G and C, and both again a few times. V ends near a minimum over V alone of ½ Σ w (X − UVᵀ)²
/// over all rows seen; as U is not brought up to date, nothing is promised of U and V together. Where all rows can be kept the method
/// `minibatch` replaces old shares, and converges.
///
/// Source: Mairal, Bach, Ponce, Sapiro (2010), JMLR 11, algorithm 1, without forgetting.
#[derive(Debug, Clone, PartialEq)]
pub struct Online {
    rank: usize,
    v: Vec<f64>,
    statistics: Option<Statistics<f64>>,
}

/// Rounds on the first block, which has to find its V from a random start, and on each later one.
const FIRST_ROUNDS: usize = 40;
const ROUNDS: usize = 4;

impl Online {
    /// V as a random start for data like this block has it; the block is not seen yet.
    ///
    /// # Errors
    /// As [`Nmf::new`], but the rank may exceed the number of rows.
    pub fn start(block: &Matrix<f64>, rank: usize, seed: u64) -> Result<Self, Error> {
        let (rows, cols) = block.shape();
        if rank == 0 || rank > cols {
            return Err(Error::Rank { rank, rows, cols });
        }
        let problem = seen(block, rank)?;
        Ok(Online { rank, v: Init::Random.factors(&problem, seed, 0)?.side(Side::V).to_vec(), statistics: None })
    }

    /// Goes on with V (n×r) and the normal equations of the rows seen so far.
    ///
    /// # Errors
    /// [`Error::Shape`] unless they fit one another.
    pub fn resume(cols: usize, rank: usize, v: Vec<f64>, statistics: Statistics<f64>) -> Result<Self, Error> {
        let shared = rank * rank;
        if v.len() != cols * rank || statistics.cross.len() != v.len() {
            return Err(Error::Shape { what: "V of the rows seen", expected: (cols, rank), got: (v.len() / rank.max(1), rank) });
        }
        if statistics.gram.len() != shared && statistics.gram.len() != cols * shared {
            return Err(Error::Shape { what: "G of the rows seen", expected: (rank, rank), got: (statistics.gram.len(), 1) });
        }
        Ok(Online { rank, v, statistics: Some(statistics) })
    }

    /// V, n×r.
    pub fn v(&self) -> &[f64] {
        &self.v
    }

    /// The normal equations of the rows seen so far.
    pub fn statistics(&self) -> Option<&Statistics<f64>> {
        self.statistics.as_ref()
    }

    /// Sees a block, and moves V.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of columns; as [`Nmf::with_given_factor`] for the entries.
    pub fn absorb(&mut self, block: &Matrix<f64>) -> Result<(), Error> {
        let (m, n) = block.shape();
        if n * self.rank != self.v.len() {
            return Err(Error::Shape { what: "the block of rows", expected: (m, self.v.len() / self.rank), got: (m, n) });
        }
        let problem = seen(block, self.rank)?;
        let rounds = if self.statistics.is_none() { FIRST_ROUNDS } else { ROUNDS };
        let mut statistics = self.statistics.take().unwrap_or_else(|| problem.no_statistics());
        let mut u = Factors::zeros(m, n, self.rank).side(Side::U).to_vec();
        problem.spread(&mut statistics);
        for _ in 0..rounds {
            let old = u.clone();
            problem.half_step(Side::U, &self.v, &mut u, &Anls, When::Never);
            problem.replace_rows(&mut statistics, 0..m, &old, &u);
            problem.half_step_from(&statistics, &u, &mut self.v, &Hals, When::Never);
        }
        self.statistics = Some(statistics);
        Ok(())
    }
}

fn seen(block: &Matrix<f64>, rank: usize) -> Result<Nmf<'_>, Error> {
    if block.shape().0 == 0 || block.shape().1 == 0 {
        return Err(Error::Empty { what: "the block of rows", why: "it has no rows or no columns" });
    }
    Nmf::with_given_factor(block, rank, Constraints::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dense, Law, Triplet, planted_factors};
    use crate::problem::ScaledPenalty;
    use crate::solver::nmf::transform;

    #[test]
    fn blocks_seen_once_find_the_components_of_all() {
        let (m, n, r) = (120, 30, 3);
        let truth = planted_factors(Law::Exponential, (m, n), r, 4, 0).unwrap();
        let entry = |i: usize, j: usize| truth.row_pair(i, j).0.iter().zip(truth.row_pair(i, j).1).map(|(u, v)| u * v).sum();
        let x: Vec<f64> = (0..m * n).map(|at| entry(at / n, at % n)).collect();
        let rows = |from: usize, to: usize| Matrix::Dense(Dense::new(to - from, n, x[from * n..to * n].to_vec()).unwrap());
        // the third block lacks an entry, so that columns no longer share their G
        let lacking = rows(60, 90).hiding(&[Triplet { row: 2, col: 5, value: 0.0 }]).unwrap();
        let mut online = Online::start(&rows(0, 30), r, 0).unwrap();
        for block in [rows(0, 30), rows(30, 60), lacking, rows(90, 120)] {
            online.absorb(&block).unwrap();
        }
        let again = Online::resume(n, r, online.v().to_vec(), online.statistics().unwrap().clone()).unwrap();
        assert_eq!(again, online);
        let model = Factors::new(m, n, r, [vec![0.0; m * r], online.v().to_vec()].concat()).unwrap();
        let all = rows(0, m);
        let fitted = transform(&all, &model, ScaledPenalty::default()).unwrap();
        let left = Nmf::new(&all, r).unwrap().objective(&fitted) / (0.5 * all.summary().norm_squared);
        assert!(left.sqrt() < 0.05, "relative error {}", left.sqrt());
        assert!(matches!(online.absorb(&Matrix::Dense(Dense::new(1, 2, vec![1.0; 2]).unwrap())), Err(Error::Shape { .. })));
    }
}
