//! `thalweg recover rpca`.

use super::{Files, RecoverArgs, absolute, directory, ending, status_code, tell, word};
use crate::args::Common;
use crate::exit::Failure;
use crate::input::Asked;
use crate::memory::peak;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;
use thalweg::Error;
use thalweg::data::read_rpca_instance;
use thalweg::problem::RecoveryStatus;
use thalweg::solver::convex::robust_pca::RobustPcaOptions;
use thalweg_lab::{
    InstanceRecord, RecoverKind, RecoverManifest, RobustPcaJob, RobustPcaManifest, RobustPcaRecord, RobustPcaSettings, RunDir, separate_in,
    separation_memory,
};

/// What `recover rpca --json` prints.
#[derive(Debug, Serialize)]
struct RobustPcaDocument<'a> {
    schema: u32,
    command: &'static str,
    kind: RecoverKind,
    shape: (usize, usize),
    measurements: usize,
    status: RecoveryStatus,
    lambda: f64,
    budget: Option<f64>,
    objective: f64,
    relative_residual: f64,
    rank: usize,
    corrupted: usize,
    certified: Option<bool>,
    margin: Option<f64>,
    radius: Option<f64>,
    gap: f64,
    why: Option<&'a str>,
    iterations: usize,
    seconds: f64,
    verify_seconds: f64,
    relative_error: Option<f64>,
    /// Bytes of the process at its largest, where the system tells.
    peak_memory: Option<u64>,
    #[serde(flatten)]
    files: Files,
}

pub fn run(args: &RecoverArgs, common: &Common) -> Result<u8, Failure> {
    let asked = Asked::of(&args.input, &args.read, common)?;
    let instance = read_rpca_instance(&asked.path, &asked.options).map_err(|error| Failure::about(&args.input, error))?;
    asked.compare(&instance.sha256, common);
    let needed = separation_memory(instance.shape);
    if needed > common.max_memory {
        let (m, n) = instance.shape;
        let what = format!("the separation of a table of {m} rows and {n} columns");
        return Err(Failure::Input(Error::Memory { path: args.input.clone(), what, needed, limit: common.max_memory }));
    }
    instance.notes.iter().for_each(|note| common.say(format_args!("note: {note}")));
    let record = InstanceRecord {
        path: absolute(&asked.path),
        sha256: instance.sha256.clone(),
        shape: instance.shape,
        measurements: instance.observed(),
        read: asked.options,
        kept: None,
    };
    let usual = RobustPcaOptions::default();
    let settings = RobustPcaSettings {
        kind: RecoverKind::Rpca,
        lambda: args.lambda,
        budget: args.budget,
        max_iters: args.max_iters.unwrap_or(usual.max_iters),
        tol: args.tol.unwrap_or(usual.tol),
        certify: args.certify,
    };
    let dir = directory(args, common, RecoverKind::Rpca.name());
    let manifest = RecoverManifest::new(record, settings);
    let max_time = common.max_time.map(Duration::from_secs_f64);
    let manifest = separate_in(RobustPcaJob { instance: &instance, manifest, dir: dir.clone(), max_time })?;
    let result = manifest.result.as_ref().expect("a separation that returns has a result");
    tell(common, || document(&manifest, result, &dir), || in_words(&args.input, &manifest, result, &dir))?;
    Ok(status_code(result.status, result.proof.as_ref().map(|proof| proof.certified)))
}

fn document<'a>(manifest: &RobustPcaManifest, result: &'a RobustPcaRecord, dir: &RunDir) -> RobustPcaDocument<'a> {
    let proof = result.proof.as_ref();
    RobustPcaDocument {
        schema: 1,
        command: "recover",
        kind: RecoverKind::Rpca,
        shape: manifest.instance.shape,
        measurements: manifest.instance.measurements,
        status: result.status,
        lambda: result.lambda,
        budget: manifest.settings.budget,
        objective: result.objective,
        relative_residual: result.relative_residual,
        rank: result.rank,
        corrupted: result.corrupted,
        certified: proof.map(|proof| proof.certified),
        margin: proof.and_then(|proof| proof.margin),
        radius: proof.and_then(|proof| proof.radius),
        gap: result.gap,
        why: proof.map(|proof| proof.why.as_str()),
        iterations: result.iterations,
        seconds: result.seconds,
        verify_seconds: result.verify_seconds,
        relative_error: result.relative_error,
        peak_memory: peak(),
        files: Files::of(dir, proof.is_some()),
    }
}

fn in_words(input: &Path, manifest: &RobustPcaManifest, result: &RobustPcaRecord, dir: &RunDir) -> String {
    let (m, n) = manifest.instance.shape;
    let observed = manifest.instance.measurements;
    let share = 100.0 * result.corrupted as f64 / observed.max(1) as f64;
    let mut lines = vec![
        format!("{}: {m}x{n}, {observed} observed entries, {}", input.display(), word(result.status)),
        format!(
            "rank {}   {} corrupted entries ({share:.2} %)   objective {:.10e}   {} iterations",
            result.rank, result.corrupted, result.objective, result.iterations
        ),
        format!("gap              {:.1e}: no separation costs less by more than that part; λ = {:.6e}", result.gap, result.lambda),
    ];
    lines.extend(ending(result.relative_error, result.proof.as_ref(), dir, input));
    lines.join("\n") + "\n"
}
