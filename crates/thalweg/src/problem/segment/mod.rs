//! The exact loss on the straight line between two factorisations.
//!
//! With (U, V) = (U₀ + t D, V₀ + t E) the residual is W₀ + t W₁ + t² W₂, so the loss is a quartic in t:
//!
//! ```text
//! W₀ = U₀V₀ᵀ − X,  W₁ = D V₀ᵀ + U₀ Eᵀ,  W₂ = D Eᵀ
//! ℓ(t) = ½‖W₀‖² + t ⟨W₀,W₁⟩ + t² (½‖W₁‖² + ⟨W₀,W₂⟩) + t³ ⟨W₁,W₂⟩ + t⁴ ½‖W₂‖²
//! ```
//!
//! in the inner product ⟨A,B⟩ = Σ w A B over the observed entries. Source: Bjorck, Gomes, Weinberger (2020), eqs. (3)–(6) and (9); we keep
//! the factor ½ and do not divide by the number of entries.
//!
//! Three routes: a fast one from the Gram matrices (or entrywise products) of the end points; for the lines on which its error bound leaves
//! a verdict open, one from the residuals of dense data; and where that is not enough, one from the differences D, E in twice the precision.

mod accurate;
mod direct;
mod full;
mod observed;
mod scaling;

use crate::data::Matrix;
use crate::linalg::Polynomial;
use crate::{Error, Factors, Side};
use scaling::{Family, Scaling};

/// End points whose products are held at the same time: bounds the memory at that of so many factors.
const ENDS_TOGETHER: usize = 128;

/// The end values of a single line are computed to this relative accuracy.
const END_VALUE_ACCURACY: f64 = 1e-6;

/// Products near this size relative to the largest are lost to underflow, in the low parts first.
const UNDERFLOW: f64 = 1e-270;

/// What the routes need of the data besides its entries.
struct Facts {
    /// Largest |x|.
    largest: f64,
    /// Largest w; 0 where nothing is observed.
    weight: f64,
    /// √(Σ w x²).
    norm: f64,
}

impl Facts {
    fn of(data: &Matrix<f64>) -> Result<Facts, Error> {
        let (mut largest, mut weight) = (0.0f64, 0.0f64);
        let entries = || (0..data.shape().0).flat_map(|row| data.row_entries(row).map(move |(col, x, w)| (row, col, x, w)));
        for (row, col, value, w) in entries() {
            if !value.is_finite() {
                return Err(Error::NotFinite { what: "the matrix", row, col, value });
            }
            if !(w >= 0.0 && w.is_finite()) {
                return Err(Error::NotFinite { what: "the weights (non-negative numbers)", row, col, value: w });
            }
            (largest, weight) = (largest.max(value.abs()), weight.max(w));
        }
        if data.has_unstored_zeros() {
            weight = 1.0;
        }
        // squares of x / largest stay in range
        let squares = if largest > 0.0 { entries().map(|(_, _, x, w)| w * (x / largest).powi(2)).sum::<f64>() } else { 0.0 };
        Ok(Facts { largest, weight, norm: largest * squares.sqrt() })
    }
}

/// Bounds Tₖ ≥ ‖ |Wₖ| ‖ on the residual's parts with every term taken by its absolute value:
/// Σₖ‖uₖ‖‖vₖ‖ bounds the norm of Σₖ |uₖ||vₖ|ᵀ.
struct Sizes([f64; 3]);

impl Sizes {
    /// Bounds on the rounding errors of c₀ … c₄ when every inner product ⟨Wᵢ,Wⱼ⟩ is known to within `relative`·Tᵢ Tⱼ.
    fn errors(&self, relative: f64) -> [f64; 5] {
        let term = |i: usize, j: usize| match (self.0[i], self.0[j]) {
            (a, b) if a == 0.0 || b == 0.0 => 0.0,
            (a, b) => relative * a * b + UNDERFLOW,
        };
        [0.5 * term(0, 0), term(0, 1), 0.5 * term(1, 1) + term(0, 2), term(1, 2), 0.5 * term(2, 2)]
    }
}

/// Σₖ aₖ bₖ of column norms, not 0 by underflow.
fn size(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).filter(|&(&a, &b)| a > 0.0 && b > 0.0).map(|(&a, &b)| (a * b).max(f64::MIN_POSITIVE)).sum()
}

