//! What is not identified.

use super::RunView;
use super::section::{Section, name, sentence};
use crate::figure::number::{count, short};
use crate::figure::text::escape;
use thalweg::audit::{Audit, Uniqueness};

/// Empty rows or columns that are named; the rest are counted.
const NAMED: usize = 20;

pub(super) fn section(run: &RunView) -> Option<Section> {
    let audit = run.audit.as_ref()?;
    let mut section = Section::new("open", "What is not identified");
    let mut items = vec!["The order of the components, and the scale of each: free in every factorisation.".to_owned()];
    items.push(match audit.uniqueness.status {
        Uniqueness::Unique => format!("Beyond order and scale, nothing: the factors of UVᵀ are unique. {}", escape(&sentence(&audit.uniqueness.why))),
        Uniqueness::NotUnique => {
            format!("The factors: other non-negative factors have the same product. {}", escape(&sentence(&audit.uniqueness.why)))
        }
        Uniqueness::Unknown => {
            format!("Perhaps the factors: whether others have the same product is unknown. {}", escape(&sentence(&audit.uniqueness.why)))
        }
    });
    items.extend(least_reproduced(audit));
    items.extend(empty("row", &audit.empty_rows, run.labels.rows.as_deref()));
    items.extend(empty("column", &audit.empty_cols, run.labels.cols.as_deref()));
    section.before = format!("<ul>\n{}</ul>\n", items.iter().map(|item| format!("<li>{item}</li>\n")).collect::<String>());
    Some(section)
}

fn least_reproduced(audit: &Audit) -> Option<String> {
    let (k, cosine) = audit.restarts.component_agreement.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1))?;
    Some(format!("Component {} came back least over the restarts: mean cosine {}.", k + 1, short(*cosine)))
}

fn empty(what: &str, which: &[usize], labels: Option<&[String]>) -> Option<String> {
    if which.is_empty() {
        return None;
    }
    let named: Vec<String> = which
        .iter()
        .take(NAMED)
        .map(|&i| match labels.and_then(|labels| labels.get(i)) {
            Some(label) => format!("{} (#{})", name(label, 32), i + 1),
            None => format!("#{}", i + 1),
        })
        .collect();
    let rest = if which.len() > NAMED { format!(" and {} more", count((which.len() - NAMED) as u64)) } else { String::new() };
    let plural = if which.len() == 1 { "" } else { "s" };
    Some(format!("The factors of {} {what}{plural} without a single observed entry: {}{rest}.", count(which.len() as u64), named.join(", ")))
}
