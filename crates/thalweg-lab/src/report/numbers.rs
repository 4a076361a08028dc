//! The key numbers, each with what it means and what it does not.

use super::RunView;
use super::section::{Section, sentence};
use super::verdict::{ending, status_word};
use crate::figure::number::{count, duration, percent, short};
use crate::figure::text::escape;
use thalweg::audit::Uniqueness;
use thalweg::problem::Loss;

struct Number {
    label: &'static str,
    value: String,
    means: String,
    not: &'static str,
}

pub(super) fn section(run: &RunView) -> Section {
    let mut section = Section::new("numbers", "Key numbers");
    let rows: String = numbers(run)
        .iter()
        .map(|n| {
            format!(
                "<div><dt>{}</dt><dd class=\"value\">{}</dd><dd>{}</dd><dd class=\"not\">{}</dd></div>\n",
                escape(n.label),
                escape(&n.value),
                escape(&n.means),
                escape(n.not)
            )
        })
        .collect();
    section.before = format!("<dl class=\"numbers\">\n{rows}</dl>\n");
    section
}

/// What is minimised.
pub(super) fn objective_formula(loss: Loss) -> String {
    match loss {
        Loss::Frobenius => "½ Σ (X − UVᵀ)² over the observed entries".into(),
        Loss::KullbackLeibler => "the Kullback–Leibler divergence Σ x ln(x/p) − x + p of X from p = UVᵀ".into(),
        Loss::ItakuraSaito => "the Itakura–Saito divergence Σ x/p − ln(x/p) − 1 of X from p = UVᵀ".into(),
        Loss::Beta(beta) => format!("the β-divergence of X from UVᵀ, β = {}", short(beta)),
    }
}

fn numbers(run: &RunView) -> Vec<Number> {
    let (result, audit) = (run.manifest.result.as_ref(), run.audit.as_ref());
    let loss = run.manifest.settings.loss;
    // the audit recomputes what the fit reported, so it goes first
    let objective = audit.map(|a| a.objective).or(result.map(|r| r.objective));
    let relative_error = audit.map(|a| a.relative_error).or(result.map(|r| r.relative_error));
    let kkt = audit.map(|a| (a.kkt, a.tol)).or(result.map(|r| (r.kkt, run.manifest.settings.tol)));
    let status = audit.map(|a| a.status).or(result.map(|r| r.status));
    let bound = audit.and_then(|a| a.lower_bound).or(result.and_then(|r| r.lower_bound));
    let mut numbers = Vec::new();
    let mut add = |label, value: String, means: String, not| numbers.push(Number { label, value, means, not });

    if let Some(error) = relative_error {
        add(
            "Relative error",
            percent(error),
            match loss {
                Loss::Frobenius => "What the factors leave of the data: the root of the squared residuals over the root of the squared entries.",
                _ => "What the factors leave of the data: their divergence over that of the best constant.",
            }
            .into(),
            "A small error does not make the parts real; a large one may be noise.",
        );
    }
    if let Some(objective) = objective {
        add(
            "Objective",
            short(objective),
            format!("What the method makes small: {}.", objective_formula(loss)),
            "Comparable between runs on the same data only.",
        );
    }
    if let Some((kkt, tol)) = kkt {
        let against = if kkt <= tol { "below" } else { "above" };
        add(
            "KKT residual",
            short(kkt),
            format!("Distance from a stationary point, free of scale, recomputed from the data; {against} the tolerance {}.", short(tol)),
            "Zero means that no small step helps, not that no better answer exists.",
        );
    }
    match (bound, audit.and_then(|a| a.gap)) {
        (Some(bound), gap) => add(
            "Proved lower bound",
            short(bound),
            match gap {
                Some(gap) => {
                    format!("No factorisation of this rank has a smaller objective; the best possible is at most {} below this one.", percent(gap))
                }
                None => "No factorisation of this rank has a smaller objective.".into(),
            },
            "The bound ignores signs: a large gap is not evidence of a bad fit.",
        ),
        (None, _) => add(
            "Proved lower bound",
            "none".into(),
            "It comes from the singular values, which need every entry observed and the Frobenius loss.".into(),
            "Without it, nothing here says how far the best possible objective lies below.",
        ),
    }
    if let Some(result) = result {
        let count_of = format!("{} restarts", count(result.restarts.len() as u64));
        let (value, means) = match audit.map(|a| &a.restarts) {
            Some(r) if r.agreement.is_some() => (
                r.agreement.map_or("–".into(), short),
                format!("Mean cosine between matched components over all pairs of {count_of}; objectives spread by {}.", percent(r.spread)),
            ),
            _ => (if result.restarts.len() == 1 { "1 restart".into() } else { count_of }, "Agreement between restarts was not measured.".into()),
        };
        add("Agreement of restarts", value, means, "Agreement is evidence of one valley, not proof; all restarts can share a wrong answer.");
    }
    if let Some(audit) = audit {
        let value = match audit.uniqueness.status {
            Uniqueness::Unique => "unique",
            Uniqueness::NotUnique => "not unique",
            Uniqueness::Unknown => "unknown",
        };
        add(
            "Uniqueness of the factors",
            value.into(),
            sentence(&audit.uniqueness.why),
            "About factors of this product, not about other products that fit as well.",
        );
    }
    if let Some(rmse) = result.and_then(|r| r.holdout_rmse) {
        add(
            "Held-out error",
            short(rmse),
            "Root mean squared error on entries that the fit never saw, in the units of the data.".into(),
            "One random split; its spread is not shown here.",
        );
    }
    if let (Some(result), Some(status)) = (result, status) {
        add(
            "Work",
            duration(result.seconds),
            format!("All restarts together; the best took {} iterations and ended because {}.", count(result.iterations as u64), ending(status)),
            "Time on the machine and threads of that run.",
        );
    }
    if let Some(status) = status.filter(|_| result.is_none()) {
        add("Status", status_word(status).into(), "The fit has not finished all its restarts.".into(), "Give the same command again to go on.");
    }
    numbers
}
