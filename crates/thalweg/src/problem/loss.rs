//! What a fit makes small: the β-divergence, of which least squares, Kullback–Leibler and Itakura–Saito are the named members.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The β-divergence Σ w d_β(x | p) of the data x from the product p = (UVᵀ):
///
/// ```text
/// d_β(x|p) = (x^β + (β − 1) p^β − β x p^(β−1)) / (β (β − 1))
/// d_2 = ½ (x − p)²,   d_1 = x ln(x/p) − x + p,   d_0 = x/p − ln(x/p) − 1     (the last two as limits)
/// ```
///
/// d_β(cx|cp) = c^β d_β(x|p). As text: `frobenius`, `kl`, `is` or `beta:B`; `beta:2` is `frobenius`, `beta:1` is `kl`, `beta:0` is `is`.
///
/// Source: Févotte, Idier (2011), eq. (2).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Loss {
    /// β = 2, ½ (x − p)².
    #[default]
    Frobenius,
    /// β = 1: the negative log-likelihood of Poisson counts, up to a constant.
    KullbackLeibler,
    /// β = 0: that of multiplicative noise; the same for cx and cp.
    ItakuraSaito,
    /// Another β.
    Beta(f64),
}

/// The β that are taken: beyond them powers of ordinary data leave the floating-point range.
pub const BETAS: std::ops::RangeInclusive<f64> = -5.0..=5.0;

impl Loss {
    /// The member of the family with this β.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless β is in [`BETAS`].
    pub fn of_beta(beta: f64) -> Result<Loss, Error> {
        if !BETAS.contains(&beta) {
            let expected = format!("a number between {} and {}", BETAS.start(), BETAS.end());
            return Err(Error::Parameter { name: "beta", expected, got: beta.to_string() });
        }
        let named = [Loss::Frobenius, Loss::KullbackLeibler, Loss::ItakuraSaito].into_iter().find(|l| l.beta() == beta);
        Ok(named.unwrap_or(Loss::Beta(beta)))
    }

    /// β.
    pub fn beta(self) -> f64 {
        match self {
            Loss::Frobenius => 2.0,
            Loss::KullbackLeibler => 1.0,
            Loss::ItakuraSaito => 0.0,
            Loss::Beta(beta) => beta,
        }
    }

    /// d_β(x | p) for x ≥ 0 and p > 0, with the digits that the formula of the definition loses where p is close to x.
    ///
    /// It is p^β e(δ) with δ = x/p − 1 and e(δ) = ((1+δ)^β − 1 − βδ) / (β(β−1)), a power series for small δ; +∞ at x = 0 for β ≤ 0.
    pub fn divergence(self, x: f64, p: f64) -> f64 {
        match self {
            Loss::Frobenius => 0.5 * (x - p) * (x - p),
            Loss::KullbackLeibler => p * excess(1.0, x / p, (x - p) / p),
            Loss::ItakuraSaito => excess(0.0, x / p, (x - p) / p),
            Loss::Beta(beta) => p.powf(beta) * excess(beta, x / p, (x - p) / p),
        }
    }
}

/// e(δ) with 1 + δ = ratio.
fn excess(beta: f64, ratio: f64, delta: f64) -> f64 {
    if ratio == 0.0 {
        return if beta > 0.0 { 1.0 / beta } else { f64::INFINITY };
    }
    if delta.abs() < 0.01 {
        return series(beta, delta);
    }
    let log = ratio.ln();
    // (ratioᶜ − 1)/c, ln(ratio) at c = 0: both forms go smoothly through β = 0 and β = 1
    let power = |c: f64| if c == 0.0 { log } else { (c * log).exp_m1() / c };
    if beta < 0.5 { (delta - power(beta)) / (1.0 - beta) } else { (ratio * power(beta - 1.0) - delta) / beta }
}

/// Σ_{k≥2} (β−2)…(β−k+1)/k! δᵏ; for |δ| < 0.01 what is left out is below rounding for every β that is taken.
fn series(beta: f64, delta: f64) -> f64 {
    let mut term = 0.5 * delta * delta;
    let mut sum = 0.0;
    for k in 2..14 {
        sum += term;
        term *= (beta - f64::from(k)) / f64::from(k + 1) * delta;
    }
    sum
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::Frobenius => f.write_str("frobenius"),
            Loss::KullbackLeibler => f.write_str("kl"),
            Loss::ItakuraSaito => f.write_str("is"),
            Loss::Beta(beta) => write!(f, "beta:{beta}"),
        }
    }
}

