//! Several runs side by side.

use super::RunView;
use super::page::input_name;
use super::section::{Section, name, paragraph};
use super::verdict::{claims, status_word};
use crate::figure::number::{duration, percent, short};
use crate::figure::text::escape;

pub(super) fn section(runs: &[RunView], prefixes: &[String]) -> Section {
    let mut section = Section::new("comparison", "Comparison");
    let same_input = runs.windows(2).all(|pair| pair[0].manifest.input.sha256 == pair[1].manifest.input.sha256);
    section.before = paragraph(if same_input {
        "All runs read the same input, byte for byte: their objectives and errors can be compared where loss and held-out entries agree."
    } else {
        "The runs read different inputs: compare verdicts, not objectives."
    });
    let rows: String = runs.iter().zip(prefixes).map(|(run, prefix)| row(run, prefix)).collect();
    let header: String = ["run", "input", "rank", "method", "status", "relative error", "objective", "KKT residual", "gap", "agreement", "time"]
        .map(|head| format!("<th scope=\"col\">{head}</th>"))
        .concat();
    section.before += &format!(
        "<div class=\"scroll\"><table class=\"compare\">\n<thead><tr>{header}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n\
         <div class=\"scroll\"><table class=\"compare\">\n{}</table></div>\n",
        standings(runs)
    );
    section
}

fn row(run: &RunView, prefix: &str) -> String {
    let (manifest, audit, result) = (&run.manifest, run.audit.as_ref(), run.manifest.result.as_ref());
    let number = |value: Option<f64>, shown: fn(f64) -> String| format!("<td class=\"number\">{}</td>", escape(&value.map_or("–".into(), shown)));
    [
        format!("<tr><th scope=\"row\"><a href=\"#{prefix}run\">{}</a></th><td>{}</td>", name(&run.name, 32), name(&input_name(run), 24)),
        format!("<td class=\"number\">{}</td><td>{}</td>", manifest.settings.rank, name(&manifest.settings.method, 20)),
        format!("<td>{}</td>", audit.map(|a| a.status).or(result.map(|r| r.status)).map_or("unfinished", status_word)),
        number(audit.map(|a| a.relative_error).or(result.map(|r| r.relative_error)), percent),
        number(audit.map(|a| a.objective).or(result.map(|r| r.objective)), short),
        number(audit.map(|a| a.kkt).or(result.map(|r| r.kkt)), short),
        number(audit.and_then(|a| a.gap), percent),
        number(audit.and_then(|a| a.restarts.agreement), short),
        number(result.map(|r| r.seconds), duration),
        "</tr>\n".into(),
    ]
    .concat()
}

/// The claims of the verdicts, one row a claim, one column a run.
fn standings(runs: &[RunView]) -> String {
    let all: Vec<_> = runs.iter().map(|run| run.audit.as_ref().map(claims)).collect();
    let Some(some) = all.iter().flatten().next() else { return String::new() };
    let header: String = runs.iter().map(|run| format!("<th scope=\"col\">{}</th>", name(&run.name, 24))).collect();
    let rows: String = (0..some.len())
        .map(|i| {
            let cells: String =
                all.iter().map(|claims| format!("<td>{}</td>", claims.as_ref().map_or("not audited", |c| c[i].standing.words()))).collect();
            format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(&some[i].what))
        })
        .collect();
    format!("<thead><tr><th scope=\"col\">claim</th>{header}</tr></thead>\n<tbody>\n{rows}</tbody>\n")
}
