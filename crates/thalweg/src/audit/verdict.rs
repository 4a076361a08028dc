//! The audit in words.

use super::record::{Audit, LineReport, RestartReport, Status, Uniqueness};
use crate::problem::Loss;

/// Mean matched cosine from which two answers count as the same solution.
pub const SAME_ANSWER: f64 = 0.99;
/// Relative spread of objectives below which answers count as equally good.
pub const EQUALLY_GOOD: f64 = 1e-3;
/// Mean cosine from which a component counts as found by every start.
const STABLE: f64 = 0.95;

/// What was established, one sentence each; what was not, said as such.
pub(super) fn sentences(audit: &Audit, rank: usize) -> Vec<String> {
    let mut said = vec![convergence(audit), distance(audit, rank), restarts(&audit.restarts)];
    said.extend(penalty(audit));
    said.extend(components(&audit.restarts));
    said.extend(audit.lines.as_ref().map(lines));
    said.extend(constraints(audit));
    said.extend((audit.loss != Loss::Frobenius).then(|| no_lines(audit.loss)));
    said.extend(barriers(audit));
    said.push(uniqueness(audit));
    said.extend(flatness(audit));
    said.extend(empty(audit));
    said
}

fn percent(x: f64) -> String {
    let p = 100.0 * x;
    if p == 0.0 || p >= 0.01 { format!("{p:.2} %") } else { format!("{p:.1e} %") }
}

fn convergence(audit: &Audit) -> String {
    let (kkt, tol) = (audit.kkt, audit.tol);
    let reason = match audit.status {
        Status::Converged => {
            return format!("Converged: the residual recomputed from the data is {kkt:.1e}, within the tolerance {tol:.0e}.");
        }
        Status::MaxIters => "the iteration limit came first",
        Status::TimeLimit => "the time limit came first",
        Status::Stalled => "the objective stopped changing at working precision before the residual was small",
        Status::Breakdown => "the numbers went bad",
        Status::Stopped => "the run was interrupted",
    };
    format!("Not converged: {reason}. The residual is {kkt:.1e}, the tolerance {tol:.0e}; what follows describes an unfinished answer.")
}

fn distance(audit: &Audit, rank: usize) -> String {
    match (audit.lower_bound, audit.gap) {
        (Some(bound), Some(gap)) if bound > 0.0 => format!(
            "Proved: no rank-{rank} factorisation, non-negative or not, has an objective more than {} below this one (bound from the \
             singular values).",
            percent(gap)
        ),
        (Some(_), _) => "The lower bound is 0: the singular values do not rule out an exact fit at this rank.".into(),
        (None, _) if audit.loss != Loss::Frobenius => {
            format!("How far this is from the best possible is not known: no lower bound is known for the loss \"{}\".", audit.loss)
        }
        (None, _) => "How far this is from the best possible is not known: the bound needs every entry observed and a side of at most \
                      4096."
            .into(),
    }
}

fn penalty(audit: &Audit) -> Option<String> {
    (audit.penalty > 0.0).then(|| {
        let bound = if audit.lower_bound.is_some() { "the lower bound is one of the data term, and so of the whole; " } else { "" };
        format!(
            "The objective is penalised: {} of it is the penalty, which makes the factors smaller than the data alone would; {bound}lines and \
             barriers are those of the data term.",
            percent(audit.penalty / audit.objective)
        )
    })
}

fn restarts(report: &RestartReport) -> String {
    let Some(agreement) = report.agreement else {
        return "Only one start was tried: whether others end elsewhere is not known (--restarts).".into();
    };
    let (count, spread) = (report.count, percent(report.spread));
    let is_same = agreement >= SAME_ANSWER;
    let is_equal = report.spread <= EQUALLY_GOOD;
    match (is_same, is_equal) {
        (true, true) => {
            format!("All {count} starts ended in the same solution: mean cosine of matched components {agreement:.4}, objectives within {spread}.")
        }
        (true, false) => format!(
            "The {count} starts ended in similar solutions (mean cosine {agreement:.4}) whose objectives differ by {spread}: some stopped short."
        ),
        (false, true) => format!(
            "The {count} starts ended in different solutions of nearly the same objective (mean cosine {agreement:.3}, objectives within \
             {spread}): the data do not single out one of them."
        ),
        (false, false) => format!(
            "The {count} starts ended in different solutions (mean cosine {agreement:.3}) and objectives {spread} apart: a better one may \
             exist, and the components depend on the start."
        ),
    }
}

fn components(report: &RestartReport) -> Option<String> {
    let agreement = &report.component_agreement;
    if agreement.is_empty() || report.agreement.is_some_and(|a| a >= SAME_ANSWER) {
        return None;
    }
    let stable = agreement.iter().filter(|&&c| c >= STABLE).count();
    Some(format!("{stable} of {} components were found by every start (mean cosine at least {STABLE}).", agreement.len()))
}

fn lines(report: &LineReport) -> String {
    let undecided =
        if report.undecided_fraction > 0.0 { format!(" ({} left undecided by rounding)", percent(report.undecided_fraction)) } else { String::new() };
    format!(
        "Of {} lines from random starts to the answer, the loss is convex on {}, star-convex on {}, and downhill at the start points to the \
         answer on {}{undecided}.",
        report.count,
        percent(report.convex_fraction),
        percent(report.star_fraction),
        percent(report.gradient_fraction)
    )
}

fn constraints(audit: &Audit) -> Option<String> {
    audit.constraints.as_ref().map(|words| {
        format!("The fit is constrained: {words}. The residual is that of this problem, given columns held; lines and barriers were not examined.")
    })
}

fn no_lines(loss: Loss) -> String {
    format!("Lines and barriers were not examined: on a line the loss \"{loss}\" is no polynomial, and nothing exact could be said.")
}

fn barriers(audit: &Audit) -> Option<String> {
    let report = audit.barriers.as_ref()?;
    Some(format!(
        "On straight lines between answers the loss rises by at most {} of its value once components are matched ({} as they came, which \
         order alone can cause).",
        percent(report.aligned_max),
        percent(report.max)
    ))
}

fn uniqueness(audit: &Audit) -> String {
    let why = &audit.uniqueness.why;
    match audit.uniqueness.status {
        Uniqueness::Unique => format!("Unique as a factorisation of its product: {why}."),
        Uniqueness::NotUnique => format!("Not unique: {why}."),
        Uniqueness::Unknown => format!("Uniqueness is not established: {why}."),
    }
}

fn flatness(audit: &Audit) -> Option<String> {
    let report = audit.flatness.as_ref()?;
    let (low, high) = report.largest_eigenvalue;
    let balance = report.balance.map_or(String::new(), |balance| {
        format!(" ‖U‖² + ‖V‖² is {} above what balanced factors of the same product have.", percent(balance.norm_excess))
    });
    Some(format!("The Hessian at the answer has trace {:.3e}; its largest eigenvalue lies between {low:.3e} and {high:.3e}.{balance}", report.trace))
}

fn empty(audit: &Audit) -> Option<String> {
    let (rows, cols) = (audit.empty_rows.len(), audit.empty_cols.len());
    let count = |number: usize, side: &str| format!("{number} {side}{}", if number == 1 { "" } else { "s" });
    (rows + cols > 0).then(|| {
        let (rows, cols) = (count(rows, "row"), count(cols, "column"));
        format!("Without an observed entry: {rows} and {cols}; their factors are zero, not estimates.")
    })
}
