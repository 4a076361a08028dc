//! What a run directory says about itself.

use crate::RanksRecord;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use thalweg::audit::Status;
use thalweg::data::{Dataset, ImageShape, OnDisk, Precision, ReadOptions, ShardKind};
use thalweg::problem::{Loss, Penalty, RowSet, ScaledPenalty};

/// The input of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputRecord {
    /// Where it was read from.
    pub path: PathBuf,
    /// Its SHA-256.
    pub sha256: String,
    /// Its format.
    pub format: String,
    /// dense, sparse, observed or weighted.
    pub kind: String,
    /// (m, n).
    pub shape: (usize, usize),
    /// Observed entries.
    pub observed: u64,
    /// How it was read.
    pub read: ReadOptions,
    /// What its entries were divided by.
    #[serde(default = "one")]
    pub scale: f64,
    /// Set when each row is an image.
    pub image: Option<ImageShape>,
    /// What a user should know about the reading.
    pub notes: Vec<String>,
}

impl InputRecord {
    /// The record of what was read from here in this way; an empty path stands for data that were in memory.
    pub fn new(path: PathBuf, read: ReadOptions, dataset: &Dataset) -> Self {
        InputRecord {
            path,
            sha256: dataset.sha256.clone(),
            format: dataset.format.to_owned(),
            kind: dataset.matrix.kind().to_owned(),
            shape: dataset.matrix.shape(),
            observed: dataset.matrix.observed(),
            read,
            scale: dataset.scale,
            image: dataset.image,
            notes: dataset.notes.clone(),
        }
    }

    /// The record of data that stay on disk.
    pub fn on_disk(path: PathBuf, read: ReadOptions, disk: &OnDisk) -> Self {
        let (m, n) = disk.shape();
        InputRecord {
            path,
            sha256: disk.sha256().to_owned(),
            format: if disk.shards().is_some() { "shards" } else { "npy" }.to_owned(),
            kind: disk.kind().to_owned(),
            shape: (m, n),
            observed: disk.shards().filter(|shards| shards.kind() != ShardKind::Sparse).map_or(m as u64 * n as u64, |shards| shards.stored()),
            read,
            scale: 1.0,
            image: None,
            notes: disk.shards().map_or_else(Vec::new, |shards| shards.origin().notes.clone()),
        }
    }

    /// Whether the data were not read from anywhere.
    pub fn was_in_memory(&self) -> bool {
        self.path.as_os_str().is_empty()
    }
}

fn one() -> f64 {
    1.0
}

/// Everything that identifies a fit. The same settings on the same input are the same run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FitSettings {
    /// r.
    pub rank: usize,
    /// Name of the method.
    pub method: String,
    /// Why it was picked, if it was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method_reason: Option<String>,
    /// Name of the start.
    pub init: String,
    /// Where the factors came from at which restart 0 begins, the others as `init` says.
    #[serde(default)]
    pub start: Option<PathBuf>,
    /// What is made small.
    pub loss: Loss,
    /// Penalty on the size of the factors.
    #[serde(default)]
    pub penalty: Penalty,
    /// Where the rows of U lie.
    #[serde(default)]
    pub u_rows: RowSet,
    /// Where the rows of V lie.
    #[serde(default)]
    pub v_rows: RowSet,
    /// Where the first columns of U came from, if they are given.
    #[serde(default)]
    pub fix_u: Option<PathBuf>,
    /// Where the first columns of V came from, if they are given.
    #[serde(default)]
    pub fix_v: Option<PathBuf>,
    /// Whether rows and columns have a bias each, in components after the first r.
    #[serde(default)]
    pub biases: bool,
    /// Arithmetic.
    pub precision: Precision,
    /// Number of restarts.
    pub restarts: usize,
    /// Seed; restart i draws from stream i of it.
    pub seed: u64,
    /// Iteration limit of each restart.
    pub max_iters: usize,
    /// Tolerance on the residual.
    pub tol: f64,
    /// Fraction of the observed entries held out.
    pub holdout: Option<f64>,
    /// Rows of a block, for the method that begins with blocks of rows.
    #[serde(default)]
    pub batch_size: Option<usize>,
    /// Whether the data stayed on disk, a block of rows in memory at a time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
}

impl FitSettings {
    /// One random start, least squares, coordinate descent, seed 0, and nothing else that could be asked for.
    pub fn plain(rank: usize) -> Self {
        FitSettings {
            rank,
            method: "hals".into(),
            method_reason: None,
            init: "random".into(),
            start: None,
            loss: Loss::Frobenius,
            penalty: Penalty::default(),
            u_rows: RowSet::NonNegative,
            v_rows: RowSet::NonNegative,
            fix_u: None,
            fix_v: None,
            biases: false,
            precision: Precision::F64,
            restarts: 1,
            seed: 0,
            max_iters: 20_000,
            tol: 1e-5,
            holdout: None,
            batch_size: None,
            stream: false,
        }
    }
}

/// One restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestartRecord {
    /// The seed.
    pub seed: u64,
    /// Its stream under the seed: 0, 1, 2, …
    pub trial: u64,
    /// How it ended.
    pub status: Status,
    /// ½ Σ w (X − UVᵀ)² and the penalty, or Σ w d_β(X | UVᵀ) under another loss.
    pub objective: f64,
    /// Residual recomputed from the data.
    pub kkt: f64,
    /// Iterations.
    pub iterations: usize,
    /// Seconds, over all sessions.
    pub seconds: f64,
}

/// The result of a fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FitRecord {
    /// Status of the best restart.
    pub status: Status,
    /// Its number.
    pub best: usize,
    /// ½ Σ w (X − UVᵀ)² and the penalty, or Σ w d_β(X | UVᵀ) under another loss.
    pub objective: f64,
    /// The penalty's part of it.
    #[serde(default)]
    pub penalty: f64,
    /// The penalty in the units of the data: what new rows pay.
    #[serde(default)]
    pub scaled_penalty: ScaledPenalty,
    /// √(Σ w (X − UVᵀ)² / Σ w X²); under another loss, that divergence over that of the best constant.
    pub relative_error: f64,
    /// Scale-free residual recomputed from the data.
    pub kkt: f64,
    /// Proved lower bound over all factorisations of this rank.
    pub lower_bound: Option<f64>,
    /// Iterations of the best restart.
    pub iterations: usize,
    /// Seconds of all restarts.
    pub seconds: f64,
    /// Passes of this session over data that stay on disk, checks and proofs included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passes: Option<f64>,
    /// Of a session on several ranks: how many, and what they sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranks: Option<RanksRecord>,
    /// √(mean squared error) over the entries held out.
    pub holdout_rmse: Option<f64>,
    /// Each restart.
    pub restarts: Vec<RestartRecord>,
}

/// `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// 1.
    pub schema: u32,
    /// Version of thalweg that wrote it.
    pub thalweg: String,
    /// The input.
    pub input: InputRecord,
    /// The settings.
    pub settings: FitSettings,
    /// Threads used. The result does not depend on them.
    pub threads: usize,
    /// The result, once every restart has ended.
    pub result: Option<FitRecord>,
}

/// `labels.json`: names of rows and columns, where the input has them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Labels {
    /// Names of the rows.
    pub rows: Option<Vec<String>>,
    /// Names of the columns.
    pub cols: Option<Vec<String>>,
}
