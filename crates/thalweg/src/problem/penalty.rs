//! Penalties on the size of the factors: ½ λ₂ ‖·‖² and λ₁ ‖·‖₁.

use super::constraint::Constraints;
use crate::data::{Matrix, Observed, Summary};
use crate::linalg::{Real, fixed_order_sum};
use crate::{Error, Side};
use serde::{Deserialize, Serialize};

/// λ₂ and λ₁ of one factor.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct FactorPenalty {
    /// λ₂ of ½ λ₂ ‖·‖².
    pub l2: f64,
    /// λ₁ of λ₁ ‖·‖₁, the sum of the entries of a non-negative factor.
    pub l1: f64,
}

/// How the penalty of a factor is shared between its rows: row i pays in proportion to nᵢ^α, the weight nᵢ of its observed entries to an
/// exponent 0 ≤ α ≤ 1, and all rows together pay the same for every α. Where every entry is observed all exponents are the same.
///
/// α = 1 ([`ENTRIES`](Self::ENTRIES)): each entry brings its share of the penalty, so a row with many entries is shrunk as much as a row
/// with few. For completion this is the flat norm ‖D1 X D2‖_* of FM, and the weighted-λ-regularization ("ALS-WR") of Zhou, Wilkinson,
/// Schreiber, Pan (2008). α = 0 ([`EVEN`](Self::EVEN)): rows with few entries are shrunk more, as by one prior for all of them: the nuclear
/// norm. Between them: a nuclear norm with tempered weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct PenaltyScaling {
    exponent: f64,
}

/// One of each kind.
pub const PENALTY_SCALINGS: &[PenaltyScaling] = &[PenaltyScaling::ENTRIES, PenaltyScaling::EVEN, PenaltyScaling { exponent: 0.5 }];

impl PenaltyScaling {
    /// α = 1.
    pub const ENTRIES: PenaltyScaling = PenaltyScaling { exponent: 1.0 };
    /// α = 0.
    pub const EVEN: PenaltyScaling = PenaltyScaling { exponent: 0.0 };

    /// α.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless 0 ≤ α ≤ 1.
    pub fn power(exponent: f64) -> Result<Self, Error> {
        if (0.0..=1.0).contains(&exponent) { Ok(PenaltyScaling { exponent }) } else { Err(Self::refusal(exponent.to_string())) }
    }

    /// α.
    pub fn exponent(self) -> f64 {
        self.exponent
    }

    /// nᵢ^α.
    fn share(self, weight: f64) -> f64 {
        libm::pow(weight, self.exponent)
    }

    fn refusal(got: String) -> Error {
        Error::Parameter { name: "penalty-scaling", expected: "entries, even, or an exponent between 0 and 1".into(), got }
    }
}

impl Default for PenaltyScaling {
    fn default() -> Self {
        PenaltyScaling::ENTRIES
    }
}

/// As given to `--penalty-scaling`.
impl std::fmt::Display for PenaltyScaling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            PenaltyScaling::ENTRIES => f.write_str("entries"),
            PenaltyScaling::EVEN => f.write_str("even"),
            PenaltyScaling { exponent } => write!(f, "{exponent}"),
        }
    }
}

impl std::str::FromStr for PenaltyScaling {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "entries" => Ok(PenaltyScaling::ENTRIES),
            "even" => Ok(PenaltyScaling::EVEN),
            other => other.parse().map_err(|_| Self::refusal(other.into())).and_then(Self::power),
        }
    }
}

/// As records hold it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Name(String),
    Exponent(f64),
}

impl TryFrom<Written> for PenaltyScaling {
    type Error = Error;

    fn try_from(written: Written) -> Result<Self, Error> {
        match written {
            Written::Name(name) => name.parse(),
            Written::Exponent(exponent) => Self::power(exponent),
        }
    }
}

impl From<PenaltyScaling> for Written {
    fn from(scaling: PenaltyScaling) -> Self {
        match scaling {
            PenaltyScaling::ENTRIES | PenaltyScaling::EVEN => Written::Name(scaling.to_string()),
            PenaltyScaling { exponent } => Written::Exponent(exponent),
        }
    }
}

/// What a penalty is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PenaltyUnit {
    /// Data of unit root mean square: see [`Penalty`].
    #[default]
    RootMeanSquare,
    /// The data as they are, q = a = b = 1: what multiplies X by c has to multiply λ₂ by c and λ₁ by c^(3/2) to find the same components.
    /// So scikit-learn means `alpha_W` and `alpha_H`.
    Data,
}