/// Additions in the longest chain of a sum that goes over both factors.
fn longest_chain(data: &Matrix<f64>, rank: usize) -> f64 {
    let (m, n) = data.shape();
    let depth = match data {
        Matrix::Observed(_) => m + n + rank,
        Matrix::Dense(_) | Matrix::Sparse(_) => (m + n) * rank + rank * rank,
        // the errors of two sums: that over everything, and that over what is hidden
        Matrix::AllBut(_) => 2 * ((m + n) * rank + rank * rank),
    };
    (depth + 32) as f64
}

fn check_points<'a>(data: &Matrix<f64>, points: impl Iterator<Item = &'a Factors>) -> Result<usize, Error> {
    let (m, n) = data.shape();
    let mut rank = None;
    for p in points {
        let r = *rank.get_or_insert(p.rank());
        if r == 0 {
            return Err(Error::Rank { rank: 0, rows: m, cols: n });
        }
        if (p.rows(), p.rank()) != (m, r) {
            return Err(Error::Shape { what: "u", expected: (m, r), got: (p.rows(), p.rank()) });
        }
        if p.cols() != n {
            return Err(Error::Shape { what: "v", expected: (n, r), got: (p.cols(), p.rank()) });
        }
        if let Some((side, row, col)) = p.first_not_finite() {
            let what = if side == Side::U { "u" } else { "v" };
            return Err(Error::NotFinite { what, row, col, value: p.side(side)[row * r + col] });
        }
    }
    Ok(rank.unwrap_or(0))
}

/// That points and data fit together and are finite: what every exact instrument asks for.
pub(crate) fn check_inputs<'a>(data: &Matrix<f64>, points: impl Iterator<Item = &'a Factors>) -> Result<(), Error> {
    check_points(data, points)?;
    Facts::of(data).map(|_| ())
}

/// Whether every verdict on the line can be read off the coefficients.
fn is_decided(p: &Polynomial) -> bool {
    [p.is_convex_on_unit_interval(), p.is_convex(), p.is_star_towards_one(), p.descends_at_zero()].iter().all(Option::is_some)
}

fn has_accurate_ends(p: &Polynomial) -> bool {
    [0.0, 1.0].iter().all(|&t| p.value_error(t) <= END_VALUE_ACCURACY * p.value(t))
}

/// ½ Σ w (X − UVᵀ)² on the segment from `a` (t = 0) to `b` (t = 1): five coefficients with bounds on their rounding errors.
///
/// `a`, `b`: U m×r, V n×r, entries of any sign. Entries of [`Matrix::Observed`] that are not stored are not read; with none stored the
/// polynomial is 0. Scaling U, V, X by powers of two scales the coefficients exactly.
///
/// Cost: O((m+n)r²) and one product of X with V for full data, one pass over the entries for observed data; many times that where the
/// line is evaluated in twice the precision, because a verdict or the sixth digit of an end value depends on it.
///
/// # Errors
/// [`Error::Shape`], [`Error::NotFinite`] for the points and the data, [`Error::Rank`] for factors without columns.
pub fn segment(data: &Matrix<f64>, a: &Factors, b: &Factors) -> Result<Polynomial, Error> {
    let rank = check_points(data, [a, b].into_iter())?;
    let facts = Facts::of(data)?;
    match fast(data, &facts, std::slice::from_ref(a), std::slice::from_ref(b), rank).pop().flatten() {
        Some(p) if is_decided(&p) && has_accurate_ends(&p) => Ok(p),
        _ => Ok(careful(data, &facts, a, b)),
    }
}

/// The line from its residuals where they can be formed, in twice the precision where that leaves a verdict open.
fn careful(data: &Matrix<f64>, facts: &Facts, a: &Factors, b: &Factors) -> Polynomial {
    let (full, hidden) = data.full_and_hidden();
    if let Matrix::Dense(x) = full
        && Scaling::of([a, b].into_iter(), a.rank(), facts).is_moderate()
    {
        let p = direct::segment(x, hidden, facts, a, b);
        if is_decided(&p) && has_accurate_ends(&p) {
            return p;
        }
    }
    accurate::segment(data, facts, a, b)
}

