//! Numbers as words of the command line.

use thalweg::problem::Loss;

/// A duration in seconds, below a billion.
pub fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    if (0.0..1e9).contains(&seconds) { Ok(seconds) } else { Err("expected between 0 and a billion seconds".into()) }
}

/// `FIRST:LAST`, or one rank for both.
pub fn parse_ranks(text: &str) -> Result<(usize, usize), String> {
    let expected = || "expected FIRST:LAST, both included".to_owned();
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    let (first, last): (usize, usize) = (first.parse().map_err(|_| expected())?, last.parse().map_err(|_| expected())?);
    if first == 0 {
        return Err("a rank is at least 1".into());
    }
    if first <= last { Ok((first, last)) } else { Err("the range holds no rank".into()) }
}

/// Between 0 and 1, neither included.
pub fn parse_fraction(text: &str) -> Result<f64, String> {
    let fraction: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if fraction > 0.0 && fraction < 1.0 { Ok(fraction) } else { Err("expected a fraction between 0 and 1".into()) }
}

/// At least 0 and below 1.
pub fn parse_tolerance(text: &str) -> Result<f64, String> {
    let tol: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if (0.0..1.0).contains(&tol) { Ok(tol) } else { Err("expected a tolerance of at least 0 and below 1".into()) }
}

/// Finite, not negative.
pub fn parse_penalty(text: &str) -> Result<f64, String> {
    let penalty: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if penalty >= 0.0 && penalty.is_finite() { Ok(penalty) } else { Err("expected a finite number, not negative".into()) }
}

/// Finite, above 0.
pub fn parse_lambda(text: &str) -> Result<f64, String> {
    let lambda: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if lambda > 0.0 && lambda.is_finite() { Ok(lambda) } else { Err("expected a finite number above 0".into()) }
}

/// The name of a loss.
pub fn parse_loss(text: &str) -> Result<Loss, String> {
    text.parse().map_err(|error: thalweg::Error| error.to_string())
}
