//! What was established, what was not, and what cannot be said.

use super::RunView;
use super::section::{Section, name, paragraph, prose, sentence};
use crate::figure::number::{count, percent, short};
use crate::figure::text::escape;
use thalweg::audit::{Audit, EQUALLY_GOOD, SAME_ANSWER, Status, Uniqueness};
use thalweg::problem::Loss;

/// How a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Holds, by computation from the data.
    Established,
    /// Was sought and not found.
    NotEstablished,
    /// Fails, by computation from the data.
    Refuted,
    /// Evidence, not proof.
    Measured,
    /// Nothing was, or could be, computed.
    CannotSay,
}

impl Standing {
    fn class(self) -> &'static str {
        match self {
            Standing::Established => "good",
            Standing::NotEstablished => "caution",
            Standing::Refuted => "against",
            Standing::Measured => "lead",
            Standing::CannotSay => "muted",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Standing::Established => "✓",
            Standing::NotEstablished => "–",
            Standing::Refuted => "✕",
            Standing::Measured => "≈",
            Standing::CannotSay => "?",
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Standing::Established => "Established",
            Standing::NotEstablished => "Not established",
            Standing::Refuted => "Does not hold",
            Standing::Measured => "Measured",
            Standing::CannotSay => "Cannot say",
        }
    }
}

/// A statement precise enough to hold or fail.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claim {
    pub(super) standing: Standing,
    pub(super) what: String,
    pub(super) why: String,
}

/// How close to the proved lower bound counts as best possible.
const NEAR: f64 = 0.01;

/// What the audit says of each question a reader has.
pub(super) fn claims(audit: &Audit) -> Vec<Claim> {
    vec![stationary(audit), near_best(audit), restarts_agree(audit), convex(audit), unique(audit)]
}

fn stationary(audit: &Audit) -> Claim {
    let standing = match (audit.kkt <= audit.tol, audit.kkt.is_nan()) {
        (true, _) => Standing::Established,
        (false, true) => Standing::CannotSay,
        (false, false) => Standing::NotEstablished,
    };
    let ended = if audit.status == Status::Converged { String::new() } else { format!(" The run ended because {}.", ending(audit.status)) };
    Claim {
        standing,
        what: "The answer is a stationary point, to tolerance".into(),
        why: format!("KKT residual {}, recomputed from the data; tolerance {}.{ended}", short(audit.kkt), short(audit.tol)),
    }
}

fn near_best(audit: &Audit) -> Claim {
    let what = format!("Its objective is within {} of the least possible at this rank", percent(NEAR));
    let (standing, why) = match (audit.lower_bound, audit.gap) {
        (Some(bound), Some(gap)) if bound > 0.0 && gap.is_finite() => (
            if gap <= NEAR { Standing::Established } else { Standing::NotEstablished },
            format!("No factorisation of this rank has an objective below {}: {} below this one.", short(bound), percent(gap)),
        ),
        (Some(_), _) => (Standing::CannotSay, "The proved lower bound is zero and says nothing.".into()),
        (None, _) => (Standing::CannotSay, "No lower bound could be proved for these data and this loss.".into()),
    };
    Claim { standing, what, why }
}

fn restarts_agree(audit: &Audit) -> Claim {
    let restarts = &audit.restarts;
    let what = match restarts.agreement {
        Some(agreement) if agreement < SAME_ANSWER => "Other starts lead to other answers",
        Some(_) if restarts.spread > EQUALLY_GOOD => "Other starts lead to similar answers of other values",
        _ => "Other starts lead to the same answer",
    };
    let what = what.into();
    match restarts.agreement {
        Some(agreement) => Claim {
            standing: Standing::Measured,
            what,
            why: format!(
                "{} restarts: components agree to {} (mean cosine; 1 is the same), objectives spread by {}.",
                count(restarts.count as u64),
                short(agreement),
                percent(restarts.spread)
            ),
        },
        None => Claim { standing: Standing::CannotSay, what, why: "One restart has nothing to agree with: fit with --restarts 10.".into() },
    }
}

