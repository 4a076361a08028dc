//! What the singular values say about the rank.

use super::RunView;
use super::section::{Section, paragraph};
use crate::figure::number::percent;
use crate::figure::{At, Axis, Dot, DotGroup, Fact, Figure, Kind, Level, Scatter, Tone};
use thalweg::audit::RankEvidence;

pub(super) fn section(run: &RunView) -> Option<Section> {
    let evidence = run.audit.as_ref()?.rank.as_ref()?;
    let mut section = Section::new("rank", "Rank");
    section.before = paragraph(&format!(
        "The factors explain {} of the squared size of the data; no matrix of rank {} explains more than {}. A knee in the singular values \
         suggests a rank; a smooth decay says that the data do not choose one.",
        percent(evidence.share),
        evidence.rank,
        percent(evidence.best_share)
    ));
    section.figures.push(spectrum(evidence));
    Some(section)
}

fn spectrum(evidence: &RankEvidence) -> Figure {
    let values = &evidence.singular_values;
    let dots = |range: &mut dyn Iterator<Item = usize>| {
        let dot =
            |k: usize| Dot { label: format!("σ of index {}", k + 1), facts: vec![Fact::new("σ", values[k])], x: (k + 1) as f64, y: values[k] };
        range.map(dot).collect()
    };
    let split = evidence.rank.min(values.len());
    Figure {
        id: "spectrum".into(),
        title: "Singular values of the data".into(),
        caption: format!("The leading {}, logarithmic; zeros are left out. The line marks the rank that was fitted.", values.len()),
        alt: format!("Dot plot of {} singular values in decreasing order, with rank {} marked.", values.len(), evidence.rank),
        kind: Kind::Scatter(Scatter {
            x: Axis::linear("index").including([0.0]),
            y: Axis::log("singular value σ, in the units of the data"),
            groups: vec![
                DotGroup { label: "beyond".into(), tone: Tone::Quiet, dots: dots(&mut (split..values.len())) },
                DotGroup { label: "within the fitted rank".into(), tone: Tone::Lead, dots: dots(&mut (0..split)) },
            ],
            levels: vec![Level { at: At::X(evidence.rank as f64 + 0.5), label: format!("rank {}", evidence.rank) }],
        }),
    }
}
