//! What is told while a run goes on: on standard error, and only to a terminal.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use thalweg::audit::Status;
use thalweg::solver::Progress;

/// One bar for each restart at work, one for all of them.
pub struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    each: Mutex<Vec<Option<ProgressBar>>>,
    max_iters: usize,
    shown: bool,
}

impl Bars {
    /// Bars for so many restarts; nothing is shown when quiet or when standard error is no terminal.
    pub fn new(restarts: usize, max_iters: usize, quiet: bool) -> Self {
        let shown = is_shown(quiet);
        let all = MultiProgress::new();
        let total = if shown && restarts > 1 { all.add(ProgressBar::new(restarts as u64)) } else { ProgressBar::hidden() };
        total.set_style(style("restarts [{bar:30}] {pos}/{len} · {elapsed} · {eta} left"));
        Bars { all, total, each: Mutex::new(vec![None; restarts]), max_iters, shown }
    }

    /// Told by a run after each iteration and at its end.
    pub fn observe(&self, restart: usize, progress: &Progress, status: Option<Status>) {
        if !self.shown {
            return;
        }
        let mut each = self.each.lock().expect("a bar never panics");
        let bar = each[restart].get_or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new(self.max_iters as u64));
            bar.set_style(style("{prefix} [{bar:30}] {pos} iterations at {per_sec} · at most {eta} left · {msg}"));
            bar.set_prefix(format!("restart {restart}"));
            bar
        });
        if let Some(status) = status {
            bar.finish_and_clear();
            self.total.inc(1);
            let _ = self.all.println(format!("restart {restart}: {} after {} iterations", word(status), progress.iteration));
        } else if progress.iteration == progress.measured_at {
            bar.set_position(progress.iteration as u64);
            let kkt = progress.kkt.map_or(String::new(), |k| format!(", residual {k:.1e}"));
            bar.set_message(format!("objective {:.6e}{kkt}", progress.objective));
        }
    }

    /// Takes the bars away.
    pub fn finish(&self) {
        self.total.finish_and_clear();
    }
}

/// One bar for all trials of a survey.
pub struct TrialBar {
    bar: ProgressBar,
}

impl TrialBar {
    /// A bar; nothing is shown when quiet or when standard error is no terminal.
    pub fn new(quiet: bool) -> Self {
        let bar = if is_shown(quiet) { ProgressBar::new(0) } else { ProgressBar::hidden() };
        bar.set_style(style("trials [{bar:30}] {pos}/{len} · {elapsed} · {eta} left"));
        TrialBar { bar }
    }

    /// Told after each trial.
    pub fn observe(&self, done: usize, all: usize) {
        self.bar.set_length(all as u64);
        self.bar.set_position(done as u64);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn is_shown(quiet: bool) -> bool {
    !quiet && std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well formed").progress_chars("=> ")
}

/// A status as people say it.
pub fn word(status: Status) -> &'static str {
    match status {
        Status::Converged => "converged",
        Status::MaxIters => "stopped at the iteration limit",
        Status::TimeLimit => "stopped at the time limit",
        Status::Stalled => "stalled: the objective no longer changes, but the residual is above the tolerance",
        Status::Breakdown => "broke down: numbers went bad, the last finite point was kept",
        Status::Stopped => "interrupted",
    }
}
