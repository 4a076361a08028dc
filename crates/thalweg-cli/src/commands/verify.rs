//! `thalweg verify`.

use super::{print_json, print_text};
use crate::args::{Common, ReadArgs};
use crate::exit::{DONE, Failure, NOT_ESTABLISHED};
use crate::input::Asked;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use thalweg::certificate::recovery::RecoveryVerdict;
use thalweg::data::{InstanceKind, Kept, read_instance, read_instance_keeping, read_rpca_instance, read_sparse_instance};
use thalweg::problem::{Fidelity, Norm};
use thalweg_lab::{Certificate, CertificateRecord, Proof, RecoverKind, read_certificate, verify_certificate, verify_deep_sparse, verify_robust_pca};

/// `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// certificate.json, or the directory of a recovery.
    pub certificate: PathBuf,
    /// The instance.
    #[arg(long, value_name = "INPUT")]
    pub problem: PathBuf,
    /// How to read entries.
    #[command(flatten)]
    pub read: ReadArgs,
}

/// What `verify --json` prints of a matrix from measurements.
#[derive(Debug, Serialize)]
struct MeasuredDocument {
    schema: u32,
    command: &'static str,
    kind: InstanceKind,
    norm: Norm,
    fidelity: Fidelity,
    kept: Option<Kept>,
    same_instance: bool,
    #[serde(flatten)]
    verdict: RecoveryVerdict,
    why: String,
}

/// What `verify --json` prints of a separation or a sparse vector: with the parameters that make the problem.
#[derive(Debug, Serialize)]
struct ProofDocument {
    schema: u32,
    command: &'static str,
    kind: RecoverKind,
    lambda: Option<f64>,
    budget: Option<f64>,
    depth: Option<usize>,
    same_instance: bool,
    #[serde(flatten)]
    proof: Proof,
}

pub fn run(args: &VerifyArgs, common: &Common) -> Result<u8, Failure> {
    let path = if args.certificate.is_dir() { args.certificate.join("certificate.json") } else { args.certificate.clone() };
    let Asked { path: problem, options, .. } = Asked::of(&args.problem, &args.read, common)?;
    let about_problem = |error| Failure::about(&args.problem, error);
    let about_certificate = |error| Failure::about(&path, error);
    match read_certificate(&path)? {
        Certificate::Measured(record) => {
            let instance = match record.kept {
                Some(Kept { fraction, seed }) => read_instance_keeping(&problem, &options, Kept { fraction, seed }).map(|(instance, _)| instance),
                None => read_instance(&problem, record.kind, &options),
            };
            let instance = instance.map_err(about_problem)?;
            let verdict = verify_certificate(&path, &record, &instance, common.max_memory).map_err(about_certificate)?;
            say_measured(&record, same(args, common, &record.instance_sha256, &instance.sha256), verdict, common)
        }
        Certificate::RobustPca(record) => {
            let instance = read_rpca_instance(&problem, &options).map_err(about_problem)?;
            let found = verify_robust_pca(&path, &record, &instance, common.max_memory).map_err(about_certificate)?;
            let document = ProofDocument {
                schema: 1,
                command: "verify",
                kind: record.kind,
                lambda: Some(record.lambda),
                budget: record.budget,
                depth: None,
                same_instance: same(args, common, &record.instance_sha256, &instance.sha256),
                proof: Proof::from(&found),
            };
            say(document, common)
        }
        Certificate::DeepSparse(record) => {
            let instance = read_sparse_instance(&problem, common.max_memory).map_err(about_problem)?;
            let found = verify_deep_sparse(&path, &record, &instance, common.max_memory).map_err(about_certificate)?;
            let document = ProofDocument {
                schema: 1,
                command: "verify",
                kind: record.kind,
                lambda: None,
                budget: None,
                depth: Some(record.depth),
                same_instance: same(args, common, &record.instance_sha256, &instance.sha256),
                proof: Proof::from(&found),
            };
            say(document, common)
        }
    }
}

/// Whether the certificate was made for this very file.
fn same(args: &VerifyArgs, common: &Common, made_for: &str, checked: &str) -> bool {
    if made_for != checked {
        common.say(format_args!("note: the certificate was made for another file than {}; it is checked against this one", args.problem.display()));
    }
    made_for == checked
}

fn say_measured(record: &CertificateRecord, same_instance: bool, verdict: RecoveryVerdict, common: &Common) -> Result<u8, Failure> {
    let (kind, norm, kept, why) = (record.kind, record.norm, record.kept, Proof::of_measured(&verdict, record.fidelity).why);
    if common.json {
        let fidelity = record.fidelity;
        print_json(&MeasuredDocument { schema: 1, command: "verify", kind, norm, fidelity, kept, same_instance, verdict, why })?;
    } else {
        let part = kept.map_or(String::new(), |kept| format!("of the part {} of the entries that seed {} keeps: ", kept.fraction, kept.seed));
        say_in_words(verdict.certified, &format!("{part}{why}"))?;
    }
    Ok(code(verdict.certified))
}

fn say(document: ProofDocument, common: &Common) -> Result<u8, Failure> {
    if common.json {
        print_json(&document)?;
    } else {
        let of = match (document.budget, document.lambda, document.depth) {
            (Some(budget), ..) => format!("under the budget {budget}"),
            (None, Some(lambda), _) => format!("for λ = {lambda}"),
            (None, None, depth) => format!("at depth {}", depth.unwrap_or(0)),
        };
        say_in_words(document.proof.certified, &format!("{of}, {}", document.proof.why))?;
    }
    Ok(code(document.proof.certified))
}

fn say_in_words(certified: bool, why: &str) -> Result<(), Failure> {
    print_text(&format!("{}: {why}\n", if certified { "certified" } else { "not certified" }))
}

fn code(certified: bool) -> u8 {
    if certified { DONE } else { NOT_ESTABLISHED }
}
