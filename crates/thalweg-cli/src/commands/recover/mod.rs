//! `thalweg recover`.

mod args;
mod deep_sparse;
mod robust_pca;

pub use args::{RecoverArgs, instance_names};

use super::{print_json, print_text};
use crate::args::Common;
use crate::exit::{DONE, Failure, LIMIT, NOT_ESTABLISHED};
use crate::input::{Asked, NAMED};
use crate::memory;
use crate::signals::Interrupt;
use args::{CONVEX, NormArg};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thalweg::comm::{Alone, Comm, Counted};
use thalweg::data::{Holdout, Instance, InstanceKind, Kept, read_instance, read_instance_keeping};
use thalweg::problem::{Domain, Fidelity, Norm, RecoveryStatus};
use thalweg::solver::convex::RECOVERY_TOLERANCE;
use thalweg_lab::{
    DENSE_LIMIT, EntriesOnRanks, FactoredSettings, FitError, InstanceRecord, Proof, RanksRecord, RecoverJob, RecoverKind, RecoverManifest,
    RecoverRecord, RecoverSettings, RunDir, recover_in,
};

const MAX_ITERS: usize = 5000;

/// What `recover --json` prints.
#[derive(Debug, Serialize)]
struct RecoverDocument {
    schema: u32,
    command: &'static str,
    kind: InstanceKind,
    norm: Option<Norm>,
    fidelity: Fidelity,
    method: String,
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
    why: Option<String>,
    nothing_fits_below: Option<f64>,
    nothing_fits: Option<bool>,
    iterations: usize,
    seconds: f64,
    verify_seconds: Option<f64>,
    relative_error: Option<f64>,
    hidden_rmse: Option<f64>,
    /// On several ranks: how many, and what the first sends in an iteration.
    #[serde(flatten)]
    ranks: Option<RanksRecord>,
    #[serde(flatten)]
    files: Files,
}

pub fn run(args: &RecoverArgs, common: &Common) -> Result<u8, Failure> {
    let kind = RecoverKind::named(&args.kind).expect("the parser knows the kinds");
    refuse_others(kind, args)?;
    match kind {
        RecoverKind::Rpca => robust_pca::run(args, common),
        RecoverKind::Sparse => deep_sparse::run(args, common),
        RecoverKind::Measured(kind) => recover_measured(kind, args, common, &Alone),
    }
}

/// As a recovery by one process; the first rank alone writes and prints.
pub fn run_on_ranks(args: &RecoverArgs, common: &Common, comm: &dyn Comm) -> Result<u8, Failure> {
    let kind = RecoverKind::named(&args.kind).expect("the parser knows the kinds");
    comm.all_have(refuse_others(kind, args))?;
    match kind {
        RecoverKind::Rpca => robust_pca::run_on_ranks(args, common, comm),
        RecoverKind::Measured(InstanceKind::Completion) => recover_measured(InstanceKind::Completion, args, common, comm),
        _ => comm.all_have(Err(Failure::Usage(format!("recover {} is for one process: rpca and completion run on several ranks", kind.name())))),
    }
}

/// Flags that say something of other kinds only are refused, not ignored.
fn refuse_others(kind: RecoverKind, args: &RecoverArgs) -> Result<(), Failure> {
    let is_measured = matches!(kind, RecoverKind::Measured(_));
    let [is_rpca, is_sparse] = [RecoverKind::Rpca, RecoverKind::Sparse].map(|other| kind == other);
    let flags = [
        ("--objective", args.objective == NormArg::Flat, !is_rpca),
        ("--positive", args.positive, is_measured),
        ("--noise", args.noise.is_some(), is_measured),
        ("--penalty", args.penalty.is_some(), is_measured),
        ("--method", args.method.is_some(), is_measured),
        ("--rank", args.rank.is_some(), is_measured),
        ("--keep", args.keep.is_some(), kind == RecoverKind::Measured(InstanceKind::Completion)),
        ("--lambda", args.lambda.is_some(), is_rpca),
        ("--budget", args.budget.is_some(), is_rpca),
        ("--depth", args.depth.is_some(), is_sparse),
        ("--max-iters", args.max_iters.is_some(), !is_sparse),
        ("--tol", args.tol.is_some(), !is_sparse),
    ];
    match flags.iter().find(|(_, is_given, is_known)| *is_given && !is_known) {
        Some((flag, ..)) => Err(Failure::Usage(format!("{flag} says nothing of kind {}", kind.name()))),
        None => Ok(()),
    }
}

