//! `thalweg recover`.

use super::verify::why;
use super::{print_json, print_text};
use crate::args::{Common, NormArg, RecoverArgs};
use crate::exit::{DONE, Failure, LIMIT, NOT_ESTABLISHED};
use crate::input;
use crate::signals::Interrupt;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thalweg::data::{INSTANCE_KINDS, InstanceKind, ReadOptions, read_instance};
use thalweg::problem::{Domain, Fidelity, Norm, RecoveryStatus};
use thalweg_lab::{FitError, InstanceRecord, RecoverJob, RecoverManifest, RecoverRecord, RecoverSettings, RunDir, recover_in};

/// What `recover --json` prints.
#[derive(Debug, Serialize)]
struct RecoverDocument {
    schema: u32,
    command: &'static str,
    kind: InstanceKind,
    norm: Norm,
    fidelity: Fidelity,
    shape: (usize, usize),
    measurements: usize,
    status: RecoveryStatus,
    objective: f64,
    relative_residual: f64,
    rank: usize,
    certified: Option<bool>,
    margin: Option<f64>,
    radius: Option<f64>,
    gap: Option<f64>,
    why: Option<&'static str>,
    nothing_fits_below: Option<f64>,
    nothing_fits: Option<bool>,
    iterations: usize,
    seconds: f64,
    verify_seconds: Option<f64>,
    relative_error: Option<f64>,
    solution: String,
    certificate: Option<String>,
}

pub fn run(args: &RecoverArgs, common: &Common) -> Result<u8, Failure> {
    let kind = INSTANCE_KINDS.iter().find(|(_, name)| *name == args.kind).expect("the parser knows the kinds").0;
    let options = input::options(&args.read, ReadOptions::default(), common);
    let instance = read_instance(&args.input, kind, &options).map_err(|error| Failure::about(&args.input, error))?;
    let path = std::path::absolute(&args.input).unwrap_or_else(|_| args.input.clone());
    let record = InstanceRecord { path, sha256: instance.sha256.clone(), shape: instance.shape, measurements: instance.b.len(), read: options };
    let settings = RecoverSettings {
        kind,
        norm: if args.objective == NormArg::Flat { Norm::Flat } else { Norm::Nuclear },
        fidelity: match (args.noise, args.penalty) {
            (Some(radius), _) => Fidelity::Ball { radius },
            (_, Some(lambda)) => Fidelity::Penalised { lambda },
            (None, None) => Fidelity::Exact,
        },
        domain: match (kind, args.positive) {
            (_, true) => Domain::PositiveSemidefinite,
            (InstanceKind::Quadratic, false) => Domain::Symmetric,
            _ => Domain::General,
        },
        max_iters: args.max_iters,
        tol: args.tol,
        certify: args.certify,
    };
    let dir = RunDir::new(common.output.clone().unwrap_or_else(|| default_dir(&args.input, &settings)));
    let interrupt = Interrupt::listen();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let manifest = RecoverManifest { schema: 1, thalweg: version, command: "recover".into(), instance: record, settings, result: None };
    let job = RecoverJob {
        instance: &instance,
        manifest,
        dir: dir.clone(),
        max_time: common.max_time.map(Duration::from_secs_f64),
        stop: &interrupt.flag,
        observe: &|_| {},
    };
    let manifest = recover_in(job).map_err(|error| match error {
        FitError::Input(error) => Failure::about(&args.input, error),
        other => other.into(),
    })?;
    let result = manifest.result.as_ref().expect("a recovery that returns has a result");
    if common.json {
        print_json(&document(&manifest, result, &dir))?;
    } else {
        print_text(&in_words(&args.input, &manifest, result, &dir))?;
    }
    Ok(interrupt.exit_code().unwrap_or_else(|| exit_code(result)))
}

/// The input's name and the objective's, in the working directory.
fn default_dir(input: &Path, settings: &RecoverSettings) -> PathBuf {
    let stem = input.file_stem().map_or("instance".into(), |stem| stem.to_string_lossy());
    let norm = if settings.norm == Norm::Flat { "flat" } else { "nuclear" };
    PathBuf::from(format!("{stem}-recover-{norm}"))
}

