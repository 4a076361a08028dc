//! Figures and theorems of the papers, and phase diagrams.

use crate::errors::{raised, unreadable};
use crate::evidence::json;
use crate::figures::Drawn;
use crate::interrupt::{interruptible, thread_count, time_limit};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use thalweg::Error;
use thalweg::map::ENSEMBLES;
use thalweg_lab::experiment::{AnyExperiment, Bench, Document, Reproduction, SCALES, Scale, Shard, Store, TrialJob, run_trials, usual_data_folder};
use thalweg_lab::{Parameter, Phase, Sweep, experiments_of, listed};

/// How the trials are run and where they go.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    scale: String,
    /// I of N.
    shard: (usize, usize),
    /// Folders whose trials are taken over first.
    merge: Vec<PathBuf>,
    /// The folder of data sets.
    data: Option<PathBuf>,
    /// Where trials and pages go; without it they are forgotten.
    dir: Option<PathBuf>,
    max_time: Option<f64>,
}

impl Plan {
    fn scale(&self) -> Result<Scale, Error> {
        let known = || SCALES.map(Scale::name).join(", ");
        let found = SCALES.into_iter().find(|scale| scale.name() == self.scale);
        found.ok_or_else(|| Error::Parameter { name: "scale", expected: known(), got: self.scale.clone() })
    }

    fn shard(&self) -> Result<Shard, Error> {
        let (number, of) = self.shard;
        if (1..=of).contains(&number) {
            return Ok(Shard { number, of });
        }
        Err(Error::Parameter { name: "shard", expected: "part I, from 1 to N, of N parts".into(), got: format!("{number} of {of}") })
    }

    fn store(&self) -> Result<Store, Error> {
        let Some(dir) = &self.dir else { return Store::in_memory() };
        std::fs::create_dir_all(dir).map_err(|source| Error::Io { path: dir.clone(), source })?;
        Store::open(&dir.join(TRIALS))
    }
}

/// The trials of a folder.
const TRIALS: &str = "trials.sqlite";

/// An experiment of a paper, or one that was asked for.
#[derive(Clone)]
enum Chosen {
    Listed(&'static dyn AnyExperiment),
    Phase(Arc<Phase>),
}

impl Chosen {
    fn get(&self) -> &dyn AnyExperiment {
        match self {
            Chosen::Listed(experiment) => *experiment,
            Chosen::Phase(phase) => &**phase,
        }
    }
}

/// What Python makes of one.
#[derive(Serialize)]
struct Known<'a> {
    #[serde(flatten)]
    document: Document<'a>,
    words: String,
    page: Option<PathBuf>,
    drawn: Vec<Drawn>,
}

/// Each record as JSON, and the exception that ended the trials early.
type Found = (Vec<String>, Option<PyErr>);

/// Runs what is not done, writes the pages, and tells what is known. A signal ends it with what the finished trials show; the trials at work
/// end in the background.
fn carry_out(py: Python<'_>, experiments: Vec<Chosen>, plan: &str, threads: Option<usize>) -> PyResult<Found> {
    let plan: Plan = serde_json::from_str(plan).map_err(unreadable)?;
    let (threads, scale, shard) = (thread_count(threads)?, plan.scale().map_err(raised)?, plan.shard().map_err(raised)?);
    let store = Arc::new(plan.store().map_err(raised)?);
    for other in &plan.merge {
        let path = if other.is_dir() { other.join(TRIALS) } else { other.clone() };
        store.merge(&path).map_err(raised)?;
    }
    let bench = Arc::new(Bench::new(plan.data.clone().or_else(usual_data_folder)));
    let (begin, max_time) = (Instant::now(), time_limit(plan.max_time)?);
    let mut known = Vec::new();
    for experiment in experiments {
        let left = max_time.map(|limit| limit.saturating_sub(begin.elapsed()));
        let (of_work, kept, shared) = (experiment.clone(), Arc::clone(&store), Arc::clone(&bench));
        let ended = interruptible(py, threads, move |stop| {
            let experiment = of_work.get();
            run_trials(&TrialJob { experiment, scale, shard, store: &kept, bench: &shared, threads, max_time: left, stop, observe: &|_| () })
        });
        let interrupt = match ended {
            Ok(tally) => tally.map(|_| None).map_err(raised)?,
            Err(signal) => Some(signal),
        };
        let reproduction = Reproduction::known(experiment.get(), scale, &store, &bench).map_err(raised)?;
        known.push(told(reproduction, &plan)?);
        if interrupt.is_some() {
            return Ok((known, interrupt));
        }
    }
    Ok((known, None))
}

fn told(reproduction: Reproduction, plan: &Plan) -> PyResult<String> {
    let page = plan.dir.as_deref().map(|dir| reproduction.write(dir)).transpose().map_err(raised)?;
    let drawn = reproduction.findings.figures.iter().cloned().map(Drawn::of).collect();
    Ok(json(&Known { document: reproduction.document(), words: reproduction.in_words(), page, drawn }))
}

/// An item of a paper, or all of them.
#[pyfunction]
#[pyo3(signature = (paper, item, plan, threads=None))]
pub fn reproduce(py: Python<'_>, paper: &str, item: &str, plan: &str, threads: Option<usize>) -> PyResult<Found> {
    let chosen = experiments_of(paper, item).map_err(raised)?;
    carry_out(py, chosen.into_iter().map(Chosen::Listed).collect(), plan, threads)
}

/// What can be reproduced, and how many trials that takes.
#[pyfunction]
#[pyo3(signature = (paper=None, data=None))]
pub fn experiments(paper: Option<&str>, data: Option<PathBuf>) -> PyResult<String> {
    listed(paper, &Bench::new(data.or_else(usual_data_folder))).map(|listed| json(&listed)).map_err(raised)
}

/// Its parameter, the first value, the last, and how many.
type Values = (String, f64, f64, usize);

/// How often recovery succeeds over two parameters.
#[pyfunction]
#[pyo3(signature = (model, x, y, at, trials, seed, plan, threads=None))]
#[expect(clippy::too_many_arguments, reason = "the arguments of the Python function")]
pub fn phase_diagram(
    py: Python<'_>,
    model: &str,
    x: Values,
    y: Values,
    at: BTreeMap<String, f64>,
    trials: u64,
    seed: u64,
    plan: &str,
    threads: Option<usize>,
) -> PyResult<Found> {
    let phase = || -> Result<Phase, Error> {
        let known = || ENSEMBLES.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
        let unknown = || Error::Parameter { name: "model", expected: known(), got: model.to_owned() };
        let (model, _) = ENSEMBLES.iter().find(|(_, name)| *name == model).ok_or_else(unknown)?;
        let sweep = |(name, low, high, count): &Values| Sweep::new(Parameter::named(name)?, *low, *high, *count);
        let fixed = at.iter().map(|(name, value)| Ok((Parameter::named(name)?, *value))).collect::<Result<Vec<_>, Error>>()?;
        Phase::new(*model, sweep(&x)?, sweep(&y)?, &fixed, trials, seed)
    };
    carry_out(py, vec![Chosen::Phase(Arc::new(phase().map_err(raised)?))], plan, threads)
}
