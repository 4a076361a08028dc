//! What the rows of a factor may be, and which of its columns are given.

use super::penalty::ScaledPenalty;
use crate::linalg::{Real, project_onto_simplex};
use crate::{Error, Factors, Side};
use serde::{Deserialize, Serialize};

/// Where the rows of a factor lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowSet {
    /// u ≥ 0.
    #[default]
    NonNegative,
    /// u ≥ 0 and Σ u = 1: shares, such as the abundances of hyperspectral unmixing.
    SumToOne,
    /// Any numbers.
    Free,
}

/// Every set.
pub const ROW_SETS: &[RowSet] = &[RowSet::NonNegative, RowSet::SumToOne, RowSet::Free];

impl RowSet {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            RowSet::NonNegative => "non-negative",
            RowSet::SumToOne => "sum to one",
            RowSet::Free => "free",
        }
    }

    /// The least value of an entry.
    pub fn floor(self) -> f64 {
        if self == RowSet::Free { f64::NEG_INFINITY } else { 0.0 }
    }
}

/// Columns of a factor that are known and held.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GivenColumns {
    /// Which components.
    pub components: Vec<usize>,
    /// A row of theirs for each row of the factor, row-major.
    pub values: Vec<f64>,
}

/// The constraint of one factor.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FactorConstraint {
    /// Where the rows lie.
    pub rows: RowSet,
    /// What of them is given.
    pub given: GivenColumns,
}

/// The constraints of both factors; by default U, V ≥ 0 and nothing is given.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Constraints {
    /// Of U.
    pub u: FactorConstraint,
    /// Of V.
    pub v: FactorConstraint,
}

/// By how much the sum of a row that sums to one may be off.
const SUM_TOLERANCE: f64 = 1e-5;

const SUM_EXPECTED: &str = "the entries of this row are to sum to one";

impl FactorConstraint {
    /// Whether component k is free to move.
    pub fn is_free(&self, k: usize) -> bool {
        !self.given.components.contains(&k)
    }

    /// Components that are free to move.
    pub fn free(&self, rank: usize) -> Vec<usize> {
        (0..rank).filter(|&k| self.is_free(k)).collect()
    }

    /// Whether it says no more than u ≥ 0.
    pub fn is_plain(&self) -> bool {
        self.rows == RowSet::NonNegative && self.given.components.is_empty()
    }

    /// Root mean square of the column that is given for component k.
    pub(crate) fn size(&self, k: usize) -> Option<f64> {
        let at = self.given.components.iter().position(|&c| c == k)?;
        let width = self.given.components.len();
        let count = self.given.values.len() / width;
        let squares: f64 = self.given.values.iter().skip(at).step_by(width).map(|x| x * x).sum();
        Some((squares / count as f64).sqrt())
    }

    fn check(&self, side: Side, rows: usize, rank: usize) -> Result<(), Error> {
        let GivenColumns { components, values } = &self.given;
        let what = if side == Side::U { "the given columns of U" } else { "the given columns of V" };
        if components.is_empty() {
            return Ok(());
        }
        let width = components.len();
        if values.len() != rows * width || components.iter().any(|&k| k >= rank) {
            return Err(Error::Shape { what, expected: (rows, width.min(rank)), got: (values.len() / width, width) });
        }
        if self.rows == RowSet::SumToOne {
            let expected = "of the factor whose rows do not sum to one: what is given would leave the others a different sum in each row".into();
            return Err(Error::Parameter { name: "a given column", expected, got: "one of the other factor".into() });
        }
        for (at, &value) in values.iter().enumerate() {
            let (row, col) = (at / width, at % width);
            if !value.is_finite() {
                return Err(Error::NotFinite { what, row, col, value });
            }
            if value < self.rows.floor() {
                return Err(Error::Outside { what, row, col, value, expected: "columns of a non-negative factor are not below zero" });
            }
        }
        Ok(())
    }
}

