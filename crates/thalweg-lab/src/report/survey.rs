//! The page of a survey of ranks: the verdict, and the evidence drawn.

use super::page::{Body, Page, document};
use super::section::{Section, facts, name, paragraph, prose, table_html};
use crate::RankSurvey;
use crate::figure::number::{count, percent, short};
use crate::figure::text::escape;
use crate::figure::{At, Axis, Cell, Curve, CurveGroup, Curves, Dot, DotGroup, Fact, Figure, Kind, Level, Scatter, Table, Tone};
use thalweg::audit::{RankReport, SpectrumAgainstNoise};

pub(super) fn page(survey: &RankSurvey, report: &RankReport) -> Page {
    let path = &survey.input.path;
    let file = path.file_name().map_or_else(|| path.to_string_lossy(), |file| file.to_string_lossy()).into_owned();
    let (m, n) = survey.input.shape;
    let about = format!(
        "{} × {} · {} observed · ranks {} to {} · {} masks of {} · {} restarts · seed {}",
        count(m as u64),
        count(n as u64),
        count(survey.input.observed),
        report.ranks.first().map_or(0, |r| r.rank),
        report.ranks.last().map_or(0, |r| r.rank),
        report.repeats,
        percent(report.fraction),
        report.restarts,
        survey.settings.seed
    );
    let mut body = Body::default();
    let sections = [Some(verdict(report)), Some(held_out(report)), Some(restarts(report)), spectrum(report), Some(provenance(survey))];
    for section in sections.into_iter().flatten() {
        body.link(section.slug, &escape(section.title));
        body.add(section, "", 2);
    }
    let head = format!("<h1>Which rank? {}</h1>\n<p class=\"about\">{about}</p>\n", name(&file, 80));
    document(&format!("Which rank? {file}"), &head, body)
}

fn verdict(report: &RankReport) -> Section {
    let mut section = Section::new("verdict", "Verdict");
    let mut lines = report.verdict.lines();
    let first = lines.next().unwrap_or("Nothing was found.");
    let rest: String = lines.map(paragraph).collect();
    section.before = format!("<div class=\"verdict\">\n<p class=\"first\">{}</p>\n{rest}</div>\n", prose(first));
    let columns = ["rank", "held-out RMSE", "± s.e.", "above the best", "± s.e.", "agreement", "relative error", "ruled out", "unfinished fits"];
    let mut table = Table::new(columns);
    for r in &report.ranks {
        let out = if report.supported.contains(&r.rank) { "no" } else { "yes" };
        table.rows.push(vec![
            r.rank.into(),
            r.holdout.into(),
            r.holdout_se.into(),
            r.excess.into(),
            r.excess_se.into(),
            r.agreement.into(),
            r.relative_error.into(),
            Cell::from(out),
            r.unfinished.into(),
        ]);
    }
    // nine columns do not fit a telephone
    section.after = format!("<div class=\"scroll\">{}</div>\n", table_html(&table));
    section
}

fn suggested(report: &RankReport) -> Vec<Level> {
    report.suggested.map(|rank| Level { at: At::X(rank as f64), label: format!("rank {rank}") }).into_iter().collect()
}

fn held_out(report: &RankReport) -> Section {
    let mut section = Section::new("held-out", "Entries held out");
    section.before = paragraph(
        "Each mask hides some entries, the same ones from every rank; the fit is judged by what it predicts there. A rank too small misses \
         structure, one too large fits noise: both predict worse.",
    );
    let known = || report.ranks.iter().filter_map(|r| Some((r, r.holdout?, r.holdout_se?)));
    let mean = Curve::new("mean over masks", known().map(|(r, mean, _)| (r.rank as f64, mean)).collect());
    let bar = |(r, mean, error): (&thalweg::audit::RankRow, f64, f64)| Curve {
        facts: vec![Fact::new("RMSE", mean), Fact::new("standard error", error)],
        ..Curve::new(format!("rank {}", r.rank), vec![(r.rank as f64, mean - error), (r.rank as f64, mean + error)])
    };
    let of_mask = |mask: usize| {
        let points = report.ranks.iter().filter_map(|r| Some((r.rank as f64, *r.each.get(mask)?))).collect();
        Curve::new(format!("mask {mask}"), points)
    };
    let masks = (0..report.repeats as usize).map(of_mask).collect();
    section.figures.push(Figure {
        id: "rank-holdout".into(),
        title: "Error on entries held out".into(),
        caption: format!("{} masks of {}; bars are one standard error. The line marks the suggested rank.", report.repeats, percent(report.fraction)),
        alt: format!("Line chart of the held-out error at {} ranks with error bars.", report.ranks.len()),
        kind: Kind::Curves(Curves {
            x: Axis::linear("rank"),
            y: Axis::linear("RMSE, in the units of the data"),
            groups: vec![
                CurveGroup { label: "single masks".into(), tone: Tone::Quiet, curves: masks },
                CurveGroup { label: "± one standard error".into(), tone: Tone::Open, curves: known().map(bar).collect() },
                CurveGroup { label: "mean".into(), tone: Tone::Lead, curves: vec![mean] },
            ],
            levels: suggested(report),
        }),
    });
    section
}

