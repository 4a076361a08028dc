//! The loss on a plane, and a fit that walks down to its lowest point.

use crate::factor::Planting;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use thalweg::Error;
use thalweg::geometry::Plane;
use thalweg::problem::{Nmf, Objective};
use thalweg::solver::nmf::{Alternating, Init, NMF_METHODS, method};
use thalweg::solver::{Iteration, Status, Stop, run};

/// Which plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// Through the start, the answer, and the point of the way furthest from the line between them.
    Walk,
    /// Around the answer, in two random directions.
    Random,
}

/// Which surface.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Question {
    /// The problem.
    #[serde(flatten)]
    pub planting: Planting,
    /// The plane.
    pub view: View,
    /// The method that walks.
    pub method: String,
    /// Values along each side.
    pub points: usize,
}

/// A point of the way, above the plane at its shadow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Footstep {
    /// s and t of the shadow.
    pub at: [f64; 2],
    /// The loss at the point itself, per entry.
    pub height: f64,
    /// Iterations done.
    pub iteration: usize,
}

/// The loss per entry, ½‖X − UVᵀ‖² / mn, on a square grid, and the way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    /// Values along each side.
    pub points: usize,
    /// Row by row, both coordinates from −1 to 1.
    pub heights: Vec<f64>,
    /// From the start to the answer; none on a random plane, which it is far from.
    pub way: Vec<Footstep>,
    /// The loss at the answer, per entry.
    pub lowest: f64,
    /// Iterations that the walk took.
    pub iterations: usize,
    /// Why it ended.
    pub status: Status,
}

/// Iterations after which a walk ends.
const MAX_ITERS: usize = 1000;
/// Length of a random axis beside that of the answer.
const REACH: f64 = 1.0;
/// Part of the plane that the way takes.
const MARGIN: f64 = 0.85;

impl Question {
    /// # Errors
    /// [`Error::Parameter`] for an unknown method; as the library's functions.
    pub fn answer(&self) -> Result<Seen, Error> {
        let data = self.planting.data(&self.planting.truth()?)?;
        let problem = Nmf::new(&data, self.planting.rank)?;
        let entries = problem.summary().observed as f64;
        let rule = method(&self.method).ok_or_else(|| {
            let names: Vec<&str> = NMF_METHODS.iter().map(|m| m.about().name).collect();
            Error::Parameter { name: "method", expected: format!("one of {}", names.join(", ")), got: self.method.clone() }
        })?;
        let start = Init::HalfNormal.factors(&problem, self.planting.seed, 0)?;
        let mut walk = vec![(0, start.clone())];
        let mut iteration = Alternating::start(&problem, rule, start)?;
        let ended = run(&mut iteration, &Stop { max_iters: MAX_ITERS, ..Stop::default() }, &mut |at: &Alternating<'_, f64>, _| {
            let (done, kept) = (at.progress().iteration, walk[walk.len() - 1].0);
            // every step at first, later ones ever further apart: what is drawn has a few hundred points at most
            if done > kept + kept / 20 {
                walk.push((done, at.point().clone()));
            }
            ControlFlow::Continue(())
        });
        walk.push((ended.progress.iteration, ended.point));
        let points: Vec<&[f64]> = walk.iter().map(|(_, point)| point.as_slice()).collect();
        let answer = points[points.len() - 1];
        let plane = match self.view {
            View::Walk => Plane::of_path(&points, MARGIN),
            View::Random => None,
        };
        let footstep = |plane: &Plane, (iteration, point): &(usize, thalweg::Factors)| Footstep {
            at: plane.coordinates(point.as_slice()),
            height: Objective::value(&problem, point.as_slice()) / entries,
            iteration: *iteration,
        };
        let way = plane.as_ref().map_or(Vec::new(), |plane| walk.iter().map(|step| footstep(plane, step)).collect());
        let plane = plane.unwrap_or_else(|| Plane::random(answer, REACH, self.planting.seed));
        Ok(Seen {
            points: self.points,
            heights: plane.sample(&problem, self.points)?.iter().map(|loss| loss / entries).collect(),
            way,
            lowest: Objective::value(&problem, answer) / entries,
            iterations: ended.progress.iteration,
            status: ended.status,
        })
    }
}
