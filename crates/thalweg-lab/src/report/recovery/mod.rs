//! The page of a recovery: what was found, what was proved, the spectrum, and pictures where rows are images.

mod open;
mod pictures;

pub use pictures::{PictureOptions, PixelOrder};

use super::page::{Body, Page, document};
use super::section::{Section, facts, name, paragraph, sentence};
use super::verdict::{Claim, Standing, claims_html};
use crate::figure::number::{count, percent, short};
use crate::figure::text::escape;
use crate::figure::{Axis, Dot, DotGroup, Fact, Figure, Kind, Scatter, Tone};
use crate::{InstanceRecord, Proof, RecoverKind};
use thalweg::problem::RecoveryStatus;

/// What a report knows of a recovery.
#[derive(Debug, Clone)]
pub struct RecoveryView {
    /// Its name: the run directory as the user gave it.
    pub name: String,
    /// Version of thalweg that ran it.
    pub thalweg: String,
    /// What was recovered.
    pub kind: RecoverKind,
    /// From what.
    pub instance: InstanceRecord,
    /// How it ended.
    pub status: RecoveryStatus,
    /// What was proved, if that was asked for.
    pub proof: Option<Proof>,
    /// No other answer costs less by more than this part of the objective: proved.
    pub gap: Option<f64>,
    /// What was minimised, in words.
    pub problem: String,
    /// Numbers of the answer, with their names.
    pub numbers: Vec<(&'static str, String)>,
    /// What a dot of the spectrum is.
    pub spectrum_of: &'static str,
    /// Singular values of X, or sizes of the entries of x, in decreasing order.
    pub spectrum: Vec<f64>,
    /// Figures of rows that are images.
    pub pictures: Vec<Figure>,
    /// Why there is no picture, where one could be expected.
    pub no_picture: Option<String>,
}

pub(super) fn page(runs: &[RecoveryView]) -> Page {
    let mut body = Body::default();
    if let [run] = runs {
        for section in sections(run) {
            body.link(section.slug, &escape(section.title));
            body.add(section, "", 2);
        }
        let head = format!("<h1>{}</h1>\n<p class=\"about\">{}</p>\n", name(&input_name(run), 80), about(run));
        return document(&input_name(run), &head, body);
    }
    for (i, run) in runs.iter().enumerate() {
        let prefix = format!("run-{}-", i + 1);
        body.link(&format!("{prefix}run"), &name(&run.name, 40));
        let head =
            format!("<header><h2>{}</h2>\n<p class=\"about\">{} · {}</p></header>\n", name(&run.name, 80), name(&input_name(run), 60), about(run));
        let sections = sections(run).into_iter().map(|section| (section, prefix.as_str()));
        body.article(&format!("{prefix}run"), &head, sections, 3);
    }
    let title = format!("{} recoveries", runs.len());
    document(&title, &format!("<h1>{title}</h1>\n"), body)
}

fn sections(run: &RecoveryView) -> Vec<Section> {
    let mut sections = vec![verdict(run), numbers(run)];
    sections.extend(pictures(run));
    sections.extend(spectrum(run));
    sections.push(provenance(run));
    sections
}

fn input_name(run: &RecoveryView) -> String {
    let path = &run.instance.path;
    path.file_name().map_or_else(|| path.to_string_lossy(), |file| file.to_string_lossy()).into_owned()
}

fn about(run: &RecoveryView) -> String {
    let (d1, d2) = run.instance.shape;
    let measurements = count(run.instance.measurements as u64);
    let kept = run.instance.kept.map_or(String::new(), |kept| format!(" · {} of the entries, seed {}", short(kept.fraction), kept.seed));
    format!("{} · {} × {} · {measurements} measurements{kept}", run.kind.name(), count(d1 as u64), count(d2 as u64))
}

/// How a recovery ended, as a claim and in one sentence.
fn ended(status: RecoveryStatus) -> (Standing, &'static str) {
    match status {
        RecoveryStatus::Converged => (Standing::Measured, "The answer meets the optimality conditions, to tolerance."),
        RecoveryStatus::Inconsistent => (Standing::Refuted, "Nothing fits: the measurements contradict one another."),
        RecoveryStatus::Infeasible => (Standing::Refuted, "Nothing of the asked kind fits."),
        RecoveryStatus::UnderDetermined => (Standing::Refuted, "The answer is a minimiser, and another one was found."),
        RecoveryStatus::MaxIters => (Standing::NotEstablished, "The run ended at its iteration limit: this is not the answer yet."),
        RecoveryStatus::TimeLimit => (Standing::NotEstablished, "The run ended at its time limit: this is not the answer yet."),
        RecoveryStatus::Stalled => (Standing::NotEstablished, "The run no longer moved, short of the tolerance."),
        RecoveryStatus::Breakdown => (Standing::NotEstablished, "Numbers went bad: the last finite point was kept."),
        RecoveryStatus::Stopped => (Standing::NotEstablished, "The run was stopped from outside."),
    }
}

fn verdict(run: &RecoveryView) -> Section {
    let mut section = Section::new("verdict", "Verdict");
    let (standing, ending) = ended(run.status);
    let bounded = run.gap.map(|gap| format!("No other answer costs less by more than {} of the objective", percent(gap)));
    let first = match (&run.proof, &bounded) {
        (Some(proof), _) if proof.certified => "Certified: this is the minimiser, and the only one.".to_owned(),
        (_, Some(bounded)) if run.status == RecoveryStatus::Converged => format!("{bounded}: proved."),
        _ => ending.to_owned(),
    };
    let mut claims = vec![Claim { standing, what: ending.into(), why: String::new() }];
    let by_duality = |what| Claim { standing: Standing::Established, what, why: "By weak duality, from the data alone.".into() };
    claims.extend(bounded.map(by_duality));
    let (standing, why) = match &run.proof {
        Some(proof) if proof.certified => (Standing::Established, sentence(&proof.why)),
        Some(proof) => (Standing::NotEstablished, sentence(&proof.why)),
        None => (Standing::CannotSay, "No certificate was asked for.".into()),
    };
    claims.push(Claim { standing, what: "It is the minimiser, and the only one".into(), why });
    section.before = format!(
        "<div class=\"verdict\">\n<p class=\"first\">{}</p>\n{}</div>\n{}",
        escape(&first),
        paragraph(&format!("Sought: {}.", run.problem)),
        claims_html(&claims)
    );
    section
}

fn numbers(run: &RecoveryView) -> Section {
    let mut section = Section::new("numbers", "Key numbers");
    let rows: Vec<(&str, String)> = run.numbers.iter().map(|(term, value)| (*term, escape(value))).collect();
    section.before = facts(&rows);
    section
}

fn pictures(run: &RecoveryView) -> Option<Section> {
    let mut section = Section::new("pictures", "Pictures");
    section.figures = run.pictures.clone();
    section.before = run.no_picture.as_deref().map_or(String::new(), paragraph);
    (!section.figures.is_empty() || run.no_picture.is_some()).then_some(section)
}

/// Values below this part of the largest are rounding.
const NOTHING: f64 = 1e-15;

fn spectrum(run: &RecoveryView) -> Option<Section> {
    let largest = run.spectrum.first().copied().filter(|first| *first > 0.0)?;
    let mut section = Section::new("singular-values", "Spectrum");
    let what = run.spectrum_of;
    let dot =
        |(k, &value): (usize, &f64)| Dot { label: format!("{what} {}", k + 1), facts: vec![Fact::new(what, value)], x: (k + 1) as f64, y: value };
    let dots: Vec<Dot> = run.spectrum.iter().enumerate().filter(|(_, value)| **value > NOTHING * largest).map(dot).collect();
    section.figures.push(Figure {
        id: "spectrum".into(),
        title: format!("Each {what}, largest first"),
        caption: format!(
            "{} of {}, logarithmic; what is below {NOTHING:.0e} of the largest is rounding and left out.",
            dots.len(),
            run.spectrum.len()
        ),
        alt: format!("Dot plot of {} values in decreasing order.", dots.len()),
        kind: Kind::Scatter(Scatter {
            x: Axis::linear("index").including([0.0]),
            y: Axis::log(what),
            groups: vec![DotGroup { label: what.into(), tone: Tone::Lead, dots }],
            levels: vec![],
        }),
    });
    Some(section)
}

fn provenance(run: &RecoveryView) -> Section {
    let mut section = Section::new("provenance", "Provenance");
    section.before = facts(&[
        ("input", format!("<code>{}</code>", name(&run.instance.path.to_string_lossy(), 160))),
        ("SHA-256", format!("<code class=\"hash\">{}</code>", name(&run.instance.sha256, 80))),
        ("kind", run.kind.name().into()),
        ("run", name(&run.name, 160)),
        ("thalweg", name(&run.thalweg, 80)),
    ]);
    section
}