fn convex(audit: &Audit) -> Claim {
    let what = "The loss is convex on every straight line tried from a random start to the answer".into();
    let Some(lines) = audit.lines.as_ref().filter(|lines| lines.count > 0) else {
        let why = match audit.loss {
            Loss::Frobenius => "No line was examined.".into(),
            loss => format!("No line was examined: on a line the loss “{loss}” is no polynomial."),
        };
        return Claim { standing: Standing::CannotSay, what, why };
    };
    let refuted = 1.0 - lines.convex_fraction - lines.undecided_fraction;
    // fractions are k/count, so half a line tells none from one
    let half = 0.5 / lines.count as f64;
    let standing = match (1.0 - lines.convex_fraction < half, refuted < half) {
        (true, _) => Standing::Established,
        (false, true) => Standing::NotEstablished,
        (false, false) => Standing::Refuted,
    };
    Claim {
        standing,
        what,
        why: format!(
            "Proved convex on {} of {} lines: the lines tried, not all lines.",
            count((lines.convex_fraction * lines.count as f64).round() as u64),
            count(lines.count as u64)
        ),
    }
}

fn unique(audit: &Audit) -> Claim {
    let standing = match audit.uniqueness.status {
        Uniqueness::Unique => Standing::Established,
        Uniqueness::NotUnique => Standing::Refuted,
        Uniqueness::Unknown => Standing::CannotSay,
    };
    Claim { standing, what: "These are the only non-negative factors with this product".into(), why: sentence(&audit.uniqueness.why) }
}

/// Why a run ended, in words that complete "the run ended because".
pub(super) fn ending(status: Status) -> &'static str {
    match status {
        Status::Converged => "its residual fell below the tolerance",
        Status::MaxIters => "the iteration limit was reached",
        Status::TimeLimit => "the time limit was reached",
        Status::Stalled => "the objective no longer changed at working precision",
        Status::Breakdown => "numbers went bad; the last finite point was kept",
        Status::Stopped => "it was stopped from outside",
    }
}

/// One word for a status.
pub(super) fn status_word(status: Status) -> &'static str {
    match status {
        Status::Converged => "converged",
        Status::MaxIters => "iteration limit",
        Status::TimeLimit => "time limit",
        Status::Stalled => "stalled",
        Status::Breakdown => "breakdown",
        Status::Stopped => "stopped",
    }
}

pub(super) fn section(run: &RunView) -> Section {
    let mut section = Section::new("verdict", "Verdict");
    let Some(audit) = &run.audit else {
        section.before = format!(
            "<div class=\"verdict\">\n<p class=\"first\">This run was fitted, but not audited: nothing below says whether it can be trusted.</p>\n\
             <p>To add the evidence: <code>thalweg audit {}</code>, then write the report again.</p>\n</div>\n",
            name(&run.name, 200)
        );
        return section;
    };
    let mut sentences = audit.verdict.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = sentences.next().unwrap_or("The audit gave no verdict.");
    let rest: String = sentences.map(paragraph).collect();
    section.before = format!("<div class=\"verdict\">\n<p class=\"first\">{}</p>\n{rest}</div>\n{}", prose(first), claims_html(&claims(audit)));
    section
}

/// The claims as a list.
pub(super) fn claims_html(claims: &[Claim]) -> String {
    let claims: String = claims
        .iter()
        .map(|claim| {
            format!(
                "<li class=\"{}\"><span class=\"sign\" aria-hidden=\"true\">{}</span><div><span class=\"standing\">{}</span>\
                 <span class=\"what\">{}</span><span class=\"why\">{}</span></div></li>\n",
                claim.standing.class(),
                claim.standing.sign(),
                claim.standing.words(),
                escape(&claim.what),
                prose(&claim.why)
            )
        })
        .collect();
    format!("<ul class=\"claims\">\n{claims}</ul>\n")
}
