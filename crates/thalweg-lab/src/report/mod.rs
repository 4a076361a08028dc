//! One self-contained page about one or several runs, and each of its figures as SVG and CSV beside it.

mod compare;
mod components;
mod convergence;
mod glossary;
mod lines;
mod numbers;
mod open;
mod page;
mod provenance;
mod rank;
mod recovery;
mod reproduction;
mod restarts;
mod section;
mod survey;
mod verdict;

pub use page::{MARK, PAGE_SCRIPT, page_style};
pub use recovery::{PictureOptions, PixelOrder, RecoveryView};

use crate::experiment::Reproduction;
use crate::figure::Style;
use crate::{Labels, Manifest, RankSurvey, RunDir};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use thalweg::audit::Audit;
use thalweg::data::write_atomically;
use thalweg::{Error, Factors};

/// One row of `history.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// The restart, from 0.
    pub restart: usize,
    /// Seconds since it began, over all sessions.
    pub seconds: f64,
    /// Iterations done.
    pub iteration: usize,
    /// ½ Σ w (X − UVᵀ)² and the penalty.
    pub objective: f64,
    /// Scale-free residual, where it was measured.
    pub kkt: Option<f64>,
    /// √(mean squared error) over the entries held out, where there are any.
    #[serde(default)]
    pub holdout_rmse: Option<f64>,
}

/// What a report knows of a run.
#[derive(Debug, Clone)]
pub struct RunView {
    /// Its name: the run directory as the user gave it.
    pub name: String,
    /// `manifest.json`.
    pub manifest: Manifest,
    /// `audit.json`, if the run was audited.
    pub audit: Option<Audit>,
    /// `history.csv`.
    pub history: Vec<HistoryRow>,
    /// `factors.npz`.
    pub factors: Factors<f64>,
    /// `labels.json`.
    pub labels: Labels,
}

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportFiles {
    /// The page.
    pub html: PathBuf,
    /// Its size in bytes.
    pub html_bytes: u64,
    /// SVG and CSV of each figure.
    pub figures: Vec<PathBuf>,
}

/// What one page is about.
#[derive(Debug, Clone)]
pub enum Views {
    /// Fits, side by side.
    Fits(Vec<RunView>),
    /// Recoveries, one after the other.
    Recoveries(Vec<RecoveryView>),
}

impl Views {
    /// The runs in these directories.
    ///
    /// # Errors
    /// [`Error::Parameter`] for fits among recoveries, or pictures of fits; as [`RunView::open`] and [`RecoveryView::open`].
    pub fn open(dirs: &[RunDir], pictures: &PictureOptions) -> Result<Views, Error> {
        let refuse = |name, expected: &str, got: String| Err(Error::Parameter { name, expected: expected.to_owned(), got });
        match dirs.iter().filter(|dir| RecoveryView::is_in(dir)).count() {
            0 if *pictures != PictureOptions::default() => refuse("a choice of pictures", "none: they are of recoveries", "given".into()),
            0 => dirs.iter().map(RunView::open).collect::<Result<_, _>>().map(Views::Fits),
            n if n == dirs.len() => dirs.iter().map(|dir| RecoveryView::open(dir, pictures)).collect::<Result<_, _>>().map(Views::Recoveries),
            n => refuse("the report", "fits alone or recoveries alone, which have pages of their own", format!("of {n} recoveries and other runs")),
        }
    }

    /// Writes their page: [`write_report`] or [`write_recovery_report`].
    ///
    /// # Errors
    /// As there.
    pub fn write(&self, html: &Path) -> Result<ReportFiles, Error> {
        match self {
            Views::Fits(runs) => write_report(runs, html),
            Views::Recoveries(runs) => write_recovery_report(runs, html),
        }
    }
}

/// Writes the page, and `figures/NAME.svg` and `figures/NAME.csv` beside it. A file appears whole or not at all; the page comes last.
///
/// # Errors
/// [`Error::Empty`] without a run, [`Error::Io`].
pub fn write_report(runs: &[RunView], html: &Path) -> Result<ReportFiles, Error> {
    if runs.is_empty() {
        return Err(Error::Empty { what: "the report", why: "it needs at least one run" });
    }
    write_page(&page::page(runs), html)
}

/// Writes the page of one or several recoveries, as [`write_report`] does for runs.
///
/// # Errors
/// [`Error::Empty`] without a recovery, [`Error::Io`].
pub fn write_recovery_report(runs: &[RecoveryView], html: &Path) -> Result<ReportFiles, Error> {
    if runs.is_empty() {
        return Err(Error::Empty { what: "the report", why: "it needs at least one recovery" });
    }
    write_page(&recovery::page(runs), html)
}

/// Writes the page of a survey of ranks, as [`write_report`] does for runs.
///
/// # Errors
/// [`Error::Empty`] for a survey without a result, [`Error::Io`].
pub fn write_rank_report(survey: &RankSurvey, html: &Path) -> Result<ReportFiles, Error> {
    match &survey.result {
        Some(report) => write_page(&survey::page(survey, report), html),
        None => Err(Error::Empty { what: "the report", why: "the survey of ranks is not finished" }),
    }
}

/// Writes the page of a reproduced figure, table or theorem, as [`write_report`] does for runs.
///
/// # Errors
/// [`Error::Io`].
pub fn write_reproduction_page(reproduction: &Reproduction, html: &Path) -> Result<ReportFiles, Error> {
    write_page(&reproduction::page(reproduction), html)
}

fn write_page(page: &page::Page, html: &Path) -> Result<ReportFiles, Error> {
    let folder = html.parent().unwrap_or(Path::new("")).join(page::FIGURES);
    fs::create_dir_all(&folder).map_err(|source| Error::Io { path: folder.clone(), source })?;
    let mut figures = Vec::new();
    for figure in &page.figures {
        for (ending, text) in [("svg", figure.svg(Style::File)), ("csv", figure.csv())] {
            let path = folder.join(format!("{}.{ending}", figure.id));
            write_whole(&path, &text)?;
            figures.push(path);
        }
    }
    write_whole(html, &page.html)?;
    Ok(ReportFiles { html: html.to_owned(), html_bytes: page.html.len() as u64, figures })
}

fn write_whole(path: &Path, text: &str) -> Result<(), Error> {
    write_atomically(path, |out| out.write_all(text.as_bytes()))
}
