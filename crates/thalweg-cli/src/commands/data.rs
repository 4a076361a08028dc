//! `thalweg data`.

use super::fit::stem;
use super::{print_json, print_text};
use crate::args::{Common, ReadArgs};
use crate::download::download;
use crate::exit::{BAD_INPUT, DONE, Failure, NO_INPUT};
use crate::input::{Asked, data_folder, named};
use crate::memory::peak;

use clap::{Args, Subcommand};
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};
use thalweg::Error;
use thalweg::data::{Entry, ShardKind, catalogue, shard};
use thalweg_lab::{EXAMPLE_FILES, ExampleFile};

/// `data`.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// What about them.
    #[command(subcommand)]
    pub action: DataAction,
}

/// What to do with the named data sets.
#[derive(Debug, Subcommand)]
pub enum DataAction {
    /// Name them all: shape, size, licence, how each is read.
    List,
    /// Write a small file to try things on, with a structure that is known; without a name, list them.
    Example {
        /// Name of the file.
        name: Option<String>,
    },
    /// Tell how to get one, and whether it is there. Nothing is downloaded unless you ask for it.
    Get {
        /// Name of the data set.
        name: String,
        /// Fetch the file into the folder, and keep it only if its checksum is the catalogue's.
        #[arg(long)]
        download: bool,
        /// Fetch it from here instead of from where the catalogue says.
        #[arg(long, value_name = "URL", requires = "download")]
        from: Option<String>,
        /// Folder of the named data sets [default: the environment variable THALWEG_DATA].
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Cut a sparse or observed-only matrix into blocks of rows on disk, to fit it with less memory than it takes (`fit --stream`).
    ///
    /// A text that lists its entries is read line by line, in whatever order they stand: --max-memory bounds what is taken.
    Shard {
        /// File, folder, archive, or data:NAME.
        input: PathBuf,
        /// How to read it.
        #[command(flatten)]
        read: Box<ReadArgs>,
    },
    /// Read those in a folder, and compare checksum, shape and number of entries with the catalogue.
    Check {
        /// Folder of the named data sets [default: the environment variable THALWEG_DATA].
        dir: Option<PathBuf>,
        /// Only this one; may be given again.
        #[arg(long, value_name = "NAME")]
        name: Vec<String>,
    },
}

/// What `data list --json` prints.
#[derive(Debug, Serialize)]
struct ListDocument {
    schema: u32,
    command: &'static str,
    entries: &'static [Entry],
}

/// What `data example --json` prints.
#[derive(Debug, Serialize)]
struct ExamplesDocument {
    schema: u32,
    command: &'static str,
    examples: Vec<ExampleRow>,
}

/// One of the example files.
#[derive(Debug, Serialize)]
struct ExampleRow {
    name: &'static str,
    file: &'static str,
    about: &'static str,
    next: &'static str,
}

/// What `data example NAME --json` prints.
#[derive(Debug, Serialize)]
struct WrittenDocument {
    schema: u32,
    command: &'static str,
    file: PathBuf,
}

/// What `data shard --json` prints.
#[derive(Debug, Serialize)]
struct ShardDocument<'a> {
    schema: u32,
    command: &'static str,
    folder: &'a Path,
    shape: (usize, usize),
    kind: ShardKind,
    stored: u64,
    blocks: usize,
    notes: &'a [String],
    /// Bytes of the process at its largest, where the system tells it.
    peak_memory: Option<u64>,
}

/// What `data check --json` and `data get --json` print.
#[derive(Debug, Serialize)]
struct CheckDocument {
    schema: u32,
    command: &'static str,
    checked: Vec<Checked>,
}

/// One data set.
#[derive(Debug, Serialize)]
struct Checked {
    name: &'static str,
    path: PathBuf,
    state: State,
    /// What is wrong with it.
    why: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Whole,
    Absent,
    Wrong,
}

impl Checked {
    fn new(entry: &'static Entry, folder: &Path, common: &Common) -> Self {
        let path = entry.path(folder);
        let (state, why) = match path.exists().then(|| entry.open(folder, common.max_memory)) {
            None => (State::Absent, None),
            Some(Ok(_)) => (State::Whole, None),
            Some(Err(error)) => (State::Wrong, Some(error.to_string())),
        };
        Checked { name: &entry.name, path, state, why }
    }

    fn in_words(&self) -> String {
        match (&self.state, &self.why) {
            (State::Whole, _) => format!("{:<22} whole", self.name),
            (State::Absent, _) => format!("{:<22} absent: {}", self.name, self.path.display()),
            (State::Wrong, why) => format!("{:<22} wrong: {}", self.name, why.as_deref().unwrap_or_default()),
        }
    }
}

pub fn run(args: &DataArgs, common: &Common) -> Result<u8, Failure> {
    match &args.action {
        DataAction::List => list(common),
        DataAction::Example { name: None } => list_examples(common),
        DataAction::Example { name: Some(name) } => write_example(ExampleFile::named(name)?, common),
        DataAction::Get { name, download, from, data_dir } => {
            let (entry, folder) = (named(name)?, data_folder(data_dir.as_deref())?);
            if *download {
                fetch(entry, from.as_deref(), &folder, common)?;
            }
            get(entry, &folder, common)
        }
        DataAction::Shard { input, read } => cut(input, read, common),
        DataAction::Check { dir, name } => check(&data_folder(dir.as_deref())?, name, common),
    }
}

fn list(common: &Common) -> Result<u8, Failure> {
    if common.json {
        print_json(&ListDocument { schema: 1, command: "data list", entries: catalogue() })?;
        return Ok(DONE);
    }
    let line = |e: &Entry| format!("{:<22} {:>6} x {:<6} {:>9} observed  {}", e.name, e.shape.0, e.shape.1, e.observed, e.about);
    print_text(&(catalogue().iter().map(line).collect::<Vec<_>>().join("\n") + "\n"))?;
    Ok(DONE)
}

