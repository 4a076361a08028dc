//! Theorem 5.1 and lemma 5.3: completion promised up to a part of the truth, beside the exact recovery that is seen.

use super::super::planted::Planted;
use super::{Outcome, Trial, normals};
use crate::experiment::Moments;
use crate::figure::{Axis, Curve, CurveGroup, Curves, Figure, Kind, Tone};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use thalweg::Error;
use thalweg::linalg::singular_values;
use thalweg::map::Ensemble;
use thalweg::problem::{Norm, Recovery};
use thalweg::solver::Stop;
use thalweg::solver::convex::recover;

/// d×d of rank r, entries seen with probability p.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sampled {
    pub side: usize,
    pub rank: usize,
    pub rate: f64,
}

const TOLERANCE: f64 = 1e-8;
const MAX_ITERS: usize = 3000;
/// Lengths of the steps to other matrices that fit, in units of the truth.
const STEPS: [f64; 3] = [0.01, 1.0, 100.0];
/// Directions that are tried.
const DIRECTIONS: u64 = 10;

impl Sampled {
    /// √(r log d / d) / p: the γ of (5.3), (5.4) with C = 1 where the first of its two conditions binds.
    pub fn promised(&self) -> f64 {
        let d = self.side as f64;
        (self.rank as f64 * d.ln() / d).sqrt() / self.rate
    }

    /// ‖LRᵀ − M‖_* / ‖M‖_* of the flat minimiser, and the largest ‖X − M‖_* / (‖X‖_* − ‖M‖_*) of other X that fit; none if no entry
    /// is seen.
    pub fn measured(&self, seed: u64) -> Result<Option<[f64; 2]>, Error> {
        let shape = (self.side, self.side);
        let Some(planted) = Planted::draw(Ensemble::Completion, shape, self.rank, self.rate, (seed, 0))? else { return Ok(None) };
        let (truth, map) = (&planted.truth, &planted.map);
        let stop = Stop { max_iters: MAX_ITERS, max_time: None, tol: TOLERANCE };
        let flat = recover(&Recovery::new(&**map, &planted.b, Norm::Flat)?, &stop, &mut |_, _| ControlFlow::Continue(()))?;
        let norm = |x: &[f64]| singular_values(x, self.side, self.side).map_or(f64::NAN, |values| values.iter().sum::<f64>());
        let of_truth = norm(truth);
        let apart: Vec<f64> = flat.x.iter().zip(truth).map(|(x, m)| x - m).collect();
        let mut seen = vec![0.0; truth.len()];
        map.adjoint(&vec![1.0; planted.b.len()], &mut seen);
        let ratio = |which: u64, step: f64| {
            let unseen = normals(truth.len(), seed, 10 + which).into_iter().zip(&seen).map(|(z, s)| if *s == 0.0 { z } else { 0.0 });
            let direction: Vec<f64> = unseen.collect();
            let length = step * of_truth / norm(&direction);
            let moved: Vec<f64> = truth.iter().zip(&direction).map(|(m, z)| m + length * z).collect();
            let dearer = norm(&moved) - of_truth;
            // where the truth is not the cheapest matrix that fits, the lemma says nothing
            if dearer > 0.0 { step * of_truth / dearer } else { 0.0 }
        };
        let largest = (0..DIRECTIONS).flat_map(|which| STEPS.map(|step| ratio(which, step))).fold(0.0, f64::max);
        Ok(Some([norm(&apart) / of_truth, largest]))
    }
}

pub fn sampled_beside_exact(done: &[(Trial, Outcome)]) -> Option<String> {
    let of = |(trial, outcome): &(Trial, Outcome)| match trial {
        Trial::Sampling { cell, .. } => Some(outcome.numbers.chunks_exact(2).map(|n| (n[0], n[0] / cell.promised(), n[1])).collect::<Vec<_>>()),
        _ => None,
    };
    let all: Vec<(f64, f64, f64)> = done.iter().filter_map(of).flatten().collect();
    let exact = all.iter().filter(|n| n.0 < 1e-6).count();
    let largest = |of: fn(&(f64, f64, f64)) -> f64| all.iter().map(of).fold(0.0, f64::max);
    (!all.is_empty()).then(|| {
        format!(
            "Completion (theorem 5.1) is promised up to a part γ ∝ 1/p of the truth; {exact} of {} instances are recovered exactly. γ would hold with C = {:.2} everywhere \
             here; random matrices that fit have ‖X − M‖_* up to {:.2} times ‖X‖_* − ‖M‖_* (lemma 5.3: 8 + C√(r/p)), a lower bound of the constant.",
            all.len(),
            largest(|n| n.1),
            largest(|n| n.2)
        )
    })
}

pub fn sampling_curves(done: &[(Trial, Outcome)]) -> Option<Figure> {
    let cells = || done.iter().filter_map(|(trial, outcome)| if let Trial::Sampling { cell, .. } = trial { Some((*cell, outcome)) } else { None });
    let mut sides: Vec<usize> = cells().map(|(cell, _)| cell.side).collect();
    sides.dedup();
    let mean = |outcome: &Outcome| Moments::of(outcome.numbers.iter().step_by(2).copied()).mean.max(1e-16);
    let curve = |side: usize, value: &dyn Fn(&Sampled, &Outcome) -> f64| {
        let points = cells().filter(|(cell, _)| cell.side == side).map(|(cell, outcome)| (cell.rate, value(&cell, outcome))).collect();
        Curve::new(format!("d = {side}"), points)
    };
    let group = |label: &str, tone, value: &dyn Fn(&Sampled, &Outcome) -> f64| CurveGroup {
        label: label.into(),
        tone,
        curves: sides.iter().map(|&side| curve(side, value)).collect(),
    };
    (!sides.is_empty()).then(|| Figure {
        id: "weak-recovery".into(),
        title: "Completion: what is promised, and what is recovered".into(),
        caption: "Mean ‖LRᵀ − M‖_* / ‖M‖_* of the flat minimiser over the share of entries seen, and √(r log d / d) / p, the γ of theorem 5.1 if its constant were 1.".into(),
        alt: "The promised part falls slowly; the measured one drops to rounding.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::linear("share of entries seen"),
            y: Axis::log("part of ‖M‖_* missed"),
            groups: vec![group("promised, C = 1", Tone::Quiet, &|cell, _| cell.promised()), group("flat minimiser", Tone::Lead, &|_, outcome| mean(outcome))],
            levels: Vec::new(),
        }),
    })
}
