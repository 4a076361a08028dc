//! The page: head, sections, foot.

use super::section::{Section, name};
use super::{RunView, compare, components, convergence, glossary, lines, numbers, open, provenance, rank, restarts, verdict};
use crate::figure::number::count;
use crate::figure::text::{escape, shorten, visible};
use crate::figure::{self, Figure, palette};

/// The folder of figures beside the page.
pub(super) const FIGURES: &str = "figures";

const CSS: &str = include_str!("report.css");

/// The script of every page: read-outs on figures, and the theme button.
pub const PAGE_SCRIPT: &str = include_str!("report.js");

/// The style sheet of every page: the palette, figures, the page around them.
pub fn page_style() -> String {
    [&palette::variables(), figure::CSS, CSS].concat()
}

/// Nothing is fetched, from anywhere: a report of private data stays private.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// A page and its figures.
#[derive(Default)]
pub(super) struct Page {
    pub(super) html: String,
    pub(super) figures: Vec<Figure>,
}

/// Sections so far, and the list of links to them.
#[derive(Default)]
pub(super) struct Body {
    html: String,
    contents: String,
    figures: Vec<Figure>,
}

impl Body {
    /// Adds a section; with a prefix, several runs can have the same one.
    pub(super) fn add(&mut self, mut section: Section, prefix: &str, level: usize) {
        for figure in &mut section.figures {
            figure.id.insert_str(0, prefix);
        }
        self.html += &section.html(prefix, level);
        self.figures.append(&mut section.figures);
    }

    /// Adds a part with a head of its own, and its sections with their prefix.
    pub(super) fn article<'a>(&mut self, id: &str, head: &str, sections: impl Iterator<Item = (Section, &'a str)>, level: usize) {
        self.html += &format!("<article id=\"{id}\">\n{head}");
        sections.for_each(|(section, prefix)| self.add(section, prefix, level));
        self.html += "</article>\n";
    }

    pub(super) fn link(&mut self, anchor: &str, html: &str) {
        self.contents += &format!("<li><a href=\"#{anchor}\">{html}</a></li>\n");
    }
}

pub(super) fn page(runs: &[RunView]) -> Page {
    let mut body = Body::default();
    let (title, head) = match runs {
        [run] => {
            for section in sections(run) {
                body.link(section.slug, &escape(section.title));
                body.add(section, "", 2);
            }
            (input_name(run), format!("<h1>{}</h1>\n<p class=\"about\">{}</p>\n", name(&input_name(run), 80), about(run)))
        }
        _ => {
            let prefixes: Vec<String> = (1..=runs.len()).map(|i| format!("run-{i}-")).collect();
            body.link("comparison", "Comparison");
            body.add(compare::section(runs, &prefixes), "", 2);
            for (run, prefix) in runs.iter().zip(&prefixes) {
                body.link(&format!("{prefix}run"), &name(&run.name, 40));
                let head = format!(
                    "<header><h2>{}</h2>\n<p class=\"about\">{} · {}</p></header>\n",
                    name(&run.name, 80),
                    name(&input_name(run), 60),
                    about(run)
                );
                let sections = sections(run).into_iter().map(|section| (section, prefix.as_str()));
                body.article(&format!("{prefix}run"), &head, sections, 3);
            }
            let title = format!("{} runs", runs.len());
            (title.clone(), format!("<h1>{title}</h1>\n"))
        }
    };
    document(&title, &head, body)
}

/// The page around its sections.
pub(super) fn document(title: &str, head: &str, mut body: Body) -> Page {
    body.link("glossary", "Words");
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"referrer\" content=\"no-referrer\"/>\n\
         <link rel=\"icon\" href=\"data:,\"/>\n<title>{} · thalweg</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the verdict</a>\n\
         <header class=\"top\">\n<p class=\"brand\">{MARK} thalweg report</p>\n\
         <button type=\"button\" id=\"theme\" hidden=\"\">Dark</button>\n</header>\n\
         <main id=\"main\" tabindex=\"-1\">\n{head}<nav aria-label=\"Contents\"><ul>\n{}</ul></nav>\n{}{}</main>\n\
         <footer><p>Written by thalweg {}. This page is one file and fetches nothing; figures and their data are in <code>{FIGURES}/</code> beside it.</p></footer>\n\
         <script>\n{PAGE_SCRIPT}</script>\n</body>\n</html>\n",
        escape(&shorten(&visible(title), 80)),
        page_style(),
        body.contents,
        body.html,
        glossary::html(),
        env!("CARGO_PKG_VERSION"),
    );
    Page { html, figures: body.figures }
}

/// A valley and the line along its floor, as SVG.
pub const MARK: &str = "<svg class=\"mark-of-thalweg\" viewBox=\"0 0 24 16\" aria-hidden=\"true\">\
    <path d=\"M1 2C7 2 8 14 12 14S17 2 23 2\"/><circle cx=\"12\" cy=\"14\" r=\"2\"/></svg>";

/// The last part of the input's path; of data in memory the name of the run.
pub(super) fn input_name(run: &RunView) -> String {
    if run.manifest.input.was_in_memory() {
        return run.name.clone();
    }
    let path = &run.manifest.input.path;
    path.file_name().map_or_else(|| path.to_string_lossy(), |file| file.to_string_lossy()).into_owned()
}

fn about(run: &RunView) -> String {
    let (input, settings) = (&run.manifest.input, &run.manifest.settings);
    let parts = [
        format!("{} × {}", count(input.shape.0 as u64), count(input.shape.1 as u64)),
        format!("{} observed", count(input.observed)),
        format!("rank {}", settings.rank),
        format!("method {}", name(&settings.method, 24)),
        if settings.restarts == 1 { "1 restart".into() } else { format!("{} restarts", count(settings.restarts as u64)) },
        format!("seed {}", settings.seed),
    ];
    parts.join(" · ")
}

fn sections(run: &RunView) -> Vec<Section> {
    let mut sections = vec![verdict::section(run), numbers::section(run), convergence::section(run)];
    sections.extend(restarts::section(run));
    sections.extend(lines::section(run));
    sections.push(components::section(run));
    sections.extend(rank::section(run));
    sections.extend(open::section(run));
    sections.push(provenance::section(run));
    sections
}
