//! `thalweg line`.

use super::{print_json, print_text};
use crate::args::{Common, ReadArgs};
use crate::exit::{DONE, Failure};
use crate::input;
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use thalweg::Factors;
use thalweg::data::{read_factors, write_atomically};
use thalweg::geometry::{Line, Verdict, line};
use thalweg::problem::Loss;
use thalweg_lab::{Manifest, RunDir};

/// `line`.
#[derive(Debug, Args)]
pub struct LineArgs {
    /// Factors at λ = 0 (.npz with U and V, or a run directory).
    pub a: PathBuf,
    /// Factors at λ = 1.
    pub b: PathBuf,
    /// The data.
    #[arg(long, value_name = "INPUT")]
    pub data: PathBuf,
    /// How to read them.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Draw the curve.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// What `line --json` prints.
#[derive(Debug, Serialize)]
struct LineDocument<'a> {
    schema: u32,
    command: &'static str,
    #[serde(flatten)]
    line: &'a Line,
}

/// Factors from a file, or the best ones of a run directory.
pub fn factors(path: &Path) -> Result<Factors<f64>, Failure> {
    let file = if path.is_dir() { RunDir::new(path).factors() } else { path.to_owned() };
    read_factors(&file).map_err(|error| Failure::about(&file, error))
}

/// The loss of the run that factors come from: a run directory, or a restart or the best factors in one.
fn loss_of(path: &Path) -> Result<Option<Loss>, Failure> {
    let folders = path.is_dir().then_some(path).into_iter().chain(path.ancestors().skip(1).take(2));
    match folders.map(RunDir::new).find(|dir| dir.has::<Manifest>()) {
        Some(dir) => Ok(Some(dir.read::<Manifest>()?.settings.loss)),
        None => Ok(None),
    }
}

/// Refuses factors that were fitted under another loss than the one whose polynomial is drawn.
fn refuse_other_losses(path: &Path) -> Result<(), Failure> {
    match loss_of(path)? {
        Some(loss) if loss != Loss::Frobenius => Err(Failure::Usage(format!(
            "{} was fitted under the loss \"{loss}\", which is no polynomial on a line; `line` shows ½ Σ (X − UVᵀ)² alone (export the factors to a \
             file outside the run to see that)",
            path.display()
        ))),
        _ => Ok(()),
    }
}

pub fn run(args: &LineArgs, common: &Common) -> Result<u8, Failure> {
    refuse_other_losses(&args.a)?;
    refuse_other_losses(&args.b)?;
    let (a, b) = (factors(&args.a)?, factors(&args.b)?);
    let (dataset, _) = input::load_asked(&args.data, &args.read, common)?;
    let line = line(&dataset.matrix, &a, &b).map_err(|error| Failure::about(&args.data, error))?;
    if let Some(path) = &args.svg {
        let svg = thalweg_lab::figure_of_line(&line).svg(thalweg_lab::Style::File);
        write_atomically(path, |out| std::io::Write::write_all(out, svg.as_bytes())).map_err(Failure::Output)?;
    }
    if common.json {
        print_json(&LineDocument { schema: 1, command: "line", line: &line })?;
    } else {
        print_text(&in_words(&line))?;
    }
    Ok(DONE)
}

fn in_words(line: &Line) -> String {
    let says = |v: Verdict| match v {
        Verdict::Yes => "yes",
        Verdict::No => "no",
        Verdict::Undecided => "undecided (the margin is below the rounding error)",
    };
    let unit = if line.exponent == 0 { String::new() } else { format!(" · 2^{}", line.exponent) };
    let [c0, others @ ..] = line.coefficients;
    let term = |(c, power): (f64, &str)| format!(" {} {:.6e} {power}", if c < 0.0 { '−' } else { '+' }, c.abs());
    let terms: String = others.into_iter().zip(["λ", "λ²", "λ³", "λ⁴"]).map(term).collect();
    format!(
        "loss on the line  {c0:.6e}{terms}{unit}\n\
         least curvature   {:.6e}{unit} at λ = {:.4}\n\
         convex on [0, 1]  {}\n\
         convex on R       {}\n\
         star-convex to B  {}\n\
         downhill to B     {}\n\
         barrier           {:.6e}{unit}\n",
        line.alpha,
        line.alpha_at,
        says(line.convex_on_segment),
        says(line.convex_everywhere),
        says(line.star_towards_b),
        says(line.gradient_towards_b),
        line.barrier
    )
}
