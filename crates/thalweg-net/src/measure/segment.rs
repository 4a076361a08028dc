//! The loss on the segment between two networks.

use serde::{Deserialize, Serialize};
use thalweg::Error;
use thalweg::geometry::sampled_line;
use thalweg::problem::Objective;

/// ℓ at even steps from one network (first) to another (last).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// ℓ.
    pub values: Vec<f64>,
    /// The largest of them minus the larger end, at least 0.
    pub barrier: f64,
}

/// Samples the segment at so many points.
///
/// # Errors
/// Those of [`sampled_line`].
pub fn segment(loss: &dyn Objective, a: &[f64], b: &[f64], points: usize) -> Result<Segment, Error> {
    let values = sampled_line(loss, a, b, points)?;
    let ends = values[0].max(values[points - 1]);
    // a value that is no number is a barrier without end
    let barrier = values.iter().map(|v| if v.is_nan() { f64::INFINITY } else { v - ends }).fold(0.0, f64::max);
    Ok(Segment { values, barrier })
}
