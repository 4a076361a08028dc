//! What trials show together, as files.

use super::{About, AnyExperiment, Bench, Key, Scale, Store, Tally};
use crate::figure::{Figure, Style};
use crate::report::write_reproduction_page;
use serde::Serialize;
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use thalweg::Error;
use thalweg::data::write_atomically;

/// How what was found stands to what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// It holds, within the stated error.
    Holds,
    /// It does not.
    Fails,
    /// The trials so far do not tell.
    Open,
}

/// A statement with a number, and what was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// What is compared, in words.
    pub what: String,
    /// What should come out, and from where: the paper, or a formula of ours.
    pub expected: f64,
    /// Whose statement that is.
    pub source: &'static str,
    /// What came out.
    pub found: f64,
    /// How far the two may be apart: a standard error times the quantile used, or a rounding error.
    pub tolerance: f64,
    /// Whether it holds.
    pub agreement: Agreement,
}

impl Check {
    /// Holds if found and expected are within the tolerance.
    pub fn within(what: impl Into<String>, source: &'static str, expected: f64, found: f64, tolerance: f64) -> Check {
        let agreement = match (found - expected).abs() <= tolerance {
            _ if !(found.is_finite() && tolerance.is_finite()) => Agreement::Open,
            true => Agreement::Holds,
            false => Agreement::Fails,
        };
        Check { what: what.into(), expected, source, found, tolerance, agreement }
    }

    /// Holds if found is at least `bound`, by more than the tolerance; fails if it is below by more.
    pub fn at_least(what: impl Into<String>, source: &'static str, bound: f64, found: f64, tolerance: f64) -> Check {
        let agreement = match found - bound {
            margin if margin >= tolerance => Agreement::Holds,
            margin if margin < -tolerance => Agreement::Fails,
            _ => Agreement::Open,
        };
        Check { what: what.into(), expected: bound, source, found, tolerance, agreement }
    }
}

/// What the finished trials show.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// What holds and what does not, in a few sentences, the first the most important.
    pub verdict: Vec<String>,
    /// Numbers against statements.
    pub checks: Vec<Check>,
    /// The most telling first.
    pub figures: Vec<Figure>,
}

impl Findings {
    /// Checks that came out so.
    pub fn count(&self, agreement: Agreement) -> usize {
        self.checks.iter().filter(|check| check.agreement == agreement).count()
    }
}

/// `ITEM.json`.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    schema: u32,
    command: &'a str,
    paper: &'static str,
    item: &'static str,
    title: &'static str,
    claim: &'static str,
    scale: Scale,
    trials_done: usize,
    trials: usize,
    verdict: &'a [String],
    checks: &'a [Check],
    figures: Vec<&'a str>,
}

/// What is known of an experiment, as far as it is done.
#[derive(Debug, Clone)]
pub struct Reproduction {
    /// What it is.
    pub about: About,
    /// The command that does it.
    pub command: String,
    /// How much of it was asked for.
    pub scale: Scale,
    /// Of that, what is finished.
    pub tally: Tally,
    /// What it shows.
    pub findings: Findings,
}

impl Reproduction {
    /// From all that the store holds of the experiment, whoever ran it.
    ///
    /// # Errors
    /// As [`Store::done`] and [`AnyExperiment::findings`].
    pub fn known(experiment: &dyn AnyExperiment, scale: Scale, store: &Store, bench: &Bench) -> Result<Reproduction, Error> {
        let about = experiment.about();
        let trials = experiment.trials(scale, bench);
        let known = store.done(Key { experiment: &experiment.kept_under(), version: about.version })?;
        let wanted: HashSet<&str> = trials.iter().map(String::as_str).collect();
        let done = known.iter().filter(|done| wanted.contains(done.trial.as_str())).count();
        let findings = experiment.findings(scale, &trials, &known)?;
        Ok(Reproduction { about, command: experiment.command(scale), scale, tally: Tally { done, all: trials.len() }, findings })
    }

    /// The record, as `ITEM.json` holds it.
    pub fn document(&self) -> Document<'_> {
        let Reproduction { about, command, scale, tally, findings } = self;
        Document {
            schema: 1,
            // the program's name is left out
            command: command.split(' ').nth(1).unwrap_or(command),
            paper: about.paper,
            item: about.item,
            title: about.title,
            claim: about.claim,
            scale: *scale,
            trials_done: tally.done,
            trials: tally.all,
            verdict: &findings.verdict,
            checks: &findings.checks,
            figures: findings.figures.iter().map(|figure| figure.id.as_str()).collect(),
        }
    }

    /// What was found, in a few lines.
    pub fn in_words(&self) -> String {
        let Reproduction { about, tally, findings, .. } = self;
        let sentences: String = findings.verdict.iter().map(|sentence| format!("  {sentence}\n")).collect();
        let [holds, fails, open] = [Agreement::Holds, Agreement::Fails, Agreement::Open].map(|agreement| findings.count(agreement));
        format!(
            "{}: {}\n{sentences}  {} of {} trials; {holds} statements hold, {fails} fail, {open} stay open",
            about.item, about.title, tally.done, tally.all
        )
    }

    /// Writes `ITEM.svg` and `ITEM.csv` (the first figure), `ITEM.html` with all of them, and last `ITEM.json`; returns the path of the page.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, folder: &Path) -> Result<PathBuf, Error> {
        let path = |ending: &str| folder.join(format!("{}.{ending}", self.about.item));
        if let Some(figure) = self.findings.figures.first() {
            write_whole(&path("svg"), figure.svg(Style::File).as_bytes())?;
            write_whole(&path("csv"), figure.csv().as_bytes())?;
        }
        let page = write_reproduction_page(self, &path("html"))?;
        let mut record = serde_json::to_vec_pretty(&self.document()).expect("records hold plain values");
        record.push(b'\n');
        write_whole(&path("json"), &record)?;
        Ok(page.html)
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_atomically(path, |out| out.write_all(bytes))
}
