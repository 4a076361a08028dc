//! `thalweg recover sparse`.

use super::{Files, RecoverArgs, absolute, directory, ending, status_code, tell, word};
use crate::args::Common;
use crate::exit::Failure;
use serde::Serialize;
use std::path::Path;
use thalweg::data::{ReadOptions, read_sparse_instance};
use thalweg::problem::RecoveryStatus;
use thalweg_lab::{
    DeepSparseJob, DeepSparseManifest, DeepSparseRecord, DeepSparseSettings, InstanceRecord, RecoverKind, RecoverManifest, RunDir, recover_sparse_in,
};

/// The depth at which the objective is a weighted sum of absolute values.
const USUAL_DEPTH: usize = 2;

/// What `recover sparse --json` prints. A vector has no rank.
#[derive(Debug, Serialize)]
struct DeepSparseDocument<'a> {
    schema: u32,
    command: &'static str,
    kind: RecoverKind,
    depth: usize,
    shape: (usize, usize),
    measurements: usize,
    status: RecoveryStatus,
    objective: f64,
    relative_residual: f64,
    rank: Option<usize>,
    nonzeros: usize,
    certified: Option<bool>,
    margin: Option<f64>,
    radius: Option<f64>,
    gap: Option<f64>,
    why: Option<&'a str>,
    nothing_fits_below: Option<f64>,
    iterations: usize,
    seconds: f64,
    verify_seconds: f64,
    relative_error: Option<f64>,
    #[serde(flatten)]
    files: Files,
}

pub fn run(args: &RecoverArgs, common: &Common) -> Result<u8, Failure> {
    let instance = read_sparse_instance(&args.input, common.max_memory).map_err(|error| Failure::about(&args.input, error))?;
    let record = InstanceRecord {
        path: absolute(&args.input),
        sha256: instance.sha256.clone(),
        shape: instance.shape,
        measurements: instance.b.len(),
        read: ReadOptions { max_memory: common.max_memory, ..ReadOptions::default() },
        kept: None,
    };
    let depth = args.depth.map_or(USUAL_DEPTH, |depth| depth as usize);
    let settings = DeepSparseSettings { kind: RecoverKind::Sparse, depth, certify: args.certify };
    let dir = directory(args, common, &format!("depth-{depth}"));
    let manifest = RecoverManifest::new(record, settings);
    let manifest = recover_sparse_in(DeepSparseJob { instance: &instance, manifest, dir: dir.clone() })?;
    let result = manifest.result.as_ref().expect("a recovery that returns has a result");
    tell(common, || document(&manifest, result, &dir), || in_words(&args.input, &manifest, result, &dir))?;
    Ok(status_code(result.status, result.proof.as_ref().map(|proof| proof.certified)))
}

fn document<'a>(manifest: &DeepSparseManifest, result: &'a DeepSparseRecord, dir: &RunDir) -> DeepSparseDocument<'a> {
    let proof = result.proof.as_ref();
    DeepSparseDocument {
        schema: 1,
        command: "recover",
        kind: RecoverKind::Sparse,
        depth: manifest.settings.depth,
        shape: manifest.instance.shape,
        measurements: manifest.instance.measurements,
        status: result.status,
        objective: result.objective,
        relative_residual: result.relative_residual,
        rank: None,
        nonzeros: result.nonzeros,
        certified: proof.map(|proof| proof.certified),
        margin: proof.and_then(|proof| proof.margin),
        radius: proof.and_then(|proof| proof.radius),
        gap: proof.and_then(|proof| proof.gap),
        why: proof.map(|proof| proof.why.as_str()),
        nothing_fits_below: result.nothing_fits_below,
        iterations: result.iterations,
        seconds: result.seconds,
        verify_seconds: result.verify_seconds,
        relative_error: result.relative_error,
        files: Files::of(dir, proof.is_some()),
    }
}

fn in_words(input: &Path, manifest: &DeepSparseManifest, result: &DeepSparseRecord, dir: &RunDir) -> String {
    let (p, d) = manifest.instance.shape;
    let mut lines = vec![
        format!("{}: {d} unknowns from {p} measurements, {}", input.display(), word(result.status)),
        format!(
            "depth {}   {} entries not 0   objective {:.10e}   misfit {:.1e}   {} iterations",
            manifest.settings.depth, result.nonzeros, result.objective, result.relative_residual, result.iterations
        ),
    ];
    if let Some(bound) = result.nothing_fits_below {
        lines.push(format!("contradiction    no vector of norm below {bound:.3e} fits"));
    }
    lines.extend(ending(result.relative_error, result.proof.as_ref(), dir, input));
    lines.join("\n") + "\n"
}
