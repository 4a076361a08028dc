//! The page of a reproduced figure, table or theorem: what was said, what was found, drawn and checked.

use super::page::{Body, Page, document};
use super::section::{Section, facts, paragraph, table_html};
use crate::experiment::{Agreement, Check, Reproduction, Scale};
use crate::figure::number::count;
use crate::figure::text::escape;
use crate::figure::{Cell, Table};

pub(super) fn page(reproduction: &Reproduction) -> Page {
    let about = &reproduction.about;
    let mut body = Body::default();
    for section in [Some(verdict(reproduction)), figures(reproduction), checks(reproduction), Some(provenance(reproduction))].into_iter().flatten() {
        let prefix = format!("{}-", about.item);
        body.link(&format!("{prefix}{}", section.slug), &escape(section.title));
        body.add(section, &prefix, 2);
    }
    let head = format!("<h1>{}</h1>\n<p class=\"about\">{} · {}</p>\n", escape(about.title), escape(about.paper), extent(reproduction));
    document(about.title, &head, body)
}

/// How much of the experiment this is.
fn extent(reproduction: &Reproduction) -> String {
    let scale = match reproduction.scale {
        Scale::Smoke => "smoke scale: only that everything runs",
        Scale::Reduced => "reduced scale: fewer and smaller trials than in the paper",
        Scale::Full => "full scale",
    };
    let (done, all) = (reproduction.tally.done as u64, reproduction.tally.all as u64);
    let trials = if done == all { format!("{} trials", count(all)) } else { format!("{} of {} trials: not finished", count(done), count(all)) };
    format!("{scale} · {trials}")
}

fn verdict(reproduction: &Reproduction) -> Section {
    let mut section = Section::new("verdict", "What was said, what was found");
    let mut sentences = reproduction.findings.verdict.iter();
    let first = sentences.next().map_or("Nothing was found yet.", String::as_str);
    let rest: String = sentences.map(|sentence| paragraph(sentence)).collect();
    section.before = format!(
        "<div class=\"verdict\">\n<p class=\"first\">{}</p>\n{rest}</div>\n{}",
        escape(first),
        facts(&[("the paper", escape(reproduction.about.claim))])
    );
    section
}

fn figures(reproduction: &Reproduction) -> Option<Section> {
    let mut section = Section::new("figures", "Figures");
    section.figures = reproduction.findings.figures.clone();
    (!section.figures.is_empty()).then_some(section)
}

fn checks(reproduction: &Reproduction) -> Option<Section> {
    let checks = &reproduction.findings.checks;
    let mut section = Section::new("checks", "Numbers against statements");
    let counted = |wanted| reproduction.findings.count(wanted);
    section.before = paragraph(&format!(
        "{} statements hold, {} fail, {} stay open. What fails or stays open comes first.",
        counted(Agreement::Holds),
        counted(Agreement::Fails),
        counted(Agreement::Open)
    ));
    let mut table = Table::new(["statement", "whose", "said", "found", "may differ by", "result"]);
    let mut rows: Vec<&Check> = checks.iter().collect();
    rows.sort_by_key(|check| check.agreement == Agreement::Holds);
    for check in rows {
        let word = match check.agreement {
            Agreement::Holds => "holds",
            Agreement::Fails => "fails",
            Agreement::Open => "open",
        };
        let numbers = [check.expected, check.found, check.tolerance].map(Cell::from);
        table.rows.push([Cell::from(check.what.as_str()), Cell::from(check.source)].into_iter().chain(numbers).chain([Cell::from(word)]).collect());
    }
    section.after = table_html(&table);
    (!checks.is_empty()).then_some(section)
}

fn provenance(reproduction: &Reproduction) -> Section {
    let mut section = Section::new("provenance", "Provenance");
    let about = &reproduction.about;
    section.before = facts(&[
        ("command", format!("<code>{}</code>", escape(&reproduction.command))),
        ("trials", "<code>trials.sqlite</code> beside this page".into()),
        ("version of the experiment", about.version.to_string()),
        ("thalweg", env!("CARGO_PKG_VERSION").into()),
    ]);
    section
}