fn list_examples(common: &Common) -> Result<u8, Failure> {
    if common.json {
        let examples = EXAMPLE_FILES.iter().map(|e| ExampleRow { name: e.name, file: e.file, about: e.about, next: e.next }).collect();
        print_json(&ExamplesDocument { schema: 1, command: "data example", examples })?;
    } else {
        print_text(&EXAMPLE_FILES.iter().map(|e| format!("{:<10} {:<14} {}\n", e.name, e.file, e.about)).collect::<String>())?;
    }
    Ok(DONE)
}

fn write_example(example: &ExampleFile, common: &Common) -> Result<u8, Failure> {
    let path = common.output.clone().unwrap_or_else(|| example.file.into());
    if path.exists() {
        return Err(Failure::Usage(format!("{} is there already; -o FILE names another", path.display())));
    }
    example.write(&path).map_err(Failure::Output)?;
    if common.json {
        print_json(&WrittenDocument { schema: 1, command: "data example", file: path })?;
    } else {
        print_text(&format!("{}: {}\nnext      {}\n", path.display(), example.about, example.next))?;
    }
    Ok(DONE)
}

/// Downloads the file of a data set, unless it is there.
fn fetch(entry: &'static Entry, from: Option<&str>, folder: &Path, common: &Common) -> Result<(), Failure> {
    let path = entry.path(folder);
    let Some(url) = from.or(entry.url.as_deref()) else {
        return Err(Failure::Usage(format!("{} is not to be fetched by a program ({}): {}", entry.name, entry.terms, entry.get)));
    };
    if path.exists() {
        return Ok(());
    }
    common.say(format_args!("{url}"));
    download(url, &path, &entry.sha256).map_err(|error| Failure::about(Path::new(url), error))
}

fn get(entry: &'static Entry, folder: &Path, common: &Common) -> Result<u8, Failure> {
    let checked = Checked::new(entry, folder, common);
    let code = if checked.state == State::Whole { DONE } else { NO_INPUT };
    if common.json {
        print_json(&CheckDocument { schema: 1, command: "data get", checked: vec![checked] })?;
        return Ok(code);
    }
    let mut lines = vec![
        format!("{}: {}", entry.name, entry.about),
        format!("origin    {}", entry.origin),
        format!("terms     {}", entry.terms),
        format!("cite      {}", entry.citation),
        format!("get       {}", entry.get),
        format!("file      {}", checked.path.display()),
        format!("sha256    {}", entry.sha256),
    ];
    if !entry.differs.is_empty() {
        lines.push(format!("differs   {}", entry.differs));
    }
    lines.push(match checked.state {
        State::Whole => format!("It is there, whole: thalweg fit data:{} --data-dir {} -k RANK", entry.name, folder.display()),
        _ if entry.url.is_some() => {
            format!("{}\nnext      thalweg data get {} --data-dir {} --download", checked.in_words(), entry.name, folder.display())
        }
        _ => checked.in_words(),
    });
    print_text(&(lines.join("\n") + "\n"))?;
    Ok(code)
}

fn cut(input: &Path, args: &ReadArgs, common: &Common) -> Result<u8, Failure> {
    let asked = Asked::of(input, args, common)?;
    let folder = common.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.shards", stem(input))));
    let shards = shard(&asked.path, &folder, &asked.options).map_err(|error| match error {
        Error::Io { path, source } if source.kind() == io::ErrorKind::AlreadyExists => {
            Failure::Usage(format!("{}: {source}; -o DIR names another folder", path.display()))
        }
        Error::Io { path, source } if path.starts_with(&folder) => Failure::Output(Error::Io { path, source }),
        error => Failure::about(&asked.path, error),
    })?;
    let (shape, origin) = (shards.shape(), shards.origin());
    origin.notes.iter().for_each(|note| common.say(format_args!("note: {note}")));
    asked.compare(&origin.sha256, common);
    let (kind, stored, blocks) = (shards.kind(), shards.stored(), shards.blocks());
    if common.json {
        let (folder, notes, peak_memory) = (&folder, &origin.notes[..], peak());
        print_json(&ShardDocument { schema: 1, command: "data shard", folder, shape, kind, stored, blocks, notes, peak_memory })?;
    } else {
        let dir = folder.display();
        print_text(&format!(
            "{dir}: {} x {}, {stored} entries in blocks of rows: {blocks}\nnext      thalweg fit {dir} --stream -k RANK\n",
            shape.0, shape.1
        ))?;
    }
    Ok(DONE)
}

fn check(folder: &Path, names: &[String], common: &Common) -> Result<u8, Failure> {
    let asked: Vec<&'static Entry> = match names {
        [] => catalogue().iter().collect(),
        names => names.iter().map(|name| named(name)).collect::<Result<_, _>>()?,
    };
    let checked: Vec<Checked> = asked.into_iter().map(|entry| Checked::new(entry, folder, common)).collect();
    let has = |state: State| checked.iter().any(|c| c.state == state);
    let code = match () {
        () if has(State::Wrong) => BAD_INPUT,
        // of all that there are some may be absent, those asked for by name may not
        () if !has(State::Whole) || !names.is_empty() && has(State::Absent) => NO_INPUT,
        () => DONE,
    };
    if common.json {
        print_json(&CheckDocument { schema: 1, command: "data check", checked })?;
    } else {
        print_text(&(checked.iter().map(Checked::in_words).collect::<Vec<_>>().join("\n") + "\n"))?;
    }
    Ok(code)
}
