//! The spectra of D1 and D2, and how far measurements keep lengths.

use super::{Outcome, Trial, draw, square};
use crate::experiment::Moments;
use crate::figure::{Axis, Dot, DotGroup, Fact, Figure, Kind, Scatter, Tone};
use thalweg::Error;
use thalweg::linalg::thin_svd;
use thalweg::map::{Ensemble, MeasurementMap, Rescaling, planted_matrix};

/// Largest over smallest eigenvalue of D1 and D2 together.
pub fn condition(model: Ensemble, side: usize, rate: f64, seed: u64, number: u64) -> Result<f64, Error> {
    let Some(map) = model.draw((side, side), rate, 0.0, seed, number)? else { return Ok(f64::INFINITY) };
    let weights = Rescaling::of(&*map).expect("the map is not zero");
    let ends = [(&weights.left, weights.means.0), (&weights.right, weights.means.1)];
    let ends: Vec<(f64, f64)> = ends.iter().filter_map(|(w, mean)| w.extremes().map(|(low, high)| (mean * low, mean * high))).collect();
    Ok(ends.iter().map(|e| e.1).fold(0.0, f64::max) / ends.iter().map(|e| e.0).fold(f64::INFINITY, f64::min))
}

/// Least and largest ‖A(X)‖/√m over random X of rank 4 and norm 1; then over those to which projected power steps lead from the two.
pub fn isometry(model: Ensemble, side: usize, rate: f64, directions: u64, seed: u64) -> Result<Vec<f64>, Error> {
    let map = draw(model, (side, side), rate, seed)?;
    let matrix = |number: u64| planted_matrix(model, (side, side), RANK, seed, 1 + number);
    let sizes: Vec<f64> = (0..directions).map(|number| stretch(&*map, &matrix(number)).0).collect();
    let extreme =
        |is_better: fn(f64, f64) -> bool| (0..sizes.len()).reduce(|best, at| if is_better(sizes[at], sizes[best]) { at } else { best }).unwrap_or(0);
    let (least, most) = (extreme(|a, b| a < b), extreme(|a, b| a > b));
    let towards = |start: usize, sign: f64| power_steps(&*map, matrix(start as u64), sign);
    Ok(vec![sizes[least], sizes[most], towards(least, -1.0), towards(most, 1.0)])
}

/// Of the matrices whose lengths are compared: twice that of two matrices to be told apart.
const RANK: usize = 4;
const POWER_STEPS: usize = 100;
/// δ₁ of theorem 4.3.
const LEAST: f64 = 0.9;

/// ‖A(X)‖/√m and A*A(X)/m.
fn stretch(map: &dyn MeasurementMap, x: &[f64]) -> (f64, Vec<f64>) {
    let (mut image, mut back) = (vec![0.0; map.len()], vec![0.0; x.len()]);
    map.apply(x, &mut image);
    map.adjoint(&image, &mut back);
    let m = map.len() as f64;
    back.iter_mut().for_each(|x| *x /= m);
    ((square(&image) / m).sqrt(), back)
}

/// X ← the nearest matrix of rank 4 to X ± A*A(X)/mL, brought to norm 1; L bounds A*A/m on what is met. The best of all steps.
fn power_steps(map: &dyn MeasurementMap, mut x: Vec<f64>, sign: f64) -> f64 {
    let side = map.shape().0;
    let (mut best, gradient) = stretch(map, &x);
    let largest = 2.0 * square(&gradient).sqrt() / square(&x).sqrt();
    for _ in 0..POWER_STEPS {
        let (size, gradient) = stretch(map, &x);
        best = if sign > 0.0 { best.max(size) } else { best.min(size) };
        x.iter_mut().zip(gradient).for_each(|(x, g)| *x += sign * g / largest);
        let Some(mut svd) = thin_svd(&x, side, side) else { break };
        svd.singular_values.iter_mut().skip(RANK).for_each(|s| *s = 0.0);
        x = svd.to_dense(side, side);
        let length = square(&x).sqrt();
        x.iter_mut().for_each(|x| *x /= length);
    }
    best
}

pub fn isometries(done: &[(Trial, Outcome)]) -> Option<String> {
    let said = |(trial, outcome): &(Trial, Outcome)| match trial {
        Trial::Isometry { model, directions, .. } => {
            let n = &outcome.numbers;
            Some(format!("{} [{:.3}, {:.3}] over {directions}, and [{:.3}, {:.3}] where power steps led", model.name(), n[0], n[1], n[2], n[3]))
        }
        _ => None,
    };
    let said: Vec<String> = done.iter().filter_map(said).collect();
    let is_too_short =
        |(trial, outcome): &(Trial, Outcome)| matches!(trial, Trial::Isometry { model: Ensemble::Sensing, .. }) && outcome.numbers[2] < LEAST;
    let beside =
        if done.iter().any(is_too_short) { " Theorem 4.3 asks for more than 0.9, so it says nothing at this m, where recovery is seen." } else { "" };
    (!said.is_empty()).then(|| {
        format!(
            "‖A(X)‖/√m on random directions of rank {RANK} and norm 1, d = 25, m = 8d: {}. These are lower bounds of the constants of restricted isometry: its interval contains \
             these, and may be wider.{beside}",
            said.join("; ")
        )
    })
}

pub fn conditions(done: &[(Trial, Outcome)]) -> Figure {
    let mut groups: Vec<DotGroup> = Vec::new();
    let tone = |model: Ensemble| match model {
        Ensemble::Sensing => Tone::Lead,
        Ensemble::Bilinear => Tone::Against,
        Ensemble::Quadratic => Tone::Open,
        Ensemble::Completion => Tone::Quiet,
    };
    for (trial, outcome) in done {
        let Trial::Conditioning { model, side, rate, .. } = trial else { continue };
        if outcome.numbers.is_empty() {
            continue;
        }
        let mean = Moments::of(outcome.numbers.iter().copied()).mean;
        let dot = Dot {
            label: format!("{}, d = {side}", model.name()),
            facts: vec![Fact::new("d", *side), Fact::new("rate", *rate), Fact::new("draws", outcome.numbers.len())],
            x: if *model == Ensemble::Completion { rate * *side as f64 } else { *rate },
            y: mean,
        };
        match groups.iter_mut().find(|group| group.label == model.name()) {
            Some(group) => group.dots.push(dot),
            None => groups.push(DotGroup { label: model.name().into(), tone: tone(*model), dots: vec![dot] }),
        }
    }
    Figure {
        id: "conditioning".into(),
        title: "Condition of D1 and D2".into(),
        caption: "Mean largest over smallest eigenvalue of D1 and D2 together, over the measurements per row; it tends to 1 like 1 + 2√(d/m) for bilinear and \
                  quadratic maps, and much faster for Gaussian ones."
            .into(),
        alt: "Dot plot: condition numbers fall towards 1.".into(),
        kind: Kind::Scatter(Scatter { x: Axis::log("measurements / d"), y: Axis::log("condition"), groups, levels: Vec::new() }),
    }
}
