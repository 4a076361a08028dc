//! Polynomials in one variable with bounds on the rounding errors of their coefficients.

use super::power_of_two::scale;

/// Σ cₖ tᵏ · 2^exponent, lowest power first.
///
/// Values, roots and extrema are those of Σ cₖ tᵏ: multiply values by 2^exponent where they are to be compared with another one's.
#[derive(Debug, Clone, PartialEq)]
pub struct Polynomial {
    /// cₖ.
    pub coefficients: Vec<f64>,
    /// A bound on the absolute rounding error of each cₖ.
    pub error: Vec<f64>,
    /// 0 unless the true values leave the range of f64.
    pub exponent: i32,
}

/// Covers the rounding of a derivative and of one evaluation, relative to each term.
const EVALUATION: f64 = 4.0 * f64::EPSILON;

/// Σ cₖ tᵏ.
fn horner(c: &[f64], t: f64) -> f64 {
    c.iter().rev().fold(0.0, |value, &c| value * t + c)
}

fn derivative(c: &[f64]) -> Vec<f64> {
    c.iter().enumerate().skip(1).map(|(k, &c)| k as f64 * c).collect()
}

/// The zero of a continuous function between two points where its signs differ.
fn bisect(c: &[f64], mut low: f64, mut high: f64) -> f64 {
    let falls = horner(c, low) > 0.0;
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if (horner(c, middle) > 0.0) == falls {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// Zeros in the open interval (0, 1), ascending: between neighbouring critical points the polynomial is monotone, so each sign change
/// brackets exactly one zero. Double zeros may be missed; no extremum of the integral lies there.
fn zeros(c: &[f64]) -> Vec<f64> {
    let inside = |t: &f64| 0.0 < *t && *t < 1.0;
    match c {
        [] | [_] => vec![],
        &[c0, c1] => Some(-c0 / c1).filter(inside).into_iter().collect(),
        _ => {
            let mut ends = zeros(&derivative(c));
            let mut found: Vec<f64> = ends.iter().copied().filter(|&t| horner(c, t) == 0.0).collect();
            ends.insert(0, 0.0);
            ends.push(1.0);
            let sign = |t: f64| horner(c, t).partial_cmp(&0.0);
            let changes = |e: &&[f64]| sign(e[0]) == sign(e[1]).map(std::cmp::Ordering::reverse) && sign(e[0]) != Some(std::cmp::Ordering::Equal);
            found.extend(ends.windows(2).filter(changes).map(|e| bisect(c, e[0], e[1])));
            found.sort_by(f64::total_cmp);
            found
        }
    }
}

/// Where Σ cₖ tᵏ is least on [0, 1], and its value there; the smallest such t among equals.
fn least(c: &[f64]) -> (f64, f64) {
    let mut best = (0.0, horner(c, 0.0));
    for t in zeros(&derivative(c)).into_iter().chain([1.0]) {
        let value = horner(c, t);
        if value < best.1 {
            best = (t, value);
        }
    }
    best
}

/// Whether a − b·t + c·t² ≥ 0 for all t ≥ 0. The vertex value a − b²/(4c) is formed without b², which might leave the range.
fn stays_above_zero(a: f64, b: f64, c: f64) -> bool {
    a >= 0.0 && c >= 0.0 && (b <= 0.0 || (c > 0.0 && b / c * (0.25 * b) <= a))
}

impl Polynomial {
    /// The value at t.
    pub fn value(&self, t: f64) -> f64 {
        horner(&self.coefficients, t)
    }

    /// A bound on |rounding error| of the value for 0 ≤ t ≤ 1.
    pub fn value_error(&self, t: f64) -> f64 {
        let terms: f64 = self.coefficients.iter().enumerate().map(|(k, c)| c.abs() * t.powi(k as i32)).sum();
        horner(&self.error, t) + EVALUATION * terms
    }

    /// p′.
    pub fn derivative(&self) -> Polynomial {
        Polynomial { coefficients: derivative(&self.coefficients), error: derivative(&self.error), exponent: self.exponent }
    }

    /// p″.
    pub fn curvature(&self) -> Polynomial {
        self.derivative().derivative()
    }

    /// t → p(1 − t).
    pub fn reversed(&self) -> Polynomial {
        let mut reversed = self.clone();
        reversed.coefficients.fill(0.0);
        reversed.error.fill(0.0);
        for (k, (&c, &e)) in self.coefficients.iter().zip(&self.error).enumerate() {
            let mut binomial = 1.0;
            for j in 0..=k {
                let sign = if j % 2 == 0 { 1.0 } else { -1.0 };
                reversed.coefficients[j] += sign * binomial * c;
                reversed.error[j] += binomial * (e + EVALUATION * c.abs());
                binomial *= (k - j) as f64 / (j + 1) as f64;
            }
        }
        reversed
    }

    /// (t·p′(t) − p(t) + p(0)) / t² = Σ_{k≥2} (k − 1) cₖ tᵏ⁻²: not negative where the tangent at t lies below p(0).
    pub fn star_margin(&self) -> Polynomial {
        let weigh = |c: &[f64]| c.iter().enumerate().skip(2).map(|(k, &c)| (k - 1) as f64 * c).collect();
        Polynomial { coefficients: weigh(&self.coefficients), error: weigh(&self.error), exponent: self.exponent }
    }

    /// The least value on [0, 1] and where it is taken (the smallest t among equals): (t, value). Closed form up to degree 2.
    pub fn least(&self) -> (f64, f64) {
        least(&self.coefficients)
    }

    /// max over [0, 1] of p minus the larger end value, at least 0.
    pub fn barrier(&self) -> f64 {
        // without c₀ the height above the start keeps its digits
        let mut below: Vec<f64> = self.coefficients.iter().map(|c| -c).collect();
        if let Some(c0) = below.first_mut() {
            *c0 = 0.0;
        }
        let end = -horner(&below, 1.0);
        (-least(&below).1 - end.max(0.0)).max(0.0)
    }

    /// The coefficients lowered and raised by their error bounds.
    fn envelope(&self) -> (Vec<f64>, Vec<f64>) {
        let bounds = self.coefficients.iter().zip(&self.error).map(|(&c, &e)| {
            let e = e + EVALUATION * c.abs();
            (c - e, c + e)
        });
        bounds.unzip()
    }

    /// p ≥ 0 on [0, 1]; none where the rounding errors of the coefficients leave it open.
    pub fn is_nonnegative_on_unit_interval(&self) -> Option<bool> {
        let (lower, upper) = self.envelope();
        if least(&lower).1 >= 0.0 {
            Some(true)
        } else if least(&upper).1 < 0.0 {
            Some(false)
        } else {
            None
        }
    }

    /// p ≥ 0 on all of R, for a polynomial of degree at most 2; none where rounding leaves it open.
    pub fn is_nonnegative(&self) -> Option<bool> {
        debug_assert!(self.coefficients.len() <= 3);
        let term = |k: usize| match (self.coefficients.get(k), self.error.get(k)) {
            (Some(&c), Some(&e)) => (c, e + EVALUATION * c.abs()),
            _ => (0.0, 0.0),
        };
        let ((a, ea), (b, eb), (c, ec)) = (term(0), term(1), term(2));
        // by symmetry the worse side of 0 is the one on which the linear term falls
        if stays_above_zero(a - ea, b.abs() + eb, c - ec) {
            Some(true)
        } else if !stays_above_zero(a + ea, b.abs() - eb, c + ec) {
            Some(false)
        } else {
            None
        }
    }

    /// p″ ≥ 0 on [0, 1].
    pub fn is_convex_on_unit_interval(&self) -> Option<bool> {
        self.curvature().is_nonnegative_on_unit_interval()
    }

    /// p″ ≥ 0 on R, for a quartic.
    pub fn is_convex(&self) -> Option<bool> {
        self.curvature().is_nonnegative()
    }

    /// p(1) ≥ p(t) + p′(t)(1 − t) for all t in [0, 1].
    pub fn is_star_towards_one(&self) -> Option<bool> {
        self.reversed().star_margin().is_nonnegative_on_unit_interval()
    }

    /// p′(0) ≤ 0.
    pub fn descends_at_zero(&self) -> Option<bool> {
        let slope = Polynomial { coefficients: vec![-self.coefficients[1]], error: vec![self.error[1]], exponent: self.exponent };
        slope.is_nonnegative()
    }

    /// The same polynomial with exponent 0 where that loses nothing, sixteen times its coefficients being in range too.
    pub fn with_least_exponent(self) -> Polynomial {
        let fits = |&c: &f64| {
            let scaled = scale(c, self.exponent);
            (16.0 * scaled).is_finite() && scale(scaled, -self.exponent) == c
        };
        if !self.coefficients.iter().all(fits) {
            return self;
        }
        let coefficients = self.coefficients.iter().map(|&c| scale(c, self.exponent)).collect();
        // an error bound must not round to zero
        let error = self.error.iter().map(|&e| if e == 0.0 { 0.0 } else { scale(e, self.exponent) + f64::from_bits(1) }).collect();
        Polynomial { coefficients, error, exponent: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polynomial(coefficients: &[f64], error: f64) -> Polynomial {
        Polynomial { coefficients: coefficients.to_vec(), error: vec![error; coefficients.len()], exponent: 0 }
    }

    #[test]
    fn zeros_of_a_product_of_linear_factors() {
        // (t − .1)(t − .5)(t − .9)(t − 3)
        let c = [0.135, -1.815, 5.09, -4.5, 1.0].map(|c: f64| c);
        let (expected, found) = ([0.1, 0.5, 0.9], zeros(&c));
        assert_eq!(found.len(), 3);
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-14), "{found:?}");
        assert_eq!(zeros(&[0.0, 0.0, 0.0]), Vec::<f64>::new());
    }

    #[test]
    fn reversing_twice_changes_nothing() {
        let p = polynomial(&[1.0, -2.0, 0.5, 3.0, 0.25], 0.0);
        for t in [0.0, 0.3, 1.0] {
            assert!((p.reversed().value(t) - p.value(1.0 - t)).abs() < 1e-14);
        }
        assert_eq!(p.reversed().reversed().coefficients, p.coefficients);
    }

    #[test]
    fn least_value_and_barrier() {
        let counterexample = polynomial(&[0.0, 0.0, 0.5, -1.0, 0.5], 0.0); // ½ (t(1 − t))²
        assert_eq!(counterexample.barrier(), 1.0 / 32.0);
        assert_eq!(counterexample.curvature().least(), (0.5, -0.5));
        assert_eq!(polynomial(&[4.0, 0.0, 0.0, 0.0, 0.0], 0.0).barrier(), 0.0);
    }

    #[test]
    fn an_open_sign_is_left_open() {
        assert_eq!(polynomial(&[1.0, -2.0, 1.0 + 1e-9], 1e-12).is_nonnegative(), Some(true));
        assert_eq!(polynomial(&[1.0, -2.0, 1.0 - 1e-9], 1e-12).is_nonnegative(), Some(false));
        assert_eq!(polynomial(&[1.0, -2.0, 1.0 - 1e-9], 1e-8).is_nonnegative(), None);
        assert_eq!(polynomial(&[1.0, -2.0, 1.0], 1e-12).is_nonnegative_on_unit_interval(), None);
        assert_eq!(polynomial(&[0.0, 0.0, 0.0], 0.0).is_nonnegative_on_unit_interval(), Some(true));
        assert_eq!(polynomial(&[1.0, 4.0, 0.0], 0.0).is_nonnegative(), Some(false));
        assert_eq!(polynomial(&[1.0, 4.0, 0.0], 0.0).is_nonnegative_on_unit_interval(), Some(true));
    }

    #[test]
    fn exponent_goes_only_where_nothing_is_lost() {
        let p = Polynomial { coefficients: vec![1.0, 0.0, -3.0], error: vec![1e-16; 3], exponent: 100 };
        assert_eq!(p.clone().with_least_exponent().coefficients[2], -3.0 * f64::powi(2.0, 100));
        for exponent in [1023, -1080] {
            let p = Polynomial { exponent, ..p.clone() };
            assert_eq!(p.clone().with_least_exponent(), p);
        }
    }
}
