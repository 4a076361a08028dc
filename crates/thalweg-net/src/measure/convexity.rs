//! The convexity length scale: how far the loss is convex along filter-normalised random lines.

use super::filter_normalised_directions;
use crate::images::Images;
use crate::network::Network;
use crate::objective::{NetworkLoss, NormMode};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use thalweg::Error;
use thalweg::geometry::{ConvexStretch, Estimate, convex_stretch, mean_of};
use thalweg::linalg::Real;
use thalweg::problem::Objective;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConvexityPlan {
    /// Random lines.
    pub directions: usize,
    /// Cells of the finest grid, a multiple of 4; lengths are told for a half and a quarter of them too.
    pub cells: usize,
    /// Whether exact second derivatives are taken beside differences, on the middle grid.
    pub jets: bool,
    /// Of the lines.
    pub seed: u64,
}

/// A network and the images that its loss is taken on.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The network.
    pub network: &'a Network,
    /// The images.
    pub images: &'a Images,
    /// What batch normalisation does.
    pub mode: &'a NormMode,
    /// Images at a time.
    pub batch: usize,
}

/// As the paper has it, with grids of 100, 50 and 25 cells.
impl Default for ConvexityPlan {
    fn default() -> Self {
        ConvexityPlan { directions: 25, cells: 100, jets: false, seed: 0 }
    }
}

/// Exact second derivatives beside second differences: the difference is the curvature of kinks, which no derivative sees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Kinks {
    /// Mean of (difference − derivative) over the grid, as a part of the mean |difference|: below 0 where kinks bend down.
    pub share: f64,
    /// Points of the grid where the signs differ by more than the tolerance.
    pub disagreements: usize,
    /// The stretch on which exact second derivatives are not below 0.
    pub exact: ConvexStretch,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// ℓ(λ) on the finest grid, λ = 0 in the middle, as far beyond ±½ as the coarsest needs.
    pub values: Vec<f64>,
    /// At G/4, G/2 and G cells.
    pub stretches: Vec<ConvexStretch>,
    /// Where asked for.
    pub kinks: Option<Kinks>,
}

/// The lengths at one resolution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resolution {
    /// G.
    pub cells: usize,
    /// Mean length over the lines with its 95 % interval.
    pub length: Estimate,
    /// Lines that are convex up to an end of [−½, ½]: a longer line may go on.
    pub censored: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Convexity {
    /// At G/4, G/2 and G cells.
    pub resolutions: Vec<Resolution>,
    /// Largest difference seen between values in the precision used and in f64: the error of one value.
    pub noise: f64,
    /// What a second difference may be below 0: four times the noise.
    pub tolerance: f64,
    /// ℓ(0).
    pub value: f64,
    /// The lines.
    pub lines: Vec<Line>,
}

/// The noise of a value that is computed in f64, as a part of the largest.
const ROUNDING: f64 = 2.0 * f64::EPSILON;

/// Convexity lengths at a point: ℓ(w + λr) for λ in [−½, ½] along random lines r, each filter as long as that of w, and the widest stretch
/// around λ = 0 whose second differences are not below −τ ([`convex_stretch`]).
///
/// The loss is computed in `T`. For f32 its noise is the largest |ℓ_f32 − ℓ_f64| at five points of the first line. `observe` is told after
/// each line and may end the work.
///
/// # Errors
/// Those of [`NetworkLoss::new`]; [`Error::Parameter`] unless there are two lines at least and cells are a multiple of 4;
/// [`Error::NotFinite`] if the loss at the point is.
///
/// Source: Bjorck, Gomes, Weinberger (2020), tables 2, 4 and 5. The paper gives neither grid, nor noise, nor spread, nor what batch
/// normalisation does.
pub fn convexity<T: Real>(
    Subject { network, images, mode, batch }: Subject<'_>,
    weights: &[f64],
    plan: ConvexityPlan,
    mut observe: impl FnMut(usize) -> ControlFlow<()>,
) -> Result<Convexity, Error> {
    let wrong = |name, expected: &str, got: usize| Err(Error::Parameter { name, expected: expected.into(), got: got.to_string() });
    if plan.directions < 2 {
        return wrong("directions", "2 or more", plan.directions);
    }
    if plan.cells < 8 || !plan.cells.is_multiple_of(4) {
        return wrong("cells", "a multiple of 4, at least 8", plan.cells);
    }
    let exact = NetworkLoss::<f64>::new(network, images, mode.clone(), batch)?;
    let loss = NetworkLoss::<T>::new(network, images, mode.clone(), batch)?;
    let value = loss.value(weights);
    if !value.is_finite() {
        return Err(Error::NotFinite { what: "the loss at the point", row: 0, col: 0, value });
    }
    let directions = filter_normalised_directions(network, weights, plan.directions, plan.seed);
    let noise = match T::NAME {
        "f64" => ROUNDING * value.abs(),
        _ => noise(&loss, &exact, weights, &directions[0]),
    };
    let mut lines = Vec::new();
    for (number, direction) in directions.iter().enumerate() {
        lines.push(line(&loss, weights, direction, plan, 4.0 * noise)?);
        if observe(number + 1).is_break() {
            break;
        }
    }
    let resolutions = (0..3).map(|level| {
        let lengths: Vec<f64> = lines.iter().map(|line| line.stretches[level].length).collect();
        let censored = lines.iter().filter(|line| line.stretches[level].is_censored).count();
        Resolution { cells: plan.cells >> (2 - level), length: mean_of(&lengths, plan.seed), censored }
    });
    Ok(Convexity { resolutions: resolutions.collect(), noise, tolerance: 4.0 * noise, value, lines })
}

