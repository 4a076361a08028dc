//! A share that was counted, and how far it can be from the truth.

/// The interval that holds the probability of an event with probability 0.95, from its share among `count` independent trials.
///
/// Source: Wilson (1927). None without a trial: nothing is known.
///
/// ```
/// use thalweg::geometry::share_interval;
/// // all of 50: the probability may still be 0.93
/// let (low, high) = share_interval(1.0, 50).expect("there were trials");
/// assert!((low - 0.9286).abs() < 1e-4 && high == 1.0);
/// assert_eq!(share_interval(0.0, 0), None);
/// ```
pub fn share_interval(share: f64, count: usize) -> Option<(f64, f64)> {
    const Z: f64 = 1.959_963_984_540_054;
    if count == 0 {
        return None;
    }
    let n = count as f64;
    let centre = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    Some(((centre - half).max(0.0), (centre + half).min(1.0)))
}
