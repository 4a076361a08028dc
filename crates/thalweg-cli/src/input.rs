//! Reading what a command was given.

use crate::args::{Common, ReadArgs};
use crate::exit::Failure;
use std::path::{Path, PathBuf};
use thalweg::data::{Dataset, Entry, Layout, OnDisk, ReadOptions, Stft, Weights, catalogue, did_you_mean, read};
use thalweg_lab::experiment::{DATA_FOLDER, usual_data_folder};
use thalweg_lab::{InputRecord, Manifest, RunDir};

/// Before the name of a data set of the catalogue.
pub const NAMED: &str = "data:";

/// What the command line asks to read, and how.
pub struct Asked {
    /// The file.
    pub path: PathBuf,
    /// As its flags say, or as the catalogue says and its flags change it.
    pub options: ReadOptions,
    /// Of a named data set.
    entry: Option<&'static Entry>,
}

impl Asked {
    /// A file, or a data set of the catalogue.
    pub fn of(input: &Path, args: &ReadArgs, common: &Common) -> Result<Asked, Failure> {
        let Some(name) = input.to_str().and_then(|text| text.strip_prefix(NAMED)) else {
            return Ok(Asked { path: input.to_owned(), options: options(args, ReadOptions::default(), common), entry: None });
        };
        let entry = named(name)?;
        let path = entry.path(&data_folder(args.data_dir.as_deref())?);
        Ok(Asked { path, options: options(args, entry.read.clone(), common), entry: Some(entry) })
    }

    /// Says so if the file that was read is not the catalogue's.
    pub fn compare(&self, sha256: &str, common: &Common) {
        if let Some(entry) = self.entry.filter(|entry| entry.sha256 != sha256) {
            common.say(format_args!("note: {} is not the file of the catalogue (`thalweg data get {}`)", self.path.display(), entry.name));
        }
    }
}

/// Reads what the command line asks for; what the reader noted goes to standard error.
pub fn load_asked(input: &Path, args: &ReadArgs, common: &Common) -> Result<(Dataset, InputRecord), Failure> {
    let asked = Asked::of(input, args, common)?;
    refuse_run(&asked.path)?;
    let (dataset, record) = load(&asked.path, asked.options.clone())?;
    dataset.notes.iter().for_each(|note| common.say(format_args!("note: {note}")));
    asked.compare(&dataset.sha256, common);
    Ok((dataset, record))
}

/// Opens what stays on disk, as the command line asks.
pub fn open_asked(input: &Path, args: &ReadArgs, common: &Common) -> Result<(OnDisk, InputRecord), Failure> {
    let asked = Asked::of(input, args, common)?;
    refuse_run(&asked.path)?;
    let disk = OnDisk::open(&asked.path, &asked.options).map_err(|error| Failure::about(&asked.path, error))?;
    let path = std::path::absolute(&asked.path).unwrap_or(asked.path);
    let record = InputRecord::on_disk(path, asked.options, &disk);
    record.notes.iter().for_each(|note| common.say(format_args!("note: {note}")));
    Ok((disk, record))
}

fn refuse_run(path: &Path) -> Result<(), Failure> {
    if RunDir::new(path).has::<Manifest>() {
        let dir = path.display();
        return Err(Failure::Usage(format!("{dir} is a run directory, not data: thalweg audit {dir}, or thalweg report {dir}")));
    }
    Ok(())
}

/// The entry of the catalogue.
pub fn named(name: &str) -> Result<&'static Entry, Failure> {
    let names = || catalogue().iter().map(|entry| entry.name.as_str());
    catalogue().iter().find(|entry| entry.name == name).ok_or_else(|| {
        let known = names().collect::<Vec<_>>().join(", ");
        Failure::Usage(format!("no data set is named {name}; there are {known}{}", did_you_mean(name, names())))
    })
}

/// The folder of the named data sets.
pub fn data_folder(given: Option<&Path>) -> Result<PathBuf, Failure> {
    given.map(Path::to_owned).or_else(usual_data_folder).ok_or_else(|| {
        Failure::Usage(format!("a named data set needs the folder that holds it: --data-dir DIR, or {DATA_FOLDER} in the environment"))
    })
}

/// How the command line asks to read, where it says anything, else as `base` says.
pub fn options(args: &ReadArgs, base: ReadOptions, common: &Common) -> ReadOptions {
    let given = args.weights.clone().map(Weights::Given).or_else(|| args.variance.clone().map(Weights::Variance));
    ReadOptions {
        missing: args.missing.map_or(base.missing, Into::into),
        layout: if args.triplets { Layout::Triplets } else { base.layout },
        max_memory: common.max_memory,
        columns: args.columns.or(base.columns),
        // the matrix that would be read is turned
        transpose: base.transpose != args.transpose,
        member: args.member.clone().or(base.member),
        variable: args.variable.clone().or(base.variable),
        weights: given.or(base.weights),
        unfold: args.unfold.or(base.unfold),
        stft: Stft { window: args.window.unwrap_or(base.stft.window), hop: args.hop.or(base.stft.hop), bins: args.bins.or(base.stft.bins) },
        negative: args.negative.map_or(base.negative, Into::into),
        drop_empty: args.drop_empty || base.drop_empty,
        scale: args.scale.unwrap_or(base.scale),
    }
}

/// Reads a matrix and records where it came from. What the reader noted was told when the user first asked for the file, and stands in the record.
pub fn load(path: &Path, options: ReadOptions) -> Result<(Dataset, InputRecord), Failure> {
    let dataset = read(path, &options)?;
    // absolute, so that `audit` finds it from any folder
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let record = InputRecord::new(path, options, &dataset);
    Ok((dataset, record))
}