/// The method that was asked for, or fits the size; with a rank where it needs one.
fn factored(args: &RecoverArgs, (d1, d2): (usize, usize), common: &Common) -> Result<Option<FactoredSettings>, Failure> {
    let is_large = d1.saturating_mul(d2) > DENSE_LIMIT;
    let method = match &args.method {
        Some(method) => method.as_str(),
        None if is_large => {
            common.say(format_args!("note: {d1}x{d2} is too large for dense iterates; --method als finds factors, of the given --rank"));
            "als"
        }
        None => CONVEX,
    };
    match (method, args.rank) {
        (CONVEX, None) => Ok(None),
        (CONVEX, Some(_)) => Err(Failure::Usage("the convex problem finds its rank: --rank needs a --method that takes one".into())),
        (method, None) => Err(Failure::Usage(format!("--method {method} needs --rank"))),
        (_, Some(_)) if args.certify => Err(Failure::Usage("factors have no certificate: --certify needs --method convex".into())),
        (_, Some(_)) if args.objective == NormArg::Flat => Err(Failure::Usage("--objective flat needs --method convex".into())),
        (_, Some(_)) if args.noise.or(args.penalty).is_some() => Err(Failure::Usage("--noise and --penalty need --method convex".into())),
        (method, Some(rank)) => Ok(Some(FactoredSettings { method: method.into(), rank, seed: common.seed })),
    }
}

/// An instance as it was read.
struct Measured {
    instance: Instance,
    hidden: Option<Holdout>,
    record: InstanceRecord,
    factored: Option<FactoredSettings>,
}

impl Measured {
    fn read(kind: InstanceKind, args: &RecoverArgs, common: &Common) -> Result<Self, Failure> {
        let asked = Asked::of(&args.input, &args.read, common)?;
        let kept = args.keep.map(|fraction| Kept { fraction, seed: common.seed });
        let about = |error| Failure::about(&args.input, error);
        let (instance, hidden) = match kept {
            Some(kept) => {
                read_instance_keeping(&asked.path, &asked.options, kept).map(|(instance, hidden)| (instance, Some(hidden))).map_err(about)?
            }
            None => (read_instance(&asked.path, kind, &asked.options).map_err(about)?, None),
        };
        asked.compare(&instance.sha256, common);
        let (sha256, measurements) = (instance.sha256.clone(), instance.b.len());
        let record = InstanceRecord { path: absolute(&asked.path), sha256, shape: instance.shape, measurements, read: asked.options, kept };
        let factored = factored(args, instance.shape, common)?;
        if factored.is_some() && kind == InstanceKind::Quadratic && !args.positive {
            return Err(Failure::Usage("factors of a symmetric matrix need --positive".into()));
        }
        Ok(Measured { instance, hidden, record, factored })
    }
}

fn recover_measured(kind: InstanceKind, args: &RecoverArgs, common: &Common, comm: &dyn Comm) -> Result<u8, Failure> {
    let Measured { instance, hidden, record, factored } = comm.all_have(Measured::read(kind, args, common))?;
    let counted = Counted::new(comm);
    let held = if comm.size() > 1 { Some(comm.all_have(EntriesOnRanks::of(&instance, &counted))?) } else { None };
    // the others need no more than what they hold
    let whole = (comm.rank() == 0).then_some(instance);
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
        max_iters: args.max_iters.unwrap_or(MAX_ITERS),
        tol: args.tol.unwrap_or(RECOVERY_TOLERANCE),
        certify: args.certify,
        factored,
    };
    let dir = directory(args, common, objective_name(&settings));
    let interrupt = Interrupt::listen();
    let manifest = RecoverManifest::new(record, settings);
    let job = RecoverJob {
        instance: whole.as_ref(),
        held: held.as_ref(),
        hidden: hidden.as_ref(),
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
    // the first rank has the result
    let Some(result) = &manifest.result else { return Ok(DONE) };
    tell(common, || document(&manifest, result, &dir), || in_words(&args.input, &manifest, result, &dir))?;
    Ok(interrupt.exit_code().unwrap_or_else(|| exit_code(result)))
}

fn objective_name(settings: &RecoverSettings) -> &str {
    match (&settings.factored, settings.norm) {
        (Some(factored), _) => &factored.method,
        (None, Norm::Flat) => "flat",
        (None, Norm::Nuclear) => "nuclear",
    }
}

