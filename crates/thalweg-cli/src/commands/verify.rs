//! `thalweg verify`.

use super::{print_json, print_text};
use crate::args::{Common, VerifyArgs};
use crate::exit::{DONE, Failure, NOT_ESTABLISHED};
use crate::input;
use serde::Serialize;
use thalweg::certificate::recovery::RecoveryVerdict;
use thalweg::data::{InstanceKind, ReadOptions, read_instance};
use thalweg::problem::{Fidelity, Norm};
use thalweg_lab::{read_certificate, verify_certificate};

/// What `verify --json` prints.
#[derive(Debug, Serialize)]
struct VerifyDocument {
    schema: u32,
    command: &'static str,
    kind: InstanceKind,
    norm: Norm,
    fidelity: Fidelity,
    same_instance: bool,
    #[serde(flatten)]
    verdict: RecoveryVerdict,
    why: String,
}

pub fn run(args: &VerifyArgs, common: &Common) -> Result<u8, Failure> {
    let path = if args.certificate.is_dir() { args.certificate.join("certificate.json") } else { args.certificate.clone() };
    let record = read_certificate(&path)?;
    let options = input::options(&args.read, ReadOptions::default(), common);
    let instance = read_instance(&args.problem, record.kind, &options).map_err(|error| Failure::about(&args.problem, error))?;
    let verdict = verify_certificate(&path, &record, &instance, common.max_memory).map_err(|error| Failure::about(&path, error))?;
    let same_instance = record.instance_sha256 == instance.sha256;
    if !same_instance {
        common.say(format_args!("note: the certificate was made for another file than {}; it is checked against this one", args.problem.display()));
    }
    let why = why(&verdict, record.fidelity);
    if common.json {
        print_json(&VerifyDocument {
            schema: 1,
            command: "verify",
            kind: record.kind,
            norm: record.norm,
            fidelity: record.fidelity,
            same_instance,
            verdict,
            why,
        })?;
    } else {
        print_text(&format!("{}: {why}\n", if verdict.certified { "certified" } else { "not certified" }))?;
    }
    Ok(if verdict.certified { DONE } else { NOT_ESTABLISHED })
}

/// The verdict in words, as far as it was proved.
pub(super) fn why(verdict: &RecoveryVerdict, fidelity: Fidelity) -> String {
    let Some(unproved) = verdict.unproved else {
        let of_what = match (verdict.independent, fidelity) {
            (Some(false), Fidelity::Exact) => "of the problem with the measurements that X has, which are within the misfit of the given ones,",
            (Some(false), _) => "of the problem with the radius that X has, which is the given one to rounding,",
            _ => "of the problem",
        };
        let (radius, margin) = (verdict.radius.unwrap_or(0.0), verdict.margin.unwrap_or(1.0));
        return format!("every minimiser {of_what} is within {radius:.1e} of X, relative to its norm; margin {margin:.4}");
    };
    match verdict.gap {
        Some(gap) => format!("{}; {}", unproved.why(), proved_gap(gap, fidelity)),
        None => unproved.why().to_owned(),
    }
}

/// What a duality gap proves by itself.
fn proved_gap(gap: f64, fidelity: Fidelity) -> String {
    match fidelity {
        Fidelity::Exact => format!("no matrix that fits has a norm smaller by more than {gap:.1e}, relative"),
        Fidelity::Ball { .. } => format!("no matrix within the noise has a norm smaller by more than {gap:.1e}, relative"),
        Fidelity::Penalised { .. } => format!("no matrix has an objective smaller by more than {gap:.1e}, relative"),
    }
}