fn exit_code(result: &RecoverRecord) -> u8 {
    let proved = result.verdict.is_none_or(|verdict| verdict.certified);
    match result.status {
        RecoveryStatus::Converged if proved => DONE,
        RecoveryStatus::TimeLimit | RecoveryStatus::Stopped => LIMIT,
        _ => NOT_ESTABLISHED,
    }
}

fn document(manifest: &RecoverManifest, result: &RecoverRecord, dir: &RunDir) -> RecoverDocument {
    let verdict = result.verdict;
    RecoverDocument {
        schema: 1,
        command: "recover",
        kind: manifest.settings.kind,
        norm: manifest.settings.norm,
        fidelity: manifest.settings.fidelity,
        shape: manifest.instance.shape,
        measurements: manifest.instance.measurements,
        status: result.status,
        objective: result.objective,
        relative_residual: result.relative_residual,
        rank: result.rank,
        certified: verdict.map(|v| v.certified),
        margin: verdict.and_then(|v| v.margin),
        radius: verdict.and_then(|v| v.radius),
        gap: verdict.and_then(|v| v.gap),
        why: verdict.and_then(|v| v.unproved).map(|u| u.why()),
        nothing_fits_below: result.nothing_fits_below,
        nothing_fits: result.nothing_fits,
        iterations: result.iterations,
        seconds: result.seconds,
        verify_seconds: result.verify_seconds,
        relative_error: result.relative_error,
        solution: dir.path().join("solution.npz").display().to_string(),
        certificate: verdict.map(|_| dir.path().join("certificate.json").display().to_string()),
    }
}

fn word(status: RecoveryStatus) -> &'static str {
    match status {
        RecoveryStatus::Converged => "converged",
        RecoveryStatus::Inconsistent => "inconsistent: the measurements contradict one another",
        RecoveryStatus::Infeasible => "infeasible: no matrix of the domain fits",
        RecoveryStatus::UnderDetermined => "under-determined: another minimiser is in solution.npz, as `second`",
        RecoveryStatus::MaxIters => "stopped at the iteration limit",
        RecoveryStatus::TimeLimit => "stopped at the time limit",
        RecoveryStatus::Stalled => "stalled: the residual is above the tolerance",
        RecoveryStatus::Breakdown => "broke down: numbers went bad",
        RecoveryStatus::Stopped => "interrupted",
    }
}

fn in_words(input: &Path, manifest: &RecoverManifest, result: &RecoverRecord, dir: &RunDir) -> String {
    let (d1, d2) = manifest.instance.shape;
    let mut lines = vec![
        format!("{}: {d1}x{d2} from {} measurements, {}", input.display(), manifest.instance.measurements, word(result.status)),
        format!(
            "rank {}   objective {:.10e}   misfit {:.1e}   {} iterations",
            result.rank, result.objective, result.relative_residual, result.iterations
        ),
    ];
    if let Some(bound) = result.nothing_fits_below {
        lines.push(format!("contradiction    no matrix of Frobenius norm below {bound:.3e} fits"));
    }
    if result.nothing_fits == Some(true) {
        lines.push("proved           no semidefinite matrix fits: `separating` in solution.npz combines the measurements to a contradiction".into());
    }
    if let Some(error) = result.relative_error {
        lines.push(format!("error            {error:.2e} relative to the truth in the file"));
    }
    match &result.verdict {
        Some(verdict) => {
            let word = if verdict.certified { "certified        " } else { "not certified    " };
            lines.push(format!("{word}{}", why(verdict, manifest.settings.fidelity)));
        }
        None => {}
    }
    lines.push(format!("solution         {}", dir.path().join("solution.npz").display()));
    if result.verdict.is_some() {
        let certificate = dir.path().join("certificate.json");
        lines.push(format!("next             thalweg verify {} --problem {}", certificate.display(), input.display()));
    }
    lines.join("\n") + "\n"
}