/// A penalty for data of unit root mean square, free of units: with q² = Σ w x² / Σ w, X̃ = X/q, Ũ = U/a, Ṽ = V/b and ab = q,
///
/// ```text
/// q² · ( ½ Σ w (X̃ − ŨṼᵀ)² + Σᵢ sᵢ (½ λ₂ᵘ ‖ũᵢ‖² + λ₁ᵘ ‖ũᵢ‖₁) + Σⱼ tⱼ (½ λ₂ᵛ ‖ṽⱼ‖² + λ₁ᵛ ‖ṽⱼ‖₁) ),   sᵢ ∝ (Σⱼ wᵢⱼ)^α, tⱼ ∝ (Σᵢ wᵢⱼ)^α
/// ```
///
/// with Σᵢ sᵢ = Σⱼ tⱼ = Σ w and α of [`PenaltyScaling`]. So λ means the same for any size, density and unit of the data. The split of q into a
/// and b changes how the scale of a component is shared between its two halves, and neither UVᵀ nor the least penalty of it; b is a power
/// of two, and multiplying X by a power of two multiplies the factors by powers of two. Where every entry is observed, sᵢ = n and
/// tⱼ = m, as scikit-learn scales `alpha_W` and `alpha_H`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Penalty {
    /// On U.
    pub u: FactorPenalty,
    /// On V.
    pub v: FactorPenalty,
    /// How it is shared between rows.
    pub scaling: PenaltyScaling,
    /// What λ is measured in.
    #[serde(default)]
    pub unit: PenaltyUnit,
}

impl Penalty {
    /// The same on both factors, shared by entries.
    pub fn both(l2: f64, l1: f64) -> Self {
        let factor = FactorPenalty { l2, l1 };
        Penalty { u: factor, v: factor, ..Penalty::default() }
    }

    /// Whether it penalises nothing.
    pub fn is_none(&self) -> bool {
        self.u == FactorPenalty::default() && self.v == FactorPenalty::default()
    }

    /// Each λ is finite and not negative, and both factors are penalised or neither: the scale that a penalty takes from one factor
    /// moves to the other, so on one alone it makes U small, V large, and UVᵀ no smaller.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn check(&self) -> Result<(), Error> {
        self.check_numbers()?;
        let is_one_sided = (self.u == FactorPenalty::default()) != (self.v == FactorPenalty::default());
        if is_one_sided {
            let expected = "on both factors: scale moves freely from the one to the other, so on one alone it penalises nothing".into();
            return Err(Error::Parameter { name: "penalty", expected, got: "on one factor alone".into() });
        }
        Ok(())
    }

    /// Each λ is finite and not negative.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn check_numbers(&self) -> Result<(), Error> {
        for (name, value) in [("l2-u", self.u.l2), ("l2-v", self.v.l2), ("l1-u", self.u.l1), ("l1-v", self.v.l1)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::Parameter { name, expected: "a finite number, not negative".into(), got: value.to_string() });
            }
        }
        Ok(())
    }

    /// The same in the units of one data set; the rank only enters the split of the scale between U and V.
    pub fn in_units_of<T: Real>(&self, data: &Matrix<T>, summary: &Summary, rank: usize) -> ScaledPenalty {
        let weights = [Side::U, Side::V].map(|side| row_weights(data, side));
        let shares = [0, 1].map(|at| self.sum_of_shares(&weights[at]));
        self.in_units(summary, fixed_order_sum(&weights[0]), shares, rank)
    }

    /// Σ nᵢ^α over rows of these weights.
    pub(super) fn sum_of_shares(&self, weights: &[f64]) -> f64 {
        fixed_order_sum(&weights.iter().map(|&w| self.scaling.share(w)).collect::<Vec<_>>())
    }

    /// In units of data whose entries have this weight in `total`, by rows and by columns the sums of `shares`.
    pub(super) fn in_units(&self, summary: &Summary, total: f64, shares: [f64; 2], rank: usize) -> ScaledPenalty {
        let q = (summary.norm_squared / total).sqrt();
        if !(q > 0.0 && q.is_finite()) {
            return ScaledPenalty { scaling: self.scaling, ..ScaledPenalty::default() }; // data of zeros have no unit
        }
        // b as in the random start: then both follow the data by the same powers of two
        let level = if summary.negatives == 0 { std::f64::consts::PI * summary.mean / 2.0 } else { q };
        let b = (level / rank as f64).sqrt().log2().floor().exp2();
        let (q, a, b) = match self.unit {
            PenaltyUnit::RootMeanSquare => (q, q / b, b),
            PenaltyUnit::Data => (1.0, 1.0, 1.0),
        };
        // q²/a² = b², q²/a = qb, and the same with a and b exchanged
        let of = |factor: FactorPenalty, other_unit: f64, level: f64| FactorPenalty {
            l2: factor.l2 * level * other_unit * other_unit,
            l1: factor.l1 * level * q * other_unit,
        };
        // brings the total back to that of α = 1
        let [of_u, of_v] = shares.map(|shares| total / shares);
        ScaledPenalty { u: of(self.u, b, of_u), v: of(self.v, a, of_v), scaling: self.scaling, units: (a, b) }
    }
}

