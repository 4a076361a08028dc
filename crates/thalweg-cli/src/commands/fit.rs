//! `thalweg fit`.

use super::{line::factors, print_json, print_text};
use crate::args::{Common, FitArgs, InitArg, PrecisionArg};
use crate::exit::{DONE, Failure, LIMIT, NOT_ESTABLISHED};
use crate::input;
use crate::progress::{Bars, word};
use crate::signals::Interrupt;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thalweg::audit::Status;
use thalweg::data::{Dataset, Precision};
use thalweg::problem::Loss;
use thalweg::solver::nmf::{About, Init, default_divergence_method, default_method, divergence_method, method};
use thalweg_lab::{FitError, FitJob, FitRecord, FitSettings, Given, InputRecord, Manifest, RunDir, fit};

/// What `fit --json` prints.
#[derive(Debug, Serialize)]
struct FitDocument<'a> {
    schema: u32,
    command: &'static str,
    status: Status,
    shape: [usize; 2],
    observed: u64,
    rank: usize,
    method: &'a str,
    loss: Loss,
    objective: f64,
    penalty: f64,
    relative_error: f64,
    kkt: f64,
    lower_bound: Option<f64>,
    iterations: usize,
    seconds: f64,
    seed: u64,
    holdout_rmse: Option<f64>,
    restarts: &'a [thalweg_lab::RestartRecord],
    factors: String,
}

pub fn run(args: &FitArgs, common: &Common) -> Result<u8, Failure> {
    let (dataset, record) = input::load(&args.input, input::options(&args.read, common), common)?;
    let settings = settings(args, &dataset, common)?;
    let given = given(&settings)?;
    let dir = RunDir::new(common.output.clone().unwrap_or_else(|| default_dir(args)));
    let checkpoint_every = Duration::from_secs_f64(args.checkpoint);
    let (manifest, interrupt) = fit_in(&dataset, given, record, settings, dir.clone(), checkpoint_every, common)?;
    let result = manifest.result.as_ref().expect("a fit that returns has a result");
    if common.json {
        print_json(&document(&manifest, result, &dir))?;
    } else {
        print_text(&in_words(&args.input, &manifest, result, &dir))?;
    }
    Ok(interrupt.exit_code().unwrap_or_else(|| exit_code(result.status)))
}

/// Runs the fit with bars and signals.
pub fn fit_in(
    dataset: &Dataset,
    given: Given,
    input: InputRecord,
    settings: FitSettings,
    dir: RunDir,
    checkpoint_every: Duration,
    common: &Common,
) -> Result<(Manifest, Interrupt), Failure> {
    let path = input.path.clone();
    let interrupt = Interrupt::listen();
    let bars = Bars::new(settings.restarts, settings.max_iters, common.quiet);
    let manifest =
        Manifest { schema: 1, thalweg: env!("CARGO_PKG_VERSION").to_owned(), input, settings, threads: common.thread_count(), result: None };
    let job = FitJob {
        manifest,
        dataset,
        given,
        dir,
        max_time: common.max_time.map(Duration::from_secs_f64),
        max_memory: common.max_memory,
        checkpoint_every,
        stop: &interrupt.flag,
        observe: &|restart, progress, status| bars.observe(restart, progress, status),
    };
    let outcome = fit(job);
    bars.finish();
    let manifest = outcome.map_err(|error| match error {
        FitError::Input(error) => Failure::about(&path, error),
        FitError::Given { path, error } => Failure::about(&path, error),
        other => other.into(),
    })?;
    Ok((manifest, interrupt))
}

fn settings(args: &FitArgs, dataset: &Dataset, common: &Common) -> Result<FitSettings, Failure> {
    let about = the_method(args, dataset, common)?;
    let (init, start) = starts(args, about)?;
    Ok(FitSettings {
        rank: args.rank,
        method: about.name.to_owned(),
        init: init.name().to_owned(),
        start,
        loss: args.loss,
        penalty: args.penalty.read()?,
        precision: match args.precision {
            None => dataset.precision,
            Some(PrecisionArg::F32) => Precision::F32,
            Some(PrecisionArg::F64) => Precision::F64,
        },
        restarts: args.restarts.max(1),
        seed: common.seed,
        max_iters: about.iterations.unwrap_or(args.max_iters),
        tol: args.tol,
        holdout: args.holdout,
    })
}

/// How restarts begin, and where restart 0 does if at factors that are given.
fn starts(args: &FitArgs, about: About) -> Result<(Init, Option<PathBuf>), Failure> {
    let (mut name, mut path) = (None, None);
    for init in &args.init {
        let is_second = match init {
            InitArg::Named(init) => name.replace(*init).is_some(),
            InitArg::Given(from) => path.replace(std::path::absolute(from).unwrap_or_else(|_| from.clone())).is_some(),
        };
        if is_second {
            return Err(Failure::Usage("--init takes one name and one path at most".into()));
        }
    }
    let own = if path.is_some() { Init::Random } else { about.init };
    Ok((name.unwrap_or(own), path))
}

