//! Where the numbers come from, and how to get them again.

use super::RunView;
use super::section::{Section, facts, name, paragraph};
use crate::figure::number::{count, percent, short};
use crate::figure::text::escape;
use crate::{FitSettings, InputRecord};
use serde::Serialize;
use thalweg::data::{Layout, ReadOptions, Scale, Weights};
use thalweg::problem::{FactorPenalty, Penalty, RowSet};

pub(super) fn section(run: &RunView) -> Section {
    let (manifest, mut section) = (&run.manifest, Section::new("provenance", "Provenance"));
    let (input, settings) = (&manifest.input, &manifest.settings);
    let place = if input.was_in_memory() { "in memory".into() } else { format!("<code>{}</code>", name(&input.path.to_string_lossy(), 160)) };
    let word = |text: &str| name(text, 80);
    let notes = if input.notes.is_empty() {
        "none".into()
    } else {
        format!("<ul>{}</ul>", input.notes.iter().map(|note| format!("<li>{}</li>", name(note, 300))).collect::<String>())
    };
    section.before = facts(&[
        ("input", place),
        ("SHA-256", format!("<code class=\"hash\">{}</code>", word(&input.sha256))),
        ("format", format!("{}, {}", word(&input.format), word(&input.kind))),
        ("shape", format!("{} × {}, {} observed", count(input.shape.0 as u64), count(input.shape.1 as u64), count(input.observed))),
        ("entries that are not there", escape(&keyword(&input.read.missing))),
        ("notes on reading", notes),
        ("rank", settings.rank.to_string()),
        ("method, start", format!("{}, {}", word(&settings.method), start_words(settings))),
        ("loss", word(&settings.loss.to_string())),
        ("penalty", penalty_words(&settings.penalty)),
        ("constraints", name(&settings.constraints_in_words().unwrap_or("non-negative factors".into()), 400)),
        ("arithmetic", escape(&keyword(&settings.precision))),
        ("restarts, seed", format!("{}, {}", settings.restarts, settings.seed)),
        ("limits", format!("{} iterations, tolerance {}", count(settings.max_iters as u64), escape(&short(settings.tol)))),
        ("held out", settings.holdout.map_or("nothing".into(), |fraction| format!("{} of the observed entries", percent(fraction)))),
        ("threads", format!("{}; the result does not depend on them", manifest.threads)),
        ("thalweg", word(&manifest.thalweg)),
    ]);
    if !input.was_in_memory() {
        section.before += &paragraph("To get the same run again:");
        section.before += &format!("<pre class=\"command\"><code>{}</code></pre>\n", escape(&command(input, settings)));
    }
    section
}

pub(super) fn penalty_words(penalty: &Penalty) -> String {
    if penalty.is_none() {
        return "none".into();
    }
    let factor = |p: FactorPenalty| format!("λ₂ {}, λ₁ {}", escape(&short(p.l2)), escape(&short(p.l1)));
    format!("U: {}; V: {}; shared by {}", factor(penalty.u), factor(penalty.v), penalty.scaling)
}

/// Where restarts begin.
fn start_words(settings: &FitSettings) -> String {
    let named = name(&settings.init, 80);
    match &settings.start {
        Some(path) => format!("restart 0 at <code>{}</code>, others {named}", name(&path.to_string_lossy(), 160)),
        None => named,
    }
}

/// The command that makes the same run.
fn command(input: &InputRecord, settings: &FitSettings) -> String {
    if input.format == "embedded" {
        return format!("thalweg demo --restarts {} --seed {}", settings.restarts, settings.seed);
    }
    let mut words = vec!["thalweg".to_owned(), "fit".into(), quoted(&input.path.to_string_lossy())];
    let mut flag = |name: &str, value: String| words.extend([name.to_owned(), quoted(&value)]);
    flag("-k", settings.rank.to_string());
    flag("--method", settings.method.clone());
    flag("--init", settings.init.clone());
    if let Some(path) = &settings.start {
        flag("--init", path.to_string_lossy().into_owned());
    }
    flag("--loss", settings.loss.to_string());
    if !settings.penalty.is_none() {
        let penalty = &settings.penalty;
        for (name, value) in [("--l2-u", penalty.u.l2), ("--l1-u", penalty.u.l1), ("--l2-v", penalty.v.l2), ("--l1-v", penalty.v.l1)] {
            flag(name, format!("{value:?}"));
        }
        flag("--penalty-scaling", penalty.scaling.to_string());
    }
    match (settings.u_rows, settings.v_rows) {
        (RowSet::Free, RowSet::Free) => flag("--signs", "free".into()),
        (RowSet::Free, _) => flag("--signs", "free-u".into()),
        (_, RowSet::Free) => flag("--signs", "free-v".into()),
        _ => {}
    }
    for (rows, factor) in [(settings.u_rows, "u"), (settings.v_rows, "v")] {
        if rows == RowSet::SumToOne {
            flag("--sum-to-one", factor.into());
        }
    }
    for (option, path) in [("--fix-u", &settings.fix_u), ("--fix-v", &settings.fix_v)] {
        if let Some(path) = path {
            flag(option, path.to_string_lossy().into_owned());
        }
    }
    flag("--precision", keyword(&settings.precision));
    flag("--restarts", settings.restarts.to_string());
    flag("--seed", settings.seed.to_string());
    flag("--max-iters", settings.max_iters.to_string());
    flag("--tol", format!("{:?}", settings.tol));
    if let Some(fraction) = settings.holdout {
        flag("--holdout", format!("{fraction:?}"));
    }
    words.extend(settings.biases.then(|| "--biases".into()));
    words.extend(reading(&input.read));
    words.join(" ")
}

/// The flags that read the input in the same way.
fn reading(read: &ReadOptions) -> Vec<String> {
    let (given, variance) = match &read.weights {
        Some(Weights::Given(name)) => (Some(name.clone()), None),
        Some(Weights::Variance(name)) => (None, Some(name.clone())),
        None => (None, None),
    };
    let number = |n: usize| n.to_string();
    let default = ReadOptions::default();
    let scale = match read.scale {
        Scale::None => None,
        Scale::Sd => Some("sd".into()),
        Scale::By(divisor) => Some(format!("{divisor:?}")),
    };
    let values = [
        ("--missing", Some(keyword(&read.missing))),
        ("--member", read.member.clone()),
        ("--variable", read.variable.clone()),
        ("--weights", given),
        ("--variance", variance),
        ("--unfold", read.unfold.map(number)),
        ("--window", (read.stft.window != default.stft.window).then(|| number(read.stft.window))),
        ("--hop", read.stft.hop.map(number)),
        ("--bins", read.stft.bins.map(number)),
        ("--columns", read.columns.map(|(first, end)| format!("{first}:{end}"))),
        ("--negative", (read.negative != default.negative).then(|| keyword(&read.negative))),
        ("--scale", scale),
    ];
    let mut words: Vec<String> = values.into_iter().filter_map(|(name, value)| Some([name.to_owned(), quoted(&value?)])).flatten().collect();
    let switches = [("--transpose", read.transpose), ("--drop-empty", read.drop_empty), ("--triplets", read.layout == Layout::Triplets)];
    words.extend(switches.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name.to_owned()));
    words
}

/// The word that stands for a choice in JSON and on the command line.
fn keyword(choice: &impl Serialize) -> String {
    serde_json::to_value(choice).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// One word for a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_words() {
        assert_eq!(quoted("a/b-1.npz"), "a/b-1.npz");
        assert_eq!(quoted("$(rm) it's"), "'$(rm) it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