/// The directory asked for, or the input's name and what was done with it, in the working directory.
fn directory(args: &RecoverArgs, common: &Common, what: &str) -> RunDir {
    let named = || {
        let stem = args.input.file_stem().map_or("instance".into(), |stem| stem.to_string_lossy());
        let stem = stem.strip_prefix(NAMED).unwrap_or(&stem);
        PathBuf::from(format!("{stem}-recover-{what}"))
    };
    RunDir::new(common.output.clone().unwrap_or_else(named))
}

/// Prints what was found, as it was asked for.
fn tell<D: Serialize>(common: &Common, document: impl FnOnce() -> D, in_words: impl FnOnce() -> String) -> Result<(), Failure> {
    if common.json { print_json(&document()) } else { print_text(&in_words()) }
}

/// The files of a run, as every document names them.
#[derive(Debug, Serialize)]
struct Files {
    solution: String,
    certificate: Option<String>,
}

impl Files {
    fn of(dir: &RunDir, has_certificate: bool) -> Files {
        let file = |name: &str| dir.path().join(name).display().to_string();
        Files { solution: file("solution.npz"), certificate: has_certificate.then(|| file("certificate.json")) }
    }
}

/// So that `verify` and `report` find it from any folder.
fn absolute(input: &Path) -> PathBuf {
    std::path::absolute(input).unwrap_or_else(|_| input.to_owned())
}

/// The code of an answer of this status, of which so much was asked and proved.
fn status_code(status: RecoveryStatus, certified: Option<bool>) -> u8 {
    match status {
        RecoveryStatus::Converged if certified.unwrap_or(true) => DONE,
        RecoveryStatus::TimeLimit | RecoveryStatus::Stopped => LIMIT,
        _ => NOT_ESTABLISHED,
    }
}

fn exit_code(result: &RecoverRecord) -> u8 {
    status_code(result.status, result.verdict.map(|verdict| verdict.certified))
}

fn document(manifest: &RecoverManifest, result: &RecoverRecord, dir: &RunDir) -> RecoverDocument {
    let verdict = result.verdict;
    RecoverDocument {
        schema: 1,
        command: "recover",
        kind: manifest.settings.kind,
        norm: manifest.settings.factored.is_none().then_some(manifest.settings.norm),
        fidelity: manifest.settings.fidelity,
        method: manifest.settings.factored.as_ref().map_or(CONVEX.into(), |factored| factored.method.clone()),
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
        why: verdict.map(|v| Proof::of_measured(&v, manifest.settings.fidelity).why),
        nothing_fits_below: result.nothing_fits_below,
        nothing_fits: result.nothing_fits,
        iterations: result.iterations,
        seconds: result.seconds,
        verify_seconds: result.verify_seconds,
        relative_error: result.relative_error,
        hidden_rmse: result.hidden_rmse,
        ranks: result.ranks,
        files: Files::of(dir, verdict.is_some()),
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
    if let Some(rmse) = result.hidden_rmse {
        lines.push(format!("hidden entries   missed by {rmse:.4e}, root mean square"));
    }
    lines.extend(result.ranks.map(on_ranks));
    let proof = result.verdict.map(|verdict| Proof::of_measured(&verdict, manifest.settings.fidelity));
    lines.extend(ending(result.relative_error, proof.as_ref(), dir, input));
    lines.join("\n") + "\n"
}

/// What several ranks sent.
fn on_ranks(RanksRecord { ranks, messages_per_iteration, bytes_per_iteration, .. }: RanksRecord) -> String {
    let sent = memory::in_words(bytes_per_iteration as u64);
    format!("ranks            {ranks}   the first sends {messages_per_iteration:.1} messages and {sent} in an iteration")
}

/// What every kind ends with: the error where the truth is known, what was proved, the files, and how to go on.
fn ending(relative_error: Option<f64>, proof: Option<&Proof>, dir: &RunDir, input: &Path) -> Vec<String> {
    let Files { solution, certificate } = Files::of(dir, proof.is_some());
    let error = relative_error.map(|error| format!("error            {error:.2e} relative to the truth in the file"));
    let proved = proof.map(|proof| format!("{:<17}{}", if proof.certified { "certified" } else { "not certified" }, proof.why));
    let next = match certificate {
        Some(certificate) => format!("next             thalweg verify {certificate} --problem {}", input.display()),
        None => format!("next             thalweg report {}", dir.path().display()),
    };
    [error, proved, Some(format!("solution         {solution}")), Some(next)].into_iter().flatten().collect()
}