fn moved(w: &[f64], by: f64, d: &[f64]) -> Vec<f64> {
    w.iter().zip(d).map(|(w, d)| w + by * d).collect()
}

fn noise<T: Real>(loss: &NetworkLoss<'_, T>, exact: &NetworkLoss<'_, f64>, w: &[f64], direction: &[f64]) -> f64 {
    let apart = |by: f64| {
        let at = moved(w, by, direction);
        (loss.value(&at) - exact.value(&at)).abs()
    };
    [-0.5, -0.25, 0.0, 0.25, 0.5].into_iter().map(apart).fold(0.0, f64::max)
}

fn line<T: Real>(loss: &NetworkLoss<'_, T>, w: &[f64], direction: &[f64], plan: ConvexityPlan, tolerance: f64) -> Result<Line, Error> {
    // the ends of the two coarse grids lie beyond those of the finest
    let beyond = (2 * (plan.cells / 4 + 1)).max(4 * (plan.cells / 8 + 1)) as i64;
    let at = |i: i64| moved(w, i as f64 / plan.cells as f64, direction);
    let values: Vec<f64> = (-beyond..=beyond).map(|i| loss.value(&at(i))).collect();
    let coarse = |cells: usize| {
        let (step, reach) = ((plan.cells / cells) as i64, cells as i64 / 2 + 1);
        (-reach..=reach).map(|i| values[(beyond + i * step) as usize]).collect::<Vec<f64>>()
    };
    let stretch = |level: usize| convex_stretch(&coarse(plan.cells >> level), plan.cells >> level, tolerance);
    let stretches = [stretch(2)?, stretch(1)?, stretch(0)?].to_vec();
    let kinks = if plan.jets { Some(kinks(loss, w, direction, &coarse(plan.cells / 2), plan.cells / 2, tolerance)?) } else { None };
    Ok(Line { values, stretches, kinks })
}

fn kinks<T: Real>(loss: &NetworkLoss<'_, T>, w: &[f64], direction: &[f64], values: &[f64], cells: usize, tolerance: f64) -> Result<Kinks, Error> {
    let (middle, width) = ((cells / 2) as i64, 1.0 / cells as f64);
    // as second differences: of the same size as those of the values
    let exact: Vec<f64> = (-middle..=middle).map(|i| width * width * loss.jet(&moved(w, i as f64 * width, direction), direction).curvature).collect();
    let differences: Vec<f64> = values.windows(3).map(|v| v[0] - 2.0 * v[1] + v[2]).collect();
    let count = differences.len() as f64;
    let apart = differences.iter().zip(&exact).map(|(d, e)| d - e).sum::<f64>() / count;
    let size = differences.iter().map(|d| d.abs()).sum::<f64>() / count;
    let disagree = |(d, e): &(&f64, &f64)| (**d < -tolerance && **e > tolerance) || (**d > tolerance && **e < -tolerance);
    let disagreements = differences.iter().zip(&exact).filter(disagree).count();
    // values whose second differences are the derivatives
    let mut integrated = vec![0.0, 0.0];
    for (k, bend) in exact.iter().enumerate() {
        integrated.push(2.0 * integrated[k + 1] - integrated[k] + bend);
    }
    let rounding = 1e-12 * integrated.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    Ok(Kinks { share: apart / size.max(f64::MIN_POSITIVE), disagreements, exact: convex_stretch(&integrated, cells, rounding)? })
}