impl Constraints {
    /// Of one factor.
    pub fn side(&self, side: Side) -> &FactorConstraint {
        match side {
            Side::U => &self.u,
            Side::V => &self.v,
        }
    }

    /// Whether they say no more than U, V ≥ 0.
    pub fn is_plain(&self) -> bool {
        self.u.is_plain() && self.v.is_plain()
    }

    /// Whether a product may be negative.
    pub fn allows_negatives(&self) -> bool {
        self.u.rows == RowSet::Free || self.v.rows == RowSet::Free
    }

    /// Whether no component can pass scale from one of its halves to the other.
    pub fn fix_the_scale(&self, rank: usize) -> bool {
        let sums = [&self.u, &self.v].iter().any(|c| c.rows == RowSet::SumToOne);
        sums || (0..rank).all(|k| !self.u.is_free(k) || !self.v.is_free(k))
    }

    /// Whether they make sense for factors of this shape.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`] or [`Error::Outside`] for given columns, [`Error::Parameter`] for constraints that exclude
    /// one another.
    pub fn check(&self, (rows, cols, rank): (usize, usize, usize)) -> Result<(), Error> {
        if self.u.rows == RowSet::SumToOne && self.v.rows == RowSet::SumToOne {
            let expected = "for one factor: with both, no entry of the product exceeds 1".into();
            return Err(Error::Parameter { name: "sum-to-one", expected, got: "asked of both".into() });
        }
        self.u.check(Side::U, rows, rank)?;
        self.v.check(Side::V, cols, rank)
    }

    /// What the penalty of each column of a factor is to be multiplied by: λ₂ by ρ², λ₁ by ρ. Empty where all are 1.
    ///
    /// ρ = 0 for a given column, which pays nothing. A component with a half of known size s (the root mean square of a given column; 1 where
    /// rows sum to one) has the other half in units of q/s, so that its penalty, too, is that of data of unit root mean square.
    pub(crate) fn penalty_ratios(&self, side: Side, rank: usize, penalty: &ScaledPenalty) -> Vec<f64> {
        if self.is_plain() || penalty.is_none() {
            return Vec::new();
        }
        let (own, other) = (self.side(side), self.side(side.other()));
        // q² / own unit² is what λ₂ is multiplied by; `penalty` has it for the usual units a, b with ab = q
        let (own_unit, other_unit) = if side == Side::U { penalty.units } else { (penalty.units.1, penalty.units.0) };
        let ratio = |k: usize| {
            if !own.is_free(k) {
                0.0
            } else if own.rows == RowSet::SumToOne {
                own_unit
            } else if other.rows == RowSet::SumToOne {
                1.0 / other_unit
            } else {
                other.size(k).map_or(1.0, |size| size / other_unit)
            }
        };
        (0..rank).map(ratio).collect()
    }

    /// Puts the given columns in, and brings rows that are to sum to one to that sum; rows of zeros stay.
    pub fn impose<T: Real>(&self, factors: &mut Factors<T>) {
        let rank = factors.rank();
        let (u, v) = factors.split_mut();
        for (rows, constraint) in [(u, &self.u), (v, &self.v)] {
            let GivenColumns { components, values } = &constraint.given;
            if !components.is_empty() {
                for (row, given) in rows.chunks_exact_mut(rank).zip(values.chunks_exact(components.len())) {
                    components.iter().zip(given).for_each(|(&k, &x)| row[k] = T::of(x));
                }
            }
            if constraint.rows == RowSet::SumToOne {
                for row in rows.chunks_exact_mut(rank) {
                    let sum: f64 = row.iter().map(|x| x.f64()).sum();
                    if sum > 0.0 {
                        row.iter_mut().for_each(|x| *x = T::of(x.f64() / sum));
                    }
                }
            }
        }
    }