/// [`segment`] from every start (t = 0) to every end (t = 1): the line from start q to end p is element p·Q + q, of P·Q.
///
/// Full data: O((m+n)r²PQ) in matrix products, X·V once for each point. Observed data: one pass over the entries. The bits do not depend on
/// the number of threads, nor on which lines are asked for together. All points are copied once, where entries are observed only the factors
/// of the shorter side. Lines on which a verdict depends on more digits are recomputed one by one.
///
/// # Errors
/// As [`segment`].
pub fn all_segments(data: &Matrix<f64>, starts: &[Factors], ends: &[Factors]) -> Result<Vec<Polynomial>, Error> {
    let rank = check_points(data, starts.iter().chain(ends))?;
    let facts = Facts::of(data)?;
    let mut lines = Vec::with_capacity(starts.len() * ends.len());
    if starts.is_empty() {
        return Ok(lines);
    }
    for ends in ends.chunks(ENDS_TOGETHER) {
        let pairs = ends.iter().flat_map(|b| starts.iter().map(move |a| (a, b)));
        for (p, (a, b)) in fast(data, &facts, starts, ends, rank).into_iter().zip(pairs) {
            lines.push(match p {
                Some(p) if is_decided(&p) => p,
                _ => careful(data, &facts, a, b),
            });
        }
    }
    Ok(lines)
}

/// All lines from the products of the end points. None where the magnitudes are beyond what plain products bear.
fn fast(data: &Matrix<f64>, facts: &Facts, starts: &[Factors], ends: &[Factors], rank: usize) -> Vec<Option<Polynomial>> {
    let scaling = Scaling::of(starts.iter().chain(ends), rank, facts);
    if !scaling.is_moderate() {
        return vec![None; starts.len() * ends.len()];
    }
    let [start_lanes, end_lanes] = match data {
        Matrix::Observed(_) | Matrix::AllBut(_) => [observed::LANES, observed::end_lanes(ends.len())],
        Matrix::Dense(_) | Matrix::Sparse(_) => [1, 1],
    };
    let (starts, ends) = (Family::new(starts, &scaling, start_lanes), Family::new(ends, &scaling, end_lanes));
    let quartics = match data.full_and_hidden() {
        (Matrix::Observed(x), _) => observed::quartics(x, &scaling, &starts, &ends),
        (full, hidden) => {
            let mut lines = full::quartics(full, scaling.of_x(facts.norm), &scaling, &starts, &ends);
            let too_much = hidden.map_or(Vec::new(), |hidden| observed::quartics(hidden, &scaling, &starts, &ends));
            for (line, hidden) in lines.iter_mut().zip(too_much) {
                line.iter_mut().zip(hidden).for_each(|(c, h)| *c -= h);
            }
            lines
        }
    };
    let relative = f64::EPSILON * longest_chain(data, rank);
    let (of_starts, of_ends) = (starts.norms(), ends.norms());
    let pairs = of_ends.iter().flat_map(|p| of_starts.iter().map(move |q| (p, q)));
    let lines = quartics.into_iter().zip(pairs).map(|(coefficients, (p, q))| {
        let errors = fast_sizes(facts, &scaling, q, p).errors(relative);
        Some(scaling.polynomial(coefficients, errors))
    });
    lines.collect()
}

/// Here W₁ = U_p V_qᵀ + U_q V_pᵀ − 2 U_q V_qᵀ and W₂ = U_p V_pᵀ − U_p V_qᵀ − U_q V_pᵀ + U_q V_qᵀ are summed term by term.
fn fast_sizes(facts: &Facts, scaling: &Scaling, [u_q, v_q]: &[Vec<f64>; 2], [u_p, v_p]: &[Vec<f64>; 2]) -> Sizes {
    let root_weight = facts.weight.sqrt();
    let size = |u: &[f64], v: &[f64]| root_weight * size(u, v);
    let (pp, pq, qp, qq) = (size(u_p, v_p), size(u_p, v_q), size(u_q, v_p), size(u_q, v_q));
    Sizes([qq + scaling.of_x(facts.norm), pq + qp + 2.0 * qq, pp + pq + qp + qq])
}
