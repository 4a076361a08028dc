//! The evidence in words, and what it leaves open.

use super::RankSettings;
use super::report::{RankReport, RankRow, mean_and_error};

/// Mean matched cosine from which restarts count as one answer.
const STABLE: f64 = 0.95;

/// Writes the verdict; takes back the suggestion where nothing speaks for more than one component.
pub(super) fn judge(report: &mut RankReport, settings: &RankSettings, floor: f64, reference: &[f64]) {
    let mut said = Vec::new();
    match (report.suggested, report.ranks.iter().find(|r| Some(r.rank) == report.suggested).cloned()) {
        (Some(_), Some(row)) => {
            if no_better_than_one(&row, reference, floor, settings.fraction) {
                report.suggested = (settings.first == 1).then_some(1);
                report.supported.retain(|&r| r == 1);
                said.push(format!(
                    "No structure beyond rank 1 is supported: on entries held out, {} predicts better than one component (RMSE {}).",
                    if settings.last == 1 { "nothing else was tried that".into() } else { format!("no rank up to {}", settings.last) },
                    number(report.reference)
                ));
            } else {
                if row.holdout.is_some_and(|h| h <= floor) {
                    // larger ranks fit as exactly, with parts that nothing asks for
                    report.supported = vec![row.rank];
                }
                said.push(headline(report, &row, settings));
            }
        }
        _ => said.push("Nothing can be said: the data have too few entries to hold any out.".into()),
    }
    said.extend(held_out(report, settings, floor));
    said.extend(erratic(report, settings));
    said.extend(spectrum(report));
    said.extend(agreement(report));
    said.extend(edges(report, settings));
    let unfinished: usize = report.ranks.iter().map(|r| r.unfinished).sum();
    if unfinished > 0 {
        said.push(format!(
            "{unfinished} fits ended at the limit of {} iterations (--max-iters); their errors are those of unfinished answers.",
            settings.max_iters
        ));
    }
    said.extend(report.notes.iter().map(|note| format!("Note: {note}.")));
    report.verdict = said.join("\n");
}

/// Whether a rank predicts held-out entries no better than rank 1 does, to one standard error.
fn no_better_than_one(row: &RankRow, reference: &[f64], floor: f64, fraction: f64) -> bool {
    if row.rank == 1 {
        return true;
    }
    let gains: Vec<f64> = reference.iter().zip(&row.each).map(|(one, this)| one - this).collect();
    mean_and_error(&gains, fraction).is_none_or(|(mean, error)| mean <= error.max(floor))
}

/// Five significant digits, with an exponent only where the number is too large or too small to be read without: as verdicts on ranks are written.
pub fn five_digits(x: f64) -> String {
    match x.abs() {
        size if (1e-3..1e6).contains(&size) => format!("{x:.*}", (4.0 - size.log10().floor()).max(0.0) as usize),
        _ => format!("{x:.4e}"),
    }
}

fn number(x: Option<f64>) -> String {
    x.map_or("not known".into(), five_digits)
}

fn list(ranks: &[usize]) -> String {
    let mut pieces: Vec<String> = Vec::new();
    let mut at = 0;
    while at < ranks.len() {
        let mut end = at;
        while end + 1 < ranks.len() && ranks[end + 1] == ranks[end] + 1 {
            end += 1;
        }
        pieces.push(if end > at + 1 {
            format!("{}-{}", ranks[at], ranks[end])
        } else {
            ranks[at..=end].iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
        });
        at = end + 1;
    }
    pieces.join(", ")
}

