//! Do other starts lead to the same answer?

use super::RunView;
use super::convergence::best_restart;
use super::section::{Section, paragraph};
use super::verdict::status_word;
use crate::figure::number::{percent, short};
use crate::figure::{Axis, Bar, Bars, Dot, DotGroup, Fact, Figure, Kind, Scatter, Tone};
use thalweg::audit::{RestartReport, RestartSummary};

pub(super) fn section(run: &RunView) -> Option<Section> {
    let report = &run.audit.as_ref()?.restarts;
    let mut section = Section::new("restarts", "Restarts");
    let Some(agreement) = report.agreement else {
        section.before = paragraph("One restart: whether another start leads to the same answer cannot be said. Fit with --restarts 10 to see.");
        return Some(section);
    };
    section.before = paragraph(&format!(
        "Each restart starts from other random factors. Their objectives spread by {} of the least, and their components, matched in pairs, \
         have a mean cosine of {}.",
        percent(report.spread),
        short(agreement)
    ));
    section.figures.push(value_against_answer(report, best_restart(run)));
    if !report.component_agreement.is_empty() {
        section.figures.push(component_agreement(report));
    }
    Some(section)
}

fn value_against_answer(report: &RestartReport, best: usize) -> Figure {
    let relative = report.best > 0.0;
    let excess = |objective: f64| if relative { 100.0 * (objective - report.best) / report.best } else { objective - report.best };
    let dot = |r: &RestartSummary| Dot {
        label: format!("restart {}", r.restart),
        facts: vec![
            Fact::new("ended", status_word(r.status)),
            Fact::new("objective", r.objective),
            Fact::new("KKT residual", r.kkt),
            Fact::new("cosine to the best", r.cosine_to_best),
        ],
        x: excess(r.objective),
        y: r.cosine_to_best,
    };
    let (chosen, others): (Vec<&RestartSummary>, Vec<_>) = report.each.iter().partition(|r| r.restart == best);
    Figure {
        id: "restarts-value-answer".into(),
        title: "Same value, same answer?".into(),
        caption: format!(
            "n = {} restarts. High on the left: as good as the best, and the same components. Low on the left: as good, and other \
             components, so the data do not choose between them.",
            report.count
        ),
        alt: format!(
            "Scatter plot of {} restarts: objective above the best against agreement of components with the best; mean agreement {}.",
            report.count,
            report.agreement.map_or("not measured".into(), short)
        ),
        kind: Kind::Scatter(Scatter {
            x: Axis::linear(if relative { "objective above the best, %" } else { "objective above the best" }).including([0.0]),
            y: Axis::linear("cosine to the best (mean over components)").including([0.0, 1.0]),
            groups: vec![
                DotGroup { label: "other restarts".into(), tone: Tone::Quiet, dots: others.into_iter().map(dot).collect() },
                DotGroup { label: format!("best: restart {best}"), tone: Tone::Lead, dots: chosen.into_iter().map(dot).collect() },
            ],
            levels: Vec::new(),
        }),
    }
}

fn component_agreement(report: &RestartReport) -> Figure {
    let agreements = report.component_agreement.iter().enumerate();
    let least = agreements.clone().min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(k, _)| k);
    Figure {
        id: "component-agreement".into(),
        title: "Which components come back?".into(),
        caption: format!(
            "For each component of the best restart, the mean cosine to its match in the other restarts (n = {}). 1: found every time.",
            report.count.saturating_sub(1)
        ),
        alt: format!(
            "Bar chart of the agreement of {} components; component {} agrees least, {}.",
            report.component_agreement.len(),
            least + 1,
            report.component_agreement.get(least).copied().map_or("–".into(), short)
        ),
        kind: Kind::Bars(Bars {
            x: "component".into(),
            y: Axis::linear("mean cosine to its match").including([0.0, 1.0]),
            bars: agreements
                .map(|(k, &agreement)| Bar {
                    label: (k + 1).to_string(),
                    facts: vec![Fact::new("mean cosine", agreement)],
                    tone: Tone::Lead,
                    value: agreement,
                })
                .collect(),
            levels: Vec::new(),
        }),
    }
}
