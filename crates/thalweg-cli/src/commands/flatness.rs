//! `thalweg flatness`.

use super::{line, print_json, print_text, recover::instance_names};
use crate::args::{Common, ReadArgs};
use crate::exit::{DONE, Failure};
use crate::input;
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use thalweg::data::{INSTANCE_KINDS, InstanceKind, ReadOptions, read_instance, read_npz, write_atomically};
use thalweg_lab::{
    Effort, FlatnessRecord, Given, Manifest, RecoverManifest, RunDir, even_factors, flatness_of_fit, flatness_of_instance, flatness_of_matrix,
};

/// `flatness`.
#[derive(Debug, Args)]
pub struct FlatnessArgs {
    /// Run directory of `fit` or `recover`, or factors (.npz with U and V).
    pub factors: PathBuf,
    /// The data or the instance [default: where the run says].
    #[arg(long, value_name = "INPUT")]
    pub problem: Option<PathBuf>,
    /// What they are, for factors from a file: a matrix (nmf), or an instance as for `recover`.
    #[arg(long, default_value = "nmf", value_parser = flatness_kinds())]
    pub kind: String,
    /// Hessian-vector products for the ends of the spectrum; more make the intervals narrower.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..=2000))]
    pub steps: u32,
    /// Draw the scaled trace over the scale of the factors.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// How to read the data.
    #[command(flatten)]
    pub read: ReadArgs,
}

fn flatness_kinds() -> Vec<&'static str> {
    ["nmf"].into_iter().chain(instance_names()).collect()
}

/// What `flatness --json` prints.
#[derive(Debug, Serialize)]
struct FlatnessDocument<'a> {
    schema: u32,
    command: &'static str,
    sentence: String,
    #[serde(flatten)]
    record: &'a FlatnessRecord,
}

pub fn run(args: &FlatnessArgs, common: &Common) -> Result<u8, Failure> {
    let effort = Effort { steps: args.steps as usize, seed: common.seed };
    let dir = RunDir::new(&args.factors);
    let record = if !args.factors.is_dir() {
        of_file(args, common, effort)?
    } else if let Ok(manifest) = dir.read::<RecoverManifest>() {
        of_recovery(args, common, effort, &dir, &manifest)?
    } else {
        of_fit(args, common, effort, &dir)?
    };
    if let Some(path) = &args.svg {
        let svg = record.figure().svg(thalweg_lab::Style::File);
        write_atomically(path, |out| std::io::Write::write_all(out, svg.as_bytes())).map_err(Failure::Output)?;
    }
    if common.json {
        print_json(&FlatnessDocument { schema: 1, command: "flatness", sentence: record.sentence(), record: &record })?;
    } else {
        print_text(&format!("{}\n", record.in_words()))?;
    }
    Ok(DONE)
}

fn of_file(args: &FlatnessArgs, common: &Common, effort: Effort) -> Result<FlatnessRecord, Failure> {
    let Some(path) = &args.problem else {
        return Err(Failure::Usage("factors from a file need the data or the instance that they belong to: --problem INPUT".into()));
    };
    let factors = line::factors(&args.factors)?;
    let about = |error| Failure::about(path, error);
    match INSTANCE_KINDS.iter().find(|(_, name)| *name == args.kind) {
        Some(&(kind, name)) => {
            let options = input::options(&args.read, ReadOptions::default(), common);
            flatness_of_instance(name, &read_instance(path, kind, &options).map_err(about)?, &factors, effort).map_err(about)
        }
        None => {
            let (dataset, _) = input::load_asked(path, &args.read, common)?;
            flatness_of_matrix(&dataset.matrix, &factors, effort).map_err(about)
        }
    }
}

/// The recovered X, split evenly.
fn of_recovery(args: &FlatnessArgs, common: &Common, effort: Effort, dir: &RunDir, manifest: &RecoverManifest) -> Result<FlatnessRecord, Failure> {
    let path = args.problem.as_ref().unwrap_or(&manifest.instance.path);
    let about = |error| Failure::about(path, error);
    let Some(result) = &manifest.result else {
        return Err(Failure::Usage(format!("{} has no result yet: run `thalweg recover` to its end", dir.path().display())));
    };
    let options = ReadOptions { max_memory: common.max_memory, ..manifest.instance.read.clone() };
    let instance = read_instance(path, manifest.settings.kind, &options).map_err(about)?;
    refuse_other_bytes(path, &manifest.instance.sha256, &instance.sha256)?;
    let solution = dir.path().join("solution.npz");
    let x = read_npz(&solution, common.max_memory)?.remove("X").map(|array| array.values.into_f64()).unwrap_or_default();
    let factors = even_factors(&x, instance.shape, result.rank).map_err(|error| Failure::about(&solution, error))?;
    flatness_of_instance(InstanceKind::name(manifest.settings.kind), &instance, &factors, effort).map_err(about)
}

fn of_fit(args: &FlatnessArgs, common: &Common, effort: Effort, dir: &RunDir) -> Result<FlatnessRecord, Failure> {
    let manifest: Manifest = dir.read()?;
    let path = args.problem.as_ref().unwrap_or(&manifest.input.path);
    let options = ReadOptions { max_memory: common.max_memory, ..manifest.input.read.clone() };
    let (dataset, _) = input::load(path, options)?;
    refuse_other_bytes(path, &manifest.input.sha256, &dataset.sha256)?;
    flatness_of_fit(&dataset.matrix, &manifest.settings, &Given::load(dir)?, &line::factors(dir.path())?, effort)
        .map_err(|error| Failure::about(path, error))
}

fn refuse_other_bytes(path: &Path, expected: &str, found: &str) -> Result<(), Failure> {
    if expected == found {
        return Ok(());
    }
    Err(Failure::Input(thalweg::Error::Malformed {
        path: path.to_owned(),
        place: "the whole of it".into(),
        expected: format!("what the run was made from, sha256 {expected}"),
        found: format!("sha256 {found}"),
    }))
}