/// The rank, and whether the other evidence agrees.
fn headline(report: &RankReport, row: &RankRow, settings: &RankSettings) -> String {
    let rank = row.rank;
    let others: Vec<usize> = report.supported.iter().copied().filter(|&r| r != rank).collect();
    let mut doubts = Vec::new();
    if let Some(spectrum) = &report.spectrum {
        // beyond the range the test ends before the noise does
        let is_cut = spectrum.above_noise > settings.last;
        if spectrum.above_noise != rank && !(is_cut && rank == settings.last) {
            doubts.push(format!(
                "{}{} singular values stand above noise",
                if is_cut { "more than " } else { "" },
                spectrum.above_noise.min(settings.last)
            ));
        }
    }
    if row.agreement.is_some_and(|a| a < STABLE) {
        doubts.push("restarts disagree about its components".into());
    }
    if others.len() > 2 {
        doubts.push(format!("held-out errors do not rule out {}", list(&others)));
    }
    match doubts.len() {
        0 => format!("Rank {rank} is supported by all the evidence."),
        _ => format!("Rank {rank} is the smallest that predicts as well as the best, but the evidence is mixed: {}.", doubts.join("; ")),
    }
}

fn held_out(report: &RankReport, settings: &RankSettings, floor: f64) -> Option<String> {
    let best = report.ranks.iter().filter(|r| r.holdout.is_some()).min_by(|a, b| a.holdout.unwrap_or(0.0).total_cmp(&b.holdout.unwrap_or(0.0)))?;
    let exact = if best.holdout.is_some_and(|h| h <= floor) { " (exact, to the accuracy of the fits)" } else { "" };
    Some(format!(
        "Held out: over {} masks of {:.0} % the error is least at rank {}: {} ± {}{exact}. Not ruled out at the 5 % level, differences on the \
         same mask: {}.",
        settings.repeats,
        100.0 * settings.fraction,
        best.rank,
        number(best.holdout),
        number(best.holdout_se),
        if report.supported.is_empty() { "none".into() } else { list(&report.supported) }
    ))
}

/// What to do where some entries held out are extrapolated without bound: a row with few entries, or a component that few rows have.
fn erratic(report: &RankReport, settings: &RankSettings) -> Option<String> {
    let advice = if settings.penalty.is_none() { "a ridge tames that: try --l2 0.02" } else { "a larger penalty may tame that (--l2)" };
    (!report.erratic.is_empty())
        .then(|| format!("The errors of rank {} are erratic: single entries are predicted far off; {advice}.", list(&report.erratic)))
}

fn spectrum(report: &RankReport) -> Option<String> {
    let Some(s) = &report.spectrum else {
        return Some("Singular values: not compared with noise, for which every entry must be observed and a side be at most 1024.".into());
    };
    let exact = if s.is_exact { "; the next is zero to rounding" } else { "" };
    let is_cut = s.above_noise > report.ranks.last().map_or(0, |r| r.rank);
    Some(format!(
        "Singular values: {}{} of them stand above those of {} copies with random signs (5 % level{exact}).",
        if is_cut { "at least " } else { "" },
        s.above_noise,
        s.copies
    ))
}

fn agreement(report: &RankReport) -> Option<String> {
    let known: Vec<(usize, f64)> = report.ranks.iter().filter_map(|r| Some((r.rank, r.agreement?))).filter(|r| r.0 > 1).collect();
    if known.is_empty() {
        return None;
    }
    let stable: Vec<usize> = known.iter().filter(|r| r.1 >= STABLE).map(|r| r.0).collect();
    let here = report.suggested.and_then(|s| known.iter().find(|r| r.0 == s)).map_or(String::new(), |r| format!("; {:.3} at rank {}", r.1, r.0));
    let which = if stable.is_empty() { "at no rank above 1".into() } else { format!("at rank {}", list(&stable)) };
    Some(format!("Restarts: {} starts agree (mean cosine at least {STABLE}) {which}{here}.", report.restarts))
}

/// Whether the range ends where it should go on.
fn edges(report: &RankReport, settings: &RankSettings) -> Option<String> {
    let suggested = report.suggested?;
    if suggested == settings.last && settings.last > 1 && settings.first < settings.last {
        return Some(format!("The largest rank tried does best: larger ones may do better (try -k {}:{}).", settings.last, 2 * settings.last));
    }
    (suggested == settings.first && settings.first > 1)
        .then(|| format!("The smallest rank tried does as well as the best: try smaller ones (-k 1:{}).", settings.last))
}