impl FromStr for Loss {
    type Err = Error;

    fn from_str(text: &str) -> Result<Loss, Error> {
        let unknown = || Error::Parameter { name: "loss", expected: "frobenius, kl, is, or beta:B with a number B".into(), got: text.into() };
        match text {
            "frobenius" => Ok(Loss::Frobenius),
            "kl" => Ok(Loss::KullbackLeibler),
            "is" => Ok(Loss::ItakuraSaito),
            _ => Loss::of_beta(text.strip_prefix("beta:").and_then(|b| b.parse().ok()).ok_or_else(unknown)?),
        }
    }
}

impl TryFrom<String> for Loss {
    type Error = Error;
    fn try_from(text: String) -> Result<Loss, Error> {
        text.parse()
    }
}

impl From<Loss> for String {
    fn from(loss: Loss) -> String {
        loss.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, with its limits written out.
    fn by_definition(beta: f64, x: f64, p: f64) -> f64 {
        match beta {
            0.0 => x / p - (x / p).ln() - 1.0,
            1.0 => x * (x / p).ln() - x + p,
            _ => (x.powf(beta) + (beta - 1.0) * p.powf(beta) - beta * x * p.powf(beta - 1.0)) / (beta * (beta - 1.0)),
        }
    }

    #[test]
    fn equals_the_definition() {
        for beta in [-5.0, -1.0, 0.0, 0.5, 1.0, 1.3, 2.0, 3.0, 5.0] {
            let loss = Loss::of_beta(beta).unwrap();
            for (x, p) in [(1.0, 2.0), (3.0, 0.7), (0.25, 0.26), (5.0, 5.04), (1e-3, 1.0)] {
                let (got, expected) = (loss.divergence(x, p), by_definition(beta, x, p));
                let scale = x.powf(beta).max(p.powf(beta));
                assert!((got - expected).abs() < 1e-13 * scale.max(expected), "beta {beta}, {x}, {p}: {got} against {expected}");
            }
        }
    }

    #[test]
    fn is_smooth_in_beta_and_keeps_its_digits_near_the_data() {
        for named in [0.0f64, 1.0] {
            for (x, p) in [(2.0, 3.0), (0.3, 0.1)] {
                let near = Loss::Beta(named + 1e-9).divergence(x, p);
                assert!((near - Loss::of_beta(named).unwrap().divergence(x, p)).abs() < 1e-8);
            }
        }
        for beta in [-2.0, 0.0, 0.5, 1.0, 1.5, 3.0] {
            let loss = Loss::of_beta(beta).unwrap();
            // d_β(x|p) → ½ p^(β−2) (x − p)²
            let tiny = loss.divergence(1.0 + 1e-9, 1.0);
            assert!((tiny / 0.5e-18 - 1.0).abs() < 1e-6, "beta {beta}: {tiny:e}");
            let (below, above) = (loss.divergence(1.009_999_999, 1.0), loss.divergence(1.010_000_001, 1.0));
            assert!((above / below - 1.0).abs() < 1e-6, "beta {beta}: a jump where the series ends");
            assert_eq!(loss.divergence(1.0, 1.0), 0.0);
        }
    }

    #[test]
    fn zeros_of_the_data() {
        assert_eq!(Loss::KullbackLeibler.divergence(0.0, 3.0), 3.0);
        assert_eq!(Loss::Beta(3.0).divergence(0.0, 2.0), 8.0 / 3.0);
        assert_eq!(Loss::ItakuraSaito.divergence(0.0, 2.0), f64::INFINITY);
    }

    #[test]
    fn text_and_back() {
        for text in ["frobenius", "kl", "is", "beta:0.5", "beta:-1"] {
            assert_eq!(text.parse::<Loss>().unwrap().to_string(), text);
        }
        assert_eq!("beta:1".parse::<Loss>().unwrap(), Loss::KullbackLeibler);
        for text in ["", "KL", "beta:", "beta:nan", "beta:1e9", "beta:inf"] {
            assert!(text.parse::<Loss>().is_err(), "{text}");
        }
    }
}
