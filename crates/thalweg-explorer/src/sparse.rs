//! Planted sparse vectors, recovered by the flat minima of diagonal networks.

use serde::{Deserialize, Serialize};
use thalweg::Error;
use thalweg::certificate::certify_deep_sparse;
use thalweg::data::planted_sparse;
use thalweg::linalg::relative_error;
use thalweg::problem::{DeepSparse, RecoveryStatus};
use thalweg::solver::convex::deep_sparse::solve_deep_sparse;

/// A vector, how it is measured, and the depths at which it is recovered.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Question {
    /// d.
    pub dim: usize,
    /// p.
    pub measurements: usize,
    /// Entries that are not 0.
    pub nonzeros: usize,
    /// k is 1, 2, … up to this.
    pub depths: usize,
    /// The k whose answer is drawn.
    pub depth: usize,
    /// Of vector and measurements.
    pub seed: u64,
}

/// What was recovered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// x.
    pub truth: Vec<f64>,
    /// At depth 1, 2, …
    pub by_depth: Vec<AtDepth>,
}

/// The minimiser at one depth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AtDepth {
    /// k.
    pub depth: usize,
    /// How it ended.
    pub status: RecoveryStatus,
    /// What was found.
    pub x: Vec<f64>,
    /// ‖x̂ − x‖ / ‖x‖.
    pub relative_error: f64,
    /// Whether every minimiser is proved to be this one.
    pub certified: bool,
    /// Σ Dⱼ |xⱼ|^(2−2/k) at what was found, and at what was planted.
    pub objectives: [f64; 2],
}

impl Question {
    /// # Errors
    /// As the library's functions.
    pub fn answer(&self) -> Result<Answer, Error> {
        let instance = planted_sparse((self.measurements, self.dim), self.nonzeros, self.seed, 0)?;
        let truth = instance.truth.unwrap_or_default();
        let at_depth = |depth: usize| {
            let problem = DeepSparse::new(self.measurements, self.dim, instance.a.clone(), instance.b.clone(), depth)?;
            let found = solve_deep_sparse(&problem);
            let certificate = certify_deep_sparse(&problem, &found.x, &found.multiplier)?;
            Ok(AtDepth {
                depth,
                status: found.status,
                relative_error: relative_error(&found.x, &truth),
                certified: certificate.certified,
                objectives: [certificate.objective, problem.objective(&truth)],
                x: found.x,
            })
        };
        let by_depth = (1..=self.depths).map(at_depth).collect::<Result<_, Error>>()?;
        Ok(Answer { truth, by_depth })
    }
}