/// A penalty in the units of a data set: what a row of a factor pays is nᵢ^α times this, nᵢ being the weight of its observed entries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScaledPenalty {
    /// On the rows of U.
    pub u: FactorPenalty,
    /// On the rows of V.
    pub v: FactorPenalty,
    /// α.
    pub scaling: PenaltyScaling,
    /// a and b, the units of U and V.
    #[serde(default = "no_units")]
    pub units: (f64, f64),
}

fn no_units() -> (f64, f64) {
    (1.0, 1.0)
}

impl Default for ScaledPenalty {
    fn default() -> Self {
        ScaledPenalty { u: FactorPenalty::default(), v: FactorPenalty::default(), scaling: PenaltyScaling::default(), units: no_units() }
    }
}

impl FactorPenalty {
    /// That of a column in other units: λ₂ρ² and λ₁ρ.
    pub fn times(self, ratio: f64) -> Self {
        FactorPenalty { l2: self.l2 * ratio * ratio, l1: self.l1 * ratio }
    }
}

impl ScaledPenalty {
    /// λ₂ and λ₁ of a row of this factor whose entries' weights sum to `weight`.
    pub fn of_row(&self, side: Side, weight: f64) -> FactorPenalty {
        let factor = match side {
            Side::U => self.u,
            Side::V => self.v,
        };
        let share = self.scaling.share(weight);
        FactorPenalty { l2: share * factor.l2, l1: share * factor.l1 }
    }

    /// Whether it penalises nothing.
    pub fn is_none(&self) -> bool {
        self.u == FactorPenalty::default() && self.v == FactorPenalty::default()
    }
}

/// Σ of the weights of each row's observed entries: their number, where there are none.
pub(super) fn row_weights<T: Real>(data: &Matrix<T>, side: Side) -> Vec<f64> {
    let (in_rows, in_cols) = data.observed_counts();
    match data {
        Matrix::Observed(Observed { weights: Some(w), .. }) => {
            let w = w.rows_of(side);
            (0..w.rows()).map(|i| w.row(i).1.iter().map(|w| w.f64()).sum()).collect()
        }
        _ => (if side == Side::U { in_rows } else { in_cols }).into_iter().map(|count| count as f64).collect(),
    }
}

/// What each row of the factors of one problem pays.
#[derive(Debug, Clone)]
pub(super) struct RowPenalties {
    pub(super) scaled: ScaledPenalty,
    u: Vec<FactorPenalty>,
    v: Vec<FactorPenalty>,
    /// Of the columns of U and of V; empty where all are 1.
    ratios: [Vec<f64>; 2],
}

impl RowPenalties {
    /// Of rows and columns whose entries have these weights; none where nothing is penalised.
    pub(super) fn new(weights: &[Vec<f64>; 2], scaled: ScaledPenalty, constraints: &Constraints, rank: usize) -> Option<Self> {
        let rows = |side| weights[usize::from(side == Side::V)].iter().map(|&weight| scaled.of_row(side, weight)).collect();
        let ratios = [Side::U, Side::V].map(|side| constraints.penalty_ratios(side, rank, &scaled));
        (!scaled.is_none()).then(|| RowPenalties { scaled, u: rows(Side::U), v: rows(Side::V), ratios })
    }

    /// What the penalties of the columns of this factor are multiplied by: see [`FactorPenalty::times`]. Empty where all are 1.
    pub(super) fn ratios(&self, side: Side) -> &[f64] {
        &self.ratios[usize::from(side == Side::V)]
    }

    /// Of each row of this factor.
    pub(super) fn side(&self, side: Side) -> &[FactorPenalty] {
        match side {
            Side::U => &self.u,
            Side::V => &self.v,
        }
    }

    /// Σ ½ λ₂ ‖x‖² + λ₁ Σ x over these rows of this factor, with the number of the first.
    pub(super) fn value<T: Real>(&self, side: Side, first: usize, rows: &[T], rank: usize) -> f64 {
        let (penalties, ratios) = (&self.side(side)[first..], self.ratios(side));
        let of_row = |(row, p): (&[T], &FactorPenalty)| {
            let in_units = |(k, x): (usize, &T)| x.f64() * ratios.get(k).unwrap_or(&1.0);
            let (squares, sum) = row.iter().enumerate().map(in_units).fold((0.0, 0.0), |(q, s), x| (q + x * x, s + x));
            0.5 * p.l2 * squares + p.l1 * sum
        };
        fixed_order_sum(&rows.chunks_exact(rank).zip(penalties).map(of_row).collect::<Vec<_>>())
    }
}
