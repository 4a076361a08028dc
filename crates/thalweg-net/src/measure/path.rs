//! The points of a training, seen from where it ended.

use super::{Segment, segment};
use serde::{Deserialize, Serialize};
use thalweg::Error;
use thalweg::geometry::gradient_cosine;
use thalweg::linalg::dot;
use thalweg::problem::Objective;

/// What the loss looks like on the way from a point w of a training to its end w*.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WayToEnd {
    /// ‖w* − w‖.
    pub distance: f64,
    /// cos(−∇ℓ(w), w* − w); none at the end.
    pub cosine: Option<f64>,
    /// cos(−∇ℓ(w), w* − w₀), w₀ being the first point.
    pub cosine_to_chord: Option<f64>,
    /// uᵀ∇²ℓ(w)u for u = (w* − w)/‖w* − w‖; none at the end.
    pub curvature: Option<f64>,
    /// ℓ on the segment from w* (first) to w (last).
    pub segment: Segment,
    /// With g(μ) = (ℓ(w* + μ(w − w*)) − ℓ(w*))/μ at the samples: the least rise of g from one to the next. Star-convexity towards w* on this
    /// segment is that g never falls; what falls by less than the noise of ℓ over the first μ is not known to.
    pub star_margin: f64,
}

/// The ways of all points to the last one, the segments sampled at so many points.
///
/// # Errors
/// [`Error::Parameter`] for fewer than two points of the training or three samples; those of [`segment`].
///
/// Source: Bjorck, Gomes, Weinberger (2020), definition 1 and figures 6 and 10, there for factorisations.
pub fn ways_to_end(loss: &dyn Objective, path: &[Vec<f64>], samples: usize) -> Result<Vec<WayToEnd>, Error> {
    let wrong = |name, expected: &str, got: usize| Err(Error::Parameter { name, expected: expected.into(), got: got.to_string() });
    let [first, .., last] = path else { return wrong("files", "2 or more", path.len()) };
    if samples < 3 {
        return wrong("points", "3 or more", samples);
    }
    let apart = |from: &[f64]| last.iter().zip(from).map(|(to, from)| to - from).collect::<Vec<f64>>();
    let chord = apart(first);
    path.iter().map(|w| way(loss, w, (last, &apart(w), &chord), samples)).collect()
}

fn way(loss: &dyn Objective, w: &[f64], (end, left, chord): (&[f64], &[f64], &[f64]), samples: usize) -> Result<WayToEnd, Error> {
    let segment = segment(loss, end, w, samples)?;
    let distance = dot(left, left).sqrt();
    let slope = |k: usize| (segment.values[k] - segment.values[0]) * (samples - 1) as f64 / k as f64;
    let star_margin = (1..samples - 1).map(|k| slope(k + 1) - slope(k)).fold(f64::INFINITY, f64::min);
    Ok(WayToEnd {
        distance,
        cosine: gradient_cosine(loss, w, left).raw,
        cosine_to_chord: gradient_cosine(loss, w, chord).raw,
        curvature: (distance > 0.0).then(|| loss.curvature(w, left) / (distance * distance)),
        segment,
        star_margin,
    })
}
