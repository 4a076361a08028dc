//! The loss on straight lines.

use super::RunView;
use super::section::{Section, paragraph};
use crate::figure::number::{count, percent, short};
use crate::figure::{Axis, Dot, DotGroup, Fact, Figure, Kind, Scatter, Tone, figures_of_alpha, figures_of_families};
use thalweg::audit::{AnswerPair, Audit};

pub(super) fn section(run: &RunView) -> Option<Section> {
    let audit = run.audit.as_ref()?;
    let mut section = Section::new("lines", "The loss on lines");
    section.before = words(audit);
    section.figures = figures_of_families(&audit.families, audit.entries);
    section.figures.extend(figures_of_alpha(&audit.families, audit.entries));
    if !audit.pairs.is_empty() {
        section.figures.push(barriers(&audit.pairs));
    }
    if section.figures.is_empty() {
        section.before = paragraph("No line was examined.");
    }
    Some(section)
}

fn words(audit: &Audit) -> String {
    let mut out = String::new();
    if let Some(lines) = &audit.lines {
        out += &paragraph(&format!(
            "On {} straight lines from random starts to the answer, the loss was proved convex on {}, star-convex towards the answer on {}, \
             and its negative gradient at the start pointed towards the answer on {}; {} were left undecided by rounding. \
             α / N: least {}, mean {}, standard deviation {}.",
            count(lines.count as u64),
            percent(lines.convex_fraction),
            percent(lines.star_fraction),
            percent(lines.gradient_fraction),
            percent(lines.undecided_fraction),
            short(lines.alpha_min),
            short(lines.alpha_mean),
            short(lines.alpha_sd)
        ));
    }
    if let Some(barriers) = &audit.barriers {
        out += &paragraph(&format!(
            "Between {} pairs of answers the highest barrier is {} of the larger objective with components as they came, and {} after \
             they are scaled alike and matched: what matching removes was only a matter of order and scale.",
            count(barriers.count as u64),
            percent(barriers.max),
            percent(barriers.aligned_max)
        ));
    }
    out
}

fn barriers(pairs: &[AnswerPair]) -> Figure {
    let dots = |barrier: fn(&AnswerPair) -> f64| {
        let dot = |pair: &AnswerPair| Dot {
            label: format!("restarts {} and {}", pair.a, pair.b),
            facts: vec![
                Fact::new("cosine", pair.cosine),
                Fact::new("barrier as they came", pair.barrier),
                Fact::new("barrier matched", pair.aligned_barrier),
            ],
            x: pair.cosine,
            y: 100.0 * barrier(pair),
        };
        pairs.iter().map(dot).collect()
    };
    Figure {
        id: "barriers".into(),
        title: "Barriers between answers".into(),
        caption: format!(
            "n = {} pairs of restarts. How far the loss rises on the straight line between two answers, in per cent of the larger objective.",
            count(pairs.len() as u64)
        ),
        alt: format!("Scatter plot of {} pairs of restarts: cosine between components against barrier, raw and matched.", pairs.len()),
        kind: Kind::Scatter(Scatter {
            x: Axis::linear("cosine between matched components").including([1.0]),
            y: Axis::linear("barrier, %").including([0.0]),
            groups: vec![
                DotGroup { label: "as they came".into(), tone: Tone::Quiet, dots: dots(|pair| pair.barrier) },
                DotGroup { label: "components matched".into(), tone: Tone::Lead, dots: dots(|pair| pair.aligned_barrier) },
            ],
            levels: Vec::new(),
        }),
    }
}
