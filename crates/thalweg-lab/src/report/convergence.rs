//! How each restart came down.

use super::section::{Section, paragraph};
use super::verdict::status_word;
use super::{HistoryRow, RunView};
use crate::figure::number::{count, short};
use crate::figure::{At, Axis, Curve, CurveGroup, Curves, Fact, Figure, Kind, Level, Tone};
use std::collections::BTreeMap;

pub(super) fn section(run: &RunView) -> Section {
    let mut section = Section::new("convergence", "Convergence");
    let traces = traces(&run.history);
    let least = run.history.iter().map(|row| row.objective).chain(run.manifest.result.iter().map(|result| result.objective));
    let Some(least) = least.filter(|f| f.is_finite()).min_by(f64::total_cmp) else {
        section.before = paragraph("The run kept no history.");
        return section;
    };
    let best = best_restart(run);
    let excess = |row: &HistoryRow| if least > 0.0 { (row.objective - least) / least } else { row.objective - least };
    let unit = if least > 0.0 { "(f − best) / best" } else { "f − best" };
    let figure = |id: &str, title: &str, caption: String, x: Axis, y: Axis, levels, point: &dyn Fn(&HistoryRow) -> Option<(f64, f64)>| Figure {
        id: id.into(),
        title: title.into(),
        caption,
        alt: format!("Line chart, logarithmic, of {} restarts; the best is restart {best}.", traces.len()),
        kind: Kind::Curves(Curves { x, y, groups: groups(run, &traces, best, point), levels }),
    };
    let n = format!("n = {} restarts.", count(traces.len() as u64));
    section.figures = vec![
        figure(
            "objective-iterations",
            "Objective above the best, by iteration",
            format!("{n} Relative to the least objective of any restart, {}; where a curve reaches it, it ends.", short(least)),
            Axis::linear("iterations"),
            Axis::log(unit),
            Vec::new(),
            &|row| Some((row.iteration as f64, excess(row))),
        ),
        figure(
            "objective-seconds",
            "Objective above the best, by time",
            format!("{n} Seconds since each restart began."),
            Axis::linear("seconds"),
            Axis::log(unit),
            Vec::new(),
            &|row| Some((row.seconds, excess(row))),
        ),
        figure(
            "kkt-iterations",
            "Distance from a stationary point",
            format!("{n} Scale-free KKT residual. A restart converges when it falls below the tolerance."),
            Axis::linear("iterations"),
            Axis::log("KKT residual"),
            vec![Level { at: At::Y(run.manifest.settings.tol), label: format!("tolerance {}", short(run.manifest.settings.tol)) }],
            &|row| Some((row.iteration as f64, row.kkt?)),
        ),
    ];
    if run.history.iter().any(|row| row.holdout_rmse.is_some()) {
        section.figures.push(figure(
            "holdout-iterations",
            "Error on the entries held out",
            format!("{n} Where it rises while the objective falls, the fit is learning noise: a penalty (--l2) or a smaller rank helps."),
            Axis::linear("iterations"),
            Axis::linear("RMSE, in the units of the data"),
            Vec::new(),
            &|row| Some((row.iteration as f64, row.holdout_rmse?)),
        ));
    }
    section
}

fn traces(history: &[HistoryRow]) -> BTreeMap<usize, Vec<&HistoryRow>> {
    let mut traces: BTreeMap<usize, Vec<&HistoryRow>> = BTreeMap::new();
    for row in history {
        traces.entry(row.restart).or_default().push(row);
    }
    traces
}

/// The restart that gave the factors.
pub(super) fn best_restart(run: &RunView) -> usize {
    let by_history = || run.history.iter().min_by(|a, b| a.objective.total_cmp(&b.objective)).map_or(0, |row| row.restart);
    run.manifest.result.as_ref().map_or_else(by_history, |result| result.best)
}

/// All restarts in grey, the best on top of them.
fn groups(
    run: &RunView,
    traces: &BTreeMap<usize, Vec<&HistoryRow>>,
    best: usize,
    point: &dyn Fn(&HistoryRow) -> Option<(f64, f64)>,
) -> Vec<CurveGroup> {
    let curve = |(&restart, rows): (&usize, &Vec<&HistoryRow>)| {
        let record = run.manifest.result.as_ref().and_then(|result| result.restarts.get(restart));
        let facts = record.map_or_else(Vec::new, |record| {
            vec![
                Fact::new("ended", status_word(record.status)),
                Fact::new("objective", record.objective),
                Fact::new("KKT residual", record.kkt),
                Fact::new("iterations in all", record.iterations),
                Fact::new("seconds in all", record.seconds),
            ]
        });
        Curve { facts, ..Curve::new(format!("restart {restart}"), rows.iter().filter_map(|row| point(row)).collect()) }
    };
    let (chosen, others): (Vec<_>, Vec<_>) = traces.iter().partition(|(restart, _)| **restart == best);
    vec![
        CurveGroup { label: "other restarts".into(), tone: Tone::Quiet, curves: others.into_iter().map(curve).collect() },
        CurveGroup { label: format!("best: restart {best}"), tone: Tone::Lead, curves: chosen.into_iter().map(curve).collect() },
    ]
}
