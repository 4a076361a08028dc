//! What a least-squares problem is beside its data.

use super::constraint::{Constraints, RowSet};
use super::half_step::Task;
use super::penalty::{FactorPenalty, Penalty, RowPenalties};
use super::row_separable::{RowUpdate, When};
use crate::data::{Matrix, Observed, Summary};
use crate::linalg::Real;
use crate::{Error, Side};
use std::ops::Range;

/// Rank, constraints and penalty, with the sums over all entries by which they are scaled.
#[derive(Debug)]
pub(super) struct Terms {
    /// r.
    pub rank: usize,
    pub summary: Summary,
    pub constraints: Constraints,
    /// Of the rows of U and V that are here.
    pub penalty: Option<RowPenalties>,
}

impl Terms {
    /// λ₂ and λ₁ of each row of a factor; none where nothing is penalised.
    pub fn row_penalties(&self, side: Side) -> Option<&[FactorPenalty]> {
        self.penalty.as_ref().map(|p| p.side(side))
    }

    /// What they are multiplied by in each column; empty where that is 1.
    pub fn penalty_ratios(&self, side: Side) -> &[f64] {
        self.penalty.as_ref().map_or(&[], |p| p.ratios(side))
    }

    /// What these rows of one factor pay, with the number of the first.
    pub fn penalty_of<T: Real>(&self, side: Side, first: usize, rows: &[T]) -> f64 {
        self.penalty.as_ref().map_or(0.0, |p| p.value(side, first, rows, self.rank))
    }

    /// What these rows of the `side` factor have in common.
    pub fn task<'t, T>(&'t self, side: Side, rows: &Range<usize>, rule: &'t dyn RowUpdate<T>, when: When) -> Task<'t, T> {
        let constraint = self.constraints.side(side);
        Task {
            rank: self.rank,
            first: rows.start,
            sd: self.summary.sd,
            rule,
            when,
            penalties: self.row_penalties(side).map(|all| &all[rows.clone()]),
            ratios: self.penalty_ratios(side),
            set: constraint.rows,
            free: (!constraint.given.components.is_empty()).then(|| constraint.free(self.rank)),
        }
    }

    /// Whether the penalty suits the constraints.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn check_penalty(&self, penalty: &Penalty) -> Result<(), Error> {
        if self.constraints.fix_the_scale(self.rank) {
            penalty.check_numbers()?
        } else {
            penalty.check()?
        }
        for (l1, side) in [(penalty.u.l1, Side::U), (penalty.v.l1, Side::V)] {
            if l1 > 0.0 && self.constraints.side(side).rows == RowSet::Free {
                let expected = "0 for a factor with entries of either sign (use the ridge λ₂)".into();
                return Err(Error::Parameter { name: "l1", expected, got: l1.to_string() });
            }
        }
        Ok(())
    }

    /// Whether the data, of which `shape` is that of all, can be factored.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Rank`], and as [`Constraints::check`] for factors of which so many rows of U and of V are here.
    pub fn check_shape(&self, (rows, cols): (usize, usize), here: (usize, usize)) -> Result<(), Error> {
        let rank = self.rank;
        if rows == 0 || cols == 0 {
            return Err(Error::Empty { what: "the matrix", why: "it has no rows or no columns" });
        }
        if rank == 0 || rank > rows.min(cols) {
            return Err(Error::Rank { rank, rows, cols });
        }
        self.constraints.check((here.0, here.1, rank))
    }

    /// Whether there is something to fit.
    ///
    /// # Errors
    /// [`Error::Empty`].
    pub fn check_content(&self) -> Result<(), Error> {
        if self.summary.observed == 0 {
            return Err(Error::Empty { what: "the matrix", why: "no entry is observed" });
        }
        if self.summary.norm_squared == 0.0 {
            return Err(Error::Empty { what: "the matrix", why: "every observed entry (or its weight) is zero" });
        }
        Ok(())
    }
}

/// Whether the entries are finite, of the sign that the constraints allow, and within the range of the arithmetic; `first`: the numbers that
/// the first row and column have in the whole matrix.
///
/// # Errors
/// [`Error::NotFinite`], [`Error::Negative`], [`Error::Range`].
pub(super) fn check_entries<T: Real>(data: &Matrix<T>, summary: &Summary, constraints: &Constraints, first: (usize, usize)) -> Result<(), Error> {
    let may_be_negative = constraints.allows_negatives();
    // sums that are finite were made of finite numbers; only otherwise, or where there are weights, look for the entry at fault
    let has_weights = matches!(data, Matrix::Observed(Observed { weights: Some(_), .. }));
    let is_good = (may_be_negative || summary.negatives == 0) && (summary.norm_squared + summary.mean).is_finite() && !has_weights;
    for i in 0..if is_good { 0 } else { data.shape().0 } {
        let row = first.0 + i;
        for (col, value, weight) in data.row_entries(i) {
            let (col, value, weight) = (first.1 + col, value.f64(), weight.f64());
            if !value.is_finite() {
                return Err(Error::NotFinite { what: "the matrix", row, col, value });
            }
            if value < 0.0 && !may_be_negative {
                return Err(Error::Negative { row, col, value });
            }
            if !(weight >= 0.0 && weight.is_finite()) {
                return Err(Error::NotFinite { what: "the weights (non-negative numbers)", row, col, value: weight });
            }
        }
    }
    let largest = summary.max.max(-summary.min);
    if largest > 0.0 && !(T::SMALLEST..=T::LARGEST).contains(&largest) {
        return Err(Error::Range { largest, precision: T::NAME });
    }
    Ok(())
}