    /// The nearest rows that are allowed, in place; given columns are taken to be right, rows of zeros stay.
    pub(crate) fn project<T: Real>(&self, side: Side, rows: &mut [T], rank: usize) {
        match self.side(side).rows {
            RowSet::NonNegative => rows.iter_mut().for_each(|x| *x = x.larger(T::of(0.0))),
            RowSet::Free => {}
            RowSet::SumToOne => {
                let mut wide = vec![0.0; rank];
                for row in rows.chunks_exact_mut(rank).filter(|row| row.iter().any(|x| x.f64() != 0.0)) {
                    wide.iter_mut().zip(&*row).for_each(|(to, from)| *to = from.f64());
                    project_onto_simplex(&mut wide);
                    row.iter_mut().zip(&wide).for_each(|(to, &from)| *to = T::of(from));
                }
            }
        }
    }

    /// Whether factors are finite and lie where they must. Given columns may be rounded to single precision.
    ///
    /// `counts`: observed entries in each row and each column, as [`Matrix::observed_counts`](crate::data::Matrix::observed_counts) has them.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::Outside`].
    pub fn check_factors<T: Real>(&self, counts: &(Vec<usize>, Vec<usize>), factors: &Factors<T>, what: [&'static str; 2]) -> Result<(), Error> {
        let rank = factors.rank();
        for (side, what) in [(Side::U, what[0]), (Side::V, what[1])] {
            let rows = factors.side(side);
            self.check_side(side, rows, rank, what)?;
            if self.side(side).rows == RowSet::SumToOne {
                let counts = if side == Side::U { &counts.0 } else { &counts.1 };
                let is_empty = |row: &[T]| row.iter().all(|x| x.f64() == 0.0);
                if let Some(row) = rows.chunks_exact(rank).zip(counts).position(|(row, &count)| count > 0 && is_empty(row)) {
                    return Err(Error::Outside { what, row, col: 0, value: 0.0, expected: SUM_EXPECTED });
                }
            }
        }
        Ok(())
    }

    /// The same of one factor; rows of zeros stand for rows without an entry.
    ///
    /// # Errors
    /// As [`Constraints::check_factors`].
    pub fn check_side<T: Real>(&self, side: Side, rows: &[T], rank: usize, what: &'static str) -> Result<(), Error> {
        let FactorConstraint { rows: set, given: GivenColumns { components, values } } = self.side(side);
        for (row, entries) in rows.chunks_exact(rank).enumerate() {
            let outside = |col: usize, expected| Err(Error::Outside { what, row, col, value: entries[col].f64(), expected });
            for (col, value) in entries.iter().map(|x| x.f64()).enumerate() {
                if !value.is_finite() {
                    return Err(Error::NotFinite { what, row, col, value });
                }
                if value < set.floor() {
                    return outside(col, "entries of non-negative factors are not below zero");
                }
            }
            let sum: f64 = entries.iter().map(|x| x.f64()).sum();
            if *set == RowSet::SumToOne && sum != 0.0 && (sum - 1.0).abs() > SUM_TOLERANCE {
                return outside(0, SUM_EXPECTED);
            }
            for (&k, &given) in components.iter().zip(values.iter().skip(row * components.len())) {
                let value = entries[k].f64();
                if value != given && value != f64::from(given as f32) {
                    return outside(k, "a given column keeps the values that were given");
                }
            }
        }
        Ok(())
    }

    /// In words; nothing where there is nothing beyond U, V ≥ 0.
    pub fn in_words(&self) -> Option<String> {
        let of = |name: &str, c: &FactorConstraint| {
            let rows = match c.rows {
                RowSet::NonNegative => None,
                RowSet::SumToOne => Some(format!("rows of {name} are non-negative and sum to one")),
                RowSet::Free => Some(format!("{name} has entries of either sign")),
            };
            let count = c.given.components.len();
            let given = (count > 0).then(|| format!("{count} column{} of {name} given", if count == 1 { "" } else { "s" }));
            [rows, given]
        };
        let said: Vec<String> = of("U", &self.u).into_iter().chain(of("V", &self.v)).flatten().collect();
        (!said.is_empty()).then(|| said.join(", "))
    }
}