fn restarts(report: &RankReport) -> Section {
    let mut section = Section::new("restarts", "Restarts");
    section.before = paragraph(&format!(
        "{} random starts on all the data for each rank. Parts that every start finds again are parts of the data; parts that change with the \
         start are choices of the method. Agreement falls where the rank is too large, and sometimes where it is too small.",
        report.restarts
    ));
    let curve = |label: &str, points: Vec<(f64, f64)>| vec![Curve::new(label, points)];
    let agreement = report.ranks.iter().filter_map(|r| Some((r.rank as f64, r.agreement?))).collect();
    let errors = report.ranks.iter().map(|r| (r.rank as f64, r.relative_error)).collect();
    let figure = |id: &str, title: &str, caption: &str, y: Axis, curves: Vec<Curve>| Figure {
        id: id.into(),
        title: title.into(),
        caption: caption.into(),
        alt: format!("Line chart of {} at {} ranks.", title.to_lowercase(), report.ranks.len()),
        kind: Kind::Curves(Curves {
            x: Axis::linear("rank"),
            y,
            groups: vec![CurveGroup { label: title.into(), tone: Tone::Lead, curves }],
            levels: suggested(report),
        }),
    };
    section.figures = vec![
        figure(
            "rank-agreement",
            "Agreement of restarts",
            "Mean cosine between matched components over all pairs; 1 is the same answer.",
            Axis::linear("mean cosine").including([0.0, 1.0]),
            curve("agreement", agreement),
        ),
        figure(
            "rank-error",
            "Relative error of the best restart",
            "It falls with every component, needed or not: alone it does not choose a rank.",
            Axis::linear("relative error").including([0.0]),
            curve("relative error", errors),
        ),
    ];
    section
}

fn spectrum(report: &RankReport) -> Option<Section> {
    let found: &SpectrumAgainstNoise = report.spectrum.as_ref()?;
    let mut section = Section::new("spectrum", "Singular values against noise");
    section.before = paragraph(&format!(
        "{} singular values stand above noise. Each is compared with the largest of {} copies of what the ones before it leave, with the sign of \
         every entry drawn at random; the test ends at the first that does not stand out. It counts directions of either sign: a non-negative \
         factorisation may need more components, never fewer.",
        found.above_noise, found.copies
    ));
    let dots = |values: &[f64], word: &str| {
        let dot = |(k, &value): (usize, &f64)| Dot {
            label: format!("{word} of index {}", k + 1),
            facts: vec![Fact::new("value", value)],
            x: (k + 1) as f64,
            y: value,
        };
        values.iter().enumerate().map(dot).collect()
    };
    section.figures.push(Figure {
        id: "rank-spectrum".into(),
        title: "Singular values and noise".into(),
        caption: format!("The leading {}, logarithmic; noise where it was tested.", found.singular_values.len()),
        alt: format!("Dot plot of {} singular values and {} noise levels.", found.singular_values.len(), found.noise.len()),
        kind: Kind::Scatter(Scatter {
            x: Axis::linear("index").including([0.0]),
            y: Axis::log("singular value σ, in the units of the data"),
            groups: vec![
                DotGroup { label: "largest of the copies".into(), tone: Tone::Quiet, dots: dots(&found.noise, "noise") },
                DotGroup { label: "data".into(), tone: Tone::Lead, dots: dots(&found.singular_values, "σ") },
            ],
            levels: vec![Level { at: At::X(found.above_noise as f64 + 0.5), label: format!("{} above noise", found.above_noise) }],
        }),
    });
    Some(section)
}

fn provenance(survey: &RankSurvey) -> Section {
    let mut section = Section::new("provenance", "Provenance");
    let (input, settings) = (&survey.input, &survey.settings);
    section.before = facts(&[
        ("input", format!("<code>{}</code>", name(&input.path.to_string_lossy(), 160))),
        ("SHA-256", format!("<code class=\"hash\">{}</code>", name(&input.sha256, 80))),
        ("format", format!("{}, {}", name(&input.format, 80), name(&input.kind, 80))),
        ("limits of each fit", format!("{} iterations, tolerance {}", count(settings.max_iters as u64), escape(&short(settings.tol)))),
        ("penalty", super::provenance::penalty_words(&settings.penalty)),
        ("seed", settings.seed.to_string()),
        ("thalweg", name(&survey.thalweg, 80)),
    ]);
    section
}
