//! The parts that sections are made of.

use super::page::FIGURES;
use crate::figure::text::{escape, shorten};
use crate::figure::{Cell, Figure, Style, Table};

/// A section of a run.
pub(super) struct Section {
    pub(super) slug: &'static str,
    pub(super) title: &'static str,
    /// HTML above the figures.
    pub(super) before: String,
    pub(super) figures: Vec<Figure>,
    /// HTML below them.
    pub(super) after: String,
}

impl Section {
    pub(super) fn new(slug: &'static str, title: &'static str) -> Section {
        Section { slug, title, before: String::new(), figures: Vec::new(), after: String::new() }
    }

    /// The section with its heading at this level; figure titles stand one level below.
    pub(super) fn html(&self, prefix: &str, level: usize) -> String {
        let figures: String = self.figures.iter().map(|figure| figure_html(figure, level + 1)).collect();
        let figures = if figures.is_empty() { figures } else { format!("<div class=\"figures\">\n{figures}</div>\n") };
        format!(
            "<section id=\"{prefix}{}\">\n<h{level}>{}</h{level}>\n{}{figures}{}</section>\n",
            self.slug,
            escape(self.title),
            self.before,
            self.after
        )
    }
}

/// A paragraph of plain text.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", prose(text))
}

/// Plain text whose flags, such as `--l2`, are not broken at their hyphens.
pub(super) fn prose(text: &str) -> String {
    let word = |word: &str| if word.starts_with("--") { format!("<span class=\"flag\">{}</span>", escape(word)) } else { escape(word) };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// A reason as a sentence: with a capital letter and a full stop, which it lacks where others go on with it.
pub(super) fn sentence(why: &str) -> String {
    let mut letters = why.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let stop = if why.is_empty() || why.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

/// A name from outside: shortened with the whole of it (up to 300 characters) in the tooltip, and kept from reordering its surroundings.
pub(super) fn name(text: &str, max: usize) -> String {
    if text.trim().is_empty() {
        return "<i class=\"none\">(no name)</i>".into();
    }
    let short = shorten(text, max);
    if short == text {
        return format!("<bdi>{}</bdi>", escape(text));
    }
    format!("<bdi title=\"{}\">{}</bdi>", escape(&shorten(text, 300)), escape(&short))
}

/// Terms and values, as rows.
pub(super) fn facts(rows: &[(&str, String)]) -> String {
    let rows: String = rows.iter().map(|(term, html)| format!("<div><dt>{}</dt><dd>{html}</dd></div>\n", escape(term))).collect();
    format!("<dl class=\"facts\">\n{rows}</dl>\n")
}

/// Rows of a table that a page shows; the CSV has them all.
const ROWS: usize = 60;

fn figure_html(figure: &Figure, level: usize) -> String {
    let id = escape(&figure.id);
    let table = figure.summary();
    let more = if table.rows.len() > ROWS { format!("<p>The first {ROWS} of {} rows.</p>\n", table.rows.len()) } else { String::new() };
    format!(
        "<figure id=\"{id}\" class=\"{}\">\n<figcaption><h{level}>{}</h{level}>\n<p>{}</p></figcaption>\n\
         <div class=\"plot\"><div class=\"scroll\">{}</div><output class=\"readout\" hidden=\"\"></output></div>\n\
         <details><summary>Data</summary>\n<div class=\"scroll\">{}</div>\n{more}\
         <p>All of it at full precision: <a href=\"{FIGURES}/{id}.csv\">{id}.csv</a>. The figure: <a href=\"{FIGURES}/{id}.svg\">{id}.svg</a>.</p>\n\
         </details>\n</figure>\n",
        if figure.is_wide() { "wide" } else { "column" },
        escape(&figure.title),
        escape(&figure.caption),
        figure.svg(Style::Page),
        table_html(&table)
    )
}

/// A table of at most [`ROWS`] rows.
pub(super) fn table_html(table: &Table) -> String {
    let header: String = table.header.iter().map(|head| format!("<th scope=\"col\">{}</th>", name(head, 40))).collect();
    let cell = |cell: &Cell| match cell {
        Cell::Text(words) => format!("<td>{}</td>", name(words, 48)),
        _ => format!("<td class=\"number\">{}</td>", escape(&cell.shown())),
    };
    let rows: String = table.rows.iter().take(ROWS).map(|row| format!("<tr>{}</tr>\n", row.iter().map(cell).collect::<String>())).collect();
    format!("<table>\n<thead><tr>{header}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n")
}