/// What the settings ask to be read beside the data.
fn given(settings: &FitSettings) -> Result<Given, Failure> {
    Ok(Given { start: settings.start.as_deref().map(factors).transpose()? })
}

/// The method that was asked for or suits the loss and the data.
fn the_method(args: &FitArgs, dataset: &Dataset, common: &Common) -> Result<About, Failure> {
    if args.loss != Loss::Frobenius {
        return match &args.method {
            Some(name) => Ok(divergence_method(name, args.loss)?.about()),
            None => Ok(told(default_divergence_method(args.loss), |m| m.about(), common)),
        };
    }
    match &args.method {
        Some(name) => match method(name) {
            Some(method) => Ok(method.about()),
            None => Err(Failure::Usage(format!("the method {name} is for losses other than frobenius (--loss)"))),
        },
        // held-out entries make any data observed-only
        None if args.holdout.is_some() => {
            let exact = method("anls").expect("the exact row method is listed");
            Ok(told((exact, "held-out entries leave each row its own Gram matrix"), |m| m.about(), common))
        }
        None => Ok(told(default_method(&dataset.matrix), |m| m.about(), common)),
    }
}

/// Says which method was picked, and why.
fn told<M>((chosen, why): (M, &str), about: impl Fn(&M) -> About, common: &Common) -> About {
    let about = about(&chosen);
    common.detail(format_args!("method {}: {why}", about.name));
    about
}

fn default_dir(args: &FitArgs) -> PathBuf {
    PathBuf::from(format!("thalweg-{}-k{}", stem(&args.input), args.rank))
}

/// The first part of the file's name.
pub fn stem(input: &Path) -> String {
    let name = input.file_name().map_or("matrix".into(), |n| n.to_string_lossy().into_owned());
    name.split('.').find(|part| !part.is_empty()).unwrap_or("matrix").to_owned()
}

fn exit_code(status: Status) -> u8 {
    match status {
        Status::Converged => DONE,
        Status::TimeLimit | Status::Stopped => LIMIT,
        Status::MaxIters | Status::Stalled | Status::Breakdown => NOT_ESTABLISHED,
    }
}

fn document<'a>(manifest: &'a Manifest, result: &'a FitRecord, dir: &RunDir) -> FitDocument<'a> {
    FitDocument {
        schema: 1,
        command: "fit",
        status: result.status,
        shape: [manifest.input.shape.0, manifest.input.shape.1],
        observed: manifest.input.observed,
        rank: manifest.settings.rank,
        method: &manifest.settings.method,
        loss: manifest.settings.loss,
        objective: result.objective,
        penalty: result.penalty,
        relative_error: result.relative_error,
        kkt: result.kkt,
        lower_bound: result.lower_bound,
        iterations: result.iterations,
        seconds: result.seconds,
        seed: manifest.settings.seed,
        holdout_rmse: result.holdout_rmse,
        restarts: &result.restarts,
        factors: dir.factors().display().to_string(),
    }
}

fn in_words(input: &Path, manifest: &Manifest, result: &FitRecord, dir: &RunDir) -> String {
    let settings = &manifest.settings;
    let mut lines = vec![
        format!(
            "{}: rank {}, loss {}, by {}, {} after {} iterations ({:.2} s over {} restarts)",
            input.display(),
            settings.rank,
            settings.loss,
            settings.method,
            word(result.status),
            result.iterations,
            result.seconds,
            result.restarts.len()
        ),
        format!("objective        {:.8e}   relative error {:.6}", result.objective, result.relative_error),
        format!("residual (kkt)   {:.2e}   tolerance {:.0e}", result.kkt, settings.tol),
    ];
    match result.lower_bound {
        Some(bound) if bound > 0.0 => {
            let gap = 100.0 * (result.objective - bound) / result.objective;
            lines.push(format!("lower bound      {bound:.8e}   no rank-{} factorisation is more than {gap:.3} % better", settings.rank));
        }
        Some(_) => lines.push("lower bound      0: the singular values do not rule out an exact fit".into()),
        None if settings.loss != Loss::Frobenius => lines.push(format!("lower bound      none is known for the loss {}", settings.loss)),
        None if matches!(result.status, Status::TimeLimit | Status::Stopped) => {
            lines.push("lower bound      not computed: the run is unfinished (audit computes it)".into());
        }
        None => lines.push("lower bound      not known: it needs every entry observed and a side of at most 4096".into()),
    }
    if result.penalty > 0.0 {
        lines.push(format!("penalty          {:.8e}   {:.2} % of the objective", result.penalty, 100.0 * result.penalty / result.objective));
    }
    if let Some(rmse) = result.holdout_rmse {
        lines.push(format!("held-out RMSE    {rmse:.6}"));
    }
    lines.push(format!("factors          {}", dir.factors().display()));
    lines.push(format!("next             thalweg audit {0} && thalweg report {0} -o report.html", dir.path().display()));
    lines.join("\n") + "\n"
}
