//! An experiment is a list of trials and what they show together.
//!
//! A trial is everything that identifies one run, seed included; its outcome depends on nothing else. Finished trials are kept in a
//! [`Store`]; what is drawn is made from them alone, at any time, and says what is missing.

mod bootstrap;
mod findings;
mod moments;
mod power_law;
mod run;
mod store;
mod transition;

pub use bootstrap::crossed_interval;
pub use findings::{Agreement, Check, Document, Findings, Reproduction};
pub use moments::Moments;
pub use power_law::PowerLaw;
pub use run::{Shard, Tally, TrialJob, run_trials};
pub use store::{Done, Key, Merged, Store};
pub use transition::Transition;

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use thalweg::Error;
use thalweg::data::{Matrix, catalogue};

/// Every scale, the smallest first.
pub const SCALES: [Scale; 3] = [Scale::Smoke, Scale::Reduced, Scale::Full];

/// How much of an experiment to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Seconds: that everything runs.
    Smoke,
    /// Minutes: every statement checked, with larger error bars.
    Reduced,
    /// As in the paper, or beyond.
    Full,
}

impl Scale {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Scale::Smoke => "smoke",
            Scale::Reduced => "reduced",
            Scale::Full => "full",
        }
    }
}

/// What a reader and the program should know of an experiment.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The paper.
    pub paper: &'static str,
    /// Its figure, table or theorem: `fig5`.
    pub item: &'static str,
    /// One line.
    pub title: &'static str,
    /// What the paper says, in our words, with its place.
    pub claim: &'static str,
    /// Raised whenever the same trial has another outcome.
    pub version: u32,
}

impl About {
    /// Paper and item.
    pub fn name(&self) -> String {
        format!("{}/{}", self.paper, self.item)
    }
}

/// What trials may use beside themselves.
#[derive(Debug, Default)]
pub struct Bench {
    /// The folder of data sets, if there is one.
    pub data: Option<PathBuf>,
    /// Where a long trial keeps how far it has come; without, it begins anew after a kill.
    pub checkpoints: Option<PathBuf>,
    /// Those that were read or made.
    opened: Mutex<BTreeMap<String, Arc<Matrix<f64>>>>,
    /// Of files in the folder of data sets.
    digests: Mutex<BTreeMap<String, String>>,
}

/// Memory that reading a data set may take, in bytes.
const MAX_MEMORY: u64 = 8 << 30;

/// Names the folder of data sets, in the environment.
pub const DATA_FOLDER: &str = "THALWEG_DATA";

/// The folder of data sets that the environment names.
pub fn usual_data_folder() -> Option<PathBuf> {
    std::env::var_os(DATA_FOLDER).map(PathBuf::from)
}

impl Bench {
    /// With the data sets of a folder.
    pub fn new(data: Option<PathBuf>) -> Bench {
        Bench { data, ..Bench::default() }
    }

    /// The same, with a folder for trials that are at work.
    pub fn keeping(self, checkpoints: PathBuf) -> Bench {
        Bench { checkpoints: Some(checkpoints), ..self }
    }

    /// The first twelve digits of the checksum of a file in the folder of data sets, taken once; none if it cannot be read.
    pub fn digest(&self, file: &str) -> Option<String> {
        use sha2::{Digest, Sha256};
        let path = self.data.as_ref()?.join(file);
        let mut digests = self.digests.lock().expect("nobody panics while reading");
        if !digests.contains_key(file) {
            let digest: String = Sha256::digest(std::fs::read(path).ok()?).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
            digests.insert(file.to_owned(), digest);
        }
        digests.get(file).cloned()
    }

    /// Whether the file of a data set of the catalogue is there.
    pub fn has(&self, name: &str) -> bool {
        let entry = catalogue().iter().find(|entry| entry.name == name);
        entry.zip(self.data.as_ref()).is_some_and(|(entry, folder)| entry.path(folder).exists())
    }

    /// A data set of the catalogue, read and prepared as it says; once.
    ///
    /// # Errors
    /// [`Error::Parameter`] if there is no such name or no folder, and those of [`Entry::open`](thalweg::data::Entry::open).
    pub fn open(&self, name: &str) -> Result<Arc<Matrix<f64>>, Error> {
        self.once(name, || {
            let missing = |name, expected: &str, got: &str| Error::Parameter { name, expected: expected.into(), got: got.into() };
            let entry = catalogue().iter().find(|entry| entry.name == name).ok_or_else(|| missing("data", "a data set of the catalogue", name))?;
            let folder = self.data.as_ref().ok_or_else(|| missing("data", "the folder of data sets", "none"))?;
            Ok(entry.open(folder, MAX_MEMORY)?.matrix)
        })
    }

