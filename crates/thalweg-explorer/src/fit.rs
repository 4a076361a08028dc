//! A fit as the command line makes it where nothing else is asked, and what was seen on the way.

use serde::Serialize;
use std::ops::ControlFlow;
use thalweg::audit::{Answer, Audit, AuditSettings, audit, end_of_lines};
use thalweg::data::Matrix;
use thalweg::geometry::{StartMoments, expected_curvature, share_interval};
use thalweg::problem::Nmf;
use thalweg::solver::nmf::{Alternating, default_method, half_normal_scale};
use thalweg::solver::{Iteration, Stop, run};
use thalweg::{Error, Factors};

/// Where a run stood.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    /// Iterations done.
    pub iteration: usize,
    /// ½‖X − UVᵀ‖².
    pub objective: f64,
    /// The stationarity residual, where it was measured.
    pub kkt: Option<f64>,
}

/// Curvature on lines from random starts to the answer, per entry of X and in units of its variance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curvature {
    /// Mean of α over the lines.
    pub mean: f64,
    /// Its standard deviation.
    pub sd: f64,
    /// The least α.
    pub least: f64,
    /// The least curvature of the mean line, in closed form: the mean of α is at most this.
    pub expected: f64,
    /// 95 % intervals of the probabilities, over starts, that a line is convex, star-convex, and begins downhill.
    pub intervals: [Option<(f64, f64)>; 3],
}

/// A fit and what can be said of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fitted {
    /// Name of the method.
    pub method: &'static str,
    /// The run from each start.
    pub history: Vec<Vec<Step>>,
    /// Everything that the library can say.
    pub audit: Audit,
    /// Curvature, where lines were drawn.
    pub curvature: Option<Curvature>,
    /// The best answer.
    #[serde(skip)]
    pub best: Factors,
}

/// How much work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Starts of the fit.
    pub restarts: u64,
    /// Lines from random starts to the best answer.
    pub lines: usize,
    /// Of all of them.
    pub seed: u64,
}

/// Iterations after which a run ends.
const MAX_ITERS: usize = 2000;

/// Fits the data from each start, and audits the answers.
///
/// # Errors
/// As [`Nmf::new`] and [`audit`].
pub fn fit(data: &Matrix<f64>, rank: usize, effort: Effort) -> Result<Fitted, Error> {
    let problem = Nmf::new(data, rank)?;
    let method = default_method(data, rank).0;
    let (mut answers, mut history) = (Vec::new(), Vec::new());
    for restart in 0..effort.restarts.max(1) {
        let start = method.about().init.factors(&problem, effort.seed, restart)?;
        let mut iteration = Alternating::start(&problem, method, start)?;
        let mut steps = vec![step(&iteration)];
        let stop = Stop { max_iters: MAX_ITERS, ..Stop::default() };
        let ended = run(&mut iteration, &stop, &mut |at: &Alternating<'_, f64>, _| {
            // between two measurements the objective is that of the last
            if at.progress().measured_at == at.progress().iteration {
                steps.push(step(at));
            }
            ControlFlow::Continue(())
        });
        answers.push(Answer { factors: ended.point, status: ended.status });
        history.push(steps);
    }
    let audit = audit(data, &answers, &AuditSettings { lines: effort.lines, seed: effort.seed, ..AuditSettings::default() })?;
    let best = audit.restarts.each.iter().min_by(|a, b| a.objective.total_cmp(&b.objective)).map_or(0, |best| best.restart);
    let best = answers.swap_remove(best).factors;
    let curvature = curvature(&problem, &best, &audit)?;
    Ok(Fitted { method: method.about().name, history, audit, curvature, best })
}

fn step(at: &Alternating<'_, f64>) -> Step {
    let progress = at.progress();
    Step { iteration: progress.iteration, objective: progress.objective, kkt: progress.kkt }
}

fn curvature(problem: &Nmf<'_, f64>, best: &Factors, audit: &Audit) -> Result<Option<Curvature>, Error> {
    let Some(lines) = &audit.lines else { return Ok(None) };
    let summary = problem.summary();
    let (entries, variance) = (summary.observed as f64, summary.sd * summary.sd);
    let starts = StartMoments::half_normal(half_normal_scale(problem));
    let expected = expected_curvature(problem.data(), &end_of_lines(problem, best), starts)?.least;
    let interval = |share| share_interval(share, lines.count);
    Ok(Some(Curvature {
        mean: lines.alpha_mean / variance,
        sd: lines.alpha_sd / variance,
        least: lines.alpha_min / variance,
        expected: expected / entries / variance,
        intervals: [lines.convex_fraction, lines.star_fraction, lines.gradient_fraction].map(interval),
    }))
}