    /// A matrix that is made once and kept under its name.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn once(&self, name: &str, make: impl FnOnce() -> Result<Matrix<f64>, Error>) -> Result<Arc<Matrix<f64>>, Error> {
        let mut opened = self.opened.lock().expect("nobody panics while reading");
        if let Some(matrix) = opened.get(name) {
            return Ok(matrix.clone());
        }
        let matrix = Arc::new(make()?);
        opened.insert(name.to_owned(), matrix.clone());
        Ok(matrix)
    }
}

/// One figure, table or theorem of a paper.
pub trait Experiment: Sync {
    /// Everything that identifies one run, seed included.
    type Trial: Serialize + DeserializeOwned + Clone + Send + Sync;
    /// What came of it.
    type Outcome: Serialize + DeserializeOwned + Send;
    /// What it is.
    fn about(&self) -> About;
    /// The command that does it.
    fn command(&self, scale: Scale) -> String {
        let About { paper, item, .. } = self.about();
        format!("thalweg reproduce {paper} {item} --scale {}", scale.name())
    }
    /// What its trials are kept under. Items that measure the same trials share a name, and each trial is done once for all of them.
    fn kept_under(&self) -> String {
        self.about().name()
    }
    /// Its trials, the most telling first.
    fn trials(&self, scale: Scale, bench: &Bench) -> Vec<Self::Trial>;
    /// Runs one; the outcome depends on the trial alone, on any number of threads.
    ///
    /// # Errors
    /// Bad or missing data.
    fn run(&self, trial: &Self::Trial, bench: &Bench) -> Result<Self::Outcome, Error>;
    /// What the finished trials show.
    fn findings(&self, scale: Scale, done: &[(Self::Trial, Self::Outcome)]) -> Findings;
}

/// An experiment whose trials and outcomes are JSON.
pub trait AnyExperiment: Sync {
    /// As [`Experiment::about`].
    fn about(&self) -> About;
    /// As [`Experiment::command`].
    fn command(&self, scale: Scale) -> String;
    /// As [`Experiment::kept_under`].
    fn kept_under(&self) -> String;
    /// As [`Experiment::trials`].
    fn trials(&self, scale: Scale, bench: &Bench) -> Vec<String>;
    /// As [`Experiment::run`].
    ///
    /// # Errors
    /// As there.
    fn run(&self, trial: &str, bench: &Bench) -> Result<String, Error>;
    /// As [`Experiment::findings`], from those of `trials` that are among `done`.
    ///
    /// # Errors
    /// [`Error::Malformed`] if an outcome is none of this experiment.
    fn findings(&self, scale: Scale, trials: &[String], done: &[Done]) -> Result<Findings, Error>;
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("trials and outcomes are plain values")
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|reason| Error::Malformed {
        path: "the store".into(),
        place: text.chars().take(80).collect(),
        expected: "a trial or an outcome of this version".into(),
        found: reason.to_string(),
    })
}

impl<E: Experiment> AnyExperiment for E {
    fn about(&self) -> About {
        Experiment::about(self)
    }

    fn command(&self, scale: Scale) -> String {
        Experiment::command(self, scale)
    }

    fn kept_under(&self) -> String {
        Experiment::kept_under(self)
    }

    fn trials(&self, scale: Scale, bench: &Bench) -> Vec<String> {
        Experiment::trials(self, scale, bench).iter().map(to_json).collect()
    }

    fn run(&self, trial: &str, bench: &Bench) -> Result<String, Error> {
        let outcome = to_json(&Experiment::run(self, &from_json(trial)?, bench)?);
        // JSON has no NaN: an outcome that cannot be read back would keep the store from ever being drawn
        from_json::<E::Outcome>(&outcome)?;
        Ok(outcome)
    }

    fn findings(&self, scale: Scale, trials: &[String], done: &[Done]) -> Result<Findings, Error> {
        let wanted: std::collections::HashSet<&str> = trials.iter().map(String::as_str).collect();
        let done = done.iter().filter(|d| wanted.contains(d.trial.as_str()));
        let pairs = done.map(|d| Ok((from_json(&d.trial)?, from_json(&d.outcome)?))).collect::<Result<Vec<_>, Error>>()?;
        if pairs.is_empty() {
            // what an experiment says of no trials would be no finding
            let why = if trials.is_empty() { "its data sets are not in the folder of data sets (--data)" } else { "no trial is finished" };
            return Ok(Findings { verdict: vec![format!("Nothing was found: {why}.")], ..Findings::default() });
        }
        Ok(Experiment::findings(self, scale, &pairs))
    }
}

/// A seed that belongs to a trial: what it draws depends on all that identifies it.
pub fn seed_of(trial: &impl Serialize) -> u64 {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(to_json(trial));
    u64::from_le_bytes(hash[..8].try_into().expect("a hash has 32 bytes"))
}
